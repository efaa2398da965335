"""The typology file: which published typology each type code of a feed stands for.

Only the vocabulary; what a counter of a typology is worth, or which feed to believe, is decided elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("typologies.yml")


class Typology(BaseModel):
    """One published typology."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=r"^[a-z_]+$")
    libelle: str
    thematique: str
    nomenclature_principale: str
    officielle: bool = True  # of the State's own vocabulary, or our extension
    codes: Mapping[str, tuple[str, ...]] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    typologies: tuple[Typology, ...]
    hors_typologie: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class TypologyTable:
    """The typologies by code, and the lookup from a nomenclature's codes."""

    typologies: Mapping[str, Typology]
    by_code: Mapping[tuple[str, str], str]  # (nomenclature, code) -> typology code
    outside: frozenset[tuple[str, str]]

    @property
    def labels(self) -> list[str]:
        """Published labels, in the file's order."""
        return [t.libelle for t in self.typologies.values()]

    def frame(self) -> pl.DataFrame:
        """One row per (nomenclature, code): `nomenclature, code_type, typologie, libelle, thematique, rang`.

        `rang` is 0 where the nomenclature leads for the typology, 1 elsewhere.
        """
        rows = []
        for (nomenclature, code), name in self.by_code.items():
            typology = self.typologies[name]
            leads = typology.nomenclature_principale == nomenclature
            rows.append((nomenclature, code, name, typology.libelle, typology.thematique, 0 if leads else 1))
        schema = {
            "nomenclature": pl.String,
            "code_type": pl.String,
            "typologie": pl.String,
            "libelle": pl.String,
            "thematique": pl.String,
            "rang": pl.Int64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def status(self, nomenclature: str, code: str) -> str:
        """`publiée`, `hors typologie` (known, left out) or `inconnue` (never seen before)."""
        if (nomenclature, code) in self.by_code:
            return "publiée"
        return "hors typologie" if (nomenclature, code) in self.outside else "inconnue"


def load_typologies(path: Path) -> TypologyTable:
    """Read and check a typology file.

    Raises:
        WrongUse: not YAML, not of this shape, or a code that stands for two typologies.
    """
    try:
        file = _File.model_validate(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongUse(str(path), expected="a typology file", found=str(error), remedy="fix the file") from error
    by_code: dict[tuple[str, str], str] = {}
    for typology in file.typologies:
        for nomenclature, codes in typology.codes.items():
            for code in codes:
                other = by_code.setdefault((nomenclature, code), typology.code)
                if other != typology.code:
                    raise WrongUse(
                        f"{path.name}: code {code!r} of {nomenclature}",
                        expected="one typology per code",
                        found=f"{other} and {typology.code}",
                        remedy="remove one of them",
                    )
    outside = frozenset((n, c) for n, codes in file.hors_typologie.items() for c in codes)
    if both := sorted(outside & by_code.keys()):
        raise WrongUse(
            f"{path.name}: hors_typologie",
            expected="codes not published",
            found=str(both),
            remedy="keep each code once",
        )
    if len({t.code for t in file.typologies}) != len(file.typologies):
        raise WrongUse(str(path), expected="distinct typology codes", found="a code twice", remedy="rename one")
    return TypologyTable({t.code: t for t in file.typologies}, by_code, outside)


@cache
def typologies() -> TypologyTable:
    """The project's typology file."""
    return load_typologies(_FILE)
