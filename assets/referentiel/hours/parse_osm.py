"""OSM strings as feeds write them, often broken -> valid canonical strings, by named repairs.

Each repair is one function from text to text; what remains is read strictly by `osm`.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Final

from opening_hours import validate

from assets.referentiel.hours import osm as notation
from assets.referentiel.hours.model import DAYS, MIDNIGHT, MONTHS, Table
from assets.referentiel.hours.parse_texte import unescape

_DAY = "|".join(DAYS)
_DAY_NAMES: Final = {
    "mon": "Mo", "monday": "Mo", "tue": "Tu", "tues": "Tu", "tuesday": "Tu", "wed": "We", "wednesday": "We",
    "thu": "Th", "thur": "Th", "thurs": "Th", "thursday": "Th", "fri": "Fr", "friday": "Fr", "sat": "Sa",
    "saturday": "Sa", "sun": "Su", "sunday": "Su",
}  # fmt: skip
_MONTH_NAMES: Final = {
    "january": "Jan", "february": "Feb", "march": "Mar", "april": "Apr", "june": "Jun", "july": "Jul",
    "august": "Aug", "sept": "Sep", "september": "Sep", "october": "Oct", "november": "Nov", "december": "Dec",
}  # fmt: skip
_NAMES: Final = re.compile(r"(?<![\"A-Za-zÀ-ÿ])(?:[A-Za-z]{2,9})\.?(?![A-Za-zÀ-ÿ\"])")
_HOUR_H: Final = re.compile(r"(?<!\d)(\d{1,2})\s?[hH](?:(\d{2})(?!\d))?(?![A-Za-z])")
_WRITTEN: Final = re.compile(r"[A-Za-zÀ-ÿ]{3,}")


def _spaces(text: str) -> str:
    return re.sub(r"[\u00a0\u2007\u202f\u200b\ufeff\t\r]+", " ", text)


def _apostrophes(text: str) -> str:
    return re.sub(r"['’`´](?=\d)|(?<=\d)['’`´]", "", text.replace("“", '"').replace("”", '"'))


def _names(mapping: dict[str, str], own: tuple[str, ...]) -> Callable[[str], str]:
    known = {name.lower(): name for name in own}

    def rename(match: re.Match[str]) -> str:
        word = match[0].rstrip(".").lower()
        return known.get(word) or mapping.get(word) or match[0]

    return lambda text: _NAMES.sub(rename, text)


def _clock(text: str) -> str:
    text = _HOUR_H.sub(lambda m: f"{int(m[1]):02d}:{m[2] or '00'}", text)
    text = re.sub(r"\b(\d{1,2}:\d{2}):\d{2}\b", r"\1", text)
    text = re.sub(r"(?<=-)([01]\d|2[0-4])([0-5]\d)(?!\d)|(?<![\d:])([01]\d|2[0-4])([0-5]\d)(?=-\d{1,2}:\d{2})",
                  lambda m: f"{m[1] or m[3]}:{m[2] or m[4]}", text)  # fmt: skip
    return re.sub(r"(?<=\d)\s*[-–—]\s*(?=\d{1,2}:)", "-", text)


def _midnight(text: str) -> str:
    return re.sub(r"\b00:01(?=-)", "00:00", re.sub(r"(?<=-)23:59\b", "24:00", text))


def _lines(text: str) -> str:
    """A line end, or nothing at all, where a semicolon is missing."""
    text = re.sub(r"\s*[;,]?\s*\n\s*", "; ", text.strip())
    months = "|".join(MONTHS)
    period = rf"((?:{months})(?:-(?:{months}))?) ([^;]*?:\d\d)\s+(?=(?:{_DAY})\b)"  # the period holds for the next day
    text = re.sub(period, r"\1 \2; \1 ", text)
    text = re.sub(rf"(?<=:\d\d)\s+(?=(?:{_DAY})\b)", "; ", text)
    return re.sub(rf"(?<=:\d\d),(?=(?:{_DAY})\b)", ", ", text)


def _stray(text: str) -> str:
    text = re.sub(r"(?:\s*;\s*){2,}", "; ", text)
    return re.sub(r"^[\s;,]+|[\s;,]+$", "", text)


def _brackets(text: str) -> str:
    text = re.sub(rf"\b({_DAY})\s+\[", r"\1[", text)
    return re.sub(r"\[\s*([-\d,\s]+?)\s*\]", lambda m: "[" + re.sub(r"\s*,\s*", ",", m[1]) + "]", text)


def _colons(text: str) -> str:
    return re.sub(r"(?<=[A-Za-z\]])\s*:\s*(?=[A-Z\d])", " ", text)


def _day_list(text: str) -> str:
    """`Mo, Tu 08:00-12:00`: read literally, Monday would be open day and night."""
    day = rf"(?:{_DAY})(?:\[[-\d,]+\])?(?:-(?:{_DAY}))?"
    return re.sub(rf"\b({day})(?:\s*,\s+|\s+,\s*)(?={day}\b)", r"\1,", text)


def _crossed(text: str) -> str:
    """`Mo,Th-Tu,Fr` -> `Mo-Tu,Th-Fr`: firsts and lasts were listed apart.

    Only where it shows: as many firsts as lasts, one dash, ranges in order that do not meet.
    """

    def uncross(match: re.Match[str]) -> str:
        firsts = [DAYS.index(d) for d in match[1].split(",")]
        lasts = [DAYS.index(d) for d in match[2].split(",")]
        pairs = sorted(zip(firsts, lasts, strict=False))
        apart = all(first <= last for first, last in pairs) and all(a[1] < b[0] for a, b in pairwise(pairs))
        if len(firsts) != len(lasts) or not apart:
            return match[0]
        return ",".join(DAYS[a] if a == b else f"{DAYS[a]}-{DAYS[b]}" for a, b in pairs)

    list_of_days = rf"((?:{_DAY})(?:,(?:{_DAY}))+)"
    return re.sub(rf"(?<![-,\w]){list_of_days}-{list_of_days}(?![-,\w])", uncross, text)


#: In order: each entry's rule is noted when its repair changes the text.
_REPAIRS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("espaces", _spaces),
    ("apostrophe", _apostrophes),
    ("nom-jour", _names(_DAY_NAMES, DAYS)),
    ("nom-mois", _names(_MONTH_NAMES, MONTHS)),
    ("heure-ecriture", _clock),
    ("fin-2359", _midnight),
    ("crochet-espace", _brackets),
    ("deux-points", _colons),
    ("liste-jours-espacee", _day_list),
    ("separateur-absent", _lines),
    ("separateur-superflu", _stray),
    ("jours-croises", _crossed),
)


def _tidy(text: str) -> str:
    """Spacing that changes nothing: one space, none around the commas of a list of times."""
    text = re.sub(r" {2,}", " ", text.strip())
    text = re.sub(r"(?<=:\d\d) *, *(?=\d)", ",", text)
    return re.sub(r"(?<![\d:])(\d:\d\d)\b", r"0\1", text)


def _rule_of_lone_times(part: str, table: Table) -> str | None:
    """`We 08:00`, `Th 08:30-12:00-13:30`, `Mo 14:00-14:00`: what is left of a rule whose times do not pair.

    Returns the rule saying the day is open at unknown times, or None when the rule is something else.
    """
    match = re.fullmatch(rf"((?:{_DAY}|PH)(?:[-,](?:{_DAY}|PH))*) ([\d:,\- ]+)", part)
    if not match:
        return None
    items = [item.strip() for item in match[2].split(",")]
    if all(re.fullmatch(r"\d\d:\d\d-\d\d:\d\d", item) for item in items):
        return None
    table.rule("heure-isolee")
    return f"{match[1]} unknown"


def _without_empty(rule: notation.Rule, source: str, table: Table) -> notation.Rule:
    """Drop the slots whose end is their start (`14:00-14:00`), which the notation reads as a whole day."""
    pairs = re.findall(r"(\d\d:\d\d)-(\d\d:\d\d)", source)
    if not any(a == b for a, b in pairs):
        return rule
    table.rule("plage-vide")
    kept = tuple(span for span in rule.spans if span[1] - span[0] < MIDNIGHT)
    return replace(rule, spans=kept) if kept else replace(rule, state="unknown", spans=())


def read_osm(text: str, table: Table) -> str | None:
    """A string claimed OSM -> a valid, canonical one; None when it cannot be repaired. `table` notes the rules."""
    current = unescape(text, table)
    for name, repair in _REPAIRS:
        repaired = repair(current)
        if repaired != current:
            table.rule(name)
            current = repaired
    current = _tidy(current)
    parts = []
    for additional, part in notation.split(current):
        parts.append((additional, part, _rule_of_lone_times(part, table) or part))
    current = "".join((", " if extra else "; ") + part for extra, _, part in parts)[2:]
    rules = notation.parse(current)
    if rules is None:
        return current if current and not _looks_french(current) and validate(current) else None
    rules = tuple(_without_empty(rule, source, table) for rule, (_, source, _) in zip(rules, parts, strict=True))
    if all(rule.state == "unknown" for rule in rules):
        return None
    times = sum(len(re.findall(r"\d\d:\d\d-", kept)) for _, _, kept in parts)
    if sum(len(rule.spans) for rule in rules) < times and "plage-vide" not in table.rules:
        table.rule("plages-fusionnees")
    written = notation.write(rules)
    return written if validate(written) else None


def _looks_french(text: str) -> bool:
    """True when the text holds words, outside quotes, that no OSM string has."""
    bare = re.sub(r'"[^"]*"', "", text)
    known = {*DAYS, *MONTHS, "off", "closed", "open", "unknown", "week", "easter", "sunrise", "sunset", "dawn", "dusk"}
    return any(word not in known for word in _WRITTEN.findall(bare))
