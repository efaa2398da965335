"""Contracting: chains of segments through crossings of two become one edge, with times and lengths kept exactly.

A node is kept when it is a real crossing (not two ends), or where a direction opens or closes. Each segment remembers
its edge and what lies before it, so that a point in the middle of a chain still has its exact cost to both ends.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.access.network.profile import CLOSED

Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


class Chains(NamedTuple):
    """Edges of the contracted graph (m of them), and where each of the n segments lies in them.

    `u, v` are node numbers of the graph before contraction. Costs in ms (`CLOSED` where closed), lengths in cm.
    `flip`: the segment is drawn against its edge. `before_along`: cost from `u` to the segment's near end, travelling
    `u` to `v`; `before_against`: from that same end back to `u`; `before_length`: its length.
    """

    u: Ints
    v: Ints
    along: Ints
    against: Ints
    length: Ints
    edge: Ints
    flip: Bools
    before_along: Ints
    before_against: Ints
    before_length: Ints


def contract(start: Ints, end: Ints, along: Ints, against: Ints, length: Ints, count: int) -> Chains:
    """Contract n segments between `count` nodes.

    Args:
        start, end: (n,) node of each end, in the direction of drawing.
        along, against: (n,) ms in and against that direction; `CLOSED` where closed, never both.
        length: (n,) cm.
    """
    pointer, incident = _incidence(start, end, count)
    chains: Chains = Chains(*_walk(start, end, along, against, length, pointer, incident))
    return chains


def _incidence(start: Ints, end: Ints, count: int) -> tuple[npt.NDArray[np.int64], Ints]:
    """Segments at each node: (count + 1,) pointers, (2n,) segment numbers; a loop is there twice."""
    ends = np.concatenate([start, end])
    order = np.argsort(ends, kind="stable")
    pointer = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends, minlength=count), out=pointer[1:])
    return pointer, (order % len(start)).astype(np.int32) if len(start) else order.astype(np.int32)


@njit(cache=True, nogil=True)
def _kept(node, start, along, against, pointer, incident):  # type: ignore[no-untyped-def]
    first = pointer[node]
    if pointer[node + 1] - first != 2:
        return True
    a, b = incident[first], incident[first + 1]
    if a == b:
        return True  # a loop on its own
    # Through the node from a to b, then from b to a: both open or closed all along, else the node stays.
    a_in = along[a] if start[a] != node else against[a]
    a_out = against[a] if start[a] != node else along[a]
    b_in = along[b] if start[b] != node else against[b]
    b_out = against[b] if start[b] != node else along[b]
    return (a_in == CLOSED) != (b_out == CLOSED) or (b_in == CLOSED) != (a_out == CLOSED)


@njit(cache=True, nogil=True)
def _walk(start, end, along, against, length, pointer, incident):  # type: ignore[no-untyped-def]
    n = len(start)
    count = len(pointer) - 1
    keep = np.empty(count, np.bool_)
    for node in range(count):
        keep[node] = _kept(node, start, along, against, pointer, incident)
    edge = np.full(n, -1, np.int32)
    flip = np.zeros(n, np.bool_)
    before_along = np.zeros(n, np.int32)
    before_against = np.zeros(n, np.int32)
    before_length = np.zeros(n, np.int32)
    u = np.empty(n, np.int32)
    v = np.empty(n, np.int32)
    whole_along = np.empty(n, np.int32)
    whole_against = np.empty(n, np.int32)
    whole_length = np.empty(n, np.int32)
    m = 0
    # Chains from kept nodes first; what is left then is rings with none, cut at their lowest node.
    for rings in range(2):
        for origin in range(count):
            if rings == 0 and not keep[origin]:
                continue
            for k in range(pointer[origin], pointer[origin + 1]):
                segment = incident[k]
                if edge[segment] != -1:
                    continue
                node, total_along, total_against, total_length = origin, 0, 0, 0
                while True:
                    forward = start[segment] == node
                    edge[segment] = m
                    flip[segment] = not forward
                    before_along[segment] = total_along
                    before_against[segment] = total_against
                    before_length[segment] = total_length
                    go = along[segment] if forward else against[segment]
                    back = against[segment] if forward else along[segment]
                    total_along = CLOSED if go == CLOSED else total_along + go
                    total_against = CLOSED if back == CLOSED else total_against + back
                    total_length += length[segment]
                    node = end[segment] if forward else start[segment]
                    if keep[node] or node == origin:
                        break
                    first = pointer[node]
                    segment = incident[first] if incident[first] != segment else incident[first + 1]
                u[m], v[m] = origin, node
                whole_along[m], whole_against[m], whole_length[m] = total_along, total_against, total_length
                m += 1
    return (
        u[:m].copy(),
        v[:m].copy(),
        whole_along[:m].copy(),
        whole_against[:m].copy(),
        whole_length[:m].copy(),
        edge,
        flip,
        before_along,
        before_against,
        before_length,
    )
