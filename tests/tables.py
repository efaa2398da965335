"""A small release of the Hautes-Alpes under the project's own contracts: a few counters, three communes. Invented."""

from datetime import date
from typing import Any

import polars as pl
import shapely

from quality.contract import Contract, all_contracts

_CODES = ("05023", "05046", "05065")
_CORNERS = {"05023": (6.6, 44.8), "05046": (6.4, 44.5), "05065": (6.6, 44.6)}
NAMES = ("Briançon", "Embrun", "Guillestre")
#: What spreadsheets run, what XML and SQL stumble on.
HOSTILE = (
    "=cmd|'/c calc'!A1",
    "Mairie de L'Île-d'Yeu, \"annexe\" & <b>",
    "@Été 🏔️\x0b\x1f",
    "+33 4 92\tx",
    "-1\r\n;DROP",
)

MEASURES = ("route", "vol d'oiseau")


def frame_of(contract: Contract, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows under a contract; what they do not give is null."""
    schema = contract.polars_schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def square(code: str, side: float = 0.2) -> bytes:
    x, y = _CORNERS[code]
    return shapely.to_wkb(shapely.box(x, y, x + side, y + side))


def point(x: float, y: float) -> bytes:
    return shapely.to_wkb(shapely.Point(x, y))


def release() -> list[tuple[Contract, pl.DataFrame]]:
    """Contract and frame of each table, in the order of a release."""
    contracts = all_contracts()
    counters = [
        ("CSPSERV0000000000000001", HOSTILE[0], "Administration locale", "France services", "05023", (6.64, 44.9)),
        ("CSPSERV0000000000000002", HOSTILE[1], "Administration locale", "Mairie", "05046", (6.5, 44.56)),
        ("CSPSERV0000000000000003", HOSTILE[2], "Droit, justice", "Mairie", "05065", None),
        ("CSPSERV0000000000000004", HOSTILE[3], "Une thématique nouvelle", "Mairie", "05065", (6.65, 44.66)),
    ]
    common = {
        "lieu_code_departement": "05",
        "lieu_code_epci": "240500439",
        "date_maj": date(2026, 1, 31),
        "source_semantique": "dila",
        "sources": "dila|caf",
        "telephone": "+33 4 92 00 00 00",
    }
    rows: dict[str, list[dict[str, Any]]] = {
        "referentiel__implantations": [
            {
                **common,
                "type_structure": "Implantation",
                "service_id": i,
                "point_accueil_id": i,
                "service_nom": name,
                "service_thematique": theme,
                "service_typologie": kind,
                "service_nb_heures_hebdo": 30.5,
                "service_categorie_niveau_d_ouverture": "Plus de 24h",
                "lieu_code_insee": code,
                "lieu_id": f"CSPLIEU000000000000000{rank}",
                "lieu_longitude": at[0] if at else None,
                "lieu_latitude": at[1] if at else None,
                "geometrie": point(*at) if at else None,
            }
            for rank, (i, name, theme, kind, code, at) in enumerate(counters)
        ],
        "referentiel__permanences": [
            {
                **common,
                "type_structure": "Permanence",
                "permanence_id": "CSPPERM0000000000000001",
                "point_accueil_id": "CSPSERV0000000000000009",
                "permanence_nom": HOSTILE[4],
                "permanence_thematique": "Social",
                "permanence_typologie": "Caisse d'allocations familiales (Caf)",
                "service_id": "CSPSERV0000000000000001",
                "lieu_code_insee": "05046",
                "lieu_id": "CSPLIEU0000000000000001",
                "geometrie": point(6.5, 44.56),
            }
        ],
        "referentiel__itinerances": [],
        "referentiel__lieux": [
            {
                "lieu_id": f"CSPLIEU000000000000000{rank}",
                "lieu_nom": name,
                "nb_services": 1 + rank,
                "typologies": [kind, "Mairie"],
                "lieu_code_insee": code,
                "lieu_code_departement": "05",
                "geometrie": point(*at) if at else None,
            }
            for rank, (_, name, _, kind, code, at) in enumerate(counters)
        ],
        "access__acces_communes": [
            {
                "code_insee": code,
                "code_departement": "05",
                "typologie": kind,
                "type_origine": "commune",
                "nb_origines": 1,
                "population": 1000.0,
                "temps_moyen_min": minutes,
                "sans_temps_pct": 0.0,
                "statut_principal": "calculé",
            }
            for code, kind, minutes in (
                ("05023", "France services", 4.5),
                ("05046", "France services", 32.0),
                ("05023", "Mairie", 1.0),
                ("05023", "France Travail", 12.0),
                ("05023", "Caisse d'allocations familiales (Caf)", 48.0),
                ("05023", "Service des impôts des particuliers (SIP)", None),
            )
        ],
        "access__isochrones": [],
        "tension__tension": [
            {
                "niveau": niveau,
                "territoire": code,
                "mesure": mesure,
                "population": 1000.0,
                "tension_national": centile and centile / 100,
                "centile_national": centile,
                "type_national": kind,
                "raison_national": HOSTILE[1],
                "raison_classe": HOSTILE[1],
            }
            for mesure in MEASURES
            for niveau, code, centile, kind in (
                ("commune", "05023", 100.0, "En tension : offre faible et besoin fort"),
                ("commune", "05046", 50.0, "Offre présente, besoin modéré"),
                ("commune", "05065", None, None),
                ("epci", "240500439", 97.5, "Fragile : proche du seuil de tension"),
            )
        ],
        "tension__acces": [
            {
                "niveau": "commune",
                "territoire": code,
                "typologie": "France services",
                "mesure": mesure,
                "population": 1000.0,
                "population_20_min_pct": near,
                "population_30_min_pct": near,
            }
            for mesure in MEASURES
            for code, near in (("05023", 100.0), ("05046", 0.0))
        ],
        "scenarios__fermetures": [
            {
                "point_accueil_id": i,
                "code_insee": code,
                "typologie": kind,
                "mesure": mesure,
                "usagers": 2000.0,
                "personnes_minutes": 100.0 * rank,
                "sans_alternative": 0.0,
                "pousses_au_dela_20_min": 1500.0 * rank,
                "pousses_au_dela_30_min": 0.0,
            }
            for mesure in MEASURES
            for rank, (i, _, _, kind, code, at) in enumerate(counters)
            if at
        ],
        "scenarios__ouvertures": [
            {
                "code_insee": "05046",
                "typologie": "France services",
                "mesure": mesure,
                "personnes_minutes": 12_500.0,
                "habitants_rapproches": 900.0,
                "ramenes_a_20_min": 800.0,
                "ramenes_a_30_min": 700.0,
            }
            for mesure in MEASURES
        ],
        "territories__qpv": [
            {
                "code": "QN005001",
                "nom": HOSTILE[1],
                "communes": ["05023"],
                "millesime": "2024",
                "geometrie": square("05023", 0.05),
            }
        ],
        "territories__communes": [
            {
                "code": code,
                "nom": name,
                "departement": "05",
                "region": "93",
                "epci": "240500439" if code != "05046" else None,
                "population": people,
                "codes_postaux": ["05000", "05100"],
                "geometrie": square(code),
            }
            for code, name, people in zip(_CODES, NAMES, (11_000, None, 2_300), strict=True)
        ],
        "territories__epci": [
            {"code": "240500439", "nom": "CC du Briançonnais", "type": "CC", "communes": 13, "population": 21_000}
        ],
        "territories__departements": [
            {"code": "05", "nom": "Hautes-Alpes", "region": "93", "communes": 162, "population": 141_000}
        ],
    }
    return [(contracts[name], frame_of(contracts[name], found)) for name, found in rows.items()]
