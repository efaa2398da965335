"""Greedy choice, then best swaps (Teitz and Bart 1968), with the second best of each row at hand (Whitaker 1983).

Good choices in little time, with no promise: how far they are from the best is said by `bound`.
"""

import numpy as np
from numba import njit

from assets.scenarios.siting.gains import Gains, Sizes
from assets.tension.pairs import Bools


def greedy(gains: Gains, sizes: Sizes, start: Bools | None = None) -> Bools:
    """Open the best candidate, again and again; then close the counter that is missed least, again and again.

    Args:
        start: places open (f,), no more opened nor closed than asked; without it, as today.

    Returns:
        Places open (f,). Fewer are opened than asked when no other brings anything. The first place among equals.
    """
    is_open = np.arange(sizes.places) >= sizes.candidates if start is None else start.copy()
    _greedy(gains, sizes, is_open)
    return is_open


def swapped(gains: Gains, sizes: Sizes, is_open: Bools, slack: float) -> Bools:
    """Exchange an open place for a closed one of its kind, best first, until no exchange brings more than `slack`."""
    better = is_open.copy()
    _swap(gains, sizes.candidates, better, slack)
    return better


def first_of_equals(gains: Gains, sizes: Sizes, is_open: Bools, slack: float) -> Bools:
    """The same total with fewer places, and earlier ones: what brings nothing is not opened; of two candidates that
    bring the same the first is opened, of two counters that are missed as little the first is closed.
    """
    settled = is_open.copy()
    _settle(gains, sizes.candidates, settled, slack)
    return settled


@njit(cache=True, nogil=True)
def _two_best(gains, is_open, i, best, second, holder):  # type: ignore[no-untyped-def]
    best[i], second[i], holder[i] = 0.0, 0.0, -1
    for k in range(gains.first[i], gains.first[i + 1]):
        if is_open[gains.place[k]]:
            if holder[i] < 0:
                best[i], holder[i] = gains.gain[k], gains.place[k]
            else:
                second[i] = gains.gain[k]
                break


@njit(cache=True, nogil=True)
def state(gains, is_open):  # type: ignore[no-untyped-def]
    """Of each row: the greatest gain open, the next, and the place that brings the first."""
    rows = len(gains.first) - 1
    best, second, holder = np.zeros(rows), np.zeros(rows), np.full(rows, -1, np.int32)
    for i in range(rows):
        _two_best(gains, is_open, i, best, second, holder)
    return best, second, holder


@njit(cache=True, nogil=True)
def _update(gains, is_open, j, best, second, holder):  # type: ignore[no-untyped-def]
    """Bring the state of the rows of a place that opened or closed up to date."""
    for k in range(gains.start[j], gains.start[j + 1]):
        _two_best(gains, is_open, gains.row[k], best, second, holder)


@njit(cache=True, nogil=True)
def _losses(best, second, holder, places):  # type: ignore[no-untyped-def]
    """What would be lost were each place to close."""
    loss = np.zeros(places)
    for i in range(len(best)):
        if holder[i] >= 0:
            loss[holder[i]] += best[i] - second[i]
    return loss


@njit(cache=True, nogil=True)
def _added(gains, j, best):  # type: ignore[no-untyped-def]
    """What would be won were a place to open."""
    won = 0.0
    for k in range(gains.start[j], gains.start[j + 1]):
        won += max(gains.worth[k] - best[gains.row[k]], 0.0)
    return won


@njit(cache=True, nogil=True)
def _greedy(gains, sizes, is_open):  # type: ignore[no-untyped-def]
    best, second, holder = state(gains, is_open)
    for _ in range(sizes.opened - is_open[: sizes.candidates].sum()):
        chosen, most = -1, 0.0
        for j in range(sizes.candidates):
            if not is_open[j]:
                won = _added(gains, j, best)
                if won > most:
                    chosen, most = j, won
        if chosen < 0:
            break
        is_open[chosen] = True
        _update(gains, is_open, chosen, best, second, holder)
    for _ in range(sizes.closed - (~is_open[sizes.candidates :]).sum()):
        loss = _losses(best, second, holder, len(is_open))
        chosen = -1
        for j in range(sizes.candidates, sizes.places):
            if is_open[j] and (chosen < 0 or loss[j] < loss[chosen]):
                chosen = j
        is_open[chosen] = False
        _update(gains, is_open, chosen, best, second, holder)


@njit(cache=True, nogil=True)
def _swap(gains, candidates, is_open, slack):  # type: ignore[no-untyped-def]
    places = len(is_open)
    best, second, holder = state(gains, is_open)
    kept = np.zeros(places)  # of what a place would lose, what the one that opens keeps
    while True:
        loss = _losses(best, second, holder, places)
        most, gone, come = slack, -1, -1
        for j in range(places):
            if is_open[j]:
                continue
            low, high = (0, candidates) if j < candidates else (candidates, places)
            won = 0.0
            for k in range(gains.start[j], gains.start[j + 1]):
                i, g = gains.row[k], gains.worth[k]
                h = holder[i]
                if g > best[i]:
                    won += g - best[i]
                if h >= 0 and g > second[i]:
                    kept[h] += min(g, best[i]) - second[i]
            for r in range(low, high):
                if is_open[r] and won - loss[r] + kept[r] > most:
                    most, gone, come = won - loss[r] + kept[r], r, j
            for k in range(gains.start[j], gains.start[j + 1]):
                if holder[gains.row[k]] >= 0:
                    kept[holder[gains.row[k]]] = 0.0
        if gone < 0:
            break
        is_open[gone], is_open[come] = False, True
        _update(gains, is_open, gone, best, second, holder)
        _update(gains, is_open, come, best, second, holder)


@njit(cache=True, nogil=True)
def _settle(gains, candidates, is_open, slack):  # type: ignore[no-untyped-def]
    places = len(is_open)
    best, second, holder = state(gains, is_open)
    for chosen in range(candidates - 1, -1, -1):
        if not is_open[chosen]:
            continue
        missing = _losses(best, second, holder, places)[chosen] - slack
        is_open[chosen] = False
        _update(gains, is_open, chosen, best, second, holder)
        if missing <= 0:
            continue
        taken = 0
        while taken < chosen and (is_open[taken] or _added(gains, taken, best) < missing):
            taken += 1
        is_open[taken] = True
        _update(gains, is_open, taken, best, second, holder)
    for closed in range(places - 1, candidates - 1, -1):
        if is_open[closed]:
            continue
        least = _added(gains, closed, best) + slack
        is_open[closed] = True
        _update(gains, is_open, closed, best, second, holder)
        loss = _losses(best, second, holder, places)
        taken = candidates
        while taken < closed and not (is_open[taken] and loss[taken] <= least):
            taken += 1
        is_open[taken] = False
        _update(gains, is_open, taken, best, second, holder)
