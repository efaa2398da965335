"""Attaching places to the road: the nearest point of a segment one may stop on, and its exact cost to both ends.

What a place is (a cell, a counter) and what becomes of those that are too far belong to the stage above.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.access.network.graph import RoadGraph
from assets.access.network.profile import CLOSED, Access

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_CELL_CM = 25_000  # side of a square of the index
_MOST_CELLS = 30_000_000


class Places(NamedTuple):
    """k places attached to a graph: (k,) arrays. Costs in ms, lengths in cm; `CLOSED` where the direction is closed.

    A named tuple, because compiled code takes those as they are.

    Attributes:
        segment: the segment, -1 when the place is off the network; `share` (0 to 1) how far along its drawing.
        off_road: straight line from the place to the road, cm; from the nearest one also when it is too far (-1: none).
        access: cost of that line, paid once at each end of a trip.
        edge, u, v: the edge, its ends.
        to_u, to_v: from the point of the road to each end. `from_u`, `from_v`: from each end to that point.
        length_u, length_v: along the edge, to each end.
    """

    segment: Ints
    share: Floats
    off_road: Ints
    access: Ints
    edge: Ints
    u: Ints
    v: Ints
    to_u: Ints
    to_v: Ints
    from_u: Ints
    from_v: Ints
    length_u: Ints
    length_v: Ints

    @property
    def number(self) -> int:
        """How many places, attached or not."""
        return len(self.segment)

    @property
    def on_road(self) -> Bools:
        """Which places are attached."""
        return self.segment >= 0

    def take(self, rows: npt.NDArray[np.integer] | Bools) -> "Places":
        """Those rows, in that order."""
        return Places._make(array[rows] for array in self)

    def turned(self) -> "Places":
        """The same places on the graph with every direction reversed: searched from, instead of to."""
        return self._replace(to_u=self.from_u, to_v=self.from_v, from_u=self.to_u, from_v=self.to_v)

    def plus(self, others: "Places") -> "Places":
        """These, then the others."""
        return Places._make(np.concatenate([a, b]) for a, b in zip(self, others, strict=True))


class Attacher:
    """Attaches places to one graph; makes its spatial index once."""

    def __init__(self, graph: RoadGraph, access: Access) -> None:
        self.graph, self.access = graph, access

    @cached_property
    def _index(self) -> tuple[Longs, Ints, npt.NDArray[np.int64], int]:
        graph = self.graph
        sizes = np.diff(graph.segment_pointer)
        x, y = np.asarray(graph.vertex_x), np.asarray(graph.vertex_y)
        west, south = int(x.min()), int(y.min())
        wide, high = int(x.max()) - west + 1, int(y.max()) - south + 1
        cell = _CELL_CM
        while (wide // cell + 1) * (high // cell + 1) > _MOST_CELLS:
            cell *= 2
        box = np.array([west, south, cell, wide // cell + 1, high // cell + 1], dtype=np.int64)
        # A piece is known by its first vertex; its segment is found again by its rank.
        pieces = np.ones(len(x), dtype=np.bool_)
        pieces[graph.segment_pointer[1:] - 1] = False
        pieces &= np.repeat(np.asarray(graph.segment_stop), sizes)
        first = np.flatnonzero(pieces).astype(np.int32)
        pointer, content = _fill(x, y, first, box)
        return pointer, content, box, len(first)

    def attach(self, x: Floats, y: Floats) -> Places:
        """Attach k places, positions in metres in the graph's system; NaN or too far: off the network."""
        graph = self.graph
        pointer, content, box, _ = self._index
        px, py = np.nan_to_num(x * 100, nan=-1.0), np.nan_to_num(y * 100, nan=-1.0)
        known = np.isfinite(x) & np.isfinite(y)
        farthest = self.access.maximum_m * 100
        vertex, piece_share, gap = _nearest(
            px, py, known, pointer, content, box, np.asarray(graph.vertex_x), np.asarray(graph.vertex_y), farthest * 4
        )
        return self._places(vertex, piece_share, gap, farthest)

    def _places(self, vertex: Longs, piece_share: Floats, gap: Floats, farthest: float) -> Places:
        graph = self.graph
        near = (vertex >= 0) & (gap <= farthest)
        at = np.where(near, vertex, 0)
        segment = np.searchsorted(graph.segment_pointer, at, side="right") - 1
        share = _share_of_segment(
            np.asarray(graph.segment_pointer), np.asarray(graph.vertex_x), np.asarray(graph.vertex_y), segment, at,
            piece_share,
        )  # fmt: skip
        edge = graph.segment_edge[segment]
        # Along the edge, whatever the direction of drawing.
        along_edge = np.where(graph.segment_flip[segment], 1 - share, share)
        own_along, own_against = graph.segment_along[segment], graph.segment_against[segment]
        from_u = _plus(graph.before_along[segment], _part(own_along, along_edge), own_along)
        to_u = _plus(graph.before_against[segment], _part(own_against, along_edge), own_against)
        whole_along, whole_against = graph.edge_along[edge], graph.edge_against[edge]
        to_v = np.where(whole_along == CLOSED, CLOSED, whole_along - from_u)
        from_v = np.where(whole_against == CLOSED, CLOSED, whole_against - to_u)
        length_u = graph.before_length[segment] + _part(graph.segment_length[segment], along_edge)
        length_v = graph.edge_length[edge] - length_u
        # At a crossing one is on every road that meets there, whichever of them was found, one-way or not.
        to_u, from_u = np.where(length_u == 0, 0, to_u), np.where(length_u == 0, 0, from_u)
        to_v, from_v = np.where(length_v == 0, 0, to_v), np.where(length_v == 0, 0, from_v)
        milliseconds = np.rint(gap / 100 / self.access.vitesse_kmh * 3600)
        closed = np.int32(CLOSED)
        return Places(
            segment=np.where(near, segment, -1).astype(np.int32),
            share=np.where(near, share, np.nan),
            off_road=np.where(np.isfinite(gap), gap, -1).astype(np.int32),
            access=np.where(near, milliseconds, closed).astype(np.int32),
            edge=np.where(near, edge, -1).astype(np.int32),
            u=graph.edge_u[edge].astype(np.int32),
            v=graph.edge_v[edge].astype(np.int32),
            to_u=np.where(near, to_u, closed).astype(np.int32),
            to_v=np.where(near, to_v, closed).astype(np.int32),
            from_u=np.where(near, from_u, closed).astype(np.int32),
            from_v=np.where(near, from_v, closed).astype(np.int32),
            length_u=length_u.astype(np.int32),
            length_v=length_v.astype(np.int32),
        )


