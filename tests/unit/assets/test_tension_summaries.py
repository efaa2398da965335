"""Sums over territories: by hand, against SQL, and what must hold whatever the case."""

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tension.measures import Faster, slots_of
from assets.tension.methods import methods
from assets.tension.people import GROUPS
from assets.tension.summaries import Scope, access_rows, supply_rows
from assets.tension.zones import Zones
from quality.contract import all_contracts
from tests.tension import CAF, FS, INF, MSA, NAN, Given, held, measured_by, membership, people_of, row_of, scope_of

THRESHOLDS = (5, 10, 15, 20, 30, 45)
ZONES = Zones.of(
    membership(
        {"code": "05023", "epci": "240500439"},
        {"code": "05061"},
        {"code": "26064", "epci": None, "departement": "26", "region": "84"},
    )
)
CODES = [m.code for m in methods().methodes]
FEW = [m for m in methods().methodes if m.code in ("2sfca", "3sfca")]


def rows_of(source, counters, typology=FS):
    """Access and supply of a source that measures everybody, in the columns of their contracts."""
    scope, measured = scope_of(source, ZONES), measured_by(source, counters, typology)
    access, supply = access_rows(scope, measured, THRESHOLDS), supply_rows(scope, measured)
    for name, frames in (("tension__acces", access), ("tension__demande", supply)):
        assert all_contracts()[name].conform(pl.concat(frames)).height
    return access, supply


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_means_are_of_people_and_who_has_no_time_is_not_reached():
    people = people_of(
        ZONES,
        {"code_insee": "05023", "population": 10, "menages_pauvres": 4},
        {"code_insee": "05023", "population": 30, "menages_pauvres": 0},
        {"code_insee": "05023", "population": 20, "menages_pauvres": None},
        {"code_insee": "05061", "population": 40},
    )
    counters = held({}, {"horaires": "Sa 09:00-12:00"}, {"horaires": None})
    minutes = [[5, None, None], [20, 25, None], [None, None, None], [None, 40, 10]]
    source = Given(people, counters, minutes, outside={FS: [False, True, False, False]})
    access, _ = rows_of(source, counters)
    veynes = row_of(access, "commune", "05023")
    assert veynes["population"] == 60
    assert veynes["temps_moyen_min"] == pytest.approx((10 * 5 + 30 * 20) / 40)
    assert [veynes[f"temps_q{q}_min"] for q in (10, 50, 90)] == [5, 20, 20]
    assert veynes["sans_temps_pct"] == pytest.approx(100 * 20 / 60, abs=0.01)
    shares = [veynes[f"population_{m}_min_pct"] for m in THRESHOLDS]
    assert shares == pytest.approx([100 / 6, 100 / 6, 100 / 6, 400 / 6, 400 / 6, 400 / 6], abs=0.01)
    assert [veynes[f"habitants_au_dela_{m}_min"] for m in THRESHOLDS] == [50, 50, 50, 20, 20, 20]
    assert veynes["menages_pauvres_5_min_pct"] == 100  # of those counted
    assert veynes["hors_departement_pct"] == 50
    # Within 20 minutes: the first counter alone, for two of the origins; for the third, that there is none is known.
    assert veynes["heures_accessibles_semaine"] == pytest.approx(20 * 40 / 60, abs=0.01)
    assert veynes["jours_ouverts_semaine"] == pytest.approx(5 * 40 / 60, abs=0.01)
    assert veynes["part_horaires_connus_pct"] == 100
    gap = row_of(access, "commune", "05061")
    assert gap["temps_moyen_min"] == 10
    assert gap["heures_accessibles_semaine"] is None, "one is within reach, of unknown hours"
    assert gap["part_horaires_connus_pct"] == 0
    whole = row_of(access, "departement", "05")
    assert whole["temps_moyen_min"] == pytest.approx((10 * 5 + 30 * 20 + 40 * 10) / 80, abs=0.01)
    assert whole["heures_accessibles_semaine"] == veynes["heures_accessibles_semaine"]


