"""Times by road as access writes them: what is known, what is not, and pairs against a join."""

import tempfile

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.choice import pairs
from assets.access.pairs_files import PairFiles
from assets.access.settings import settings as access
from assets.access.times import measure
from assets.access.times_table import NO_WAY, times_table
from assets.tension import travel
from assets.tension.travel import RoadTimes
from assets.tension.zones import Zones
from pipeline.foundations.errors import CspError
from tests.access import counters_at, origins_at, territory
from tests.networks import graph_of
from tests.tension import FS, INF, MAIRIE, held, membership, people_of

LABELS = [MAIRIE, FS]
ZONES = Zones.of(membership({"code": "05061"}, {"code": "26064", "departement": "26"}))


def people_in(*communes):
    """Origins `O000`, `O001`… of those communes."""
    return people_of(ZONES, *({"code_insee": c} for c in communes))


def times(*rows):
    """Rows of `access__temps`: `(origin, typology, seconds or None, statut, outside)`."""
    schema = {
        "origine_id": pl.String,
        "typologie": pl.String,
        "temps_route_s": pl.Int64,
        "statut": pl.String,
        "hors_departement": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def couples(*rows):
    """Rows of `access__couples`: `(origin, counter, seconds)`."""
    schema = {"origine_id": pl.String, "point_accueil_id": pl.String, "temps_route_s": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def told(times_of):
    seconds, outside = times_of
    return [None if np.isnan(s) else s for s in seconds.tolist()], outside.tolist()


def test_no_way_and_unknown_are_kept_apart_over_several_departements():
    people = people_in("05061", "05061", "26064", "26064")
    first = times(
        ("O000", MAIRIE, 300, "calculé", False),
        ("O000", FS, None, NO_WAY, None),
        ("O001", MAIRIE, 0, "calculé", True),
        ("O001", FS, None, "hors réseau", None),
    )
    second = times(
        ("O003", MAIRIE, None, "sans réseau routier", None),
        ("O003", FS, 61, "calculé", True),
    )
    source = RoadTimes(people, held(), LABELS, [first, second], [])
    assert source.mesure == "route"
    assert told(source.nearest(MAIRIE)) == ([300, 0, None, None], [False, True, False, False])
    assert told(source.nearest(FS)) == ([INF, None, None, 61], [False, False, False, True])  # O002 is in no file


def test_rows_of_others_are_left_out():
    """A département is measured whole, the people asked for may be fewer."""
    frame = times(
        ("X", MAIRIE, 1, "calculé", False),
        ("X", FS, 2, "calculé", False),
        ("O000", MAIRIE, 3, "calculé", False),
        ("O000", FS, 4, "calculé", False),
    )
    pairs_there = couples(("X", "P000", 5), ("O000", "P000", 6), ("O000", "gone", 7))
    source = RoadTimes(people_in("05061"), held({}), LABELS, [frame], [pairs_there])
    assert told(source.nearest(FS)) == ([4], [False])
    assert source.pairs(FS)[0].seconds.tolist() == [6]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ([1, 0, 2, 3], f"4 rows, {FS}, {MAIRIE}, {MAIRIE} first"),
        ([0, 1, 3, 2], f"4 rows, {MAIRIE}, {FS}, {FS} first"),
        ([0, 1, 2], f"3 rows, {MAIRIE}, {FS}, {MAIRIE} first"),
        ([0, 3, 2, 1], f"4 rows, {MAIRIE}, {FS}, {MAIRIE} first"),  # typologies in order, of two origins
    ],
)
def test_rows_in_another_order_are_refused(order, found):
    frame = times(
        ("O000", MAIRIE, 1, "calculé", False),
        ("O000", FS, 2, "calculé", False),
        ("O001", MAIRIE, 3, "calculé", False),
        ("O001", FS, 4, "calculé", False),
    )
    with pytest.raises(CspError) as refused:
        RoadTimes(people_in("05061", "05061"), held(), LABELS, [frame[order]], [])
    assert "rows of every origin, 2 typologies each in the order of typologies.yml" in refused.value.expected
    assert refused.value.found == found
    assert "make the measures of access again" in refused.value.remedy


