"""Worst times: the least that a choice can reach (p-center), and how many openings one takes (set cover).

By bisection: whether a number of places can bring everybody within a time is the same search as any other.
"""

from dataclasses import dataclass

import numpy as np

from assets.scenarios.siting.exact import Limits
from assets.scenarios.siting.gains import Gains, Sizes
from assets.scenarios.siting.problem import Problem
from assets.scenarios.siting.search import Found, search
from assets.tension.pairs import Bools, Ints

#: Of the time, what checks may take, and each of what they have left: most of them need little.
_CHECKS, _CHECK = 0.5, 0.25


@dataclass(frozen=True)
class Worst:
    """The least worst time.

    Attributes:
        is_open: (f,) a choice that reaches it; None when no choice brings everybody under the ceiling.
        seconds: it; the ceiling without any, 0 when nobody is within reach of anything.
        bound: no choice does better; equal when proved.
    """

    is_open: Bools | None
    seconds: int
    bound: int


def within(problem: Problem, sizes: Sizes, limit_s: int, limits: Limits) -> Found:
    """A choice that leaves nobody within reach farther than a limit, which is below the ceiling."""
    nothing = np.zeros(0, dtype=np.int32)
    gains = Gains.of(nothing, nothing, np.zeros(0), 0, sizes.places)
    return search(gains, problem.cover_sets(limit_s), sizes, limits)


def worst_of(problem: Problem, is_open: Bools) -> int:
    """Seconds of the farthest of those within reach; 0 when there are none."""
    return int(np.max(problem.clipped(problem.seconds(is_open))[problem.within_reach], initial=0))


def least_worst(problem: Problem, sizes: Sizes, limits: Limits) -> Worst:
    """The least worst time of the choices of these sizes."""
    if not problem.within_reach.any():
        return Worst(None, 0, 0)
    steps = _times(problem)
    checks = limits.share(_CHECKS)
    best = Worst(None, problem.ceiling_s, problem.ceiling_s)
    low, high = 0, len(steps)  # those from `high` on can be had
    unknown = len(steps)  # from here on, nothing below was excluded
    while low < high:
        middle = (low + high) // 2
        found = within(problem, sizes, int(steps[middle]), checks.share(_CHECK))
        if found.is_open is not None:
            best = Worst(found.is_open, worst_of(problem, found.is_open), 0)
            high = int(np.searchsorted(steps, best.seconds))
            continue
        unknown = len(steps) if found.impossible else min(unknown, middle)
        low = middle + 1
    proved = min(unknown, high)
    bound = int(steps[proved]) if proved < len(steps) else problem.ceiling_s
    return Worst(best.is_open, best.seconds, min(bound, best.seconds))


def openings_needed(problem: Problem, sizes: Sizes, limit_s: int, limits: Limits) -> int | None:
    """How few openings leave nobody farther than a limit; None when not even every candidate does."""
    low, high = sizes.opened, sizes.candidates + 1
    while low < high:
        middle = (low + high) // 2
        if within(problem, sizes._replace(opened=middle), limit_s, limits).is_open is None:
            low = middle + 1
        else:
            high = middle
    return low if low <= sizes.candidates else None


def _times(problem: Problem) -> Ints:
    """Every time that may be the worst, below the ceiling, sorted: from what the farthest has with every place."""
    least = np.max(problem.best_s[problem.within_reach])
    base = problem.base_s[problem.within_reach]
    every = np.unique(np.concatenate([base[np.isfinite(base)], problem.pairs.seconds]))
    return every[(every >= least) & (every < problem.ceiling_s)].astype(np.int32)
