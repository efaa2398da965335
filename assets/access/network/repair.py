"""The nearest counter kept up to date while counters open and close, by local repair: just what a new search gives.

Opening explores only the nodes that become nearer to the new counter; closing only those that were its own. What a
project is made of (moves, mergers, hours) belongs to the scenarios.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.access.network.graph import RoadGraph
from assets.access.network.homes import HomeIndex
from assets.access.network.nearest import Nearest, label_nodes, read_homes
from assets.access.network.search import (
    FAR,
    NO_LIMIT,
    SOURCE_BITS,
    SOURCE_MASK,
    UNREACHED,
    Arcs,
    Labels,
    Touched,
    offer,
    offer_places,
    settle,
    touch,
)
from assets.access.network.snap import Places
from pipeline.foundations.errors import WrongUse

Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


class Change(NamedTuple):
    """What an edit did: the rows of the homes whose answer was looked at again, and their answer before."""

    homes: Ints
    before: Nearest


class LiveNearest:
    """The nearest counter of every home, while counters open and close.

    Attributes:
        counters: every counter ever opened, rows never reused; `is_open` (c,) says which are.
        result: the answer for every home now, (h, 1) arrays; rows of `counters`.
    """

    def __init__(self, graph: RoadGraph, homes: Places, counters: Places, index: HomeIndex | None = None) -> None:
        self.graph, self.homes, self.counters = graph, homes, counters
        self.is_open: Bools = counters.on_road.copy()
        self._index = index or HomeIndex.of(homes, graph.nodes)
        self._arriving, self._leaving = Arcs.arriving(graph), Arcs.leaving(graph)
        self._touched, self._labels = Touched.none(graph.nodes), Labels.empty(graph.nodes)
        label_nodes(graph, counters, self._labels)
        self.result = read_homes(homes, counters, self._labels)
        self._counters_on = np.bincount(counters.edge[self.is_open], minlength=graph.edges)

    def open(self, place: Places) -> tuple[int, Change]:
        """Open one counter (`place` has one row); returns its row in `counters`, and what changed.

        Raises:
            WrongUse: it is off the network.
        """
        if place.number != 1 or not place.on_road[0]:
            raise WrongUse(
                "counter to open",
                expected="one place attached to a road",
                found=f"{place.number} places" if place.number != 1 else "a place off the network",
                remedy="check its coordinates",
            )
        self.counters = self.counters.plus(place)
        self.is_open = np.append(self.is_open, False)
        return (row := len(self.is_open) - 1), self.reopen(row)

    def reopen(self, row: int) -> Change:
        """Open again a counter that was closed: the undoing of `close`.

        Raises:
            WrongUse: it is open, or there is no such counter.
        """
        self._turn(row, is_open=True)
        self._search(np.array([row], dtype=np.int32))
        return self._read_again(int(self.counters.edge[row]))

    def close(self, row: int) -> Change:
        """Close a counter.

        Raises:
            WrongUse: it is not open, or there is no such counter.
        """
        self._turn(row, is_open=False)
        counters, labels, touched = self.counters, self._labels, self._touched
        ends = np.array([counters.u[row], counters.v[row]], dtype=np.int32)
        lost = _forget(row, ends, self._arriving, labels, touched)
        around = _offer_from_around(lost, self._leaving, labels)
        # Counters with an end in the lost part offer it their label again.
        inside = touched.mark[counters.u] | touched.mark[counters.v]
        self._search(np.flatnonzero(inside & self.is_open).astype(np.int32), around)
        return self._read_again(int(counters.edge[row]))

    def _turn(self, row: int, *, is_open: bool) -> None:
        known = 0 <= row < len(self.is_open) and bool(self.counters.on_road[row])
        if not known or self.is_open[row] == is_open:
            raise WrongUse(
                f"counter {row}",
                expected=f"one that is {'closed' if is_open else 'open'}",
                found="no such counter on the road" if not known else f"already {'open' if is_open else 'closed'}",
                remedy="check the edits that come before this one",
            )
        self.is_open[row] = is_open
        self._counters_on[self.counters.edge[row]] += 1 if is_open else -1

    def _search(self, rows: Ints, starts: Ints | None = None) -> None:
        offered = offer_places(rows, self.counters, self._labels, NO_LIMIT)
        starts = offered if starts is None else np.concatenate([starts, offered])
        settle(self._arriving, self._labels, starts, NO_LIMIT, self._touched)

    def _read_again(self, edge: int) -> Change:
        """Read again the homes next to the nodes touched, and those on the counter's own edge."""
        rows = self._index.near(self._touched.settled, edge)
        self._touched.clear()
        edges = self.homes.edge[rows]
        shared = np.unique(edges[self._counters_on[edges] > 0])
        near = np.flatnonzero(np.isin(self.counters.edge, shared) & self.is_open).astype(np.int32)
        now = read_homes(self.homes, self.counters.take(near), self._labels, rows, numbers=near)
        before = Nearest(*(array[rows] for array in self.result))
        for array, values in zip(self.result, now, strict=True):
            array[rows] = values
        return Change(rows, before)


@njit(cache=True, nogil=True)
def _forget(row, ends, arcs, labels, touched):  # type: ignore[no-untyped-def]
    """Unlabel every node whose nearest counter is `row`: they hang together, from its ends outwards; returns them."""
    first = touched.seen[0]
    for node in ends:
        if labels.key[node] != UNREACHED and labels.key[node] & SOURCE_MASK == row:
            labels.key[node], labels.length[node] = UNREACHED, FAR
            touch(node, touched)
    i = first
    while i < touched.seen[0]:
        node = touched.nodes[i]
        i += 1
        for k in range(arcs.pointer[node], arcs.pointer[node + 1]):
            other = arcs.rows[k, 0]
            if labels.key[other] != UNREACHED and labels.key[other] & SOURCE_MASK == row:
                labels.key[other], labels.length[other] = UNREACHED, FAR
                touch(other, touched)
    return touched.nodes[first : touched.seen[0]].copy()


@njit(cache=True, nogil=True)
def _offer_from_around(lost, arcs, labels):  # type: ignore[no-untyped-def]
    """Offer to each lost node the labels that come from nodes around; returns the nodes that took one."""
    best_key, best_length = np.full(len(lost), UNREACHED, np.int64), np.zeros(len(lost), np.int64)
    for i in range(len(lost)):
        for k in range(arcs.pointer[lost[i]], arcs.pointer[lost[i] + 1]):
            other = arcs.rows[k, 0]
            if labels.key[other] == UNREACHED:
                continue
            key = labels.key[other] + (np.int64(arcs.rows[k, 1]) << SOURCE_BITS)
            length = labels.length[other] + arcs.rows[k, 2]
            if key < best_key[i] or (key == best_key[i] and length < best_length[i]):
                best_key[i], best_length[i] = key, length
    # Offered once all are known: a label offered sooner would look like one from around.
    for i in range(len(lost)):
        if best_key[i] != UNREACHED:
            offer(lost[i], best_key[i], best_length[i], labels)
    return lost[best_key != UNREACHED]
