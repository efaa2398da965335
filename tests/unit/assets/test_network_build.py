"""From segments to the graph: costs computed by hand, crossings, components, contraction, and what is refused."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.network import profile as profile_module
from assets.access.network.build import build_graph
from assets.access.network.contract import Chains, contract
from assets.access.network.graph import RoadGraph, load_graph, save_graph
from assets.access.network.hilbert import hilbert_order
from assets.access.network.profile import CLOSED, load_profiles, profiles
from pipeline.foundations.errors import CspError, SourceUnreadable, WrongUse
from sources.roads import SegmentBatch
from tests.networks import arcs_between, attach, graph_of, node_at, random_network, rules, segments

A, B = (0, 0), (1000, 0)
KILOMETRE = [A, B]  # 100 s at the 36 km/h of test segments
ELSEWHERE = [(0, 500), (1000, 500)]  # so that there is a graph even when the segment looked at is closed


def _bilan(graph: RoadGraph) -> dict[str, int]:
    return graph.meta["bilan"]


def _same(a: RoadGraph, b: RoadGraph) -> None:
    for name, array in vars(a).items():
        if name != "meta":
            np.testing.assert_array_equal(array, getattr(b, name), err_msg=name)
    assert a.meta == b.meta


# What a segment costs


@pytest.mark.parametrize(
    ("columns", "along_s", "against_s"),
    [
        ({}, 100, 100),
        ({"sens": 1}, 100, None),
        ({"sens": -1}, None, 100),
        ({"urbain": True}, 105, 105),
        ({"urbain": None}, 100, 100),
        ({"nature": "Bac ou liaison maritime", "bac": True, "vitesse_kmh": 18.0}, 200, 200),
        ({"nature": "Bac ou liaison maritime", "bac": True, "vitesse_kmh": None}, 240, 240),
        # A duration is that of the whole crossing: nothing is added to it.
        ({"nature": "ferry", "bac": True, "vitesse_kmh": None, "duree_s": 600.0, "urbain": True}, 600, 600),
        # No speed (BD TOPO v2): the table, by importance.
        ({"vitesse_kmh": None, "importance": 1}, 3600 / 70, 3600 / 70),
        ({"vitesse_kmh": None, "importance": 6}, 180, 180),
        ({"vitesse_kmh": None, "importance": None}, 3600 / 35, 3600 / 35),
        ({"vitesse_kmh": None, "nature": "Type autoroutier", "importance": 3, "sens": 1}, 40, None),
        ({"vitesse_kmh": None, "nature": "Type autoroutier", "importance": 6}, 36, 36),
        ({"vitesse_kmh": None, "nature": "Rond-point"}, 144, 144),
        # The producer's mean speed is taken as it is, within bounds; a legal one is never reached all along.
        ({"vitesse_kmh": 72.0}, 50, 50),
        ({"vitesse_kmh": 0.5}, 1200, 1200),
        ({"vitesse_kmh": 500.0}, 3600 / 130, 3600 / 130),
        ({"nature": "residential", "vitesse_kmh": 50.0}, 3600 / 42.5, 3600 / 42.5),
        ({"nature": "motorway", "vitesse_kmh": None}, 3600 / 115, 3600 / 115),
        # What a producer does not say is open.
        ({"acces_voiture": None}, 100, 100),
        ({"acces_voiture": "péage"}, 100, 100),
        ({"en_service": None}, 100, 100),
        ({"bac": None, "fictif": None}, 100, 100),
    ],
)
def test_the_cost_of_a_kilometre(columns, along_s, against_s):
    graph = graph_of([KILOMETRE], **columns)
    for (a, b), seconds in (((A, B), along_s), ((B, A), against_s)):
        expected = [] if seconds is None else [(round(seconds * 1000), 100_000)]
        assert arcs_between(graph, a, b) == expected


@pytest.mark.parametrize(
    "columns",
    [
        {"nature": "Sentier"},
        {"nature": "Escalier", "vitesse_kmh": None},
        {"nature": None},
        {"en_service": False},
        {"acces_voiture": "impossible"},
        {"acces_voiture": "restreint"},
        {"vitesse_kmh": 0.0},
        {"vitesse_kmh": -36.0},
        {"vitesse_kmh": math.nan},
    ],
)
def test_what_a_car_may_not_use_is_counted(columns):
    one_of_two = {name: [value, {"nature": "Rond-point"}.get(name)] for name, value in columns.items()}
    graph = graph_of([KILOMETRE, ELSEWHERE], **one_of_two)
    assert (_bilan(graph)["hors_mode"], _bilan(graph)["troncons"]) == (1, 1)
    assert node_at(graph, A) == -1
    with pytest.raises(SourceUnreadable, match="1 segments read, none usable"):
        graph_of([KILOMETRE], **columns)


@pytest.mark.parametrize(
    ("mode", "columns", "along_s", "against_s"),
    [
        ("pieton", {"sens": 1}, 900, 900),
        ("pieton", {"acces_voiture": "impossible"}, 900, 900),
        ("pieton", {"acces_pieton": False}, None, None),
        ("pieton", {"nature": "Type autoroutier"}, None, None),
        ("velo", {"sens": 1}, 240, None),
        ("velo", {"sens": 1, "sens_velo": 0}, 240, 240),
        ("velo", {"acces_velo": False}, None, None),
        ("velo", {"nature": "Escalier"}, None, None),
    ],
)
def test_on_foot_and_by_bicycle(mode, columns, along_s, against_s):
    pairs = {name: [value, {"nature": "Rond-point"}.get(name)] for name, value in columns.items()}
    graph = graph_of([KILOMETRE, ELSEWHERE], mode=mode, **pairs)
    costs = [next((cost / 1000 for cost, _ in arcs_between(graph, *ends)), None) for ends in ((A, B), (B, A))]
    assert costs == [along_s, against_s]


def test_an_unknown_mode_is_refused():
    with pytest.raises(WrongUse, match="mode 'avion': expected one of voiture, pieton, velo"):
        graph_of([KILOMETRE], mode="avion")


@pytest.mark.parametrize(("commune", "seconds"), [("38185", 155), ("38421", 105), ("99999", 105), (None, 105)])
def test_congestion_multiplies_driving_where_the_class_says_so(commune, seconds):
    car = profiles().profile("voiture")
    slow = car.model_copy(update={"congestion": {**car.congestion, "dense": 1.5}})
    known = rules(composante_minimale=1).model_copy(update={"profils": {"voiture": slow}})
    classes = pl.DataFrame({"code": ["38185", "38421", "38001"], "classe": ["dense", "peu_dense", None]})
    batch = segments([KILOMETRE], commune_gauche=commune, urbain=True)
    graph = build_graph([batch], known, "voiture", classes=classes)
    assert arcs_between(graph, A, B) == [(seconds * 1000, 100_000)]
    # Without classes nothing is multiplied.
    assert arcs_between(build_graph([batch], known, "voiture"), A, B) == [(105_000, 100_000)]


# Which ends meet


@pytest.mark.parametrize(
    ("height", "joined"), [(10.0, True), (11.5, True), (16.0, False), (4.0, False), (math.nan, True)]
)
def test_a_bridge_above_the_end_of_a_road_does_not_meet_it(height, joined):
    graph = graph_of([[(0, 0, 10), (100, 0, 10)], [(100, 0, height), (200, 0, 12)]])
    assert _bilan(graph)["noeuds"] == (3 if joined else 4)
    assert _bilan(graph)["points_superposes"] == (0 if joined else 1)
    reached = attach(graph, [[50, 0], [150, 0]])
    assert (reached.edge[0] == reached.edge[1]) is np.bool_(joined)


def test_an_end_of_unknown_height_meets_the_lowest_of_its_point():
    graph = graph_of(
        [
            [(0, 0, 10), (100, 0, 10)],
            [(100, 0, 10), (100, 90, 10)],
            [(100, 0, 20), (200, 0, 20)],
            [(100, 0, 20), (100, -90, 20)],
            [(100, 0, math.nan), (170, 70, math.nan)],
        ]
    )
    assert _bilan(graph)["noeuds"] == 7
    assert arcs_between(graph, (0, 0), (200, 0)) == []
    ground = [k for k in range(graph.nodes) if (graph.node_x[k], graph.node_y[k]) == (90_010_000, 645_000_000)]
    degrees = sorted(int(np.diff(graph.out_pointer)[k]) for k in ground)
    assert degrees == [3]  # the bridge is contracted: only the crossing of three remains


@pytest.mark.parametrize(
    ("gap", "tolerance", "joined"), [(0.2, 0.3, True), (0.3, 0.3, True), (0.4, 0.3, False), (0.2, 0.0, False)]
)
def test_a_loose_end_is_joined_within_the_tolerance_and_counted(gap, tolerance, joined):
    batch = segments([[(0, 0), (100, 0)], [(100 + gap, 0), (200, 0)]])
    graph = build_graph([batch], rules(composante_minimale=1, tolerance_m=tolerance), "voiture")
    assert (_bilan(graph)["bouts_rattaches"], _bilan(graph)["noeuds"]) == ((1, 3) if joined else (0, 4))


def test_a_loose_end_is_not_joined_to_another_level():
    graph = graph_of([[(0, 0, 0), (100, 0, 0)], [(100.2, 0, 9), (200, 0, 9)]])
    assert (_bilan(graph)["bouts_rattaches"], _bilan(graph)["noeuds"]) == (0, 4)


def test_roads_that_cross_without_an_end_do_not_meet():
    graph = graph_of([[(0, 0), (100, 100)], [(0, 100), (100, 0)]])
    assert (_bilan(graph)["noeuds"], graph.edges) == (4, 2)


def test_the_identifiers_of_the_producer_are_the_topology():
    lines = [[(0, 0), (100, 0)], [(100, 0), (200, 0)]]
    apart = graph_of(lines, noeud_debut=[1, 3], noeud_fin=[2, 4])
    assert _bilan(apart)["noeuds"] == 4
    lines = [[(0, 0), (100, 0)], [(107, 0), (200, 0)]]
    together = graph_of(lines, noeud_debut=[1, 2**40], noeud_fin=[2**40, 4])
    assert (_bilan(together)["noeuds"], together.edges) == (3, 1)
    assert together.edge_length.tolist() == [19_300]


# What is set aside


def test_a_segment_drawn_twice_is_one():
    lines = [KILOMETRE, KILOMETRE[::-1], KILOMETRE, [A, (500, 0), B]]
    graph = graph_of(lines)
    assert (_bilan(graph)["doubles"], _bilan(graph)["troncons"]) == (3, 1)
    one_way = graph_of([KILOMETRE, KILOMETRE[::-1], KILOMETRE[::-1]], sens=[1, -1, 1])
    assert (_bilan(one_way)["doubles"], _bilan(one_way)["troncons"]) == (1, 2)
    beyond = [[(-90, 0), A], [B, (1090, 0)]]  # so that A and B are crossings
    faster = graph_of([KILOMETRE, KILOMETRE, *beyond], vitesse_kmh=[36.0, 72.0, 36.0, 36.0])
    assert _bilan(faster)["doubles"] == 0
    assert arcs_between(faster, A, B) == [(50_000, 100_000), (100_000, 100_000)]


def test_loops_are_counted_and_those_of_no_length_set_aside():
    loop = [(0, 0), (0, 90), (90, 90), (0, 0)]
    graph = graph_of([KILOMETRE, loop, [A, A], [A, (0.004, 0)]])
    assert (_bilan(graph)["boucles"], _bilan(graph)["sans_longueur"], _bilan(graph)["troncons"]) == (1, 2, 2)
    # A closed street is a street: people live on it.
    assert attach(graph, [[0, 80]]).on_road.all()


def _village(west: float, streets: int) -> list[Any]:
    """A straight street in pieces of 100 m, alone."""
    return [[(west + 100 * i, 0), (west + 100 * i + 100, 0)] for i in range(streets)]


def test_small_parts_are_set_aside_and_a_large_island_is_kept():
    batch = segments(_village(0, 20) + _village(10_000, 9) + _village(20_000, 2))
    graph = build_graph([batch], rules(composante_minimale=10), "voiture")
    bilan = _bilan(graph)
    assert (bilan["composantes"], bilan["composantes_ecartees"], bilan["noeuds_ecartes"]) == (2, 1, 3)
    assert (bilan["troncons"], bilan["troncons_ecartes"], bilan["longueur_ecartee_m"]) == (29, 2, 200)
    assert attach(graph, [[50, 0], [10_050, 0], [20_050, 0]]).on_road.tolist() == [True, True, False]


def test_the_largest_part_is_kept_however_small():
    assert _bilan(build_graph([segments(_village(0, 2))], profiles(), "voiture"))["troncons"] == 2


def test_a_street_one_cannot_come_back_from_is_set_aside():
    batch = segments([*_village(0, 3), [(0, 0), (0, 500)]], sens=[0, 0, 0, 1])
    graph = build_graph([batch], rules(composante_minimale=2), "voiture")
    assert (_bilan(graph)["troncons_ecartes"], _bilan(graph)["composantes_ecartees"]) == (1, 1)


def test_nothing_to_drive_on_is_refused():
    for batches in ([], [segments([])]):
        with pytest.raises(SourceUnreadable, match=r"road graph \(voiture\).*0 segments read, none usable"):
            build_graph(batches, profiles(), "voiture")
    with pytest.raises(SourceUnreadable, match="1 segments read, no place one can both leave and come back to"):
        build_graph([segments([KILOMETRE], sens=1)], profiles(), "voiture")


def test_two_systems_are_refused():
    with pytest.raises(SourceUnreadable, match=r"one projected system \(EPSG:2154\); found EPSG:2975 as well"):
        build_graph([segments([KILOMETRE]), segments([KILOMETRE], epsg=2975)], profiles(), "voiture")


# Contraction


def _check(chains: Chains, start: Any, end: Any, along: Any, against: Any, length: Any, count: int) -> None:
    """Each edge is a walk through its segments, whose sums it holds; nothing is left to contract."""
    assert (chains.edge >= 0).all()
    degree = np.bincount(np.concatenate([start, end]), minlength=count)
    for edge in range(len(chains.u)):
        node, sums, inner = int(chains.u[edge]), [0, 0, 0], []
        rows = np.flatnonzero(chains.edge == edge)
        for row in rows[np.argsort(chains.before_length[rows])]:
            near, far = (start[row], end[row]) if not chains.flip[row] else (end[row], start[row])
            assert near == node
            assert [chains.before_along[row], chains.before_against[row], chains.before_length[row]] == sums
            go, back = (along[row], against[row]) if not chains.flip[row] else (against[row], along[row])
            sums = [
                CLOSED if go == CLOSED else sums[0] + go,
                CLOSED if back == CLOSED else sums[1] + back,
                sums[2] + length[row],
            ]
            node = int(far)
            inner.append(node)
        assert node == chains.v[edge]
        assert [chains.along[edge], chains.against[edge], chains.length[edge]] == sums
        assert (sums[0], sums[1]) != (CLOSED, CLOSED)
        assert all(degree[i] == 2 for i in inner[:-1])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_chain_is_one_edge_with_its_exact_sums(data):
    n = data.draw(st.integers(1, 9))
    way = data.draw(st.sampled_from([0, 1, -1]))
    flips = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    numbers = st.lists(st.integers(1, 10**6), min_size=n, max_size=n)
    go, back, length = (np.array(data.draw(numbers), dtype=np.int32) for _ in range(3))
    go = np.full_like(go, CLOSED) if way < 0 else go
    back = np.full_like(back, CLOSED) if way > 0 else back
    nodes = np.array(data.draw(st.permutations(range(n + 1))), dtype=np.int32)
    order = np.array(data.draw(st.permutations(range(n))))
    flip = np.array(flips)
    start, end = np.where(flip, nodes[1:], nodes[:-1])[order], np.where(flip, nodes[:-1], nodes[1:])[order]
    along, against = np.where(flip, back, go)[order], np.where(flip, go, back)[order]
    args = (start, end, along, against, length[order], n + 1)
    chains = contract(*args)
    assert len(chains.u) == 1
    assert {int(chains.u[0]), int(chains.v[0])} == {int(nodes[0]), int(nodes[-1])}
    wholes = [CLOSED if way < 0 else int(go.sum()), CLOSED if way > 0 else int(back.sum())]
    found = [int(chains.along[0]), int(chains.against[0])]
    assert found == (wholes if chains.u[0] == nodes[0] else wholes[::-1])
    assert chains.length[0] == length.sum()
    _check(chains, *args)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(1, 99), st.integers(1, 99), st.sampled_from("=><")),
        min_size=1,
        max_size=14,
    )
)
def test_any_network_is_contracted_into_walks(rows):
    start, end, go, back = (np.array([r[i] for r in rows], dtype=np.int32) for i in range(4))
    way = np.array([r[4] for r in rows])
    along, against = np.where(way == "<", CLOSED, go), np.where(way == ">", CLOSED, back)
    args = (start, end, along.astype(np.int32), against.astype(np.int32), (go + back).astype(np.int32), 8)
    _check(contract(*args), *args)


def test_a_ring_without_crossing_is_one_edge():
    ring = [(0, 0), (300, 0), (300, 400)]
    graph = graph_of([[ring[i], ring[(i + 1) % 3]] for i in range(3)])
    assert (graph.edges, graph.nodes, graph.edge_length.tolist()) == (1, 1, [120_000])
    one_way = graph_of([[ring[i], ring[(i + 1) % 3]] for i in range(3)], sens=1)
    assert sorted([one_way.edge_along[0], one_way.edge_against[0]]) == [120_000, CLOSED]


def test_where_a_direction_closes_the_node_stays():
    graph = graph_of([[(0, 0), (100, 0)], [(100, 0), (200, 0)]], sens=[0, 1])
    assert graph.edges == 2
    opposed = graph_of([[(0, 0), (100, 0)], [(200, 0), (100, 0)]], sens=1)
    assert opposed.edges == 2


# The same again, and on disk


def _cut(batch: SegmentBatch, at: list[int]) -> list[SegmentBatch]:
    bounds = [0, *at, batch.frame.height]
    parts = []
    for low, high in pairwise(bounds):
        first, last = batch.offsets[low], batch.offsets[high]
        offsets = batch.offsets[low : high + 1] - first
        parts.append(
            SegmentBatch(batch.frame[low:high], batch.xy[first:last], batch.z[first:last], offsets, batch.epsg)
        )
    return parts


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 60), max_size=4).map(sorted))
def test_the_same_segments_give_the_same_arrays_however_they_come(seed, cuts):
    graph = build_graph([random_network(seed)], rules(), "voiture")
    _same(graph, build_graph(_cut(random_network(seed), cuts), rules(), "voiture"))


def test_nodes_next_to_each_other_are_near_in_memory():
    side = np.arange(16, dtype=np.int32)
    x, y = (a.ravel() for a in np.meshgrid(side, side))
    order = hilbert_order(x, y)
    assert sorted(order) == list(range(256))
    steps = np.abs(np.diff(x[order])) + np.abs(np.diff(y[order]))
    assert (steps == 1).all()
    assert hilbert_order(x[:0], y[:0]).tolist() == []
    assert hilbert_order(np.full(3, 5, np.int32), np.full(3, 7, np.int32)).tolist() == [0, 1, 2]


@pytest.fixture(scope="module")
def built():
    return build_graph([random_network(11)], rules(), "voiture", about={"licence": "lov2"})


@pytest.mark.parametrize("mapped", [True, False])
def test_a_graph_comes_back_from_disk_as_it_was(built, tmp_path, mapped):
    save_graph(built, tmp_path / "g")
    back = load_graph(tmp_path / "g", mapped=mapped)
    _same(built, back)
    assert (back.epsg, back.meta["licence"], back.meta["profil"]) == (2154, "lov2", "voiture")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("graphe.json", b"{"),
        ("graphe.json", b"[]"),
        ("graphe.json", b"null"),
        ("graphe.json", b'{"format": 0}'),
        ("graphe.json", b"{}"),
        ("edge_u.npy", b""),
        ("edge_u.npy", b"\x93NUMPY"),
        ("edge_u.npy", None),
        ("graphe.json", None),
    ],
)
def test_a_damaged_folder_says_so(built, tmp_path, name, content):
    folder = tmp_path / "g"
    save_graph(built, folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(CspError, match=r"the arrays written by this version.*csp build"):
        load_graph(folder)


def test_a_graph_cut_short_says_so(built, tmp_path):
    save_graph(built, tmp_path / "g")
    whole = (tmp_path / "g" / "vertex_x.npy").read_bytes()
    (tmp_path / "g" / "vertex_x.npy").write_bytes(whole[:-40])
    for mapped in (True, False):
        with pytest.raises(CspError, match="the arrays written by this version"):
            load_graph(tmp_path / "g", mapped=mapped)


# The profiles file


def _set(known: dict[str, Any], path: str, value: Any) -> None:
    *way, last = path.split("/")
    for key in way:
        known = known[key]
    known[last] = value


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("profils/voiture/acces", ["libre", "permis"], "acces: permis not in libre, péage, restreint, impossible"),
        ("profils/voiture/vitesses", {"Rond-point": {1: 30}}, "vitesses: no `defaut` for Rond-point"),
        (
            "profils/voiture/congestion",
            {"dense": 1.2},
            "profils.voiture.congestion: a factor for each of tres_peu_dense",
        ),
        ("profils/voiture/congestion/dense", 0.5, "profils.voiture.congestion.dense: .*greater than or equal to 1"),
        ("profils/voiture/vitesses/Rond-point", 0, "Rond-point.*greater than 0"),
        ("profils/voiture/vitesses/Rond-point", -30, "Rond-point.*greater than 0"),
        ("profils/voiture/vitesse_max_kmh", 900, "vitesse_max_kmh: .*less than or equal to 200"),
        ("profils/voiture/coefficient_vitesse_legale", 1.2, "coefficient_vitesse_legale"),
        ("profils/voiture/sens", "avion", "profils.voiture.sens"),
        ("profils/voiture/vitesse", 12, "profils.voiture.vitesse: Extra inputs"),
        ("rattachement/maximum_m", 0, "rattachement.maximum_m: .*greater than 0"),
        ("topologie/tolerance_m", 50, "topologie.tolerance_m: .*less than or equal to 5"),
        ("topologie/composante_minimale", 0, "topologie.composante_minimale"),
        ("densite", "dense", "densite: .*valid dictionary"),
    ],
)
def test_a_bad_profile_is_refused_by_name(tmp_path, path, value, fault):
    known = yaml.safe_load(profile_module._FILE.read_text(encoding="utf-8"))
    _set(known, path, value)
    bad = tmp_path / "bad_profils.yml"
    bad.write_text(yaml.safe_dump(known, allow_unicode=True, sort_keys=False), encoding="utf-8")
    with pytest.raises(WrongUse, match=fault):
        load_profiles(bad)


@pytest.mark.parametrize("text", ["profils: [", "", "- 1", None])
def test_a_profiles_file_that_is_none_is_refused(tmp_path, text):
    bad = tmp_path / "bad_profils.yml"
    if text is not None:
        bad.write_text(text, encoding="utf-8")
    with pytest.raises(WrongUse, match=r"bad_profils\.yml: expected"):
        load_profiles(bad)
