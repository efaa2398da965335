"""Weekly hours against an independent count: every minute the strict parser says is open, over the 28-year cycle."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opening_hours import OpeningHours, State, validate

from assets.referentiel.hours import interpret, intervals, level, weekly_hours
from assets.referentiel.hours.model import DAYS, MONTHS

START, END = datetime(2001, 1, 1), datetime(2029, 1, 1)


def counted(osm: str) -> float:
    """Open hours per week by the strict parser, an ISO week 53 left out when the string names weeks."""
    weeks_named = "week" in osm
    minutes = 0.0
    evaluator = OpeningHours(osm)
    for year in range(START.year, END.year):  # the parser stops at the first gap of over a year
        stop = datetime(year + 1, 1, 1)
        for start, end, state, _ in evaluator.intervals(datetime(year, 1, 1), stop):
            at = start
            while state == State.OPEN and at < min(end, stop):
                midnight = datetime.combine(at.date() + timedelta(days=1), datetime.min.time())
                piece = min(end, stop, midnight)
                if not (weeks_named and at.isocalendar().week == 53):
                    minutes += (piece - at).total_seconds() / 60
                at = piece
    days = [START + timedelta(days=n) for n in range((END - START).days)]
    weeks = sum(1 for d in days if not (weeks_named and d.isocalendar().week == 53)) / 7
    return minutes / 60 / weeks


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@st.composite
def _times(draw: st.DrawFn) -> str:
    count = draw(st.integers(1, 3))
    bounds = draw(st.lists(st.integers(0, 95), min_size=2 * count, max_size=2 * count, unique=True))
    ordered = [b * 15 for b in sorted(bounds)]
    return ",".join(f"{_clock(a)}-{_clock(b)}" for a, b in zip(ordered[::2], ordered[1::2], strict=True))


@st.composite
def _days(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 3)) == 0:
        ranks = draw(st.lists(st.sampled_from([1, 2, 3, 4, 5, -1]), min_size=1, max_size=2, unique=True))
        return f"{draw(st.sampled_from(DAYS))}[{','.join(map(str, ranks))}]"
    first, last = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    low, high = sorted((first, last))
    return DAYS[low] if low == high else f"{DAYS[low]}-{DAYS[high]}"


@st.composite
def _rules(draw: st.DrawFn) -> str:
    when = draw(st.sampled_from(["", "", "", "", "week 02-52/2 ", "week 01-53/2 ", "month", "dates"]))
    if when == "month":
        low, high = sorted((draw(st.integers(0, 11)), draw(st.integers(0, 11))))
        when = f"{MONTHS[low]}-{MONTHS[high]} " if low != high else f"{MONTHS[low]} "
    elif when == "dates":
        low, high = sorted((draw(st.integers(0, 11)), draw(st.integers(0, 11))))
        when = f"{MONTHS[low]} {draw(st.integers(1, 14)):02d}-{MONTHS[high]} {draw(st.integers(15, 28)):02d} "
    if draw(st.integers(0, 4)) == 0:
        return f"{when}{draw(_days())} off"
    return f"{when}{draw(_days())} {draw(_times())}"


@st.composite
def osm_strings(draw: st.DrawFn) -> str:
    text = draw(_rules())
    for _ in range(draw(st.integers(0, 3))):
        text += draw(st.sampled_from(["; ", "; ", ", "])) + draw(_rules())
    return text


@given(osm_strings())
@settings(max_examples=40, deadline=None)
def test_weekly_hours_is_the_strict_parsers_own_count(osm: str) -> None:
    assert validate(osm)
    expected = counted(osm)
    found = weekly_hours(osm)
    assert (found or 0.0) == pytest.approx(expected, abs=0.006)


@given(osm_strings())
@settings(max_examples=150, deadline=None)
def test_valid_strings_stay_valid_and_mean_the_same(osm: str) -> None:
    hours = interpret(osm, "osm")
    assert hours.osm is not None
    assert validate(hours.osm)
    assert hours.qualite == "exact"
    assert interpret(hours.osm, "osm").osm == hours.osm
    assert hours.heures_hebdo == weekly_hours(osm)


@given(osm_strings())
@settings(max_examples=100, deadline=None)
def test_intervals_sum_to_weekly_hours(osm: str) -> None:
    slots = intervals(osm)
    assert sum((s.end - s.start) * s.weight for s in slots) / 60 == pytest.approx(weekly_hours(osm) or 0.0, abs=0.02)
    assert all(0 < s.weight <= 1 and 0 <= s.start < s.end <= 1440 for s in slots)


@pytest.mark.parametrize(
    ("osm", "hours"),
    [
        ("Mo-Fr 09:00-12:00,14:00-17:00", 30.0),
        ("Mo-Fr 09:00-12:00, Mo 10:00-13:00", 16.0),  # the union, not the sum
        ("Mo-Fr 09:00-12:00,13:30-17:00; Tu 14:00-17:00", 29.0),  # a later rule replaces its days
        ("Mo-Fr 07:00-11:00; Tu,Th off", 12.0),
        ("Mo-Fr 09:00-17:00; We 12:00-14:00 off", 38.0),  # a closure with times takes out its times
        ("Fr[2] 14:00-16:00", 0.46),  # 2 h × 12 / 52.18
        ("Tu[1,3] 10:00-11:30", 0.69),
        ("Sa[-1] 09:00-12:00", 0.69),
        ("week 02-52/2 Mo 09:00-12:00", 1.5),  # alternate weeks weigh a half
        ("week 01-53/2 Mo 09:00-12:00", 1.5),
        ("Jan Mo[5] 00:00-00:45", 0.01),  # 12 times in 28 years
        ("easter 09:00-12:00", 0.06),  # outside the notation read here: measured by the strict parser
        ("Jan-Jun Mo 09:00-12:00", 1.49),
        ("Mo-Fr 09:00-12:00; Jul-Aug off", 12.45),
        ("May 14 09:00-12:00; Oct 07 09:00-12:00", 0.11),  # 6 h over the 52.18 weeks of the year
        ("2025 May 14 09:00-12:00", 0.06),  # over the year named
        ("2024 Mo 09:00-12:00; 2025 Mo off", 3.04),  # a closure of one year is left out
        ("Mo-Fr 09:00-12:00; PH off; SH off", 15.0),  # an ordinary week
        ("Mo 20:00-06:00", 10.0),
        ("24/7", 168.0),
        ("Mo 09:00-12:00; We unknown", None),
        ("Mo-Fr off", None),
        ("PH 09:00-12:00", None),
        (None, None),
    ],
)
def test_weekly_hours(osm: str | None, hours: float | None) -> None:
    assert weekly_hours(osm) == hours


def test_intervals_answer_questions_about_days_and_evenings() -> None:
    slots = intervals("Mo-Fr 09:00-12:00; Th 09:00-12:00,14:00-19:00; Sa[1] 09:00-12:00")
    saturday = [s for s in slots if s.day == 5]
    assert [(s.start, s.end, s.weight) for s in saturday] == [(540, 720, 0.23)]
    assert {s.day for s in slots if s.end > 17 * 60} == {3}


@pytest.mark.parametrize(
    ("hours", "name"),
    [
        (None, "Non connu"),
        (0.46, "Moins de 10h"),
        (9.99, "Moins de 10h"),
        (10.0, "Entre 10h et 24h"),
        (24.0, "Entre 10h et 24h"),
        (24.01, "Plus de 24h"),
    ],
)
def test_level(hours: float | None, name: str) -> None:
    assert level(hours) == name
