"""The k nearest counters of every home, or the nearest counter of each of the k nearest groups (départements, say)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.access.network.graph import RoadGraph
from assets.access.network.nearest import Nearest, OnEdges, direct
from assets.access.network.profile import CLOSED
from assets.access.network.search import SOURCE_BITS, SOURCE_MASK, UNREACHED, Arcs
from assets.access.network.snap import Places

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

_BRANCHES = 4  # children of an item of the heap


class _Lists(NamedTuple):
    """For each node up to k labels, best first, one per group: (n, k) arrays; `held` (n,) says how many."""

    key: Longs
    length: Ints
    held: npt.NDArray[np.uint8]


class _Heap(NamedTuple):
    key: Longs
    node: Ints
    length: Ints


def k_nearest(graph: RoadGraph, homes: Places, counters: Places, k: int, groups: Ints | None = None) -> Nearest:
    """The k nearest counters of each home.

    Args:
        groups: (c,) group of each counter: only the nearest counter of a group is kept. Without it, each counter is a
            group of its own.

    Returns:
        (h, k) arrays.
    """
    groups = np.arange(counters.number, dtype=np.int32) if groups is None else groups
    lists = _Lists(
        np.full((graph.nodes, k), UNREACHED, dtype=np.int64),
        np.zeros((graph.nodes, k), dtype=np.int32),
        np.zeros(graph.nodes, dtype=np.uint8),
    )
    _settle(Arcs.arriving(graph), counters, groups, lists)
    return Nearest(*_read(homes, counters, groups, lists, OnEdges.of(counters)))


def k_nearest_each(
    graph: RoadGraph, homes: Places, sets: Sequence[tuple[Places, Ints | None]], k: int, *, threads: int = 2
) -> list[Nearest]:
    """`k_nearest` for each (counters, groups), shared between threads."""
    with ThreadPoolExecutor(max(1, threads)) as executor:
        return list(executor.map(lambda one: k_nearest(graph, homes, one[0], k, one[1]), sets))


@njit(cache=True, nogil=True)
def _push(heap, size, key, node, length):  # type: ignore[no-untyped-def]
    i = size
    while i > 0:
        above = (i - 1) // _BRANCHES
        if heap.key[above] < key or (heap.key[above] == key and heap.length[above] <= length):
            break
        heap.key[i], heap.node[i], heap.length[i] = heap.key[above], heap.node[above], heap.length[above]
        i = above
    heap.key[i], heap.node[i], heap.length[i] = key, node, length


@njit(cache=True, nogil=True)
def _drop_first(heap, size):  # type: ignore[no-untyped-def]
    last = size - 1
    key, node, length = heap.key[last], heap.node[last], heap.length[last]
    i = 0
    while _BRANCHES * i + 1 < last:
        least = _BRANCHES * i + 1
        for j in range(least + 1, min(least + _BRANCHES, last)):
            if heap.key[j] < heap.key[least] or (
                heap.key[j] == heap.key[least] and heap.length[j] < heap.length[least]
            ):
                least = j
        if key < heap.key[least] or (key == heap.key[least] and length <= heap.length[least]):
            break
        heap.key[i], heap.node[i], heap.length[i] = heap.key[least], heap.node[least], heap.length[least]
        i = least
    heap.key[i], heap.node[i], heap.length[i] = key, node, length


@njit(cache=True, nogil=True)
def _full_for(group, node, groups, lists):  # type: ignore[no-untyped-def]
    """Whether a node wants no label of that group: it holds k labels, or one of the group."""
    full = lists.held[node] == lists.key.shape[1]
    for j in range(lists.held[node]):
        full |= groups[lists.key[node, j] & SOURCE_MASK] == group
    return full


@njit(cache=True, nogil=True)
def _settle(arcs, counters, groups, lists):  # type: ignore[no-untyped-def]
    room = max(1024, 4 * len(groups))
    heap = _Heap(np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int32))
    size = 0
    for row in range(len(groups)):
        if counters.edge[row] < 0:
            continue
        for end in range(2):
            cost = counters.from_u[row] if end == 0 else counters.from_v[row]
            if cost != CLOSED:
                key = ((np.int64(cost) + counters.access[row]) << SOURCE_BITS) | row
                length = (counters.length_u[row] if end == 0 else counters.length_v[row]) + counters.off_road[row]
                _push(heap, size, key, counters.u[row] if end == 0 else counters.v[row], length)
                size += 1
    while size > 0:
        own_key, node, own_length = heap.key[0], heap.node[0], heap.length[0]
        _drop_first(heap, size)
        size -= 1
        group = groups[own_key & SOURCE_MASK]
        if _full_for(group, node, groups, lists):
            continue
        lists.key[node, lists.held[node]] = own_key
        lists.length[node, lists.held[node]] = own_length
        lists.held[node] += 1
        if size + arcs.pointer[node + 1] - arcs.pointer[node] > len(heap.key):
            more = len(heap.key)
            heap = _Heap(
                np.concatenate((heap.key, np.empty(more, np.int64))),
                np.concatenate((heap.node, np.empty(more, np.int32))),
                np.concatenate((heap.length, np.empty(more, np.int32))),
            )
        for a in range(arcs.pointer[node], arcs.pointer[node + 1]):
            other = arcs.rows[a, 0]
            if not _full_for(group, other, groups, lists):
                key = own_key + (np.int64(arcs.rows[a, 1]) << SOURCE_BITS)
                _push(heap, size, key, other, own_length + arcs.rows[a, 2])
                size += 1


@njit(cache=True, nogil=True)
def _insert(best_key, best_length, filled, groups, key, length):  # type: ignore[no-untyped-def]
    """Insert a label in the sorted list of a home, one per group; returns how many it holds."""
    k = len(best_key)
    group = groups[key & SOURCE_MASK]
    same = -1
    for j in range(filled):
        if groups[best_key[j] & SOURCE_MASK] == group:
            same = j
    if same >= 0:
        if key > best_key[same] or (key == best_key[same] and length >= best_length[same]):
            return filled
        for j in range(same, filled - 1):
            best_key[j], best_length[j] = best_key[j + 1], best_length[j + 1]
        filled -= 1
    j = filled
    while j > 0 and key < best_key[j - 1]:
        j -= 1
    if j == k:
        return filled
    for i in range(min(filled, k - 1), j, -1):
        best_key[i], best_length[i] = best_key[i - 1], best_length[i - 1]
    best_key[j], best_length[j] = key, length
    return min(filled + 1, k)


@njit(cache=True, nogil=True)
def _read(homes, counters, groups, lists, on_edges):  # type: ignore[no-untyped-def]
    number, k = len(homes.edge), lists.key.shape[1]
    counter = np.full((number, k), -1, np.int32)
    milliseconds = np.full((number, k), -1, np.int32)
    centimetres = np.full((number, k), -1, np.int32)
    best_key, best_length = np.empty(k, np.int64), np.empty(k, np.int32)
    for home in range(number):
        if homes.edge[home] < 0:
            continue
        filled = 0
        for end in range(2):
            cost = homes.to_u[home] if end == 0 else homes.to_v[home]
            node = homes.u[home] if end == 0 else homes.v[home]
            if cost == CLOSED:
                continue
            for j in range(lists.held[node]):
                length = lists.length[node, j] + (homes.length_u[home] if end == 0 else homes.length_v[home])
                key = lists.key[node, j] + (np.int64(cost) << SOURCE_BITS)
                filled = _insert(best_key, best_length, filled, groups, key, length)
        i = np.searchsorted(on_edges.edge, homes.edge[home])
        while i < len(on_edges.edge) and on_edges.edge[i] == homes.edge[home]:
            place = on_edges.row[i]
            cost = direct(homes, home, counters, place)
            if cost != CLOSED:
                key = ((np.int64(cost) + counters.access[place]) << SOURCE_BITS) | place
                length = abs(counters.length_u[place] - homes.length_u[home]) + counters.off_road[place]
                filled = _insert(best_key, best_length, filled, groups, key, length)
            i += 1
        for j in range(filled):
            counter[home, j] = best_key[j] & SOURCE_MASK
            milliseconds[home, j] = (best_key[j] >> SOURCE_BITS) + homes.access[home]
            centimetres[home, j] = best_length[j] + homes.off_road[home]
    return counter, milliseconds, centimetres
