"""`raisons.yml` and `notes.yml`, read and checked: what the diff knows of sources and tables, what its notes tell."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.foundations.declared import Strict, load

OFFRE, CORRECTION, GEOGRAPHY = "offre", "correction", "référentiel géographique"
POPULATION, ROADS, METHOD, SOURCE, PERIMETER = "population", "réseau", "méthode", "source", "périmètre"
UNKNOWN = "non déterminée"
#: Every reason, in the order in which several are listed.
REASONS = (OFFRE, CORRECTION, GEOGRAPHY, POPULATION, ROADS, SOURCE, METHOD, PERIMETER, UNKNOWN)

_Family = Literal["offre", "correction", "référentiel géographique", "population", "réseau", "source"]
_HERE = Path(__file__).parent


class Hours(Strict):
    """The text hours are drawn from, the columns where they are once read, those that measure them, and the tables
    measured with the hours of counters."""

    texte: str
    lus: tuple[str, ...]
    mesures: tuple[str, ...]
    tables: tuple[str, ...]


class Departure(Strict):
    """How a table says that people start from the mairie of their commune."""

    colonnes: tuple[str, ...]
    valeurs: tuple[str, ...]
    typologie: str


class ReasonSettings(Strict):
    """`raisons.yml`: see its comments."""

    sans_detail: Mapping[str, str]
    lignes_max: int = Field(gt=0)
    familles: Mapping[_Family, tuple[str, ...]]
    tables: Mapping[str, tuple[_Family, ...]]
    colonnes: Mapping[str, _Family]
    historique: tuple[str, ...]
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


class NoteSettings(Strict):
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
    return load(ReasonSettings, _HERE / "raisons.yml")


@cache
def note_settings() -> NoteSettings:
    """The project's `notes.yml`."""
    return load(NoteSettings, _HERE / "notes.yml")


def load_reason_settings(path: Path) -> ReasonSettings:
    """Read and check a file of that form.

    Raises:
        WrongUse: not YAML, or not of that form; every fault is listed.
    """
    return load(ReasonSettings, path)
