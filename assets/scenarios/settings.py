"""`scenarios.yml` as typed data: what evaluations count."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from assets.access.settings import settings as access_settings
from assets.referentiel.typology import typologies
from pipeline.foundations.declared import Strict, load

_FILE = Path(__file__).with_name("scenarios.yml")
Trips = Annotated[float, Field(ge=0, le=1000)]


class TripsPerYear(Strict):
    """Trips of one person to one typology, each year."""

    defaut: Trips
    typologies: Mapping[str, Trips]

    def of(self, typology: str) -> float:
        """Those of a typology."""
        return self.typologies.get(typology, self.defaut)


class Atlas(Strict):
    """How far the gain of an opening is counted."""

    rayon_ouvertures_min: Annotated[int, Field(gt=0, le=120)]


class Settings(Strict):
    """`scenarios.yml`."""

    trajets_par_an: TripsPerYear
    seuils_min: tuple[int, ...] = Field(min_length=1)
    ecart_min_s: Annotated[float, Field(ge=0, le=600)]
    atlas: Atlas

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := [t for t in self.trajets_par_an.typologies if t not in typologies().labels]:
            raise ValueError(f"trajets_par_an: {', '.join(unknown)} not in typologies.yml")
        if strange := [m for m in self.seuils_min if m not in access_settings().seuils_min]:
            raise ValueError(f"seuils_min: {strange} not in acces.yml")
        return self


def load_settings(path: Path = _FILE) -> Settings:
    """Read and check the settings.

    Raises:
        WrongUse: not YAML, or not of this shape; every fault is listed.
    """
    return load(Settings, path)


@cache
def settings() -> Settings:
    """The project's settings."""
    return load_settings()
