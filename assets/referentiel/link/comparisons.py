"""The comparisons of the model: for each trait, the levels of agreement of two constats, in SQL, strongest first.

Their weights are not here but in `modele.json`. Two constats are compared only within one family and one commune.
"""

from dataclasses import dataclass

#: Pairs the model scores: one family, one commune, each pair once.
BLOCK = "l.famille = r.famille and l.commune = r.commune"

_METRES = "sqrt(power(x_l - x_r, 2) + power(y_l - y_r, 2))"
_STREETS = (
    "(len(list_intersect(voie_l, voie_r)) / least(len(voie_l), len(voie_r)) >= 0.5 or "
    "jaro_winkler_similarity(array_to_string(voie_l, ' '), array_to_string(voie_r, ' ')) >= 0.92)"
)
_NAMES = (
    "(len(list_intersect(mots_l, mots_r)) / greatest(len(mots_l), len(mots_r)) >= 0.5 or "
    "jaro_winkler_similarity(array_to_string(mots_l, ' '), array_to_string(mots_r, ' ')) >= 0.92)"
)


@dataclass(frozen=True)
class Level:
    """One level of agreement: its name, as in the model's file, and its SQL on the columns `…_l` and `…_r`."""

    name: str
    sql: str


@dataclass(frozen=True)
class Comparison:
    """One trait compared. Pairs for which `unknown` holds tell nothing; the last level holds all the others."""

    name: str
    unknown: str
    levels: tuple[Level, ...]
    rest: str

    @property
    def level_names(self) -> tuple[str, ...]:
        """Names of the levels, strongest first."""
        return (*(level.name for level in self.levels), self.rest)


COMPARISONS = (
    Comparison(
        "nom",
        "false",
        (
            Level("mêmes mots", "len(mots_l) > 0 and mots_l = mots_r"),
            Level("mots proches", f"len(mots_l) > 0 and len(mots_r) > 0 and {_NAMES}"),
            Level("un mot commun", "len(list_intersect(mots_l, mots_r)) > 0"),
            Level("aucun mot propre", "len(mots_l) = 0 and len(mots_r) = 0"),
            Level("mots d'un seul côté", "len(mots_l) = 0 or len(mots_r) = 0"),
        ),
        "mots différents",
    ),
    Comparison(
        "organisme",
        "len(organismes_l) = 0 and len(organismes_r) = 0",
        (
            Level("un organisme commun", "len(list_intersect(organismes_l, organismes_r)) > 0"),
            Level("organisme d'un seul côté", "len(organismes_l) = 0 or len(organismes_r) = 0"),
        ),
        "organismes différents",
    ),
    Comparison(
        "adresse",
        "voie_l is null or voie_r is null",
        (
            Level("même numéro et même voie", f"numero_l = numero_r and {_STREETS}"),
            Level("même voie, un numéro manque", f"(numero_l is null or numero_r is null) and {_STREETS}"),
            Level("même voie, autre numéro", _STREETS),
        ),
        "voies différentes",
    ),
    Comparison(
        "distance",
        "x_l is null or x_r is null",
        tuple(Level(f"moins de {metres} m", f"{_METRES} < {metres}") for metres in (50, 150, 400, 1000, 3000)),
        "3000 m ou plus",
    ),
    Comparison(
        "téléphone",
        "telephones_l is null or telephones_r is null",
        (Level("même téléphone", "len(list_intersect(telephones_l, telephones_r)) > 0"),),
        "téléphones différents",
    ),
    Comparison(
        "site",
        "site_l is null or site_r is null",
        (
            Level("même page", "site_l = site_r"),
            Level("même site", "split_part(site_l, '/', 1) = split_part(site_r, '/', 1)"),
        ),
        "sites différents",
    ),
    Comparison(
        "SIRET",
        "siret_l is null or siret_r is null",
        (
            Level("même SIRET", "siret_l = siret_r"),
            Level("même SIREN", "left(siret_l, 9) = left(siret_r, 9)"),
        ),
        "SIREN différents",
    ),
    Comparison(
        "horaires",
        "heures_l is null or heures_r is null",
        (
            Level("mêmes horaires", "horaires_l = horaires_r"),
            Level("durées proches", "abs(heures_l - heures_r) <= 2"),
        ),
        "durées différentes",
    ),
    Comparison(
        "rivaux",
        "_flux_l = _flux_r",
        (
            Level("seuls dans la commune pour leurs deux sources", "seul_l and seul_r"),
            Level("seuls de ce nom", "seul_du_nom_l and seul_du_nom_r and len(mots_l) > 0 and mots_l = mots_r"),
            Level("l'un des deux est seul", "seul_l or seul_r"),
        ),
        "chacun a des rivaux",
    ),
)
