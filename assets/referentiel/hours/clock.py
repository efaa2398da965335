"""What the readers of structured hours share: JSON that may be hostile, clock times, a start paired with an end.

Days and conditions belong to the readers.
"""

import json
import re
from typing import Any, Final

from assets.referentiel.hours.model import MIDNIGHT, Span, Table

_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:hH](\d{2})(?::\d{2})?)?(?: ?([AaPp])[Mm])?")
#: Latest end, once read on twelve hours, that is still a plausible closing time of a counter.
_LAST_CLOSING: Final = 20 * 60
#: A slot that starts this late and ends this early is a night.
_NIGHT_STARTS, _NIGHT_ENDS = 17 * 60, 8 * 60


def load_json(text: str) -> Any:
    """The decoded JSON; None when it is not JSON, or is nested beyond reason."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def minutes(text: str) -> int | None:
    """`"08:30:00"`, `"9:00"`, `"8h30"` -> minutes after midnight; None when it is no time of day."""
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        return None
    value = int(match[1]) * 60 + int(match[2] or 0)
    if match[3]:
        value = value % (12 * 60) + (12 * 60 if match[3] in "Pp" else 0)
    return value if value <= MIDNIGHT and int(match[2] or 0) < 60 else None


def span(start: str, end: str, table: Table) -> Span | None:
    """One slot from two written times; None when there is none, or when it cannot be (`table` then says so).

    An empty pair and `00:00-00:00` mean "no slot". The rules that applied are noted in `table`.

    Raises:
        ValueError: the slot exists but its times are not known.
    """
    if "'" in start + end:
        table.rule("apostrophe")
        start, end = start.strip("' "), end.strip("' ")
    if not start and not end:
        return None
    low, high = minutes(start), minutes(end)
    if low is None or high is None:
        table.rule("demi-plage")
        raise ValueError(f"{start}-{end}")
    if re.search("[AaPp][Mm]", start + end):
        table.rule("heure-12h")
    elif re.match(r"\d:", start) or re.match(r"\d:", end):
        table.rule("heure-ecriture")
    if low == high:
        table.rule("creneau-nul" if low == 0 else "plage-vide")
        return None
    if high == MIDNIGHT - 1:
        table.rule("fin-2359")
        high = MIDNIGHT
    if low == 1:
        table.rule("fin-2359")
        low = 0
    if high == 0:
        high = MIDNIGHT
    if low < high:
        return low, high
    if low >= _NIGHT_STARTS and high <= _NIGHT_ENDS and low - high >= 9 * 60:
        return low, high + MIDNIGHT
    if low >= 12 * 60 and low < high + 12 * 60 <= _LAST_CLOSING:
        table.rule("heure-12h")
        return low, high + 12 * 60
    table.rule("plage-inversee")
    raise ValueError(f"{start}-{end}")
