"""Places on the road: the nearest point against another library, and costs to both ends computed by hand."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph
from assets.access.network.nearest import nearest
from assets.access.network.profile import CLOSED
from assets.access.network.snap import Places
from tests.networks import ORIGIN, attach, graph_of, random_network, rules

ROAD = [(0, 0), (1000, 0)]  # 100 s at the 36 km/h of test segments


def _ends(graph: RoadGraph, places: Places, k: int = 0) -> dict[tuple[int, int], tuple[int, int, int]]:
    """End (metres from the origin) -> ms to it, ms from it, cm to it."""
    found = {}
    for node, *values in (
        (places.u, places.to_u, places.from_u, places.length_u),
        (places.v, places.to_v, places.from_v, places.length_v),
    ):
        at = (graph.node_x[node[k]] / 100 - ORIGIN[0], graph.node_y[node[k]] / 100 - ORIGIN[1])
        found[round(at[0]), round(at[1])] = tuple(int(v[k]) for v in values)
    return found


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_nearest_point_is_what_another_library_finds(seed):
    batch = random_network(seed)
    graph = build_graph([batch], rules(composante_minimale=1), "voiture")
    xy = np.random.default_rng(seed).uniform(-4_000, 12_000, (200, 2))
    places = attach(graph, xy)
    lines = [batch.xy[a:b] - ORIGIN for a, b in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)]
    roads = shapely.MultiLineString(
        [line for line, nature in zip(lines, batch.frame["nature"], strict=True) if nature != "Bretelle"]
    )
    gap = shapely.distance(roads, shapely.points(xy))
    assert places.on_road.tolist() == (gap <= 2_000).tolist()
    searched = gap < 7_999
    np.testing.assert_allclose(places.off_road[searched] / 100, gap[searched], atol=0.02)
    np.testing.assert_allclose(places.access[places.on_road], gap[places.on_road] * 240, atol=5)
    for k in np.flatnonzero(places.on_road):
        segment = places.segment[k]
        vertices = slice(graph.segment_pointer[segment], graph.segment_pointer[segment + 1])
        drawn = shapely.LineString(np.column_stack([graph.vertex_x[vertices], graph.vertex_y[vertices]]) / 100)
        spot = drawn.interpolate(places.share[k], normalized=True)
        assert spot.distance(shapely.Point(xy[k] + ORIGIN)) == pytest.approx(gap[k], abs=0.03)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_costs_to_both_ends_make_the_whole_edge(seed):
    graph = build_graph([random_network(seed)], rules(composante_minimale=1), "voiture")
    places = attach(graph, np.random.default_rng(seed).uniform(0, 8_000, (200, 2)))
    places = places.take(places.on_road & (places.length_u > 0) & (places.length_v > 0))
    edge = places.edge
    np.testing.assert_array_equal(places.length_u + places.length_v, graph.edge_length[edge])
    for start, stop, whole in (
        (places.from_u, places.to_v, graph.edge_along[edge]),
        (places.from_v, places.to_u, graph.edge_against[edge]),
    ):
        closed = whole == CLOSED
        assert (start[closed] == CLOSED).all()
        assert (stop[closed] == CLOSED).all()
        assert (start[~closed] >= 0).all()
        assert (stop[~closed] >= 0).all()
        np.testing.assert_array_equal(start[~closed] + stop[~closed], whole[~closed])


@pytest.mark.parametrize(
    ("columns", "unfit"),
    [
        ({"nature": "Type autoroutier"}, True),
        ({"nature": "Bretelle"}, True),
        ({"nature": "motorway_link"}, True),
        ({"nature": "Bac ou liaison maritime", "bac": True}, True),
        ({"bac": True}, True),
        ({"fictif": True}, True),
        ({"bac": None, "fictif": None}, False),
        ({"nature": "Route à 2 chaussées"}, False),
    ],
)
def test_nobody_stops_on_a_motorway_a_ramp_or_a_ferry(columns, unfit):
    beside = {"nature": "Route à 1 chaussée", "bac": False, "fictif": False}
    pairs = {name: [value, beside[name]] for name, value in columns.items()}
    graph = graph_of([ROAD, [(0, 300), (1000, 300)]], **pairs)
    places = attach(graph, [[500, 100]])
    assert places.off_road.tolist() == [20_000 if unfit else 10_000]
    assert places.access.tolist() == [48_000 if unfit else 24_000]


def test_where_there_are_only_motorways_everybody_is_off_the_network():
    places = attach(graph_of([ROAD], nature="Type autoroutier"), [[500, 0]])
    assert (places.on_road.tolist(), places.off_road.tolist()) == ([False], [-1])


def test_beyond_the_maximum_a_place_is_off_the_network_and_its_distance_kept():
    graph = graph_of([ROAD])
    places = attach(graph, [[500, 2_000], [500, 2_000.02], [500, -7_900], [500, 8_100], [4_000_000, 0]])
    assert places.on_road.tolist() == [True, False, False, False, False]
    assert places.off_road.tolist() == [200_000, 200_002, 790_000, -1, -1]
    off = places.take(~places.on_road)
    assert (off.segment == -1).all()
    assert (off.edge == -1).all()
    assert np.isnan(off.share).all()
    for costs in (off.access, off.to_u, off.to_v, off.from_u, off.from_v):
        assert (costs == CLOSED).all()


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_a_place_without_position_is_off_the_network(unknown):
    places = attach(graph_of([ROAD]), [[unknown, 0], [500, unknown], [unknown, unknown], [500, 0]])
    assert places.on_road.tolist() == [False, False, False, True]
    assert places.off_road.tolist() == [-1, -1, -1, 0]


def test_no_place_at_all():
    assert attach(graph_of([ROAD]), np.empty((0, 2))).number == 0


@pytest.mark.parametrize("line", [ROAD, ROAD[::-1]])
def test_costs_to_both_ends_whatever_the_drawing(line):
    graph = graph_of([line])
    places = attach(graph, [[300, 50]])
    assert (places.off_road[0], places.access[0]) == (5_000, 12_000)  # 50 m at 15 km/h
    assert _ends(graph, places) == {(0, 0): (30_000, 30_000, 30_000), (1000, 0): (70_000, 70_000, 70_000)}
    assert places.share[0] == pytest.approx(0.3 if line is ROAD else 0.7)


@pytest.mark.parametrize(("line", "sens"), [(ROAD, 1), (ROAD[::-1], -1)])
def test_costs_on_a_one_way_street(line, sens):
    graph = graph_of([line], sens=sens)
    expected = {(0, 0): (CLOSED, 30_000, 30_000), (1000, 0): (70_000, CLOSED, 70_000)}
    assert _ends(graph, attach(graph, [[300, 0]])) == expected
    turned = _ends(graph, attach(graph, [[300, 0]]).turned())
    assert turned == {end: (away, to, length) for end, (to, away, length) in expected.items()}


@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True), (False, True, False), (True,) * 3])
def test_costs_in_the_middle_of_a_chain(flips):
    # 100 m at 36 km/h, 200 m at 72 in town, 300 m at 18: 10 + (10 + 5) + 60 s.
    lines = [[(0, 0), (100, 0)], [(100, 0), (200, 0), (200, 100)], [(200, 100), (500, 100)]]
    lines = [line[::-1] if flip else line for line, flip in zip(lines, flips, strict=True)]
    graph = graph_of(lines, vitesse_kmh=[36.0, 72.0, 18.0], urbain=[False, True, False])
    assert (graph.edges, graph.edge_along.tolist()) == (1, [85_000])
    quarter = attach(graph, [[150, 0], [200, 50], [300, 100]])
    assert _ends(graph, quarter, 0)[0, 0] == (13_750, 13_750, 15_000)  # 10 s, and a quarter of 15
    assert _ends(graph, quarter, 1)[500, 100] == (63_750, 63_750, 35_000)
    assert _ends(graph, quarter, 2) == {(0, 0): (45_000, 45_000, 40_000), (500, 100): (40_000, 40_000, 20_000)}


def test_at_a_crossing_of_one_way_streets_one_is_on_all_of_them():
    centre, ends = (0, 0), [(400, 0), (0, 400), (-400, 0), (0, -400)]
    graph = graph_of([[centre, ends[0]], [centre, ends[1]], [ends[2], centre], [ends[3], centre]], sens=1)
    place = attach(graph, [centre])
    own = _ends(graph, place)
    assert own.pop((0, 0)) == (0, 0, 0)
    (far,) = own.values()
    assert sorted(far[:2]) == [40_000, CLOSED]
    streets = attach(graph, [[200, 0], [0, 200], [-200, 0], [0, -200]])
    leaving = [int(nearest(graph, place, streets.take(np.array([k]))).milliseconds[0, 0]) for k in range(4)]
    arriving = nearest(graph, streets, place).milliseconds[:, 0].tolist()
    assert (leaving, arriving) == ([20_000, 20_000, -1, -1], [-1, -1, 20_000, 20_000])


def test_hundreds_of_places_on_one_street_are_compared_along_it():
    graph = graph_of([ROAD])
    rng = np.random.default_rng(4)
    homes, doors = (np.column_stack([rng.uniform(0, 1000, 400), rng.uniform(-80, 80, 400)]).round(2) for _ in range(2))
    found = nearest(graph, attach(graph, homes), attach(graph, doors))
    along, aside = np.abs(homes[:, None, 0] - doors[:, 0]), np.abs(homes[:, None, 1]) + np.abs(doors[:, 1])
    times = along / 10 + aside * 0.24  # 36 and 15 km/h
    np.testing.assert_allclose(found.milliseconds[:, 0] / 1000, times.min(axis=1), atol=0.01)
    metres = (along + aside)[np.arange(400), found.counter[:, 0]]
    np.testing.assert_allclose(found.centimetres[:, 0] / 100, metres, atol=0.05)


def test_a_one_way_street_is_not_driven_back():
    # A block driven round: 400 m a side.
    corners = [(0, 0), (400, 0), (400, 400), (0, 400)]
    graph = graph_of([[corners[i], corners[(i + 1) % 4]] for i in range(4)] + [[(0, 0), (-90, 0)]], sens=[1] * 4 + [0])
    places = attach(graph, [[100, 0], [300, 0]])
    there = nearest(graph, places.take(np.array([0])), places.take(np.array([1])))
    back = nearest(graph, places.take(np.array([1])), places.take(np.array([0])))
    assert (there.milliseconds[0, 0], there.centimetres[0, 0]) == (20_000, 20_000)
    assert (back.milliseconds[0, 0], back.centimetres[0, 0]) == (140_000, 140_000)
