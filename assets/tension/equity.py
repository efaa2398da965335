"""How unequal access is among people (METHODS 4.6): Gini, Palma, concentration, Theil, and FGT below a line.

Every measure is weighted by people, and leaves out the origins whose value or people are unknown: `known_share` says
how many people it stands on. Gini, Palma, concentration and Theil are measures of a *good* (minutes of counter,
coverage), FGT one of a time. NaN where nobody is known, or where there is nothing to share.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from assets.tension.pairs import Bools, Floats
from pipeline.foundations.errors import WrongUse

_RICHEST, _POOREST = 0.1, 0.4


def known_share(people: Floats, *values: Floats) -> float:
    """Share of the known people whose every value is known."""
    total = float(np.nansum(people))
    return float(people[_usable(people, *values)].sum()) / total if total > 0 else float("nan")


def gini(good: Floats, people: Floats) -> float:
    """Gini index of a good: 1 − Σ (y_k + y_{k−1}) P_k / ΣP, people sorted by what they have (0: equal, to 1).

    Args:
        good: (n,) 0 or more, NaN when unknown.
        people: (n,) weights, 0 or more, NaN when unknown.

    Raises:
        WrongUse: a negative or infinite good, or negative weights.
    """
    values, weights = _good(good, people)
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    owned = values * weights
    if not owned.sum() > 0:
        return float("nan")
    y = np.cumsum(owned) / owned.sum()
    return float(1 - np.sum((2 * y - owned / owned.sum()) * weights) / weights.sum())


def palma(good: Floats, income: Floats, people: Floats) -> float:
    """Mean good of the richest tenth of people over that of the poorest four tenths, by income.

    People of one income are shared alike on both sides of a bound that falls among them. NaN when the poorest have
    none.

    Args:
        good, people: as in `gini`.
        income: (n,) NaN when unknown.
    """
    values, weights, income = _good(good, people, income)
    blocks, owned = _blocks(values, weights, income)
    if not weights.sum() > 0:
        return float("nan")
    ends = np.cumsum(blocks) / blocks.sum()
    starts = ends - blocks / blocks.sum()
    poorest = np.clip(np.minimum(ends, _POOREST) - starts, 0, None) / (ends - starts)
    richest = np.clip(ends - np.maximum(starts, 1 - _RICHEST), 0, None) / (ends - starts)
    low = float((owned * poorest).sum()) / _POOREST
    return float((owned * richest).sum()) / _RICHEST / low if low > 0 else float("nan")


def concentration(good: Floats, income: Floats, people: Floats) -> float:
    """Concentration index of a good over income rank: 2 cov(a, r) / μ, −1 (all to the poorest) to 1 (to the richest).

    r is the share of people poorer, those of the same income counted half.

    Args:
        good, income, people: as in `palma`.
    """
    values, weights, income = _good(good, people, income)
    blocks, owned = _blocks(values, weights, income)
    total = owned.sum()
    if not total > 0:
        return float("nan")
    rank = (np.cumsum(blocks) - blocks / 2) / blocks.sum()
    return float(2 * np.sum(owned / total * rank) - 1)


def erreygers(good: Floats, income: Floats, people: Floats, bounds: tuple[float, float]) -> float:
    """Concentration index corrected by Erreygers (2009) for a good within bounds: 4 μ C / (b − a).

    Args:
        good, income, people: as in `palma`.
        bounds: a and b, the least and the most a person can have (0 and 100 for a percentage).

    Raises:
        WrongUse: a good outside the bounds.
    """
    low, high = bounds
    values, weights, _ = _good(good, people, income)
    if not 0 <= low < high or np.any((values < low) | (values > high)):
        raise _wrong("a good", f"values from {low:g} to {high:g}", "others", "give the bounds of that good")
    if not weights.sum() > 0:
        return float("nan")
    mean = float((values * weights).sum() / weights.sum())
    return 4 * mean * concentration(good, income, people) / (high - low)


def theil(good: Floats, people: Floats, groups: pl.Series) -> tuple[float, float]:
    """Theil index of a good, as the sum of its part between groups (EPCI) and its part within them.

    T = Σ (P_i / P) (a_i / μ) ln(a_i / μ), with 0 ln 0 = 0. Origins without a group are one group together.

    Args:
        good, people: as in `gini`.
        groups: (n,) any type.

    Returns:
        (between, within); both NaN when there is nothing to share.
    """
    values, weights = _good(good, people)
    total = (values * weights).sum()
    if not total > 0:
        return float("nan"), float("nan")
    usable = pl.Series(_usable(good, people))
    codes = groups.filter(usable).rank("dense").fill_null(0).to_numpy().astype(np.int64)
    sizes = np.bincount(codes, weights=weights)
    owned = np.bincount(codes, weights=values * weights)
    shares = owned / total
    mean = total / weights.sum()
    between = float(np.sum(shares * _log(np.divide(owned, sizes, out=np.zeros_like(owned), where=sizes > 0) / mean)))
    whole = float(np.sum(values * weights / total * _log(values / mean)))
    return between, whole - between


def fgt(seconds: Floats, people: Floats, line_min: float, alphas: Sequence[float], cap: float) -> list[float]:
    """Foster-Greer-Thorbecke indices of a time beyond a line: (1/ΣP) Σ_{T>z} P ((T − z) / z)^α, the gap capped.

    α = 0 is the share of people beyond the line, 1 adds how far, 2 weighs the farthest more. People no way leads from
    (inf) are beyond, at the cap. Within the line means ≤.

    Args:
        seconds: (n,) 0 or more, inf without a way, NaN when unknown.
        people: as in `gini`.
        line_min: z, minutes.
        cap: greatest gap.

    Raises:
        WrongUse: a negative time, negative weights, a line or a cap that is not more than 0.
    """
    if not (line_min > 0 and cap > 0):
        raise _wrong("FGT", "a line and a cap of more than 0", f"{line_min:g} and {cap:g}", "correct them")
    usable = _usable(people, seconds)
    times, weights = seconds[usable], people[usable]
    _refuse(weights, "people")
    if np.any(times < 0):
        raise _wrong("times", "0 or more", f"{times.min():g}", "compute them again")
    if not weights.sum() > 0:
        return [float("nan")] * len(alphas)
    line = line_min * 60
    beyond = times > line
    gaps = np.minimum((times[beyond] - line) / line, cap)
    return [float(np.sum(weights[beyond] * gaps**alpha) / weights.sum()) for alpha in alphas]


def _usable(*arrays: Floats) -> Bools:
    return np.asarray(~np.any([np.isnan(a) for a in arrays], axis=0))


def _good(good: Floats, people: Floats, *others: Floats) -> tuple[Floats, ...]:
    """What is known, checked: the good, the people, then the others."""
    usable = _usable(good, people, *others)
    kept = tuple(a[usable] for a in (good, people, *others))
    _refuse(kept[0], "a good")
    _refuse(kept[1], "people")
    return kept


def _refuse(values: Floats, name: str) -> None:
    if len(faults := values[(values < 0) | np.isinf(values)]):
        raise _wrong(name, "0 or more, NaN when unknown", f"{faults[0]:g}", "correct the table it comes from")


def _blocks(values: Floats, weights: Floats, income: Floats) -> tuple[Floats, Floats]:
    """People of each income and what they own together, from the poorest; incomes of nobody left out."""
    _, block = np.unique(income, return_inverse=True)
    people, owned = (np.bincount(block, weights=w).astype(np.float64) for w in (weights, values * weights))
    return people[people > 0], owned[people > 0]


def _log(ratio: Floats) -> Floats:
    """Logarithm, 0 for 0: it is multiplied by 0."""
    return np.asarray(np.log(ratio, out=np.zeros_like(ratio), where=ratio > 0))


def _wrong(subject: str, expected: str, found: str, remedy: str) -> WrongUse:
    return WrongUse(subject, expected=expected, found=found, remedy=remedy)
