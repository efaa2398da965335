"""The best choice by integer programming (HiGHS): a variable for each place, one for each set of places to lose.

Reduced formulation: people lose a step of gain when a whole set of places, those at least so good for them, is closed;
equal sets are one variable whoever they are for (Cornuéjols, Nemhauser, Wolsey 1980; Goldengorin and Krushinsky 2011).
Only places integer: the others follow. What is fixed before comes from `bound`.
"""

import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, vstack

from assets.scenarios.siting.gains import Gains, Sizes
from assets.tension.pairs import Bools, Floats, Ints

Rows = npt.NDArray[np.integer]
#: Sum of the costs given to the solver: its absolute tolerances are small beside it.
_SCALE = 1e6
#: Seconds a program is always given: small ones take less.
_AT_LEAST = 1.0
_INFEASIBLE = 2  # status of SciPy


class Terms(NamedTuple):
    """s sets of places, each with what is lost when all of it is closed.

    Attributes:
        loss: (s,). parent: (s,) row of a set included in this one, -1 without any.
        owner, place: (k,) places of each set that its parent has not.
    """

    loss: Floats
    parent: Ints
    owner: Ints
    place: Ints


def terms(gains: Gains, free: Bools, always: Bools) -> Terms:
    """The sets of free places of every row, gain after gain, down to what something always open brings.

    Sets are told apart by 128 bits drawn for each place: two different ones are never equal in practice.
    """
    rng = np.random.default_rng(0)
    keys = rng.integers(1, 2**63, (2, gains.places), dtype=np.uint64)
    a, b, loss, parent, size, new = _terms(gains, free, always, keys)
    identity = np.empty(len(a), dtype=[("a", np.uint64), ("b", np.uint64)])
    identity["a"], identity["b"] = a, b
    _, kept, merged = np.unique(identity, return_index=True, return_inverse=True)
    first = np.cumsum(size) - size
    sizes = size[kept]
    spots = np.repeat(first[kept] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
    return Terms(
        np.asarray(np.bincount(merged, weights=loss, minlength=len(kept)), dtype=np.float64),
        np.where(parent[kept] < 0, -1, merged[parent[kept]]).astype(np.int32),
        np.repeat(np.arange(len(kept), dtype=np.int32), sizes),
        new[spots],
    )


class Limits:
    """What may be spent: seconds from now on, and sets of places in one program."""

    def __init__(self, seconds: float, terms: int) -> None:
        self.terms = terms
        self._end = time.perf_counter() + seconds

    @property
    def left(self) -> float:
        """Seconds left, 0 when there are none."""
        return max(self._end - time.perf_counter(), 0.0)

    def share(self, part: float) -> "Limits":
        """A part of the time that is left."""
        return Limits(self.left * part, self.terms)


class Best(NamedTuple):
    """What was found: the best choice (None when there is none, or none yet), and what no choice exceeds."""

    is_open: Bools | None
    bound: float


def best(gains: Gains, must: Gains, sizes: Sizes, never: Bools, always: Bools, limits: Limits) -> Best | None:
    """The choice of the greatest total among those that serve every row of `must`; None when it is beyond the limits.

    Args:
        never, always: places known to be closed or open in any choice worth finding. The bound is over the others.
    """
    if must.reached(~never) < must.rows:
        return Best(None, -np.inf)
    free = ~never & ~always
    lost, needed = terms(gains, free, always), terms(must, free, always)
    if len(lost.loss) + len(needed.loss) > limits.terms:
        return None
    f, s = gains.places, len(lost.loss)
    child = np.flatnonzero(lost.parent >= 0)
    kinds = np.arange(f) >= sizes.candidates
    # A set is served, or all of it is closed: its places, plus 1 when people lose it, less 1 when they lost its parent.
    served = _matrix(
        (np.arange(s), f + np.arange(s), 1.0),
        (lost.owner, lost.place, 1.0),
        (child, f + lost.parent[child], -1.0),
        shape=(s, f + s),
    )
    reached = _matrix((needed.owner, needed.place, 1.0), shape=(len(needed.loss), f + s))
    at_least = np.concatenate([np.where(lost.parent < 0, 1.0, 0.0), np.ones(len(needed.loss))])
    numbers = _matrix((kinds.astype(np.int64), np.arange(f), 1.0), shape=(2, f + s))
    everything = float(lost.loss.sum())
    scale = _SCALE / everything if everything else 1.0
    found = milp(
        np.concatenate([np.zeros(f), lost.loss * scale]),
        integrality=np.concatenate([np.ones(f), np.zeros(s)]),
        bounds=Bounds(np.concatenate([always, np.zeros(s)]), np.concatenate([~never, np.ones(s)])),
        constraints=[
            LinearConstraint(vstack([served, reached]), at_least, np.inf),
            LinearConstraint(numbers, [0, sizes.kept], [sizes.opened, sizes.kept]),
        ],
        options={"time_limit": max(limits.left, _AT_LEAST), "mip_rel_gap": 0.0},
    )
    if found.status == _INFEASIBLE:
        return Best(None, -np.inf)
    least = found.mip_dual_bound if found.mip_dual_bound is not None else 0.0
    bound = gains.total(always) + everything - max(least, 0.0) / scale
    return Best(None if found.x is None else np.asarray(found.x[:f] > 0.5), bound)


def _matrix(*parts: tuple[Rows, Rows, float], shape: tuple[int, int]) -> coo_array:
    """From rows, columns and the value there."""
    rows, columns = (np.concatenate([p[k] for p in parts]) for k in (0, 1))
    values = np.concatenate([np.full(len(p[0]), p[2]) for p in parts])
    return coo_array((values, (rows, columns)), shape=shape)


@njit(cache=True, nogil=True)
def _terms(gains, free, always, keys):  # type: ignore[no-untyped-def]
    m = len(gains.place)
    a, b = np.empty(m, np.uint64), np.empty(m, np.uint64)
    loss, parent, size = np.empty(m), np.empty(m, np.int32), np.empty(m, np.int32)
    new = np.empty(m, np.int32)
    number, places = 0, 0
    for i in range(len(gains.first) - 1):
        end = gains.first[i + 1]
        floor, last = 0.0, gains.first[i]
        while last < end and not always[gains.place[last]]:
            last += 1
        if last < end:
            floor = gains.gain[last]
        hash_a, hash_b, before = np.uint64(0), np.uint64(0), -1
        k = gains.first[i]
        while k < last and gains.gain[k] > floor:
            level, count = gains.gain[k], 0
            while k < last and gains.gain[k] == level:
                j = gains.place[k]
                if free[j]:
                    hash_a ^= keys[0, j]
                    hash_b ^= keys[1, j]
                    new[places] = j
                    places, count = places + 1, count + 1
                k += 1
            if count == 0:
                continue
            # Down to the next gain that something free would bring.
            after = k
            while after < last and not free[gains.place[after]]:
                after += 1
            below = floor if after == last else max(gains.gain[after], floor)
            a[number], b[number], loss[number] = hash_a, hash_b, level - below
            parent[number], size[number] = before, count
            before = number
            number += 1
    return a[:number], b[:number], loss[:number], parent[:number], size[:number], new[:places]
