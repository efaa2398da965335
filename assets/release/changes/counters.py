"""The counters of a release seen as one frame, whatever table they are published in: what the diff reasons on.

Columns are renamed, nothing is judged. An edition whose contracts lacked a column has it empty.
"""

from collections.abc import Mapping

import polars as pl

#: The tables of counters.
TABLES = ("referentiel__implantations", "referentiel__permanences", "referentiel__itinerances")
#: The one whose counters are in the premises of another.
HOSTED = "referentiel__permanences"

SCHEMA = pl.Schema(
    {
        "point_accueil_id": pl.String(),
        "service_id": pl.String(),
        "lieu_id": pl.String(),
        "type_structure": pl.String(),
        "typologie": pl.String(),  # its published label
        "nom": pl.String(),
        "horaires": pl.String(),
        "heures": pl.Float64(),  # by week
        "commune": pl.String(),
        "departement": pl.String(),
        "longitude": pl.Float64(),
        "latitude": pl.Float64(),
        "adresse": pl.String(),
        "sources": pl.String(),
    }
)
_NAMES = {
    "typologie": "service_typologie",
    "nom": "service_nom",
    "horaires": "service_horaires_ouverture",
    "heures": "service_nb_heures_hebdo",
    "commune": "lieu_code_insee",
    "departement": "lieu_code_departement",
    "longitude": "lieu_longitude",
    "latitude": "lieu_latitude",
    "adresse": "lieu_adresse",
}
#: The columns of a permanence are those of its host, except these.
_OWN = {
    "typologie": "permanence_typologie",
    "nom": "permanence_nom",
    "horaires": "permanence_horaires",
    "heures": "permanence_nb_heures_hebdo",
}


def counters(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The counters of the tables that are there, in `SCHEMA`, sorted by `point_accueil_id`.

    Args:
        tables: frame by table name; others than `TABLES` are ignored.
    """
    frames = [_one(tables[name], hosted=name == HOSTED) for name in TABLES if name in tables]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *frames]).sort("point_accueil_id")


def _one(frame: pl.DataFrame, *, hosted: bool) -> pl.DataFrame:
    names = {**_NAMES, **(_OWN if hosted else {})}
    columns = []
    for name, kind in SCHEMA.items():
        column = names.get(name, name)
        known = column in frame.columns
        columns.append((pl.col(column) if known else pl.lit(None)).cast(kind).alias(name))
    return frame.select(columns)
