"""Results of a scenario, invented: France services of two communes of `tests.sheets`, one nearer and one farther.

A commune bears a name that would run in a careless page; values are chosen so that sums are done by hand.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from outputs.scenario.results import SUMMARY, Results, open_results
from tests.sheets import EPCI, FS, HOSTILE, MDS, PERIMETER, QUIET, ROAD, TENSE, VERSION

NAME = f"Ouvrir & fermer {HOSTILE}"
_COUNTED = ("gagnants", "perdants", "minutes_gagnees", "minutes_perdues")
_CROSSED = ("entrants_20_min", "sortants_20_min", "entrants_30_min", "sortants_30_min")


def winners(territoire: str, groupe: str, *values: float, niveau: str = "commune") -> dict[str, Any]:
    """A row of `gagnants_perdants`: nearer, farther, minutes gained, lost, then who crosses each threshold."""
    padded = [*values, *([0.0] * (8 - len(values)))]
    key = {"niveau": niveau, "territoire": territoire, "typologie": FS, "groupe": groupe}
    return key | dict(zip((*_COUNTED, *_CROSSED), padded, strict=True))


def time(territoire: str, before: float | None, after: float | None, niveau: str = "commune") -> dict[str, Any]:
    """A row of `temps`."""
    gap = None if before is None or after is None else after - before
    key = {"niveau": niveau, "territoire": territoire, "typologie": FS, "mesure": ROAD, "population": 1000.0}
    times = {"temps_avant_min": before, "temps_apres_min": after, "ecart_min": gap}
    return key | times | {"sans_temps_avant_pct": 0.0, "sans_temps_apres_pct": 0.0}


def cell(ident: str, commune: str, x: float, y: float, before: float, after: float) -> dict[str, Any]:
    """A row of `carreaux`."""
    return {
        "origine_id": ident,
        "code_insee": commune,
        "longitude": x,
        "latitude": y,
        "population": 10.0,
        "typologie": FS,
        "temps_avant_s": before,
        "temps_apres_s": after,
        "heures_avant": 10.0,
        "heures_apres": 12.0,
        "offre_avant": 3.0,
        "offre_apres": 4.0,
        "ecart_s": after - before,
    }


def counter(ident: str, etat: str, commune: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """A row of `points_accueil`."""
    known = {
        "point_accueil_id": ident,
        "service_id": ident,
        "type_structure": "Implantation",
        "typologie": FS,
        "code_insee": commune,
        "code_departement": commune[:2],
        "longitude": x,
        "latitude": y,
        "horaires": "Mo-Fr 09:00-12:00",
        "nom": f"France services {ident}",
        "lieu_id": None,
        "longitude_avant": None,
        "latitude_avant": None,
        "etat": etat,
        "modifications": "1",
    }
    return known | more


_SIDES = ("avant", "apres", "ecart")


def both(key: Mapping[str, Any], **columns: tuple[float | None, float | None]) -> dict[str, Any]:
    """A row of a table side by side: `column=(before, after)`."""
    row = dict(key)
    for name, (before, after) in columns.items():
        gap = None if before is None or after is None else after - before
        row |= {f"{name}_{side}": value for side, value in zip(_SIDES, (before, after, gap), strict=True)}
    return row


TABLES: dict[str, list[dict[str, Any]]] = {
    "modifications": [
        {"rang": 1, "modification": f"Ouvrir à {HOSTILE}", "personnes_minutes_seule": 2000.0},
        {"rang": 2, "modification": "Fermer 05001", "personnes_minutes_seule": -900.0},
    ],
    "points_accueil": [
        counter("CSPSCENARIO0001", "ouvert", "05002", 6.15, 44.55),
        counter(f"05001{FS}", "fermé", "05001", 6.05, 44.55, modifications="2", horaires=None),
        counter("DEPLACE", "déplacé", "05003", 6.25, 44.56, longitude_avant=6.22, latitude_avant=44.53),
    ],
    "carreaux": [
        cell("C1", "05002", 6.15, 44.55, 1500.0, 300.0),
        cell("C2", "05001", 6.05, 44.55, 240.0, 900.0),
        cell("05003", "05003", 6.25, 44.55, 600.0, 630.0),  # no cells there: its mairie
    ],
    "temps": [
        time("05001", 4.0, 15.0),
        time("05002", 25.0, 5.0),
        time("05003", 10.0, 10.5),
        time("05", 10.0, 11.0, niveau="departement"),
        time(EPCI, 6.0, 14.0, niveau="epci"),
    ],
    "gagnants_perdants": [
        winners("05001", "population", 0.0, 3000.0, 0.0, 33_000.0, 0.0, 12.0),
        winners("05002", "population", 400.0, 0.0, 8000.0, 0.0, 390.0, 0.0, 5.0),
        winners("05001", "menages_pauvres", 0.0, 300.0, 0.0, 3300.0),
        winners("05", "population", 400.0, 3000.0, 8000.0, 33_000.0, 390.0, 12.0, 5.0, niveau="departement"),
        winners(EPCI, "population", 400.0, 3000.0, 8000.0, 33_000.0, 390.0, 12.0, 5.0, niveau="epci"),
    ],
    "acces": [
        both(
            {"niveau": "departement", "territoire": "05", "typologie": FS, "mesure": ROAD},
            heures_accessibles_semaine=(30.0, 31.5),
            jours_ouverts_semaine=(4.0, 4.0),
        )
    ],
    "demande": [
        both(
            {"niveau": "departement", "territoire": "05", "typologie": FS, "mesure": ROAD},
            offre_minutes_pour_100=(9.0, 9.0),
        )
    ],
    "paniers": [
        both(
            {"niveau": "departement", "territoire": "05", "panier": "proximite", "mesure": ROAD},
            couverture_pct=(90.0, 92.0),
            panier_complet_pct=(80.0, 80.0),
            temps_maillon_faible_min=(12.0, 13.0),
        )
    ],
    "tension": [
        {"niveau": "commune", "territoire": "05002", "mesure": ROAD, "rang_national_avant": 7,
         "rang_national_apres": 900, "rang_national_ecart": 893, "type_avant": TENSE, "type_apres": QUIET},
    ],
}  # fmt: skip
_SUMMARY: dict[str, Any] = {
    "nom": NAME,
    "description": None,
    "version_base": VERSION,
    "empreinte_base": "e" * 64,
    "empreinte_scenario": "a" * 64,
    "fictif": True,
    "mesure": ROAD,
    "departements_mesures": PERIMETER[:1],
    "hors_reseau": [],
    "trajets_par_an": {FS: 0.5, MDS: 1.0},
    "seuils_min": [20, 30],
    "chiffres": {
        "habitants_rapproches": 400.0,
        "habitants_eloignes": 3000.0,
        "habitants_rapproches_et_eloignes": 0.0,
        "personnes_minutes": -25_000.0,
        "vehicules_km_an": 1234.0,
        "interaction_personnes_minutes": -26_100.0,
    },
    "lignes": {},
}


def results(folder: Path, tables: Mapping[str, list[dict[str, Any]]] | None = None, **summary: Any) -> Results:
    """Results in a folder, opened; `tables`: other rows, of the same columns; `summary`: other facts."""
    folder.mkdir(parents=True)
    for name, rows in (TABLES | dict(tables or {})).items():
        schema = pl.DataFrame(TABLES[name], infer_schema_length=None).schema
        pl.DataFrame(rows, schema=schema).write_parquet(folder / f"{name}.parquet")
    (folder / SUMMARY).write_text(json.dumps(_SUMMARY | summary), encoding="utf-8")
    return open_results(folder)


#: No time changes: a project of permanences.
STILL: dict[str, list[dict[str, Any]]] = {"gagnants_perdants": [], "carreaux": [], "tension": [], "paniers": []}
