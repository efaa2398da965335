"""What a counter says now, in the canonical texts that a workbook shows and a correction is compared with."""

from collections.abc import Mapping

import polars as pl

from sources.remontees_terrain import layout
from sources.remontees_terrain.layout import canonical

ID = "point_accueil_id"
#: Official column of each correctable text field.
COLUMNS: Mapping[str, str] = {
    "nom": "service_nom",
    "horaires": "service_horaires_ouverture",
    "adresse": "lieu_adresse",
    "telephone": "telephone",
    "site_web": "site_web",
    "modalite": "service_modalite_d_accueil",
    "type_structure": "type_structure",
}
_PERMANENCE = {
    "permanence_nom": "service_nom",
    "permanence_typologie": "service_typologie",
    "permanence_horaires": "service_horaires_ouverture",
    "permanence_modalite_d_accueil": "service_modalite_d_accueil",
    "permanence_siret": "service_siret",
}
#: Columns of a counter that the workbook, the score and the worklist draw from, where the tables have them.
_GATHERED = (
    ID,
    "type_structure",
    "service_nom",
    "service_typologie",
    "service_horaires_ouverture",
    "service_modalite_d_accueil",
    "service_siret",
    "lieu_code_insee",
    "lieu_code_departement",
    "lieu_longitude",
    "lieu_latitude",
    "lieu_adresse",
    "position_methode",
    "date_maj",
    "sources",
    "horaires_texte",
    "horaires_qualite",
    "telephone",
    "site_web",
)


def gather(implantations: pl.DataFrame, permanences: pl.DataFrame, itinerances: pl.DataFrame) -> pl.DataFrame:
    """The three published tables as one, a row per point d'accueil, sorted by its id.

    A permanence gives its own name and hours under the names of a service's; `service_id` is the service's own id, or
    the host's for a permanence (null when unknown).
    """
    hosted = permanences.drop(set(_PERMANENCE.values()) & set(permanences.columns)).rename(_PERMANENCE)
    frames = (implantations, hosted, itinerances)
    return pl.concat([frame.select(*_GATHERED, "service_id") for frame in frames]).sort(ID)


def current_values(counters: pl.DataFrame) -> pl.DataFrame:
    """`point_accueil_id`, the canonical text of every correctable field, `position`, and the row's `empreinte`.

    Args:
        counters: `point_accueil_id`, the columns of `COLUMNS`, `lieu_longitude, lieu_latitude`. A counter of
            unknown type is published as an implantation, and counts as one.
    """
    texts = [
        pl.col(column)
        .fill_null("Implantation" if champ == "type_structure" else pl.lit(None, dtype=pl.String))
        .alias(champ)
        for champ, column in COLUMNS.items()
    ]
    frame = counters.select(ID, *texts, "lieu_longitude", "lieu_latitude")
    canonicals = [pl.col(c).map_elements(canonical, return_dtype=pl.String) for c in COLUMNS]
    degrees = [
        pl.col(f"lieu_{c}").map_elements(layout.degrees, return_dtype=pl.String).alias(c)
        for c in ("longitude", "latitude")
    ]
    frame = frame.select(ID, *canonicals, *degrees)
    prints = [layout.fingerprint(row[0], row[1:]) for row in frame.select(ID, *layout.VALUES).iter_rows()]
    return frame.with_columns(
        (pl.col("longitude") + " " + pl.col("latitude")).alias(layout.POSITION),
        pl.Series("empreinte", prints, dtype=pl.String),
    )
