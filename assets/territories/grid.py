"""Inhabited cells placed in today's communes, and the count of their people held against the communes' populations.

A cell belongs whole to the commune where its centre is. Reading the grid belongs to its source; what is reached from a
cell, to `assets.access`.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.foundations import crs
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.issues import IssueLog
from quality.contract import all_contracts

CELLS = "territories__carreaux"
CONTROL = "territories__carreaux_controle"
#: Source of the cells of each size, in metres.
SOURCES: Mapping[int, str] = {200: "carreaux_200m", 1000: "carreaux_1km"}

_FILE = Path(__file__).with_name("carreaux.yml")
_CHUNK = 100_000  # squares made at a time
_METRES_PER_DEGREE = 60_000  # less than a degree of longitude anywhere in France: a margin in degrees is never short
#: A commune the file names for a cell is not farther than that from its centre, outlines being what they are (islets,
#: harbours); farther, the code is wrong.
_NAMED_WITHIN_M = 2_000
_ROUNDED = 7  # decimals of a degree: a centimetre

#: How the commune of a cell was found, best first.
AT_CENTRE, OF_SOURCE, NEAREST = "centre", "communes du fichier", "commune la plus proche"
#: What the control says of a commune.
COMPARED, EMPTY, UNKNOWN, UNCOVERED = (
    "comparée",
    "commune sans carreau",
    "population légale inconnue",
    "département sans carreaux",
)

Objects = npt.NDArray[np.object_]


class Settings(BaseModel):
    """`carreaux.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tailles_m: tuple[Literal[200, 1000], ...] = Field(min_length=1)
    calage: Literal["aucun", "population_communale"]


def load_settings(path: Path = _FILE) -> Settings:
    """Read and check the settings.

    Raises:
        WrongUse: not YAML, or not of this shape.
    """
    try:
        return Settings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongUse(str(path), expected="settings of the grid", found=str(error), remedy="fix the file") from error


def territory_cells(
    grid: pl.DataFrame, communes: pl.DataFrame, passage: pl.DataFrame, settings: Settings, issues: IssueLog
) -> dict[str, pl.DataFrame]:
    """The tables `CELLS` and `CONTROL`, in the columns of their contracts.

    Args:
        grid: the `carreaux` table of a grid source.
        communes: `code, departement, epci, population, geometrie`, sorted by code.
        passage: `code_ancien, code`: the grid names communes of its own vintage.

    A cell without a commune is set aside and becomes an issue.
    """
    placed = locate(grid, communes, passage)
    issues.add_rows(
        placed.filter(pl.col("commune").is_null()),
        record="carreau_id",
        column="ind",
        rule="carreau-hors-communes",
        reason="Carreau dont le centre n’est dans aucune commune, ni à moins d’un carreau d’une commune : mis de côté.",
        severity="erreur",
    )
    cells = calibrate(placed.filter(pl.col("commune").is_not_null()), communes)
    population = "ind" if settings.calage == "aucun" else "ind_cale"
    around = communes.select(pl.col("code").alias("commune"), "departement", "epci")
    shown = (
        cells.join(around, on="commune", how="left", maintain_order="left")
        .with_columns(pl.col(population).alias("population"), pl.col("taille_m").cast(pl.Int64), squares(cells))
        .drop("epsg", "x", "y", "communes_source")
        .sort("carreau_id")
    )
    return {
        CELLS: all_contracts()[CELLS].conform(shown),
        CONTROL: all_contracts()[CONTROL].conform(control(cells, communes)),
    }


def no_cells() -> dict[str, pl.DataFrame]:
    """Both tables, empty: no grid is held."""
    return {name: pl.DataFrame(schema=all_contracts()[name].polars_schema) for name in (CELLS, CONTROL)}


# --- commune of a cell ---------------------------------------------------------------------------------------------


def locate(grid: pl.DataFrame, communes: pl.DataFrame, passage: pl.DataFrame) -> pl.DataFrame:
    """The grid with `commune` and `rattachement` (how it was found), both null where no commune is near enough.

    In order: the outline that holds the centre (the first code where two touch it); the nearest of the communes the
    file names, within two kilometres; the nearest outline within the size of a cell. The last two are for centres in
    the sea, or beyond a simplified border.
    """
    outlined = communes.filter(pl.col("geometrie").is_not_null()).sort("code")
    codes = outlined["code"]
    outlines: Objects = shapely.from_wkb(outlined["geometrie"].to_numpy())
    points: Objects = shapely.points(grid["longitude"].to_numpy(), grid["latitude"].to_numpy())
    # The tree is on the points: it is the outlines, few and large, that GEOS then prepares.
    holder, held = shapely.STRtree(points).query(outlines, predicate="intersects")
    first = pl.DataFrame({"_row": held, "_outline": holder}).group_by("_row").agg(pl.col("_outline").min())
    numbered = grid.with_row_index("_row").with_columns(pl.col("_row").cast(pl.Int64))
    at_centre = first.select(
        pl.col("_row").cast(pl.Int64),
        codes.gather(first["_outline"]).alias("commune"),
        pl.lit(AT_CENTRE).alias("rattachement"),
    )
    outside = numbered.join(at_centre, on="_row", how="anti")
    beside = _beside(outside, codes, outlines, passage)
    return numbered.join(pl.concat([at_centre, beside]), on="_row", how="left", maintain_order="left").drop("_row")


def _beside(cells: pl.DataFrame, codes: pl.Series, outlines: Objects, passage: pl.DataFrame) -> pl.DataFrame:
    """`_row, commune, rattachement` of cells whose centre is in no outline; those without any are left out."""
    ranks = pl.DataFrame({"commune": codes, "_outline": np.arange(len(codes), dtype=np.int64)})
    heirs = passage.filter(pl.col("code").is_not_null()).select(pl.col("code_ancien").alias("commune"), "code")
    named = (
        cells.select("_row", pl.col("communes_source").alias("commune"))
        .explode("commune")
        .join(heirs, on="commune", how="left")
        .with_columns(pl.coalesce("code", "commune").alias("commune"))
        .join(ranks, on="commune", how="inner")
        .select("_row", "_outline", pl.lit(OF_SOURCE).alias("rattachement"))
    )
    margin = cells["taille_m"].to_numpy() / _METRES_PER_DEGREE
    longitude, latitude = cells["longitude"].to_numpy(), cells["latitude"].to_numpy()
    boxes = shapely.box(longitude - margin, latitude - margin, longitude + margin, latitude + margin)
    row, near = shapely.STRtree(outlines).query(boxes, predicate="intersects")
    around = pl.DataFrame({"_row": cells["_row"].gather(row), "_outline": near}).with_columns(
        pl.col("_outline").cast(pl.Int64), pl.lit(NEAREST).alias("rattachement")
    )
    pairs = pl.concat([named, around]).join(cells.select("_row", "epsg", "x", "y", "taille_m"), on="_row", how="inner")
    measured = pairs.with_columns(_distances(pairs, outlines))
    named_first = pl.col("rattachement") == OF_SOURCE
    return (
        measured.filter(pl.col("_distance") <= pl.when(named_first).then(_NAMED_WITHIN_M).otherwise("taille_m"))
        .sort("_row", ~named_first, "_distance", "_outline")
        .unique("_row", keep="first", maintain_order=True)
        .join(ranks, on="_outline", how="left")
        .select("_row", "commune", "rattachement")
    )


def _distances(pairs: pl.DataFrame, outlines: Objects) -> pl.Series:
    """Metres from the centre of each pair's cell to its outline, in the cell's own grid."""
    distances = np.full(pairs.height, np.nan)
    half = pairs["taille_m"].to_numpy() / 2
    centres: Objects = shapely.points(pairs["x"].to_numpy() + half, pairs["y"].to_numpy() + half)
    systems, chosen = pairs["epsg"].to_numpy(), pairs["_outline"].to_numpy()
    for epsg in np.unique(systems).tolist():
        rows = np.flatnonzero(systems == epsg)
        needed, position = np.unique(chosen[rows], return_inverse=True)
        projected: Objects = shapely.transform(outlines[needed], partial(_project, epsg=epsg))
        distances[rows] = shapely.distance(centres[rows], projected[position])
    return pl.Series("_distance", distances)


def _project(coordinates: crs.Floats, epsg: int) -> crs.Floats:
    return np.column_stack(crs.project(coordinates[:, 0], coordinates[:, 1], epsg))


# --- population ----------------------------------------------------------------------------------------------------


def calibrate(cells: pl.DataFrame, communes: pl.DataFrame) -> pl.DataFrame:
    """Add `ind_cale`: `ind` scaled so that a commune's cells add up to its population.

    Null where the population of the commune is unknown, or nobody lives in its cells: nothing says how to share it out.
    """
    known = communes.select(pl.col("code").alias("commune"), pl.col("population").alias("_legal"))
    counted = pl.col("ind").sum().over("commune")
    ratio = pl.when(counted > 0).then(pl.col("_legal") / counted)
    return (
        cells.join(known, on="commune", how="left", maintain_order="left")
        .with_columns((pl.col("ind") * ratio).alias("ind_cale"))
        .drop("_legal")
    )


def control(cells: pl.DataFrame, communes: pl.DataFrame) -> pl.DataFrame:
    """One row per commune: people of its cells against its population, both as published; sorted by code.

    `rapport` is cells over population, null where the population is null or zero. A département without any cell is one
    the grid does not cover, not one of empty communes.
    """
    sums = cells.group_by("commune").agg(
        # Unknown as soon as no cell is known, rather than zero.
        pl.when(pl.col("ind").is_not_null().any()).then(pl.col("ind").sum()).alias("population_carreaux"),
        pl.len().cast(pl.Int64).alias("carreaux"),
        pl.col("impute").sum().cast(pl.Int64).alias("carreaux_imputes"),
        pl.col("ind").is_null().sum().cast(pl.Int64).alias("carreaux_inconnus"),
    )
    covered = communes.join(sums, left_on="code", right_on="commune", how="semi")["departement"].unique()
    legal = pl.col("population_legale")
    return (
        communes.select(
            pl.col("code").alias("commune"), "nom", "departement", pl.col("population").alias("population_legale")
        )
        .join(sums, on="commune", how="left")
        .with_columns(pl.col("carreaux", "carreaux_imputes", "carreaux_inconnus").fill_null(0))
        .with_columns(
            (pl.col("population_carreaux") - legal).alias("ecart"),
            pl.when(legal > 0).then(pl.col("population_carreaux") / legal).alias("rapport"),
            pl.when(~pl.col("departement").is_in(covered.implode()))
            .then(pl.lit(UNCOVERED))
            .when(pl.col("carreaux") == 0)
            .then(pl.lit(EMPTY))
            .when(legal.is_null())
            .then(pl.lit(UNKNOWN))
            .otherwise(pl.lit(COMPARED))
            .alias("statut"),
        )
        .sort("commune")
    )


# --- geometry ------------------------------------------------------------------------------------------------------


def squares(grid: pl.DataFrame) -> pl.Series:
    """The cells (`epsg, x, y, taille_m`) as WKB MultiPolygons `geometrie`: squares of their grid, in WGS84 degrees."""
    parts: list[bytes | None] = []
    steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
    for start in range(0, grid.height, _CHUNK):
        chunk = grid.slice(start, _CHUNK)
        size = chunk["taille_m"].to_numpy()[:, None]
        x = chunk["x"].to_numpy()[:, None] + steps[:, 0] * size
        y = chunk["y"].to_numpy()[:, None] + steps[:, 1] * size
        corners = np.empty((chunk.height, len(steps), 2))
        systems = chunk["epsg"].to_numpy()
        for epsg in np.unique(systems).tolist():
            rows = systems == epsg
            longitude, latitude = crs.unproject(x[rows].ravel().astype(float), y[rows].ravel().astype(float), epsg)
            corners[rows] = np.column_stack([longitude, latitude]).reshape(-1, len(steps), 2).round(_ROUNDED)
        polygons = shapely.multipolygons(shapely.polygons(corners), indices=np.arange(chunk.height))
        parts += shapely.to_wkb(polygons).tolist()
    return pl.Series("geometrie", parts, dtype=pl.Binary)
