"""`csp demo` on an empty folder: the products are there, whole, readable by other tools, and say they are fictional."""

import csv
import json
import math
import re
import shutil
import sqlite3
import subprocess
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import duckdb
import geopandas
import polars as pl
import pyarrow.parquet as pq
import pyogrio
import pytest

from assets.release.manifest import check_sums, files_of, load_manifest
from assets.release.versions import latest, list_releases
from quality.contract import all_contracts
from quality.verdict import read_verdict

#: Tables that a first release, or a fictional one, may well have without rows.
EMPTY = {"conflits", "ponts"}
TABLES = [c for c in all_contracts().values() if c.published and c.licence == "lov2"]


@pytest.fixture(scope="module")
def manifest(demo):
    return load_manifest(demo.release)


@pytest.fixture(scope="module")
def gpkg(demo, tmp_path_factory):
    """A copy: GDAL leaves files of its own beside what it opens."""
    return shutil.copy(demo.release / "carto-services-publics.gpkg", tmp_path_factory.mktemp("lecture"))


@pytest.fixture(scope="module")
def by_layer(manifest):
    return {t.layer: t for t in manifest.tables}


def test_it_ends_well_and_says_where_to_look(demo):
    assert demo.said.code == 0, demo.said.err
    assert "Nouvelle version" in demo.said.out
    printed = [re.search(r"(/\S.*)$", line) for line in demo.said.out.splitlines()]
    paths = [match[1] for match in printed if match]
    assert len(paths) == 4
    for path in paths:
        assert (demo.root.path / path).exists(), path
    for step in ("écriture des flux fictifs", "territoires", "contrôle qualité", "écriture et relecture de la version"):
        assert f"· {step} (" in demo.said.err
    assert "✗" not in demo.said.err
    assert "Traceback" not in demo.said.err
    assert "Warning" not in demo.said.err


def test_the_release_is_complete_and_current(demo, manifest):
    assert list_releases(demo.root.releases) == [manifest.version]
    assert latest(demo.root.releases) == manifest.version
    assert (demo.root.releases / "latest").readlink().as_posix() == manifest.version
    described = {f.chemin for t in manifest.tables for f in t.fichiers} | {f.chemin for f in manifest.fichiers}
    present = {p.relative_to(demo.release).as_posix() for p in files_of(demo.release)}
    assert present == described | {"manifest.json", "SHA256SUMS", "NOTES.md"}
    assert not list(demo.root.releases.glob(".*"))
    assert not list(demo.root.path.rglob("*.tmp"))


def test_the_sums_are_verified_by_the_common_tool(demo):
    check_sums(demo.release)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=demo.release,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_manifest_tells_every_source_and_every_table(demo, manifest):
    told = {s.id: s for s in manifest.sources}
    assert told["dila"].etat == told["cog"].etat == "à jour"
    assert told["bpe"].etat == "absente"  # not written by the demo
    assert told["bpe"].motif
    for source in manifest.sources:
        assert source.attribution
        assert source.licence.url.startswith("https://")
        assert bool(source.fichiers) == (source.etat != "absente")
        for file in source.fichiers:
            snapshot = next((demo.root.snapshots / source.id / file.ressource).glob(f"*-{file.sha256[:12]}"))
            assert (snapshot / "manifest.json").is_file()
    assert {t.layer for t in manifest.tables} == {c.layer for c in TABLES}
    assert manifest.verdict.statut == "accepté"
    assert manifest.comptages["dila|mairie"] > 100
    assert len(manifest.perimetre) == 2


