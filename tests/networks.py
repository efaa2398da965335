"""Small road networks for tests, and the same network searched by another library: the oracle."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import igraph
import numpy as np
import polars as pl
import shapely

from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph
from assets.access.network.profile import CLOSED, Profiles, profiles
from assets.access.network.snap import Attacher, Places
from sources.roads import SEGMENT_SCHEMA, SegmentBatch

ORIGIN = np.array([900_000.0, 6_450_000.0])  # somewhere in Lambert-93


def segments(lines: Sequence[Any], *, z: float = np.nan, epsg: int = 2154, **columns: Any) -> SegmentBatch:
    """A batch of two-way local roads at 36 km/h (10 m/s) unless `columns` (a value, or one per line) say otherwise.

    `lines`: vertices of each, in metres from `ORIGIN`, with or without a height.
    """
    n = len(lines)
    values: dict[str, Any] = {
        "id": [f"T{i}" for i in range(n)],
        "nature": "Route à 1 chaussée",
        "importance": 5,
        "sens": 0,
        "vitesse_kmh": 36.0,
        "acces_voiture": "libre",
        "urbain": False,
        "prive": False,
        "en_service": True,
        "fictif": False,
        "bac": False,
        **columns,
    }
    data = {c: values[c] if isinstance(values.get(c), list) else [values.get(c)] * n for c in SEGMENT_SCHEMA}
    points = [np.array([(*p, z)[:3] for p in line], dtype=np.float64) for line in lines]
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in points])]).astype(np.int64)
    stacked = np.vstack(points) if points else np.empty((0, 3))
    return SegmentBatch(
        pl.DataFrame(data, schema=SEGMENT_SCHEMA), stacked[:, :2] + ORIGIN, stacked[:, 2], offsets, epsg
    )


def rules(**topology: object) -> Profiles:
    """The project's profiles; networks of tests are smaller than the smallest component kept."""
    known = profiles()
    smaller = known.topologie.model_copy(update={"composante_minimale": 4, **topology})
    return known.model_copy(update={"topologie": smaller})


def graph_of(lines: Sequence[Any], *, mode: str = "voiture", **columns: Any) -> RoadGraph:
    """The graph of `segments(lines, **columns)`, with everything kept, however small or trapped."""
    return build_graph([segments(lines, **columns)], rules(composante_minimale=1), mode)


def attach(graph: RoadGraph, xy: Any) -> Places:
    """Places given in metres from `ORIGIN`."""
    xy = np.asarray(xy, dtype=np.float64).reshape(-1, 2) + ORIGIN
    return Attacher(graph, profiles().rattachement).attach(xy[:, 0], xy[:, 1])


def node_at(graph: RoadGraph, xy: tuple[float, float]) -> int:
    """The node at that point (metres from `ORIGIN`); -1 when there is none, or several."""
    x, y = np.rint((np.asarray(xy) + ORIGIN) * 100).astype(int)
    found = np.flatnonzero((graph.node_x == x) & (graph.node_y == y))
    return int(found[0]) if len(found) == 1 else -1


def arcs_between(graph: RoadGraph, a: tuple[float, float], b: tuple[float, float]) -> list[tuple[int, int]]:
    """(ms, cm) of each arc from the node at `a` to the node at `b`, cheapest first."""
    tail, head = node_at(graph, a), node_at(graph, b)
    rows = graph.out_arcs[graph.out_pointer[tail] : graph.out_pointer[tail + 1]]
    return sorted((int(cost), int(length)) for node, cost, length in rows if node == head and cost != CLOSED)