def test_a_territory_without_anybody_and_one_where_nobody_counted():
    people = people_of(
        ZONES,
        {"code_insee": "05023", "population": 0, "menages_pauvres": 0, "habitants_65_ans_ou_plus": 0},
        {"code_insee": "05061", "population": None, "menages_pauvres": None, "habitants_65_ans_ou_plus": None},
        {"code_insee": "26064", "population": 7},
    )
    counters = held({})
    access, supply = rows_of(Given(people, counters, [[5], [5], [5]]), counters)
    nobody, unknown = (row_of(access, "commune", code) for code in ("05023", "05061"))
    assert (nobody["population"], unknown["population"]) == (0, None)
    assert (nobody["habitants_au_dela_20_min"], unknown["habitants_au_dela_20_min"]) == (0, None)
    means = [c for c in nobody if c.endswith(("_pct", "_semaine")) or c.startswith("temps_")]
    assert {row[c] for row in (nobody, unknown) for c in means} == {None}
    assert row_of(supply, "commune", "05023")["usagers_potentiels"] == 0
    assert row_of(supply, "commune", "05061")["usagers_potentiels"] is None
    assert row_of(supply, "commune", "05023")["offre_2sfca"] is None
    assert row_of(access, "france", "FR")["population"] == 7
    assert row_of(supply, "france", "FR")["usagers_potentiels"] == 7


def test_unknown_times_say_nothing_and_no_way_says_not_reached():
    people = people_of(ZONES, {"code_insee": "05023"}, {"code_insee": "05061"}, {"code_insee": "26064"})
    counters = held({})
    access, _ = rows_of(Given(people, counters, [[None]] * 3, seconds={FS: [NAN, INF, 60]}), counters)
    unknown, no_way = (row_of(access, "commune", code) for code in ("05023", "05061"))
    assert (unknown["sans_temps_pct"], no_way["sans_temps_pct"]) == (100, 100)
    assert (unknown["population_45_min_pct"], no_way["population_45_min_pct"]) == (None, 0)
    assert (unknown["habitants_au_dela_45_min"], no_way["habitants_au_dela_45_min"]) == (10, 10)
    assert (unknown["temps_moyen_min"], no_way["temps_moyen_min"]) == (None, None)
    assert row_of(access, "departement", "05")["population_45_min_pct"] == 0
    assert row_of(access, "france", "FR")["population_45_min_pct"] == pytest.approx(100 / 3, abs=0.01)


def test_potential_users_are_those_of_the_typology():
    people = people_of(
        ZONES,
        {"code_insee": "05023", "men_pauv": 2, "men_fmp": 1},
        {"code_insee": "05061", "men_pauv": None, "men_fmp": 1},
    )
    counters = held({"typologie": CAF}, {"typologie": MSA})
    source = Given(people, counters, [[5, 5], [5, 5]])
    _, supply = rows_of(source, counters, CAF)
    assert row_of(supply, "commune", "05023")["usagers_potentiels"] == 3
    assert row_of(supply, "commune", "05061")["usagers_potentiels"] is None
    assert row_of(supply, "departement", "05")["usagers_potentiels"] == 3
    assert row_of(supply, "commune", "05023")["offre_minutes_pour_100"] == pytest.approx(20 * 60 * 100 / 3)
    _, supply = rows_of(source, counters, MSA)  # whom the grid does not count
    assert row_of(supply, "france", "FR")["usagers_potentiels"] is None
    assert row_of(supply, "france", "FR")["offre_2sfca"] is None
    assert row_of(supply, "france", "FR")["part_connue_pct"] is None


def test_a_counter_for_many_is_told_with_as_many_digits():
    people = people_of(ZONES, {"population": 3_000_000})
    counters = held({})
    _, supply = rows_of(Given(people, counters, [[5]]), counters)
    assert row_of(supply, "france", "FR")["offre_2sfca"] == pytest.approx(20 / 3_000_000, rel=1e-5)


def test_nothing_is_less_than_nothing():
    """0.1 + 0.2 people all reached: a rounding below 0 would print « -0.0 »."""
    people = people_of(ZONES, *({"population": p} for p in (0.1, 0.2, 0.3)))
    counters = held({})
    access, _ = rows_of(Given(people, counters, [[1]] * 3), counters)
    numbers = pl.concat(access).select(pl.col(pl.Float64)).to_numpy()
    assert not np.signbit(numbers[numbers == 0]).any()


def test_hours_unknown_for_a_day_are_unknown():
    assert slots_of("Mo 09:00-12:00")[0][:3] == (0, 540, 720)
    assert slots_of(None) == slots_of("Mo 09:00-12:00; Tu unknown") == slots_of("PH off") == ()


