"""Inequality of access against definitions written in other words, on people counted one by one."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tension.equity import concentration, erreygers, fgt, gini, known_share, palma, theil
from pipeline.foundations.errors import WrongUse

NAN, INF = math.nan, math.inf
goods = st.lists(st.integers(0, 50), min_size=1, max_size=8)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


@st.composite
def populations(draw: st.DrawFn):
    good = draw(goods)
    n = len(good)
    people = draw(st.lists(st.integers(1, 5), min_size=n, max_size=n))
    income = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    return floats(*good), floats(*income), floats(*people)


def one_by_one(values: np.ndarray, people: np.ndarray) -> list[float]:
    return [v for v, p in zip(values.tolist(), people.tolist(), strict=True) for _ in range(int(p))]


@settings(max_examples=100, deadline=None)
@given(populations())
def test_gini_is_half_the_mean_difference_over_the_mean(case):
    good, _, people = case
    each = one_by_one(good, people)
    mean = sum(each) / len(each)
    found = gini(good, people)
    if mean == 0:
        assert math.isnan(found)
        return
    difference = sum(abs(a - b) for a in each for b in each) / len(each) ** 2
    assert found == pytest.approx(difference / (2 * mean), abs=1e-12)


def test_gini_by_hand():
    assert gini(floats(3, 3), floats(1, 9)) == pytest.approx(0)
    assert gini(floats(0, 1), floats(3, 1)) == pytest.approx(0.75)


@settings(max_examples=100, deadline=None)
@given(populations())
def test_concentration_is_two_covariances_over_the_mean(case):
    good, income, people = case
    each, money = one_by_one(good, people), one_by_one(income, people)
    n, mean = len(each), sum(each) / len(each)
    found = concentration(good, income, people)
    if mean == 0:
        assert math.isnan(found)
        return
    rank = [(sum(m < own for m in money) + sum(m == own for m in money) / 2) / n for own in money]
    middle = sum(rank) / n
    covariance = sum((a - mean) * (r - middle) for a, r in zip(each, rank, strict=True)) / n
    assert found == pytest.approx(2 * covariance / mean, abs=1e-12)
    assert erreygers(good, income, people, (0, 50)) == pytest.approx(4 * 2 * covariance / 50, abs=1e-12)


def test_concentration_over_the_good_itself_is_gini():
    good, people = floats(4, 1, 9, 2), floats(3, 5, 1, 2)
    assert concentration(good, good, people) == pytest.approx(gini(good, people))
    assert concentration(good, -good, people) == pytest.approx(-gini(good, people))


@settings(max_examples=100, deadline=None)
@given(populations())
def test_palma_counts_tenths_of_people(case):
    good, income, people = case
    # Ten copies of each person, so that bounds fall between people; those of one income share alike.
    each = sorted((m, a) for m, a in zip(one_by_one(income, people * 10), one_by_one(good, people * 10), strict=True))
    shared = {m: np.mean([a for own, a in each if own == m]) for m, _ in each}
    owned = [shared[m] for m, _ in each]
    low, high = owned[: len(owned) * 4 // 10], owned[len(owned) * 9 // 10 :]
    found = palma(good, income, people)
    if np.mean(low) == 0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(np.mean(high) / np.mean(low))


def test_a_bound_inside_a_cell_takes_its_part():
    """Half the people poor (good 1), half rich (good 3): 3. One cell for all: 1."""
    assert palma(floats(1, 3), floats(0, 1), floats(5, 5)) == pytest.approx(3)
    assert palma(floats(7), floats(1), floats(3)) == pytest.approx(1)


@settings(max_examples=100, deadline=None)
@given(populations())
def test_theil_is_the_sum_of_its_parts(case):
    good, groups, people = case
    labels = pl.Series([None if g == 0 else f"2000{g:.0f}" for g in groups.tolist()], dtype=pl.String)
    between, within = theil(good, people, labels)
    each, of = one_by_one(good, people), one_by_one(groups, people)
    mean = sum(each) / len(each)
    if mean == 0:
        assert math.isnan(between)
        assert math.isnan(within)
        return

    def index(values: list[float], average: float) -> float:
        return sum(v / average * math.log(v / average) for v in values if v) / len(values)

    inside = 0.0
    means = []
    for group in set(of):
        mine = [v for v, g in zip(each, of, strict=True) if g == group]
        average = sum(mine) / len(mine)
        means += [average] * len(mine)
        inside += sum(mine) / sum(each) * index(mine, average) if average else 0
    assert within == pytest.approx(inside, abs=1e-9)
    assert between == pytest.approx(index(means, mean), abs=1e-9)
    assert between >= -1e-12
    assert within >= -1e-9


def test_fgt_by_hand():
    """Line of 20 min: 20 is within, 30 is half a line beyond, 90 and no way at all are at the cap."""
    seconds, people = floats(20, 30, 90, INF, NAN) * 60, floats(40, 20, 20, 20, 900)
    assert fgt(seconds, people, 20, [0, 1, 2], 1) == pytest.approx([0.6, 0.2 * 0.5 + 0.4, 0.2 * 0.25 + 0.4])
    assert fgt(seconds, people, 20, [1], 2) == pytest.approx([0.2 * 0.5 + 0.4 * 2])
    assert known_share(people, seconds) == pytest.approx(0.1)


@settings(max_examples=50, deadline=None)
@given(times=st.lists(st.integers(0, 7200), min_size=1, max_size=8), lines=st.tuples(*[st.integers(1, 90)] * 2))
def test_a_farther_line_never_leaves_more_people_beyond(times, lines):
    seconds, people = floats(*times), np.ones(len(times))
    near, far = (fgt(seconds, people, line, [0, 1, 2], 1) for line in sorted(lines))
    assert all(f <= n + 1e-12 for n, f in zip(near, far, strict=True))
    assert near[0] >= near[1] >= near[2] >= 0
    assert near[0] == pytest.approx(1 - np.mean(seconds <= 60 * min(lines)))


@settings(max_examples=50, deadline=None)
@given(populations(), st.floats(0.1, 100))
def test_units_of_good_and_people_do_not_matter(case, scale):
    good, income, people = case
    if good.sum() == 0:
        return
    for measure in (
        lambda g, p: gini(g, p),
        lambda g, p: concentration(g, income, p),
        lambda g, p: theil(g, p, pl.Series(income))[0],
    ):
        assert measure(good * scale, people * 3) == pytest.approx(measure(good, people), abs=1e-9)


def test_the_unknown_is_left_out():
    good, people = floats(1, 3, NAN, 5), floats(2, 2, 4, NAN)
    assert gini(good, people) == pytest.approx(gini(floats(1, 3), floats(2, 2)))
    assert known_share(people, good) == pytest.approx(0.5)
    assert palma(good, floats(0, 1, 0, 1), people) == pytest.approx(3)


@pytest.mark.parametrize("people", [floats(), floats(0, 0), floats(NAN, NAN)])
def test_nobody_gives_nothing(people):
    good = np.ones(len(people))
    results = [gini(good, people), palma(good, good, people), concentration(good, good, people)]
    results += [erreygers(good, good, people, (0, 1)), *theil(good, people, pl.Series(good)), known_share(people, good)]
    results += fgt(good, people, 20, [0, 1], 1)
    assert all(math.isnan(r) for r in results)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gini(floats(-1, 2), floats(1, 1)), "a good: expected 0 or more, NaN when unknown; found -1"),
        (lambda: gini(floats(INF, 2), floats(1, 1)), "a good: .* found inf"),
        (lambda: gini(floats(1, 2), floats(1, -3)), "people: .* found -3"),
        (lambda: fgt(floats(-5), floats(1), 20, [0], 1), "times: expected 0 or more; found -5"),
        (lambda: fgt(floats(5), floats(1), 0, [0], 1), "FGT: expected a line and a cap"),
        (lambda: erreygers(floats(120), floats(1), floats(1), (0, 100)), "a good: expected values from 0 to 100"),
    ],
)
def test_bad_values_are_refused(call, message):
    with pytest.raises(WrongUse, match=message):
        call()
