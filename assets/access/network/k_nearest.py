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
from assets.access.network.search import ROOM, SOURCE_BITS, SOURCE_MASK, UNREACHED, Arcs
from assets.access.network.snap import Places

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


class _Lists(NamedTuple):
    """For each node up to k labels, best first, one per group: (n, k) arrays; `held` (n,) says how many."""

    key: Longs
    length: Longs
    held: npt.NDArray[np.uint8]


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
        np.zeros((graph.nodes, k), dtype=np.int64),
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
def _insert(keys, lengths, held, groups, key, length):  # type: ignore[no-untyped-def]
    """Insert a label in a sorted list that holds one per group; returns (how many it holds, whether it took it)."""
    k = len(keys)
    if held == k and key > keys[k - 1]:
        return held, False
    group = groups[key & SOURCE_MASK]
    for j in range(held):
        if groups[keys[j] & SOURCE_MASK] == group:
            if key > keys[j] or (key == keys[j] and length >= lengths[j]):
                return held, False
            for i in range(j, held - 1):
                keys[i], lengths[i] = keys[i + 1], lengths[i + 1]
            held -= 1
            break
    j = held
    while j > 0 and key < keys[j - 1]:
        j -= 1
    if j == k:
        return held, False
    for i in range(min(held, k - 1), j, -1):
        keys[i], lengths[i] = keys[i - 1], lengths[i - 1]
    keys[j], lengths[j] = key, length
    return min(held + 1, k), True


@njit(cache=True, nogil=True)
def _settle(arcs, counters, groups, lists):  # type: ignore[no-untyped-def]
    """As `search.settle`, with lists of labels for labels: an entry out of date is one that left its node's list."""
    pointer, rows, shift, mask = arcs.pointer, arcs.rows, arcs.shift, arcs.buckets - 1
    head = np.full(arcs.buckets, -1, np.int32)
    room = max(ROOM, 2 * len(groups))
    entry_node, entry_key, after = np.empty(room, np.int32), np.empty(room, np.int64), np.empty(room, np.int32)
    free, used, queued = -1, 0, 0
    bucket = np.int64(CLOSED)
    for row in range(len(groups)):
        if counters.edge[row] < 0:
            continue
        for end in range(2):
            cost = counters.from_u[row] if end == 0 else counters.from_v[row]
            if cost == CLOSED:
                continue
            node = counters.u[row] if end == 0 else counters.v[row]
            key = ((np.int64(cost) + counters.access[row]) << SOURCE_BITS) | row
            length = np.int64(counters.length_u[row] if end == 0 else counters.length_v[row]) + counters.off_road[row]
            held, taken = _insert(lists.key[node], lists.length[node], lists.held[node], groups, key, length)
            lists.held[node] = held
            if taken:
                time = key >> SOURCE_BITS
                entry_node[used], entry_key[used] = node, key
                after[used], head[(time >> shift) & mask] = head[(time >> shift) & mask], used
                bucket = min(bucket, time >> shift)
                used, queued = used + 1, queued + 1
    while queued > 0:
        place = bucket & mask
        while head[place] >= 0:
            entry = head[place]
            head[place], after[entry], free = after[entry], free, entry
            queued -= 1
            node, own_key, own_length = entry_node[entry], entry_key[entry], np.int64(-1)
            for j in range(lists.held[node]):
                if lists.key[node, j] == own_key:
                    own_length = lists.length[node, j]
            if own_length < 0:
                continue
            if used + pointer[node + 1] - pointer[node] > room:
                entry_node = np.concatenate((entry_node, np.empty(room, np.int32)))
                entry_key = np.concatenate((entry_key, np.empty(room, np.int64)))
                after = np.concatenate((after, np.empty(room, np.int32)))
                room *= 2
            for a in range(pointer[node], pointer[node + 1]):
                other = rows[a, 0]
                key = own_key + (np.int64(rows[a, 1]) << SOURCE_BITS)
                lists.held[other], taken = _insert(
                    lists.key[other], lists.length[other], lists.held[other], groups, key, own_length + rows[a, 2]
                )
                if not taken:
                    continue
                if free >= 0:
                    entry, free = free, after[free]
                else:
                    entry, used = used, used + 1
                where = (key >> (SOURCE_BITS + shift)) & mask
                entry_node[entry], entry_key[entry] = other, key
                after[entry], head[where] = head[where], entry
                queued += 1
        bucket += 1


@njit(cache=True, nogil=True)
def _read(homes, counters, groups, lists, on_edges):  # type: ignore[no-untyped-def]
    number, k = len(homes.edge), lists.key.shape[1]
    counter = np.full((number, k), -1, np.int32)
    milliseconds = np.full((number, k), -1, np.int32)
    centimetres = np.full((number, k), -1, np.int32)
    best_key, best_length = np.empty(k, np.int64), np.empty(k, np.int64)
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
                filled, _ = _insert(best_key, best_length, filled, groups, key, length)
        i = np.searchsorted(on_edges.edge, homes.edge[home])
        while i < len(on_edges.edge) and on_edges.edge[i] == homes.edge[home]:
            place = on_edges.row[i]
            cost = direct(homes, home, counters, place)
            if cost != CLOSED:
                key = ((np.int64(cost) + counters.access[place]) << SOURCE_BITS) | place
                length = abs(counters.length_u[place] - homes.length_u[home]) + counters.off_road[place]
                filled, _ = _insert(best_key, best_length, filled, groups, key, length)
            i += 1
        for j in range(filled):
            counter[home, j] = best_key[j] & SOURCE_MASK
            milliseconds[home, j] = (best_key[j] >> SOURCE_BITS) + homes.access[home]
            centimetres[home, j] = best_length[j] + homes.off_road[home]
    return counter, milliseconds, centimetres
