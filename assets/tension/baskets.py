"""Service baskets (METHODS 4.4): how long, how complete, what is missing, and how much is in one place.

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
import polars as pl
from numba import njit
from pydantic import Field, model_validator

from assets.referentiel.typology import typologies
from assets.tension.config import Strict, load
from assets.tension.decay import Minutes, seconds
from assets.tension.pairs import Bools, Floats, Pairs
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

    A share λ of a service's errands can be done where the nearest of it and its substitutes is, the rest only at its own
    counters: its time is λ min(T_s, T_sub) + (1 − λ) T_s, its credit follows. A typology that no origin has a known or
    infinite time to has no counter: it is left out and named; as a substitute it does not count.

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
    weighty = weights > 0
    share = weights[weighty] / weights.sum()
    unknown = np.isnan(seconds_to[:, weighty]).any(axis=1)
    worst = seconds_to[:, weighty].max(axis=1)
    rank = np.flatnonzero(weighty)[np.argmax(np.nan_to_num(seconds_to[:, weighty], posinf=np.inf), axis=1)]
    return Score(
        services=kept,
        without_counter=tuple(s.typologie for s in basket.services if s.typologie not in held),
        times=seconds_to,
        credit=credit,
        time=seconds_to[:, weighty] @ share,
        worst=worst,
        worst_service=np.where(unknown, -1, rank),
        coverage=credit[:, weighty] @ share,
    )


def _with_substitutes(service: Service, times: Mapping[str, Floats], held: set[str]) -> tuple[Floats, Floats]:
    """Time to a service, and the share of its errands done in time, (n,) both."""
    own = times[service.typologie]
    nearest = np.fmin.reduce([own, *(times[t] for t in service.substituts if t in held)])
    limit = seconds(service.seuil_min)
    late = np.where(np.isinf(own) & (service.part < 1), np.inf, own)
    mixed = np.where(
        service.part < 1, service.part * _finite(nearest) + (1 - service.part) * _finite(own), _finite(nearest)
    )
    time = np.where(np.isinf(late) & (service.part < 1), np.inf, mixed)
    credit = service.part * (nearest <= limit) + (1 - service.part) * (own <= limit)
    unknown = np.isnan(own)
    return np.where(unknown, np.nan, time), np.where(unknown, np.nan, credit)
