"""`raisons.yml` and `notes.yml`, read and checked: what the diff knows of sources and tables, what its notes tell."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.foundations.errors import WrongUse

OFFRE, CORRECTION, GEOGRAPHY = "offre", "correction", "référentiel géographique"
POPULATION, ROADS, METHOD, SOURCE, PERIMETER = "population", "réseau", "méthode", "source", "périmètre"
UNKNOWN = "non déterminée"
#: Every reason, in the order in which several are listed.
REASONS = (OFFRE, CORRECTION, GEOGRAPHY, POPULATION, ROADS, SOURCE, METHOD, PERIMETER, UNKNOWN)

_Family = Literal["offre", "correction", "référentiel géographique", "population", "réseau", "source"]
_HERE = Path(__file__).parent
_M = TypeVar("_M", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hours(_Strict):
    """The text hours are drawn from, the columns where they are once read, and those that measure them."""

    texte: str
    lus: tuple[str, ...]
    mesures: tuple[str, ...]


class Departure(_Strict):
    """How a table says that people start from the mairie of their commune."""

    colonnes: tuple[str, ...]
    valeurs: tuple[str, ...]
    typologie: str


class ReasonSettings(_Strict):
    """`raisons.yml`: see its comments."""

    sans_detail: Mapping[str, str]
    lignes_max: int = Field(gt=0)
    familles: Mapping[_Family, tuple[str, ...]]
    tables: Mapping[str, tuple[_Family, ...]]
    colonnes: Mapping[str, _Family]
    groupes: Mapping[str, str]
    suivi: tuple[str, ...]
    codes_geographiques: tuple[str, ...]
    position: tuple[str, ...]
    adresse: str
    textes: tuple[str, ...]
    telephones: tuple[str, ...]
    en_bloc_pct: float = Field(gt=0, le=100)
    horaires: Hours
    depart: Departure


class NoteSettings(_Strict):
    """`notes.yml`: see its comments."""

    lignes: int = Field(gt=0)
    baisse_typologie_pct: float
    baisse_departement_pct: float
    baisse_min: int
    deplacement_m: float
    horaires_h: float
    distance_m: float
    temps_min: float


@cache
def reason_settings() -> ReasonSettings:
    """The project's `raisons.yml`."""
    return _load(_HERE / "raisons.yml", ReasonSettings)


@cache
def note_settings() -> NoteSettings:
    """The project's `notes.yml`."""
    return _load(_HERE / "notes.yml", NoteSettings)


def load_reason_settings(path: Path) -> ReasonSettings:
    """Read and check a file of that form.

    Raises:
        WrongUse: not YAML, or not of that form; every fault is listed.
    """
    return _load(path, ReasonSettings)


def _load(path: Path, model: type[_M]) -> _M:
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise WrongUse(str(path), expected="a readable YAML file", found=str(error), remedy="fix the file") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WrongUse(str(path), expected="the settings of the diff", found=faults, remedy="fix the file") from error
