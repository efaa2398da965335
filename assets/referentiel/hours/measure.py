"""Weekly opening time: the measure of the union of the intervals over a mean week (METHODS 4.2).

The reference is the 28 years 2001-2028, after which the calendar repeats: 1,461 whole weeks. A mean week over them
gives an nth weekday 12/52.18, months their share of the year, a date without year one day in 365.25.

- Alternate weeks weigh ½: a string that names weeks is measured without the 53rd weeks.
- Public and school holidays are neither taken off nor added: it is an ordinary week.
- Dated sessions: their hours over the weeks of the observation window. Without a year they come back every year and
  the window is the year; with years, it is the whole calendar years from the first to the last. A shorter window
  would give two sessions a week apart the weight of a weekly one. One-off closures (with a year) are left out.
- OSM semantics hold: a rule after `;` replaces, on the days it speaks of, what came before; after `,` it adds.
- A string with opening at unknown times has no measure (None), as has a string of holidays only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from opening_hours import OpeningHours, State

from assets.referentiel.hours import osm as notation
from assets.referentiel.hours.model import MIDNIGHT, Span, merge, subtract

#: First day (a Monday) and number of days of the reference cycle.
CYCLE_START: Final = date(2001, 1, 1)
CYCLE_DAYS: Final = 28 * 365 + 7
_YEAR: Final = re.compile(r"\b(?:19|20)\d\d\b")

Mask = npt.NDArray[np.bool_]
#: For each weekday, the day patterns met (unions of spans, None when unknown) and the share of weeks of each.
Profile = Mapping[int, Mapping[tuple[Span, ...] | None, float]]


class WeeklySlot(NamedTuple):
    """An interval of a weekday (0 = Monday; minutes) and the share of weeks in which it is open."""

    day: int
    start: int
    end: int
    weight: float


class _Calendar(NamedTuple):
    weekday: npt.NDArray[np.int64]
    monthday: npt.NDArray[np.int64]  # month × 100 + day
    rank: npt.NDArray[np.int64]  # rank of the weekday in its month, from 1
    rank_from_end: npt.NDArray[np.int64]  # from -1
    week: npt.NDArray[np.int64]  # ISO week


@lru_cache(maxsize=1)
def _calendar() -> _Calendar:
    days = [CYCLE_START + timedelta(days=n) for n in range(CYCLE_DAYS)]
    last = [((d.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day for d in days]
    return _Calendar(
        np.array([d.weekday() for d in days]),
        np.array([d.month * 100 + d.day for d in days]),
        np.array([(d.day - 1) // 7 + 1 for d in days]),
        np.array([-((length - d.day) // 7 + 1) for d, length in zip(days, last, strict=True)]),
        np.array([d.isocalendar().week for d in days]),
    )


@lru_cache(maxsize=4096)
def _mask(rule: notation.Rule) -> Mask:
    """Days of the cycle a rule speaks of."""
    calendar = _calendar()
    mask = np.ones(CYCLE_DAYS, dtype=np.bool_)
    if rule.days:
        chosen = np.zeros(CYCLE_DAYS, dtype=np.bool_)
        for day, ranks in rule.days:
            of_day = calendar.weekday == day
            if ranks:
                of_day &= np.isin(calendar.rank, ranks) | np.isin(calendar.rank_from_end, ranks)
            chosen |= of_day
        mask &= chosen
    if rule.dates:
        chosen = np.zeros(CYCLE_DAYS, dtype=np.bool_)
        for first_month, first_day, last_month, last_day in rule.dates:
            low, high = first_month * 100 + (first_day or 1), last_month * 100 + (last_day or 31)
            after, before = calendar.monthday >= low, calendar.monthday <= high
            chosen |= (after & before) if low <= high else (after | before)
        mask &= chosen
    if rule.weeks:
        chosen = np.zeros(CYCLE_DAYS, dtype=np.bool_)
        for first, last, step in rule.weeks:
            chosen |= (calendar.week >= first) & (calendar.week <= last) & ((calendar.week - first) % step == 0)
        mask &= chosen
    return mask


def _day_pattern(rules: Iterable[notation.Rule]) -> tuple[Span, ...] | None:
    """What the rules that speak of a day make of it, in order; None when it is open at unknown times."""
    spans: tuple[Span, ...] = ()
    unknown = False
    for rule in rules:
        if rule.state == "off":
            spans = subtract(spans, rule.spans) if rule.spans else ()
            unknown = unknown and bool(rule.spans)
        elif rule.state == "unknown":
            unknown = True
        else:
            own = rule.spans or ((0, MIDNIGHT),)
            spans = merge((*spans, *own)) if rule.additional else own
            unknown = unknown and rule.additional
    return None if unknown else spans


def _plain_profile(rules: tuple[notation.Rule, ...]) -> Profile:
    """Profile when rules speak of weekdays only: every week is the same."""
    profile = {}
    for day in range(7):
        on_day = [r for r in rules if not r.days or any(d == day for d, _ in r.days)]
        profile[day] = {_day_pattern(on_day): 1.0}
    return profile


def _cycle_profile(rules: tuple[notation.Rule, ...]) -> Profile:
    calendar = _calendar()
    signature = np.zeros(CYCLE_DAYS, dtype=np.int64)
    for position, rule in enumerate(rules):
        signature |= _mask(_selectors(rule)).astype(np.int64) << position
    counted = np.ones(CYCLE_DAYS, dtype=np.bool_)
    if any(rule.weeks for rule in rules):
        counted = calendar.week != 53
    profile: dict[int, dict[tuple[Span, ...] | None, float]] = {}
    for day in range(7):
        values, counts = np.unique(signature[counted & (calendar.weekday == day)], return_counts=True)
        shares: dict[tuple[Span, ...] | None, float] = {}
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            pattern = _day_pattern(rule for position, rule in enumerate(rules) if value >> position & 1)
            shares[pattern] = shares.get(pattern, 0.0) + count / int(counts.sum())
        profile[day] = shares
    return profile


def _selectors(rule: notation.Rule) -> notation.Rule:
    """The rule reduced to what chooses its days, so that masks are shared."""
    return notation.Rule(rule.dates, rule.weeks, rule.days)


def _states(text: str, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime, State]]:
    """What the strict parser says from one date to another, year by year: it stops at the first gap of over a year."""
    evaluator = OpeningHours(text)
    for year in range(first.year, last.year):
        stop = datetime(year + 1, 1, 1)
        for start, end, state, _ in evaluator.intervals(datetime(year, 1, 1), stop):
            yield start, min(end or stop, stop), state


def _evaluated_profile(text: str) -> Profile | None:
    """Profile read from the strict parser itself, for what `osm` does not handle: nights, years, other selectors."""
    years = [int(year) for year in _YEAR.findall(text)]
    first = datetime(min(years), 1, 1) if years else datetime.combine(CYCLE_START, datetime.min.time())
    last = datetime(max(years) + 1, 1, 1) if years else first + timedelta(days=CYCLE_DAYS)
    by_day: dict[date, list[Span]] = {}
    for start, end, state in _states(text, first, last):
        if state == State.UNKNOWN:
            return None
        if state != State.OPEN:
            continue
        while start < end:
            midnight = datetime.combine(start.date() + timedelta(days=1), datetime.min.time())
            piece = min(end, midnight)
            minutes = int((piece - datetime.combine(start.date(), datetime.min.time())).total_seconds() // 60)
            by_day.setdefault(start.date(), []).append((start.hour * 60 + start.minute, minutes))
            start = piece
    weeks = (last - first).days / 7
    profile: dict[int, dict[tuple[Span, ...] | None, float]] = {day: {} for day in range(7)}
    for day, spans in by_day.items():
        shares = profile[day.weekday()]
        pattern = merge(spans)
        shares[pattern] = shares.get(pattern, 0.0) + 1 / weeks
    return profile


@lru_cache(maxsize=65536)
def _profile(text: str) -> Profile | None:
    rules = notation.parse(text)
    if rules is None:
        kept = [
            (additional, part)
            for additional, part in notation.split(text)
            if not (_YEAR.search(part) and re.search(r"\b(?:off|closed)\b", part))
        ]
        kept_text = "".join((", " if extra else "; ") + part for extra, part in kept)[2:]
        return _evaluated_profile(kept_text) if kept_text else None
    rules = tuple(rule for rule in rules if not rule.holidays_only)
    if not any(rule.state != "off" for rule in rules):
        return None
    if any(end > MIDNIGHT for rule in rules for _, end in rule.spans) or len(rules) > 60:
        return _evaluated_profile(text)
    if all(not rule.dates and not rule.weeks and not any(ranks for _, ranks in rule.days) for rule in rules):
        return _plain_profile(rules)
    return _cycle_profile(rules)


def weekly_hours(osm: str | None) -> float | None:
    """Hours per week of a valid OSM string, two decimals; None when there is none or its times are not known.

    Args:
        osm: a string the strict parser accepts, as `interpret` returns it.
    """
    profile = _profile(osm) if osm else None
    if profile is None:
        return None
    total = 0.0
    for shares in profile.values():
        for pattern, share in shares.items():
            if pattern is None:
                return None
            total += share * sum(end - start for start, end in pattern)
    return round(total / 60, 2) or None  # a string that never opens says nothing of opening


def intervals(osm: str | None) -> list[WeeklySlot]:
    """Weekly slots of a valid OSM string, sorted: on which days, between which minutes, in what share of the weeks.

    For questions such as "open on Saturday", "after 17 h". Days open at unknown times yield nothing.
    """
    profile = _profile(osm) if osm else None
    slots: list[WeeklySlot] = []
    for day, shares in sorted((profile or {}).items()):
        bounds = sorted({bound for pattern in shares if pattern for span in pattern for bound in span})
        for start, end in pairwise(bounds):
            weight = sum(
                share
                for pattern, share in shares.items()
                if pattern and any(s <= start and end <= e for s, e in pattern)
            )
            weight = round(weight, 4)
            if not weight:
                continue
            if slots and slots[-1].day == day and slots[-1].end == start and slots[-1].weight == weight:
                slots[-1] = slots[-1]._replace(end=end)
            else:
                slots.append(WeeklySlot(day, start, end, weight))
    return slots