def random_network(seed: int, size: int = 60) -> SegmentBatch:
    """A plane network with bends, chains, one-way streets, mixed speeds and natures, a separate island and loops."""
    rng = np.random.default_rng(seed)
    points = np.round(rng.uniform(0, 8_000, (size, 2)), 1)
    edges = set()
    for i, p in enumerate(points):
        near = np.argsort(np.hypot(*(points - p).T))[1 : 2 + int(rng.integers(1, 4))]
        edges |= {(min(i, int(j)), max(i, int(j))) for j in near}
    lines, speed, sens, urban, nature = [], [], [], [], []
    for a, b in sorted(edges):
        middle = (points[a] + points[b]) / 2 + rng.normal(0, 60, 2)
        pieces = [[points[a], middle], [middle, points[b]]] if rng.random() < 0.5 else [[points[a], middle, points[b]]]
        way = int(rng.choice([0, 0, 0, 0, 1, -1]))
        for piece in pieces:
            turned = rng.random() < 0.5
            lines.append([np.round(p, 1) for p in (piece[::-1] if turned else piece)])
            sens.append(-way if turned else way)
            speed.append(float(rng.integers(15, 110)))
            urban.append(bool(rng.random() < 0.3))
            nature.append("Bretelle" if rng.random() < 0.08 else "Route à 1 chaussée")
    loop = np.round(points[0] + np.array([[0, 0], [90, 10], [60, 120], [0, 0]]), 1)
    loop[-1] = loop[0] = points[0]
    lines.append(list(loop))
    island = np.array([20_000.0, 0.0]) + np.round(rng.uniform(0, 900, (4, 2)), 1)
    lines += [[island[i], island[(i + 1) % 4]] for i in range(4)]
    extra = len(lines) - len(speed)
    return segments(
        lines,
        vitesse_kmh=speed + [40.0] * extra,
        sens=sens + [0] * extra,
        urbain=urban + [False] * extra,
        nature=nature + ["Route à 1 chaussée"] * extra,
    )


@dataclass
class Oracle:
    """The network as igraph sees it: every segment end and every place is a vertex; nothing is contracted.

    Costs follow IGN's rule in seconds, as floats; a place joins the nearest segment that is not a ramp, in a straight
    line at `walk_kmh`.
    """

    batch: SegmentBatch
    walk_kmh: float = 15.0
    most_m: float = 2_000.0
    urban_s: float = 5.0

    def seconds(self, homes: np.ndarray, counters: np.ndarray) -> np.ndarray:
        """(h, c) door-to-door seconds; infinite where there is no way. Places: metres from `ORIGIN`."""
        batch, frame = self.batch, self.batch.frame
        lines = [
            shapely.LineString(batch.xy[batch.offsets[i] : batch.offsets[i + 1]] - ORIGIN) for i in range(frame.height)
        ]
        tree_rows = [i for i, n in enumerate(frame["nature"]) if n != "Bretelle"]
        tree = shapely.STRtree([lines[i] for i in tree_rows])
        names: dict[Any, int] = {}

        def vertex(key: Any) -> int:
            return names.setdefault(key, len(names))

        arcs: list[tuple[int, int]] = []
        weights: list[float] = []
        on_line: dict[int, list[tuple[float, Any]]] = {}
        legs: dict[Any, float] = {}
        for kind, places in (("home", homes), ("counter", counters)):
            for rank, xy in enumerate(places):
                point = shapely.Point(xy)
                i = tree_rows[int(tree.nearest(point))]
                gap = lines[i].distance(point)
                if gap > self.most_m:
                    continue
                legs[kind, rank] = gap / self.walk_kmh * 3.6
                share = lines[i].project(point) / lines[i].length
                if min(share, 1 - share) * lines[i].length < 0.005:
                    # At a crossing, to the centimetre: one is on every road that meets there.
                    end = ("end", tuple(np.round(lines[i].coords[-round(share)], 1)))
                    arcs += [(vertex((kind, rank)), vertex(end)), (vertex(end), vertex((kind, rank)))]
                    weights += [0.0, 0.0]
                else:
                    on_line.setdefault(i, []).append((share, (kind, rank)))
        for i, line in enumerate(lines):
            whole = line.length / frame["vitesse_kmh"][i] * 3.6 + self.urban_s * frame["urbain"][i]
            ends = [tuple(np.round(c, 1)) for c in (line.coords[0], line.coords[-1])]
            stops = [(0.0, ("end", ends[0])), *sorted(on_line.get(i, []), key=lambda s: s[0]), (1.0, ("end", ends[1]))]
            for (a, one), (b, other) in pairwise(stops):
                way = frame["sens"][i] if b > a else 0  # two places at one point are there for each other
                if way >= 0:
                    arcs.append((vertex(one), vertex(other)))
                    weights.append((b - a) * whole)
                if way <= 0:
                    arcs.append((vertex(other), vertex(one)))
                    weights.append((b - a) * whole)
        graph = igraph.Graph(n=len(names), edges=arcs, directed=True)
        result = np.full((len(homes), len(counters)), np.inf)
        known = [(j, vertex(("counter", j))) for j in range(len(counters)) if ("counter", j) in legs]
        for h in range(len(homes)):
            if ("home", h) not in legs or not known:
                continue
            found = graph.distances(names["home", h], [v for _, v in known], weights=weights, mode="out")[0]
            for (j, _), seconds in zip(known, found, strict=True):
                result[h, j] = seconds + legs["home", h] + legs["counter", j]
        return result