# --- against SQL ------------------------------------------------------------------------------------------------------

SQL = """
WITH reached AS (
  SELECT *, sum(people) OVER (PARTITION BY zone ORDER BY seconds) AS so_far,
    sum(people) OVER (PARTITION BY zone) AS every
  FROM origins WHERE isfinite(seconds) AND people > 0
), quantiles AS (
  SELECT zone, {quantiles} FROM reached GROUP BY zone
)
SELECT origins.zone AS territoire, {measures} FROM origins LEFT JOIN quantiles USING (zone)
WHERE origins.zone IS NOT NULL GROUP BY ALL ORDER BY 1
"""


def share(group, minutes):
    return f"""CASE WHEN count(seconds) > 0 AND sum({group}) > 0 THEN
        100 * coalesce(sum({group}) FILTER (seconds <= {60 * minutes}), 0) / sum({group}) END"""


ACCESS = {
    "population": "CASE WHEN count(people) > 0 THEN sum(people) END",
    "temps_moyen_min": "sum(people * seconds) FILTER (isfinite(seconds) AND people > 0) / 60"
    " / nullif(sum(people) FILTER (isfinite(seconds)), 0)",
    **{f"temps_q{q}_min": f"any_value(q{q}) / 60" for q in (10, 50, 90)},
    "sans_temps_pct": "100 - 100 * coalesce(sum(people) FILTER (isfinite(seconds)), 0) / nullif(sum(people), 0)",
    **{f"population_{m}_min_pct": share("people", m) for m in THRESHOLDS},
    **{f"{g}_{m}_min_pct": share(g, m) for g in GROUPS for m in THRESHOLDS},
    **{
        f"habitants_au_dela_{m}_min": "CASE WHEN count(people) > 0 THEN"
        f" coalesce(sum(people) FILTER (seconds > {60 * m} OR seconds IS NULL), 0) END"
        for m in THRESHOLDS
    },
    "hors_departement_pct": "CASE WHEN count(seconds) > 0 THEN"
    " 100 * coalesce(sum(people) FILTER (outside), 0) / nullif(sum(people), 0) END",
    "heures_accessibles_semaine": "sum(people * hours) / nullif(sum(people) FILTER (hours IS NOT NULL), 0)",
    "jours_ouverts_semaine": "sum(people * days) / nullif(sum(people) FILTER (days IS NOT NULL), 0)",
    "part_horaires_connus_pct": "100 * sum(people * told) / nullif(sum(people) FILTER (told IS NOT NULL), 0)",
}  # fmt: skip
SUPPLY = {
    "usagers_potentiels": "CASE WHEN count(users) > 0 THEN sum(users) END",
    **{
        f"offre_{c}": f'sum(users * "{c}") / nullif(sum(users) FILTER ("{c}" IS NOT NULL), 0)' for c in CODES
    },
    "part_connue_pct": "100 * sum(users * coalesce(known, 1)) / nullif(sum(users), 0)",
}  # fmt: skip


