"""Estimated times where there are no roads: straight line x detour, at a speed (`acces.yml`), for the whole country.

Named `vol d'oiseau` wherever they appear, and never mixed with times by road. One plane for all: projected systems are
set far enough apart that nothing of one is near anything of another.
"""

from copy import copy

import numpy as np
import polars as pl
from numba import njit
from scipy.spatial import cKDTree

from assets.access.places import HELD_ALL_WEEK, metres
from assets.access.settings import CrowFlies
from assets.tension.pairs import Bools, Floats, Ints, Pairs
from assets.tension.people import People
from pipeline.foundations.crs import epsg_expr

MEASURE = "vol d'oiseau"
_APART_M = 1e8


class CrowTimes:
    """Times as the crow flies, typology by typology: what `measures` reads.

    Args:
        people: origins.
        counters: `access.places.COUNTER_SCHEMA`, sorted by `point_accueil_id`.
        rule: detour and speed.
        limit_s: pairs farther apart are not given.
    """

    mesure = MEASURE

    def __init__(self, people: People, counters: pl.DataFrame, rule: CrowFlies, limit_s: int) -> None:
        self.people = people
        self._limit, self._s_per_m = limit_s, rule.seconds(1.0)
        self._from = plane(people.frame)
        self._known: Bools = np.asarray(np.isfinite(self._from).all(axis=1))
        self._set(counters)

    def with_counters(self, counters: pl.DataFrame) -> "CrowTimes":
        """Those of the same people to other counters."""
        other = copy(self)
        other._set(counters)
        return other

    def _set(self, counters: pl.DataFrame) -> None:
        people = self.people
        self._counters, self._to = counters, plane(counters)
        self._placed: Bools = np.asarray(np.isfinite(self._to).all(axis=1))
        self._typology = counters["typologie"].to_numpy()
        self._held = (counters["type_structure"] == HELD_ALL_WEEK).to_numpy()
        codes = pl.concat([people.frame["code_departement"], counters["code_departement"]]).rank("dense")
        self._of_origin = codes[: people.number].fill_null(0).to_numpy()
        self._of_counter = codes[people.number :].fill_null(0).to_numpy()

    def nearest(self, typology: str) -> tuple[Floats, Bools]:
        """Seconds to the nearest implantation (n,), NaN where unknown; and whether it is in another département.

        Where a commune has one that nobody can place, the nearest placed elsewhere would be a wrong answer.
        """
        mine = self._held & (self._typology == typology)
        rows = np.flatnonzero(mine & self._placed)
        seconds = np.full(self.people.number, np.nan)
        outside = np.zeros(self.people.number, dtype=np.bool_)
        if not len(rows) or not self._known.any():
            return seconds, outside
        metres_to, found = straight_nearest(self._from[self._known], self._to[rows])
        chosen = rows[found[:, 0]]
        near = found[:, 0] >= 0
        seconds[self._known] = np.where(near, np.rint(metres_to[:, 0] * self._s_per_m), np.nan)
        outside[self._known] = near & (self._of_counter[chosen] != self._of_origin[self._known])
        communes = self._counters["code_insee"]
        unplaced = communes.filter(pl.Series(mine & ~self._placed)).unique()
        if len(unplaced):
            here = self.people.frame["code_insee"]
            there = communes.gather(chosen)
            doubt = (here.is_in(unplaced.implode()).to_numpy())[self._known]
            doubt &= (here.filter(pl.Series(self._known)) != there).fill_null(True).to_numpy()
            known_rows = np.flatnonzero(self._known)
            seconds[known_rows[doubt]] = np.nan
            outside[known_rows[doubt]] = False
        return seconds, outside

    def pairs(self, typology: str) -> tuple[Pairs, Ints]:
        """Pairs within the limit with the counters of every kind of a typology, and the rows of those counters."""
        rows = np.flatnonzero((self._typology == typology) & self._placed).astype(np.int32)
        return straight_pairs(self._from, self._to[rows], self._s_per_m, self._limit), rows


def plane(frame: pl.DataFrame) -> Floats:
    """Metres (n, 2), those of each projected system far from those of the others; NaN without a position."""
    xy = np.full((frame.height, 2), np.nan)
    systems = frame.select(epsg_expr(pl.col("code_departement"))).to_series()
    for epsg in systems.drop_nulls().unique():
        here = (systems == epsg).fill_null(False)
        xy[here.to_numpy()] = metres(frame.filter(here), epsg) + epsg * _APART_M
    return xy


