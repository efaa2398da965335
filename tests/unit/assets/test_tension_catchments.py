"""Supply against demand: formulas written again in plain Python, what each method conserves, another library."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from assets.tension.catchments import Catchment, catchment
from assets.tension.decay import Decay
from assets.tension.demand import potential_users
from assets.tension.methods import Method, Public, load_methods, methods
from assets.tension.pairs import Pairs
from pipeline.foundations.errors import WrongUse

FIXTURES = Path(__file__).parents[2] / "fixtures" / "tension"
METHODS = {m.code: m for m in methods().methodes}
CONSERVES_SUPPLY = ("2sfca", "e2sfca_lente", "e2sfca_rapide", "kd2sfca", "3sfca", "minutes_pour_100")


def pairs_of(times: list[list[float | None]]) -> Pairs:
    """Pairs from minutes by origin and counter; None where there is no pair."""
    rows = [(j, i, t) for i, row in enumerate(times) for j, t in enumerate(row) if t is not None]
    rows.sort()
    counter, origin, minutes = (np.array([r[k] for r in rows]) for k in range(3))
    counters = len(times[0]) if times else 0
    return Pairs(
        origin.astype(np.int32),
        counter.astype(np.int32),
        np.round(minutes.astype(float) * 60).astype(np.int32),
        len(times),
        counters,
    )


# --- decays -----------------------------------------------------------------------------------------------------------

DECAYS = [
    ({"forme": "seuil", "seuil_min": 20}, lambda t: 1.0 if t <= 20 else 0.0),
    ({"forme": "lineaire", "seuil_min": 20}, lambda t: max(0.0, 1 - t / 20)),
    ({"forme": "exponentielle", "beta_par_min": 0.1, "seuil_min": 30}, lambda t: math.exp(-0.1 * t) * (t <= 30)),
    ({"forme": "gaussienne", "sigma_min": 12, "seuil_min": 30}, lambda t: math.exp(-(t**2) / 288) * (t <= 30)),
    (
        {"forme": "logistique", "mediane_min": 10, "ecart_type_min": 5, "seuil_min": 30},
        lambda t: (
            (1 + math.exp(-10 * math.pi / (5 * math.sqrt(3))))
            / (1 + math.exp((t - 10) * math.pi / (5 * math.sqrt(3))))
            * (t <= 30)
        ),
    ),
    (
        {
            "forme": "paliers",
            "paliers": [
                {"jusqu_a_min": 10, "poids": 1},
                {"jusqu_a_min": 20, "poids": 0.68},
                {"jusqu_a_min": 30, "poids": 0.22},
            ],
        },
        lambda t: 1.0 if t <= 10 else 0.68 if t <= 20 else 0.22 if t <= 30 else 0.0,
    ),
]


@pytest.mark.parametrize(("declared", "formula"), DECAYS, ids=lambda d: d["forme"] if isinstance(d, dict) else "")
def test_a_decay_is_its_formula_at_each_second(declared, formula):
    decay = TypeAdapter(Decay).validate_python(declared)
    table = decay.table()
    assert len(table) == decay.last_min * 60 + 1
    assert table == pytest.approx([formula(s / 60) for s in range(len(table))], abs=1e-12)
    assert table[0] == pytest.approx(1, abs=1e-15)
    assert np.all(np.diff(table) <= 0)
    assert formula(len(table) / 60) == 0


def test_a_steep_logistic_does_not_overflow():
    declared = {"forme": "logistique", "mediane_min": 10, "ecart_type_min": 0.01, "seuil_min": 30}
    table = TypeAdapter(Decay).validate_python(declared).table()
    assert (table[0], table[-1]) == (1, 0)
    assert table[600] == pytest.approx(0.5)


# --- catchments -------------------------------------------------------------------------------------------------------


def oracle(method: Method, times: list[list[float | None]], people: list[float], hours: list[float]):
    """METHODS 4.3 written out, everything known: A, demand and R, None where there is none."""
    table = method.decroissance.table()

    def f(i: int, j: int) -> float:
        t = times[i][j]
        return 0.0 if t is None or round(t * 60) >= len(table) else float(table[round(t * 60)])

    rows, columns = range(len(people)), range(len(hours))
    choice = {i: sum(f(i, j) for j in columns) for i in rows}
    if method.famille == "trois_etapes":
        g = {(i, j): f(i, j) / choice[i] if choice[i] else 0.0 for i in rows for j in columns}
        demand = [sum(g[i, j] * f(i, j) * people[i] for i in rows) for j in columns]
    elif method.famille == "equilibree":
        demand = [sum(people[i] * f(i, j) / choice[i] for i in rows if choice[i]) for j in columns]
    else:
        demand = [sum(people[i] * f(i, j) for i in rows) for j in columns]
    ratio = [h / d if d > 0 else None for h, d in zip(hours, demand, strict=True)]
    access: list[float | None] = []
    for i in rows:
        reached = [j for j in columns if f(i, j) > 0]
        rated = [j for j in reached if ratio[j] is not None]
        if reached and not rated:
            access.append(None)
        elif method.famille == "trois_etapes":
            access.append(sum(g[i, j] * f(i, j) * ratio[j] for j in rated))
        elif method.famille == "sans_compensation":
            access.append(sum(hours[j] * f(i, j) ** 2 / demand[j] for j in rated))
        elif method.famille == "equilibree":
            access.append(sum(ratio[j] * f(i, j) / sum(f(k, j) for k in rows) for j in rated))
        else:
            access.append(sum(f(i, j) * ratio[j] for j in rated))
    unit = 6000 if method.unite == "minutes_pour_100" else 1
    return [a if a is None else a * unit for a in access], demand, [r if r is None else r * unit for r in ratio]


def listed(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]


def same(found: np.ndarray, expected: list[float | None]) -> None:
    assert [v is None for v in listed(found)] == [v is None for v in expected]
    assert [v for v in listed(found) if v is not None] == pytest.approx([v for v in expected if v is not None])


@st.composite
def cases(draw: st.DrawFn):
    n, c = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    minute = st.one_of(st.none(), st.integers(0, 2400).map(lambda s: s / 60))
    times = [[draw(minute) for _ in range(c)] for _ in range(n)]
    people = [draw(st.one_of(st.just(0.0), st.floats(0.1, 1000))) for _ in range(n)]
    hours = [draw(st.floats(0.0, 60).map(lambda h: round(h, 2))) for _ in range(c)]
    return times, people, hours


@pytest.mark.parametrize("code", METHODS)
@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_a_method_is_its_formula(code, case):
    times, people, hours = case
    result = catchment(METHODS[code], pairs_of(times), np.array(people), np.array(hours))
    access, demand, ratio = oracle(METHODS[code], times, people, hours)
    same(result.access, access)
    same(result.ratio, ratio)
    assert result.demand.tolist() == pytest.approx(demand)


@pytest.mark.parametrize("code", METHODS)
@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_what_is_conserved_is(code, case):
    """METHODS 4.3, invariants: and M2SFCA never hands out more than there is."""
    times, people, hours = case
    method, p, s = METHODS[code], np.array(people), np.array(hours)
    pairs = pairs_of(times)
    result = catchment(method, pairs, p, s)
    unit = 6000 if method.unite == "minutes_pour_100" else 1
    reached = ~np.isnan(result.ratio)
    given_out = float(np.nansum(p * result.access)) / unit
    assert result.unreached_hours == pytest.approx(s[~reached].sum())
    if code in CONSERVES_SUPPLY:
        assert given_out == pytest.approx(s[reached].sum())
    elif code == "bfca":
        assert np.nansum(result.access) == pytest.approx(np.nansum(result.ratio))
        near = pairs.to_origins(method.decroissance.table(), np.ones(pairs.counters)) > 0
        assert np.nansum(result.demand) == pytest.approx(p[near].sum())
    else:
        assert given_out <= s[reached].sum() * (1 + 1e-9)


def test_what_is_not_conserved_is_not():
    times, people, hours = [[12.0], [18.0]], np.array([100.0, 300.0]), np.array([40.0])
    m2 = catchment(METHODS["m2sfca"], pairs_of(times), people, hours)
    assert float(people @ m2.access) < 30
    balanced = catchment(METHODS["bfca"], pairs_of(times), people, hours)
    assert float(people @ balanced.access) != pytest.approx(40)


# Written by this, with access 1.1.10.post3 of PySAL:
#   demand = pd.DataFrame({"id": range(6), "pop": P}); supply = pd.DataFrame({"id": range(4), "h": S})
#   cost = pd.DataFrame([(i, j, M[i][j]) for i in range(6) for j in range(4)], columns=["o", "d", "cost"])
#   a = Access(demand_df=demand, demand_index="id", demand_value="pop", supply_df=supply, supply_index="id",
#              supply_value=["h"], cost_df=cost, cost_origin="o", cost_dest="d", cost_name="cost", neighbor_cost_df=
#              cost.iloc[:0], neighbor_cost_origin="o", neighbor_cost_dest="d", neighbor_cost_name="cost")
#   a.two_stage_fca(name="a", max_cost=20)
#   a.enhanced_two_stage_fca(name="b", weight_fn=weights.step_fn({10: 1, 20: .68, 30: .22}), max_cost=30)
#   a.enhanced_two_stage_fca(name="c", weight_fn=weights.step_fn({10: 1, 20: .42, 30: .09}), max_cost=30)
#   a.two_stage_fca(name="d", weight_fn=lambda t: np.exp(-t**2 / 288), max_cost=30)
#   a.three_stage_fca(name="e", weight_fn=weights.step_fn({10: 1, 20: .68, 30: .22}), max_cost=30)
PYSAL_PEOPLE = np.array([100.0, 250, 40, 0, 310, 75])
PYSAL_HOURS = np.array([35.0, 12, 20.5, 7])
PYSAL_MINUTES = [[5, 12, 28, 31], [9, 10, 20, 25], [15, 4, 11, 30], [22, 18, 6, 14], [30, 27, 9, 3], [40, 33, 19, 8]]
PYSAL = {
    "2sfca": [0.120512820513, 0.150883190883, 0.150883190883, 0.079321419321, 0.048552188552, 0.048552188552],
    "e2sfca_lente": [0.105500173275, 0.134194416554, 0.109048480317, 0.082372476558, 0.074411898017, 0.039623345813],
    "e2sfca_rapide": [0.106585248378, 0.141779950609, 0.090348483672, 0.072540795186, 0.071413681374, 0.035257425828],
    "kd2sfca": [0.130863181792, 0.129496036643, 0.128366490282, 0.094537073324, 0.069604163858, 0.031036296701],
    "3sfca": [0.145805014078, 0.12785170692, 0.095778263538, 0.067965959869, 0.065196402938, 0.052194085468],
}


@pytest.mark.parametrize("code", PYSAL)
def test_another_library_finds_the_same(code):
    result = catchment(METHODS[code], pairs_of(PYSAL_MINUTES), PYSAL_PEOPLE, PYSAL_HOURS)
    assert result.access.tolist() == pytest.approx(PYSAL[code], abs=1e-9)


def test_minutes_for_100_users_by_hand():
    """200 people at 5 min, 300 at 12 (weight 2/3): 40 h / 400 = 0.1 h each, 600 min for 100, and two thirds of it."""
    result = catchment(METHODS["minutes_pour_100"], pairs_of([[5.0], [12.0]]), np.array([200.0, 300]), np.array([40.0]))
    assert result.access.tolist() == pytest.approx([600, 400])


def run(times, people, hours) -> Catchment:
    return catchment(METHODS["2sfca"], pairs_of(times), np.array(people, dtype=float), np.array(hours, dtype=float))


def test_unknown_hours_are_left_out_and_told():
    nan = math.nan
    result = run([[5, 5, None], [5, None, None], [None, 5, None], [None, None, None]], [10, 10, 10, 10], [nan, 20, 30])
    assert listed(result.ratio) == [None, 1.0, None]
    assert listed(result.access) == [1.0, None, 1.0, 0.0]  # only unknown hours around: unknown; nothing around: 0
    assert listed(result.known) == [0.5, 0.0, 1.0, None]
    assert result.unknown_hours == pytest.approx(1 / 3)
    assert result.unreached_hours == 30
    assert np.isnan(result.demand[0])


def test_unknown_people_weigh_nothing_and_are_told():
    result = run([[5], [5]], [math.nan, 10], [20])
    assert result.access.tolist() == [2, 2]
    assert result.unknown_people == 0.5


def test_a_counter_only_empty_homes_reach_has_no_ratio():
    result = run([[5, None], [None, 5]], [0, 10], [20, 30])
    assert listed(result.ratio) == [None, 3.0]
    assert listed(result.access) == [None, 3.0]
    assert result.unreached_hours == 20


def test_nothing_gives_nothing():
    empty = np.zeros(0, dtype=np.int32)
    for origins, counters in ((0, 0), (2, 0), (0, 2), (2, 2)):
        pairs = Pairs(empty, empty, empty, origins, counters)
        for method in METHODS.values():
            result = catchment(method, pairs, np.ones(origins), np.ones(counters))
            assert result.access.tolist() == [0.0] * origins
            assert listed(result.ratio) == [None] * counters
            assert result.unreached_hours == counters


@settings(max_examples=30, deadline=None)
@given(case=cases(), extra=st.floats(0.5, 20))
def test_more_hours_never_mean_less_access(case, extra):
    times, people, hours = case
    for code in ("2sfca", "3sfca", "m2sfca", "bfca"):
        before = catchment(METHODS[code], pairs_of(times), np.array(people), np.array(hours)).access
        more = np.array(hours) + np.eye(len(hours))[0] * extra
        after = catchment(METHODS[code], pairs_of(times), np.array(people), more).access
        assert np.all((after >= before - 1e-9) | np.isnan(before))


@pytest.mark.parametrize(
    ("people", "hours", "message"),
    [
        ([-1.0, 2.0], [3.0], r"people: expected 0 or more, NaN when unknown; found -1.0 in row 0"),
        ([1.0, 2.0], [math.inf], r"weekly hours: .* found inf in row 0"),
        ([1.0], [3.0], r"people: expected 2 values"),
        ([1.0, 2.0], [3.0, 1.0], r"weekly hours: expected 1 values"),
    ],
)
def test_bad_people_and_hours_are_refused(people, hours, message):
    with pytest.raises(WrongUse, match=message):
        run([[5], [5]], people, hours)


@pytest.mark.parametrize(
    ("origin", "counter", "seconds", "message"),
    [
        ([0, 2], [0, 0], [1, 1], "rows of origin from 0 to 1; found 0 to 2"),
        ([0, 1], [-1, 0], [1, 1], "rows of counter from 0 to 0; found -1 to 0"),
        ([0, 1], [0, 0], [1, -5], "seconds of 0 or more; found -5"),
        ([1, 0], [0, 0], [1, 1], "pair 1 out of order"),
        ([0, 0], [0, 0], [1, 1], "pair 1 out of order"),
        ([0], [0, 0], [1, 1], r"found int32 of \(2,\)"),
    ],
)
def test_bad_pairs_are_refused(origin, counter, seconds, message):
    arrays = (np.array(a, dtype=np.int32) for a in (origin, counter, seconds))
    with pytest.raises(WrongUse, match=message):
        Pairs(*arrays, 2, 1)


def test_pairs_of_some_counters():
    pairs = pairs_of([[1, 2, None, 4], [5, None, None, 8]])
    some = pairs.of_counters(np.array([0, 2, 3]))
    assert some.counter.tolist() == [0, 0, 2, 2]
    assert some.origin.tolist() == [0, 1, 0, 1]
    assert some.seconds.tolist() == [60, 300, 240, 480]
    assert pairs.of_counters(np.array([], dtype=np.int64)).counters == 0
    with pytest.raises(WrongUse, match="counters in increasing order"):
        pairs.of_counters(np.array([2, 0]))


# --- whom a counter is for --------------------------------------------------------------------------------------------

ELDERLY = Public(titre="60 ans ou plus", colonnes={"ind_55_64": 0.5, "ind_65_79": 1})


def cells(**columns) -> pl.DataFrame:
    size = len(next(iter(columns.values())))
    base = {"carreau_id": [f"c{i}" for i in range(size)], "impute": [False] * size}
    return pl.DataFrame(base | columns)


def test_potential_users_are_a_weighted_sum_and_imputed_ones_are_told():
    frame = cells(ind_55_64=[4.0, 2.0, None], ind_65_79=[1.0, 0.0, 3.0], impute=[True, False, True])
    demand = potential_users(frame, ELDERLY)
    assert listed(demand.users) == [3.0, 1.0, None]
    assert demand.imputed_share == 0.75


def test_users_nobody_counts_are_unknown():
    demand = potential_users(cells(ind_55_64=[4.0]), methods().public_of("Mutualité sociale agricole (MSA)"))
    assert listed(demand.users) == [None]
    assert np.isnan(demand.imputed_share)


def test_a_typology_without_public_is_for_everyone():
    assert methods().public_of("Mairie").colonnes == {"population": 1}


def test_negative_cells_are_refused_by_name():
    with pytest.raises(WrongUse, match=r"found 1 cells; c1: ind_55_64 = -2\.0, ind_65_79 = 0\.0"):
        potential_users(cells(ind_55_64=[4.0, -2.0], ind_65_79=[1.0, 0.0]), ELDERLY)
    with pytest.raises(WrongUse, match="found no ind_65_79"):
        potential_users(cells(ind_55_64=[4.0]), ELDERLY)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_every_method_asked_for_is_there():
    assert set(METHODS) == {*CONSERVES_SUPPLY, "m2sfca", "bfca"}


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("bad_methodes_*.yml")), ids=lambda p: p.stem)
def test_bad_methods_are_refused(path):
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# attendu : ")
    with pytest.raises(WrongUse) as refused:
        load_methods(path)
    assert expected in str(refused.value)
