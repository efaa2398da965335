"""`contexte.yml` as typed data: which zonings and indicators there are, and the formulas that give them.

Held against the sources when loaded: a measure nobody declares is told by name. Computing is `context`'s.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.foundations.declared import Strict, load
from pipeline.foundations.errors import WrongUse
from quality.contract import all_contracts
from sources.contexte.mapping import options_of
from sources.registry import all_sources

#: Sources of measures that are no list of `sources/contexte`: the communes themselves, and the inhabited cells.
COMMUNES, CELLS = "communes", "carreaux"
POPULATION, AREA = "population", "surface_km2"
#: What `objets` can count.
QUARTERS = "qpv"

_FILE = Path(__file__).with_name("contexte.yml")
_CELLS_TABLE = "territories__carreaux"

#: `source.mesure`; in a sum, a `-` before it takes it away.
Reference = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")]
Signed = Annotated[str, Field(pattern=r"^-?[a-z0-9_]+\.[a-z0-9_]+$")]


class Ratio(Strict):
    """Σ `numerateur` / Σ `denominateur`; Σ `numerateur` alone is a count. `poids` weighs instead of the denominator."""

    numerateur: tuple[Signed, ...] = Field(min_length=1)
    denominateur: tuple[Signed, ...] = ()
    poids: Reference | None = None

    @model_validator(mode="after")
    def _weighs_a_ratio(self) -> Self:
        if self.poids and not self.denominateur:
            raise ValueError("`poids` weighs a ratio: `denominateur` is missing")
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """The measures it reads, in order, without their sign."""
        own = [name.removeprefix("-") for name in (*self.numerateur, *self.denominateur)]
        return tuple(dict.fromkeys([*own, *([self.poids] if self.poids else [])]))


class Mean(Strict):
    """A value published as it is, and what weighs it."""

    valeur: Reference
    poids: Reference

    @property
    def references(self) -> tuple[str, ...]:
        """The measures it reads."""
        return (self.valeur, self.poids)


class Among(Strict):
    """Whether a zoning is one of these words: 1 or 0 for a commune, hence a share of communes above."""

    mesure: Reference
    parmi: tuple[str, ...] = Field(min_length=1)

    @property
    def references(self) -> tuple[str, ...]:
        """The measure it reads."""
        return (self.mesure,)


class Objects(Strict):
    """How many distinct objects touch a territory."""

    objets: Literal["qpv"]

    @property
    def references(self) -> tuple[str, ...]:
        """It reads no measure."""
        return ()


Formula = Ratio | Mean | Among | Objects


class Indicator(Strict):
    """One indicator: what people read of it, and its formulas by preference."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    titre: str
    thematique: str
    unite: str
    decimales: int = Field(ge=0, le=6)
    facteur: float = Field(1, gt=0)
    agregation: str
    formules: tuple[Formula, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_kind_of_count(self) -> Self:
        counted = [isinstance(f, Objects) for f in self.formules]
        if any(counted) and len(counted) > 1:
            raise ValueError("`objets` is an indicator's only formula: nothing else adds up like distinct objects")
        alone = [isinstance(f, Ratio) and not f.denominateur for f in self.formules]
        if any(alone) and not all(alone):
            raise ValueError("a count and a ratio cannot stand for each other")
        return self


class Settings(Strict):
    """`contexte.yml`."""

    densites: dict[str, str]
    zonages: dict[Literal["bassin_vie", "densite", "libelle_densite", "zrr", "frr"], Reference]
    noms_bassins_vie: str
    indicateurs: tuple[Indicator, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        codes = [i.code for i in self.indicateurs]
        if twice := sorted({c for c in codes if codes.count(c) > 1}):
            raise ValueError(f"indicator declared twice: {', '.join(twice)}")
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """Every measure read, each once."""
        read = [r for i in self.indicateurs for f in i.formules for r in f.references]
        return tuple(dict.fromkeys([*read, *self.zonages.values()]))

    @property
    def lists(self) -> tuple[str, ...]:
        """Ids of the lists of `sources/contexte` that are read."""
        named = [*(r.split(".")[0] for r in self.references), self.noms_bassins_vie]
        return tuple(dict.fromkeys(name for name in named if name not in (COMMUNES, CELLS)))


@cache
def settings() -> Settings:
    """The settings of the project."""
    return load_settings()


def load_settings(path: Path = _FILE) -> Settings:
    """Read and check the settings.

    Raises:
        WrongUse: not YAML, not of this shape, or a measure that no source declares.
    """
    found = load(Settings, path)
    known = _known_measures()
    if unknown := [r for r in found.references if r.partition(".")[2] not in known.get(r.partition(".")[0], ())]:
        raise WrongUse(
            str(path),
            expected="measures that a source declares",
            found=", ".join(unknown),
            remedy="write `source.mesure`, or declare it in sources/contexte/listes",
        )
    return found


def _known_measures() -> dict[str, tuple[str, ...]]:
    lists = {s.id: tuple(options_of(s).mesures) for s in all_sources().values() if s.id.startswith("contexte_")}
    cells = tuple(c.name for c in all_contracts()[_CELLS_TABLE].columns if c.type == "reel")
    return {**lists, COMMUNES: (POPULATION, AREA), CELLS: cells}
