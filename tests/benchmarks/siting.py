"""Siting in generated départements: what is proved, in how long; and against spopt, where it is installed (`bench`).

spopt solves the same model with HiGHS through PuLP: all places to choose, no counter fixed, sizes it can hold.
"""

import time
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from assets.scenarios.siting.exact import Limits
from assets.scenarios.siting.problem import Problem
from assets.scenarios.siting.solve import Ask, solve
from assets.scenarios.siting_settings import settings
from assets.tension.pairs import Pairs
from tests.benchmarks.measure import row

_TOWNS, _SIDE_M, _S_PER_M = 60, 90_000, 1.3 / 45 * 3.6
#: Origins, candidates, counters of today.
_SIZES = ((1_000, 300, 15), (5_000, 1_500, 40), (20_000, 1_500, 60))
_THRESHOLD_S = 900


def main() -> None:
    """Print what each objective takes, then the peer."""
    row("origins × candidates", "opened, closed", "objective", "seconds", "gap (%)", "proved", "method")
    row("---:", "---:", "---", "---:", "---:", "---", "---")
    _compile()
    for origins, candidates, counters in _SIZES:
        for closed in (0, 5):
            problem = generated(origins, candidates, counters, closable=closed > 0)
            for opened in (5, 20):
                for ask in (
                    Ask("p-median", opened, closed),
                    Ask("couverture", opened, closed, _THRESHOLD_S),
                    Ask("pire-temps", opened, closed),
                ):
                    found = solve(problem, ask, _limits())
                    size, number = f"{origins:,} × {candidates:,}", f"{opened}, {closed}"
                    proved = "yes" if found.proven else "no"
                    row(size, number, ask.objective, found.seconds, 100 * found.gap, proved, found.method)
    if find_spec("spopt") is not None:
        print()
        _peer()


def generated(origins: int, candidates: int, counters: int, *, closable: bool, seed: int = 1) -> Problem:
    """A square of 90 km with sixty towns: half of people and two places in five near one, counters in towns."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform(0, _SIDE_M, (_TOWNS, 2))

    def spread(number: int, share: float, metres: float) -> np.ndarray:
        near = towns[rng.integers(0, _TOWNS, number)] + rng.normal(0, metres, (number, 2))
        return np.where(rng.random(number)[:, None] < share, near, rng.uniform(0, _SIDE_M, (number, 2)))

    homes, places = spread(origins, 0.5, 3_000), spread(candidates, 0.4, 2_500)
    today = towns[rng.choice(_TOWNS, counters, replace=False)]
    weights = np.round(rng.lognormal(3, 1.3, origins), 1)
    to_today = _seconds(homes, today)
    times = np.hstack([_seconds(homes, places), to_today]) if closable else _seconds(homes, places)
    base = np.full(origins, np.inf) if closable else to_today.min(axis=1).astype(np.float64)
    place, origin = (a.astype(np.int32) for a in np.nonzero(to_today.max() >= times.T))
    pairs = Pairs(origin, place, times[origin, place], origins, times.shape[1])
    return Problem(weights, base, pairs, candidates, settings().ceiling_s)


def _peer() -> None:
    """p-median and cover with every counter to choose, ours beside spopt's."""
    import pulp
    from spopt.locate import MCLP, PMedian

    row("origins × candidates, opened", "objective", "ours (s)", "spopt (s)", "ratio", "same value")
    row("---:", "---", "---:", "---:", "---:", "---")
    solver = pulp.HiGHS(msg=False, timeLimit=600)
    for origins, candidates, opened in ((200, 50, 5), (500, 150, 5), (1_000, 300, 10)):
        one = generated(origins, candidates, 15, closable=False)
        one = replace(one, base_s=np.full(origins, np.inf))
        times = np.full((origins, candidates), float(one.ceiling_s))
        times[one.pairs.origin, one.pairs.counter] = one.pairs.seconds
        for ask in (Ask("p-median", opened), Ask("couverture", opened, 0, _THRESHOLD_S)):
            mine = solve(one, ask, _limits())
            started = time.perf_counter()
            if ask.threshold_s is None:
                peer = PMedian.from_cost_matrix(times, one.weights, p_facilities=opened).solve(solver)
            else:
                peer = MCLP.from_cost_matrix(times, one.weights, ask.threshold_s, p_facilities=opened).solve(solver)
            seconds, value = time.perf_counter() - started, peer.problem.objective.value()
            same = "yes" if np.isclose(mine.value, value, rtol=1e-6) else f"no ({mine.value:g}, {value:g})"
            name = f"{origins:,} × {candidates:,}, {opened}"
            row(name, ask.objective, mine.seconds, seconds, seconds / mine.seconds, same)


def _compile() -> None:
    """Kernels are compiled once, before anything is timed."""
    solve(generated(50, 20, 5, closable=True), Ask("p-median", 2, 1), _limits())


def _limits() -> Limits:
    return Limits(settings().secondes, settings().ensembles_max)


def _seconds(homes: np.ndarray, places: np.ndarray) -> np.ndarray:
    gap = homes[:, None, :] - places[None, :, :]
    return np.rint(np.hypot(gap[..., 0], gap[..., 1]) * _S_PER_M).astype(np.int32)
