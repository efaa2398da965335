"""`fiche.yml` as typed data: which figures, services and baskets a sheet shows, and how many rows at each level.

Only what is shown; where the values come from is `content`'s.
"""

from functools import cache
from pathlib import Path

from pydantic import Field

from outputs.sheet.territory import LEVELS
from pipeline.foundations.declared import Strict, load
from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("fiche.yml")


class Reference(Strict):
    """The typology of the map and of the essentials, and how a sentence names it."""

    typologie: str
    avec_article: str


class Figure(Strict):
    """One key figure. `compare`: it can be set beside that of another territory."""

    indicateur: str
    titre: str
    decimales: int = Field(ge=0, le=4)
    compare: bool = True


class Sizes(Strict):
    """What fits the sheets of one level: pages at most, and rows of each list."""

    pages: int = Field(ge=1)
    tension: int = Field(ge=0)
    manquants: int = Field(ge=1)
    lieux: int = Field(ge=1)


class Scheme(Strict):
    """`fiche.yml`."""

    reference: Reference
    seuils_min: tuple[int, ...] = Field(min_length=1)
    au_dela_min: tuple[int, ...] = Field(min_length=1)
    horaires_connus_pct_min: float = Field(ge=0, le=100)
    part_inconnue_max: float = Field(ge=0, le=1)
    chiffres: tuple[Figure, ...] = Field(min_length=1)
    services: tuple[str, ...] = Field(min_length=1)
    paniers: dict[str, str]
    panier: str
    noms_courts: dict[str, str]
    listes: dict[str, Sizes]

    @property
    def near(self) -> int:
        """Minutes of the essentials: near is within them."""
        return self.au_dela_min[0]

    def short(self, typology: str) -> str:
        """The short name of a typology; its own when it has none."""
        return self.noms_courts.get(typology, typology)


@cache
def scheme() -> Scheme:
    """The project's choice."""
    return load_scheme(_FILE)


def load_scheme(path: Path) -> Scheme:
    """Read and check such a file.

    Raises:
        WrongUse: not YAML, or not of this shape; every fault is listed.
    """
    found = load(Scheme, path)
    wanted = (
        ("listes", set(LEVELS) ^ set(found.listes), "every level, and no other"),
        ("reference", {found.reference.typologie} - set(found.services), "one of `services`"),
        ("au_dela_min", set(found.au_dela_min) - set(found.seuils_min), "some of `seuils_min`"),
        ("panier", {found.panier} - set(found.paniers), "one of `paniers`"),
    )
    for key, faulty, expected in wanted:
        if faulty:
            raise WrongUse(
                f"{path}: {key}", expected=expected, found=", ".join(sorted(map(str, faulty))), remedy="fix it"
            )
    return found
