"""One value of one record at a time: text to number or date, each failure logged under the record's id.

Only readings that several feeds share; what a value means belongs to the readers.
"""

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipeline.foundations.issues import IssueLog, Severity
from pipeline.foundations.text import clean

_DECIMAL = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_FRENCH_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})(?: [0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?")


def encodable(text: str) -> str:
    """The text with `?` for the halves of UTF-16 pairs that JSON can spell (`"\\ud83d"`) and no UTF-8 file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def plain_text(value: Any) -> str | None:
    """A scalar as clean text: placeholders are null, `1200.0` is `1200`.

    Lists and mappings give None: they are not scalars.
    """
    if isinstance(value, str):
        if not value:
            return None
        text = clean(value)
        return None if text is None else encodable(text)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else None


@dataclass(frozen=True)
class RecordCells:
    """The values of one record; `record` is its id in the feed."""

    record: str
    issues: IssueLog

    def issue(self, column: str, value: Any, rule: str, reason: str, severity: Severity = "avertissement") -> None:
        """Log an issue of this record."""
        shown = encodable(str(value))
        self.issues.add(record=self.record, column=column, value=shown, rule=rule, reason=reason, severity=severity)

    def decimal(self, column: str, value: Any) -> float | None:
        """A finite decimal number. A decimal comma is read and noted; anything else is set aside."""
        text = plain_text(value)
        if text is None:
            return None
        number = float(text.replace(",", ".")) if _DECIMAL.fullmatch(text) else math.nan
        if not math.isfinite(number):
            self.issue(column, text, "nombre-illisible", "Ce n’est pas un nombre : valeur mise de côté.")
            return None
        if "," in text:
            self.issue(column, text, "virgule-decimale", "Virgule décimale : lue comme un point.", "info")
        return number

    def day(self, column: str, value: Any) -> date | None:
        """The day of `31/12/2024`, `31/12/2024 08:00:00` or `2024-12-31…`; anything else is set aside."""
        text = plain_text(value)
        if text is None:
            return None
        try:
            if french := _FRENCH_DAY.fullmatch(text):
                return date(int(french[3]), int(french[2]), int(french[1]))
            if iso := _ISO_DAY.fullmatch(text):
                return date(int(iso[1]), int(iso[2]), int(iso[3]))
        except ValueError:
            pass  # the 31st of February: same fate as any other unreadable date
        self.issue(column, text, "date-illisible", "Ce n’est pas une date (JJ/MM/AAAA ou AAAA-MM-JJ) : mise de côté.")
        return None
