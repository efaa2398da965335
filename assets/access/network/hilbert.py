"""Order of points along a Hilbert curve: points near on the ground are near in memory."""

import numpy as np
import numpy.typing as npt
from numba import njit

_BITS = 16


def hilbert_order(x: npt.NDArray[np.int32], y: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Permutation that sorts n points along the curve over their own box; ties keep their order."""
    if len(x) == 0:
        return np.empty(0, dtype=np.int64)
    span = max(int(x.max()) - int(x.min()), int(y.max()) - int(y.min()), 1)
    side = (1 << _BITS) - 1
    column = (x.astype(np.int64) - int(x.min())) * side // span
    row = (y.astype(np.int64) - int(y.min())) * side // span
    return np.argsort(_along_curve(column, row), kind="stable")


@njit(cache=True, nogil=True)
def _along_curve(column, row):  # type: ignore[no-untyped-def]
    """Rank along the curve of each square of a grid of 2**_BITS a side."""
    side = (1 << _BITS) - 1
    index = np.empty(len(column), np.uint32)
    for point in range(len(column)):
        i, j, rank = column[point], row[point], 0
        for bit in range(_BITS - 1, -1, -1):
            right, up = (i >> bit) & 1, (j >> bit) & 1
            rank = (rank << 2) | ((3 * right) ^ up)
            # Rotate the quadrant, so that the curve enters the next one where it left this one.
            if up == 0:
                if right == 1:
                    i, j = side - i, side - j
                i, j = j, i
        index[point] = rank
    return index
