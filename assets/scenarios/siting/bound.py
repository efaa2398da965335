"""What no choice can exceed: Lagrangian relaxation by subgradient, and the places it proves useless or indispensable.

Rows pay for every place worth more than their price (that is what is relaxed: a row is served once); places are then
chosen one by one, best first (Cornuéjols, Fisher, Nemhauser 1977). Searching for a choice belongs to `greedy`, `exact`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from assets.scenarios.siting.gains import Gains, Sizes
from assets.scenarios.siting.greedy import state, swapped
from assets.tension.pairs import Bools, Floats

_ROUNDS = 1500
#: Gains looked at in all: very large problems get fewer rounds.
_LOOKS = 3_000_000_000
#: Places left undecided that are better left to integer programming.
_FEW = 30
#: The direction keeps this share of the one before: without it prices swing from side to side.
_MOMENTUM = 0.85
#: Rounds without a better bound before steps get shorter, by how much, and until when.
_PATIENCE, _SHORTER, _SHORTEST_STEP = 30, 0.8, 0.02
#: A bound is better by so many times the slack.
_BETTER = 100


class Bounded(NamedTuple):
    """What was proved.

    Attributes:
        bound: no choice has a greater total.
        is_open: the best choice met on the way: the one given, or a better one.
        total: its total.
        never, always: (f,) places that any better choice of these very sizes leaves closed, or has open.
    """

    bound: float
    is_open: Bools
    total: float
    never: Bools
    always: Bools


def bounded(gains: Gains, sizes: Sizes, is_open: Bools, slack: float, musts: int) -> Bounded:
    """Bound the total of every choice of these sizes.

    Args:
        is_open: a choice to beat, with as many.
        slack: better by no more than this is no better.
        musts: so many of the first rows must be served: a choice that leaves one is of no interest.
    """
    prices = _first_prices(gains, is_open)
    prices[:musts] = gains.gain[gains.first[:musts]]  # as if they did not constrain
    aim = float(prices[:musts].sum()) if musts else -np.inf
    bound, total, is_open = gains.total(np.ones_like(is_open)), gains.total(is_open), is_open.copy()
    never, always = np.zeros((2, gains.places), dtype=np.bool_)
    step, since, direction = 1.0, 0, np.zeros(gains.rows)
    for _ in range(min(_ROUNDS, _LOOKS // max(len(gains.row), 1))):
        chosen, here, margin = _choose(_values(gains, prices), sizes)
        here += float(prices.sum())
        since = 0 if here < bound - _BETTER * slack else since + 1
        bound = min(bound, here)
        if since == 0 and gains.total(chosen) > total + slack:
            is_open = swapped(gains, sizes, chosen, slack)
            total = gains.total(is_open)
        # Each round proves something of its own: with a place the other way round, its bound falls by the margin.
        least = max(total + slack, aim - slack)
        hopeless = here - margin <= least
        never |= hopeless & ~chosen
        always |= hopeless & chosen
        if bound <= least or np.count_nonzero(~never & ~always) <= _FEW:
            break
        if since >= _PATIENCE:
            step, since = step * _SHORTER, 0
        lack = 1.0 - _served(gains, prices, chosen)
        direction = np.where((prices <= 0) & (lack > 0), 0.0, lack) + _MOMENTUM * direction
        norm = float(direction @ direction)
        if norm == 0 or step < _SHORTEST_STEP:
            break
        prices = np.maximum(prices - step * (here - least) / norm * direction, 0.0)
    return Bounded(bound, is_open, total, never, always)


def _choose(value: Floats, sizes: Sizes) -> tuple[Bools, float, Floats]:
    """The places of greatest value of each kind, the sum of their values, and how far each is from the other side."""
    chosen = np.zeros(len(value), dtype=np.bool_)
    margin = np.zeros(len(value))
    c = sizes.candidates
    for start, end, number in ((0, c, sizes.opened), (c, sizes.places, sizes.kept)):
        own = value[start:end]
        order = np.argsort(-own, kind="stable")
        chosen[start + order[:number]] = True
        inside = own[order[number - 1]] if number else np.inf
        outside = own[order[number]] if number < len(own) else -np.inf
        margin[start:end] = np.where(chosen[start:end], own - outside, inside - own)
    return chosen, float(value[chosen].sum()), margin


@njit(cache=True, nogil=True)
def _first_prices(gains, is_open):  # type: ignore[no-untyped-def]
    """Between what each row takes from a choice and what it would take next: where the best prices are."""
    best, second, _ = state(gains, is_open)
    return (best + second) / 2


@njit(cache=True, nogil=True)
def _values(gains, prices):  # type: ignore[no-untyped-def]
    """What each place brings above the prices."""
    value = np.zeros(len(gains.start) - 1)
    for j in range(len(value)):
        for k in range(gains.start[j], gains.start[j + 1]):
            value[j] += max(gains.worth[k] - prices[gains.row[k]], 0.0)
    return value


@njit(cache=True, nogil=True)
def _served(gains, prices, chosen):  # type: ignore[no-untyped-def]
    """How many of the chosen places each row pays for."""
    served = np.zeros(len(prices))
    for j in range(len(chosen)):
        if chosen[j]:
            for k in range(gains.start[j], gains.start[j + 1]):
                if gains.worth[k] > prices[gains.row[k]]:
                    served[gains.row[k]] += 1
    return served
