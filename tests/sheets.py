"""A small release with indicators: three communes of the Hautes-Alpes and one of Seine-Saint-Denis, people invented.

Values are chosen so that sums and medians are done by hand; a commune bears a name that would run in a careless page.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import shapely

from assets.release.manifest import Code, Manifest, Source, SourceFile, SourceLicence, Verdict, write_manifest
from outputs import layout
from outputs.sheet.layers import NEEDED
from quality.contract import all_contracts

VERSION = "2026.01.31"
PERIMETER = ("05", "93")
HOSTILE = "<script>alert(1)</script>"
FS, MAIRIE, CAF, MDS = (
    "France services",
    "Mairie",
    "Caisse d'allocations familiales (Caf)",
    "Maison départementale des solidarités (MDS)",
)
ROAD, CROW, NONE = "route", "vol d'oiseau", "sans objet"
TENSE, QUIET = "En tension : offre faible et besoin fort", "Offre présente, besoin modéré"
EPCI = "200000001"
_WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
_PLACES = {"05001": (6.0, 44.5), "05002": (6.1, 44.5), "05003": (6.2, 44.5), "93001": (2.4, 48.9)}


def layers(**replaced: Sequence[Mapping[str, Any]]) -> dict[str, pl.LazyFrame]:
    """The tables by layer, as `open_layers` gives them; `replaced`: other rows of a table."""
    rows = ROWS | replaced
    return {name: _frame(name, rows[name]).lazy() for name in NEEDED}


def release(
    root: Path,
    *,
    fictional: bool = True,
    without: Sequence[str] = (),
    **replaced: Sequence[Mapping[str, Any]],
) -> Path:
    """A data root that holds one release of these tables, the current one; returns the root."""
    folder = root / "releases" / VERSION
    layout.geoparquet(folder, "x").parent.mkdir(parents=True)
    for name, frame in layers(**replaced).items():
        if name not in without:
            frame.collect().write_parquet(layout.geoparquet(folder, name))
    sources = [
        _source("dila", "DILA, annuaire"),
        _source("la_poste", "La Poste, points de contact"),
        _source("contours", "IGN, contours"),
        _source("bdtopo", "IGN, BD TOPO"),
    ]
    write_manifest(
        folder,
        Manifest(
            version=VERSION,
            titre="Essai",
            fictif=fictional,
            perimetre=PERIMETER,
            date_reference=_WHEN,
            licence="Licence Ouverte 2.0 (Etalab)",
            code=Code(version="0", empreinte="c"),
            empreinte="e",
            verdict=Verdict(statut="conforme", cle="k", comptes={}),
            sources=tuple(sources),
            tables=(),
            comptages={},
            fichiers=(),
        ),
    )
    (root / "releases" / "latest").symlink_to(VERSION)
    return root


def _source(name: str, credit: str) -> Source:
    file = SourceFile(
        ressource="f",
        url="https://example.org/f",
        url_finale="https://example.org/f",
        sha256="a",
        taille=1,
        date_telechargement=_WHEN,
        date_fichier=_WHEN,
    )
    return Source(
        id=name,
        titre=name,
        producteur=name,
        page="https://example.org",
        licence=SourceLicence(id="lov2", titre="Licence Ouverte 2.0", url="https://example.org"),
        attribution=credit,
        millesime=None,
        etat="à jour",
        motif=None,
        age_jours=0,
        lignes_lues=1,
        lignes_utilisables=1,
        fichiers=(file,),
    )


def _frame(layer: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows in the columns of the contract: what a row does not say is null; another column is refused."""
    schema = next(c.polars_schema for c in all_contracts().values() if c.layer == layer)
    unknown = {name for row in rows for name in row} - set(schema)
    assert not unknown, f"{layer}: {unknown}"
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def _square(code: str) -> bytes:
    x, y = _PLACES[code]
    return shapely.to_wkb(shapely.MultiPolygon([shapely.box(x, y, x + 0.1, y + 0.1)]))


def commune(code: str, nom: str, population: int | None, epci: str | None, region: str) -> dict[str, Any]:
    """A commune, a square of a tenth of a degree."""
    x, y = _PLACES[code]
    return {
        "code": code,
        "nom": nom,
        "departement": code[:2],
        "region": region,
        "epci": epci,
        "population": population,
        "longitude": x + 0.05,
        "latitude": y + 0.05,
        "geometrie": _square(code),
    }