def _part(whole: Ints, share: Floats) -> Longs:
    return np.rint(whole * share).astype(np.int64)


def _plus(before: Ints, part: Longs, own: Ints) -> Longs:
    return np.where((own == CLOSED) | (before == CLOSED), CLOSED, before + part)


@njit(cache=True, nogil=True)
def _span(a, b, origin, cell, most):  # type: ignore[no-untyped-def]
    low, high = min(a, b), max(a, b)
    return max((low - origin) // cell, 0), min((high - origin) // cell, most - 1)


@njit(cache=True, nogil=True)
def _fill(x, y, first, box):  # type: ignore[no-untyped-def]
    """Pieces by square of the index: every square that the box of the piece touches."""
    west, south, cell, columns, rows = box
    pointer = np.zeros(columns * rows + 1, np.int64)
    for vertex in first:
        c0, c1 = _span(x[vertex], x[vertex + 1], west, cell, columns)
        r0, r1 = _span(y[vertex], y[vertex + 1], south, cell, rows)
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                pointer[r * columns + c + 1] += 1
    for k in range(columns * rows):
        pointer[k + 1] += pointer[k]
    content = np.empty(pointer[-1], np.int32)
    place = pointer[:-1].copy()
    for vertex in first:
        c0, c1 = _span(x[vertex], x[vertex + 1], west, cell, columns)
        r0, r1 = _span(y[vertex], y[vertex + 1], south, cell, rows)
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                content[place[r * columns + c]] = vertex
                place[r * columns + c] += 1
    return pointer, content


@njit(cache=True, nogil=True)
def _nearest(px, py, known, pointer, content, box, x, y, farthest):  # type: ignore[no-untyped-def]
    """Nearest piece of each place within `farthest` (cm): its first vertex, the share along it, the distance."""
    west, south, cell, columns, rows = box
    count = len(px)
    best_vertex = np.full(count, -1, np.int64)
    best_share = np.zeros(count, np.float64)
    best_gap = np.full(count, np.inf, np.float64)
    rings = int(farthest // cell) + 2
    for k in range(count):
        if not known[k]:
            continue
        column = int((px[k] - west) // cell)
        row = int((py[k] - south) // cell)
        best, vertex_of, share_of = (farthest + 1.0) ** 2, -1, 0.0
        for ring in range(rings):
            # Whatever is in this ring is at least (ring - 1) whole squares away.
            if ring > 0 and ((ring - 1) * cell) ** 2 > best:
                break
            for r in range(max(row - ring, 0), min(row + ring, rows - 1) + 1):
                edge_row = r == row - ring or r == row + ring
                step = 1 if edge_row or ring == 0 else 2 * ring
                for c in range(column - ring, column + ring + 1, step):
                    if c < 0 or c >= columns:
                        continue
                    square = r * columns + c
                    for i in range(pointer[square], pointer[square + 1]):
                        vertex = content[i]
                        ax, ay = float(x[vertex]), float(y[vertex])
                        dx, dy = x[vertex + 1] - ax, y[vertex + 1] - ay
                        norm = dx * dx + dy * dy
                        share = 0.0
                        if norm > 0:
                            share = ((px[k] - ax) * dx + (py[k] - ay) * dy) / norm
                            share = min(max(share, 0.0), 1.0)
                        gx, gy = ax + share * dx - px[k], ay + share * dy - py[k]
                        gap = gx * gx + gy * gy
                        if gap < best or (gap == best and vertex < vertex_of):
                            best, vertex_of, share_of = gap, vertex, share
        if vertex_of >= 0:
            best_vertex[k], best_share[k], best_gap[k] = vertex_of, share_of, np.sqrt(best)
    return best_vertex, best_share, best_gap


@njit(cache=True, nogil=True)
def _share_of_segment(pointer, x, y, segment, vertex, piece_share):  # type: ignore[no-untyped-def]
    """Share of the length of the segment before the point found on one of its pieces."""
    result = np.empty(len(segment), np.float64)
    for k in range(len(segment)):
        before, total = 0.0, 0.0
        for i in range(pointer[segment[k]], pointer[segment[k] + 1] - 1):
            piece = np.hypot(float(x[i + 1]) - x[i], float(y[i + 1]) - y[i])
            if i < vertex[k]:
                before += piece
            elif i == vertex[k]:
                before += piece * piece_share[k]
            total += piece
        result[k] = before / total if total > 0 else 0.0
    return result
