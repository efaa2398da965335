"""The atlas of marginal value: what closing each counter would cost, what opening one in each commune would gain.

From times alone: those to the two nearest counters say everything of a closing (the others keep their users), and those
to the place of an opening everything of an opening. Where the times come from is `atlas_stage`'s business.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numba import njit

from assets.tension.pairs import Floats, Ints


def closings(
    nearest: Ints,
    first_s: Floats,
    second: Ints,
    second_s: Floats,
    people: Floats,
    counters: int,
    thresholds_min: Sequence[int],
) -> pl.DataFrame:
    """What closing each counter of a typology would cost, one row per counter.

    Columns: `usagers` (people whose nearest it is), `personnes_minutes` (minutes their trips would grow by),
    `sans_alternative` (those who would have no way to any other), `pousses_au_dela_<m>_min`, `temps_suivant_min` (mean
    time to their next nearest; null without any), `suivant` (row of the counter most of them would go to, -1 without).

    Args:
        nearest, second: (n,) rows of the two nearest counters, -1 without.
        first_s, second_s: (n,) seconds to them, inf without a way.
        people: (n,) NaN weighs nothing.
    """
    users = np.flatnonzero(nearest >= 0)
    mine, weight = nearest[users], np.nan_to_num(people[users])
    t1, t2 = first_s[users], second_s[users]
    other = np.isfinite(t2)
    grown = np.where(other, t2 - t1, 0.0)

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(mine, weights=values, minlength=counters), dtype=np.float64)

    with_other = total(weight * other)
    mean = np.divide(
        total(weight * np.where(other, t2, 0.0)) / 60, with_other, out=np.full(counters, np.nan), where=with_other > 0
    )
    frame = pl.DataFrame(
        {
            "usagers": total(weight),
            "personnes_minutes": total(weight * grown) / 60,
            "sans_alternative": total(weight * ~other),
            **{f"pousses_au_dela_{m}_min": total(weight * ((t1 <= 60 * m) & ~(t2 <= 60 * m))) for m in thresholds_min},
            "temps_suivant_min": mean,
            "suivant": _most(mine, second[users], weight, counters),
        }
    )
    return frame.with_columns(pl.col("temps_suivant_min").fill_nan(None))


def openings(
    pairs: Iterable[tuple[Ints, Ints, Ints]], times: Floats, people: Floats, places: int, thresholds_min: Sequence[int]
) -> tuple[Floats, Floats, Floats]:
    """What opening one counter of each of t typologies at each of p places would gain.

    Args:
        pairs: (place, origin, seconds) arrays, part by part; origins farther from a place than its last pair gain
            nothing from it.
        times: (t, n) seconds to the nearest today; inf without a way, NaN where unknown (nothing is counted).
        people: (n,) NaN weighs nothing.
        thresholds_min: minutes of the counts.

    Returns:
        Person-minutes gained, (p, t), of people who have a way today; people brought nearer, (p, t), those who have no
        way today included; people brought within each threshold, (p, t, thresholds).
    """
    weight = np.nan_to_num(people)
    today = np.ascontiguousarray(times.T)  # an origin's times are read together
    limits = np.array(thresholds_min, dtype=np.float64) * 60
    gained = np.zeros((places, times.shape[0]))
    nearer = np.zeros_like(gained)
    within = np.zeros((*gained.shape, len(limits)))
    for place, origin, seconds in pairs:
        _add(place, origin, seconds, today, weight, limits, gained, nearer, within)
    return gained / 60, nearer, within


@njit(cache=True, nogil=True)
def _add(place, origin, seconds, today, weight, limits, gained, nearer, within):  # type: ignore[no-untyped-def]
    for k in range(len(place)):
        i, p, s = origin[k], place[k], seconds[k]
        w = weight[i]
        if w == 0:
            continue
        for t in range(today.shape[1]):
            now = today[i, t]
            if now > s:  # never true of what is unknown
                nearer[p, t] += w
                if now != np.inf:
                    gained[p, t] += w * (now - s)
                for m in range(len(limits)):
                    if s <= limits[m] and now > limits[m]:
                        within[p, t, m] += w


def _most(mine: Ints, other: Ints, weight: Floats, counters: int) -> Ints:
    """The other counter that most people of each counter would go to; -1 without any, the first row among equals."""
    votes = (
        pl.DataFrame({"c": mine, "o": other, "w": weight})
        .filter(pl.col("o") >= 0)
        .group_by("c", "o")
        .agg(pl.col("w").sum())
        .sort("c", "w", "o", descending=[False, True, False])
        .unique("c", keep="first", maintain_order=True)
    )
    chosen = np.full(counters, -1, dtype=np.int32)
    chosen[votes["c"].to_numpy()] = votes["o"].to_numpy()
    return chosen
