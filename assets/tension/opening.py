"""Opening time within reach (METHODS 4.2): weekly hours in which a counter is open, and days per week with one.

R_is(θ) = measure of the union, over the counters j of a typology with t_ij ≤ θ, of their open intervals: three hours
where nothing was open count, three hours in parallel do not. Which counters, and how they are read, is decided above.

A slot that is open in a share w of the weeks (nth weekdays, alternate weeks) is taken as open with probability w,
independently of one counter to another: a moment is covered with probability 1 − Π (1 − w). Feeds do not say which
weeks two counters have in common. Independence lies between the two ends: the same weeks (max w, so that a second
monthly visit would add nothing) and never the same (Σ w, so that it could not overlap). With w = 1 all three agree.
The slots of one counter do not overlap: their weight already is that of their union.

The week is cut at every bound a counter has, so that times need not be round. What is always open is a set of bits;
what is open in some weeks is a short list.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from numba import njit

from assets.referentiel.hours import WeeklySlot
from assets.tension.pairs import Bools, Floats, Ints, Longs, Pairs
from pipeline.foundations.errors import WrongUse

_DAYS, _MINUTES, _BITS = 7, 24 * 60, 8
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Week:
    """When c counters are open, on a week cut into pieces.

    Attributes:
        known: (c,) whether the hours are known.
        always: (c, bytes) pieces open every week, as bits.
        sometimes, share: pieces open in a share of the weeks, those of counter j at `pointer[j]:pointer[j + 1]`.
        minutes: (bytes * 8,) of each piece; 0 for those that fill up the last byte.
        minutes_of_byte: (bytes, 256) of each set of pieces.
        daily: (c, 7) share of the weeks in which the counter opens that day: the greatest of its slots, which is exact
            when they are of the same weeks (morning and afternoon), and the least it can be otherwise.
    """

    known: Bools
    always: Bytes
    sometimes: Ints
    share: Floats
    pointer: Longs
    minutes: Ints
    minutes_of_byte: Ints
    daily: Floats

    @classmethod
    def of(cls, counters: Sequence[Sequence[WeeklySlot] | None]) -> "Week":
        """The week of counters in order.

        Args:
            counters: slots of each, as `intervals` gives them; None or none at all when its hours are unknown.

        Raises:
            WrongUse: a slot out of its day, empty, of a weight not in ]0, 1], or that overlaps another of its counter.
        """
        sizes = [len(slots or ()) for slots in counters]
        owner = np.repeat(np.arange(len(counters)), sizes)
        slots = np.array([s for some in counters for s in some or ()], dtype=np.float64).reshape(-1, 4)
        day, start, end = (slots[:, i].astype(np.int64) for i in range(3))
        weight = slots[:, 3]
        _check(owner, day, start, end, weight)
        begin, stop = day * _MINUTES + start, day * _MINUTES + end
        bounds = np.unique(np.concatenate([begin, stop, [0, _DAYS * _MINUTES]]))
        minutes = np.zeros(-(-(len(bounds) - 1) // _BITS) * _BITS, dtype=np.int32)
        minutes[: len(bounds) - 1] = np.diff(bounds)
        # One row per (slot, piece of it).
        low, high = np.searchsorted(bounds, begin), np.searchsorted(bounds, stop)
        slot = np.repeat(np.arange(len(slots)), high - low)
        piece = np.arange(len(slot)) + np.repeat(low - (np.cumsum(high - low) - (high - low)), high - low)
        whole = weight[slot] == 1
        bits = np.zeros((len(counters), len(minutes)), dtype=np.bool_)
        bits[owner[slot[whole]], piece[whole]] = True
        some = np.flatnonzero(~whole)
        daily = np.zeros((len(counters), _DAYS))
        np.maximum.at(daily, (owner, day), weight)
        sets = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.int32)
        return cls(
            known=np.array(sizes, dtype=np.int64) > 0,
            always=np.packbits(bits, axis=1),
            sometimes=piece[some].astype(np.int32),
            share=weight[slot[some]],
            pointer=np.searchsorted(owner[slot[some]], np.arange(len(counters) + 1)).astype(np.int64),
            minutes=minutes,
            minutes_of_byte=(minutes.reshape(-1, _BITS) @ sets.T).astype(np.int32),
            daily=daily,
        )


@dataclass(frozen=True)
class Opening:
    """Opening time within reach of n origins.

    Attributes:
        hours: R_is(θ), hours per week with a counter open. 0 where none is within θ; NaN where some are, all of unknown
            hours.
        days: days per week with a counter open, a day open in a share of the weeks counting for that share.
        known: share of the counters within θ whose hours are known; NaN where none is within θ.
    """

    hours: Floats
    days: Floats
    known: Floats


def opening(pairs: Pairs, week: Week, threshold_s: int) -> Opening:
    """Opening time within reach: `R_is(θ)` and `#{d : ∃ j open on d, t_ij ≤ θ}` (METHODS 4.2).

    Args:
        pairs: of the counters of one typology (`Pairs.of_counters`), up to θ at least.
        week: of the same counters.
        threshold_s: θ, whole seconds.

    Raises:
        WrongUse: the week is of other counters.
    """
    if len(week.known) != pairs.counters:
        raise _wrong(f"{pairs.counters} counters, as the pairs", f"{len(week.known)}")
    pointer, counter = _by_origin(pairs.origin, pairs.counter, pairs.seconds, threshold_s, pairs.origins)
    hours, days, known = _unions(pointer, counter, *(getattr(week, field.name) for field in fields(Week)))
    within = np.diff(pointer)
    share = np.divide(known, within, out=np.full(pairs.origins, np.nan), where=within > 0)
    unknown = share == 0
    return Opening(np.where(unknown, np.nan, hours), np.where(unknown, np.nan, days), share)


@njit(cache=True, nogil=True)
def _by_origin(origin, counter, seconds, threshold, size):  # type: ignore[no-untyped-def]
    """Counters within the threshold of origin i, in order: `counters[pointer[i]:pointer[i + 1]]`."""
    pointer = np.zeros(size + 1, dtype=np.int64)
    for p in range(len(origin)):
        if seconds[p] <= threshold:
            pointer[origin[p] + 1] += 1
    for i in range(size):
        pointer[i + 1] += pointer[i]
    place = pointer[:-1].copy()
    counters = np.empty(pointer[size], dtype=np.int32)
    for p in range(len(origin)):
        if seconds[p] <= threshold:
            counters[place[origin[p]]] = counter[p]
            place[origin[p]] += 1
    return pointer, counters


@njit(cache=True, nogil=True)
def _unions(  # type: ignore[no-untyped-def]
    pointer,
    counters,
    is_known,
    always,
    sometimes,
    share,
    list_pointer,
    minutes,
    minutes_of_byte,
    daily,
):
    """Hours and days covered, and number of counters of known hours, of each origin, apart from the others.

    After `counters`, the fields of `Week` in their order.
    """
    n = len(pointer) - 1
    hours, days, known = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        bits = np.zeros(always.shape[1], dtype=np.uint8)
        missed_days = np.ones(7)
        listed = 0
        for p in range(pointer[i], pointer[i + 1]):
            j = counters[p]
            if is_known[j]:
                known[i] += 1
                bits |= always[j]
                missed_days *= 1 - daily[j]
                listed += list_pointer[j + 1] - list_pointer[j]
        total = 0.0
        for b in range(len(bits)):
            total += minutes_of_byte[b, bits[b]]
        if listed:
            missed = np.ones(len(minutes))
            for p in range(pointer[i], pointer[i + 1]):
                j = counters[p]
                for k in range(list_pointer[j], list_pointer[j + 1]):
                    missed[sometimes[k]] *= 1 - share[k]
            for m in range(len(minutes)):
                if missed[m] < 1 and not (bits[m >> 3] >> (7 - (m & 7))) & 1:
                    total += minutes[m] * (1 - missed[m])
        hours[i] = total / 60
        days[i] = 7 - missed_days.sum()
    return hours, days, known


def _check(owner: Longs, day: Longs, start: Longs, end: Longs, weight: Floats) -> None:
    impossible = (day < 0) | (day >= _DAYS) | (start < 0) | (end > _MINUTES) | (start >= end)
    impossible |= ~((weight > 0) & (weight <= 1))
    if len(faults := np.flatnonzero(impossible)):
        i = faults[0]
        found = f"counter {owner[i]}: day {day[i]}, {start[i]} to {end[i]}, weight {weight[i]:g}"
        raise _wrong("slots within a day, of a weight in ]0, 1]", found)
    order = np.lexsort((start, day, owner))
    same = (np.diff(owner[order]) == 0) & (np.diff(day[order]) == 0)
    if len(faults := np.flatnonzero(same & (end[order][:-1] > start[order][1:]))):
        raise _wrong("slots of a counter that do not overlap", f"two that do, of counter {owner[order][faults[0]]}")


def _wrong(expected: str, found: str) -> WrongUse:
    return WrongUse(
        "opening slots", expected=expected, found=found, remedy="read them with referentiel.hours.intervals"
    )
