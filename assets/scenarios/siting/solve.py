"""Where to open and what to close, for an objective: what it is in terms of gains, and what is said of the result.

The search is `search`'s, the least worst time `worst`'s.
"""

import math
import time
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from assets.scenarios.siting.exact import Limits
from assets.scenarios.siting.gains import Sizes
from assets.scenarios.siting.problem import Problem
from assets.scenarios.siting.search import Found, search
from assets.scenarios.siting.worst import least_worst, openings_needed
from assets.tension.pairs import Bools, Floats, Ints
from pipeline.foundations.errors import CspError, WrongUse

Objective = Literal["p-median", "couverture", "pire-temps"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
BISECTION = "optimal : dichotomie sur les temps"


@dataclass(frozen=True)
class Ask:
    """What is wanted.

    Attributes:
        objective: `p-median`: the least time for all people together; `couverture`: the most people within
            `threshold_s`; `pire-temps`: the least worst time, then the least time for all.
        opened: candidates opened at most. closed: counters closed, no fewer.
        worst_s: nobody within reach is left farther.
    """

    objective: Objective
    opened: int
    closed: int = 0
    threshold_s: int | None = None
    worst_s: int | None = None


@dataclass(frozen=True)
class Solution:
    """The best choice found.

    Attributes:
        opened: rows of the candidates opened, in order; fewer than asked when no other brings anything.
        closed: rows of the counters closed, among the closable ones.
        value: of the objective: person-seconds (`p-median`), people (`couverture`), seconds (`pire-temps`).
        before: the same, today.
        bound: nothing does better.
        gap: how far the bound is, as a share of the value; 0 for 0.
        proven: nothing does better, but for rounding.
        seconds: it took. method: how, in French.
    """

    opened: Ints
    closed: Ints
    value: float
    before: float
    bound: float
    gap: float
    proven: bool
    seconds: float
    method: str

    def is_open(self, problem: Problem) -> Bools:
        """Places open (f,)."""
        places = problem.untouched.copy()
        places[self.opened] = True
        places[problem.candidates + self.closed] = False
        return places


class Impossible(WrongUse):
    """No choice leaves nobody farther than the worst time asked."""


def solve(problem: Problem, ask: Ask, limits: Limits, start: Solution | None = None) -> Solution:
    """The best choice for what is asked.

    Args:
        start: a choice to start from, of no more openings and closings.

    Raises:
        Impossible: no choice leaves nobody farther than the worst time asked; the least there is is said.
        CspError: none was found in the time allowed.
        WrongUse: more openings or closings than there are places, or a time at or beyond the ceiling.
    """
    found = attempt(problem, ask, limits, start)
    if isinstance(found, Solution):
        return found
    sizes = Sizes(problem.candidates, problem.places, ask.opened, ask.closed)
    raise _impossible(problem.closing(ask.closed), sizes, ask.worst_s or problem.ceiling_s, limits, found)


def attempt(problem: Problem, ask: Ask, limits: Limits, start: Solution | None = None) -> Solution | Found:
    """As `solve`; what was found of it where no choice was, and no time spent on telling why."""
    started = time.perf_counter()
    _check(problem, ask)
    shorter = problem.closing(ask.closed)
    sizes = Sizes(problem.candidates, problem.places, ask.opened, ask.closed)
    starts = [] if start is None else [start.is_open(problem)]
    limit, worst = ask.worst_s or problem.ceiling_s, None
    if ask.objective == "pire-temps":
        worst = least_worst(shorter, sizes, limits)
        limit = worst.seconds
        starts += [] if worst.is_open is None else [worst.is_open]
    gains = shorter.time_gains() if ask.threshold_s is None else shorter.cover_gains(ask.threshold_s)
    found = search(gains, shorter.cover_sets(limit), sizes, limits, starts)
    if found.is_open is None:
        return found
    value = _measure(problem, ask, problem.seconds(found.is_open))
    if worst is not None:
        proven, bound = worst.seconds <= worst.bound, float(worst.bound)
        method = BISECTION if proven else f"{BISECTION}, inachevée"
    else:
        sign = 1 if ask.objective == "couverture" else -1
        bound = _measure(shorter, ask, shorter.base_s) + sign * found.bound
        proven, method = found.proven, found.method
    return Solution(
        opened=np.flatnonzero(found.is_open[: problem.candidates]).astype(np.int32),
        closed=np.flatnonzero(~found.is_open[problem.candidates :]).astype(np.int32),
        value=value,
        before=_measure(problem, ask, problem.seconds(problem.untouched)),
        bound=bound,
        gap=abs(value - bound) / value if value else abs(bound),
        proven=proven,
        seconds=time.perf_counter() - started,
        method=method,
    )


def _measure(problem: Problem, ask: Ask, seconds: Floats) -> float:
    """The objective, for times (n,)."""
    if ask.objective == "p-median":
        return float(problem.people @ problem.clipped(seconds))
    if ask.threshold_s is not None:
        return float(problem.people[seconds <= ask.threshold_s].sum())
    return float(np.max(problem.clipped(seconds)[problem.within_reach], initial=0))


def _check(problem: Problem, ask: Ask) -> None:
    for asked, most, what in (
        (ask.opened, problem.candidates, "candidates"),
        (ask.closed, problem.closable, "counters that may close"),
    ):
        if not 0 <= asked <= most:
            raise _wrong(f"between 0 and {most} of the {what}", str(asked), "ask for fewer, or list other places")
    if (ask.objective == "couverture") != (ask.threshold_s is not None):
        raise _wrong("a threshold with `couverture`, and only there", str(ask.threshold_s), "give it, or leave it out")
    if ask.objective == "pire-temps" and ask.worst_s is not None:
        raise _wrong("no worst time asked: it is the objective", minutes(ask.worst_s), "leave it out")
    for seconds in (ask.threshold_s, ask.worst_s):
        if seconds is not None and not 0 < seconds < problem.ceiling_s:
            raise _wrong(f"a time below the ceiling, {minutes(problem.ceiling_s)}", minutes(seconds), "give less")


def _impossible(problem: Problem, sizes: Sizes, limit: int, limits: Limits, found: Found) -> CspError:
    asked = f"nobody farther than {minutes(limit)}, with {sizes.opened} openings and {sizes.closed} closings"
    if not found.impossible:
        return CspError(
            "siting",
            expected=asked,
            found="none, in the time allowed",
            remedy="allow more time, or more openings",
        )
    least = least_worst(problem, sizes, limits)
    needed = openings_needed(problem, sizes, limit, limits)
    enough = f"{needed} openings are enough" if needed else "not even every candidate is enough"
    return Impossible(
        "siting",
        expected=asked,
        found=f"{minutes(least.seconds)} at best; {enough}",
        remedy=f"ask for {minutes(least.seconds)} or more" + (f", or for {needed} openings" if needed else ""),
    )


def minutes(seconds: float) -> str:
    """In words, rounded up: what is asked next must be possible."""
    return f"{math.ceil(seconds / 6) / 10:g} min"


def _wrong(expected: str, found: str, remedy: str) -> WrongUse:
    return WrongUse("siting", expected=expected, found=found, remedy=remedy)
