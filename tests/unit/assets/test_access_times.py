"""Times of a small territory, from frames to rows: what is found, why nothing is, slots and pairs."""

import math
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from assets.access import settings as settings_module
from assets.access.choice import pairs
from assets.access.network.build import build_graph
from assets.access.network.profile import profiles
from assets.access.pairs_files import PairFiles
from assets.access.places import COUNTER_SCHEMA, ORIGIN_SCHEMA, Territory, counters, origins, territories
from assets.access.settings import load_settings, settings
from assets.access.slots import SLOT_SCHEMA, open_in, slots_table
from assets.access.times import measure, seconds_of
from assets.access.times_table import times_table
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.issues import IssueLog
from quality.contract import all_contracts
from tests.access import CAF, FS, MAIRIE, counters_at, degrees, origins_at, territory
from tests.networks import Oracle, graph_of, random_network, rules

ROAD = [(-20_000, 0), (20_000, 0)]  # 10 m/s
ROAD_COLUMNS = (
    "temps_route_s",
    "distance_route_m",
    "service_id",
    "departement_du_service",
    "hors_departement",
    "temps_autre_departement_s",
    "service_autre_departement_id",
    "temps_moyen_proches_s",
)
CHOICE = [f"nb_{m}_min" for m in (5, 10, 15, 20, 30, 45)]
CROW_COLUMNS = ("distance_vol_oiseau_m", "service_vol_oiseau_id", "temps_estime_vol_oiseau_s")


@pytest.fixture(scope="module")
def road():
    return graph_of([ROAD])


def _measured(here: Territory, typologies=(FS,)) -> pl.DataFrame:
    """The rows of every origin, counts of pairs included."""
    times = measure(here, typologies, settings())
    for _ in pairs(here, typologies, settings(), times):
        pass
    table = times_table(here, times, typologies, settings(), np.arange(here.origins.height))
    return all_contracts()["access__temps"].conform(table)


def _one(graph, origin, *held, typology=FS):
    here = territory(origins_at(origin), counters_at(*held), graph)
    return _measured(here, [typology]).row(0, named=True)


def _all_null(row, names):
    assert {name: row[name] for name in names} == dict.fromkeys(names)


# Why there is a time, or none


def test_calculated(road):
    row = _one(road, {"at": (0, 100)}, {"at": (1_000, 50)})
    assert row["statut"] == "calculé"
    assert (row["temps_route_s"], row["distance_route_m"]) == (24 + 100 + 12, 1_150)
    assert (row["service_id"], row["departement_du_service"], row["hors_departement"]) == ("S000", "38", False)
    assert [row[name] for name in CHOICE] == [1] * 6
    assert row["distance_vol_oiseau_m"] == round(math.hypot(1_000, 50))
    assert row["temps_estime_vol_oiseau_s"] == round(math.hypot(1_000, 50) * 1.3 / 45 * 3.6)


def test_without_roads_only_the_straight_line_is_known():
    row = _one(None, {"at": (0, 0)}, {"at": (4_500, 0)})
    assert row["statut"] == "sans réseau routier"
    _all_null(row, ROAD_COLUMNS)
    _all_null(row, CHOICE)
    assert [row[name] for name in CROW_COLUMNS] == [4_500.0, "S000", 468]


def test_off_the_network_nothing_by_road_is_known(road):
    row = _one(road, {"at": (0, 2_001)}, {"at": (0, 1)})
    assert row["statut"] == "hors réseau"
    _all_null(row, ROAD_COLUMNS)
    _all_null(row, CHOICE)
    assert row["distance_vol_oiseau_m"] == 2_000.0


def test_no_way_from_an_island():
    graph = graph_of([ROAD, [(0, 5_000), (900, 5_000)]])
    row = _one(graph, {"at": (500, 5_000)}, {"at": (500, 0)})
    assert row["statut"] == "aucun itinéraire"
    _all_null(row, ROAD_COLUMNS)
    assert [row[name] for name in CHOICE] == [0] * 6  # there is none within reach: that is known
    assert row["distance_vol_oiseau_m"] == 5_000.0


