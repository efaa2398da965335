"""Opening time within reach, against every minute of the week counted one by one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.referentiel.hours import WeeklySlot, intervals, weekly_hours
from assets.tension.opening import Opening, Week, opening
from assets.tension.pairs import Pairs
from pipeline.foundations.errors import WrongUse


def all_pairs(seconds: list[list[int]]) -> Pairs:
    """Every pair, from seconds by origin and counter."""
    times = np.array(seconds, dtype=np.int32)
    n, c = times.shape
    counter, origin = np.repeat(np.arange(c), n), np.tile(np.arange(n), c)
    return Pairs(origin.astype(np.int32), counter.astype(np.int32), times.T.ravel().copy(), n, c)


def reach(*hours: str | None) -> Opening:
    """What one home next to counters of these hours has."""
    week = Week.of([intervals(h) if h else None for h in hours])
    return opening(all_pairs([[60] * len(hours)]), week, 600)


def test_parallel_hours_add_nothing_and_others_do():
    alone = reach("Mo-Fr 09:00-12:00").hours[0]
    assert alone == pytest.approx(15)
    assert reach("Mo-Fr 09:00-12:00", "Tu 09:00-12:00").hours[0] == pytest.approx(15)
    assert reach("Mo-Fr 09:00-12:00", "Tu 14:00-17:00").hours[0] == pytest.approx(18)
    assert reach("Mo-Fr 09:00-12:00", "Tu 11:00-13:30").hours[0] == pytest.approx(16.5)


def test_days_with_an_open_counter():
    assert reach("Mo-Fr 09:00-12:00", "Tu 14:00-17:00", "Sa 10:00-11:00").days[0] == pytest.approx(6)
    assert reach("Mo[1] 09:00-12:00").days[0] == pytest.approx(12 / 52.18, abs=2e-3)


def test_weeks_in_common_are_taken_as_independent():
    """Two permanences every other week: 1 − ½ · ½ of the weeks; one beside a counter always open adds nothing."""
    half = [WeeklySlot(1, 540, 720, 0.5)]
    pairs = all_pairs([[1, 1]])
    assert opening(pairs, Week.of([half, half]), 60).hours[0] == pytest.approx(3 * 0.75)
    always = [WeeklySlot(1, 540, 660, 1.0)]
    assert opening(pairs, Week.of([half, always]), 60).hours[0] == pytest.approx(2 + 0.5)
    assert opening(pairs, Week.of([half, always]), 60).days[0] == pytest.approx(1)


WRITTEN = ["Mo-Fr 08:42-12:07", "Mo[1] 09:00-12:00; We 14:00-16:30", "24/7", "week 01-53/2 Tu 09:00-12:00"]


@pytest.mark.parametrize("text", WRITTEN)
def test_one_counter_alone_has_its_weekly_hours(text):
    assert reach(text).hours[0] == pytest.approx(weekly_hours(text), abs=0.01)


def test_the_threshold_and_the_unknown():
    week = Week.of([intervals("Mo 09:00-12:00"), None])
    found = opening(all_pairs([[600, 600], [601, 600], [601, 601]]), week, 600)
    assert found.hours[0] == pytest.approx(3)
    assert np.isnan(found.hours[1])  # only a counter of unknown hours around
    assert np.isnan(found.days[1])
    assert found.hours[2] == 0  # none at all
    assert found.known[:2].tolist() == [0.5, 0]
    assert np.isnan(found.known[2])


def test_nothing_gives_nothing():
    none = np.zeros(0, dtype=np.int32)
    for known in (None, [WeeklySlot(0, 0, 60, 1.0)]):
        found = opening(Pairs(none, none, none, 2, 1), Week.of([known]), 60)
        assert found.hours.tolist() == [0, 0]
    assert opening(Pairs(none, none, none, 0, 0), Week.of([]), 60).hours.shape == (0,)


@st.composite
def slots(draw: st.DrawFn) -> list[WeeklySlot] | None:
    """Slots of a counter, not overlapping, at any minute."""
    if draw(st.integers(0, 5)) == 0:
        return None
    made = []
    for day in draw(st.lists(st.integers(0, 6), unique=True, min_size=1, max_size=3)):
        bounds = sorted(draw(st.lists(st.integers(0, 1440), unique=True, min_size=2, max_size=4)))
        for start, end in zip(bounds[::2], bounds[1::2], strict=False):
            made.append(WeeklySlot(day, start, end, draw(st.sampled_from([1.0, 1.0, 0.5, 0.23]))))
    return made


@settings(max_examples=60, deadline=None)
@given(counters=st.lists(slots(), min_size=1, max_size=5), data=st.data())
def test_it_is_every_minute_counted(counters, data):
    n, c = data.draw(st.integers(1, 3)), len(counters)
    seconds = data.draw(st.lists(st.lists(st.integers(0, 900), min_size=c, max_size=c), min_size=n, max_size=n))
    found = opening(all_pairs(seconds), Week.of(counters), 600)
    for i in range(n):
        near = [j for j in range(c) if seconds[i][j] <= 600]
        known = [j for j in near if counters[j]]
        assert near == [] or found.known[i] == len(known) / len(near)
        if near and not known:
            assert math.isnan(found.hours[i])
            continue
        closed = np.ones((7, 1440))
        days = np.ones(7)
        for j in known:
            best = [0.0] * 7
            for day, start, end, weight in counters[j]:
                closed[day, start:end] *= 1 - weight
                best[day] = max(best[day], weight)
            days *= 1 - np.array(best)
        assert found.hours[i] == pytest.approx((1 - closed).sum() / 60)
        assert found.days[i] == pytest.approx(7 - days.sum())


@settings(max_examples=30, deadline=None)
@given(counters=st.lists(slots(), min_size=2, max_size=5), limits=st.tuples(*[st.integers(0, 900)] * 2), data=st.data())
def test_a_wider_threshold_never_opens_less(counters, limits, data):
    row = data.draw(st.lists(st.integers(0, 900), min_size=len(counters), max_size=len(counters)))
    week = Week.of(counters)
    narrow, wide = (opening(all_pairs([row]), week, limit) for limit in sorted(limits))
    assert np.isnan(wide.hours[0]) or np.nan_to_num(narrow.hours[0]) <= wide.hours[0] + 1e-9
    assert np.isnan(wide.days[0]) or np.nan_to_num(narrow.days[0]) <= wide.days[0] + 1e-9


@pytest.mark.parametrize(
    ("slots_of_one", "message"),
    [
        ([WeeklySlot(7, 0, 60, 1.0)], "counter 0: day 7, 0 to 60, weight 1"),
        ([WeeklySlot(0, 60, 60, 1.0)], "60 to 60"),
        ([WeeklySlot(0, 0, 1500, 1.0)], "0 to 1500"),
        ([WeeklySlot(0, 0, 60, 0.0)], "weight 0"),
        ([WeeklySlot(0, 0, 60, math.nan)], "weight nan"),
        ([WeeklySlot(0, 30, 90, 1.0), WeeklySlot(0, 0, 60, 0.5)], "slots of a counter that do not overlap"),
    ],
)
def test_bad_slots_are_refused(slots_of_one, message):
    with pytest.raises(WrongUse, match=message):
        Week.of([slots_of_one])


def test_the_week_of_other_counters_is_refused():
    with pytest.raises(WrongUse, match="expected 2 counters, as the pairs; found 1"):
        opening(all_pairs([[1, 1]]), Week.of([None]), 60)
