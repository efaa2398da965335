"""Order of points along a Hilbert curve: points near on the ground are near in memory."""

import numpy as np
import numpy.typing as npt

_BITS = 16


def hilbert_order(x: npt.NDArray[np.int32], y: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Permutation that sorts n points along the curve over their own box; ties keep their order."""
    if len(x) == 0:
        return np.empty(0, dtype=np.int64)
    span = max(int(x.max()) - int(x.min()), int(y.max()) - int(y.min()), 1)
    side = (1 << _BITS) - 1
    column = ((x.astype(np.int64) - int(x.min())) * side // span).astype(np.uint32)
    row = ((y.astype(np.int64) - int(y.min())) * side // span).astype(np.uint32)
    index: npt.NDArray[np.uint32] = np.zeros(len(x), dtype=np.uint32)
    for bit in range(_BITS - 1, -1, -1):
        right, up = (column >> np.uint32(bit)) & 1, (row >> np.uint32(bit)) & 1
        index = ((index << np.uint32(2)) | ((np.uint32(3) * right) ^ up)).astype(np.uint32)
        # Rotate the quadrant, so that the curve enters the next one where it left this one.
        swap = up == 0
        mirror = swap & (right == 1)
        column[mirror], row[mirror] = side - column[mirror], side - row[mirror]
        column[swap], row[swap] = row[swap], column[swap]
    return np.argsort(index, kind="stable")