def random_case(seed):
    rng = np.random.default_rng(seed)
    communes = [
        {
            "code": f"{d}{i:03d}",
            "departement": d,
            "region": {"05": "93", "26": "84"}[d],
            "epci": rng.choice(["A", "B", "C", None]),
            "bassin_vie": rng.choice(["x", "y", None]),
        }
        for d in ("05", "26")
        for i in range(5)
    ]
    zones = Zones.of(membership(*communes))

    def some(high):
        return None if rng.random() < 0.15 else int(rng.integers(0, high))

    people = people_of(
        zones,
        *(
            {
                "code_insee": communes[rng.integers(len(communes))]["code"],
                "population": some(50),
                "menages_pauvres": some(9),
                "habitants_65_ans_ou_plus": some(20),
            }
            for _ in range(60)
        ),
    )
    texts = ["Mo-Fr 08:00-12:00", "We 14:00-18:00", "Sa[1] 09:00-12:00", "Mo-Sa 09:00-12:00,14:00-18:00", None]
    kinds = ["Implantation", "Implantation", "Permanence"]
    counters = held(*({"horaires": texts[rng.integers(5)], "type_structure": kinds[rng.integers(3)]} for _ in range(8)))
    minutes = [[None if rng.random() < 0.6 else float(rng.uniform(0, 30)) for _ in range(8)] for _ in range(60)]
    # The nearest may be farther than pairs go; no way leads to some, some are unknown.
    seconds = rng.choice([60.0, 300, 301, 1_199, 1_200, 1_201, 2_500, INF, NAN], 60)
    source = Given(
        people, counters, minutes, seconds={FS: seconds}, outside={FS: (rng.random(60) < 0.3) & np.isfinite(seconds)}
    )
    return zones, source, counters


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_those_of_sql(seed):
    zones, source, counters = random_case(seed)
    scope, measured = scope_of(source, zones), measured_by(source, counters)
    table = pl.DataFrame(
        {
            "people": source.people.groups["population"],
            **{g: source.people.groups[g] for g in GROUPS},
            "seconds": measured.seconds,
            "outside": measured.outside,
            "hours": measured.opening.hours,
            "days": measured.opening.days,
            "told": measured.opening.known,
            "users": measured.demand.users,
            **{c: measured.supply[c].access for c in CODES},
            "known": measured.supply["2sfca"].known,
        }
    ).fill_nan(None)
    quantiles = ", ".join(f"min(seconds) FILTER (so_far >= every * {q / 100}) AS q{q}" for q in (10, 50, 90))
    frames = {
        "acces": (ACCESS, access_rows(scope, measured, THRESHOLDS)),
        "demande": (SUPPLY, supply_rows(scope, measured)),
    }
    for level in zones:
        row = level.of_origins(source.people.commune)
        zone = level.codes.gather(np.maximum(row, 0)).set(pl.Series(row < 0), None)
        origins = table.with_columns(zone.alias("zone"))  # noqa: F841 (the SQL reads it)
        for columns, found in frames.values():
            measures = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
            expected = duckdb.sql(SQL.format(quantiles=quantiles, measures=measures)).pl()
            mine = pl.concat(found).filter(niveau=level.niveau).sort("territoire")
            assert mine["territoire"].to_list() == expected["territoire"].to_list()
            for name in columns:
                a, b = (frame[name].cast(pl.Float64).fill_null(NAN).to_numpy() for frame in (mine, expected))
                np.testing.assert_allclose(a, b, atol=0.0051, rtol=1e-5, err_msg=f"{level.niveau} {name}")


# --- whatever the case ------------------------------------------------------------------------------------------------

a_time = st.one_of(st.just(NAN), st.just(INF), st.integers(0, 4000).map(float))
a_count = st.one_of(st.none(), st.floats(0, 1000, allow_subnormal=False))


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["05023", "05061", "26064"]), a_count, a_count, a_time), min_size=1, max_size=10
    )
)
def test_coverage_grows_with_the_threshold_and_shares_are_shares(rows):
    people = people_of(ZONES, *({"code_insee": c, "population": p, "menages_pauvres": g} for c, p, g, _ in rows))
    counters = held({})
    source = Given(people, counters, [[None]] * len(rows), seconds={FS: [t for *_, t in rows]})
    table = pl.concat(access_rows(scope_of(source, ZONES), measured_by(source, counters, chosen=FEW), THRESHOLDS))
    for group in ("population", *GROUPS):
        shares = table.select(f"{group}_{m}_min_pct" for m in THRESHOLDS).drop_nulls().to_numpy()
        assert (np.diff(shares, axis=1) >= 0).all()
        assert ((shares >= 0) & (shares <= 100)).all()
    beyond = table.select(f"habitants_au_dela_{m}_min" for m in THRESHOLDS).drop_nulls().to_numpy()
    assert (np.diff(beyond, axis=1) <= 0).all()
    for column in ("sans_temps_pct", "hors_departement_pct"):
        assert table[column].drop_nulls().is_between(0, 100).all()
    quantiles = table.select(f"temps_q{q}_min" for q in (10, 50, 90)).drop_nulls().to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    parts = table.filter(niveau="departement")["habitants_au_dela_20_min"].sum()
    assert parts == pytest.approx(table.filter(niveau="france")["habitants_au_dela_20_min"][0] or 0, abs=0.02)


