"""A siting problem: people at origins, places they could go to, and what each place would bring them.

Places are candidates (closed today, to be opened), then closable counters (open today, to be closed); what else is open
is in the base times. What to choose belongs to the other modules, where times come from to the stage.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from assets.scenarios.siting.gains import Gains
from assets.tension.pairs import Bools, Floats, Pairs
from pipeline.foundations.errors import WrongUse


@dataclass(frozen=True)
class Problem:
    """n origins, c candidates, e closable counters.

    A time beyond the ceiling counts as the ceiling, and so does no way at all: a mean over people exists whoever is cut
    off, and nothing is gained by bringing them from far to less far beyond it.

    Args:
        weights: (n,) people; 0 and NaN weigh nothing.
        base_s: (n,) seconds to the nearest counter that stays; inf without a way, NaN where unknown (left out).
        pairs: origins with the c candidates, then the e closable counters; all those below base time and ceiling.
        candidates: c.
        ceiling_s: seconds.

    Raises:
        WrongUse: shapes that do not go together, or a negative weight or time.
    """

    weights: Floats
    base_s: Floats
    pairs: Pairs
    candidates: int
    ceiling_s: int

    def __post_init__(self) -> None:
        n = self.pairs.origins
        for name, values in (("weights", self.weights), ("base_s", self.base_s)):
            if values.shape != (n,) or (values < 0).any():
                raise _wrong(f"{n} values of 0 or more for {name}", f"shape {values.shape}, least {_least(values)}")
        if not 0 <= self.candidates <= self.pairs.counters:
            raise _wrong(f"at most {self.pairs.counters} candidates", str(self.candidates))
        if self.ceiling_s <= 0:
            raise _wrong("a ceiling above 0", str(self.ceiling_s))

    @property
    def places(self) -> int:
        """c + e."""
        return self.pairs.counters

    @property
    def closable(self) -> int:
        """How many counters may close: e."""
        return self.places - self.candidates

    @property
    def untouched(self) -> Bools:
        """Places open as today: (c + e,)."""
        return np.arange(self.places) >= self.candidates

    @cached_property
    def counted(self) -> Bools:
        """Origins where somebody lives and the time today is known: (n,)."""
        return np.asarray((np.nan_to_num(self.weights) > 0) & ~np.isnan(self.base_s))

    @cached_property
    def people(self) -> Floats:
        """Weights of what is counted, 0 elsewhere: (n,)."""
        return np.where(self.counted, self.weights, 0.0)

    def seconds(self, open_places: Bools) -> Floats:
        """Times to the nearest once those places are open (n,), as they are: inf without a way, NaN where unknown."""
        return self._nearest(open_places[self.pairs.counter])

    @cached_property
    def best_s(self) -> Floats:
        """Times were every place open: (n,)."""
        return self._nearest(np.ones(len(self.pairs.seconds), dtype=np.bool_))

    def _nearest(self, kept: Bools) -> Floats:
        found = self.base_s.copy()
        with np.errstate(invalid="ignore"):  # what is unknown stays so
            np.minimum.at(found, self.pairs.origin[kept], self.pairs.seconds[kept].astype(np.float64))
        return found

    def users(self, open_places: Bools) -> Floats:
        """People whose nearest is each place, (c + e,), once those are open; the first place among equals, what stays
        before any.
        """
        kept = open_places[self.pairs.counter]
        origin, place, seconds = self.pairs.origin[kept], self.pairs.counter[kept], self.pairs.seconds[kept]
        near = (seconds == self.seconds(open_places)[origin]) & (seconds < self.base_s[origin])
        holder = np.full(self.pairs.origins, self.places)
        np.minimum.at(holder, origin[near], place[near])
        return np.asarray(np.bincount(holder, weights=self.people, minlength=self.places + 1)[:-1], dtype=np.float64)

    @cached_property
    def within_reach(self) -> Bools:
        """Origins counted that some place, or what stays, brings under the ceiling: worst times are over them."""
        return np.asarray(self.counted & (self.best_s < self.ceiling_s))

    def clipped(self, seconds: Floats) -> Floats:
        """Times that count: at most the ceiling, 0 where nobody is counted (they weigh nothing)."""
        return np.where(self.counted, np.minimum(seconds, self.ceiling_s), 0.0)

    def closing(self, number: int) -> "Problem":
        """The same problem, told shorter when only `number` counters close: of the number + 1 nearest, one stays.

        The base takes the time of the last of them, and pairs that improve on nothing are left out.
        """
        pairs, n = self.pairs, self.pairs.origins
        base = np.minimum(self.base_s, self.ceiling_s)  # NaN stays
        closable = np.flatnonzero(pairs.counter >= self.candidates)
        if number < self.closable and len(closable):
            origin, seconds = pairs.origin[closable], pairs.seconds[closable]
            order = np.lexsort((seconds, origin))
            origin, seconds = origin[order], seconds[order]
            first = np.searchsorted(origin, np.arange(n + 1))
            kept = np.flatnonzero(np.diff(first) > number)
            base[kept] = np.minimum(base[kept], seconds[first[kept] + number])
        useful = self.counted[pairs.origin] & (pairs.seconds < base[pairs.origin])
        shorter = Pairs(pairs.origin[useful], pairs.counter[useful], pairs.seconds[useful], n, pairs.counters)
        return replace(self, base_s=base, pairs=shorter)

    def time_gains(self) -> Gains:
        """Person-seconds that each place spares at each origin, against the base."""
        base = self.clipped(self.base_s)
        spared = base[self.pairs.origin] - self.pairs.seconds
        return self._gains(self.people[self.pairs.origin] * np.maximum(spared, 0))

    def cover_gains(self, threshold_s: int) -> Gains:
        """People that each place brings within a threshold that the base is beyond."""
        return self._gains(np.where(self._brought(threshold_s), self.people[self.pairs.origin], 0.0))

    def cover_sets(self, limit_s: int) -> Gains:
        """For each origin beyond a limit, the places that bring it within, with a gain of 1; no other row.

        Rows nothing brings within are there, empty.
        """
        beyond = self.within_reach & ~(self.base_s <= limit_s)
        renumbered = np.cumsum(beyond) - 1
        useful = self._brought(limit_s) & beyond[self.pairs.origin]
        rows = renumbered[self.pairs.origin[useful]].astype(np.int32)
        ones = np.ones(len(rows))
        return Gains.of(rows, self.pairs.counter[useful], ones, int(beyond.sum()), self.places)

    def _brought(self, threshold_s: int) -> Bools:
        beyond = ~(self.base_s[self.pairs.origin] <= threshold_s)
        return np.asarray(beyond & (self.pairs.seconds <= threshold_s) & self.counted[self.pairs.origin])

    def _gains(self, gain: Floats) -> Gains:
        useful = gain > 0
        return Gains.of(
            self.pairs.origin[useful], self.pairs.counter[useful], gain[useful], self.pairs.origins, self.places
        )


def _least(values: Floats) -> str:
    return f"{np.nanmin(values):g}" if len(values) and not np.isnan(values).all() else "none"


def _wrong(expected: str, found: str) -> WrongUse:
    return WrongUse("siting problem", expected=expected, found=found, remedy="give what the stage makes")
