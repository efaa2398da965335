"""Estimated times: pairs against brute force, the nearest against the rows of access, territories kept apart."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.network.profile import profiles
from assets.access.places import territories
from assets.access.settings import settings as access
from assets.access.times import measure
from assets.access.times_table import times_table
from assets.tension.crow import CrowTimes, straight_pairs
from assets.tension.zones import Zones
from tests.tension import FS, MAIRIE, NAN, departement_of, held, membership, people_of

LIMIT_S = access().couples_max_min * 60


def crow(people, counters, limit_s=LIMIT_S):
    return CrowTimes(people, counters, access().vol_oiseau, limit_s)


def brute_force(origins, counters, s_per_m, limit_s):
    """Every pair within the limit: (counter, origin, seconds), by counter then origin."""
    return [
        (j, i, int(np.rint(np.hypot(*(origins[i] - counters[j])) * s_per_m)))
        for j in range(len(counters))
        for i in range(len(origins))
        if np.isfinite(origins[i]).all() and np.rint(np.hypot(*(origins[i] - counters[j])) * s_per_m) <= limit_s
    ]


def listed(pairs):
    return list(zip(pairs.counter.tolist(), pairs.origin.tolist(), pairs.seconds.tolist(), strict=True))


spot = st.one_of(st.just((NAN, NAN)), st.tuples(*[st.integers(-2_000, 2_000).map(float)] * 2))


@settings(max_examples=100, deadline=None)
@given(
    origins=st.lists(spot, max_size=25),
    counters=st.lists(spot.filter(lambda p: p[0] == p[0]), max_size=8),
    limit_s=st.integers(1, 150),
    s_per_m=st.sampled_from([0.1, 0.104, 1 / 12.5, 0.5]),
)
def test_pairs_are_those_of_brute_force(origins, counters, limit_s, s_per_m):
    """In the order `Pairs` demands, which it checks."""
    a, b = (np.array(xy, dtype=float).reshape(-1, 2) for xy in (origins, counters))
    pairs = straight_pairs(a, b, s_per_m, limit_s)
    assert (pairs.origins, pairs.counters) == (len(a), len(b))
    assert listed(pairs) == brute_force(a, b, s_per_m, limit_s)


@pytest.mark.parametrize("direction", [(1, 0), (0, 1), (-1, 0), (0, -1), (0.6, 0.8)])
def test_the_limit_is_kept_to_the_whole_second(direction):
    """At 0.1 s a metre, 100 s are reached up to 1,004 m whatever the direction."""
    origins = np.array([np.array(direction) * m for m in (999.0, 1_000, 1_004, 1_006)])
    pairs = straight_pairs(origins, np.array([[0.0, 0]]), 0.1, 100)
    assert listed(pairs) == [(0, 0, 100), (0, 1, 100), (0, 2, 100)]


def test_nothing_pairs_with_nothing():
    nowhere, here = np.full((3, 2), np.nan), np.zeros((2, 2))
    for origins, counters in ((nowhere, here), (here, here[:0]), (here[:0], here)):
        pairs = straight_pairs(origins, counters, 0.1, 100)
        assert (listed(pairs), pairs.origins, pairs.counters) == ([], len(origins), len(counters))


# --- times of a country -----------------------------------------------------------------------------------------------

ZONES = Zones.of(
    membership(
        {"code": "05061"},
        {"code": "26064", "departement": "26"},
        {"code": "97105", "departement": "971", "region": "01"},
        {"code": "97411", "departement": "974", "region": "04"},
        {"code": "98901", "departement": "989"},
    )
)


def people_at(*rows):
    """Origins: `(commune, longitude, latitude)`."""
    return people_of(ZONES, *({"code_insee": c, "longitude": x, "latitude": y} for c, x, y in rows))


def of_access(people, counters, typologies):
    """Estimated seconds of `access__temps` by origin and typology."""
    origins = people.frame.select(
        "origine_id",
        pl.lit("carreau de 200 m").alias("type_origine"),
        *("code_insee", "code_departement", "population", "longitude", "latitude"),
    )
    parts = []
    for here in territories(origins, counters, {}, profiles()):
        times = measure(here, typologies, access())
        parts.append(times_table(here, times, typologies, access(), np.arange(here.origins.height)))
    return pl.concat(parts).select("origine_id", "typologie", "temps_estime_vol_oiseau_s")


def test_the_nearest_is_that_of_access():
    """On the mainland and overseas, with counters nobody can place, people nobody can, and no counter at all."""
    rng = np.random.default_rng(5)

    def around(commune, x, y, n):
        return [(commune, x + dx, y + dy) for dx, dy in rng.normal(0, 0.1, (n, 2))]

    people = people_at(
        *around("05061", 6.08, 44.56, 8),
        *around("26064", 5.1, 44.7, 8),
        *around("97105", -61.7, 16.0, 4),
        *around("97411", 55.45, -20.9, 4),
        ("26064", 6.08, 44.56),
        ("05061", None, None),
        ("98901", -109.2, 10.3),  # where no system measures
    )
    rows = []
    for typology in (FS, MAIRIE):
        for code, x, y, n in (("05061", 6.08, 44.56, 3), ("26064", 5.1, 44.7, 3), ("97105", -61.7, 16.0, 2)):
            rows += [
                {
                    "typologie": typology,
                    "code_insee": code,
                    "code_departement": departement_of(code),
                    "longitude": x + dx,
                    "latitude": y + dy,
                }
                for dx, dy in rng.normal(0, 0.2, (n, 2))
            ]
    unplaced = {"code_insee": "26064", "code_departement": "26", "longitude": None, "latitude": None}
    rows += [
        {"typologie": FS} | unplaced,
        {"typologie": MAIRIE, "type_structure": "Permanence"} | unplaced,  # not an implantation: no doubt of it
        {"type_structure": "Permanence", "longitude": 6.08, "latitude": 44.56},
    ]
    counters = held(*rows)
    expected = of_access(people, counters, [FS, MAIRIE])
    source = crow(people, counters)
    for typology in (FS, MAIRIE):
        mine = expected.filter(typologie=typology)
        told = people.frame.select("origine_id").join(mine, on="origine_id", maintain_order="left", how="left")
        found = pl.Series(source.nearest(typology)[0]).fill_nan(None).cast(pl.Int64)
        assert found.to_list() == told["temps_estime_vol_oiseau_s"].to_list(), typology
    unknown = np.isnan(source.nearest(FS)[0])
    # None in Réunion; the nearest elsewhere, while 26064 has one nobody can place; no position; no system.
    assert unknown.tolist() == [False] * 20 + [True] * 7


def test_a_doubt_is_of_the_commune_of_the_unplaced_counter_and_of_it_alone():
    people = people_at(("05061", 6.08, 44.56), ("26064", 5.1, 44.7))
    far = {"longitude": 5.9, "latitude": 44.56, "code_insee": "26064", "code_departement": "26"}
    unplaced = {"longitude": None, "latitude": None, "code_insee": "05061"}
    seconds, outside = crow(people, held(far, unplaced)).nearest(FS)
    assert np.isnan(seconds).tolist() == [True, False]
    assert outside.tolist() == [False, False], "what is unknown is not outside"
    seconds, outside = crow(people, held(far)).nearest(FS)
    assert np.isnan(seconds).tolist() == [False, False]
    assert outside.tolist() == [True, False]


def test_territories_of_several_systems_never_pair():
    """The same degrees, said to be of three départements: what is on top of each other is in three planes."""
    people = people_at(*([("05061", -61.7, 16.0)] * 3))
    codes = ["05", "971", "974"]
    people = people.__class__(
        people.frame.with_columns(pl.Series("code_departement", codes)), people.commune, people.groups, people.income
    )
    counters = held(*({"code_departement": d, "longitude": -61.7, "latitude": 16.0} for d in (*codes, "989")))
    source = crow(people, counters)
    pairs, rows = source.pairs(FS)
    known = np.isfinite(source._from).all(axis=1)
    assert rows.tolist() == [j for j in range(4) if np.isfinite(source._to[j]).all()]
    assert {(codes[i], counters["code_departement"][int(rows[j])]) for j, i, _ in listed(pairs)} == {
        (d, d) for d, k in zip(codes, known, strict=True) if k
    }
    alone = crow(people, counters.filter(code_departement="971"))
    assert np.isfinite(alone.nearest(FS)[0]).tolist() == [False, True, False]


def test_pairs_are_with_counters_of_every_kind_and_say_which():
    people = people_at(("05061", 6.08, 44.56))
    counters = held(
        {"typologie": MAIRIE},
        {"type_structure": "Permanence"},
        {"longitude": None, "latitude": None},
        {"longitude": 7.0},
        {"type_structure": "Itinérance", "longitude": 6.1},
    )
    pairs, rows = crow(people, counters).pairs(FS)
    assert rows.tolist() == [1, 3, 4]
    assert listed(pairs) == [(0, 0, 0), (2, 0, 165)]
    assert np.isnan(crow(people, counters.filter(type_structure="Permanence")).nearest(FS)[0]).all()
