"""The choice of the greatest total: a good one first, what no choice exceeds, then integer programming on what is left.

What gains are of (times, cover) and what is said of the result belong to `solve`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assets.scenarios.siting.bound import bounded
from assets.scenarios.siting.exact import Limits, best
from assets.scenarios.siting.gains import Gains, Sizes
from assets.scenarios.siting.greedy import first_of_equals, greedy, swapped
from assets.tension.pairs import Bools

#: Totals that differ by less, as a share of all that could be won, are as good as each other: that is what is proved.
TOLERANCE = 1e-7
#: The same for choices compared by their own sums, where only rounding differs.
_NOISE = 1e-10
RELAXED = "optimal : borne lagrangienne atteinte"
INTEGER = "optimal : programme en nombres entiers (HiGHS)"
HEURISTIC = "approché : glouton puis meilleurs échanges"


@dataclass(frozen=True)
class Found:
    """What a search gives.

    Attributes:
        is_open: (f,) the best choice found; None when none was.
        total: its total; -inf without any.
        bound: no choice has a greater total; -inf when there is no choice at all.
        proven: it is the best, but for rounding.
        method: how, in French.
    """

    is_open: Bools | None
    total: float
    bound: float
    proven: bool
    method: str

    @property
    def impossible(self) -> bool:
        """Proved: no choice serves every row that must be."""
        return self.bound == -np.inf


def search(gains: Gains, must: Gains, sizes: Sizes, limits: Limits, starts: Sequence[Bools] = ()) -> Found:
    """The choice of the greatest total of `gains` among those that serve every row of `must`.

    Args:
        starts: choices to start from, no more opened nor closed than asked.
    """
    if must.reached(np.ones(sizes.places, dtype=np.bool_)) < must.rows:
        return Found(None, -np.inf, -np.inf, True, RELAXED)
    top = gains.total(np.ones(sizes.places, dtype=np.bool_))
    # Serving one row more is worth more than anything else: what must be served comes first, by the same means.
    weight = 2 * top or 1.0
    both = must.scaled(weight).then(gains) if must.rows else gains
    served, noise, tolerance = weight * must.rows, _NOISE * (top or weight), TOLERANCE * (top or weight)
    choices = [swapped(both, sizes, greedy(both, sizes, start), noise) for start in (None, *starts)]
    proved = bounded(both, sizes, max(choices, key=both.total), tolerance, must.rows)
    if proved.bound < served - tolerance:
        return Found(None, -np.inf, -np.inf, True, RELAXED)
    is_open: Bools | None = proved.is_open if must.reached(proved.is_open) == must.rows else None
    total = gains.total(proved.is_open) if is_open is not None else -np.inf
    bound, method = proved.bound - served, RELAXED
    if bound > total + tolerance:
        further = best(gains, must, sizes, proved.never, proved.always, limits)
        if further is not None:
            if further.is_open is not None and gains.total(further.is_open) > total + noise:
                is_open, total = further.is_open, gains.total(further.is_open)
            # What was set aside before is no better than the choice found.
            bound = min(bound, max(further.bound, total))
        method = INTEGER if bound <= total + tolerance else HEURISTIC
    if is_open is not None:
        is_open = first_of_equals(both, sizes, swapped(both, sizes, is_open, noise), noise)
        total = gains.total(is_open)
    return Found(is_open, total, bound, method != HEURISTIC, method)
