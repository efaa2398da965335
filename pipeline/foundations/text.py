"""Plain-text hygiene shared by every reader: spaces, placeholders for "nothing", comparison keys.

No knowledge of addresses, hours or any other domain belongs here.
"""

import re
import unicodedata

_ZERO_WIDTH = re.compile("[\u200b\ufeff]")  # spaces to the feeds, not to `str.split`
_NOT_WORD = re.compile(r"[^a-z0-9]+")

#: What feeds write for "nothing" (FORMATS §14 of the feeds' own files), compared after `clean` and lower-casing.
PLACEHOLDERS = frozenset({"", "null", "0null", "none", "nan", "#n/d", "#n/a", "n/d", "nr", "nc", "-", "--", "néant"})


def clean(value: str | None) -> str | None:
    """Collapse every kind of space (no-break and thin ones included), strip, NFC; a placeholder becomes None."""
    if value is None:
        return None
    if not value.isascii():
        value = _ZERO_WIDTH.sub(" ", unicodedata.normalize("NFC", value))
    text = " ".join(value.split())
    return None if text.lower() in PLACEHOLDERS else text


def key(value: str | None) -> str:
    """Comparison key: no accents, no case, no punctuation. `"L'Île-d'Yeu"` -> `"l ile d yeu"`."""
    if not value:
        return ""
    folded = value.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae").replace("Æ", "AE")
    plain = "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c)).lower()
    return _NOT_WORD.sub(" ", plain).strip()
