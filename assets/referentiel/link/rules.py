"""The file of rules, `regles.yml`, as typed data: families, partner feeds, guards by name, words.

No frame is touched here.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("regles.yml")


def _compiles(pattern: str) -> str:
    re.compile(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Family(_Strict):
    """A constat of `typologie` whose name holds `motif`, or copied from `partenaire`, is compared within `famille`."""

    typologie: str
    famille: str
    motif: Pattern | None = None
    partenaire: str | None = None


class Nature(_Strict):
    """A guard by name; see `regles.yml`."""

    nom: str
    typologies: tuple[str, ...] = ()  # none: every typology
    sinon: str | None = None
    valeurs: Mapping[str, Pattern]


class Rules(_Strict):
    """The whole file."""

    familles: tuple[Family, ...]
    partenaires: Mapping[str, str]
    familles_de_lieux: tuple[str, ...]
    agregateurs: tuple[str, ...]
    siret_propre: tuple[str, ...]
    mobile: Pattern
    hotes: Mapping[str, tuple[str, ...]]
    un_par_commune: tuple[str, ...]
    natures: tuple[Nature, ...]
    organismes: Mapping[str, Pattern]
    mots_vides: tuple[str, ...]
    abreviations: Mapping[str, str]
    mots_de_typologie: Mapping[str, tuple[str, ...]]
    voies: Mapping[str, str]
    mots_de_voie: tuple[str, ...]


def load_rules(path: Path) -> Rules:
    """Read and check a file of rules.

    Raises:
        WrongUse: not YAML, not of this shape, or a pattern that is not a regular expression.
    """
    try:
        return Rules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, re.error, ValidationError) as error:
        raise WrongUse(
            str(path), expected="a file of linking rules", found=str(error), remedy="fix the file"
        ) from error


@cache
def linking_rules() -> Rules:
    """The project's file of rules."""
    return load_rules(_FILE)