def access(
    niveau: str, territoire: str, typologie: str, mesure: str, minutes: float | None, **more: Any
) -> dict[str, Any]:
    """A row of `acces`: nine in ten within 20 minutes, unless said otherwise."""
    known = {
        "population": 1000.0,
        "temps_moyen_min": minutes,
        "sans_temps_pct": 0.0,
        "population_15_min_pct": 70.0,
        "population_20_min_pct": 90.0,
        "population_30_min_pct": 99.8,
        "habitants_au_dela_20_min": 100.0,
        "habitants_au_dela_30_min": 2.0,
        "hors_departement_pct": 12.0,
        "heures_accessibles_semaine": 30.0,
        "part_horaires_connus_pct": 80.0,
    }
    key = {"niveau": niveau, "territoire": territoire, "typologie": typologie, "mesure": mesure}
    return {**key, **known, **more}


def supply(niveau: str, territoire: str, typologie: str, counters: int, per_100k: float, **more: Any) -> dict[str, Any]:
    """A row of `offre`: implantations only, unless said otherwise."""
    return {
        "niveau": niveau,
        "territoire": territoire,
        "typologie": typologie,
        "nb_implantations": counters,
        "nb_permanences": 0,
        "nb_itinerances": 0,
        "nb_points_accueil": counters,
        "points_accueil_pour_100000": per_100k,
        **more,
    }


def reference(niveau: str, classe: str, mesure: str, indicateur: str, mediane: float, **more: Any) -> dict[str, Any]:
    """A row of `reperes` of France services."""
    key = {"niveau": niveau, "classe": classe, "typologie": FS, "mesure": mesure, "indicateur": indicateur}
    return {**key, "mediane": mediane, "minimum": 1.0, "maximum": 9.0, "territoires": 96, **more}


def figure(
    niveau: str, territoire: str, indicateur: str, valeur: float | None, unite: str, part: float = 0.0
) -> dict[str, Any]:
    """A row of `indicateurs` of the territory itself."""
    return {
        "niveau": niveau,
        "territoire": territoire,
        "typologie": "(territoire)",
        "indicateur": indicateur,
        "valeur": valeur,
        "unite": unite,
        "millesime": "2022",
        "part_inconnue": part,
    }


def index(niveau: str, territoire: str, kind: str | None, rank: int | None, **more: Any) -> dict[str, Any]:
    """A row of `tension`."""
    known = {
        "population": 1000.0,
        "classe_densite": "Rural",
        "type_national": kind,
        "rang_national": rank,
        "raison_national": f"Raison de {territoire} : 12 % d'écart.",
        "tension_robuste": False,
    }
    return {"niveau": niveau, "territoire": territoire, "mesure": ROAD, **known, **more}


def counter(code: str, typologie: str, sources: str = "dila") -> dict[str, Any]:
    """An implantation in the middle of its commune."""
    x, y = _PLACES[code]
    return {
        "point_accueil_id": f"{code}{typologie}",
        "service_typologie": typologie,
        "lieu_code_insee": code,
        "lieu_code_departement": code[:2],
        "lieu_longitude": x + 0.05,
        "lieu_latitude": y + 0.05,
        "sources": sources,
    }


def place(code: str, nom: str | None, *typologies: str) -> dict[str, Any]:
    """A place and the services behind its door."""
    return {
        "lieu_id": f"{code}-{len(typologies)}-{nom}",
        "lieu_nom": nom,
        "nb_services": len(typologies),
        "typologies": list(typologies),
        "lieu_code_insee": code,
        "lieu_code_departement": code[:2],
    }


def _zone(niveau: str, code: str, nom: str, communes: int) -> dict[str, Any]:
    return {"niveau": niveau, "code": code, "nom": nom, "communes": communes, "population": 1000 * communes}


_COMMUNES = [
    commune("05001", "Amont-les-Bains", 3000, EPCI, "93"),
    commune("05002", HOSTILE, 400, EPCI, "93"),
    commune("05003", "Saint-Aval", 600, None, "93"),
    commune("93001", "Saint-Aval", 50_000, None, "11"),
]
_LEVELS = [("departement", "05"), ("departement", "93"), ("departement", "36"), ("region", "93"), ("region", "24")]
_ABOVE = [*_LEVELS, ("epci", EPCI), ("france", "FR")]

