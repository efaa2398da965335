"""The long table `tension__indicateurs`: one row per territory, typology and indicator, from the wide ones.

Which columns are in it is `indicateurs.yml`; units and titles are those of the contracts of the wide tables.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import Field, model_validator

from assets.referentiel.typology import typologies
from assets.tension.travel import MEASURE as ROAD
from pipeline.foundations.declared import Strict, load
from quality.contract import all_contracts

_FILE = Path(__file__).with_name("indicateurs.yml")
#: Typology of what is said of a territory itself.
NO_TYPOLOGY = "(territoire)"
_KEY = ("niveau", "territoire", "typologie")


class OfCommunes(Strict):
    """What communes have."""

    colonnes: tuple[str, ...]
    toutes_typologies: bool = False


class WideTable(Strict):
    """Columns of one wide table."""

    table: str
    colonnes: tuple[str, ...] = Field(min_length=1)
    communes: OfCommunes
    connue_pct: Mapping[str, str] = {}
    inconnue_pct: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _held(self) -> Self:
        contract = all_contracts().get(self.table)
        if contract is None:
            raise ValueError(f"{self.table}: no such table")
        used = {*self.colonnes, *self.communes.colonnes, *self.connue_pct.values(), *self.inconnue_pct.values()}
        if absent := sorted(c for c in used if c not in contract.polars_schema):
            raise ValueError(f"{self.table}: no column {', '.join(absent)}")
        return self


class LongTable(Strict):
    """`indicateurs.yml`."""

    typologies_communes: tuple[str, ...]
    tables: tuple[WideTable, ...]

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := [t for t in self.typologies_communes if t not in typologies().labels]:
            raise ValueError(f"typologies_communes: {', '.join(unknown)} not in typologies.yml")
        names = [c for t in self.tables for c in t.colonnes]
        if len(set(names)) != len(names):
            raise ValueError("tables: an indicator is there twice")
        return self


@cache
def long_table() -> LongTable:
    """The project's choice.

    Raises:
        WrongUse: not YAML, or not of this shape.
    """
    return load(LongTable, _FILE)


def indicator_rows(
    wide: Mapping[str, pl.DataFrame], context: pl.DataFrame, choice: LongTable, reference: date
) -> pl.DataFrame:
    """Rows of `tension__indicateurs`, sorted by key. Values nobody knows are there, null, with what is unknown.

    Args:
        wide: the wide tables by name.
        context: `territories__contexte_zones`.
        reference: date the counters are of.
    """
    parts = [_context(context)]
    for table in choice.tables:
        frame = wide[table.table]
        units = {c.name: c.unit for c in all_contracts()[table.table].columns}
        above = frame.filter(pl.col("niveau") != "commune")
        below = frame.filter(pl.col("niveau") == "commune")
        if not table.communes.toutes_typologies:
            below = below.filter(pl.col("typologie").is_in(choice.typologies_communes))
        for rows, columns in ((above, table.colonnes), (below, table.communes.colonnes)):
            parts += [_column(rows, column, table, units[column], reference) for column in columns]
    return pl.concat(parts).sort("niveau", "territoire", "typologie", "indicateur")


def _column(rows: pl.DataFrame, column: str, table: WideTable, unit: str | None, reference: date) -> pl.DataFrame:
    known = table.connue_pct.get(column, table.connue_pct.get("*"))
    unknown = table.inconnue_pct.get(column, table.inconnue_pct.get("*"))
    if known:
        share = 1 - pl.col(known) / 100
    else:
        share = pl.col(unknown) / 100 if unknown else pl.lit(0.0)
    code = pl.lit(column)
    if "mesure" in rows.columns:
        # Estimated times are never mixed with times by road, here neither.
        code = pl.when(pl.col("mesure") == ROAD).then(code).otherwise(pl.lit(f"{column}_vol_oiseau"))
    value = pl.col(column).cast(pl.Float64)
    return rows.select(
        *_KEY,
        code.alias("indicateur"),
        value.alias("valeur"),
        pl.lit(unit, dtype=pl.String).alias("unite"),
        pl.lit(reference.isoformat()).alias("millesime"),
        pl.when(value.is_null()).then(1.0).otherwise(share.fill_null(0.0).clip(0, 1)).round(4).alias("part_inconnue"),
    )


def _context(context: pl.DataFrame) -> pl.DataFrame:
    return context.select(
        "niveau",
        pl.col("code").alias("territoire"),
        pl.lit(NO_TYPOLOGY).alias("typologie"),
        "indicateur",
        pl.col("valeur").cast(pl.Float64),
        "unite",
        "millesime",
        pl.col("part_inconnue").cast(pl.Float64).round(4),
    )
