"""Homes found again from the graph: those attached to a node, and those on an edge."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from assets.access.network.nearest import OnEdges
from assets.access.network.snap import Places

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


class HomeIndex(NamedTuple):
    """Where homes are, for a graph of n nodes.

    Attributes:
        pointer, content: (n + 1,), homes by node; a home is written `2 * row` at its `u`, `2 * row + 1` at its `v`.
        on_edges: homes by edge.
    """

    pointer: Longs
    content: Ints
    on_edges: OnEdges

    @classmethod
    def of(cls, homes: Places, nodes: int) -> "HomeIndex":
        """Index the homes that are on a road."""
        rows = np.flatnonzero(homes.on_road)
        node = np.concatenate([homes.u[rows], homes.v[rows]])
        written = np.concatenate([2 * rows, 2 * rows + 1])
        pointer = np.zeros(nodes + 1, dtype=np.int64)
        np.cumsum(np.bincount(node, minlength=nodes), out=pointer[1:])
        return cls(pointer, written[np.argsort(node, kind="stable")].astype(np.int32), OnEdges.of(homes))

    def near(self, nodes: npt.NDArray[np.integer], edge: int) -> Ints:
        """Rows of the homes attached to those nodes or on that edge, each once, sorted."""
        first, sizes = self.pointer[nodes], self.pointer[nodes + 1] - self.pointer[nodes]
        before = np.cumsum(sizes) - sizes
        spots = np.repeat(first - before, sizes) + np.arange(sizes.sum())
        low, high = np.searchsorted(self.on_edges.edge, [edge, edge + 1])
        return np.union1d(self.content[spots] >> 1, self.on_edges.row[low:high]).astype(np.int32)
