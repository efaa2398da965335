"""How much a counter counts as it gets farther: decays f(t), from 1 at the door, tabulated on whole seconds.

Definitions of METHODS 4.1 (decays) and 4.3 (steps of E2SFCA and APL). Every decay ends: beyond its last minute it is 0,
and a threshold is reached with ≤. What is summed with these weights is the business of `catchments`.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from assets.tension.pairs import Floats
from pipeline.foundations.declared import Strict

Minutes = Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)]


def seconds(minutes: float) -> int:
    """The last whole second of so many minutes: a threshold is kept with ≤ in whole seconds."""
    return int(minutes * 60 + 1e-6)


class _Ending(Strict):
    """A decay cut after `seuil_min` minutes."""

    seuil_min: Minutes

    @property
    def last_min(self) -> float:
        """The last minute at which it is not 0 by definition."""
        return self.seuil_min

    def table(self) -> Floats:
        """f at each whole second from 0 to the last, (seconds + 1,)."""
        return self._at(np.arange(seconds(self.last_min) + 1) / 60)

    def _at(self, minutes: Floats) -> Floats:
        raise NotImplementedError


class Step(_Ending):
    """1 up to the threshold."""

    forme: Literal["seuil"]

    def _at(self, minutes: Floats) -> Floats:
        return np.ones_like(minutes)


class Linear(_Ending):
    """1 − t/θ."""

    forme: Literal["lineaire"]

    def _at(self, minutes: Floats) -> Floats:
        return 1 - minutes / self.seuil_min


class Exponential(_Ending):
    """e^(−βt), β per minute."""

    forme: Literal["exponentielle"]
    beta_par_min: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def _at(self, minutes: Floats) -> Floats:
        return np.asarray(np.exp(-self.beta_par_min * minutes))


class Gaussian(_Ending):
    """e^(−t²/2σ²), σ in minutes."""

    forme: Literal["gaussienne"]
    sigma_min: Minutes

    def _at(self, minutes: Floats) -> Floats:
        return np.asarray(np.exp(-((minutes / self.sigma_min) ** 2) / 2))


class Logistic(_Ending):
    """Cumulative logistic of that median and standard deviation, adjusted so that f(0) = 1 (Bauer & Groneberg 2016)."""

    forme: Literal["logistique"]
    mediane_min: Minutes
    ecart_type_min: Minutes

    def _at(self, minutes: Floats) -> Floats:
        scale = self.ecart_type_min * np.sqrt(3) / np.pi
        # (1 + e^-m) / (1 + e^(t-m)), through logarithms: e^(t-m) overflows for a steep fall.
        falls = np.logaddexp(0, (minutes - self.mediane_min) / scale)
        return np.asarray(np.exp(np.logaddexp(0, -self.mediane_min / scale) - falls))


class Level(Strict):
    """One step of a stepped decay: its weight, up to so many minutes."""

    jusqu_a_min: Minutes
    poids: Annotated[float, Field(gt=0, le=1)]


def _in_order(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    ends, weights = [p.jusqu_a_min for p in levels], [p.poids for p in levels]
    if ends != sorted(set(ends)) or weights != sorted(weights, reverse=True):
        raise ValueError("steps go farther and farther, and weigh less and less")
    if weights[0] != 1:
        raise ValueError("the first step weighs 1")
    return levels


class Stepped(Strict):
    """Weights by zone: E2SFCA (Luo & Qi 2009), steps of APL (Vergier & Chaput 2017)."""

    forme: Literal["paliers"]
    paliers: Annotated[tuple[Level, ...], Field(min_length=1), AfterValidator(_in_order)]

    @property
    def last_min(self) -> float:
        """The last minute at which it is not 0."""
        return self.paliers[-1].jusqu_a_min

    def table(self) -> Floats:
        """f at each whole second from 0 to the last, (seconds + 1,)."""
        ends = np.array([seconds(level.jusqu_a_min) for level in self.paliers])
        return np.repeat([level.poids for level in self.paliers], np.diff(ends, prepend=-1)).astype(np.float64)


Decay = Annotated[
    Step | Linear | Exponential | Gaussian | Logistic | Stepped,
    Field(discriminator="forme"),
]
