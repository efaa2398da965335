"""`methodes.yml` as typed data: which catchment methods are run, for which public, and the lines of equity."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from assets.access.settings import settings
from assets.referentiel.typology import typologies
from assets.tension.decay import Decay, Minutes
from pipeline.foundations.declared import Strict, load
from quality.contract import all_contracts

_FILE = Path(__file__).with_name("methodes.yml")

Family = Literal["deux_etapes", "trois_etapes", "sans_compensation", "equilibree"]


class Method(Strict):
    """One catchment method: a family of `catchments`, with its decay."""

    code: str = Field(pattern=r"^[a-z0-9_]+$")
    titre: str
    famille: Family
    unite: Literal["heures_par_habitant", "minutes_pour_100"] = "heures_par_habitant"
    decroissance: Decay

    @model_validator(mode="after")
    def _within_the_pairs(self) -> Self:
        if self.decroissance.last_min > settings().couples_max_min:
            raise ValueError(
                f"{self.code}: {self.decroissance.last_min:g} min, but pairs stop at {settings().couples_max_min} min"
            )
        return self


class Public(Strict):
    """Potential users of a typology: a weighted sum of columns of `territories__carreaux`; unknown when it has none."""

    titre: str
    colonnes: Mapping[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]


class Equity(Strict):
    """Which typologies are measured, the line of FGT in minutes, its powers, and the bound of a gap."""

    typologies: tuple[str, ...] = Field(min_length=1)
    seuil_min: Minutes
    alphas: tuple[Annotated[float, Field(ge=0, le=10)], ...] = Field(min_length=1)
    ecart_max: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Methods(Strict):
    """`methodes.yml`."""

    methodes: tuple[Method, ...] = Field(min_length=1)
    part_mesuree_min: Annotated[float, Field(gt=0, le=1)]
    publics: Mapping[str, Public]
    equite: Equity

    def public_of(self, typology: str) -> Public:
        """Whom a typology is for: everyone unless the file says otherwise."""
        return self.publics.get(typology, Public(titre="tous les habitants", colonnes={"population": 1}))

    @model_validator(mode="after")
    def _known(self) -> Self:
        codes = [m.code for m in self.methodes]
        if len(set(codes)) != len(codes):
            raise ValueError("methodes: a code is there twice")
        for name, labels in (("publics", self.publics), ("equite.typologies", self.equite.typologies)):
            if unknown := [t for t in labels if t not in typologies().labels]:
                raise ValueError(f"{name}: {', '.join(unknown)} not in typologies.yml")
        counted = all_contracts()["territories__carreaux"].polars_schema
        if unknown := sorted({c for p in self.publics.values() for c in p.colonnes} - set(counted)):
            raise ValueError(f"publics: {', '.join(unknown)} not a column of territories__carreaux")
        return self


def load_methods(path: Path = _FILE) -> Methods:
    """Read and check the methods.

    Raises:
        WrongUse: not YAML, or not of this shape; every fault is listed.
    """
    return load(Methods, path)


@cache
def methods() -> Methods:
    """The project's methods."""
    return load_methods()
