"""Isochrones by typology, département by département, with the people they cover, counted from origins."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from assets.access.network.isochrones import Grid, isochrones_to, polygons_of
from assets.access.network.snap import Places
from assets.access.places import Territory
from assets.access.settings import Areas
from assets.access.times import Times, rows_by_typology
from pipeline.foundations.crs import project, unproject

AREA_SCHEMA = pl.Schema(
    {
        "code_departement": pl.String(),
        "typologie": pl.String(),
        "seuil_min": pl.Int64(),
        "population": pl.Float64(),
        "population_couverte": pl.Float64(),
        "population_couverte_pct": pl.Float64(),
        "geometrie": pl.Binary(),
    }
)

Ints = npt.NDArray[np.int64]


def area_table(
    territory: Territory,
    times: Times,
    typologies: Sequence[str],
    settings: Areas,
    departements: Sequence[str],
    communes: pl.DataFrame,
) -> pl.DataFrame:
    """Rows of `access__isochrones` for some départements of a territory; none where it has no roads.

    Counters of the whole territory count: the border is where areas are cut, not where travel stops.

    Args:
        times: of every origin of the territory, in the order of `typologies`.
        communes: `departement, geometrie` (WKB, degrees): the outline of a département is that of its communes.
    """
    if territory.graph is None or territory.attacher is None or territory.epsg is None:
        return pl.DataFrame(schema=AREA_SCHEMA)
    epsg = territory.epsg
    chosen = [t for t in settings.typologies if t in typologies]
    rows = dict(zip(typologies, rows_by_typology(territory, typologies), strict=True))
    parts = [pl.DataFrame(schema=AREA_SCHEMA)]
    for departement in departements:
        outline = _outline(communes.filter(pl.col("departement") == departement), epsg)
        if outline is None:
            continue
        grid = Grid.over(territory.attacher, shapely.bounds(outline).tolist(), settings.pas_m)
        inside = np.flatnonzero((territory.origins["code_departement"] == departement).to_numpy())
        for typology in chosen:
            counters: Places = territory.counters_at(rows[typology])
            areas = isochrones_to(
                territory.graph, counters, grid, settings.seuils_min, tolerance_m=settings.tolerance_m
            )
            clipped = [in_degrees(a, epsg) for a in shapely.intersection(np.array(areas, dtype=object), outline)]
            seconds = times.seconds[typologies.index(typology), inside]
            parts.append(_rows(territory, departement, typology, settings, clipped, seconds, inside))
    return pl.concat(parts)


def _rows(
    territory: Territory,
    departement: str,
    typology: str,
    settings: Areas,
    areas: Sequence[shapely.MultiPolygon],
    seconds: npt.NDArray[np.int32],
    inside: Ints,
) -> pl.DataFrame:
    people = territory.origins["population"].gather(inside).fill_null(0.0).to_numpy()
    total = float(people.sum())
    covered = [float(people[(seconds >= 0) & (seconds <= 60 * m)].sum()) for m in settings.seuils_min]
    return pl.DataFrame(
        {
            "code_departement": [departement] * len(covered),
            "typologie": [typology] * len(covered),
            "seuil_min": list(settings.seuils_min),
            "population": [total or None] * len(covered),
            "population_couverte": [c if total else None for c in covered],
            "population_couverte_pct": [round(100 * c / total, 2) if total else None for c in covered],
            "geometrie": [shapely.to_wkb(area) for area in areas],
        },
        schema=AREA_SCHEMA,
    )


def _outline(communes: pl.DataFrame, epsg: int) -> shapely.Geometry | None:
    shapes = shapely.from_wkb(communes["geometrie"].drop_nulls().to_numpy())
    if not len(shapes):
        return None
    whole = shapely.coverage_union_all(shapes)
    if not shapely.is_valid(whole):  # outlines that overlap a little are not a coverage
        whole = shapely.union_all(shapely.make_valid(shapes))
    return shapely.make_valid(shapely.transform(whole, lambda xy: np.column_stack(project(xy[:, 0], xy[:, 1], epsg))))


def in_degrees(area: shapely.Geometry, epsg: int) -> shapely.MultiPolygon:
    """The polygons of an area in metres, in WGS84 degrees to the centimetre; valid."""
    turned = shapely.transform(
        polygons_of(area), lambda xy: np.column_stack(unproject(xy[:, 0], xy[:, 1], epsg)).round(7)
    )
    return polygons_of(shapely.make_valid(turned))
