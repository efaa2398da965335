"""Siting against every choice tried one by one: objectives, closings, worst times, ties, and what is said of it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.scenarios.siting.bound import bounded
from assets.scenarios.siting.exact import Limits, terms
from assets.scenarios.siting.front import front
from assets.scenarios.siting.gains import Gains, Sizes
from assets.scenarios.siting.greedy import first_of_equals, greedy, swapped
from assets.scenarios.siting.problem import Problem
from assets.scenarios.siting.search import HEURISTIC, search
from assets.scenarios.siting.solve import OBJECTIVES, Ask, Impossible, solve
from assets.tension.pairs import Pairs
from pipeline.foundations.errors import WrongUse

CEILING_S = 900
TIMES = st.none() | st.integers(0, 40).map(lambda t: 30 * t)
BASES = st.integers(1, 40).map(lambda t: 30.0 * t) | st.just(np.inf) | st.just(np.nan)
WEIGHTS = st.sampled_from([0.0, 1.0, 2.5, 7.0, 100.3, np.nan])


def limits() -> Limits:
    return Limits(20, 10_000)


def problem_of(times, base, weights=None, candidates=None) -> Problem:
    """From seconds by origin and place; None where there is no way."""
    places = len(times[0])
    rows = sorted((j, i, t) for i, row in enumerate(times) for j, t in enumerate(row) if t is not None)
    place, origin, seconds = (np.array([r[k] for r in rows], dtype=np.int32) for k in range(3))
    pairs = Pairs(origin, place, seconds, len(times), places)
    people = np.ones(len(times)) if weights is None else np.array(weights, dtype=np.float64)
    return Problem(
        people, np.array(base, dtype=np.float64), pairs, places if candidates is None else candidates, CEILING_S
    )


@st.composite
def problems(draw) -> Problem:
    origins, candidates, closable = draw(st.integers(1, 7)), draw(st.integers(0, 5)), draw(st.integers(0, 4))
    if candidates + closable == 0:
        candidates = 1
    times = [[draw(TIMES) for _ in range(candidates + closable)] for _ in range(origins)]
    base = [draw(BASES) for _ in range(origins)]
    return problem_of(times, base, [draw(WEIGHTS) for _ in range(origins)], candidates)


@st.composite
def asked(draw) -> tuple[Problem, Ask]:
    problem = draw(problems())
    objective = draw(st.sampled_from(OBJECTIVES))
    worst = draw(st.none() | st.integers(5, 28).map(lambda t: 30 * t)) if objective != "pire-temps" else None
    threshold = 300 if objective == "couverture" else None
    opened, closed = draw(st.integers(0, problem.candidates)), draw(st.integers(0, problem.closable))
    return problem, Ask(objective, opened, closed, threshold, worst)


def objective_of(problem: Problem, ask: Ask, is_open) -> float | None:
    """Written in plain Python; None when somebody is left too far."""
    worst, total, covered = 0.0, 0.0, 0.0
    for i in range(problem.pairs.origins):
        weight, base = problem.weights[i], problem.base_s[i]
        if np.isnan(weight) or weight == 0 or np.isnan(base):
            continue
        mine = problem.pairs.origin == i
        every = [base, *problem.pairs.seconds[mine]]
        now = [base, *problem.pairs.seconds[mine & is_open[problem.pairs.counter]]]
        total += weight * min(min(now), CEILING_S)
        covered += weight if ask.threshold_s is not None and min(now) <= ask.threshold_s else 0
        if min(every) < CEILING_S:
            worst = max(worst, min(min(now), CEILING_S))
    if ask.worst_s is not None and worst > ask.worst_s:
        return None
    return {"p-median": total, "couverture": covered, "pire-temps": worst}[ask.objective]


def every_choice(problem: Problem, ask: Ask):
    for number in range(ask.opened + 1):
        for opened in combinations(range(problem.candidates), number):
            for closed in combinations(range(problem.candidates, problem.places), ask.closed):
                is_open = problem.untouched
                is_open[list(opened)] = True
                is_open[list(closed)] = False
                yield is_open


def best_of_all(problem: Problem, ask: Ask) -> float | None:
    values = [v for choice in every_choice(problem, ask) if (v := objective_of(problem, ask, choice)) is not None]
    return (max if ask.objective == "couverture" else min)(values) if values else None


@settings(max_examples=150, deadline=None)
@given(asked())
def test_the_choice_is_the_best_of_all(case):
    problem, ask = case
    best = best_of_all(problem, ask)
    if best is None:
        with pytest.raises(Impossible):
            solve(problem, ask, limits())
        return
    found = solve(problem, ask, limits())
    assert found.value == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert found.value == pytest.approx(objective_of(problem, ask, found.is_open(problem)))
    assert found.proven
    assert found.bound == pytest.approx(found.value, rel=1e-5, abs=1e-5)
    assert len(found.opened) <= ask.opened
    assert len(found.closed) == ask.closed


@settings(max_examples=80, deadline=None)
@given(problems(), st.data())
def test_greedy_and_swaps_never_beat_the_best_and_the_bound_holds(problem, data):
    opened, closed = data.draw(st.integers(0, problem.candidates)), data.draw(st.integers(0, problem.closable))
    gains = problem.closing(closed).time_gains()
    sizes = Sizes(problem.candidates, problem.places, opened, closed)
    ask = Ask("p-median", opened, closed)
    best = max(gains.total(choice) for choice in every_choice(problem, ask))
    first = greedy(gains, sizes)
    better = swapped(gains, sizes, first, 1e-9)
    assert gains.total(first) <= gains.total(better) + 1e-6
    assert gains.total(better) <= best + 1e-6
    proved = bounded(gains, sizes, better, 1e-6, 0)
    assert proved.total <= best + 1e-6 <= proved.bound + 2e-6
    settled = first_of_equals(gains, sizes, better, 1e-9)
    assert gains.total(settled) == pytest.approx(gains.total(better))
    # What is proved useless or needed is so in every better choice of this size; of smaller ones nothing is said, for
    # one more place open never costs anything.
    for choice in every_choice(problem, ask):
        if choice[: problem.candidates].sum() == opened and gains.total(choice) > proved.total + 1e-5:
            assert not (choice & proved.never).any()
            assert (choice | ~proved.always).all()


def test_places_proved_needed_among_so_many_are_not_opened_for_nothing():
    """Three may open, one is enough: that the two others are open in every choice of three proves nothing of them."""
    times = [[None] * 6, [None, None, None, None, 0, None], [None, None, 0, None, None, 0], *[[None] * 6] * 3]
    problem = problem_of(times, [np.inf] * 6, [0, 1, 1, 0, 0, 0], 3)
    found = solve(problem, Ask("p-median", 3, 2), limits())
    assert (found.opened.tolist(), found.proven) == ([2], True)
    assert found.value == best_of_all(problem, Ask("p-median", 3, 2)) == 0


@settings(max_examples=40, deadline=None)
@given(problems())
def test_what_is_lost_set_by_set_is_what_is_lost_row_by_row(problem):
    gains = problem.closing(0).time_gains()
    everything = np.ones(problem.places, dtype=np.bool_)
    sets = terms(gains, everything, ~everything)
    whole = gains.total(everything)
    assert sets.loss.sum() == pytest.approx(whole)
    members = [set(sets.place[sets.owner == s]) for s in range(len(sets.loss))]
    for s, parent in enumerate(sets.parent):
        while parent >= 0:  # a parent may come after its child
            members[s] |= set(sets.place[sets.owner == parent])
            parent = sets.parent[parent]
    for choice in every_choice(problem, Ask("p-median", problem.candidates)):
        lost = sum(sets.loss[s] for s, mine in enumerate(members) if not choice[list(mine)].any())
        assert whole - lost == pytest.approx(gains.total(choice), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(problems(), st.sampled_from(OBJECTIVES))
def test_one_more_opening_is_never_worse(problem, objective):
    ask = Ask(objective, problem.candidates, 0, 300 if objective == "couverture" else None)
    steps = front(problem, ask, limits())
    values = np.array([step.solution.value for step in steps])
    assert [step.opened for step in steps] == list(range(problem.candidates + 1))
    gaps = np.diff(values) if objective == "couverture" else -np.diff(values)
    assert (gaps >= -1e-6 * np.abs(values[1:]) - 1e-9).all()


def test_two_places_alike_the_first_is_taken():
    problem = problem_of([[60, 60], [120, 120]], [600, 600])
    for objective, threshold in (("p-median", None), ("couverture", 300), ("pire-temps", None)):
        assert list(solve(problem, Ask(objective, 1, 0, threshold), limits()).opened) == [0]


def test_two_counters_missed_as_little_the_first_is_closed():
    problem = problem_of([[60, 60], [60, 60]], [600, 600], candidates=0)
    found = solve(problem, Ask("p-median", 0, 1), limits())
    assert list(found.closed) == [0]
    assert found.value == found.before


def test_what_brings_nothing_is_not_opened():
    problem = problem_of([[60, 900], [60, 800]], [600, 600])
    assert list(solve(problem, Ask("p-median", 2), limits()).opened) == [0]


def test_who_has_no_way_counts_as_the_ceiling_and_not_in_the_worst_time():
    problem = problem_of([[60], [None]], [600, np.inf])
    found = solve(problem, Ask("p-median", 1), limits())
    assert (found.before, found.value) == (600 + CEILING_S, 60 + CEILING_S)
    assert solve(problem, Ask("pire-temps", 1), limits()).value == 60


def test_nobody_counts_where_weights_are_zero_or_unknown():
    problem = problem_of([[60], [60], [60]], [600, 600, np.nan], [0, np.nan, 5])
    found = solve(problem, Ask("p-median", 1), limits())
    assert (len(found.opened), found.value, found.before) == (0, 0, 0)
    assert solve(problem, Ask("pire-temps", 1), limits()).value == 0


def test_a_worst_time_asked_changes_the_choice():
    # Many people near the first place, few and far near the second.
    problem = problem_of([[60, 600], [800, 120]], [700, 840], [100, 1])
    assert list(solve(problem, Ask("p-median", 1), limits()).opened) == [0]
    assert list(solve(problem, Ask("p-median", 1, 0, None, 600), limits()).opened) == [1]


def test_an_impossible_worst_time_says_what_is_possible():
    problem = problem_of([[60, None], [None, 60]], [600, 720])
    with pytest.raises(Impossible, match="10 min at best; 2 openings are enough"):
        solve(problem, Ask("p-median", 1, 0, None, 120), limits())
    with pytest.raises(Impossible, match="not even every candidate is enough"):
        solve(problem, Ask("p-median", 1, 0, None, 30), limits())
    steps = front(problem, Ask("p-median", 2, 0, None, 120), limits())
    assert [step.solution is None for step in steps] == [True, True, False]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (Ask("p-median", 3), "between 0 and 2 of the candidates"),
        (Ask("p-median", 1, 1), "between 0 and 0 of the counters that may close"),
        (Ask("couverture", 1), "a threshold with `couverture`"),
        (Ask("p-median", 1, 0, 300), "a threshold with `couverture`"),
        (Ask("couverture", 1, 0, CEILING_S), "a time below the ceiling, 15 min"),
        (Ask("pire-temps", 1, 0, None, 300), "it is the objective"),
    ],
)
def test_bad_questions(ask, message):
    with pytest.raises(WrongUse, match=message):
        solve(problem_of([[60, 60]], [600]), ask, limits())


def test_bad_problems():
    good = problem_of([[60]], [600])
    for wrong in ({"weights": np.array([-1.0])}, {"base_s": np.zeros(2)}, {"candidates": 2}, {"ceiling_s": 0}):
        values = {k: getattr(good, k) for k in ("weights", "base_s", "pairs", "candidates", "ceiling_s")}
        with pytest.raises(WrongUse, match="siting problem"):
            Problem(**(values | wrong))


def test_beyond_the_size_allowed_the_gap_is_told():
    # Five places, each good for two of five rows in a ring: the relaxation is looser than the best choice.
    ring = [[60 if j in (i, (i + 1) % 5) else None for j in range(5)] for i in range(5)]
    problem = problem_of(ring, [600] * 5).closing(0)
    nothing = np.zeros(0, dtype=np.int32)
    nobody = Gains.of(nothing, nothing, np.zeros(0), 0, 5)
    sizes = Sizes(5, 5, 2, 0)
    found = search(problem.time_gains(), nobody, sizes, Limits(0, 10_000))
    assert found.total == pytest.approx(4 * 540)
    assert found.bound >= found.total - 1e-6
    small = search(problem.time_gains(), nobody, sizes, Limits(0, 0))
    assert small.proven == (small.method != HEURISTIC)
    assert small.bound >= 4 * 540 - 1e-6


def test_people_belong_to_their_nearest_place():
    problem = problem_of([[60, 60, 30], [90, 50, None]], [600, 600], [3, 4], candidates=2)
    assert problem.users(np.array([True, True, False])).tolist() == [3, 4, 0]
    assert problem.users(problem.untouched).tolist() == [0, 0, 3]


def test_the_same_question_gets_the_same_answer():
    rng = np.random.default_rng(1)
    times = rng.integers(0, 800, (60, 20)).tolist()
    problem = problem_of(times, [850] * 60, rng.integers(1, 50, 60))
    first, second = (solve(problem, Ask("p-median", 4), limits()) for _ in range(2))
    assert first.opened.tolist() == second.opened.tolist()
    assert (first.value, first.bound, first.method) == (second.value, second.bound, second.method)