def test_no_way_to_a_counter_off_the_network(road):
    row = _one(road, {"at": (0, 0)}, {"at": (0, 3_000)})
    assert (row["statut"], row["temps_route_s"], row["distance_vol_oiseau_m"]) == ("aucun itinéraire", None, 3_000.0)


def test_no_service_of_this_type(road):
    for graph in (road, None):
        row = _one(graph, {"at": (0, 0)}, {"at": (10, 0)}, typology=CAF)
        assert row["statut"] == "aucun service de ce type"
        _all_null(row, (*ROAD_COLUMNS, *CROW_COLUMNS))
    # A permanence is not an implantation: the nearest service is one held all week.
    row = _one(road, {"at": (0, 0)}, {"at": (10, 0), "type_structure": "Permanence"})
    assert row["statut"] == "aucun service de ce type"


def test_an_origin_without_position(road):
    for graph in (road, None):
        row = _one(graph, {"at": None}, {"at": (10, 0)})
        assert row["statut"] == "origine sans position"
        _all_null(row, (*ROAD_COLUMNS, *CROW_COLUMNS, *CHOICE))


def test_an_unplaced_counter_of_the_commune_makes_the_nearest_placed_one_a_wrong_answer(road):
    unplaced = {"at": None, "code_insee": "38185"}
    row = _one(road, {"at": (0, 0)}, {"at": (1_000, 0)}, unplaced)
    assert row["statut"] == "service de la commune sans position"
    withheld = ("temps_route_s", "distance_route_m", "service_id", "departement_du_service", "hors_departement")
    _all_null(row, (*withheld, "temps_moyen_proches_s", *CROW_COLUMNS))
    # Another placed one stands in the commune; the unplaced one is in another commune, or of another typology.
    for held in (
        [{"at": (1_000, 0), "code_insee": "38185"}, unplaced],
        [{"at": (1_000, 0)}, {"at": None, "code_insee": "38001"}],
        [{"at": (1_000, 0)}, {**unplaced, "typologie": CAF}],
        [{"at": (1_000, 0)}, {**unplaced, "type_structure": "Permanence"}],
    ):
        row = _one(road, {"at": (0, 0)}, *held)
        assert (row["statut"], row["temps_route_s"]) == ("calculé", 100)


def test_no_counter_at_all(road):
    table = _measured(territory(origins_at({"at": (0, 0)}), counters_at(), road), [FS, CAF])
    assert table["statut"].to_list() == ["aucun service de ce type"] * 2
    assert table["service_id"].to_list() == [None, None]


def test_rows_are_in_the_order_of_origins_then_typologies(road):
    here = territory(
        origins_at({"at": (0, 0)}, {"at": (100, 0)}),
        counters_at({"at": (0, 0)}, {"at": (500, 0), "typologie": MAIRIE}),
        road,
    )
    rows = _measured(here, [MAIRIE, FS]).select("origine_id", "typologie", "temps_route_s").rows()
    assert rows == [("O000", MAIRIE, 50), ("O000", FS, 0), ("O001", MAIRIE, 40), ("O001", FS, 10)]


# Seconds, thresholds


def test_seconds_are_whole_and_the_nearest():
    milliseconds = np.array([-1, 0, 499, 500, 1_499, 1_500, 2**31 - 1], dtype=np.int32)
    assert seconds_of(milliseconds).tolist() == [-1, 0, 0, 1, 1, 2, 2_147_484]


@pytest.mark.parametrize(
    ("metres", "seconds", "within"), [(2_999, 300, 1), (3_004.9, 300, 1), (3_005.1, 301, 0), (26_990, 2_699, 0)]
)
def test_a_threshold_is_reached_on_whole_seconds(metres, seconds, within):
    graph = graph_of([[(-30_000, 0), (30_000, 0)]])
    row = _one(graph, {"at": (0, 0)}, {"at": (metres, 0)})
    assert (row["temps_route_s"], row["nb_5_min"], row["nb_10_min"]) == (seconds, within, int(seconds <= 600))


@pytest.mark.parametrize(("metres", "within"), [(27_004.9, 1), (27_005.1, 0)])
def test_the_last_threshold_too(metres, within):
    graph = graph_of([[(-30_000, 0), (30_000, 0)]])
    assert _one(graph, {"at": (0, 0)}, {"at": (metres, 0)})["nb_45_min"] == within


