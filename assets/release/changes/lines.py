"""The lines of one table with the rows they speak of: what the rules look at. No rule belongs here."""

from dataclasses import dataclass

import polars as pl

from assets.release.changes.compare import Comparison
from assets.release.changes.state import State
from pipeline.foundations.codes import departement_of_commune

_DEPARTEMENTS = ("lieu_code_departement", "code_departement", "departement")
_COMMUNE = "code_insee"
_LEVEL, _TERRITORIES = "niveau", ("territoire", "code")


@dataclass(frozen=True)
class Lines:
    """The lines of one table. `rows` is that of `Comparison.lines`, with the `departement` they are in."""

    table: str
    compared: Comparison
    rows: pl.DataFrame

    @classmethod
    def of(cls, table: str, compared: Comparison) -> "Lines":
        """The lines of a comparison, where they are now, else where they were."""
        rows = compared.lines()
        after = departements(compared.after).gather(rows["_a"])
        before = departements(compared.before).gather(rows["_b"])
        return cls(table, compared, rows.with_columns(pl.select(pl.coalesce(after, before).alias("departement"))))

    def cell(self, rows: pl.DataFrame, name: str, side: str) -> pl.Series:
        """What column `name` held in the row of each line, before (`_b`) or after (`_a`); null where there is none."""
        state = self.compared.before if side == "_b" else self.compared.after
        if name not in state.names:
            return pl.Series(name, [None] * rows.height, dtype=pl.String)
        return state.values(name, rows[side])

    def has(self, name: str) -> bool:
        """Whether the table has that column, in one state or the other."""
        return name in self.compared.before.names or name in self.compared.after.names


def departements(state: State) -> pl.Series:
    """The département of each row; null in a table that has none."""
    own = next((c for c in _DEPARTEMENTS if c in state.names), None)
    territory = next((c for c in _TERRITORIES if c in state.names), None)
    level = pl.col(_LEVEL)
    if own is not None:
        found = pl.col(own)
    elif _COMMUNE in state.names:
        found = departement_of_commune(pl.col(_COMMUNE))
    elif _LEVEL in state.names and territory is not None:
        code = pl.col(territory)
        found = pl.when(level == "commune").then(departement_of_commune(code)).when(level == "departement").then(code)
    else:
        found = pl.lit(None, dtype=pl.String)
    return state.rows.with_columns(found.alias("departement")).select("departement").collect().to_series()
