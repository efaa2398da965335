"""The issue log: every record that could not be used as it came, with the reason.

Issues are a published product (`qualite/issues.csv`), hence the French column names. Only the collecting of issues
belongs here; deciding what is an issue belongs to the reader or the rule that meets it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

Severity = Literal["info", "avertissement", "erreur"]

ISSUE_SCHEMA = pl.Schema(
    {
        "source": pl.String,
        "id_source": pl.String,
        "colonne": pl.String,
        "valeur": pl.String,
        "regle": pl.String,
        "motif": pl.String,
        "gravite": pl.String,
    }
)

_MAX_VALUE = 200  # characters of the offending value kept in the log


@dataclass
class IssueLog:
    """Collects issues of one source.

    `info` says a value was repaired, `avertissement` that a value was set aside, `erreur` that the whole record was.
    """

    source: str
    _rows: list[tuple[str, str, str, str, str, str, str]] = field(default_factory=list)

    def add(
        self,
        *,
        record: str,
        column: str,
        value: Any,
        rule: str,
        reason: str,
        severity: Severity = "avertissement",
    ) -> None:
        """Log one issue. `rule` is a stable identifier (kebab-case), `reason` a French sentence for the steward."""
        text = "" if value is None else str(value)
        if len(text) > _MAX_VALUE:
            text = text[: _MAX_VALUE - 1] + "…"
        self._rows.append((self.source, record, column, text, rule, reason, severity))

    def add_rows(
        self,
        rows: pl.DataFrame,
        *,
        record: str,
        column: str,
        rule: str,
        reason: str,
        severity: Severity = "avertissement",
    ) -> None:
        """Log one issue per row of `rows`, reading the record id from column `record` and the value from `column`."""
        for record_id, value in rows.select(pl.col(record).alias("_id"), pl.col(column).alias("_value")).iter_rows():
            self.add(record=str(record_id), column=column, value=value, rule=rule, reason=reason, severity=severity)

    def __len__(self) -> int:
        return len(self._rows)

    def frame(self) -> pl.DataFrame:
        """All issues, in `ISSUE_SCHEMA`, in the order they were met."""
        return pl.DataFrame(self._rows, schema=ISSUE_SCHEMA, orient="row")


def concat_issues(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Stack issue frames; an empty iterable gives an empty frame in `ISSUE_SCHEMA`."""
    return pl.concat([pl.DataFrame(schema=ISSUE_SCHEMA), *frames])