@pytest.mark.parametrize("contract", TABLES, ids=lambda c: c.layer)
def test_other_readers_find_the_same_rows_everywhere(demo, gpkg, by_layer, contract):
    layer, rows = contract.layer, by_layer[contract.layer].lignes
    parquet = demo.release / "geoparquet" / f"{layer}.parquet"
    assert rows > 0 or layer in EMPTY
    assert pq.read_metadata(parquet).num_rows == rows
    assert duckdb.read_parquet(str(parquet)).count("*").fetchone() == (rows,)
    names = [c.name for c in contract.columns]
    assert pq.read_schema(parquet).names[: len(names)] == names
    with (demo.release / "csv" / f"{layer}.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.reader(file))
    assert len(cells) - 1 == rows
    assert {len(line) for line in cells} == {len(cells[0])}
    if contract.geopackage:
        frame = pyogrio.read_dataframe(gpkg, layer=layer)
        assert len(frame) == rows
    if contract.geometry:
        shapes = geopandas.read_parquet(parquet)
        assert shapes.crs.to_epsg() in {4326, None}
        assert shapes.crs.name in {"WGS 84", "WGS 84 (CRS84)"}
        known = shapes.geometry.notna()
        assert shapes.geometry[known].is_valid.all()
        assert frame.geometry.notna().sum() == known.sum()
        if layer in {"implantations", "communes"}:
            assert known.mean() > 0.9
            west, south, east, north = shapes.total_bounds
            assert -5.2 < west <= east < 9.6
            assert 41.3 < south <= north < 51.2


def test_sql_on_the_warehouse(demo, by_layer):
    with duckdb.connect(str(demo.root.warehouse), read_only=True) as warehouse:
        schemas = warehouse.sql("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        found = {table: schema for schema, table in schemas}
        for layer, table in by_layer.items():
            name = next(n for n in found if n == layer or n.endswith(f"__{layer}"))
            assert warehouse.table(f"{found[name]}.{name}").count("*").fetchone() == (table.lignes,)


def test_the_numbers_agree_with_what_was_written(demo, by_layer, edition):
    facts = edition(0).facts
    assert by_layer["communes"].lignes == facts.communes
    assert by_layer["epci"].lignes == facts.epci
    assert by_layer["departements"].lignes == len(facts.departements)
    with (demo.release / "csv" / "communes.csv").open(encoding="utf-8", newline="") as file:
        assert sum(int(row["population"] or 0) for row in csv.DictReader(file)) == facts.population


@pytest.mark.parametrize("typology", ["Brigade de gendarmerie", "Préfecture", "France services"])
def test_distances_are_those_of_a_second_computation(demo, typology):
    """From the published files alone and great circles, for the communes whose people start from their mairie."""
    folder = demo.release / "geoparquet"
    counters = pl.read_parquet(folder / "implantations.parquet").filter(pl.col("lieu_longitude").is_not_null())
    place = {i: (x, y) for i, x, y in counters.select("service_id", "lieu_longitude", "lieu_latitude").iter_rows()}
    spots = [place[i] for i in counters.filter(pl.col("service_typologie") == typology)["service_id"]]
    distances = pl.read_parquet(folder / "distances.parquet").filter(pl.col("origine") == "mairie")
    own = distances.filter(pl.col("typologie") == "Mairie")
    assert own.height > 100
    assert own["distance_vol_oiseau_m"].max() < 1
    start = {code: place[hall] for code, hall in own.select("code_insee", "service_id").iter_rows()}
    measured = distances.filter((pl.col("typologie") == typology) & (pl.col("statut") == "calculée"))
    assert measured.height > 100
    for code, metres, hall in measured.select("code_insee", "distance_vol_oiseau_m", "service_id").iter_rows():
        nearest = min(great_circle(start[code], spot) for spot in spots)
        assert metres == pytest.approx(nearest, rel=0.005, abs=2), code
        assert place[hall] in spots


def great_circle(a, b):
    """Metres between two (longitude, latitude), on a sphere."""
    x1, y1, x2, y2 = map(math.radians, (*a, *b))
    half = math.sin((y2 - y1) / 2) ** 2 + math.cos(y1) * math.cos(y2) * math.sin((x2 - x1) / 2) ** 2
    return 2 * 6_371_000 * math.asin(math.sqrt(half))


# --- fictional, wherever a person reads ------------------------------------------------------------------------------


def test_the_data_root_the_manifest_and_the_notes_say_it_is_fictional(demo, manifest):
    assert "imaginaires" in demo.root.fictional_mark.read_text(encoding="utf-8")
    assert manifest.fictif is True
    assert "FICTIVES" in manifest.titre
    assert all("(flux fictif)" in s.titre for s in manifest.sources)
    notes = (demo.release / "NOTES.md").read_text(encoding="utf-8")
    assert "FICTIVES" in notes.splitlines()[0]
    assert "**Données fictives.**" in notes


def test_the_report_says_it_is_fictional(demo):
    page = (demo.release / "qualite" / "rapport.html").read_text(encoding="utf-8")
    title = re.search(r"<title>(.*?)</title>", page, re.DOTALL)
    heading = re.search(r"<header>.*?</header>", page, re.DOTALL)
    assert "données fictives" in title[1]
    assert "DONNÉES FICTIVES" in heading[0]


def test_the_geopackage_says_it_is_fictional(demo):
    with sqlite3.connect(f"file:{demo.release / 'carto-services-publics.gpkg'}?mode=ro", uri=True) as gpkg:
        contents = gpkg.execute(
            "SELECT identifier, description FROM gpkg_contents WHERE table_name <> 'layer_styles'"
        ).fetchall()
        metadata = gpkg.execute("SELECT metadata FROM gpkg_metadata").fetchall()
    assert contents
    assert all("(données fictives)" in title for title, _ in contents)
    assert "FICTIVES" in str(metadata)


def test_the_parquet_files_say_it_is_fictional(demo):
    for path in (demo.release / "geoparquet").glob("*.parquet"):
        about = {k.decode(): v.decode(errors="replace") for k, v in pq.read_schema(path).metadata.items()}
        assert about["fictif"] == "oui", path.name
        assert "FICTIVES" in about["publication"], path.name
        assert "(données fictives)" in about["titre"], path.name


def test_the_status_says_it_is_fictional(demo, csp_here):
    said = csp_here("status", "--data", demo.root.path)
    assert said.code == 0
    assert "DONNÉES FICTIVES" in said.out


# --- quality ---------------------------------------------------------------------------------------------------------


def test_the_verdict_is_stored_and_is_the_one_released(demo, manifest):
    stored = demo.root.quality / "verdict.json"
    assert stored.read_bytes() == (demo.release / "qualite" / "verdict.json").read_bytes()
    verdict = read_verdict(stored)
    assert (verdict.statut, verdict.blocages) == ("accepté", ())
    assert verdict.cle == manifest.verdict.cle
    assert {r.table for r in verdict.resultats if r.table} >= {c.table for c in TABLES}
    assert {r.source for r in verdict.resultats if r.source} == {s.id for s in manifest.sources}


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, _tag, attributes):
        self.found += [unquote(unescape(v)) for k, v in attributes if k in {"href", "src"} and v]


def test_the_pages_stand_alone(demo):
    """Every link of the report and of the Data Docs leads to a file of the release, none to the network."""
    pages = sorted((demo.release / "qualite").rglob("*.html"))
    assert any("data_docs" in p.parts for p in pages)
    assert len(pages) > len(TABLES)
    for page in pages:
        links = Links()
        links.feed(page.read_text(encoding="utf-8"))
        for link in links.found:
            target = link.partition("#")[0]
            if "data_docs" not in page.parts and target.startswith("https://"):
                continue  # the report may send to the pages of the producers
            assert not re.match(r"^(https?:)?//", target), (page.name, link)
            if target and not target.startswith(("mailto:", "data:")):
                assert (page.parent / target).exists(), (page.name, link)


def test_bad_rows_stop_nothing_and_are_published(demo, edition):
    """Each documented fault that sets something aside is in issues.csv: which source, record, column, value, why."""
    with (demo.release / "qualite" / "issues.csv").open(encoding="utf-8", newline="") as file:
        issues = list(csv.DictReader(file))
    assert set(issues[0]) >= {"source", "id_source", "colonne", "valeur", "regle", "motif", "gravite"}
    assert all(i["source"] and i["id_source"] and i["regle"] and len(i["motif"]) > 20 for i in issues)
    by_record = {}
    for issue in issues:
        by_record.setdefault((issue["source"], issue["id_source"]), set()).add(issue["regle"])
    quirks = edition(0).facts.quirks
    expected = {
        ("dila", "identifiant-double"): "identifiant-double",
        ("dila", "date-impossible"): None,
        ("dila", "siret-faux"): "siret-invalide",
        ("dila", "plage-inversee"): None,
        ("france_services", "fs-0null"): None,
    }
    for (source, quirk), rule in expected.items():
        (record,) = quirks[quirk]
        met = by_record.get((source, record), set())
        assert met, quirk
        assert rule is None or rule in met, (quirk, met)
    assert any(i["regle"] == "colonne-inconnue" for i in issues)


def test_a_formula_reaches_no_spreadsheet(demo):
    """No cell of the CSV files starts as one, in any table or in the issues."""
    for path in [*(demo.release / "csv").glob("*.csv"), demo.release / "qualite" / "issues.csv"]:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert not re.match(r"[=@\t\r]|[+-](?![\d.]+$)", cell), (path.name, cell)


def test_nobody_is_named_anywhere(demo, edition):
    """What names people in the feeds is in none of the files of the release."""
    feeds = json.dumps(edition(0).facts.quirks)
    assert "personnes" in feeds
    text = b"".join(p.read_bytes() for p in files_of(demo.release) if p.suffix in {".csv", ".json", ".html", ".md"})
    assert b"affectation_personne" not in text
