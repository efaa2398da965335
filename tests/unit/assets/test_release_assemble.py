"""Staging a whole release: all products there, described, read again, same bytes twice, no remains of a failure."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import frictionless
import polars as pl
import pytest
import shapely

from assets.raw.ingest import SourceState, UsedFile
from assets.release import assemble
from assets.release.assemble import stage
from assets.release.catalogue import CATALOGUE
from assets.release.context import ReleaseContext, describe_source
from assets.release.journal import JOURNAL
from assets.release.manifest import Code, Verdict, check_sums, files_of, load_manifest
from assets.release.promote import promote, settle
from assets.release.versions import already_made, latest, read_manifest
from outputs.metadata import formats as declared_formats
from outputs.metadata.formats import formats
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Contract
from sources.spec import SourceSpec

ROOT = Path(__file__).parents[3]
V1, V2 = "2026.01.31", "2026.02.15"
WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)

SPEC = SourceSpec.model_validate(
    {
        "id": "dila",
        "title": "Annuaire | locaux",
        "producer": "DILA",
        "licence": {"id": "lov2", "title": "Licence Ouverte 2.0", "url": "https://example.org", "attribution": "DILA"},
        "dataset_page": "https://example.org/dila",
        "cadence": "quotidienne",
        "format": "JSON",
        "kind": "counters",
        "reader": "sources.dila.read:read",
        "max_age_days": 30,
        "resources": [{"id": "tout", "url": "https://example.org/a.json", "filename": "a.json", "max_mb": 1}],
        "bounds": {"min": 1, "max": 9},
    }
)
STATE = SourceState(
    id="dila",
    etat="dernière bonne version",
    refus="le serveur ne répond pas",
    lignes_lues=3,
    lignes_utilisables=2,
    fichiers=(
        UsedFile(
            ressource="tout",
            url="https://example.org/a.json",
            url_finale="https://example.org/b.json",
            sha256="ab" * 32,
            octets=12,
            date_telechargement=datetime(2026, 1, 25, tzinfo=UTC),
            date_fichier=datetime(2026, 1, 21, tzinfo=UTC),
        ),
    ),
)


def contract(table, *columns, **more):
    fields = [{"name": n, "type": t, "title": n.capitalize(), "description": f"Colonne {n}."} for n, t in columns]
    base = {"table": table, "title": table.split("__")[1].capitalize(), "description": "D.", "key": [columns[0][0]]}
    return Contract.model_validate({**base, "columns": fields, **more})


CONTRACTS = {
    c.table: c
    for c in (
        contract(
            "essai__guichets",
            ("service_id", "texte"),
            ("service_nom", "texte"),
            ("reseaux", "liste_texte"),
            ("geometrie", "geometrie"),
            geometry={"type": "Point"},
        ),
        contract("essai__distances", ("code", "texte"), ("distance_m", "reel")),
        contract("raw__interne", ("id", "texte"), published=False),
        contract("access__osm", ("id", "texte"), licence="odc-odbl"),
    )
}


@pytest.fixture
def tables():
    return {
        "essai__guichets": pl.DataFrame(
            {
                "service_id": ["S2", "S1"],
                "service_nom": ["=cmd", "Mairie d'Embrun"],
                "reseaux": [["dila", "caf"], None],
                "geometrie": pl.Series([shapely.to_wkb(shapely.Point(6.5, 44.5)), None], dtype=pl.Binary),
            }
        ),
        "essai__distances": pl.DataFrame({"code": ["05046", "01004"], "distance_m": [None, 12.5]}),
        "raw__interne": pl.DataFrame({"id": ["x"]}),
    }


@pytest.fixture
def context():
    return ReleaseContext(
        titre="Carto Services Publics",
        description="Guichets et accès.",
        fictif=True,
        perimetre=("36", "05"),
        date_reference=WHEN,
        code=Code(version="0.1.0", empreinte="c0de" * 16),
        sources=(describe_source(SPEC, STATE, date_reference=WHEN),),
        verdict=Verdict(statut="conforme", cle="k", comptes={"blocage": 0, "alerte": 2}),
        comptages={"guichets": 2},
    )


@pytest.fixture
def quality(tmp_path):
    """What the quality stage leaves: a verdict and a folder."""
    docs = tmp_path / "data_docs"
    docs.mkdir()
    (docs / "index.html").write_text("<p>ok</p>")
    return {"qualite/verdict.json": b"{}", "qualite/issues.csv": "source\r\n", "qualite/data_docs": docs}


def test_everything_is_there_and_described(tmp_path, tables, context, quality):
    folder = stage(tmp_path / "releases", V1, tables, CONTRACTS, context, files=quality)
    names = [p.relative_to(folder).as_posix() for p in files_of(folder)]
    assert names == [
        "NOTES.md",
        "SHA256SUMS",
        "carto-services-publics.gpkg",
        "changements/notes.md",
        "csv/distances.csv",
        "csv/distances.schema.json",
        "csv/guichets.csv",
        "csv/guichets.schema.json",
        "datapackage.json",
        "geoparquet/distances.parquet",
        "geoparquet/guichets.parquet",
        "index.html",
        "manifest.json",
        "metadonnees/dcat.jsonld",
        "metadonnees/dictionnaire.html",
        "metadonnees/dictionnaire.md",
        "metadonnees/iso19139.xml",
        "metadonnees/provenance.json",
        "metadonnees/stac/collection.json",
        "qualite/data_docs/index.html",
        "qualite/issues.csv",
        "qualite/verdict.json",
    ]
    check_sums(folder)
    manifest = load_manifest(folder)
    described = {f.chemin for t in manifest.tables for f in t.fichiers} | {f.chemin for f in manifest.fichiers}
    assert described == set(names) - {"NOTES.md", "SHA256SUMS", "manifest.json"}
    first = manifest.tables[0]
    assert (first.layer, first.lignes, first.cle, first.geometrie.nombre) == ("guichets", 2, ("service_id",), 1)
    assert first.geometrie.emprise == (6.5, 44.5, 6.5, 44.5)
    assert manifest.perimetre == ("05", "36")
    source = manifest.sources[0]
    assert (source.etat, source.motif, source.age_jours) == ("dernière bonne version", "le serveur ne répond pas", 10)
    assert source.fichiers[0].url_finale == "https://example.org/b.json"
    with (folder / "csv" / "guichets.csv").open(newline="", encoding="utf-8") as file:
        assert [r["service_nom"] for r in csv.DictReader(file)] == ["Mairie d'Embrun", "'=cmd"]


def test_notes_say_in_french_what_the_reader_must_know(tmp_path, tables, context):
    text = (stage(tmp_path, V1, tables, CONTRACTS, context) / "NOTES.md").read_text(encoding="utf-8")
    assert "# Carto Services Publics, version 2026.01.31" in text
    assert "Données fictives" in text
    assert "Verdict des contrôles : **conforme**, alerte : 2, blocage : 0." in text
    assert "| `guichets` | Guichets (données fictives) | 2 |" in text
    assert (
        r"| Annuaire \| locaux | DILA | 21/01/2026 | Licence Ouverte 2.0 "
        "| dernière bonne version, vieux de 10 jours ; la cause est dans `manifest.json` |"
    ) in text
    assert "- DILA, 21/01/2026" in text
    real = stage(tmp_path, V1, tables, CONTRACTS, replace(context, fictif=False))
    assert "fictives" not in (real / "NOTES.md").read_text(encoding="utf-8")


def test_same_inputs_same_bytes_in_every_file(tmp_path, tables, context, quality):
    once = stage(tmp_path / "a", V1, tables, CONTRACTS, context, files=quality)
    shuffled = {name: frame.reverse() for name, frame in tables.items()}
    again = stage(tmp_path / "b", V1, shuffled, CONTRACTS, context, files=quality)
    assert {p.relative_to(once): p.read_bytes() for p in files_of(once)} == {
        p.relative_to(again): p.read_bytes() for p in files_of(again)
    }


def test_a_table_no_spreadsheet_opens_is_published_as_parquet_only(tmp_path, tables, context, monkeypatch):
    short = tuple(f.model_copy(update={"lignes_max": 1}) if f.lignes_max else f for f in formats())
    monkeypatch.setattr(declared_formats, "formats", lambda: short)
    tables["essai__distances"] = tables["essai__distances"].head(1)
    folder = stage(tmp_path, V1, tables, CONTRACTS, context)
    names = sorted(p.name for p in (folder / "csv").iterdir())
    assert names == ["distances.csv", "distances.schema.json", "guichets.schema.json"]
    assert pl.read_parquet(folder / "geoparquet" / "guichets.parquet").height == 2
    told = {t.layer: (t.csv, [f.chemin for f in t.fichiers]) for t in load_manifest(folder).tables}
    assert told["guichets"] == (False, ["geoparquet/guichets.parquet", "csv/guichets.schema.json"])
    assert told["distances"][0]
    check_sums(folder)
    notes, page = (folder / "NOTES.md").read_text("utf-8"), (folder / "index.html").read_text("utf-8")
    assert "Trop longues pour un tableur, en Parquet seul (dossier `geoparquet/`) : `guichets`." in notes
    assert page.count("pas de CSV : trop longue pour un tableur") == 1
    assert "guichets.csv" not in page
    package = json.loads((folder / "datapackage.json").read_text("utf-8"))
    described = {r["path"]: r.get("schema") for r in package["resources"]}
    assert described["geoparquet/guichets.parquet"] == "csv/guichets.schema.json"
    assert described["geoparquet/distances.parquet"] is None
    assert described["csv/distances.csv"] == "csv/distances.schema.json"
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["message"])


def test_promoted_then_nothing_new_until_the_inputs_change(tmp_path, tables, context):
    promote(stage(tmp_path, V1, tables, CONTRACTS, context), tmp_path, V1)
    assert read_manifest(tmp_path).version == V1
    later = describe_source(SPEC, STATE, date_reference=datetime(2026, 2, 15, tzinfo=UTC), verified={"tout": WHEN})
    assert already_made(tmp_path, replace(context, sources=(later,))) == V1
    used = STATE.fichiers[0].model_copy(update={"sha256": "cd" * 32})
    fresh = describe_source(SPEC, STATE.model_copy(update={"fichiers": (used,)}), date_reference=WHEN)
    for changed in (
        replace(context, sources=(fresh,)),
        replace(context, perimetre=("05",)),
        replace(context, code=Code(version="0.1.0", empreinte="other")),
        replace(context, parameters={"seuil": 2}),
    ):
        assert already_made(tmp_path, changed) is None


def test_further_products_see_the_tables_and_are_summed(tmp_path, tables, context):
    def copy(folder):
        (folder / "changements").mkdir()
        (folder / "changements" / "copie.csv").write_bytes((folder / "csv" / "distances.csv").read_bytes())

    folder = stage(tmp_path, V1, tables, CONTRACTS, context, products=[copy])
    assert "changements/copie.csv" in {
        f["chemin"] for f in json.loads((folder / "manifest.json").read_text())["fichiers"]
    }
    check_sums(folder)


def test_a_product_that_differs_from_its_table_stops_the_release(tmp_path, tables, context, monkeypatch):
    real = assemble.write_csv
    monkeypatch.setattr(assemble, "write_csv", lambda frame, *rest: real(frame.head(1), *rest))
    with pytest.raises(QualityRefused, match=r"guichets\.csv \(rows\): expected 2; found 1"):
        stage(tmp_path, V1, tables, CONTRACTS, context)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/x", "", "manifest.json", "csv/distances.csv", "NOTES.md"])
def test_files_that_leave_the_release_or_replace_its_own_are_refused(tmp_path, tables, context, name):
    with pytest.raises(WrongUse, match="relative path inside the release"):
        stage(tmp_path / "releases", V1, tables, CONTRACTS, context, files={name: b""})
    assert list((tmp_path / "releases").iterdir()) == []


def test_tables_without_contract_or_of_another_licence_are_refused(tmp_path, context):
    with pytest.raises(WrongUse, match="no contract for t__inconnue"):
        stage(tmp_path, V1, {"t__inconnue": pl.DataFrame()}, CONTRACTS, context)
    with pytest.raises(WrongUse, match="access__osm under odc-odbl"):
        stage(tmp_path, V1, {"access__osm": pl.DataFrame({"id": ["1"]})}, CONTRACTS, context)
    with pytest.raises(WrongUse, match="none to publish"):
        stage(tmp_path, V1, {"raw__interne": pl.DataFrame({"id": ["1"]})}, CONTRACTS, context)


# Run apart, and killed with SIGKILL when it reaches the step named by its last argument.
_KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import polars as pl
from assets.release import assemble
from assets.release.journal import JOURNAL
from assets.release.manifest import Code, Verdict
from quality.contract import Contract

setattr(assemble, sys.argv[2], lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
contract = Contract.model_validate({"table": "t__t", "title": "T", "description": "D", "key": ["id"],
    "columns": [{"name": "id", "type": "texte", "title": "I", "description": "I"}]})
context = assemble.ReleaseContext(titre="T", description="D", fictif=True, perimetre=("05",),
    date_reference=datetime(2026, 1, 31, tzinfo=UTC), code=Code(version="0", empreinte="c"), sources=(),
    verdict=Verdict(statut="conforme", cle="k", comptes={}))
assemble.stage(Path(sys.argv[1]), "2026.02.15", {"t__t": pl.DataFrame({"id": ["a"]})}, {"t__t": contract}, context)
"""


@pytest.mark.lent
@pytest.mark.parametrize("step", ["write_geopackage", "write_sums"])
def test_killed_while_staging_the_former_release_stands_and_the_next_run_succeeds(tmp_path, tables, context, step):
    promote(stage(tmp_path, V1, tables, CONTRACTS, context), tmp_path, V1)
    command = [sys.executable, "-c", _KILLED, str(tmp_path), step]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert len(list(tmp_path.glob(".staging-*"))) == 1
    assert latest(tmp_path) == V1
    check_sums(tmp_path / V1)
    assert len(settle(tmp_path)) == 1
    promote(stage(tmp_path, V2, tables, CONTRACTS, context), tmp_path, V2)
    assert latest(tmp_path) == V2
    assert sorted(p.name for p in tmp_path.iterdir()) == [V1, V2, CATALOGUE, JOURNAL, "latest"]
