"""Who lives where: origins with their commune and the groups that are counted there.

Where people leave from is decided by `access.places`; whom a counter is for, by `demand`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.tension.methods import methods
from assets.tension.pairs import Bools, Floats, Ints
from assets.tension.zones import Zones

POPULATION = "population"
#: Groups whose access is told apart: columns of `territories__carreaux` they are the sum of, and, where people leave
#: from their mairie, the indicator of `territories__contexte` whose numerator counts them.
GROUPS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "menages_pauvres": (("men_pauv",), "menages_pauvres_pct"),
    "habitants_65_ans_ou_plus": (("ind_65_79", "ind_80p"), "habitants_65_ans_ou_plus_pct"),
}
#: Indicator of `territories__contexte`: standard of living of those who leave from their mairie.
_INCOME = "revenu_median"


@dataclass(frozen=True)
class People:
    """n origins, sorted by département, then id.

    Attributes:
        frame: `origine_id, code_insee, code_departement, population, longitude, latitude, carreau_id, impute` and the
            columns of cells that publics need, null where the origin is not a cell.
        commune: (n,) row of the commune in the zones.
        groups: people of each group (n,), `population` first; NaN where nobody counted them.
        income: (n,) standard of living, euros a year; NaN when unknown.
    """

    frame: pl.DataFrame
    commune: Ints
    groups: Mapping[str, Floats]
    income: Floats

    @property
    def number(self) -> int:
        """n."""
        return self.frame.height

    def chosen(self, rows: Bools) -> "People":
        """Some of the origins."""
        kept = {name: values[rows] for name, values in self.groups.items()}
        return People(self.frame.filter(pl.Series(rows)), self.commune[rows], kept, self.income[rows])


def cell_columns() -> list[str]:
    """Columns of `territories__carreaux` that are needed: where cells are, and who is counted there."""
    counted = {c for p in methods().publics.values() for c in p.colonnes} | {c for cs, _ in GROUPS.values() for c in cs}
    place = ["carreau_id", "taille_m", "commune", "departement", "population", "longitude", "latitude"]
    return [*place, "impute", *sorted(counted | {"ind", "ind_snv", "men"})]


def people(origins: pl.DataFrame, cells: pl.DataFrame, context: pl.DataFrame, zones: Zones) -> People:
    """Count who lives at each origin; those in a commune that is in no zone are left out.

    Args:
        origins: `access.places.ORIGIN_SCHEMA`.
        cells: `territories__carreaux`, the columns of `cell_columns`; maybe empty.
        context: `territories__contexte`.
    """
    counted = cells.drop("taille_m", "commune", "departement", "population", "longitude", "latitude")
    frame = (
        origins.join(counted, left_on="origine_id", right_on="carreau_id", how="left", maintain_order="left")
        .with_columns(pl.col("origine_id").alias("carreau_id"))
        .sort("code_departement", "origine_id")
    )
    at_mairie = (frame["type_origine"] == "commune").to_numpy()
    groups = {POPULATION: _floats(frame, [POPULATION])}
    for name, (columns, indicator) in GROUPS.items():
        of_commune = _of_commune(frame, context, indicator, "numerateur")
        groups[name] = np.where(at_mairie, of_commune, _floats(frame, columns))
    earned, earners = _floats(frame, ["ind_snv"]), _floats(frame, ["ind"])
    of_cell = np.divide(earned, earners, out=np.full(frame.height, np.nan), where=earners > 0)
    income = np.where(at_mairie, _of_commune(frame, context, _INCOME, "valeur"), of_cell)
    commune = zones.rows_of(frame["code_insee"])
    everybody = People(frame.drop("type_origine"), commune, groups, income)
    return everybody if (commune >= 0).all() else everybody.chosen(commune >= 0)


def _floats(frame: pl.DataFrame, columns: Sequence[str]) -> Floats:
    """Sum of columns, NaN where one is unknown."""
    total = frame.select(pl.sum_horizontal(*columns, ignore_nulls=False).cast(pl.Float64)).to_series()
    return np.array(total.fill_null(float("nan")))


def _of_commune(frame: pl.DataFrame, context: pl.DataFrame, indicator: str, column: str) -> Floats:
    """What a commune's row of the context says, at each origin; NaN without any."""
    known = context.filter(pl.col("indicateur") == indicator).select("code_insee", pl.col(column).cast(pl.Float64))
    return _floats(frame.select("code_insee").join(known, on="code_insee", how="left", maintain_order="left"), [column])
