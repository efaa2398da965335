"""Everything within a bound: from each door, the homes that reach it in time, streamed.

Direction home -> door, as everywhere. Counting by typology, catchments and files belong to the stage above.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.access.network.graph import RoadGraph
from assets.access.network.homes import HomeIndex
from assets.access.network.nearest import direct
from assets.access.network.profile import CLOSED
from assets.access.network.search import (
    FAR,
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

_ROOM = 1 << 16


class Reached(NamedTuple):
    """Pairs within the bound: row of the door, row of the home, ms and cm door to door. Sorted by door, then home."""

    door: Ints
    home: Ints
    milliseconds: Ints
    centimetres: Ints


def reach(
    graph: RoadGraph,
    homes: Places,
    doors: Places,
    limit_ms: int,
    *,
    arcs: Arcs | None = None,
    threads: int = 2,
    chunk: int = 64,
) -> Iterator[Reached]:
    """Pairs (door, home) at most `limit_ms` apart, `chunk` doors at a time, in the order of the doors.

    Many homes to one door. For one home to many doors, exchange them, `turned`, and give `Arcs.leaving`: the same
    pairs, home after home. Memory holds a few chunks at once, whatever the number of pairs.
    """
    index = HomeIndex.of(homes, graph.nodes)
    arcs = arcs or Arcs.arriving(graph)

    class Worker:
        """What one thread searches with."""

        def __init__(self) -> None:
            self.labels, self.touched = Labels.empty(graph.nodes), Touched.none(graph.nodes)
            self.best = np.full(homes.number, -1, dtype=np.int64)

        def run(self, rows: Ints) -> Reached:
            return Reached(*_reach(rows, limit_ms, arcs, self.labels, doors, homes, index, self.best, self.touched))

    rows = np.flatnonzero(doors.on_road).astype(np.int32)
    workers = [Worker() for _ in range(max(1, threads))]
    with ThreadPoolExecutor(len(workers)) as executor:
        # Each worker is waited for before it is given more: its labels serve one chunk at a time.
        waiting: list[Future[Reached]] = []
        for number, start in enumerate(range(0, len(rows), chunk)):
            if len(waiting) == len(workers):
                yield waiting.pop(0).result()
            worker = workers[number % len(workers)]
            waiting.append(executor.submit(worker.run, rows[start : start + chunk]))
        for future in waiting:
            yield future.result()


@njit(cache=True, nogil=True)
def _better(best, found, count, home, time, length):  # type: ignore[no-untyped-def]
    """Keep the least (time, length) of a home; returns how many homes are known."""
    packed = (np.int64(time) << SOURCE_BITS) | length
    if best[home] < 0:
        best[home] = packed
        found[count] = home
        return count + 1
    best[home] = min(best[home], packed)
    return count


@njit(cache=True, nogil=True)
def _more(array):  # type: ignore[no-untyped-def]
    return np.concatenate((array, np.empty(len(array), np.int32)))


@njit(cache=True, nogil=True)
def _reach(rows, limit, arcs, labels, doors, homes, index, best, touched):  # type: ignore[no-untyped-def]
    door, home = np.empty(_ROOM, np.int32), np.empty(_ROOM, np.int32)
    milliseconds, centimetres = np.empty(_ROOM, np.int32), np.empty(_ROOM, np.int32)
    found = np.empty(len(best), np.int32)
    size = 0
    ceiling = (np.int64(limit) << SOURCE_BITS) | SOURCE_MASK
    for i in range(len(rows)):
        row = rows[i]
        settle(arcs, labels, offer_places(rows[i : i + 1], doors, labels, ceiling), ceiling, touched)
        count = 0
        for j in range(touched.seen[0]):
            node = touched.nodes[j]
            time = labels.key[node] >> SOURCE_BITS
            for k in range(index.pointer[node], index.pointer[node + 1]):
                h = index.content[k] >> 1
                at_u = index.content[k] & 1 == 0
                cost = homes.to_u[h] if at_u else homes.to_v[h]
                if cost == CLOSED or time + cost + homes.access[h] > limit:
                    continue
                length = labels.length[node] + (homes.length_u[h] if at_u else homes.length_v[h]) + homes.off_road[h]
                count = _better(best, found, count, h, time + cost + homes.access[h], length)
            labels.key[node] = UNREACHED
            labels.length[node] = FAR
            touched.mark[node] = False
        touched.seen[0] = 0
        k = np.searchsorted(index.on_edges.edge, doors.edge[row])
        while k < len(index.on_edges.edge) and index.on_edges.edge[k] == doors.edge[row]:
            h = index.on_edges.row[k]
            cost = direct(homes, h, doors, row)
            if cost != CLOSED and np.int64(cost) + doors.access[row] + homes.access[h] <= limit:
                length = abs(doors.length_u[row] - homes.length_u[h]) + doors.off_road[row] + homes.off_road[h]
                count = _better(best, found, count, h, cost + doors.access[row] + homes.access[h], length)
            k += 1
        while size + count > len(home):
            door, home, milliseconds, centimetres = _more(door), _more(home), _more(milliseconds), _more(centimetres)
        for h in np.sort(found[:count]):
            door[size], home[size] = row, h
            milliseconds[size] = best[h] >> SOURCE_BITS
            centimetres[size] = best[h] & SOURCE_MASK
            best[h] = -1
            size += 1
    return door[:size].copy(), home[:size].copy(), milliseconds[:size].copy(), centimetres[:size].copy()
