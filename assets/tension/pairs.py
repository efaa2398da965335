"""Pairs (origin, counter) as arrays, and sums over them: what catchments, baskets and opening times stand on.

Only what is common to them: checks, choice of counters, and the two sums of weights that fall with time. What the sums
mean is said where they are used. Files and identifiers belong to the stage above.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.foundations.errors import WrongUse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_REMEDY = "give the rows of access__couples as written, identifiers replaced by rows of origins and of counters"


@dataclass(frozen=True)
class Pairs:
    """m pairs between n origins and c counters, sorted by counter, then origin, each once.

    Args:
        origin, counter: (m,) rows of the origins and of the counters.
        seconds: (m,) whole seconds from origin to counter, door to door.
        origins, counters: n and c, those without any pair included.

    Raises:
        WrongUse: a row out of range, a negative time, or pairs not in order. Compiled sums check nothing more.
    """

    origin: Ints
    counter: Ints
    seconds: Ints
    origins: int
    counters: int

    def __post_init__(self) -> None:
        for name in ("origin", "counter", "seconds"):
            values = getattr(self, name)
            if values.dtype != np.int32 or values.shape != self.origin.shape or values.ndim != 1:
                raise _wrong(f"int32 of shape {self.origin.shape} for {name}", f"{values.dtype} of {values.shape}")
        for name, count in (("origin", self.origins), ("counter", self.counters)):
            values = getattr(self, name)
            if len(values) and (values.min() < 0 or values.max() >= count):
                raise _wrong(f"rows of {name} from 0 to {count - 1}", f"{values.min()} to {values.max()}")
        if len(self.seconds) and self.seconds.min() < 0:
            raise _wrong("seconds of 0 or more", str(self.seconds.min()))
        if (fault := _first_disorder(self.counter, self.origin)) >= 0:
            raise _wrong("pairs sorted by counter, then origin, each once", f"pair {fault} out of order")

    @cached_property
    def pointer(self) -> Longs:
        """Pairs of counter j are the rows `pointer[j]:pointer[j + 1]` (c + 1,)."""
        return np.searchsorted(self.counter, np.arange(self.counters + 1)).astype(np.int64)

    def of_counters(self, chosen: npt.NDArray[np.integer]) -> "Pairs":
        """The pairs of some counters, given in increasing order and renumbered from 0. Linear in what is chosen."""
        if len(chosen) and (np.any(np.diff(chosen) <= 0) or chosen[0] < 0 or chosen[-1] >= self.counters):
            raise _wrong("counters in increasing order, each once", "another order, or one out of range")
        first = self.pointer[chosen]
        sizes = self.pointer[chosen + 1] - first
        ends = np.cumsum(sizes)
        rows = np.arange(int(sizes.sum())) + np.repeat(first - (ends - sizes), sizes)
        renumbered = np.repeat(np.arange(len(chosen), dtype=np.int32), sizes)
        return Pairs(self.origin[rows], renumbered, self.seconds[rows], self.origins, len(chosen))

    def to_counters(self, weights: Floats, values: Floats) -> Floats:
        """Σ_i f(t_ij) x_i for each counter (c,).

        Args:
            weights: f at each whole second from 0; beyond its end, f is 0.
            values: x, (n,).
        """
        self._check(values, self.origins)
        return np.asarray(_sum(self.counter, self.origin, self.seconds, weights, values, self.counters))

    def to_origins(self, weights: Floats, values: Floats) -> Floats:
        """Σ_j f(t_ij) x_j for each origin (n,); same arguments as `to_counters`, values (c,)."""
        self._check(values, self.counters)
        return np.asarray(_sum(self.origin, self.counter, self.seconds, weights, values, self.origins))

    @staticmethod
    def _check(values: Floats, expected: int) -> None:
        if values.shape != (expected,):
            raise _wrong(f"{expected} values", f"shape {values.shape}")


def _wrong(expected: str, found: str) -> WrongUse:
    return WrongUse("pairs of origins and counters", expected=expected, found=found, remedy=_REMEDY)


@njit(cache=True, nogil=True)
def _first_disorder(counter, origin):  # type: ignore[no-untyped-def]
    """Row of the first pair not after the one before it; -1 when all are."""
    for i in range(1, len(counter)):
        if counter[i] < counter[i - 1] or (counter[i] == counter[i - 1] and origin[i] <= origin[i - 1]):
            return i
    return -1


@njit(cache=True, nogil=True)
def _sum(to, of, seconds, weights, values, size):  # type: ignore[no-untyped-def]
    """Sum of weight x value of the one end at the other end, in the order of pairs: the same bytes every time."""
    total = np.zeros(size)
    for p in range(len(to)):
        if seconds[p] < len(weights):
            total[to[p]] += weights[seconds[p]] * values[of[p]]
    return total
