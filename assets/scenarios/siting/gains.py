"""What each place would bring to each row of people, as sparse arrays read both ways; the total and size of a choice.

A row takes the best of what is open: the total is Σ over rows of the greatest gain among open places. Mean times, cover
and worst times all come down to it; what a gain is belongs to `problem`.
"""

from typing import NamedTuple, Self

import numpy as np
from numba import njit

from assets.tension.pairs import Bools, Floats, Ints, Longs


class Sizes(NamedTuple):
    """How many places there are, and how many a choice opens and closes.

    Attributes:
        candidates: places 0 to this one are closed today, and `opened` of them at most open.
        places: the others are open today, and `closed` of them close.
    """

    candidates: int
    places: int
    opened: int
    closed: int

    @property
    def kept(self) -> int:
        """Counters of today that stay open."""
        return self.places - self.candidates - self.closed


class Gains(NamedTuple):
    """m gains above 0 of f places at r rows.

    A named tuple, because compiled code takes those as they are.

    Attributes:
        first: (r + 1,) gains of row i are `first[i]:first[i + 1]` of `place` and `gain`, greatest first, then by place.
        start: (f + 1,) the same gains by place: `start[j]:start[j + 1]` of `row` and `worth`, by row.
    """

    first: Longs
    place: Ints
    gain: Floats
    start: Longs
    row: Ints
    worth: Floats

    @classmethod
    def of(cls, row: Ints, place: Ints, gain: Floats, rows: int, places: int) -> Self:
        """From (m,) rows, places and gains sorted by place, then row."""
        order = np.lexsort((-gain, row))  # stable: by place among equals
        return cls(
            _pointer(row, rows),
            place[order].astype(np.int32),
            gain[order],
            _pointer(place, places),
            row.astype(np.int32),
            gain.astype(np.float64),
        )

    @property
    def rows(self) -> int:
        """r."""
        return len(self.first) - 1

    @property
    def places(self) -> int:
        """f."""
        return len(self.start) - 1

    def total(self, open_places: Bools) -> float:
        """Σ over rows of the greatest gain among the open places."""
        return float(_total(self, open_places))

    def reached(self, open_places: Bools) -> int:
        """Number of rows where an open place brings something."""
        return int(np.count_nonzero(np.bincount(self.row[np.repeat(open_places, np.diff(self.start))])))

    def scaled(self, factor: float) -> Self:
        """Every gain multiplied by a factor above 0."""
        return self._replace(gain=self.gain * factor, worth=self.worth * factor)

    def then(self, other: Self) -> Self:
        """The rows of these gains, then those of others of the same places."""
        place = [np.repeat(np.arange(self.places, dtype=np.int32), np.diff(g.start)) for g in (self, other)]
        row = np.concatenate([self.row, other.row + np.int32(self.rows)])
        both = np.concatenate(place)
        order = np.argsort(both, kind="stable")
        worth = np.concatenate([self.worth, other.worth])
        return type(self).of(row[order], both[order], worth[order], self.rows + other.rows, self.places)


def _pointer(sorted_or_not: Ints, size: int) -> Longs:
    pointer = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(np.bincount(sorted_or_not, minlength=size), out=pointer[1:])
    return pointer


@njit(cache=True, nogil=True)
def _total(gains, is_open):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(gains.first) - 1):
        for k in range(gains.first[i], gains.first[i + 1]):
            if is_open[gains.place[k]]:
                total += gains.gain[k]
                break
    return total