def test_a_departement_without_anybody_has_no_row():
    source = RoadTimes(people_in("05061"), held({}), LABELS, [times()], [couples()])
    assert told(source.nearest(FS)) == ([None], [False])
    assert (source.pairs(FS)[0].counters, source.pairs(MAIRIE)[0].counters) == (1, 0)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_pairs_are_a_join(data):
    """Whatever the order of rows; counters of a typology nobody knows are left out."""
    communes = data.draw(st.lists(st.sampled_from(["05061", "26064"]), max_size=6).map(sorted))
    people = people_in(*communes)
    kinds = data.draw(st.lists(st.sampled_from([*LABELS, "Autre"]), max_size=6))
    counters = held(*({"typologie": t} for t in kinds))
    every = [(i, j) for i in range(len(communes)) for j in range(len(kinds))]
    drawn = data.draw(st.lists(st.sampled_from(every), unique=True)) if every else []
    rows = [(i, j, data.draw(st.integers(0, 1800))) for i, j in drawn]
    files = [
        couples(*((f"O{i:03d}", f"P{j:03d}", s) for i, j, s in rows if communes[i] == c)) for c in ("05061", "26064")
    ]
    source = RoadTimes(people, counters, LABELS, [], files)
    for typology in LABELS:
        found, mine = source.pairs(typology)
        assert mine.tolist() == [j for j, t in enumerate(kinds) if t == typology]
        expected = sorted((j, i, s) for i, j, s in rows if kinds[j] == typology)
        listed = zip(mine[found.counter].tolist(), found.origin.tolist(), found.seconds.tolist(), strict=True)
        assert list(listed) == expected
        assert (found.origins, found.counters) == (len(communes), len(mine))


def test_pairs_wait_on_disk_no_longer_than_they_are_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(travel, "_READ", 2)
    people = people_in(*["05061"] * 5)
    rows = couples(*((f"O{i:03d}", f"P{j:03d}", 10 * i + j) for i in range(5) for j in range(2)))
    source = RoadTimes(people, held({}, {}), LABELS, [], [rows])
    assert [p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()] == [10 * 3 * 4]
    found, _ = source.pairs(FS)
    assert found.seconds.tolist() == [0, 10, 20, 30, 40, 1, 11, 21, 31, 41]
    del source
    assert list(tmp_path.iterdir()) == []


def test_what_access_writes_is_what_is_read(tmp_path):
    """From roads to arrays, through the files of access: two départements, an origin off the roads, no France services
    within the island.
    """
    road = graph_of([[(-20_000, 0), (20_000, 0)], [(0, 60_000), (5_000, 60_000)]])  # 10 m/s
    origins = origins_at(
        {"at": (0, 0)},
        {"at": (3_000, 0)},
        {"at": (0, 30_000)},
        {"at": (100, 60_000)},
        {"at": (-6_000, 0), "code_insee": "26064", "code_departement": "26"},
    ).sort("code_departement", "origine_id")
    counters = counters_at(
        {"at": (1_000, 0)},
        {"at": (-3_000, 0), "code_departement": "26"},
        {"at": (2_000, 60_000), "typologie": MAIRIE},
        {"at": (1_000, 0), "type_structure": "Permanence"},
    )
    here = territory(origins, counters, road)
    found = measure(here, LABELS, access())
    codes = ["26", "38"]
    paths = {code: tmp_path / f"{code}.parquet" for code in codes}
    with PairFiles(paths, here, access().couples_max_min * 60) as files:
        for part in pairs(here, LABELS, access(), found):
            files.add(part)
    rows = {code: np.flatnonzero((here.origins["code_departement"] == code).to_numpy()) for code in codes}
    written = (times_table(here, found, LABELS, access(), rows[code]) for code in codes)
    people = people_of(
        Zones.of(membership({"code": "38185"}, {"code": "26064"})),
        *({"origine_id": o, "code_insee": c} for o, c in origins.select("origine_id", "code_insee").rows()),
    )
    source = RoadTimes(people, counters, LABELS, written, (pl.read_parquet(paths[c]) for c in codes))
    assert people.frame["origine_id"].to_list() == ["O004", "O000", "O001", "O002", "O003"]
    assert told(source.nearest(FS)) == ([300, 100, 200, None, INF], [False, False, False, False, False])
    assert told(source.nearest(MAIRIE)) == ([INF, INF, INF, None, 190], [False] * 5)
    found_pairs, mine = source.pairs(FS)
    assert mine.tolist() == [0, 1, 3]
    assert found_pairs.seconds.tolist() == [700, 100, 200, 300, 300, 600, 700, 100, 200]
    assert found_pairs.origin.tolist() == [0, 1, 2] * 3