def test_the_nearest_by_road_is_not_the_nearest_as_the_crow_flies():
    # Two banks, one bridge 5 km away.
    banks = graph_of([ROAD, [(-20_000, 1_000), (20_000, 1_000)], [(20_000, 0), (20_000, 1_000)]])
    row = _one(banks, {"at": (15_000, 0)}, {"at": (15_000, 1_000)}, {"at": (12_000, 0)})
    assert (row["service_id"], row["temps_route_s"], row["distance_route_m"]) == ("S001", 300, 3_000)
    assert (row["service_vol_oiseau_id"], row["distance_vol_oiseau_m"]) == ("S000", 1_000.0)
    assert row["nb_10_min"] == 1
    assert row["nb_20_min"] == 2  # 1100 s round by the bridge


def test_k_nearest_mean_is_unknown_with_fewer(road):
    held = [{"at": (x, 0)} for x in (1_000, 2_000, 3_004, 9_000)]
    row = _one(road, {"at": (0, 0)}, *held)
    assert row["temps_moyen_proches_s"] == 200.0
    assert _one(road, {"at": (0, 0)}, *held[:2])["temps_moyen_proches_s"] is None


# Across borders


def test_the_counter_across_the_border_counts(road):
    near = {"at": (500, 0), "code_departement": "73", "code_insee": "73065"}
    row = _one(road, {"at": (0, 0)}, near, {"at": (5_000, 0)})
    assert (row["service_id"], row["departement_du_service"], row["hors_departement"]) == ("S000", "73", True)
    assert (row["temps_route_s"], row["temps_autre_departement_s"]) == (50, 50)
    assert row["service_autre_departement_id"] == "S000"


def test_the_nearest_of_another_departement_is_beside_the_nearest(road):
    others = [{"at": (x, 0), "code_departement": code} for x, code in ((9_000, "73"), (6_000, "26"))]
    own = [{"at": (100 * i, 0)} for i in range(1, 6)]
    row = _one(road, {"at": (0, 0)}, *own, *others)
    assert (row["temps_route_s"], row["hors_departement"]) == (10, False)
    assert (row["temps_autre_departement_s"], row["service_autre_departement_id"]) == (600, "S006")
    _all_null(_one(road, {"at": (0, 0)}, *own), ("temps_autre_departement_s", "service_autre_departement_id"))


def test_each_system_is_measured_apart(road):
    far = [
        {"at": None, "code_departement": "974", "code_insee": "97411", "longitude": 55.45, "latitude": -20.88},
        {"at": None, "code_departement": "984", "code_insee": "98411", "longitude": 77.5, "latitude": -37.8},
    ]
    found = territories(origins_at({"at": (0, 0)}, *far), counters_at({"at": (100, 0)}, *far), {2154: road}, profiles())
    assert [here.epsg for here in found] == [2154, 2975, None]
    assert [here.origins.height for here in found] == [here.counters.height for here in found] == [1, 1, 1]
    rows = [_measured(here).row(0, named=True) for here in found]
    assert [row["temps_route_s"] for row in rows] == [10, None, None]
    assert [row["distance_vol_oiseau_m"] for row in rows] == [100.0, 0.0, None]
    assert rows[1]["statut"] == "sans réseau routier"
    with pytest.raises(ValueError, match="without roads"):
        found[1].counters_at(np.array([0]))


def test_counters_too_far_from_a_road_are_said(road):
    issues = IssueLog("acces")
    held = counters_at({"at": (0, 0)}, {"at": (0, 2_500.4)}, {"at": (0, 90_000)}, {"at": None}, {"at": (0, 2_500.4)})
    territory(origins_at({"at": (0, 0)}), held, road, issues)
    rows = issues.frame().select("id_source", "valeur", "regle", "gravite").rows()
    rule = ("guichet-hors-reseau", "avertissement")
    assert rows == [("P001", "2500", *rule), ("P002", "", *rule), ("P004", "2500", *rule)]
    assert "2000 m d’une route" in issues.frame()["motif"][0]


# Counting


def _places(seed, count):
    """Of the seed of a network, places are its crossings, exactly; of another, anywhere."""
    return np.round(np.random.default_rng(seed).uniform(0, 8_000, (count, 2)), 1)


