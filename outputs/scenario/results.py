"""A folder of results of a scenario, opened: what it is of, and its tables.

Stages write it; nothing is computed here but choices of rows. Words are `report`'s, drawings `map`'s.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from outputs.sheet.content import ROAD
from pipeline.foundations.declared import Strict, checked
from pipeline.foundations.errors import WrongUse

#: What a folder of results says of itself.
SUMMARY = "scenario.json"
#: Tables of every folder; `paniers` and `tension` are there when the scenario changes some.
TABLES = ("modifications", "points_accueil", "carreaux", "temps", "acces", "gagnants_perdants", "demande")
EVERYBODY = "population"


class Summary(Strict):
    """`scenario.json`.

    Attributes:
        version_base, empreinte_base: the release it is on.
        mesure: `route` or `vol d'oiseau`.
        departements_mesures: the region measured.
        hors_reseau: ids of counters that open too far from a road.
        trajets_par_an: the assumption of kilometres, by typology touched.
        seuils_min: thresholds of the crossings.
        chiffres: the whole in a few numbers.
        lignes: rows of each table.
    """

    nom: str
    description: str | None
    version_base: str
    empreinte_base: str
    empreinte_scenario: str
    fictif: bool
    mesure: str
    departements_mesures: tuple[str, ...]
    hors_reseau: tuple[str, ...]
    trajets_par_an: Mapping[str, float]
    seuils_min: tuple[int, ...]
    chiffres: Mapping[str, float | None]
    lignes: Mapping[str, int]

    @property
    def by_road(self) -> bool:
        """Times are by road; as the crow flies otherwise."""
        return self.mesure == ROAD


@dataclass(frozen=True)
class Results:
    """A scenario evaluated, as its folder holds it."""

    summary: Summary
    tables: Mapping[str, pl.DataFrame]

    def table(self, name: str) -> pl.DataFrame:
        """A table; empty when the scenario has none."""
        return self.tables.get(name, pl.DataFrame())

    @cached_property
    def totals(self) -> pl.DataFrame:
        """Who wins and loses over the whole region, by typology and group: sums over communes, most people first.

        Columns of `gagnants_perdants` without `niveau, territoire`.
        """
        rows = self.table("gagnants_perdants").filter(pl.col("niveau") == "commune")
        counted = [c for c in rows.columns if c not in ("niveau", "territoire", "typologie", "groupe")]
        sums = rows.group_by("typologie", "groupe", maintain_order=True).agg(pl.col(counted).sum().round(2))
        everybody = sums.filter(pl.col("groupe") == EVERYBODY)
        weight = everybody.select("typologie", (pl.col("gagnants") + pl.col("perdants")).alias("_weight"))
        return (
            sums.join(weight, on="typologie", how="left", maintain_order="left")
            .with_row_index("_order")
            .sort("_weight", "typologie", "_order", descending=[True, False, False], nulls_last=True)
            .drop("_weight", "_order")
        )

    @cached_property
    def typologies(self) -> tuple[str, ...]:
        """Typologies for which somebody comes nearer or goes farther, the most people first."""
        return tuple(self.totals["typologie"].unique(maintain_order=True))

    def totals_of(self, typology: str, group: str = EVERYBODY) -> dict[str, float]:
        """The row of `totals` of a typology and a group; nothing but zeros when nobody moves."""
        rows = self.totals.filter(pl.col("typologie") == typology, pl.col("groupe") == group)
        if rows.height:
            return rows.drop("typologie", "groupe").row(0, named=True)
        return dict.fromkeys((c for c in self.totals.columns if c not in ("typologie", "groupe")), 0.0)


def open_results(folder: Path) -> Results:
    """The results in a folder.

    Raises:
        WrongUse: there are none, or they are not whole.
    """
    path = folder / SUMMARY
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUse(
            str(folder),
            expected=f"a folder of results of csp scenario evaluer, with {SUMMARY}",
            found=str(error),
            remedy="evaluate the scenario, and give its folder or its file",
        ) from error
    try:
        summary = checked(Summary, data, path)
        tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in TABLES}
        optional = [n for n in ("paniers", "tension") if (folder / f"{n}.parquet").is_file()]
        return Results(summary, tables | {name: pl.read_parquet(folder / f"{name}.parquet") for name in optional})
    except (WrongUse, OSError, pl.exceptions.PolarsError) as error:
        raise WrongUse(
            str(folder),
            expected="results whole, written by this version of csp",
            found=str(error),
            remedy="evaluate the scenario again",
        ) from error
