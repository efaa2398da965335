"""Which ends of segments are one crossing: by the producer's node identifiers when it gives them, else by position.

Position alone is not enough: a bridge may end above the end of another road (heights differ), and an end drawn a few
centimetres off its crossing is joined to it. Nothing else is guessed: two roads that cross without an end do not meet.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from assets.access.network.profile import Topology

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_GRID_CM = 10  # ends within the same decimetre are one point: the precision files are written in


@dataclass(frozen=True)
class Joined:
    """The crossings: `node` (k,) of each end, position (cm) of each of the `count` nodes, and what was done."""

    node: Ints
    x: Ints
    y: Ints
    mended: int  # loose ends joined to a node next to them
    stacked: int  # points that hold several nodes, one above the other

    @property
    def count(self) -> int:
        """Number of nodes."""
        return len(self.x)


def join_ends(x: Ints, y: Ints, z: Floats, given: Longs, rules: Topology) -> Joined:
    """Number the crossings of k segment ends.

    Args:
        x, y: (k,) positions in centimetres.
        z: (k,) heights in metres, NaN where unknown: an end of unknown height meets the lowest of its point.
        given: (k,) the producer's node identifiers; -1 where it gives none.
        rules: when ends meet.
    """
    named = given >= 0
    node = np.empty(len(x), dtype=np.int32)
    node[named] = np.unique(given[named], return_inverse=True)[1]
    first = int(node[named].max()) + 1 if named.any() else 0
    own = ~named
    labels, stacked = _by_position(x[own], y[own], z[own], rules)
    labels, mended = _mend(labels, x[own], y[own], z[own], rules)
    node[own] = labels + first
    count = int(node.max()) + 1 if len(node) else 0
    at = np.zeros(count, dtype=np.int64)
    at[node[::-1]] = np.arange(len(node) - 1, -1, -1)  # position of a node: that of its first end
    return Joined(node, x[at], y[at], mended, stacked)


def _by_position(x: Ints, y: Ints, z: Floats, rules: Topology) -> tuple[Ints, int]:
    """Ends in the same decimetre and within a height step of each other, in order of height."""
    if len(x) == 0:
        return np.empty(0, dtype=np.int32), 0
    column = (x.astype(np.int64) + _GRID_CM // 2) // _GRID_CM
    row = (y.astype(np.int64) + _GRID_CM // 2) // _GRID_CM
    point = (column << 32) + row
    order = np.lexsort((z, point))  # NaN heights come last within a point
    point, height = point[order], z[order]
    new_point = np.empty(len(order), dtype=np.bool_)
    new_point[0] = True
    new_point[1:] = point[1:] != point[:-1]
    with np.errstate(invalid="ignore"):
        apart = np.diff(height, prepend=height[:1]) > rules.ecart_altitude_m  # false next to an unknown height
    new_node = new_point | apart
    labels = np.empty(len(order), dtype=np.int32)
    ranks = np.cumsum(new_node) - 1
    unknown = np.isnan(height) & ~new_point
    if unknown.any():
        # The lowest node of a point is the first: where its run of ends begins.
        starts = np.maximum.accumulate(np.where(new_point, np.arange(len(order)), 0))
        ranks = np.where(unknown, ranks[starts], ranks)
    labels[order] = ranks
    points_above = np.flatnonzero(apart & ~new_point)
    return labels, len(np.unique(point[points_above]))


def _mend(labels: Ints, x: Ints, y: Ints, z: Floats, rules: Topology) -> tuple[Ints, int]:
    """Join each loose end (a node with a single end) to the nearest other node within the tolerance."""
    count = int(labels.max()) + 1 if len(labels) else 0
    if count < 2 or rules.tolerance_m == 0:
        return labels, 0
    degree = np.bincount(labels, minlength=count)
    at = np.zeros(count, dtype=np.int64)
    at[labels[::-1]] = np.arange(len(labels) - 1, -1, -1)
    xy = np.column_stack([x[at], y[at]]).astype(np.float64)
    loose = np.flatnonzero(degree == 1)
    if len(loose) == 0:
        return labels, 0
    # Split at the middle of boxes rather than at medians: three times quicker to make, and asked only once.
    tree = cKDTree(xy, balanced_tree=False, compact_nodes=False)
    # A query leaves its bound out; positions are whole centimetres.
    within = rules.tolerance_m * 100 + 0.01
    gap, near = tree.query(xy[loose], k=2, distance_upper_bound=within, workers=-1)
    self_first = near[:, 0] == loose
    other = np.where(self_first, near[:, 1], near[:, 0])
    found = np.isfinite(np.where(self_first, gap[:, 1], gap[:, 0]))
    loose, other = loose[found], other[found]
    with np.errstate(invalid="ignore"):
        level = ~(np.abs(z[at[loose]] - z[at[other]]) > rules.ecart_altitude_m)
    loose, other = loose[level], other[level]
    pairs = coo_matrix((np.ones(len(loose), dtype=np.int8), (loose, other)), shape=(count, count))
    kept, merged = connected_components(pairs, directed=False)
    return merged.astype(np.int32)[labels], count - int(kept)