ROWS: dict[str, list[dict[str, Any]]] = {
    "communes": _COMMUNES,
    "appartenance": [
        {
            **{name: c[name] for name in ("code", "epci", "departement", "region", "population")},
            "bassin_vie": "05001" if c["departement"] == "05" else None,
        }
        for c in _COMMUNES
    ],
    "zones": [
        _zone("departement", "05", "Hautes-Alpes", 3),
        _zone("departement", "93", "Seine-Saint-Denis", 1),
        _zone("region", "93", "Provence-Alpes-Côte d'Azur", 5),
        _zone("region", "11", "Île-de-France", 1),
        _zone("epci", EPCI, "CC de l'Amont", 2),
        _zone("bassin_vie", "05001", "Amont-les-Bains", 3),
        _zone("france", "FR", "France", 6),
    ],
    "implantations": [counter("05001", FS), counter("05001", MAIRIE), counter("93001", FS, "dila|la_poste")],
    "permanences": [
        {
            "point_accueil_id": "P1",
            "permanence_typologie": FS,
            "lieu_code_insee": "05002",
            "lieu_code_departement": "05",
            "lieu_longitude": 6.15,
            "lieu_latitude": 44.55,
            "sources": "dila",
        }
    ],
    "itinerances": [],
    "lieux": [
        place("05001", "Espace <b>Amont</b>", FS, MAIRIE, CAF),
        place("05002", None, FS, CAF),
        place("05003", "Mairie de Saint-Aval", MAIRIE),
        place("93001", "Ailleurs", FS, MAIRIE),
    ],
    "offre": [
        *(supply(n, t, FS, 4, 3.21, nb_permanences=1, nb_itinerances=2) for n, t in _ABOVE),
        *(supply(n, t, MAIRIE, 30, 50.0) for n, t in _ABOVE),
        *(supply(n, t, CAF, 1, 0.456) for n, t in _ABOVE),
        *(supply(n, t, MDS, 0, 0.0) for n, t in _ABOVE),  # a typology without any counter in the whole country
        supply("commune", "05001", FS, 1, 33.3),
    ],
    "acces": [
        access("departement", "05", FS, ROAD, 12.34),
        access("departement", "05", FS, CROW, 8.0),
        access("departement", "05", MAIRIE, ROAD, 3.0, sans_temps_pct=2.4, hors_departement_pct=0.3),
        access("departement", "05", CAF, ROAD, 31.0, part_horaires_connus_pct=20.0, hors_departement_pct=40.0),
        access("region", "93", FS, CROW, 9.0),
        access("epci", EPCI, FS, ROAD, 11.0),
        access("commune", "05001", FS, ROAD, 4.0),
        access("commune", "05002", FS, ROAD, 24.0),
        access("commune", "05003", FS, CROW, 7.0),
        access("france", "FR", FS, CROW, 10.0),
    ],
    "reperes": [
        reference("departement", "ensemble", NONE, "points_accueil_pour_100000", 4.0, valeur_france=5.5),
        reference("departement", "ensemble", ROAD, "temps_moyen_min", 9.0),
        reference("departement", "ensemble", ROAD, "population_20_min_pct", 85.0),
        reference("departement", "ensemble", ROAD, "heures_accessibles_semaine", 33.0),
        reference("departement", "ensemble", CROW, "temps_moyen_min", 7.0),
        reference("commune", "Rural", ROAD, "temps_moyen_min", 14.0, territoires=20_000),
        reference("commune", "ensemble", ROAD, "temps_moyen_min", 10.0),
    ],
    "indicateurs": [
        *(
            figure(n, t, "population", v, "habitants")
            for n, t, v in (("departement", "05", 4000.0), ("france", "FR", 6e7))
        ),
        figure("departement", "05", "taux_pauvrete_pct", 14.25, "%", 0.12),
        figure("departement", "93", "taux_pauvrete_pct", 28.0, "%"),
        figure("departement", "36", "taux_pauvrete_pct", 16.0, "%"),
        figure("france", "FR", "taux_pauvrete_pct", 15.1, "%"),
        figure("departement", "05", "allocataires_rsa_pct", None, "%", 1.0),
        figure("commune", "05001", "taux_pauvrete_pct", 10.0, "%"),
        figure("commune", "05002", "taux_pauvrete_pct", 20.0, "%"),
        figure("commune", "93001", "taux_pauvrete_pct", 30.0, "%"),
    ],
    "tension": [
        index("commune", "05001", QUIET, 900, population=3000.0),
        index("commune", "05002", TENSE, 7, population=400.0, tension_robuste=True),
        index("commune", "05003", None, None, population=600.0),
        index("commune", "93001", TENSE, 3, classe_densite="Urbain dense"),
        index("epci", EPCI, "Fragile : proche du seuil de tension", 30),
    ],
    "paniers": [
        {
            "niveau": "departement",
            "territoire": "05",
            "panier": "proximite",
            "mesure": ROAD,
            "couverture_pct": 88.0,
            "panier_complet_pct": 61.0,
            "maillon_faible": CAF,
            "temps_maillon_faible_min": 31.4,
            "part_inconnue_pct": 3.0,
            "services_sans_guichet": f"{MDS}, Maison de santé",
        }
    ],
    "services_manquants": [
        {
            "niveau": "departement",
            "territoire": "05",
            "panier": "proximite",
            "mesure": ROAD,
            "typologie": typologie,
            "habitants_sans": without,
            "habitants_substitut": substitute,
        }
        for typologie, without, substitute in ((MAIRIE, 12.0, 0.0), (CAF, 1500.0, 250.0), (FS, 0.0, 40.0))
    ],
}