@examples(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_times_and_counts_are_those_of_another_library(seed):
    rng = np.random.default_rng(seed)
    batch = random_network(seed)
    graph = build_graph([batch], rules(composante_minimale=1), "voiture")
    homes, doors = _places(seed, 15), _places(seed + 1, 18)
    doors[3] = doors[4]  # two at one door
    typologies = rng.choice([FS, CAF], len(doors))
    kinds = rng.choice(["Implantation", "Implantation", "Permanence"], len(doors))
    departements = rng.choice(["38", "73", "26"], len(doors))
    held = [
        {"at": tuple(xy), "typologie": t, "type_structure": k, "code_departement": d}
        for xy, t, k, d in zip(doors.tolist(), typologies, kinds, departements, strict=True)
    ]
    here = territory(origins_at(*({"at": tuple(xy)} for xy in homes.tolist())), counters_at(*held), graph)
    table = _measured(here, [FS, CAF])
    seconds = Oracle(batch).seconds(homes, doors)
    for (origin, typology), row in zip(
        ((o, t) for o in range(len(homes)) for t in (FS, CAF)), table.iter_rows(named=True), strict=True
    ):
        mine = (typologies == typology) & (kinds == "Implantation")
        times = np.sort(seconds[origin, mine]) if mine.any() else np.array([np.inf])
        if row["statut"] == "calculé":
            assert row["temps_route_s"] == pytest.approx(times[0], abs=0.6)
        else:
            assert not np.isfinite(times[0])
        away = mine & (departements != "38")
        other = seconds[origin, away].min() if away.any() else np.inf
        if row["temps_autre_departement_s"] is None:
            assert not np.isfinite(other)
        else:
            assert row["temps_autre_departement_s"] == pytest.approx(other, abs=0.6)
        if row["temps_moyen_proches_s"] is not None:
            assert row["temps_moyen_proches_s"] == pytest.approx(times[:3].mean(), abs=0.6)
        for minutes, name in zip(settings().seuils_min, CHOICE, strict=True):
            if row["statut"] == "hors réseau" or row[name] is None:
                assert row[name] is None
            else:
                # On whole seconds: half a second more is the threshold still, but for what rounding does.
                surely, possibly = ((times < 60 * minutes + 0.5 + e).sum() for e in (-0.05, 0.05))
                assert surely <= row[name] <= possibly


def test_nothing_is_counted_before_the_pairs_are_streamed(road):
    here = territory(origins_at({"at": (0, 0)}), counters_at({"at": (0, 0)}, {"at": (4_000, 0)}), road)
    times = measure(here, [FS], settings())
    (part,) = pairs(here, [FS], settings(), times)
    assert part.milliseconds.tolist() == [0, 400_000]
    assert times.within.tolist() == [[[1, 2, 2, 2, 2, 2]]]
    without = territory(origins_at({"at": (0, 0)}), counters_at({"at": (0, 0)}), None)
    assert list(pairs(without, [FS], settings(), measure(without, [FS], settings()))) == []


# The hours of the week


WEEK = {slot.code: rank for rank, slot in enumerate(settings().creneaux.liste)}


@pytest.mark.parametrize(
    ("hours", "slots"),
    [
        ("Tu[1] 09:00-12:00", {"mardi_matin"}),  # a permanence of the first Tuesday
        ("Mo 09:00-12:00", {"lundi_matin"}),
        ("Mo 12:00-13:00", {"lundi_matin", "lundi_apres_midi"}),
        ("Mo 12:01-12:59", set()),  # 29 minutes on each side of half past twelve
        ("We 09:00-09:15,10:00-10:15", {"mercredi_matin"}),
        ("Th 14:00-19:00", {"jeudi_apres_midi", "apres_17h"}),
        ("Th 14:00-17:29", {"jeudi_apres_midi"}),
        ("Mo,Tu 17:00-17:20", set()),  # on no day is it half an hour
        ("Sa 18:00-19:00", {"samedi"}),
        ("Su 09:00-18:00", set()),
        ("24/7", set(WEEK)),
    ],
)
def test_when_a_counter_is_open(hours, slots):
    known, opened = open_in(pl.Series([hours, None, hours]), settings().creneaux)
    assert known.tolist() == [True, False, True]
    assert {code for code, rank in WEEK.items() if opened[0, rank]} == slots
    assert not opened[1].any()
    assert opened[2].tolist() == opened[0].tolist()


def test_hours_that_open_nothing_are_not_known_and_no_counter_is_no_row():
    known, opened = open_in(pl.Series(["Mo off", ""], dtype=pl.String), settings().creneaux)
    assert (known.tolist(), opened.any()) == ([False, False], False)
    known, opened = open_in(pl.Series([], dtype=pl.String), settings().creneaux)
    assert (known.shape, opened.shape) == ((0,), (0, len(WEEK)))


def test_the_nearest_open_counter_of_each_slot(road):
    held = counters_at(
        {"at": (500, 0), "type_structure": "Permanence", "horaires": "Tu[1] 09:00-12:00"},
        {"at": (3_000, 0), "horaires": "Tu-Th 09:00-12:00; Fr 14:00-18:00"},
        {"at": (100, 0)},  # nobody knows when
        {"at": None, "horaires": "Sa 09:00-12:00"},
        {"at": (10, 0), "typologie": CAF, "horaires": "Sa 09:00-12:00"},
    )
    here = territory(origins_at({"at": (0, 0)}, {"at": (0, 9_000)}), held, road)
    table = all_contracts()["access__temps_creneaux"].conform(slots_table(here, [FS, CAF], settings()))
    rows = table.select("typologie", "creneau", "temps_route_s", "point_accueil_id", "part_horaires_connus_pct").rows()
    assert rows == [
        (FS, "mardi_matin", 50, "P000", 66.7),
        (FS, "mercredi_matin", 300, "P001", 66.7),
        (FS, "jeudi_matin", 300, "P001", 66.7),
        (FS, "vendredi_apres_midi", 300, "P001", 66.7),
        (FS, "apres_17h", 300, "P001", 66.7),
        (CAF, "samedi", 1, "P004", 100.0),
    ]
    assert table["origine_id"].unique().to_list() == ["O000"]  # the other is off the network
    codes = all_contracts()["access__temps_creneaux"].column("creneau").values
    assert list(codes or ()) == list(WEEK)


def test_without_roads_or_hours_there_is_no_slot(road):
    known, unknown = ({"at": (0, 0), "horaires": text} for text in ("24/7", None))
    for held, graph in ((known, None), (unknown, road)):
        here = territory(origins_at({"at": (0, 0)}), counters_at(held), graph)
        table = slots_table(here, [FS], settings())
        assert (table.height, table.schema) == (0, SLOT_SCHEMA)


# Pairs in files


def _written(here: Territory, folder: Any, codes: list[str], limit_s: int) -> dict[str, list[tuple[Any, ...]]]:
    paths = {code: folder / f"{code}.parquet" for code in codes}
    times = measure(here, [FS], settings())
    with PairFiles(paths, here, limit_s) as files:
        for part in pairs(here, [FS], settings(), times):
            files.add(part)
    found = {code: pl.read_parquet(path) for code, path in paths.items()}
    for code, frame in found.items():
        assert all_contracts()["access__couples"].conform(frame).height == files.rows[code]
    return {code: frame.rows() for code, frame in found.items()}


def test_pairs_name_every_counter_of_a_door_in_the_file_of_the_origin(road, tmp_path):
    here = territory(
        origins_at(
            {"at": (0, 0)},
            {"at": (1_000, 0), "code_departement": "73"},
            {"at": (2_000, 0), "code_departement": "26"},
            {"at": (5_000, 0)},
            {"at": (0, 5_000)},
        ),
        counters_at({"at": (0, 0)}, {"at": (500, 0)}, {"at": (0, 0), "type_structure": "Permanence", "typologie": CAF}),
        road,
    )
    found = _written(here, tmp_path, ["38", "73", "05"], limit_s=450)
    assert sorted(found["38"]) == [
        ("O000", "P000", 0, 0),
        ("O000", "P001", 50, 500),
        ("O000", "P002", 0, 0),
        ("O003", "P001", 450, 4_500),
    ]
    assert sorted(found["73"]) == [
        ("O001", "P000", 100, 1_000),
        ("O001", "P001", 50, 500),
        ("O001", "P002", 100, 1_000),
    ]
    assert found["05"] == []


@examples(max_examples=4, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 1_500))
def test_pairs_are_all_those_another_library_finds(tmp_path_factory, seed, limit):
    batch = random_network(seed)
    graph = build_graph([batch], rules(composante_minimale=1), "voiture")
    homes, doors = _places(seed, 20), _places(seed + 1, 20)
    doors[5:8] = doors[5]
    here = territory(
        origins_at(*({"at": tuple(xy)} for xy in homes.tolist())),
        counters_at(*({"at": tuple(xy)} for xy in doors.tolist())),
        graph,
    )
    rows = _written(here, tmp_path_factory.mktemp("couples"), ["38"], limit)["38"]
    seconds = Oracle(batch).seconds(homes, doors)
    found = {(int(origin[1:]), int(counter[1:])): time for origin, counter, time, _ in rows}
    assert len(found) == len(rows)
    assert set(zip(*np.nonzero(seconds < limit + 0.45), strict=True)) <= set(found)
    assert set(found) <= set(zip(*np.nonzero(seconds < limit + 0.55), strict=True))
    for pair, time in found.items():
        assert time == pytest.approx(seconds[pair], abs=0.6)


