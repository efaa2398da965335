"""The part of OSM `opening_hours` the feeds use, as typed rules: strict reading, canonical writing.

No repair is done here (see `parse_osm`). What is outside this part of the notation (sunrise, easter, fallback rules,
years…) is not an error: `parse` returns None and the caller leans on the strict parser.
Source: https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification
"""

import re
from dataclasses import dataclass
from typing import Final

from assets.referentiel.hours.model import (
    DAYS,
    MIDNIGHT,
    MONTHS,
    Span,
    clock,
    day_selector,
    merge,
)

_DAY = "|".join(DAYS)
_MONTH = "|".join(MONTHS)
_DAY_ITEM = rf"(?:(?:{_DAY})\[-?\d(?:[,-]-?\d)*\]|(?:{_DAY})-(?:{_DAY})|{_DAY}|PH|SH)"
_DATE_ITEM = rf"(?:(?:{_MONTH})(?: \d{{1,2}})?(?:-(?:(?:{_MONTH})(?: \d{{1,2}})?|\d{{1,2}}))?)"
_WEEK_ITEM = r"\d{1,2}(?:-\d{1,2}(?:/\d{1,2})?)?"
_TIME = r"\d{1,2}:[0-5]\d-\d{1,2}:[0-5]\d"
_RULE: Final = re.compile(
    rf"(?:(?P<dates>{_DATE_ITEM}(?:,{_DATE_ITEM})*):? ?)?"
    rf"(?:week ?(?P<weeks>{_WEEK_ITEM}(?:,{_WEEK_ITEM})*) ?)?"
    rf"(?P<days>{_DAY_ITEM}(?:,{_DAY_ITEM})*)? ?"
    rf"(?P<times>{_TIME}(?: ?, ?{_TIME})*)? ?"
    r"(?P<state>off|closed|open|unknown)?"
    r"(?: ?\"(?P<comment>[^\"]*)\")?"
)
_DATE: Final = re.compile(
    rf"(?P<m1>{_MONTH})(?: (?P<d1>\d{{1,2}}))?(?:-(?:(?P<m2>{_MONTH})(?: (?P<d2>\d{{1,2}}))?|(?P<d3>\d{{1,2}})))?"
)
#: Between rules: `;`, or a comma after times, a state or a comment, before a selector.
_SEPARATOR: Final = re.compile(
    rf"\s*(;)\s*|(?:(?<=:\d\d)|(?<=off)|(?<=closed)|(?<=open)|(?<=unknown)|(?<=\"))\s*(,)\s*(?=(?:{_DAY}|{_MONTH}|week|PH|SH)\b)"
)

#: (first month, first day or 0, last month, last day or 0); 0 stands for the whole month.
DateRange = tuple[int, int, int, int]
WeekRange = tuple[int, int, int]
#: Weekday and its ranks in the month (empty: every week).
DayChoice = tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Rule:
    """One rule. Empty selectors mean "always"; `additional` is what follows a comma instead of a semicolon."""

    dates: tuple[DateRange, ...] = ()
    weeks: tuple[WeekRange, ...] = ()
    days: tuple[DayChoice, ...] = ()
    holidays: tuple[str, ...] = ()  # PH, SH
    spans: tuple[Span, ...] = ()
    state: str = "open"  # open | off | unknown
    comment: str = ""
    additional: bool = False

    @property
    def holidays_only(self) -> bool:
        """True when the rule speaks of holidays alone, hence of no ordinary week."""
        return bool(self.holidays) and not self.days


def split(text: str) -> list[tuple[bool, str]]:
    """Cut a string into rules, each with True when it is additional. Quoted comments are left whole."""
    parts: list[tuple[bool, str]] = []
    additional, start = False, 0
    for match in _SEPARATOR.finditer(text):
        if text.count('"', 0, match.start()) % 2:
            continue
        parts.append((additional, text[start : match.start()].strip()))
        additional, start = match[2] is not None, match.end()
    parts.append((additional, text[start:].strip()))
    return parts


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _spans(text: str) -> tuple[Span, ...] | None:
    spans: list[Span] = []
    for item in text.split(","):
        first, last = (_minutes(t) for t in item.strip().split("-"))
        if last <= first:
            last += MIDNIGHT
        if first >= MIDNIGHT or last > 2 * MIDNIGHT or last - first > MIDNIGHT:
            return None
        spans.append((first, last))
    return merge(spans)


