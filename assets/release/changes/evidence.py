"""What moved between two releases among all they are made from: sources, code, perimeter, ids. Facts only.

Which fact explains which change is `counter_reasons` and `other_reasons`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from assets.referentiel.typology import typologies
from assets.release.changes.continuity import links
from assets.release.changes.edition import Edition
from assets.release.changes.settings import OFFRE, POPULATION, ReasonSettings
from quality.results import number
from quality.variation import Axis, Thresholds
from sources.registry import all_sources

SAME, NEWS, CAME, LEFT = "inchangée", "changée", "apparue", "disparue"


@dataclass(frozen=True)
class Evidence:
    """Everything that moved from `before` to `after`."""

    before: Edition
    after: Edition
    settings: ReasonSettings
    thresholds: Thresholds

    @property
    def code_changed(self) -> bool:
        """Whether the code did."""
        return self.before.code != self.after.code

    @property
    def perimeter_changed(self) -> bool:
        """Whether the départements covered did."""
        return set(self.before.perimetre) != set(self.after.perimetre)

    @cached_property
    def sources(self) -> pl.DataFrame:
        """`source, famille, mouvement` of every source in use in one of the two."""
        old, new = (
            {s.id: {(f.ressource, f.sha256) for f in s.fichiers} for s in edition.sources if s.fichiers}
            for edition in (self.before, self.after)
        )
        rows = []
        for name in sorted({*old, *new}):
            if name in old and name in new:
                movement = SAME if old[name] == new[name] else NEWS
            else:
                movement = CAME if name in new else LEFT
            rows.append((name, self._family(name), movement))
        schema = {"source": pl.String, "famille": pl.String, "mouvement": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _family(self, source: str) -> str:
        named = next((family for family, ids in self.settings.familles.items() if source in ids), None)
        if named is not None:
            return named
        spec = all_sources().get(source)
        return POPULATION if spec is not None and spec.kind != "counters" else OFFRE

    @cached_property
    def moved(self) -> frozenset[str]:
        """Families of which one source at least is not the same."""
        return frozenset(self.sources.filter(pl.col("mouvement") != SAME)["famille"])

    @cached_property
    def links(self) -> pl.DataFrame:
        """`avant, apres, temoin` (`continuity.links`)."""
        return links(self.before.side, self.after.side)

    @cached_property
    def bulk(self) -> pl.DataFrame:
        """`source, typologie, departement, sens, bloc`: groups of records that moved more than feeds usually do.

        One of `typologie` (its label) and `departement` is set; `sens` is 1 or -1; `bloc` says it in French. By type
        code, over the whole feed, as the gate judges it; by département, over the counters published in both.
        """
        schema = {
            "source": pl.String,
            "typologie": pl.String,
            "departement": pl.String,
            "sens": pl.Int64,
            "bloc": pl.String,
        }
        rows = [*self._bulk_by_code(), *self._bulk_by_departement()]
        return pl.DataFrame(rows, schema=schema, orient="row").unique(
            ["source", "typologie", "departement", "sens"], keep="first", maintain_order=True
        )

    def _bulk_by_code(self) -> Iterator[tuple[str, str | None, str | None, int, str]]:
        table, specs = typologies(), all_sources()
        both = self._in_both()
        old, new = self.before.comptages, self.after.comptages
        for name in sorted({*old, *new}):
            source, _, code = name.partition("|")
            was, now = old.get(name, 0), new.get(name, 0)
            nomenclature = specs[source].nomenclature or source if source in specs else source
            typology = table.by_code.get((nomenclature, code))
            if typology is not None and source in both and self._unusual(source, "code", was, now):
                label = table.typologies[typology].libelle
                yield source, label, None, _sign(was, now), f"{source}, {label} : {number(was)} → {number(now)}"

    def _bulk_by_departement(self) -> Iterator[tuple[str, str | None, str | None, int, str]]:
        both, by = self._in_both(), ["source", "departement"]
        old, new = (
            edition.side.counters.select(pl.col("sources").str.split("|").alias("source"), "departement")
            .explode("source")
            .group_by(by)
            .agg(n=pl.len())
            for edition in (self.before, self.after)
        )
        counted = old.join(new, on=by, how="full", coalesce=True, suffix="_now").drop_nulls(by).sort(by)
        for source, departement, was, now in counted.with_columns(pl.col("n", "n_now").fill_null(0)).iter_rows():
            covered = departement in self.before.perimetre and departement in self.after.perimetre
            if covered and source in both and self._unusual(source, "departement", was, now):
                said = f"{source}, département {departement} : {number(was)} → {number(now)}"
                yield source, None, departement, _sign(was, now), said

    def _unusual(self, source: str, axis: Axis, was: int, now: int) -> bool:
        return abs(now - was) > self.thresholds.of(source, axis).allowed(was)

    def _in_both(self) -> set[str]:
        return set(self.sources.filter(pl.col("mouvement").is_in([SAME, NEWS]))["source"])


def _sign(was: int, now: int) -> int:
    return 1 if now > was else -1
