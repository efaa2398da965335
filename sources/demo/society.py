"""Who lives in each commune of the fictional France, as the tables of context would count them.

Figures by the names that `sources/contexte/listes` give to measures, and the zonings. They follow the same law as the
population grid: the old in small and high communes, the poor in the largest and in the mountains. The shapes of files
belong to `wire_context`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sources.demo import grid
from sources.demo.geography import Floats, World

_HOUSEHOLD = 2.15  # persons
_SECRET_MEDIAN, _SECRET_RATE = 50, 1_000  # households: below, the median and the poverty rate are kept secret
_DENSITY = ("Grands centres urbains", "Centres urbains intermédiaires", "Petites villes", "Ceintures urbaines",
            "Bourgs ruraux", "Rural à habitat dispersé", "Rural à habitat très dispersé")  # fmt: skip
#: Inhabitants from which a commune is of the level of that rank.
_LEVELS = ((20_000, 1), (8_000, 2), (4_000, 3), (2_000, 4), (800, 5), (200, 6), (0, 7))
_HIGH = 700  # metres: above, communes are in the zonings of weak rural areas
_HIGHEST = 1_100


@dataclass(frozen=True)
class Society:
    """Arrays over the communes of the world: figures by measure, those under secrecy, and words by measure."""

    figures: Mapping[str, Floats]
    secret: Mapping[str, np.typing.NDArray[np.bool_]]
    words: Mapping[str, list[str]]


def society(world: World, seed: int) -> Society:
    """The figures and zonings of every commune, in the order of the world."""
    rng = np.random.default_rng([seed, 21])
    communes = world.communes
    people = np.array([c.population for c in communes], dtype=np.float64)
    age = np.array([grid.age_of(c) for c in communes])
    poverty = np.array([grid.poverty_of(c) for c in communes])

    def about(share: Floats | float, of: Floats, spread: float = 0.05) -> Floats:
        """A part of a count, with the decimals of a weighted census."""
        return np.round(of * np.clip(share * (1 + rng.normal(0, spread, len(of))), 0, 1), 6)

    old, young = about(0.14 + 0.22 * age, people), about(0.27 - 0.11 * age, people)
    before = old / (1 + np.clip(rng.normal(0.12, 0.06, len(people)), -0.2, 0.5))
    women = 0.56
    households = np.round(people / _HOUSEHOLD, 6)
    families = about(0.62, households)
    workers = about(0.46 - 0.08 * age, people)
    adults = about(0.70, people)
    town = np.clip(np.log10(np.maximum(people, 1)) - 2, 0, None)
    figures = {
        "population": people,
        "population_avant": np.round(people * 0.98, 6),
        "hommes_0_19": young * 0.51,
        "femmes_0_19": young * 0.49,
        "hommes_65_plus": old * (1 - women),
        "femmes_65_plus": old * women,
        "hommes_65_plus_avant": before * (1 - women),
        "femmes_65_plus_avant": before * women,
        "menages": households,
        "menages_avec_voiture": households - about(0.06 + 0.035 * town, households),
        "familles": families,
        "familles_monoparentales": about(0.09 + 0.3 * poverty, families),
        "menages_monoparentaux": about(0.06 + 0.18 * poverty, households),
        "non_scolarises_15_plus": adults,
        "sans_diplome": about(0.13 + 0.35 * poverty, adults),
        "actifs_15_64": workers,
        "chomeurs_15_64": about(0.05 + 0.35 * poverty, workers),
        "personnes": np.round(people * 0.98),
        "revenu_median": np.round((26_500 - 15_000 * poverty + rng.normal(0, 700, len(people))) / 10) * 10,
        "taux_pauvrete": np.round(100 * np.clip(poverty * (1 + rng.normal(0, 0.08, len(people))), 0, 1), 0),
        "foyers_rsa": np.round(about(0.015 + 0.22 * poverty, households, 0.1) / 5) * 5,
        "score": np.round(np.clip(1 + 12 * poverty + 4 * age + rng.normal(0, 0.4, len(people)), 0, 10), 2),
    }
    secret = {"revenu_median": households < _SECRET_MEDIAN, "taux_pauvrete": households < _SECRET_RATE}
    levels = [next(level for floor, level in _LEVELS if c.population >= floor) for c in communes]
    words = {
        "bassin_vie": _living_areas(world),
        "densite": [str(level) for level in levels],
        "libelle": [_DENSITY[level - 1] for level in levels],
        "zrr": [
            "C - Classée en ZRR" if c.altitude >= _HIGH
            else "P - Commune partiellement classée en ZRR" if c.deleguees
            else "NC - Commune non classée"
            for c in communes
        ],
        "frr": [
            "FRR+" if c.altitude >= _HIGHEST
            else "FRR socle" if c.altitude >= _HIGH
            else "FRR bénéficiaire" if c.deleguees
            else "Non classée"
            for c in communes
        ],
    }  # fmt: skip
    return Society(figures, secret, words)


def _living_areas(world: World) -> list[str]:
    """Code of the bassin de vie of each commune: that of the largest commune of its EPCI; its own outside any."""
    codes = [c.code for c in world.communes]
    for epci in world.epci:
        seat = max((world.communes[i] for i in epci.membres), key=lambda c: (c.population, c.code))
        for index in epci.membres:
            codes[index] = seat.code
    return codes