def test_no_pair_is_an_empty_file(tmp_path):
    here = territory(origins_at({"at": (0, 0)}), counters_at({"at": (0, 0)}), None)
    assert _written(here, tmp_path, ["38"], 600) == {"38": []}
    nobody = territory(origins_at({"at": (0, 0)}), counters_at(), graph_of([ROAD]))
    assert _written(nobody, tmp_path, ["38"], 600) == {"38": []}


def test_a_file_left_half_way_holds_what_was_flushed_only(road, tmp_path):
    here = territory(origins_at({"at": (0, 0)}), counters_at({"at": (0, 0)}), road)
    times = measure(here, [FS], settings())

    def interrupted() -> None:
        with PairFiles({"38": tmp_path / "38.parquet"}, here, 600) as files:
            for part in pairs(here, [FS], settings(), times):
                files.add(part)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        interrupted()
    assert pq.read_metadata(tmp_path / "38.parquet").num_rows == 0


# From the tables of other stages


def test_people_leave_from_cells_and_from_the_mairie_where_there_are_none():
    cells = pl.DataFrame(
        {
            "carreau_id": ["CRS3035RES200mN2N1", "CRS3035RES1000mN1N1"],
            "taille_m": [200, 1000],
            "commune": ["38185", "38421"],
            "departement": ["38", "38"],
            "population": [12.5, 3.0],
            "longitude": [5.7, 5.8],
            "latitude": [45.2, 45.1],
        }
    )
    communes = pl.DataFrame(
        {
            "code": ["38185", "73065", "97411"],
            "departement": ["38", "73", "974"],
            "population": [150_000, 60_000, None],
            "longitude": [5.72, 5.92, None],
            "latitude": [45.18, 45.57, None],
        }
    )
    halls = pl.DataFrame(
        {
            "service_typologie": [MAIRIE],
            "service_nom": ["Mairie"],
            "service_id": ["M"],
            "lieu_code_insee": ["73065"],
            "lieu_longitude": [5.91],
            "lieu_latitude": [45.56],
        }
    )
    found = origins(cells, communes, halls)
    assert found.schema == ORIGIN_SCHEMA
    assert found.rows() == [
        ("CRS3035RES1000mN1N1", "carreau de 1000 m", "38421", "38", 3.0, 5.8, 45.1),
        ("CRS3035RES200mN2N1", "carreau de 200 m", "38185", "38", 12.5, 5.7, 45.2),
        ("73065", "commune", "73065", "73", 60_000.0, 5.91, 45.56),
        ("97411", "commune", "97411", "974", None, None, None),
    ]
    assert origins(cells.clear(), communes, halls)["type_origine"].unique().to_list() == ["commune"]


