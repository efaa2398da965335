"""How complete the counters are, département by département: positions, hours, identifiers, second sources.

Counting only. What is too little is for the reader to say; the report and the release page show it.
"""

from collections.abc import Iterable, Mapping

import polars as pl
from pydantic import BaseModel, ConfigDict

#: Tables of counters, and what their own identifiers in national bases begin with.
_COUNTERS = {
    "referentiel__implantations": "service",
    "referentiel__permanences": "permanence",
    "referentiel__itinerances": "service",
}
_NATIONAL_IDS = ("siret", "id_dila", "id_finess", "id_bpe")
#: Hours that were understood (`horaires_qualite`).
_UNDERSTOOD = ("exact", "réparé")
_MEASURES = ("points", "positions", "horaires", "identifiants", "recoupes")


class Coverage(BaseModel):
    """Counters of one département, and how many of them have a position, understood hours, an identifier of their own
    in a national base (SIRET, DILA, FINESS, BPE), more than one source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    departement: str
    nom: str
    points: int
    positions: int
    horaires: int
    identifiants: int
    recoupes: int


def measure(frames: Mapping[str, pl.DataFrame]) -> tuple[Coverage, ...]:
    """The coverage of each département of `territories__departements`, by code; those without counters included.

    Args:
        frames: the tables of a release by name. Those of counters need `lieu_code_departement, geometrie,
            horaires_qualite, sources` and identifiers.
    """
    counted = pl.concat(_flags(frames[name], prefix) for name, prefix in _COUNTERS.items())
    sums = counted.group_by("departement").agg(pl.col(_MEASURES).sum())
    every = frames["territories__departements"].select(pl.col("code").alias("departement"), "nom")
    rows = every.join(sums, on="departement", how="left").with_columns(pl.col(_MEASURES).fill_null(0))
    return tuple(Coverage(**row) for row in rows.sort("departement").iter_rows(named=True))


def total(coverage: Iterable[Coverage]) -> dict[str, int]:
    """The sums of all the départements: `points, positions, horaires, identifiants, recoupes`."""
    rows = list(coverage)
    return {name: sum(getattr(row, name) for row in rows) for name in _MEASURES}


def _flags(counters: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """One row per counter: its département, then 1 or 0 per measure."""
    identifiers = [f"{prefix}_{name}" for name in _NATIONAL_IDS if f"{prefix}_{name}" in counters.columns]
    flags = {
        "points": pl.lit(value=True),
        "positions": pl.col("geometrie").is_not_null(),
        "horaires": pl.col("horaires_qualite").is_in(_UNDERSTOOD),
        "identifiants": pl.any_horizontal(pl.col(identifiers).is_not_null()),
        "recoupes": pl.col("sources").str.contains("|", literal=True),
    }
    return counters.select(
        pl.col("lieu_code_departement").alias("departement"),
        *(flag.fill_null(value=False).cast(pl.Int64).alias(name) for name, flag in flags.items()),
    )
