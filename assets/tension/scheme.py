"""`tension.yml` as typed data: components of the tension index, their orientation, weights, thresholds and words."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from assets.referentiel.typology import typologies
from assets.tension.decay import Minutes
from assets.tension.pairs import Bools, Floats
from pipeline.foundations.declared import Strict, load

_FILE = Path(__file__).with_name("tension.yml")

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _in_order(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] >= pair[1]:
        raise ValueError("two shares in increasing order")
    return pair


def _fillable(text: str) -> str:
    left = re.sub(r"\{(?:service|seuil|valeur)\}", "", text)
    if "{" in left or "}" in left:
        raise ValueError(f"only {{valeur}}, {{service}} and {{seuil}} are replaced in: {text}")
    return text


Shares = Annotated[tuple[Share, Share], AfterValidator(_in_order)]
Text = Annotated[str, AfterValidator(_fillable)]


class Indicator(Strict):
    """A column, which end of it is the worst, and what is said of it."""

    colonne: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    pire: Literal["haut", "bas"]
    poids: Weight
    decimales: Annotated[int, Field(ge=0, le=3)]
    constat: Text
    fort: Text

    @model_validator(mode="after")
    def _valued(self) -> Self:
        if self.constat.count("{valeur}") != 1 or "{valeur}" in self.fort:
            raise ValueError(f"{self.colonne}: {{valeur}} once in `constat`, never in `fort`")
        return self


class Component(Strict):
    """One or more indicators of one thing."""

    code: str = Field(pattern=r"^[A-Z]$")
    titre: str
    cote: Literal["offre", "besoin"]
    poids: Weight
    indicateurs: tuple[Indicator, ...] = Field(min_length=1)


class Reference(Strict):
    """The service the index is about, with its article, and the threshold of its components."""

    typologie: str
    libelle: str
    seuil_min: Minutes

    def fill(self, text: str) -> str:
        """The text with the service and the threshold put in."""
        return text.replace("{service}", self.libelle).replace("{seuil}", f"{self.seuil_min:g}")


class Robustness(Strict):
    """How weights are drawn, and what is said of the places they give."""

    graine: Annotated[int, Field(ge=0)]
    tirages: Annotated[int, Field(ge=1, le=5000)]
    concentration: Weight
    quantiles: Shares
    vitesses: tuple[Annotated[float, Field(ge=0.5, le=2)], ...]
    probabilite_robuste: Share


class Scheme(Strict):
    """`tension.yml`."""

    reference: Reference
    winsorisation: Shares
    part_connue_min: Share
    seuil: Share
    marge_fragile: Share
    disparitions_mois: Annotated[int, Field(ge=1, le=120)]
    seuil_fort: Share
    robustesse: Robustness
    composantes: tuple[Component, ...]

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """Those of every component, in order."""
        return tuple(i for c in self.composantes for i in c.indicateurs)

    @property
    def weights(self) -> Floats:
        """Of the components."""
        return np.array([c.poids for c in self.composantes])

    @property
    def supply(self) -> Bools:
        """Which components are of supply; the others are of need."""
        return np.array([c.cote == "offre" for c in self.composantes])

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.reference.typologie not in typologies().labels:
            raise ValueError(f"reference: {self.reference.typologie} not in typologies.yml")
        if {c.cote for c in self.composantes} != {"offre", "besoin"}:
            raise ValueError("composantes: one at least on each side, offre and besoin")
        for names in ([c.code for c in self.composantes], [i.colonne for i in self.indicators]):
            if len(set(names)) != len(names):
                raise ValueError("composantes: a code or a column is there twice")
        return self


def load_scheme(path: Path = _FILE) -> Scheme:
    """Read and check the scheme of the index.

    Raises:
        WrongUse: not YAML or not of this shape; every fault is listed.
    """
    return load(Scheme, path)


@cache
def scheme() -> Scheme:
    """The project's scheme."""
    return load_scheme()