def test_every_kind_of_counter_speaks_one_vocabulary():
    def frame(prefix, hours, number, kind):
        return pl.DataFrame(
            {
                "point_accueil_id": [number],
                "service_id": ["S" + number],
                "type_structure": [kind],
                f"{prefix}_typologie": [FS],
                "lieu_code_insee": ["38185"],
                "lieu_code_departement": ["38"],
                "lieu_longitude": [5.7],
                "lieu_latitude": [45.2],
                hours: ["Mo 09:00-12:00"],
            }
        )

    found = counters(
        frame("service", "service_horaires_ouverture", "C", "Implantation"),
        frame("permanence", "permanence_horaires", "A", "Permanence"),
        frame("service", "service_horaires_ouverture", "B", "Itinérance"),
    )
    assert found.schema == COUNTER_SCHEMA
    assert found["type_structure"].to_list() == ["Permanence", "Itinérance", "Implantation"]
    assert found["horaires"].null_count() == 0


def test_counters_at_one_position_share_a_door(road):
    spot = degrees([(250, 0)])[0].tolist()
    held = counters_at(
        {"at": (0, 0)}, {"at": (250, 0)}, {"at": None}, {"at": None, "longitude": spot[0], "latitude": spot[1]}
    )
    here = territory(origins_at({"at": (0, 0)}), held, road)
    assert here.door[1] == here.door[3]
    assert here.doors is not None
    assert here.doors.number == 3
    assert here.counters_at(np.array([0, 1, 2])).on_road.tolist() == [True, True, False]


