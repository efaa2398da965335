"""What is said of faulty cells: each one up to a number, then how many more.

A grid has millions of rows: a column gone wrong must not become as many issues. Finding the faults belongs to `read`.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipeline.foundations.issues import IssueLog, Severity

_TOLD = 200  # issues of one rule and column told one by one

_ASIDE = "mis de côté"
#: Rule -> what happened, and how serious it is.
RULES: dict[str, tuple[str, Severity]] = {
    "ligne-decalee": ("La ligne n’a pas autant de cellules que l’en-tête : elle est mise de côté.", "erreur"),
    "identifiant-illisible": (f"Identifiant de carreau absent ou illisible : carreau {_ASIDE}.", "erreur"),
    "grille-inconnue": (f"Grille d’aucun des territoires carroyés : carreau {_ASIDE}.", "erreur"),
    "taille-inattendue": (f"Carreau d’une autre taille que celle de la source : {_ASIDE}.", "erreur"),
    "carreau-decale": (f"Coin qui n’est pas sur la grille : carreau {_ASIDE}.", "erreur"),
    "hors-de-france": (f"Carreau hors du territoire que dit sa grille : {_ASIDE}.", "erreur"),
    "population-negative": (f"Nombre d’individus négatif : carreau {_ASIDE}.", "erreur"),
    "carreau-double": ("Carreau déjà lu : seul le premier est gardé.", "erreur"),
    "population-inconnue": ("Nombre d’individus absent ou illisible : le carreau est gardé, sa population inconnue.",
                            "avertissement"),
    "valeur-illisible": ("Valeur qui n’est pas un nombre : elle est inconnue.", "avertissement"),
    "valeur-non-finie": ("Valeur infinie ou indéfinie : elle est inconnue.", "avertissement"),
    "valeur-negative": ("Effectif ou surface négatifs : valeur inconnue.", "avertissement"),
    "communes-illisibles": ("Suite de codes de commune illisible : elle n’est pas utilisée.", "avertissement"),
    "indicateur-illisible": ("Indicateur de secret autre que 0, 1 ou 2 : il est inconnu.", "avertissement"),
}  # fmt: skip


@dataclass
class Faults:
    """The faults of one source, written to its issue log; `settle` adds the counts once all is read."""

    issues: IssueLog
    _met: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, rule: str, *, record: str, column: str, value: Any) -> None:
        """One fault."""
        self._met[rule, column] += 1
        if self._met[rule, column] <= _TOLD:
            reason, severity = RULES[rule]
            self.issues.add(record=record, column=column, value=value, rule=rule, reason=reason, severity=severity)

    def add_rows(self, rule: str, rows: pl.DataFrame, *, record: str, column: str) -> None:
        """One fault per row, its record id and its value in those columns."""
        room = max(_TOLD - self._met[rule, column], 0)
        for identifier, value in (
            rows.head(room).select(pl.col(record).alias("r"), pl.col(column).alias("v")).iter_rows()
        ):
            self.add(rule, record=str(identifier), column=column, value=value)
        self._met[rule, column] += max(rows.height - room, 0)

    def count(self, rule: str) -> int:
        """How many were met under a rule."""
        return sum(met for (name, _), met in self._met.items() if name == rule)

    def settle(self) -> None:
        """Say how many were met beyond those told one by one."""
        for (rule, column), met in self._met.items():
            if met > _TOLD:
                reason, severity = RULES[rule]
                self.issues.add(
                    record="*",
                    column=column,
                    value=f"{met - _TOLD} de plus",
                    rule=rule,
                    reason=f"{reason} ({met} au total, les {_TOLD} premiers sont détaillés.)",
                    severity=severity,
                )
