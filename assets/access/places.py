"""Who leaves and where they go: origins (inhabited cells, else communes) and counters, each attached to its territory.

A territory is the part of the country measured in one projected system; it has a road graph or none. Travel times are
the business of `times`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.access.network.graph import RoadGraph
from assets.access.network.profile import Profiles
from assets.access.network.snap import Attacher, Places
from assets.access.straight_line import origins as commune_origins
from pipeline.foundations.crs import epsg_expr, project
from pipeline.foundations.issues import IssueLog

Floats = npt.NDArray[np.float64]

#: One row per place people leave from. `population` is null where nobody counted it.
ORIGIN_SCHEMA = pl.Schema(
    {
        "origine_id": pl.String(),
        "type_origine": pl.String(),
        "code_insee": pl.String(),
        "code_departement": pl.String(),
        "population": pl.Float64(),
        "longitude": pl.Float64(),
        "latitude": pl.Float64(),
    }
)
#: One row per counter of any kind, in one vocabulary.
COUNTER_SCHEMA = pl.Schema(
    {
        "point_accueil_id": pl.String(),
        "service_id": pl.String(),
        "type_structure": pl.String(),
        "typologie": pl.String(),
        "code_insee": pl.String(),
        "code_departement": pl.String(),
        "longitude": pl.Float64(),
        "latitude": pl.Float64(),
        "horaires": pl.String(),
    }
)
HELD_ALL_WEEK = "Implantation"


@dataclass(frozen=True)
class Territory:
    """Origins and counters of one projected system, with their positions (metres) and their places on its graph.

    `graph`, `homes` and `doors` are None together: no road file covers that territory. `epsg` is None, and positions
    are unknown, where no system measures it (the far collectivities). `door` (c,) is the row of `doors` where each
    counter is: counters at one position share a door.
    """

    epsg: int | None
    origins: pl.DataFrame
    counters: pl.DataFrame
    origin_xy: Floats
    counter_xy: Floats
    door: npt.NDArray[np.int32]
    graph: RoadGraph | None
    attacher: Attacher | None
    homes: Places | None
    doors: Places | None

    def counters_at(self, rows: npt.NDArray[np.integer]) -> Places:
        """The places of those counters.

        Raises:
            ValueError: the territory has no graph.
        """
        if self.doors is None:
            raise ValueError("a territory without roads has no places")
        return self.doors.take(self.door[rows])


def origins(cells: pl.DataFrame, communes: pl.DataFrame, counters: pl.DataFrame) -> pl.DataFrame:
    """Where people leave from, in `ORIGIN_SCHEMA`: cells; for a commune without any, its mairie.

    Args:
        cells: `territories__carreaux`, maybe empty.
        communes: `code, departement, population, longitude, latitude`.
        counters: `referentiel__implantations`: it says where mairies are.
    """
    from_cells = cells.select(
        pl.col("carreau_id").alias("origine_id"),
        pl.format("carreau de {} m", "taille_m").alias("type_origine"),
        pl.col("commune").alias("code_insee"),
        pl.col("departement").alias("code_departement"),
        "population",
        "longitude",
        "latitude",
    )
    without = communes.filter(~pl.col("code").is_in(from_cells["code_insee"].unique().implode()))
    population = communes.select(pl.col("code").alias("code_insee"), pl.col("population").cast(pl.Float64))
    from_communes = (
        commune_origins(without, counters)
        .join(population, on="code_insee", how="left", maintain_order="left")
        .select(
            pl.col("code_insee").alias("origine_id"),
            pl.lit("commune").alias("type_origine"),
            "code_insee",
            "code_departement",
            "population",
            "longitude",
            "latitude",
        )
    )
    return pl.concat([from_cells, from_communes]).select(ORIGIN_SCHEMA.names()).sort("code_departement", "origine_id")


def counters(implantations: pl.DataFrame, permanences: pl.DataFrame, itinerances: pl.DataFrame) -> pl.DataFrame:
    """Every counter in `COUNTER_SCHEMA`, sorted by `point_accueil_id`."""

    def columns(frame: pl.DataFrame, prefix: str, hours: str) -> pl.DataFrame:
        return frame.select(
            "point_accueil_id",
            "service_id",
            "type_structure",
            pl.col(f"{prefix}_typologie").alias("typologie"),
            pl.col("lieu_code_insee").alias("code_insee"),
            pl.col("lieu_code_departement").alias("code_departement"),
            pl.col("lieu_longitude").alias("longitude"),
            pl.col("lieu_latitude").alias("latitude"),
            pl.col(hours).alias("horaires"),
        )

    frames = [
        columns(implantations, "service", "service_horaires_ouverture"),
        columns(permanences, "permanence", "permanence_horaires"),
        columns(itinerances, "service", "service_horaires_ouverture"),
    ]
    return pl.concat(frames).cast(COUNTER_SCHEMA).sort("point_accueil_id")


def territories(
    origins: pl.DataFrame,
    counters: pl.DataFrame,
    graphs: Mapping[int, RoadGraph],
    rules: Profiles,
    issues: IssueLog | None = None,
) -> list[Territory]:
    """Share origins and counters out between projected systems, and attach them to the graph of each.

    What has no position, or no road near enough, stays: its times will be null, and say why. Counters too far from a
    road are logged.

    Args:
        origins: `ORIGIN_SCHEMA`. counters: `COUNTER_SCHEMA`.
        graphs: road graph by EPSG code.
    """
    origins = origins.with_columns(epsg_expr(pl.col("code_departement")).alias("_epsg"))
    counters = counters.with_columns(epsg_expr(pl.col("code_departement")).alias("_epsg"))
    found = []
    for epsg in origins["_epsg"].unique().sort(nulls_last=True).to_list():
        here = origins.filter(pl.col("_epsg").eq_missing(epsg)).drop("_epsg")
        known = counters.filter(pl.col("_epsg").eq_missing(epsg)).drop("_epsg")
        graph = graphs.get(epsg) if epsg is not None else None
        attacher = Attacher(graph, rules.access(graph.meta["profil"])) if graph is not None else None
        origin_xy, counter_xy = metres(here, epsg), metres(known, epsg)
        spots, door = np.unique(np.rint(np.nan_to_num(counter_xy, nan=-1.0) * 100), axis=0, return_inverse=True)
        spot_xy = np.where(spots < 0, np.nan, spots / 100)
        territory = Territory(
            epsg=epsg,
            origins=here,
            counters=known,
            origin_xy=origin_xy,
            counter_xy=counter_xy,
            door=door.astype(np.int32).reshape(-1),
            graph=graph,
            attacher=attacher,
            homes=attacher.attach(origin_xy[:, 0], origin_xy[:, 1]) if attacher else None,
            doors=attacher.attach(spot_xy[:, 0], spot_xy[:, 1]) if attacher else None,
        )
        if issues is not None:
            _log(territory, rules, issues)
        found.append(territory)
    return found


def door_metres(frame: pl.DataFrame, epsg: int | None) -> Floats:
    """`metres`, to the centimetre: where `territories` puts the doors of counters."""
    return np.asarray(np.rint(metres(frame, epsg) * 100) / 100)


def metres(frame: pl.DataFrame, epsg: int | None) -> Floats:
    """(n, 2) positions of `longitude, latitude` in a projected system; NaN where unknown or out of it."""
    degrees = frame.select(pl.col("longitude", "latitude").fill_null(float("nan"))).to_numpy()
    xy = np.column_stack(project(degrees[:, 0], degrees[:, 1], epsg))
    return np.where(np.isfinite(xy), xy, np.nan)


def _log(territory: Territory, rules: Profiles, issues: IssueLog) -> None:
    if territory.doors is None:
        return
    places = territory.doors.take(territory.door)
    far = ~places.on_road & np.isfinite(territory.counter_xy[:, 0])
    # Beyond what is searched the distance is unknown, not -1.
    off = places.off_road[far].astype(np.int64)
    metres = pl.Series("distance_route_m", off // 100).set(pl.Series(off < 0), None).cast(pl.String)
    rows = territory.counters.filter(pl.Series(far)).with_columns(metres)
    issues.add_rows(
        rows,
        record="point_accueil_id",
        column="distance_route_m",
        rule="guichet-hors-reseau",
        reason="Point d’accueil à plus de "
        f"{rules.rattachement.maximum_m:g} m d’une route où s’arrêter : aucun temps par la route ne mène à lui.",
    )
