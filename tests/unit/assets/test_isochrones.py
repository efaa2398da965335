"""Isochrones: a case computed by hand, what any area must be, and the people they cover."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.areas import AREA_SCHEMA, area_table
from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph
from assets.access.network.isochrones import Grid, contours, isochrones_from, isochrones_to
from assets.access.network.nearest import nearest
from assets.access.network.profile import profiles
from assets.access.network.snap import Attacher
from assets.access.settings import Areas
from assets.access.settings import settings as known_settings
from assets.access.times import measure
from pipeline.foundations.crs import project
from pipeline.foundations.errors import WrongUse
from quality.contract import all_contracts
from tests.access import FS, MAIRIE, counters_at, degrees, origins_at, territory
from tests.networks import ORIGIN, attach, graph_of, random_network, rules

ROAD = [(-9_000, 0), (9_000, 0)]  # 10 m/s


def _attacher(graph: RoadGraph) -> Attacher:
    return Attacher(graph, profiles().rattachement)


def _grid(graph: RoadGraph, box: tuple[float, float, float, float], step: float) -> Grid:
    west, south, east, north = box
    x, y = ORIGIN
    return Grid.over(_attacher(graph), (west + x, south + y, east + x, north + y), step)


def _moved(areas):
    """In metres from the origin, as everything else here."""
    return [shapely.transform(area, lambda xy: xy - ORIGIN) for area in areas]


def _diamond(limit_s: float, x: float = 0.0) -> shapely.Polygon:
    """Points from which one walks to the road at 15 km/h, then drives at 36 to the counter, in time."""
    return shapely.Polygon([(x - 10 * limit_s, 0), (x, limit_s / 0.24), (x + 10 * limit_s, 0), (x, -limit_s / 0.24)])


def _check(areas, minutes):
    """Valid, and each inside those of longer times."""
    ordered = [area for _, area in sorted(zip(minutes, areas, strict=True), key=lambda pair: pair[0])]
    for area in ordered:
        assert area.geom_type == "MultiPolygon"
        assert area.is_valid
    for inner, outer in pairwise(ordered):
        assert inner.difference(outer).area < 1
        assert inner.area <= outer.area


@pytest.mark.parametrize("towards", [True, False])
def test_a_straight_road_by_hand(towards):
    graph = graph_of([ROAD])
    found = isochrones_from(
        graph, _attacher(graph), attach(graph, [[0, 0]]), [2, 5], step_m=50, tolerance_m=1, towards=towards
    )
    _check(found, [2, 5])
    for area, limit in zip(_moved(found), (120, 300), strict=True):
        assert area.symmetric_difference(_diamond(limit)).area < 0.03 * _diamond(limit).area
        assert shapely.hausdorff_distance(area.boundary, _diamond(limit).boundary) < 75  # a step and a half


def test_the_walk_from_the_counter_to_the_road_counts():
    graph = graph_of([ROAD])
    (area,) = isochrones_from(graph, _attacher(graph), attach(graph, [[0, 500]]), [5], step_m=50, tolerance_m=1)
    assert area.area == pytest.approx(_diamond(300 - 120).area, rel=0.03)


def test_areas_of_several_counters_together_are_those_of_each():
    graph = graph_of([ROAD])
    grid = _grid(graph, (-9_000, -2_000, 9_000, 2_000), 100)
    (area,) = _moved(isochrones_to(graph, attach(graph, [[-4_000, 0], [4_000, 0]]), grid, [5], tolerance_m=1))
    both = shapely.union_all([_diamond(300, -4_000), _diamond(300, 4_000)])
    assert area.symmetric_difference(both).area < 0.05 * both.area


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 40, 150]))
def test_valid_nested_and_true_where_points_are_asked_again(seed, tolerance):
    graph = build_graph([random_network(seed)], rules(), "voiture")
    rng = np.random.default_rng(seed)
    counters = attach(graph, rng.uniform(0, 8_000, (3, 2)))
    grid = _grid(graph, (0, 0, 8_000, 8_000), 100)
    minutes = [12, 3, 8]
    areas = isochrones_to(graph, counters, grid, minutes, tolerance_m=tolerance)
    _check(areas, minutes)
    spots = rng.uniform(0, 8_000, (1_500, 2))
    times = nearest(graph, attach(graph, spots), counters).milliseconds[:, 0] / 60_000
    times = np.where(times < 0, np.inf, times)
    margin = tolerance + 150  # the outline, simplified, and the diagonal of the grid
    for area, limit in zip(_moved(areas), minutes, strict=True):
        points = shapely.points(spots)
        inside, clear = shapely.contains(area, points), shapely.distance(area.boundary, points) > margin
        # Next to each other, two points may join two roads: hence a few, a walk longer or shorter.
        assert (times[inside & clear] <= limit + 1.5).mean() >= 0.97 if (inside & clear).any() else True
        assert (times[~inside & clear] > limit - 1.5).mean() >= 0.97 if (~inside & clear).any() else True


def test_a_one_way_road_is_left_one_way_and_reached_the_other():
    line = [ROAD, [(-9_000, -6_000), (9_000, -6_000)], [ROAD[0], (-9_000, -6_000)], [ROAD[1], (9_000, -6_000)]]
    graph = graph_of(line, sens=[1, -1, 0, 0])
    start = attach(graph, [[0, 0]])
    (away,), (towards,) = (
        _moved(isochrones_from(graph, _attacher(graph), start, [5], step_m=100, tolerance_m=1, towards=towards))
        for towards in (False, True)
    )
    east, west = shapely.Point(2_000, 0), shapely.Point(-2_000, 0)
    assert (away.contains(east), away.contains(west)) == (True, False)
    assert (towards.contains(east), towards.contains(west)) == (False, True)


def test_what_is_too_far_from_a_road_is_a_hole():
    angles = np.linspace(0, 2 * np.pi, 61)
    ring = np.round(np.column_stack([np.cos(angles), np.sin(angles)]) * 5_000, 1)
    ring[-1] = ring[0]
    graph = graph_of([ring[:21], ring[20:]])
    (area,) = _moved(
        isochrones_from(graph, _attacher(graph), attach(graph, [ring[0]]), [200], step_m=200, tolerance_m=1)
    )
    assert not area.contains(shapely.Point(0, 0))
    assert len(area.geoms[0].interiors) == 1
    hole = shapely.Polygon(area.geoms[0].interiors[0])
    assert hole.area == pytest.approx(np.pi * 3_000**2, rel=0.1)


def test_a_road_longer_than_the_limit_is_reached_along_its_bends():
    # From the crossing at 0, a road of one edge goes round to the north: its other end is never reached in time.
    valley = [(0, 0), (0, 7_000), (9_000, 7_000), (9_000, -30_000)]
    graph = graph_of([valley, [(0, 0), (-50, 0)], [(0, 0), (0, -50)]])
    (area,) = _moved(
        isochrones_from(graph, _attacher(graph), attach(graph, [[-40, 0]]), [15], step_m=100, tolerance_m=1)
    )
    assert area.contains(shapely.MultiPoint([(0, 6_900), (1_800, 7_000)]))  # 694 and 884 s
    assert not area.intersects(shapely.Point(2_200, 7_000))  # 924 s


def test_a_place_alone_on_a_long_road_has_its_surroundings():
    graph = graph_of([ROAD])
    (area,) = isochrones_from(graph, _attacher(graph), attach(graph, [[0, 0]]), [1], step_m=20, tolerance_m=1)
    assert area.area == pytest.approx(_diamond(60).area, rel=0.05)


@pytest.mark.parametrize("minutes", [[], [0], [20, -5], [float("nan")]])
def test_times_that_are_none_are_refused(minutes):
    graph = graph_of([ROAD])
    start = attach(graph, [[0, 0]])
    with pytest.raises(WrongUse, match="isochrones: expected positive times in minutes"):
        isochrones_from(graph, _attacher(graph), start, minutes, step_m=100, tolerance_m=1)
    with pytest.raises(WrongUse, match="isochrones: expected positive times in minutes"):
        isochrones_to(graph, start, _grid(graph, (0, 0, 500, 500), 100), minutes, tolerance_m=1)


@pytest.mark.parametrize("step", [0, -250, float("nan"), 0.5])
def test_a_grid_that_cannot_be_made_is_refused(step):
    with pytest.raises(WrongUse, match=r"isochrone grid: expected a positive step.*9 x 9 km"):
        _grid(graph_of([ROAD]), (0, 0, 9_000, 9_000), step)


def test_nothing_reached_is_an_empty_area():
    grid = _grid(graph_of([ROAD]), (0, 0, 500, 500), 100)
    (area,) = contours(grid, np.full(len(grid.x) * len(grid.y), np.inf), [20], tolerance_m=1)
    assert area.is_empty
    assert area.geom_type == "MultiPolygon"


# The table


AREAS = Areas(typologies=(FS, MAIRIE), seuils_min=(5, 10), pas_m=100, tolerance_m=10)


@pytest.fixture(scope="module")
def measured():
    """Two départements side by side along the road, parted at x = 0; the counter is in the first."""
    graph = graph_of([ROAD])
    homes = origins_at(
        {"at": (-1_000, 100), "population": 30.0},  # 124 s
        {"at": (-5_000, 0), "population": 50.0},  # 500 s
        {"at": (-8_000, 0), "population": None},
        {"at": (-8_900, 1_900), "population": 20.0},  # 1346 s
        {"at": (1_000, 0), "population": 7.0, "code_departement": "73", "code_insee": "73065"},
    )
    here = territory(homes, counters_at({"at": (0, 0)}), graph)
    return here, measure(here, [MAIRIE, FS], known_settings())


def _communes():
    shapes = {"38": [(-9_000, -4_500), (-4_500, 0)], "73": [(0, 9_000)]}
    rows = [
        (code, shapely.to_wkb(shapely.Polygon(degrees([(a, -3_000), (b, -3_000), (b, 3_000), (a, 3_000)]))))
        for code, spans in shapes.items()
        for a, b in spans
    ]
    return pl.DataFrame([*rows, ("38", None)], schema={"departement": pl.String, "geometrie": pl.Binary}, orient="row")


def test_areas_are_cut_at_the_border_and_people_counted_from_origins(measured):
    here, times = measured
    table = area_table(here, times, [MAIRIE, FS], AREAS, ["38", "73", "05"], _communes())
    assert all_contracts()["access__isochrones"].conform(table).height == 8
    counted = table.filter(pl.col("typologie") == FS).select("code_departement", "seuil_min", "population_couverte")
    assert counted.rows() == [("38", 5, 30.0), ("38", 10, 80.0), ("73", 5, 7.0), ("73", 10, 7.0)]
    assert table.filter(pl.col("typologie") == FS)["population_couverte_pct"].to_list() == [30.0, 80.0, 100.0, 100.0]
    assert table["population"].unique().sort().to_list() == [7.0, 100.0]
    shapes = dict(zip(table.select("code_departement", "typologie", "seuil_min").rows(),
                      shapely.from_wkb(table["geometrie"].to_numpy()), strict=True))  # fmt: skip
    assert shapely.is_valid(list(shapes.values())).all()
    assert {s.geom_type for s in shapes.values()} == {"MultiPolygon"}
    assert shapes["38", MAIRIE, 10].is_empty
    # Half of the diamond is on each side of the border.
    west, east = (shapely.transform(shapes[code, FS, 5], _metres) for code in ("38", "73"))
    for half in (west, east):
        assert half.area == pytest.approx(_diamond(300).area / 2, rel=0.05)
    assert west.bounds[2] == pytest.approx(0, abs=0.5)
    assert east.bounds[0] == pytest.approx(0, abs=0.5)


def _metres(lonlat):
    return np.column_stack(project(lonlat[:, 0], lonlat[:, 1], 2154)) - ORIGIN


def test_without_people_nothing_is_covered_and_without_roads_there_is_no_area(measured):
    here, times = measured
    assert area_table(here, times, [FS], AREAS, [], _communes()).height == 0
    empty_country = territory(origins_at({"at": (0, 0), "population": None}), counters_at({"at": (0, 0)}), here.graph)
    table = area_table(empty_country, measure(empty_country, [FS], known_settings()), [FS], AREAS, ["38"], _communes())
    assert table.select("population", "population_couverte", "population_couverte_pct").null_count().row(0) == (2, 2, 2)
    roadless = territory(origins_at({"at": (0, 0)}), counters_at({"at": (0, 0)}), None)
    nothing = area_table(roadless, measure(roadless, [FS], known_settings()), [FS], AREAS, ["38"], _communes())
    assert (nothing.height, nothing.schema) == (0, AREA_SCHEMA)