def _days(text: str) -> tuple[tuple[DayChoice, ...], tuple[str, ...]] | None:
    plain: set[int] = set()
    ranked: dict[int, list[int]] = {}
    holidays: list[str] = []
    for item in re.findall(_DAY_ITEM, text):
        if item in ("PH", "SH"):
            holidays.append(item)
        elif "[" in item:
            day, ranks = item[:-1].split("[")
            for rank in ranks.split(","):
                if re.fullmatch(r"\d-\d", rank):
                    low, high = (int(r) for r in rank.split("-"))
                    ranked.setdefault(DAYS.index(day), []).extend(range(low, high + 1))
                else:
                    ranked.setdefault(DAYS.index(day), []).append(int(rank))
        else:
            first, _, last = item.partition("-")
            low, high = DAYS.index(first), DAYS.index(last or first)
            plain.update(range(low, high + 1) if low <= high else [*range(low, 7), *range(high + 1)])
    if any(not 1 <= abs(rank) <= 5 for ranks in ranked.values() for rank in ranks):
        return None
    choices = [(day, ()) for day in sorted(plain)]
    ordered = [(day, tuple(sorted(set(r), key=lambda n: (n < 0, n)))) for day, r in sorted(ranked.items())]
    return (*choices, *ordered), tuple(dict.fromkeys(holidays))


def _dates(text: str) -> tuple[DateRange, ...] | None:
    ranges: list[DateRange] = []
    for match in _DATE.finditer(text):
        first_month, first_day = MONTHS.index(match["m1"]) + 1, int(match["d1"] or 0)
        if match["m2"]:
            last_month, last_day = MONTHS.index(match["m2"]) + 1, int(match["d2"] or 0)
            if bool(first_day) != bool(last_day):
                return None
        elif match["d3"]:
            last_month, last_day = first_month, int(match["d3"])
        else:
            last_month, last_day = first_month, first_day
        if first_day > 31 or last_day > 31:
            return None
        ranges.append((first_month, first_day, last_month, last_day))
    return tuple(ranges)


def _rule(text: str, additional: bool) -> Rule | None:
    match = _RULE.fullmatch(text)
    if not text or not match:
        return None
    spans = _spans(match["times"]) if match["times"] else ()
    days = _days(match["days"]) if match["days"] else ((), ())
    dates = _dates(match["dates"]) if match["dates"] else ()
    weeks: list[WeekRange] = []
    for item in (match["weeks"] or "").split(","):
        if item:
            first, last, step = re.fullmatch(r"(\d+)(?:-(\d+)(?:/(\d+))?)?", item).groups()  # type: ignore[union-attr]
            weeks.append((int(first), int(last or first), int(step or 1)))
    if any(not (1 <= a <= b <= 53 and step) for a, b, step in weeks):
        return None
    if spans is None or days is None or dates is None or (not match["state"] and match["comment"] and not spans):
        return None
    state = {"closed": "off", None: "open"}.get(match["state"], match["state"] or "open")
    comment = match["comment"] or ""
    if not (spans or days[0] or days[1] or dates or weeks):
        return None
    return Rule(dates, tuple(weeks), days[0], days[1], spans, state, comment, additional)


def parse(text: str) -> tuple[Rule, ...] | None:
    """Rules of a string; None when part of it is outside the notation handled here."""
    rules = [_rule(part, additional) for additional, part in split(text)]
    return None if any(rule is None for rule in rules) else tuple(rule for rule in rules if rule)


def _write_date(date: DateRange) -> str:
    first_month, first_day, last_month, last_day = date
    first = f"{MONTHS[first_month - 1]} {first_day:02d}" if first_day else MONTHS[first_month - 1]
    last = f"{MONTHS[last_month - 1]} {last_day:02d}" if last_day else MONTHS[last_month - 1]
    return first if first == last else f"{first}-{last}"


def _write_week(week: WeekRange) -> str:
    first, last, step = week
    text = f"{first:02d}" if first == last else f"{first:02d}-{last:02d}"
    return f"{text}/{step}" if step > 1 else text


def write_rule(rule: Rule) -> str:
    """One rule in canonical form, without its separator."""
    plain = [day for day, ranks in rule.days if not ranks]
    days = [day_selector(plain)] if plain else []
    days += [day_selector([day], ranks) for day, ranks in rule.days if ranks]
    parts = [
        ",".join(_write_date(date) for date in rule.dates),
        "week " + ",".join(_write_week(week) for week in rule.weeks) if rule.weeks else "",
        ",".join([*days, *rule.holidays]),
        ",".join(f"{clock(start)}-{clock(end, end=True)}" for start, end in rule.spans),
        rule.state if rule.state != "open" else "open" if rule.comment else "",
        f'"{rule.comment}"' if rule.comment else "",
    ]
    return " ".join(part for part in parts if part)


def write(rules: tuple[Rule, ...]) -> str:
    """Rules in canonical form: what `parse` reads back identically."""
    text = ""
    for position, rule in enumerate(rules):
        separator = "" if position == 0 else ", " if rule.additional else "; "
        text += separator + write_rule(rule)
    return text
