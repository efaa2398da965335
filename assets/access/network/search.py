"""Exact searches on the graph: label setting with a bucket queue, compiled.

A label is (time, source, length), compared in that order: among equal times the smaller source wins, among equal
sources the shorter way. It is the same whatever the order in which arcs are looked at (a node whose label improves is
looked at again), so that a repaired search and a new one give the same bytes. Time (ms) and source share one 64-bit
key, time above. Only the queue and its kernels belong here; their callers are `nearest`, `bounded` and `repair`.

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
#: Width of a bucket, as a power of two of milliseconds: about the cost of a short edge. Wider ones relax some arcs
#: twice, narrower ones visit empty buckets; the result is the same.
SHIFT = 12
NEVER, OUT = -1, -2  # slot of a node not touched, and of one touched that is not in the queue
_MARGIN = 256  # buckets beside those of the longest arc, for first offers
_FAR = np.iinfo(np.int32).max


class Arcs(NamedTuple):
    """Arcs to relax: those of node i are the rows `pointer[i]:pointer[i + 1]` of `rows` (other node, cost, length)."""

    pointer: Longs
    rows: Ints

    @classmethod
    def leaving(cls, graph: RoadGraph) -> "Arcs":
        """From each node, where one may go."""
        return cls(graph.out_pointer, graph.out_arcs)

    @classmethod
    def arriving(cls, graph: RoadGraph) -> "Arcs":
        """To each node, where one may come from: what a search from counters back to homes relaxes."""
        return cls(graph.in_pointer, graph.in_arcs)


class Labels(NamedTuple):
    """Labels of the n nodes."""

    key: Longs
    length: Ints

    @classmethod
    def empty(cls, nodes: int) -> "Labels":
        """No node reached."""
        return cls(np.full(nodes, UNREACHED, dtype=np.int64), np.full(nodes, _FAR, dtype=np.int32))

    def clear(self) -> None:
        """Reach no node again."""
        self.key.fill(UNREACHED)
        self.length.fill(_FAR)


class Queue(NamedTuple):
    """Nodes to look at, in buckets of time. Reused from a search to the next; one per thread.

    Attributes:
        head, next, previous, slot: doubly linked buckets; `slot` says in which one a node is.
        touched: nodes queued since the last `clear`, the first `seen[0]` of them.
    """

    head: Ints
    next: Ints
    previous: Ints
    slot: Ints
    touched: Ints
    seen: Longs

    @classmethod
    def of(cls, graph: RoadGraph) -> "Queue":
        """An empty queue for that graph."""
        longest = int(graph.out_arcs[:, 1].max()) if len(graph.out_arcs) else 0
        # Times in the queue rarely spread over more than the longest arc; when they do, order suffers, not the result.
        buckets = 1 << int((longest >> SHIFT) + _MARGIN).bit_length()
        return cls(
            head=np.full(buckets, -1, dtype=np.int32),
            next=np.empty(graph.nodes, dtype=np.int32),
            previous=np.empty(graph.nodes, dtype=np.int32),
            slot=np.full(graph.nodes, NEVER, dtype=np.int32),
            touched=np.empty(graph.nodes, dtype=np.int32),
            seen=np.zeros(1, dtype=np.int64),
        )

    @property
    def nodes_touched(self) -> Ints:
        """Nodes queued since the last `clear`, each once."""
        return self.touched[: self.seen[0]]

    def clear(self) -> None:
        """Forget which nodes were touched; the queue itself is empty after every search."""
        self.slot[self.nodes_touched] = NEVER
        self.seen[0] = 0


@njit(cache=True, nogil=True)
def touch(node, queue):  # type: ignore[no-untyped-def]
    """Note that a node was looked at."""
    if queue.slot[node] == NEVER:
        queue.slot[node] = OUT
        queue.touched[queue.seen[0]] = node
        queue.seen[0] += 1


@njit(cache=True, nogil=True)
def _link(node, bucket, queue):  # type: ignore[no-untyped-def]
    """Put a node in a bucket, out of the one it is in; returns 1 when it was in none."""
    old = queue.slot[node]
    if old == bucket:
        return 0
    if old >= 0:
        before, after = queue.previous[node], queue.next[node]
        if before >= 0:
            queue.next[before] = after
        else:
            queue.head[old] = after
        if after >= 0:
            queue.previous[after] = before
    else:
        touch(node, queue)
    first = queue.head[bucket]
    queue.next[node] = first
    queue.previous[node] = -1
    if first >= 0:
        queue.previous[first] = node
    queue.head[bucket] = node
    queue.slot[node] = bucket
    return 1 if old < 0 else 0


@njit(cache=True, nogil=True)
def offer(node, key, length, labels, queue):  # type: ignore[no-untyped-def]
    """Offer a label to a node, which takes it if it is better; returns 1 when the node entered the queue."""
    if key < labels.key[node] or (key == labels.key[node] and length < labels.length[node]):
        labels.key[node] = key
        labels.length[node] = length
        return _link(node, (key >> (SOURCE_BITS + SHIFT)) & (len(queue.head) - 1), queue)
    return 0


@njit(cache=True, nogil=True)
def offer_places(rows, places, labels, limit, queue):  # type: ignore[no-untyped-def]
    """Offer the label of each of these places (counters one travels to) to both ends of its edge.

    Returns (number of nodes queued, a time not above any of theirs).
    """
    queued, lowest = 0, np.int64(CLOSED)
    for row in rows:
        if places.edge[row] < 0:
            continue
        for end in range(2):
            cost = places.from_u[row] if end == 0 else places.from_v[row]
            if cost == CLOSED:
                continue
            time = np.int64(cost) + places.access[row]
            key = (time << SOURCE_BITS) | row
            if key > limit:
                continue
            node = places.u[row] if end == 0 else places.v[row]
            length = (places.length_u[row] if end == 0 else places.length_v[row]) + places.off_road[row]
            queued += offer(node, key, length, labels, queue)
            lowest = min(lowest, time)
    return queued, lowest


@njit(cache=True, nogil=True)
def settle(arcs, labels, queued, lowest, limit, queue):  # type: ignore[no-untyped-def]
    """Settle every label that can be reached from the queued nodes; the queue is empty when this returns.

    Args:
        arcs: what to relax.
        labels: of all nodes, improved in place.
        queued: number of nodes in the queue; `lowest`: a time (ms) not above any of theirs.
        limit: greatest key given to a node; what lies beyond is not explored.
    """
    key, length, head, next_, previous, slot = (
        labels.key,
        labels.length,
        queue.head,
        queue.next,
        queue.previous,
        queue.slot,
    )
    mask = len(head) - 1
    bucket = lowest >> SHIFT
    while queued > 0:
        place = bucket & mask
        node = head[place]
        while node >= 0:
            after = next_[node]
            head[place] = after
            if after >= 0:
                previous[after] = -1
            slot[node] = OUT
            queued -= 1
            own_key, own_length = key[node], length[node]
            for k in range(arcs.pointer[node], arcs.pointer[node + 1]):
                other = arcs.rows[k, 0]
                new_key = own_key + (np.int64(arcs.rows[k, 1]) << SOURCE_BITS)
                if new_key > key[other] or new_key > limit:
                    continue
                new_length = own_length + arcs.rows[k, 2]
                if new_key < key[other] or new_length < length[other]:
                    key[other] = new_key
                    length[other] = new_length
                    queued += _link(other, (new_key >> (SOURCE_BITS + SHIFT)) & mask, queue)
            node = head[place]
        bucket += 1