# The settings file


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("mode", "avion", "mode: avion is not one of voiture"),
        ("seuils_min", [10, 5], "seuils_min: .*thresholds in increasing order, each once"),
        ("seuils_min", [5, 5, 45], "seuils_min: .*increasing order"),
        ("seuils_min", [], "seuils_min: "),
        ("seuils_min", [0, 45], "seuils_min.0: .*greater than 0"),
        ("couples_max_min", 46, "couples_max_min: at most the last threshold, 45"),
        ("voisins", 0, "voisins: "),
        ("vol_oiseau/detour", 0.9, "vol_oiseau.detour: "),
        ("vol_oiseau/vitesse_kmh", 0, "vol_oiseau.vitesse_kmh: "),
        ("reseau_suspect/detour", 1, "reseau_suspect.detour: "),
        ("reseau_suspect/sans_itineraire", 1.5, "reseau_suspect.sans_itineraire: "),
        ("creneaux/liste/0/de", "25:00", "creneaux.liste.0.de: "),
        ("creneaux/liste/0/de", "12:30", "créneau lundi_matin: `de` comes before `a`"),
        ("creneaux/liste/0/jours", [7], "creneaux.liste.0.jours.0: "),
        ("creneaux/liste/0/jours", [], "creneaux.liste.0.jours: "),
        ("creneaux/liste/0/code", "mardi_matin", "creneaux: a code is there twice"),
        ("creneaux/liste/0/code", "Lundi matin", "creneaux.liste.0.code: "),
        ("creneaux/minutes_min", 0, "creneaux.minutes_min: "),
        ("isochrones/typologies", ["Guichet unique"], "isochrones.typologies: Guichet unique not in typologies.yml"),
        ("isochrones/pas_m", 0, "isochrones.pas_m: "),
        ("isochrones/couleur", "bleu", "isochrones.couleur: Extra inputs"),
    ],
)
def test_bad_settings_are_refused_by_name(tmp_path, path, value, fault):
    known = yaml.safe_load(settings_module._FILE.read_text(encoding="utf-8"))
    *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    spot = known
    for key in way:
        spot = spot[key]
    spot[last] = value
    bad = tmp_path / "bad_acces.yml"
    bad.write_text(yaml.safe_dump(known, allow_unicode=True), encoding="utf-8")
    with pytest.raises(WrongUse, match=fault):
        load_settings(bad)


@pytest.mark.parametrize("text", ["mode: [", "", "- 1", None])
def test_a_settings_file_that_is_none_is_refused(tmp_path, text):
    bad = tmp_path / "bad_acces.yml"
    if text is not None:
        bad.write_text(text, encoding="utf-8")
    with pytest.raises(WrongUse, match=r"bad_acces\.yml: expected"):
        load_settings(bad)


def test_the_columns_of_the_contracts_are_those_of_the_settings():
    names = [column.name for column in all_contracts()["access__temps"].columns]
    assert [name for name in names if name.startswith("nb_")] == [f"nb_{m}_min" for m in settings().seuils_min]
