"""Areas reached within given times, as polygons: valid, nested, simplified to a stated tolerance.

The time of a point is that of a home there: attached to the nearest road like any other, with its access leg. A regular
grid of such homes is asked, and the areas are its contours. People covered are counted from cells, never from these
polygons; that, and which counters are looked at, belong to the stage above.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import contourpy
import numpy as np
import numpy.typing as npt
import shapely

from assets.access.network.graph import RoadGraph
from assets.access.network.nearest import label_nodes, read_homes
from assets.access.network.search import UNREACHED, Arcs, Labels
from assets.access.network.snap import Attacher, Places
from pipeline.foundations.errors import WrongUse

Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]

_PRECISION_M = 0.1  # simplified outlines are rounded to it


@dataclass(frozen=True)
class Grid:
    """Homes at the nodes of a regular grid over a box: `places` row by row, from the south-west."""

    x: Floats
    y: Floats
    places: Places

    @classmethod
    def over(cls, attacher: Attacher, box: Box, step_m: float) -> "Grid":
        """A grid over a box (metres, system of the graph), one step wider on each side.

        Raises:
            WrongUse: the step is not positive, or the grid would be too large to be useful.
        """
        west, south, east, north = box
        steps = ((east - west) / step_m + 3) * ((north - south) / step_m + 3) if step_m > 0 else 0
        if not 0 < steps <= 50_000_000:
            raise WrongUse(
                "isochrone grid",
                expected="a positive step, and at most 50 million points",
                found=f"step {step_m:g} m over {(east - west) / 1000:.0f} x {(north - south) / 1000:.0f} km",
                remedy="ask for a coarser step or a smaller area",
            )
        x = np.arange(west - step_m, east + 2 * step_m, step_m)
        y = np.arange(south - step_m, north + 2 * step_m, step_m)
        columns, rows = np.meshgrid(x, y)
        return cls(x, y, attacher.attach(columns.ravel(), rows.ravel()))


def reached_box(graph: RoadGraph, labels: Labels, start: Places, margin_m: float) -> Box:
    """Box of the roads that may be reached, widened: of edges with a labelled end, and of the one the start is on.

    Whole edges: a long one, or one that bends, is reached far from both its ends.
    """
    known = labels.key != UNREACHED
    edges = known[graph.edge_u] | known[graph.edge_v]
    edges[start.edge] = True
    segments = np.flatnonzero(edges[graph.segment_edge] & graph.segment_stop)
    first, sizes = graph.segment_pointer[segments], np.diff(graph.segment_pointer)[segments]
    vertices = np.repeat(first - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
    x, y = graph.vertex_x[vertices] / 100, graph.vertex_y[vertices] / 100
    return (x.min() - margin_m, y.min() - margin_m, x.max() + margin_m, y.max() + margin_m)


def isochrones_to(
    graph: RoadGraph, counters: Places, grid: Grid, minutes: Sequence[float], *, tolerance_m: float
) -> list[shapely.MultiPolygon]:
    """Where homes reach one of the counters within each time: one multipolygon per time, in the order given."""
    labels = Labels.empty(graph.nodes)
    label_nodes(graph, counters, labels)
    return contours(grid, _minutes(grid.places, counters, labels), minutes, tolerance_m=tolerance_m)


def isochrones_from(
    graph: RoadGraph,
    attacher: Attacher,
    start: Places,
    minutes: Sequence[float],
    *,
    step_m: float,
    tolerance_m: float,
    towards: bool = False,
) -> list[shapely.MultiPolygon]:
    """What is reached from a place within each time (or, `towards` places, from where the nearest is reached).

    Args:
        start: places on the road.

    Raises:
        WrongUse: a time that is not positive; a grid with no step, or too large.
    """
    _check(minutes)
    margin = attacher.access.maximum_m
    labels, turned = Labels.empty(graph.nodes), start if towards else start.turned()
    arcs = Arcs.arriving(graph) if towards else Arcs.leaving(graph)
    label_nodes(graph, turned, labels, arcs=arcs, limit_ms=round(max(minutes) * 60_000))
    grid = Grid.over(attacher, reached_box(graph, labels, start, margin), step_m)
    homes = grid.places if towards else grid.places.turned()
    return contours(grid, _minutes(homes, turned, labels), minutes, tolerance_m=tolerance_m)


def contours(
    grid: Grid, times_min: Floats, minutes: Sequence[float], *, tolerance_m: float
) -> list[shapely.MultiPolygon]:
    """Areas of a time field, nested: each lies inside those of longer times.

    Args:
        times_min: time at each point of the grid; infinite where there is none.
        tolerance_m: vertices are removed as long as outlines move less than that.

    Raises:
        WrongUse: a time that is not positive.
    """
    _check(minutes)
    field = times_min.reshape(len(grid.y), len(grid.x))
    areas: dict[float, shapely.MultiPolygon] = {}
    outer: shapely.MultiPolygon | None = None
    for limit in sorted(set(minutes), reverse=True):
        # Beyond twice the limit, and where there is no way, times count as twice: outlines then pass half-way.
        capped = np.minimum(field, 2 * limit)
        lines = contourpy.contour_generator(grid.x, grid.y, capped, fill_type=contourpy.FillType.OuterOffset)
        area = _area(lines.filled(-1.0, limit), tolerance_m)
        if outer is not None:
            # Not rounded again: it would no longer lie inside.
            area = polygons_of(shapely.intersection(area, outer))
        areas[limit] = outer = area
    return [areas[limit] for limit in minutes]


def _check(minutes: Sequence[float]) -> None:
    if not minutes or not min(minutes) > 0:
        raise WrongUse(
            "isochrones", expected="positive times in minutes", found=str(list(minutes)), remedy="give some, such as 20"
        )


def _minutes(homes: Places, counters: Places, labels: Labels) -> Floats:
    milliseconds = read_homes(homes, counters, labels).milliseconds[:, 0]
    return np.where(milliseconds >= 0, milliseconds / 60_000, np.inf)


def _area(filled: Any, tolerance_m: float) -> shapely.MultiPolygon:
    """Outlines and holes of contourpy (its `OuterOffset` lists) -> one valid multipolygon."""
    parts = []
    for vertices, starts in zip(*filled, strict=True):
        rings = [vertices[a:b] for a, b in pairwise(starts)]
        parts.append(shapely.Polygon(rings[0], rings[1:]))
    whole = shapely.multipolygons(np.array(parts, dtype=object)) if parts else shapely.MultiPolygon()
    simple = shapely.simplify(whole, tolerance_m, preserve_topology=True)
    return polygons_of(shapely.set_precision(shapely.make_valid(simple), _PRECISION_M))


def polygons_of(geometry: shapely.Geometry) -> shapely.MultiPolygon:
    """The polygons of a geometry; an operation may leave lines and points besides."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    polygons = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    return shapely.multipolygons(polygons[~shapely.is_empty(polygons)])
