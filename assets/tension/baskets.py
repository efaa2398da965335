"""Service baskets (METHODS 4.4) seen from origins: how long, how complete, what is missing, how much is in one place.

From the time of each origin to each typology, and for the last from pairs. Times are those of `access`; nothing here
knows roads or counters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field, model_validator

from assets.referentiel.typology import typologies
from assets.tension.decay import Minutes, seconds
from assets.tension.pairs import Bools, Floats, Pairs
from pipeline.foundations.declared import Strict, load
from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("paniers.yml")
#: Share of the basket from which it counts as almost full.
ALMOST_FULL = 0.8
_ROUNDING = 1e-9


class Service(Strict):
    """A typology of a basket. `part` (`lambda` in the file) is the share of errands its substitutes do as well."""

    typologie: str
    poids: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    seuil_min: Minutes
    substituts: tuple[str, ...] = ()
    part: Annotated[float, Field(ge=0, le=1)] = Field(default=0.5, alias="lambda")

    @property
    def typologies(self) -> tuple[str, ...]:
        """It and its substitutes."""
        return (self.typologie, *self.substituts)


class Basket(Strict):
    """What one must be able to reach."""

    code: str = Field(pattern=r"^[a-z0-9_]+$")
    titre: str
    seuil_un_lieu_min: Minutes
    services: tuple[Service, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [s.typologie for s in self.services]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.code}: a typology is there twice")
        if not sum(s.poids for s in self.services) > 0:
            raise ValueError(f"{self.code}: weights sum to zero")
        used = dict.fromkeys(t for s in self.services for t in s.typologies)
        if unknown := [t for t in used if t not in typologies().labels]:
            raise ValueError(f"{self.code}: {', '.join(unknown)} not in typologies.yml")
        if own := [s.typologie for s in self.services if s.typologie in s.substituts]:
            raise ValueError(f"{self.code}: {', '.join(own)} cannot stand for itself")
        return self


class Baskets(Strict):
    """`paniers.yml`."""

    paniers: tuple[Basket, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _once(self) -> Self:
        codes = [b.code for b in self.paniers]
        if len(set(codes)) != len(codes):
            raise ValueError("paniers: a code is there twice")
        return self


def load_baskets(path: Path = _FILE) -> Baskets:
    """Read and check the baskets.

    Raises:
        WrongUse: not YAML or not of this shape, an unknown typology, weights that sum to zero; every fault is listed.
    """
    return load(Baskets, path)


@cache
def baskets() -> Baskets:
    """The project's baskets."""
    return load_baskets()


@dataclass(frozen=True)
class Score:
    """A basket seen from n origins.

    Attributes:
        services: those scored, s of them; `without_counter` names those left out because nobody holds one anywhere.
        times: (n, s) seconds, substitutes counted in; inf: no way there; NaN: unknown.
        credit: (n, s) share of the service's errands done within its threshold: 1, λ (substitutes only) or 0; NaN.
        time: T_iB (n,), weighted mean of `times`; inf when there is no way to one of weight, NaN when one is unknown.
        worst: (n,) max of `times` over services of weight; NaN when one is unknown.
        worst_service: (n,) its row in `services`, the first among equals; -1 where `worst` is NaN.
        coverage: k_iB (n,), 0 to 1; NaN when a service is unknown.
    """

    services: tuple[Service, ...]
    without_counter: tuple[str, ...]
    times: Floats
    credit: Floats
    time: Floats
    worst: Floats
    worst_service: npt.NDArray[np.int64]
    coverage: Floats


