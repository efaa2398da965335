"""Invented names: communes, rivers, saints, people, streets. Nothing else.

A commune's name always holds a root (or a saint, or a river) that occurs in no name of the real official geographic
code, so that no invented commune can be mistaken for a real one; a test holds that against the real list.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_STEMS = _words(
    "Ombr Brum Sylv Aubr Corv Ardoiv Grév Tourm Fauv Murm Givr Talv Oriv Halv Cendr Mirv Drév Solv Escl Hurl Izel "
    "Jonqu Kerv Lauv Malv Nivr Orbr Pluv Rouv Trév Uzel Flav Charv Dourv Torv Belv"
)
_TAILS = _words("elan ivelle ande azel oule issard omer evan adou urelle oneuil imel olet equin eneur")

#: Elements that occur in no real commune name.
ROOTS = tuple(stem + tail for stem in _STEMS for tail in _TAILS)
RIVERS = _words(
    "Ombrine Veldoise Brumance Sourdelle Aubrane Clairvane Mornelle Velée Givronne Talvère Nivrette Sylvance "
    "Lormette Cendrelle Fauvine Drévole Corvelle Murmelle Halvie Tournemelle Bruyelle Perlanche Solvane Épinelle "
    "Rouvanne Lauvine Gréoule"
)
SAINTS = _words(
    "Brévent Cyprin Ervand Théodrin Maurile Ostrevin Palmin Rombaud Valdrin Yvrin Aldegrin Bertulle Clarand Domitin "
    "Gontrin Isabin Josselme Landrice"
)
SAINTES = _words("Odrine Galmise Quirille Tancrine Wulfine Evrande Florille Hermance Mélorin")

FIRST_NAMES = _words("Odrine Cyprin Galmise Ervand Théodrin Quirille Maurile Tancrine Palmin Wulfine Evrande")

_STREETS = (
    "rue de l'Église", "place de la Mairie", "rue des Écoles", "avenue de la Gare", "place du Marché", "Grande Rue",
    "rue du Moulin", "chemin des Prés", "rue de la Fontaine", "route du Lac", "impasse des Tilleuls",
    "boulevard des Alliés", "rue du Lavoir", "place de la République", "allée des Érables", "rue du Faubourg",
    "cours de la Liberté", "rue Haute", "rue Basse", "quai des Bateliers",
)  # fmt: skip
_NUMBERS = ("1", "2", "3", "5", "7", "8", "10", "12", "14", "15 bis", "18", "21", "24 ter", "33", "47", "102")

_ENDINGS = (
    "-le-Haut", "-le-Bas", "-le-Vieux", "-la-Forêt", "-l'Abbaye", "-les-Bains", "-aux-Bois", "-en-Plaine",
    "-d'en-Haut", "-la-Chapelle", "-les-Étangs", "-Village",
)  # fmt: skip
_PREFIXES = ("Mont-", "Val-", "Villers-", "Château-", "Bourg-", "Mas-", "Roche-", "Plan-", "Pont-", "Font-")
_VOWELS = "AEÉIOUYH"


def de(name: str) -> str:
    """The name after "de", elided or contracted as French wants: `d'Ombrelan`, `du Brumelan`, `de Corvelan`."""
    for article, contracted in (("Le ", "du "), ("Les ", "des ")):
        if name.startswith(article):
            return contracted + name[len(article) :]
    if name.startswith(("La ", "L'")):
        return "de l" + name[1:]
    return ("d'" if name[0] in _VOWELS else "de ") + name


def slug(name: str) -> str:
    """Lower-case ASCII with hyphens, as in web addresses."""
    ascii_only = unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")


def _linked(root: str) -> str:
    """ "Brumelan" -> "-de-Brumelan", "Ombrelan" -> "-d'Ombrelan"."""
    return f"-{de(root).replace(' ', '-')}"


def _commune(rng: np.random.Generator, rivers: Sequence[str]) -> str:
    root = ROOTS[rng.integers(len(ROOTS))]
    river = rivers[int(rng.integers(len(rivers)))]
    elided = root[0] in _VOWELS
    match int(rng.choice(9, p=(0.28, 0.16, 0.14, 0.1, 0.08, 0.04, 0.1, 0.05, 0.05))):
        case 0:
            return root
        case 1:
            return f"{root}-sur-{river}"
        case 2:
            return root + _ENDINGS[rng.integers(len(_ENDINGS))]
        case 3:
            return f"Saint-{SAINTS[rng.integers(len(SAINTS))]}{_linked(root)}"
        case 4:
            return f"Sainte-{SAINTES[rng.integers(len(SAINTES))]}{_linked(root)}"
        case 5:
            return f"Saint-{SAINTS[rng.integers(len(SAINTS))]}-sur-{river}"
        case 6:
            return _PREFIXES[rng.integers(len(_PREFIXES))] + root
        case 7:
            return f"L'{root}" if elided else f"{'Le' if rng.random() < 0.5 else 'La'} {root}"
        case _:
            return f"{root}-et-{ROOTS[rng.integers(len(ROOTS))]}"


def commune_names(rng: np.random.Generator, count: int, rivers: Sequence[str], taken: set[str]) -> list[str]:
    """`count` names not in `taken`, which grows by them. The rivers are those of the area."""
    names: list[str] = []
    while len(names) < count:
        name = _commune(rng, rivers)
        if name not in taken:
            taken.add(name)
            names.append(name)
    return names


def departement_name(index: int) -> str:
    """Name of the n-th département: a river and a relief, labelled as fictional."""
    if index == 0:
        return "Val-de-Brume (département fictif)"
    forms = ("Haute-{r}", "Basse-{r}", "Monts-{d}", "Côtes-{d}")
    river = RIVERS[(index - 1) % len(RIVERS)]
    form = forms[((index - 1) // len(RIVERS)) % len(forms)]
    return form.format(r=river, d=de(river).replace(" ", "-")) + " (département fictif)"


def person(rng: np.random.Generator) -> tuple[str, str]:
    """An invented person: first name, last name."""
    return FIRST_NAMES[rng.integers(len(FIRST_NAMES))], ROOTS[rng.integers(len(ROOTS))]


def street(rng: np.random.Generator) -> str:
    """A number and a street as written in the directory."""
    return f"{_NUMBERS[rng.integers(len(_NUMBERS))]} {_STREETS[rng.integers(len(_STREETS))]}"
