"""Access of communes against sums written in plain Python, and what becomes of people without a time."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.settings import Suspect
from assets.access.settings import settings as known_settings
from assets.access.summary import commune_table
from quality.contract import all_contracts
from tests.access import FS, MAIRIE

THRESHOLDS = (5, 10, 15, 20, 30, 45)
SHARES = [f"a_moins_de_{m}_min_pct" for m in THRESHOLDS]
SUSPECT = Suspect(detour=3.0, sans_itineraire=0.5, distance_min_m=1000)
SCHEMA = all_contracts()["access__temps"].polars_schema


def _row(number=0, **said):
    row = dict.fromkeys(SCHEMA)
    row |= {
        "origine_id": f"O{number}",
        "type_origine": "carreau de 200 m",
        "code_insee": "38185",
        "code_departement": "38",
        "population": 10.0,
        "typologie": FS,
        "statut": "calculé",
        **said,
    }
    if row["temps_route_s"] is None and "statut" not in said:
        row["statut"] = "hors réseau"
    return row


def _table(*rows, typologies=(MAIRIE, FS), suspect=SUSPECT):
    frame = pl.DataFrame(list(rows), schema=SCHEMA)
    return all_contracts()["access__acces_communes"].conform(commune_table(frame, typologies, THRESHOLDS, suspect))


def _one(*rows, **settings):
    return _table(*rows, **settings).row(0, named=True)


ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 4_000)),  # seconds
        st.one_of(st.none(), st.just(0.0), st.floats(0.1, 5_000).map(lambda p: round(p, 1))),  # people
        st.one_of(st.none(), st.integers(0, 60_000).map(float)),  # straight line
        st.sampled_from([None, True, False]),  # in another département
    ),
    min_size=1,
    max_size=12,
)


def _oracle(rows):
    people = [p or 0.0 for _, p, _, _ in rows]
    weights = people if sum(people) > 0 else [1.0] * len(rows)
    total = sum(weights)
    timed = sorted((s, w) for (s, *_), w in zip(rows, weights, strict=True) if s is not None)
    reached = sum(w for _, w in timed)
    expected = {
        "nb_origines": len(rows),
        "population": sum(people) or None,
        "sans_temps_pct": 100 * (total - reached) / total,
        "temps_moyen_min": sum(s * w for s, w in timed) / reached / 60 if reached else None,
    }
    for percent in (10, 50, 90):
        before, found = 0.0, None
        for seconds, weight in timed:
            before += weight
            if before >= reached * percent / 100 - 1e-9:
                found = seconds / 60
                break
        expected[f"temps_q{percent}_min"] = found if reached else None
    for minutes, name in zip(THRESHOLDS, SHARES, strict=True):
        within = sum(w for s, w in timed if s <= 60 * minutes)
        expected[name] = 100 * within / total if timed else None
    away = sum(w for (*_, a), w in zip(rows, weights, strict=True) if a)
    expected["hors_departement_pct"] = 100 * away / total if timed else None
    lines = [(line, w) for (_, _, line, _), w in zip(rows, weights, strict=True) if line is not None]
    seen = sum(w for _, w in lines)
    expected["distance_vol_oiseau_m"] = sum(line * w for line, w in lines) / seen if seen else None
    return expected


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_the_same_as_sums_in_plain_python(rows):
    found = _one(
        *(
            _row(i, temps_route_s=s, population=p, distance_vol_oiseau_m=line, hors_departement=away)
            for i, (s, p, line, away) in enumerate(rows)
        )
    )
    for name, expected in _oracle(rows).items():
        if expected is None:
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(expected, abs=0.51 if name == "distance_vol_oiseau_m" else 0.006), name
    shares = [found[name] for name in SHARES]
    if shares[0] is not None:
        assert shares == sorted(shares)
        assert all(0 <= share <= 100 for share in shares)
        assert shares[-1] <= 100 - found["sans_temps_pct"] + 0.011
        assert found["temps_q10_min"] is None or (
            found["temps_q10_min"] <= found["temps_q50_min"] <= found["temps_q90_min"]
        )
    else:
        assert shares == [None] * len(THRESHOLDS)
    assert 0 <= found["sans_temps_pct"] <= 100


def test_people_without_a_time_are_counted_and_not_averaged():
    found = _one(
        _row(0, temps_route_s=300, population=60.0),
        _row(1, temps_route_s=301, population=20.0),
        _row(2, temps_route_s=None, population=20.0),
    )
    assert (found["temps_moyen_min"], found["sans_temps_pct"]) == (5.0, 20.0)
    assert (found["a_moins_de_5_min_pct"], found["a_moins_de_10_min_pct"], found["a_moins_de_45_min_pct"]) == (
        60,
        80,
        80,
    )
    assert (found["temps_q50_min"], found["temps_q90_min"]) == (5.0, round(301 / 60, 2))


def test_a_mean_is_of_people_not_of_origins():
    found = _one(_row(0, temps_route_s=600, population=1.0), _row(1, temps_route_s=60, population=99.0))
    assert found["temps_moyen_min"] == 1.09


def test_when_nobody_has_a_time_times_and_shares_are_unknown():
    found = _one(_row(0, statut="sans réseau routier"), _row(1, statut="sans réseau routier"))
    assert found["sans_temps_pct"] == 100
    unknown = ("temps_moyen_min", "temps_q10_min", "temps_q90_min", *SHARES, "hors_departement_pct", "detour_median")
    assert [found[name] for name in unknown] == [None] * len(unknown)
    assert (found["reseau_suspect"], found["statut_principal"]) == (False, "sans réseau routier")


def test_when_only_empty_origins_are_reached_no_person_has_a_time():
    found = _one(_row(0, temps_route_s=120, population=0.0), _row(1, population=30.0))
    assert [found[f"temps_{name}_min"] for name in ("moyen", "q10", "q50", "q90")] == [None] * 4
    assert (found["sans_temps_pct"], found["a_moins_de_5_min_pct"]) == (100, 0)


@pytest.mark.parametrize("population", [None, 0.0])
def test_a_commune_where_nobody_was_counted_still_has_a_time(population):
    rows = [_row(i, temps_route_s=s, population=population) for i, s in enumerate((60, 180))]
    found = _one(*rows)
    assert (found["population"], found["temps_moyen_min"], found["a_moins_de_5_min_pct"]) == (None, 2.0, 100)
    single = _one(_row(0, type_origine="commune", temps_route_s=90, population=population))
    assert (single["nb_origines"], single["type_origine"], single["temps_moyen_min"]) == (1, "commune", 1.5)


def test_an_origin_nobody_was_counted_at_does_not_weigh_beside_others():
    found = _one(_row(0, temps_route_s=60, population=None), _row(1, temps_route_s=600, population=5.0))
    assert (found["population"], found["temps_moyen_min"], found["nb_origines"]) == (5.0, 10.0, 2)


def test_a_network_that_turns_round_is_suspected():
    def found(detour, line=2_000.0, number=3):
        rows = [
            _row(i, temps_route_s=900, distance_vol_oiseau_m=line, distance_route_m=round(line * detour))
            for i in range(number)
        ]
        near = _row(99, temps_route_s=60, distance_vol_oiseau_m=100.0, distance_route_m=5_000)
        return _one(*rows, near)

    assert [found(d)["reseau_suspect"] for d in (1.3, 3.0, 3.01)] == [False, False, True]
    assert found(4.0)["detour_median"] == 4.0
    # Too near for the ratio to say anything.
    assert [found(9.0, line=999.0)[name] for name in ("detour_median", "reseau_suspect")] == [None, False]


@pytest.mark.parametrize(("cut", "suspect"), [(49.0, False), (50.0, False), (51.0, True)])
def test_a_network_most_people_cannot_leave_is_suspected(cut, suspect):
    there = _row(0, temps_route_s=60, population=100.0 - cut)
    assert _one(there, _row(1, statut="aucun itinéraire", population=cut))["reseau_suspect"] is suspect
    assert _one(there, _row(1, statut="hors réseau", population=cut))["reseau_suspect"] is False


def test_communes_and_typologies_are_apart_and_in_order():
    rows = [
        _row(number, code_insee=insee, typologie=typology, temps_route_s=seconds)
        for number, (insee, typology, seconds) in enumerate(
            [("38421", FS, 60), ("38185", FS, 120), ("38421", MAIRIE, 180), ("38185", MAIRIE, 240)]
        )
    ]
    table = _table(*rows)
    assert table.select("code_insee", "typologie", "temps_moyen_min").rows() == [
        ("38185", MAIRIE, 4.0),
        ("38185", FS, 2.0),
        ("38421", MAIRIE, 3.0),
        ("38421", FS, 1.0),
    ]


def test_the_main_status_is_the_most_frequent_and_the_same_each_time_on_a_tie():
    def rows(statuses):
        return [_row(i, statut=s) for i, s in enumerate(statuses)]

    assert _one(*rows(["hors réseau", "calculé", "calculé"]))["statut_principal"] == "calculé"
    tie = ["hors réseau", "aucun itinéraire"]
    assert _one(*rows(tie))["statut_principal"] == _one(*rows(tie[::-1]))["statut_principal"] == "aucun itinéraire"


def test_the_thresholds_published_are_those_of_the_settings():
    assert known_settings().seuils_min == THRESHOLDS
    assert known_settings().reseau_suspect == SUSPECT
