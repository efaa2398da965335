"""The nearest counter of every home: time, length and which one, door to door.

Direction home -> counter: counters are the sources of a search over the arcs that arrive. Grouping counters by typology
or slot, and what the answer is called, belong to the stage above.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.access.network.graph import RoadGraph
from assets.access.network.profile import CLOSED
from assets.access.network.search import (
    NO_LIMIT,
    SOURCE_BITS,
    SOURCE_MASK,
    UNREACHED,
    Arcs,
    Labels,
    Touched,
    offer_places,
    settle,
)
from assets.access.network.snap import Places

Ints = npt.NDArray[np.int32]


class Nearest(NamedTuple):
    """For each home (rows) its nearest counters, nearest first (columns): (h, k) arrays.

    `counter` is the number of the counter, -1 where there is none; `milliseconds` and `centimetres` are then -1.
    """

    counter: Ints
    milliseconds: Ints
    centimetres: Ints


class OnEdges(NamedTuple):
    """Places found again by their edge: `edge` is sorted, `row` says which place each is."""

    edge: Ints
    row: Ints

    @classmethod
    def of(cls, places: Places) -> "OnEdges":
        """Every place that is on a road."""
        rows = np.flatnonzero(places.on_road).astype(np.int32)
        order = rows[np.argsort(places.edge[rows], kind="stable")]
        return cls(places.edge[order], order)


def label_nodes(
    graph: RoadGraph, counters: Places, labels: Labels, *, arcs: Arcs | None = None, limit_ms: int = -1
) -> None:
    """Label every node with its nearest counter (from the node to the counter's door). `labels` come empty.

    Args:
        arcs: `Arcs.leaving` for the other direction, from the places to the nodes (they are then given `turned`).
        limit_ms: label no node farther than that; -1 means no limit.
    """
    rows = np.arange(counters.number, dtype=np.int32)
    limit = NO_LIMIT if limit_ms < 0 else (limit_ms << SOURCE_BITS) | SOURCE_MASK
    starts = offer_places(rows, counters, labels, limit)
    settle(arcs or Arcs.arriving(graph), labels, starts, limit, Touched.none(0))


def nearest(graph: RoadGraph, homes: Places, counters: Places) -> Nearest:
    """The nearest counter of each home: (h, 1) arrays."""
    (result,) = nearest_each(graph, homes, [counters], threads=1)
    return result


def nearest_each(
    graph: RoadGraph,
    homes: Places,
    sets: Sequence[Places],
    *,
    threads: int = 2,
    done: Callable[[int, int], None] = lambda *_: None,
) -> list[Nearest]:
    """The nearest counter of each home in each set of counters; sets are shared between threads.

    Args:
        done: told how many sets are finished, of how many.
    """
    lent: SimpleQueue[Labels] = SimpleQueue()

    def one(counters: Places) -> Nearest:
        labels = lent.get()
        try:
            labels.clear()
            label_nodes(graph, counters, labels)
            return read_homes(homes, counters, labels)
        finally:
            lent.put(labels)

    workers = max(1, min(threads, len(sets)))
    for _ in range(workers):
        lent.put(Labels.empty(graph.nodes))
    results = []
    with ThreadPoolExecutor(workers) as executor:
        for result in executor.map(one, sets):
            results.append(result)
            done(len(results), len(sets))
    return results


def read_homes(
    homes: Places, counters: Places, labels: Labels, rows: Ints | None = None, numbers: Ints | None = None
) -> Nearest:
    """What labelled nodes mean for homes (those of `rows` only, when given).

    Args:
        counters: those that may share an edge with a home; the labels know the others.
        numbers: the number each of them has in the labels; its row when not given.
    """
    rows = np.arange(homes.number, dtype=np.int32) if rows is None else rows
    numbers = np.arange(counters.number, dtype=np.int32) if numbers is None else numbers
    counter, milliseconds, centimetres = _read(rows, homes, labels, counters, OnEdges.of(counters), numbers)
    return Nearest(counter[:, None], milliseconds[:, None], centimetres[:, None])


@njit(cache=True, nogil=True)
def direct(homes, home, places, place):  # type: ignore[no-untyped-def]
    """ms from a home to a place of the same edge without leaving it, doors left out; `CLOSED` when it cannot be."""
    cost = CLOSED
    if places.length_u[place] >= homes.length_u[home]:
        start, stop = homes.from_u[home], places.from_u[place]
        if start != CLOSED and stop != CLOSED:
            cost = max(stop - start, 0)
    if places.length_u[place] <= homes.length_u[home]:
        start, stop = homes.to_u[home], places.to_u[place]
        if start != CLOSED and stop != CLOSED:
            cost = min(cost, max(start - stop, 0))
    return cost


@njit(cache=True, nogil=True)
def _read(rows, homes, labels, counters, on_edges, numbers):  # type: ignore[no-untyped-def]
    counter = np.full(len(rows), -1, np.int32)
    milliseconds = np.full(len(rows), -1, np.int32)
    centimetres = np.full(len(rows), -1, np.int32)
    for i in range(len(rows)):
        home = rows[i]
        if homes.edge[home] < 0:
            continue
        best_key, best_length = UNREACHED, 0
        for end in range(2):
            cost = homes.to_u[home] if end == 0 else homes.to_v[home]
            node = homes.u[home] if end == 0 else homes.v[home]
            if cost == CLOSED or labels.key[node] == UNREACHED:
                continue
            key = labels.key[node] + (np.int64(cost) << SOURCE_BITS)
            length = labels.length[node] + (homes.length_u[home] if end == 0 else homes.length_v[home])
            if key < best_key or (key == best_key and length < best_length):
                best_key, best_length = key, length
        k = np.searchsorted(on_edges.edge, homes.edge[home])
        while k < len(on_edges.edge) and on_edges.edge[k] == homes.edge[home]:
            place = on_edges.row[k]
            cost = direct(homes, home, counters, place)
            if cost != CLOSED:
                key = ((np.int64(cost) + counters.access[place]) << SOURCE_BITS) | numbers[place]
                length = abs(counters.length_u[place] - homes.length_u[home]) + counters.off_road[place]
                if key < best_key or (key == best_key and length < best_length):
                    best_key, best_length = key, length
            k += 1
        if best_key != UNREACHED:
            counter[i] = best_key & SOURCE_MASK
            milliseconds[i] = (best_key >> SOURCE_BITS) + homes.access[home]
            centimetres[i] = best_length + homes.off_road[home]
    return counter, milliseconds, centimetres
