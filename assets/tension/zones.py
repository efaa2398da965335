"""From communes up: which territory of each level a commune is in, and sums over them.

What is summed belongs to the modules that measure it. A commune is in one territory of a level, or in none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numba import njit
from scipy.sparse import csr_matrix

from assets.tension.pairs import Floats, Ints
from assets.territories.levels import COUNTRY, FRANCE, LEVELS


@dataclass(frozen=True)
class Level:
    """Territories of one level.

    Attributes:
        codes: (z,) sorted.
        of_commune: (c,) row of the territory each commune is in; -1 without any.
    """

    niveau: str
    codes: pl.Series
    of_commune: Ints

    def of_origins(self, commune: Ints) -> Ints:
        """Row of the territory of each origin (n,), from the row of its commune."""
        return self.of_commune[commune]

    def sums(self, by_commune: Floats) -> Floats:
        """Totals of each territory, (z,) or (z, k), from those of communes, (c,) or (c, k)."""
        return np.asarray(self._members @ by_commune)

    @cached_property
    def _members(self) -> csr_matrix:
        inside = np.flatnonzero(self.of_commune >= 0)
        shape = (len(self.codes), len(self.of_commune))
        return csr_matrix((np.ones(len(inside)), (self.of_commune[inside], inside)), shape=shape)


@dataclass(frozen=True)
class Zones:
    """Every level, over the same communes.

    Attributes:
        communes: (c,) codes, sorted.
        levels: communes first, the country last.
    """

    communes: pl.Series
    levels: tuple[Level, ...]

    @classmethod
    def of(cls, membership: pl.DataFrame) -> "Zones":
        """The levels of `territories__appartenance`: `code` (unique) and the columns of `LEVELS`, null without any."""
        frame = membership.sort("code")
        levels = []
        for niveau, column in LEVELS.items():
            codes = frame[column].drop_nulls().unique().sort()
            rank = pl.Series(range(len(codes)), dtype=pl.Int32)
            rows = frame[column].replace_strict(codes, rank, default=-1, return_dtype=pl.Int32)
            levels.append(Level(niveau, codes.rename("territoire"), rows.to_numpy().astype(np.int32)))
        country = pl.Series("territoire", [COUNTRY], dtype=pl.String)
        levels.append(Level(FRANCE, country, np.zeros(frame.height, dtype=np.int32)))
        return cls(frame["code"], tuple(levels))

    def __iter__(self) -> Iterator[Level]:
        return iter(self.levels)

    def rows_of(self, codes: pl.Series) -> Ints:
        """Row of each commune code, (n,); -1 for one that is not there."""
        rank = pl.Series(range(len(self.communes)), dtype=pl.Int32)
        return codes.replace_strict(self.communes, rank, default=-1, return_dtype=pl.Int32).to_numpy().astype(np.int32)


@njit(cache=True, nogil=True)
def by_commune(commune, communes, values):  # type: ignore[no-untyped-def]
    """Σ over the origins of each commune, (c,), of values (n,); NaN counts for nothing."""
    total = np.zeros(communes)
    for i in range(len(commune)):
        if not np.isnan(values[i]):
            total[commune[i]] += values[i]
    return total
