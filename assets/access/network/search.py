"""Exact searches on the graph: label setting with a bucket queue, compiled.

A label is (time, source, length), compared in that order: among equal times the smaller source wins, among equal
sources the shorter way. It is the same whatever the order in which arcs are looked at (a node whose label improves is
looked at again), so that a repaired search and a new one give the same bytes. Time (ms) and source share one 64-bit
key, time above. Only the search itself belongs here; its callers are `nearest`, `bounded` and `repair`.

Kernels take named tuples of arrays. Their arguments are not typed: numba infers them.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.access.network.graph import RoadGraph
from assets.access.network.profile import CLOSED

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

#: Key of a node no source reaches, and the greatest key of one that is.
UNREACHED = np.iinfo(np.int64).max
NO_LIMIT = UNREACHED - 1
#: Bits of the key below the time, and the mask of the source they hold.
SOURCE_BITS = 32
SOURCE_MASK = (1 << SOURCE_BITS) - 1
#: Width of a bucket of the queue, in mean costs of an arc. Nodes of a bucket are taken in the order of a stack, which
#: keeps to the neighbourhood and so to the cache; the wider the bucket, the more arcs are relaxed twice. Measured: 2 to
#: 8 are alike, 0.1 and 16 are twice as slow. The result is the same.
_WIDTH = 4
_MARGIN = 64  # buckets beside those of the longest arc, for first offers
ROOM = 4096  # entries of the queue to begin with
#: Length of a node no source reaches.
FAR = np.iinfo(np.int64).max


class Arcs(NamedTuple):
    """Arcs to relax: those of node i are the rows `pointer[i]:pointer[i + 1]` of `rows` (other node, cost, length).

    The queue has buckets of `2 ** shift` ms, and `buckets` of them (a power of two): times in it rarely spread over
    more than the longest arc; when they do, order suffers, not the result.
    """

    pointer: Longs
    rows: Ints
    shift: int
    buckets: int

    @classmethod
    def of(cls, pointer: Longs, rows: Ints) -> "Arcs":
        """With a queue fit for those costs."""
        costs = rows[:, 1] if len(rows) else np.ones(1, dtype=np.int32)
        shift = max(0, int(_WIDTH * costs.mean()).bit_length() - 1)
        return cls(pointer, rows, shift, 1 << ((int(costs.max()) >> shift) + _MARGIN).bit_length())

    @classmethod
    def leaving(cls, graph: RoadGraph) -> "Arcs":
        """From each node, where one may go."""
        return cls.of(graph.out_pointer, graph.out_arcs)

    @classmethod
    def arriving(cls, graph: RoadGraph) -> "Arcs":
        """To each node, where one may come from: what a search from counters back to homes relaxes."""
        return cls.of(graph.in_pointer, graph.in_arcs)


class Labels(NamedTuple):
    """Labels of the n nodes. Both columns are views of one array: a label is read in one go."""

    key: Longs
    length: Longs

    @classmethod
    def empty(cls, nodes: int) -> "Labels":
        """No node reached."""
        both = np.empty((nodes, 2), dtype=np.int64)
        labels = cls(both[:, 0], both[:, 1])
        labels.clear()
        return labels

    def clear(self) -> None:
        """Reach no node again."""
        self.key.fill(UNREACHED)
        self.length.fill(FAR)


class Touched(NamedTuple):
    """Nodes a search settled, each once: the first `seen[0]` of `nodes`; `mark` (n,) says which they are."""

    mark: npt.NDArray[np.bool_]
    nodes: Ints
    seen: Longs

    @classmethod
    def none(cls, nodes: int) -> "Touched":
        """Nothing settled yet, on a graph of that many nodes; with 0, nothing is noted."""
        return cls(np.zeros(nodes, dtype=np.bool_), np.empty(nodes, dtype=np.int32), np.zeros(1, dtype=np.int64))

    @property
    def settled(self) -> Ints:
        """Nodes settled since the last `clear`."""
        return self.nodes[: self.seen[0]]

    def clear(self) -> None:
        """Forget them."""
        self.mark[self.settled] = False
        self.seen[0] = 0


@njit(cache=True, nogil=True)
def touch(node, touched):  # type: ignore[no-untyped-def]
    """Note that a node was settled, or must be looked at again."""
    if not touched.mark[node]:
        touched.mark[node] = True
        touched.nodes[touched.seen[0]] = node
        touched.seen[0] += 1


@njit(cache=True, nogil=True)
def offer(node, key, length, labels):  # type: ignore[no-untyped-def]
    """Offer a label to a node; whether it took it."""
    if key > labels.key[node] or (key == labels.key[node] and length >= labels.length[node]):
        return False
    labels.key[node] = key
    labels.length[node] = length
    return True


@njit(cache=True, nogil=True)
def offer_places(rows, places, labels, limit):  # type: ignore[no-untyped-def]
    """Offer the label of each of these places (counters one travels to) to both ends of its edge.

    Returns the nodes that took one: what `settle` starts from.
    """
    taken = np.empty(2 * len(rows), np.int32)
    size = 0
    for row in rows:
        if places.edge[row] < 0:
            continue
        for end in range(2):
            cost = places.from_u[row] if end == 0 else places.from_v[row]
            if cost == CLOSED:
                continue
            key = ((np.int64(cost) + places.access[row]) << SOURCE_BITS) | row
            if key > limit:
                continue
            node = places.u[row] if end == 0 else places.v[row]
            length = np.int64(places.length_u[row] if end == 0 else places.length_v[row]) + places.off_road[row]
            if offer(node, key, length, labels):
                taken[size] = node
                size += 1
    return taken[:size]


@njit(cache=True, nogil=True)
def settle(arcs, labels, starts, limit, touched):  # type: ignore[no-untyped-def]
    """Settle every label that can be reached from nodes that just took one.

    Args:
        arcs: what to relax.
        labels: of all nodes, improved in place.
        starts: those nodes, maybe more than once.
        limit: greatest key given to a node; what lies beyond is not explored.
        touched: where settled nodes are noted; `Touched.none(0)` to note nothing.
    """
    key, length, pointer, rows = labels.key, labels.length, arcs.pointer, arcs.rows
    shift, mask, noted = arcs.shift, arcs.buckets - 1, len(touched.mark) > 0
    head = np.full(arcs.buckets, -1, np.int32)
    # Entries of the queue, chained by bucket; free ones are chained too. An entry whose time is no longer its node's is
    # out of date: the node was given a better label since, and has another entry.
    room = max(ROOM, 2 * len(starts))
    entry_node, entry_time, after = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    free, used, queued = -1, 0, 0
    bucket = np.int64(CLOSED)
    for node in starts:
        time = key[node] >> SOURCE_BITS
        entry_node[used], entry_time[used] = node, time
        after[used], head[(time >> shift) & mask] = head[(time >> shift) & mask], used
        bucket = min(bucket, time >> shift)
        used, queued = used + 1, queued + 1
    while queued > 0:
        place = bucket & mask
        while head[place] >= 0:
            entry = head[place]
            head[place], after[entry], free = after[entry], free, entry
            queued -= 1
            node = entry_node[entry]
            own_key, own_length = key[node], length[node]
            if own_key >> SOURCE_BITS != entry_time[entry]:
                continue
            if noted:
                touch(node, touched)
            if used + pointer[node + 1] - pointer[node] > room:
                entry_node = np.concatenate((entry_node, np.empty(room, np.int32)))
                entry_time = np.concatenate((entry_time, np.empty(room, np.int32)))
                after = np.concatenate((after, np.empty(room, np.int32)))
                room *= 2
            for k in range(pointer[node], pointer[node + 1]):
                other = rows[k, 0]
                new_key = own_key + (np.int64(rows[k, 1]) << SOURCE_BITS)
                if new_key > key[other] or new_key > limit:
                    continue
                new_length = own_length + rows[k, 2]
                if new_key == key[other] and new_length >= length[other]:
                    continue
                key[other] = new_key
                length[other] = new_length
                if free >= 0:
                    entry, free = free, after[free]
                else:
                    entry, used = used, used + 1
                time = new_key >> SOURCE_BITS
                where = (time >> shift) & mask
                entry_node[entry], entry_time[entry] = other, time
                after[entry], head[where] = head[where], entry
                queued += 1
        bucket += 1
