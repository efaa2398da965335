"""What reading one road file met: counts, and what was set aside or could not be understood, with its reason.

A file of a département has hundreds of thousands of segments, so faults are counted, each with an example, instead of
being listed one by one. Deciding what is a fault belongs to the modules that read.
"""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from pipeline.foundations.issues import IssueLog, Severity

#: Rule -> severity and what the steward reads. `erreur`: the segment is set aside; else only the value is.
RULES: dict[str, tuple[Severity, str]] = {
    "geometrie-absente": ("erreur", "Tronçon sans géométrie : mis de côté."),
    "geometrie-illisible": ("erreur", "Géométrie illisible, ou coordonnées qui ne sont pas des nombres : mis de côté."),
    "geometrie-autre": ("erreur", "Géométrie qui n’est pas une ligne : tronçon mis de côté."),
    "hors-territoire": ("erreur", "Tronçon loin du territoire de son système de coordonnées : mis de côté."),
    "longueur-nulle": ("erreur", "Tronçon de longueur nulle : mis de côté."),
    "identifiant-absent": ("erreur", "Tronçon sans identifiant : mis de côté."),
    "identifiant-double": ("erreur", "Identifiant déjà vu dans le fichier : seul le premier tronçon est gardé."),
    "nature-inconnue": ("avertissement", "Nature hors de la liste connue : le tronçon est gardé, sous ce nom."),
    "nature-absente": ("avertissement", "Tronçon sans nature : gardé, sa nature reste inconnue."),
    "valeur-inconnue": ("avertissement", "Valeur hors de la liste connue : tenue pour inconnue."),
    "vitesse-absurde": ("avertissement", "Vitesse négative ou impossible : tenue pour inconnue."),
    "vitesse-nulle": ("avertissement", "Vitesse nulle sur une route ouverte aux voitures : tenue pour inconnue."),
    "vitesse-absente": ("avertissement", "Route ouverte aux voitures sans vitesse : elle reste inconnue."),
}
_SHOWN = 20  # distinct values told for each column; a hostile file may hold millions


@dataclass
class Account:
    """Filled while a file is read.

    Attributes:
        issues: faults of the columns, then, once `settle` is called, of the segments.
        read: features met, usable or not.
        kept: segments given.
        generations: keys of `columns` in the declaration, in the order they were met.
    """

    issues: IssueLog
    read: int = 0
    kept: int = 0
    generations: list[str] = field(default_factory=list)
    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _examples: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def note(self, rule: str, column: str, ids: pl.Series, values: pl.Series | None = None) -> None:
        """Count segments under a rule of `RULES`, by value when values are given (same length as `ids`)."""
        if ids.is_empty():
            return
        texts = pl.repeat("", len(ids), eager=True) if values is None else values.cast(pl.String).fill_null("")
        met = pl.DataFrame({"value": texts, "id": ids.cast(pl.String).fill_null("?")})
        counts = met.group_by("value", maintain_order=True).agg(pl.len(), pl.col("id").first())
        for value, count, example in counts.head(1000).iter_rows():
            self._counts[rule, column, value[:100]] += count
            self._examples.setdefault((rule, column, value[:100]), example)
        if rest := int(counts[1000:]["len"].sum()):
            self._counts[rule, column, "…"] += rest
            self._examples.setdefault((rule, column, "…"), counts[1000:]["id"][0])

    @property
    def set_aside(self) -> int:
        """Segments set aside."""
        return sum(n for (rule, _, _), n in self._counts.items() if RULES[rule][0] == "erreur")

    def worst(self) -> str:
        """The rule under which most segments were set aside; empty when none was."""
        sums: Counter[str] = Counter()
        for (rule, _, _), count in self._counts.items():
            if RULES[rule][0] == "erreur":
                sums[rule] += count
        return sums.most_common(1)[0][0] if sums else ""

    def settle(self, resource_id: str) -> None:
        """Turn the counts into issues, the most frequent first; `resource_id` is their record."""
        told: Counter[tuple[str, str]] = Counter()
        for (rule, column, value), count in sorted(self._counts.items(), key=lambda item: (-item[1], item[0])):
            told[rule, column] += 1
            if told[rule, column] > _SHOWN:
                continue
            severity, reason = RULES[rule]
            self.issues.add(
                record=resource_id,
                column=column,
                value=value,
                rule=rule,
                reason=f"{reason} {count} tronçon(s), par exemple {self._examples[rule, column, value]}.",
                severity=severity,
            )
        for (rule, column), values in told.items():
            if values > _SHOWN:
                severity, reason = RULES[rule]
                self.issues.add(
                    record=resource_id,
                    column=column,
                    value="…",
                    rule=rule,
                    reason=f"{reason} {values - _SHOWN} autre(s) valeur(s), plus rares.",
                    severity=severity,
                )
