"""The road graph as compact arrays, on disk and in memory: what is searched, and what places are attached to.

Two layers: contracted edges between crossings, searched; and the segments they are made of, with their geometry, to
which places are attached and from which isochrones are drawn. Building it belongs to `build`, searching to `search`.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.access.network.profile import CLOSED
from pipeline.foundations.errors import CspError

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_META = "graphe.json"
_FORMAT = 1


@dataclass(frozen=True)
class RoadGraph:
    """n nodes, m edges, s segments, v vertices. Costs in ms (`CLOSED`: closed), lengths and positions in cm.

    Attributes:
        node_x, node_y: (n,) position; nodes are in the order of a Hilbert curve: neighbours are near in memory.
        edge_u, edge_v: (m,) ends. `edge_along`, `edge_against`: (m,) cost u to v, and v to u. `edge_length`: (m,).
        out_pointer, out_arcs: arcs leaving each node: (n + 1,), then rows (head, cost, length).
        in_pointer, in_arcs: arcs arriving at each node, likewise: rows (tail, cost, length).
        segment_edge, segment_flip: (s,) the edge of each segment, and whether it is drawn against it.
        segment_along, segment_against, segment_length: (s,) its own, in the direction of the edge.
        before_along, before_against, before_length: (s,) from the edge's `u` to the segment.
        segment_stop: (s,) whether a place may be attached to it.
        segment_pointer, vertex_x, vertex_y: (s + 1,), (v,) its vertices, in the direction of drawing.
        meta: `epsg`, `profil`, `licence`, `bilan` and whatever else the builder says (JSON-able).
    """

    node_x: Ints
    node_y: Ints
    edge_u: Ints
    edge_v: Ints
    edge_along: Ints
    edge_against: Ints
    edge_length: Ints
    out_pointer: Longs
    out_arcs: Ints
    in_pointer: Longs
    in_arcs: Ints
    segment_edge: Ints
    segment_flip: Bools
    segment_along: Ints
    segment_against: Ints
    segment_length: Ints
    before_along: Ints
    before_against: Ints
    before_length: Ints
    segment_stop: Bools
    segment_pointer: Longs
    vertex_x: Ints
    vertex_y: Ints
    meta: dict[str, Any]

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_x)

    @property
    def edges(self) -> int:
        """Number of edges."""
        return len(self.edge_u)

    @property
    def epsg(self) -> int:
        """Projected system of the positions."""
        return int(self.meta["epsg"])


_ARRAYS = tuple(f.name for f in fields(RoadGraph) if f.name != "meta")


def arcs(
    u: Ints, v: Ints, along: Ints, against: Ints, length: Ints, count: int, *, leaving: bool
) -> tuple[Longs, Ints]:
    """Arcs by node: those leaving it (rows head, cost, length), or those arriving at it (rows tail, cost, length)."""
    go, back = along != CLOSED, against != CLOSED
    tail = np.concatenate([u[go], v[back]])
    head = np.concatenate([v[go], u[back]])
    node, other = (tail, head) if leaving else (head, tail)
    pointer = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(node, minlength=count), out=pointer[1:])
    cost = np.concatenate([along[go], against[back]])
    return pointer, _rows(node, other, cost, np.concatenate([length[go], length[back]]), pointer)


@njit(cache=True, nogil=True)
def _rows(node, other, cost, length, pointer):  # type: ignore[no-untyped-def]
    """Rows (other, cost, length) by node, sorted by insertion: few roads meet at a crossing."""
    rows = np.empty((len(node), 3), np.int32)
    place = pointer[:-1].copy()
    for arc in range(len(node)):
        k = place[node[arc]]
        place[node[arc]] += 1
        while k > pointer[node[arc]] and (
            other[arc] < rows[k - 1, 0] or (other[arc] == rows[k - 1, 0] and cost[arc] < rows[k - 1, 1])
        ):
            rows[k] = rows[k - 1]
            k -= 1
        rows[k, 0], rows[k, 1], rows[k, 2] = other[arc], cost[arc], length[arc]
    return rows


def save_graph(graph: RoadGraph, folder: Path) -> None:
    """Write the arrays, then their description. The folder is new: replacing one belongs to the caller."""
    folder.mkdir(parents=True)
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(graph, name), allow_pickle=False)
    meta = {"format": _FORMAT, **graph.meta}
    (folder / _META).write_text(json.dumps(meta, ensure_ascii=False, sort_keys=True, indent=1), encoding="utf-8")


def load_graph(folder: Path, *, mapped: bool = True) -> RoadGraph:
    """Read a graph, memory-mapped unless told otherwise.

    Raises:
        CspError: not a graph, or of another format.
    """
    try:
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        if meta.pop("format") != _FORMAT:
            raise ValueError("another format")
        loaded = {
            # Copy-on-write: nothing reaches the file, and compiled code sees the same type as an array in memory.
            name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="c" if mapped else None, allow_pickle=False))
            for name in _ARRAYS
        }
    except (OSError, EOFError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise CspError(
            f"road graph {folder}",
            expected="the arrays written by this version",
            found=str(error),
            remedy="build it again: `csp build`",
        ) from error
    return RoadGraph(**loaded, meta=meta)
