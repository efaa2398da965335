"""Small releases for the tests of what changes from one to the next: only the tables, and what a manifest would say."""

from datetime import UTC, date, datetime

import polars as pl

from assets.referentiel.identity import BRIDGE_SCHEMA, REGISTRY_SCHEMA
from assets.release.changes.edition import Edition, Shape
from assets.release.manifest import Source, SourceFile, SourceLicence
from outputs.facts import ColumnFacts
from quality.contract import all_contracts

DAY, NEXT_DAY = date(2026, 1, 5), date(2026, 2, 5)
MAIRIE, POSTE = "Mairie", "La Poste"


def source(name, sha="a", rows=100):
    """A source in use, as the manifest tells it."""
    when = datetime(2026, 1, 5, tzinfo=UTC)
    file = SourceFile(
        ressource="r",
        url="https://example.org/r",
        url_finale="https://example.org/r",
        sha256=sha * 64,
        taille=1,
        date_telechargement=when,
        date_fichier=when,
    )
    return Source(
        id=name,
        titre=name.capitalize(),
        producteur="P",
        page="https://example.org",
        licence=SourceLicence(id="lov2", titre="Licence Ouverte 2.0", url="https://example.org"),
        attribution=name,
        millesime=None,
        etat="à jour",
        motif=None,
        age_jours=0,
        lignes_lues=rows,
        lignes_utilisables=rows,
        fichiers=(file,),
    )


def counter(name, typology=MAIRIE, **more):
    """A row of `implantations`, at Briançon unless told otherwise."""
    return {
        "type_structure": "Implantation",
        "service_id": name,
        "point_accueil_id": name,
        "lieu_id": f"L{name}",
        "service_nom": f"{typology} {name}",
        "service_typologie": typology,
        "service_horaires_ouverture": "Mo-Fr 09:00-12:00",
        "service_nb_heures_hebdo": 15.0,
        "horaires_texte": "du lundi au vendredi, 9 h-12 h",
        "lieu_code_insee": "05023",
        "lieu_code_epci": "240500439",
        "lieu_code_departement": "05",
        "lieu_longitude": 6.64,
        "lieu_latitude": 44.9,
        "lieu_adresse": f"{len(name)} rue de {name} 05100 Briançon",
        "date_maj": DAY,
        "sources": "dila",
        "source_semantique": "dila",
        **more,
    }


def frame(table, rows):
    """Rows of a table, what is not given left empty."""
    schema = all_contracts()[table].polars_schema
    full = [{name: row.get(name) for name in schema} for row in rows]
    return pl.DataFrame(full, schema=schema, orient="row")


def registry(ids, *, day=DAY, nature="service", **more):
    """Rows of the registry for ids in use."""
    rows = [
        {
            "id": name,
            "nature": nature,
            "etat": "actif",
            "premiere_vue": DAY,
            "derniere_vue": day,
            "derniere_modification": DAY,
            "remplace_par": None,
            "empreinte": "e",
            "typologie": "Mairie" if nature == "service" else None,
            "code_insee": "05061",
            **more,
        }
        for name in ids
    ]
    return pl.DataFrame(rows, schema=REGISTRY_SCHEMA, orient="row")


def bridges(pairs, *, day=DAY, nature="service", source="dila", typologie="mairie"):
    """Bridges `(id, record)`."""
    rows = [
        {
            "id": name,
            "nature": nature,
            "source": source,
            "id_source": record,
            "typologie": typologie,
            "premiere_vue": DAY,
            "derniere_vue": day,
        }
        for name, record in pairs
    ]
    return pl.DataFrame(rows, schema=BRIDGE_SCHEMA, orient="row")


def provenance(rows):
    """`(point_accueil_id, champ, source, id_source)`."""
    names = ("point_accueil_id", "champ", "source", "id_source")
    return frame("referentiel__provenance", [dict(zip(names, row, strict=True)) for row in rows])


def edition(folder, version, tables, *, sources=(), code="c", perimetre=("05",), comptages=None):
    """A release of these frames, by table name, whose shapes are those of the contracts.

    Registry and bridges that are not given are those of the counters, each known by one record of its own name.
    """
    contracts = all_contracts()
    (folder / "geoparquet").mkdir(parents=True)
    given = dict(tables)
    ids = [i for name, rows in given.items() if "point_accueil_id" in rows.columns for i in rows["point_accueil_id"]]
    ids = sorted(set(ids)) if any("implantations" in n or "permanences" in n for n in given) else []
    given.setdefault("referentiel__registre", registry(ids))
    given.setdefault("referentiel__ponts", bridges([(i, i) for i in ids]))
    shapes = {}
    for name, rows in given.items():
        contract = contracts[name]
        rows.write_parquet(folder / "geoparquet" / f"{contract.layer}.parquet")
        columns = tuple(ColumnFacts(nom=c.name, type=c.type) for c in contract.columns)
        shapes[name] = Shape(contract.layer, contract.title, contract.key, columns)
    return Edition(folder, version, code, tuple(perimetre), tuple(sources), comptages or {}, True, shapes)