def straight_nearest(origin_xy: Floats, place_xy: Floats, k: int = 1) -> tuple[Floats, Ints]:
    """The k nearest places of each origin, all on the plane: metres, inf without one, and rows, -1 without; (n, k).

    Args:
        origin_xy: (n, 2) known positions. place_xy: (p, 2) known positions.
    """
    if not len(origin_xy) or not len(place_xy):
        return np.full((len(origin_xy), k), np.inf), np.full((len(origin_xy), k), -1, dtype=np.int32)
    distance, found = cKDTree(place_xy).query(origin_xy, k=list(range(1, k + 1)), workers=-1)
    # Beyond half of what sets them apart, it is of another projected system; or there are fewer than k places.
    near = distance < _APART_M / 2
    return np.where(near, distance, np.inf), np.where(near, found, -1).astype(np.int32)


def straight_pairs(origin_xy: Floats, counter_xy: Floats, s_per_m: float, limit_s: int) -> Pairs:
    """Pairs at most `limit_s` whole seconds apart.

    Args:
        origin_xy: (n, 2) metres; NaN: in no pair. counter_xy: (c, 2) metres.
        s_per_m: seconds a metre takes.
    """
    radius = (limit_s + 0.5) / s_per_m  # rounded, it is the limit
    known = np.flatnonzero(np.isfinite(origin_xy).all(axis=1))
    nothing = np.zeros(0, dtype=np.int32)
    if not len(known) or not len(counter_xy):
        return Pairs(nothing, nothing, nothing, len(origin_xy), len(counter_xy))
    # Origins in columns a radius wide, by northing inside: those near a counter are in three runs.
    column = np.floor(origin_xy[known, 0] / radius).astype(np.int64)
    order = np.lexsort((origin_xy[known, 1], column))
    sorted_rows, column = known[order].astype(np.int32), column[order]
    xy = origin_xy[sorted_rows]
    columns, first = np.unique(column, return_index=True)
    ends = np.append(first[1:], len(column)).astype(np.int64)
    counts = _near(xy, sorted_rows, columns, first, ends, counter_xy, radius, s_per_m, limit_s, nothing, nothing)
    pointer = np.zeros(len(counter_xy) + 1, dtype=np.int64)
    np.cumsum(counts, out=pointer[1:])
    origin = np.empty(pointer[-1], dtype=np.int32)
    seconds = np.empty(pointer[-1], dtype=np.int32)
    _near(xy, sorted_rows, columns, first, ends, counter_xy, radius, s_per_m, limit_s, origin, seconds)
    counter = np.repeat(np.arange(len(counter_xy), dtype=np.int32), counts)
    return Pairs(origin, counter, seconds, len(origin_xy), len(counter_xy))


@njit(cache=True, nogil=True)
def _near(xy, row, columns, first, ends, counters, radius, s_per_m, limit, origin, seconds):  # type: ignore[no-untyped-def]
    """Number of pairs of each counter; and, where there is room, the pairs themselves, by origin."""
    fill = len(origin) > 0
    counts = np.zeros(len(counters), dtype=np.int64)
    at = 0
    for j in range(len(counters)):
        x, y = counters[j, 0], counters[j, 1]
        middle = np.int64(np.floor(x / radius))
        start = at
        for c in range(np.searchsorted(columns, middle - 1), np.searchsorted(columns, middle + 2)):
            low, high = first[c], ends[c]
            a = low + np.searchsorted(xy[low:high, 1], y - radius)
            for k in range(a, high):
                if xy[k, 1] > y + radius:
                    break
                far = np.hypot(xy[k, 0] - x, xy[k, 1] - y)
                s = np.int64(np.rint(far * s_per_m))
                if s <= limit:
                    if fill:
                        origin[at] = row[k]
                        seconds[at] = s
                    at += 1
        counts[j] = at - start
        if fill:
            by = np.argsort(origin[start:at])
            origin[start:at] = origin[start:at][by]
            seconds[start:at] = seconds[start:at][by]
    return counts
