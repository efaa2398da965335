"""`geocode.yml` as typed data."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("geocode.yml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BanSettings(_Strict):
    """Thresholds of the search in the addresses of a commune."""

    score_min: float = Field(gt=0, le=1)
    marge: float = Field(ge=0, le=1)
    numero_voisin_max: int = Field(ge=0)


class ServiceSettings(_Strict):
    """Address, thresholds and manners of the Géoplateforme service."""

    url: str = Field(pattern=r"^https?://")
    index: str
    score_min: float = Field(gt=0, le=1)
    types: Mapping[str, str]
    lot: int = Field(gt=0)
    pause_s: float = Field(ge=0)
    delai_s: float = Field(gt=0)
    essais: int = Field(gt=0)
    octets_max: int = Field(gt=0)


class Settings(_Strict):
    """The whole file."""

    ban: BanSettings
    geoplateforme: ServiceSettings


def load_settings(path: Path) -> Settings:
    """Read and check a settings file.

    Raises:
        WrongUse: not YAML or not of this shape.
    """
    try:
        return Settings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongUse(str(path), expected="geocoding settings", found=str(error), remedy="fix the file") from error


@cache
def settings() -> Settings:
    """The project's geocoding settings."""
    return load_settings(_FILE)
