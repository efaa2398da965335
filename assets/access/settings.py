"""`acces.yml` as typed data: what is measured of access. Speeds and rules of the road are the network's own file."""

from functools import cache
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from assets.access.network.profile import profiles
from assets.referentiel.typology import typologies
from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("acces.yml")
_CLOCK = r"^([01]\d|2[0-4]):[0-5]\d$"

Minutes = Annotated[int, Field(gt=0, le=600)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CrowFlies(_Strict):
    """Estimated time without roads: straight line x detour, at a speed."""

    detour: float = Field(ge=1, le=5)
    vitesse_kmh: float = Field(gt=0, le=130)

    def seconds(self, metres: float) -> float:
        """Estimated seconds for a straight line of that length."""
        return metres * self.detour / self.vitesse_kmh * 3.6


class Suspect(_Strict):
    """When the network of a commune looks cut: median of road length over straight line, or share without any way."""

    detour: float = Field(gt=1)
    sans_itineraire: float = Field(ge=0, le=1)
    distance_min_m: float = Field(ge=0)


class Slot(_Strict):
    """A part of the week: days (0 is Monday), from one time to another."""

    code: str = Field(pattern=r"^[a-z0-9_]+$")
    titre: str
    jours: tuple[Annotated[int, Field(ge=0, le=6)], ...] = Field(min_length=1)
    de: str = Field(pattern=_CLOCK)
    a: str = Field(pattern=_CLOCK)

    @property
    def minutes(self) -> tuple[int, int]:
        """Start and end, in minutes of the day."""
        start, end = (int(t[:2]) * 60 + int(t[3:]) for t in (self.de, self.a))
        return start, end

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minutes[0] >= self.minutes[1]:
            raise ValueError(f"créneau {self.code}: `de` comes before `a`")
        return self


class Slots(_Strict):
    """The slots, and how long a counter must be open in one to count."""

    minutes_min: Minutes
    liste: tuple[Slot, ...]


class Areas(_Strict):
    """Which isochrones are published."""

    typologies: tuple[str, ...]
    seuils_min: tuple[Minutes, ...] = Field(min_length=1)
    pas_m: float = Field(gt=0)
    tolerance_m: float = Field(ge=0)


class Settings(_Strict):
    """`acces.yml`."""

    mode: str
    seuils_min: tuple[Minutes, ...] = Field(min_length=1)
    voisins: int = Field(ge=1, le=10)
    couples_max_min: Minutes
    vol_oiseau: CrowFlies
    reseau_suspect: Suspect
    creneaux: Slots
    isochrones: Areas

    @field_validator("seuils_min")
    @classmethod
    def _increasing(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("thresholds in increasing order, each once")
        return value

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.mode not in profiles().profils:
            raise ValueError(f"mode: {self.mode} is not one of {', '.join(profiles().profils)}")
        if self.couples_max_min > self.seuils_min[-1]:
            raise ValueError(f"couples_max_min: at most the last threshold, {self.seuils_min[-1]}")
        if unknown := [t for t in self.isochrones.typologies if t not in typologies().labels]:
            raise ValueError(f"isochrones.typologies: {', '.join(unknown)} not in typologies.yml")
        codes = [s.code for s in self.creneaux.liste]
        if len(set(codes)) != len(codes):
            raise ValueError("creneaux: a code is there twice")
        return self


def load_settings(path: Path = _FILE) -> Settings:
    """Read and check the settings.

    Raises:
        WrongUse: not YAML, or not of this shape; every fault is listed.
    """
    try:
        return Settings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise WrongUse(str(path), expected="readable YAML", found=str(error), remedy="fix the file") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WrongUse(str(path), expected="settings of access", found=faults, remedy="fix it") from error


@cache
def settings() -> Settings:
    """The project's settings."""
    return load_settings()
