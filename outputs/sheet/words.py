"""Numbers as French readers write them: decimal comma, no-break spaces, and what is not known said so.

Only numbers and lists; sentences are `document`'s.
"""

import re
from collections.abc import Sequence

#: No-break space, before `%`, `:` and units; and its narrow kind, between thousands.
NBSP, THIN = "\u00a0", "\u202f"
UNKNOWN = f"non{NBSP}connu"
#: The same where there is no room; a note beside the table explains it.
UNKNOWN_SHORT = f"n.{NBSP}c."
_MINUS = "\u2212"
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:min|h|ans|habitants)\b)")
_SUFFIXES = ("%", "€", "h", "min")


def figure(value: float | None, decimals: int = 0, unit: str | None = None, *, unknown: str = UNKNOWN) -> str:
    """`figure(12345.6, 1, "€")` -> `12 345,6 €`. Only units that are read as signs (%, €, h, min) are written.

    Args:
        value: None or not-a-number when nobody knows it.
        unknown: what is written then.
    """
    if value is None or value != value:  # not-a-number differs from itself
        return unknown
    rounded = round(value, decimals) + 0.0  # never « -0 »
    text = f"{rounded:,.{decimals}f}".replace(",", THIN).replace(".", ",").replace("-", _MINUS)
    return f"{text}{NBSP}{unit}" if unit in _SUFFIXES else text


def share(value: float | None, *, unknown: str = UNKNOWN, sign: str = f"{NBSP}%") -> str:
    """A percentage without decimals, that never says nobody of somebody, nor all of nearly all.

    `0.2` -> `< 1 %`, `99.8` -> `> 99 %`.
    """
    if value is not None and 0 < value <= 0.5:
        return f"<{NBSP}1{sign}"
    if value is not None and 99.5 <= value < 100:
        return f">{NBSP}99{sign}"
    return figure(value, unknown=unknown) + (sign if value is not None and value == value else "")


def rate(value: float | None, *, unknown: str = UNKNOWN) -> str:
    """A rate of any size: one decimal, two below 1."""
    return figure(value, 2 if value is not None and 0 < abs(value) < 1 else 1, unknown=unknown)


def count(number: float, one: str, many: str | None = None) -> str:
    """`count(3, "commune")` -> `3 communes`; the number and its noun stay on one line."""
    return f"{figure(number)}{NBSP}{one if abs(number) < 2 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """`a, b et c`."""
    return f"{', '.join(words[:-1])} et {words[-1]}" if len(words) > 1 else "".join(words)


def typeset(sentence: str) -> str:
    """A sentence of the tables with French no-break spaces: before `%`, `:`, `;`, `?`, `!`, `»`, and after `«`.

    A number and the unit after it (`min`, `h`, `ans`) are kept together.
    """
    for mark in ("%", ":", ";", "?", "!", "»"):
        sentence = sentence.replace(f" {mark}", f"{NBSP}{mark}")
    sentence = sentence.replace("« ", f"«{NBSP}").replace("'", "’")
    return _BEFORE_UNIT.sub(NBSP, sentence)