@pytest.mark.parametrize("code", ["2sfca", "e2sfca_lente", "3sfca"])
@pytest.mark.parametrize("seed", range(3))
def test_every_hour_of_a_counter_somebody_reaches_is_shared_out(code, seed):
    """Σ usagers x offre over communes = Σ weekly hours of the counters with a reachable demand, through the rows."""
    rng = np.random.default_rng(seed)
    people = people_of(
        ZONES,
        *({"code_insee": str(rng.choice(ZONES.communes)), "population": int(rng.integers(0, 400))} for _ in range(30)),
    )
    texts = ["Mo-Fr 08:00-12:00", "We 14:00-18:00", "Sa[1] 09:00-12:00", "Mo-Sa 09:00-12:00,14:00-18:00"]
    counters = held(*({"horaires": texts[rng.integers(4)]} for _ in range(9)))
    minutes = [
        [None if j == 8 or rng.random() < 0.5 else float(rng.uniform(0, 30)) for j in range(9)] for _ in range(30)
    ]
    source = Given(people, counters, minutes)
    _, supply = rows_of(source, counters)
    measured = measured_by(source, counters)
    shared = pl.concat(supply).filter(niveau="commune").select(pl.col("usagers_potentiels") * pl.col(f"offre_{code}"))
    demand = np.nan_to_num(measured.supply[code].demand)
    hours = np.array([sum(s.weight * (s.end - s.start) for s in slots_of(t)) / 60 for t in counters["horaires"]])
    assert demand[8] == 0 < demand[:8].min()
    assert shared.sum().item() == pytest.approx(hours[:8].sum(), rel=1e-5)


# --- territories a source measures ------------------------------------------------------------------------------------


def test_a_scope_keeps_the_territories_measured_enough():
    everybody = people_of(
        ZONES,
        {"code_insee": "05023", "population": 94},
        {"code_insee": "05023", "population": 6},
        {"code_insee": "05061", "population": 10},
        {"code_insee": "26064", "population": None},
        {"code_insee": "26064", "population": None},
    )

    def kept(rows, share_min):
        some = everybody.chosen(np.array(rows))
        scope = Scope.of(Given(some, held(), [[]] * some.number), everybody, ZONES, share_min)
        return {level.niveau: level.codes.gather(rows).to_list() for level, rows in scope.levels()}

    assert kept([True] * 5, 1.0)["france"] == ["FR"]
    without_six = kept([True, False, True, False, False], 0.95)
    assert without_six["commune"] == ["05061"]
    assert without_six["epci"] == ["200067825"]
    assert "departement" not in without_six  # 104 of 110
    assert kept([True, False, True, False, False], 0.94)["departement"] == ["05"]
    # Where nobody is counted, origins are.
    assert kept([False, False, False, True, False], 0.5)["commune"] == ["26064"]
    assert "commune" not in kept([False, False, False, True, False], 0.95)
    assert kept([False] * 5, 0.1) == {}


def test_an_origin_where_nobody_lives_does_not_open_a_territory():
    """6 people of 100 measured is not enough, whatever the number of cells."""
    everybody = people_of(ZONES, {"population": 94}, *({"population": 1} for _ in range(6)))
    some = everybody.chosen(np.array([False] + [True] * 6))
    assert dict(Scope.of(Given(some, held(), [[]] * 6), everybody, ZONES, 0.5).kept)["commune"].tolist() == []


# --- other speeds -----------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    times=st.lists(
        st.lists(st.one_of(st.none(), st.integers(0, 1500)), min_size=3, max_size=3), min_size=1, max_size=6
    ),
    factor=st.sampled_from([0.8, 1.0, 1.2]),
)
def test_faster_is_measuring_with_times_divided(times, factor):
    people = people_of(ZONES, *({"population": 5 + i} for i in range(len(times))))
    counters = held({}, {"horaires": "Sa 09:00-12:00"}, {"type_structure": "Permanence"})
    minutes = [[None if s is None else s / 60 for s in row] for row in times]
    sooner = [[None if s is None else float(np.rint(s / factor)) / 60 for s in row] for row in times]
    source, other = Given(people, counters, minutes), Given(people, counters, sooner)
    faster = Faster(source, factor)
    assert (faster.mesure, faster.people) == (source.mesure, people)
    found, expected = (measured_by(one, counters, chosen=FEW) for one in (faster, other))
    np.testing.assert_array_equal(found.seconds, expected.seconds)
    np.testing.assert_array_equal(found.outside, expected.outside)
    np.testing.assert_array_equal(found.pairs.seconds, expected.pairs.seconds)
    np.testing.assert_array_equal(found.opening.hours, expected.opening.hours)
    for code in expected.supply:
        np.testing.assert_array_equal(found.supply[code].access, expected.supply[code].access)