def score(basket: Basket, times: Mapping[str, Floats]) -> Score:
    """Score a basket at each origin (METHODS 4.4).

    A share λ of a service's errands can be done where the nearest of it and its substitutes is, the rest only at its
    own counters: its time is λ min(T_s, T_sub) + (1 − λ) T_s, its credit follows. A typology whose times are all
    unknown has no counter: it is left out and named; as a substitute it does not count.

    Args:
        times: seconds to the nearest counter by typology, (n,) each: inf where no way leads to one, NaN where unknown.

    Raises:
        WrongUse: a typology of the basket is not in `times`, or times are negative or not of one length; no service of
            weight has a counter anywhere.
    """
    used = dict.fromkeys(t for s in basket.services for t in s.typologies)
    if missing := [t for t in used if t not in times]:
        raise _wrong(basket, "times to each of its typologies", f"none to {', '.join(missing)}", "compute them")
    if len({times[t].shape for t in used}) > 1:
        raise _wrong(basket, "times of the same origins", "arrays of several shapes", "compute them together")
    if negative := [t for t in used if np.any(times[t] < 0)]:
        raise _wrong(basket, "times of 0 or more", f"negative ones to {negative[0]}", "compute them again")
    held = {t for t in used if len(times[t]) == 0 or not np.isnan(times[t]).all()}
    kept = tuple(s for s in basket.services if s.typologie in held)
    weights = np.array([s.poids for s in kept])
    if not weights.sum() > 0:
        raise _wrong(basket, "a service of weight with a counter", "none", "read its feeds, or remove it")
    columns = [_with_substitutes(s, times, held) for s in kept]
    seconds_to = np.column_stack([t for t, _ in columns])
    credit = np.column_stack([c for _, c in columns])
    weighty = np.flatnonzero(weights)
    share = weights[weighty] / weights.sum()
    worst = seconds_to[:, weighty].max(axis=1)
    return Score(
        services=kept,
        without_counter=tuple(s.typologie for s in basket.services if s.typologie not in held),
        times=seconds_to,
        credit=credit,
        time=(seconds_to[:, weighty] * share).sum(axis=1),
        worst=worst,
        worst_service=np.where(np.isnan(worst), -1, weighty[np.argmax(seconds_to[:, weighty], axis=1)]),
        coverage=(credit[:, weighty] * share).sum(axis=1),
    )


def _with_substitutes(service: Service, times: Mapping[str, Floats], held: set[str]) -> tuple[Floats, Floats]:
    """Time to a service, and the share of its errands done in time, (n,) both. A substitute unknown does not count."""
    own = times[service.typologie]
    nearest = np.fmin.reduce([own, *(times[t] for t in service.substituts if t in held)])
    nearest = np.where(np.isnan(own), np.nan, nearest)
    time, credit = np.zeros_like(own), np.where(np.isnan(own), np.nan, 0.0)
    for part, reached in ((service.part, nearest), (1 - service.part, own)):
        if part > 0:  # no way there does not matter to whom nothing is left to do there
            time += part * reached
            credit += part * (reached <= seconds(service.seuil_min))
    return time, credit


def covers(basket_score: Score, share: float) -> Bools:
    """Whether at least a share of the basket is within its thresholds (n,); never where coverage is unknown."""
    return np.asarray(basket_score.coverage >= share - _ROUNDING)


def lacks(basket_score: Score, service: int) -> tuple[Bools, Bools]:
    """Whether a service is not in time at all (n,), and whether only a substitute is; neither where it is unknown.

    Args:
        service: its row in the services scored.
    """
    credit = basket_score.credit[:, service]
    return credit <= _ROUNDING, (credit > _ROUNDING) & (credit < 1 - _ROUNDING)


def reachable_in_one_place(
    basket: Basket, pairs: Pairs, places: npt.NDArray[np.integer], of_counters: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Most services of the basket that one place within its threshold gathers, for each origin (n,).

    max over places p of #{s at p : t_ip ≤ θ} (METHODS 4.4). A counter of another typology, even a substitute, counts
    for none; a place is as far as the counter of the basket that is nearest there.

    Args:
        places: (c,) number of the place of each counter.
        of_counters: (c,) typology of each counter.
    """
    wanted = {s.typologie: rank for rank, s in enumerate(basket.services)}
    service = np.array([wanted.get(t, -1) for t in of_counters], dtype=np.int64)
    if not len(places) == len(service) == pairs.counters:
        found = f"{len(places)} places and {len(service)} typologies for {pairs.counters} counters"
        raise _wrong(basket, "a place and a typology for each counter", found, "give them in the order of counters")
    _, place = np.unique(places, return_inverse=True)
    held = np.unique(np.column_stack([place, service])[service >= 0], axis=0)
    gathered = np.bincount(held[:, 0], minlength=int(place.max()) + 1 if len(place) else 0)[place]
    gathered[service < 0] = 0
    return np.asarray(
        _most(pairs.origin, pairs.counter, pairs.seconds, gathered, seconds(basket.seuil_un_lieu_min), pairs.origins)
    )


@njit(cache=True, nogil=True)
def _most(origin, counter, times, gathered, limit, size):  # type: ignore[no-untyped-def]
    """Greatest value of the counters within the limit."""
    most = np.zeros(size, dtype=np.int64)
    for p in range(len(origin)):
        if times[p] <= limit and gathered[counter[p]] > most[origin[p]]:
            most[origin[p]] = gathered[counter[p]]
    return most


def _wrong(basket: Basket, expected: str, found: str, remedy: str) -> WrongUse:
    return WrongUse(f"panier {basket.code}", expected=expected, found=found, remedy=remedy)
