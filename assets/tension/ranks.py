"""From a component to a rank: winsorising, orientation, percentile ranks weighted by people (METHODS 4.5, step 2).

What is ranked, and how ranks are put together, belongs to `index`.
"""

import numpy as np
import numpy.typing as npt

from assets.tension.pairs import Floats

Codes = npt.NDArray[np.integer]


def winsorise(values: Floats, people: Floats, low: float, high: float) -> Floats:
    """Bring values beyond two quantiles back to them. Quantiles are of people: the least value not below that share.

    Args:
        values: (n,) NaN stays NaN.
        people: (n,) weights, 0 or more; NaN weighs nothing.
        low, high: shares of people, 0 to 1.
    """
    order, cumulated = _sorted(values, people)
    if not len(order) or not cumulated[-1] > 0:
        return values
    # A share is reached to within rounding: ten tenths are one.
    targets = np.array([low, high]) * cumulated[-1] * (1 - 1e-12)
    bounds = values[order][np.minimum(np.searchsorted(cumulated, targets), len(order) - 1)]
    return np.asarray(np.clip(values, *bounds))


def percentile_ranks(values: Floats, people: Floats) -> Floats:
    """Share of people whose value is less, those of the same value counted half: 0 to 1, 0.5 when all are equal.

    Args:
        values, people: as in `winsorise`. NaN values have no rank, and nobody has one where nobody is counted.
    """
    ranks = np.full(len(values), np.nan)
    order, cumulated = _sorted(values, people)
    if not len(order) or not cumulated[-1] > 0:
        return ranks
    _, first, size = np.unique(values[order], return_index=True, return_counts=True)
    below = np.where(first > 0, cumulated[first - 1], 0.0)
    middle = (below + cumulated[first + size - 1]) / 2
    ranks[order] = np.repeat(middle, size) / cumulated[-1]
    return ranks


def oriented_ranks(
    values: Floats, people: Floats, classes: Codes, *, more_is_worse: bool, bounds: tuple[float, float]
) -> Floats:
    """Ranks from the best (0) to the worst (1) within each class: winsorised, oriented, ranked.

    Args:
        values, people: as in `winsorise`.
        classes: (n,) number of the class of each; negative: no class, no rank.
        bounds: shares of people of `winsorise`.
    """
    oriented = values if more_is_worse else -values
    ranks = np.full(len(values), np.nan)
    for code in np.unique(classes[classes >= 0]):
        mine = classes == code
        ranks[mine] = percentile_ranks(winsorise(oriented[mine], people[mine], *bounds), people[mine])
    return ranks


def _sorted(values: Floats, people: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Rows of the known values in increasing order, and people up to each."""
    order = np.argsort(values, kind="stable")[: int((~np.isnan(values)).sum())]
    return order, np.cumsum(np.nan_to_num(people[order]))
