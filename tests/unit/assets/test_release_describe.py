"""A tiny release described by itself: golden files, then each record read by a reader that is not ours."""

import base64
import hashlib
import json
import os
import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import frictionless
import jsonschema
import polars as pl
import pystac
import pytest
import rdflib
import shapely
from owslib.etree import etree
from owslib.iso import MD_Metadata
from pystac.extensions.file import FileExtension
from pystac.extensions.table import TableExtension
from pystac.validation.local_validator import VERSION, get_local_schema_cache
from rdflib import namespace as ns
from referencing import Registry, Resource

from assets.release import describe as stage
from assets.release.catalogue import CATALOGUE, write_catalogue
from assets.release.context import ReleaseContext
from assets.release.describe import describe
from assets.release.manifest import (
    Code,
    Manifest,
    Source,
    SourceFile,
    SourceLicence,
    Table,
    Verdict,
    files_of,
    load_manifest,
    release_file,
    write_manifest,
    write_sums,
)
from outputs.facts import facts
from outputs.metadata.publication import Contact, Publisher, publication
from quality.contract import Contract, all_contracts
from quality.coverage import Coverage

GOLDEN = Path(__file__).parents[2] / "golden" / "release"
V1, V2 = "2026.01.31", "2026.02.28"
WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOSTILE = "<script>alert('é')</script> & \"co\"\x0b"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==")
SPDX = rdflib.Namespace("http://spdx.org/rdf/terms#")
VCARD = rdflib.Namespace("http://www.w3.org/2006/vcard/ns#")
ISO = {
    "gmd": "http://www.isotc211.org/2005/gmd",
    "gco": "http://www.isotc211.org/2005/gco",
    "gmx": "http://www.isotc211.org/2005/gmx",
    "gml": "http://www.opengis.net/gml/3.2",
    "xlink": "http://www.w3.org/1999/xlink",
}

MAIRIES = Contract.model_validate(
    {
        "table": "territories__mairies",
        "title": "Mairies",
        "description": "Mairies & positions.",
        "key": ["code"],
        "geometry": {"type": "Point"},
        "columns": [
            {
                "name": "code",
                "type": "texte",
                "title": "Code",
                "description": "Code <Insee>.",
                "required": True,
                "unique": True,
                "pattern": r"^\d{5}$",
                "example": "05046",
            },
            {"name": "population", "type": "entier", "title": "Population", "description": "Habitants.", "min": 0},
            {"name": "geometrie", "type": "geometrie", "title": "Position", "description": "Mairie."},
        ],
    }
)
COUNTERS = Contract.model_validate(
    {
        "table": "referentiel__guichets",
        "title": "Guichets d'été",
        "description": "Où l'on est reçu.",
        "key": ["id"],
        "geopackage": False,
        "foreign_keys": [
            {"column": "code_insee", "references": "territories__mairies", "to": "code", "severity": "alerte"}
        ],
        "columns": [
            {"name": "id", "type": "texte", "title": "Identifiant", "description": "Stable."},
            {"name": "code_insee", "type": "texte", "title": "Code commune", "description": "Code Insee."},
            {"name": "heures_h", "type": "reel", "title": "Heures", "description": "Par semaine.", "unit": "h"},
            {
                "name": "jour",
                "type": "texte",
                "title": "Jour",
                "description": "Jour.",
                "values": ["lu", "ma", "me", "je", "ve", "sa", "di"],
                "severity": "alerte",
            },
            {"name": "sources", "type": "liste_texte", "title": "Sources", "description": "Qui le dit."},
        ],
    }
)
CONTRACTS = (MAIRIES, COUNTERS)
FRAMES = (
    pl.DataFrame(
        {
            "code": ["05046", "01004"],
            "population": [10, None],
            "geometrie": [shapely.to_wkb(shapely.Point(6.5, 44.5)), None],
        },
        schema=MAIRIES.polars_schema,
    ),
    pl.DataFrame(
        {"id": ["G1"], "code_insee": ["05046"], "heures_h": [2.5], "jour": ["lu"], "sources": [["dila", "caf"]]},
        schema=COUNTERS.polars_schema,
    ),
)
#: The products, small and chosen here, so that the golden files depend on no other writer.
PRODUCTS = {
    "carte/apercu.png": PNG,
    "carto-services-publics.gpkg": b"SQLite",
    "changements/notes.md": f"# Ce qui change\n\n| raison | lignes |\n|---|---:|\n| {HOSTILE} | 1 |\n".encode(),
    "csv/mairies.csv": b"code,population\r\n01004,\r\n05046,10\r\n",
    "csv/mairies.schema.json": json.dumps(
        {
            "fields": [{"name": "code", "type": "string"}, {"name": "population", "type": "integer"}],
            "primaryKey": "code",
        }
    ).encode(),
    "csv/guichets.csv": b"id,code_insee,heures_h,jour,sources\r\nG1,05046,2.5,lu,caf|dila\r\n",
    "csv/guichets.schema.json": json.dumps(
        {
            "fields": [
                {"name": "id", "type": "string"},
                {"name": "code_insee", "type": "string"},
                {"name": "heures_h", "type": "number"},
                {"name": "jour", "type": "string"},
                {"name": "sources", "type": "string"},
            ],
            "foreignKeys": [{"fields": "code_insee", "reference": {"resource": "mairies", "fields": "code"}}],
        }
    ).encode(),
    "geoparquet/mairies.parquet": b"PAR1",
    "geoparquet/guichets.parquet": b"PAR1 too",
    "qualite/data_docs/index.html": b"<p>ok</p>",
    "qualite/data_docs/validations/a b.html": b"<p>ok</p>",
    "qualite/issues.csv": b"source\r\n",
    "qualite/rapport.html": b"<p>ok</p>",
    "qualite/verdict.json": b"{}",
}
SOURCES = (
    Source(
        id="dila",
        titre=f"Annuaire {HOSTILE}",
        producteur="DILA",
        page="https://example.org/dila?a=1&b=2",
        licence=SourceLicence(id="lov2", titre="Licence Ouverte 2.0", url="https://example.org/lo"),
        attribution=f"DILA {HOSTILE}",
        millesime=None,
        etat="à jour",
        motif=None,
        age_jours=10,
        lignes_lues=3,
        lignes_utilisables=2,
        fichiers=(
            SourceFile(
                ressource="tout",
                url="https://example.org/a.json",
                url_finale="https://example.org/b.json",
                sha256="ab" * 32,
                taille=12,
                date_telechargement=datetime(2026, 1, 25, tzinfo=UTC),
                date_fichier=datetime(2026, 1, 21, tzinfo=UTC),
            ),
        ),
    ),
    Source(
        id="caf",
        titre="Sites des Caf",
        producteur="Cnaf",
        page="https://example.org/caf",
        licence=SourceLicence(id="lov2", titre="Licence Ouverte 2.0", url="https://example.org/lo"),
        attribution="Cnaf",
        millesime=None,
        etat="absente",
        motif="le serveur ne répond pas",
        age_jours=None,
        lignes_lues=None,
        lignes_utilisables=None,
        fichiers=(),
    ),
)
CONTEXT = ReleaseContext(
    titre="Carto Services Publics",
    description="Guichets & accès.",
    fictif=False,
    perimetre=("01", "05"),
    date_reference=WHEN,
    code=Code(version="0.1.0", empreinte="c0de" * 16),
    sources=SOURCES,
    verdict=Verdict(statut="accepté", cle="k", comptes={"regles": 1200, "blocages": 0, "alertes": 2, "acceptes": 1}),
    couverture=(
        Coverage(departement="01", nom="Ain", points=3, positions=2, horaires=3, identifiants=3, recoupes=1),
        Coverage(departement="05", nom="Hautes-Alpes", points=1, positions=1, horaires=1, identifiants=0, recoupes=0),
    ),
    methode="# Méthode\n\nVoir le [dictionnaire](dictionnaire.md) et [le code](../assets/a.yml).\n",
    parameters={"tables": {"t": "d"}},
)


def make(folder, *, context=CONTEXT, contracts=CONTRACTS, products=PRODUCTS, version=V1):
    """A described release in `folder`, as `stage` leaves it; its products are those given."""
    for path, content in products.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    tables = [
        Table(
            **dict(facts(frame, contract)),
            licence=contract.licence,
            fichiers=tuple(
                release_file(folder, folder / p)
                for p in (f"csv/{contract.layer}.csv", f"geoparquet/{contract.layer}.parquet")
                if p in products
            ),
        )
        for contract, frame in zip(contracts, FRAMES, strict=True)
    ]
    held = {f.chemin for t in tables for f in t.fichiers}
    manifest = Manifest(
        version=version,
        titre=context.titre,
        fictif=context.fictif,
        perimetre=context.perimetre,
        date_reference=WHEN,
        licence="Licence Ouverte 2.0 (Etalab)",
        code=context.code,
        empreinte=context.empreinte,
        verdict=context.verdict,
        sources=context.sources,
        tables=tuple(tables),
        comptages={},
        fichiers=tuple(release_file(folder, folder / p) for p in sorted(products) if p not in held),
    )
    write_manifest(folder, describe(folder, manifest, contracts, context))
    (folder / "NOTES.md").write_text("# Notes\n", encoding="utf-8")
    write_sums(folder)
    return folder


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return make(tmp_path_factory.mktemp("releases") / V1)


@pytest.fixture
def _addressed(monkeypatch):
    """A publisher who says who they are and where releases are served."""
    declared = publication().model_copy(
        update={
            "adresse": "https://data.example/versions",
            "diffuseur": Publisher(nom="Organisme & Cie", page="https://data.example/"),
            "contact": Contact(nom="Service des données", courriel="donnees@data.example", page=None),
            "depot": "https://code.example/depot",
        }
    )
    monkeypatch.setattr(stage, "publication", lambda: declared)


DESCRIBED = (
    "datapackage.json",
    "index.html",
    "metadonnees/dcat.jsonld",
    "metadonnees/dictionnaire.html",
    "metadonnees/dictionnaire.md",
    "metadonnees/iso19139.xml",
    "metadonnees/methode.html",
    "metadonnees/provenance.json",
    "metadonnees/stac/collection.json",
)


def read(folder, path):
    return (folder / path).read_text(encoding="utf-8")


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DESCRIBED)
def test_what_others_read_does_not_change_unseen(release, path):
    """Wanted? Write the golden files again: `CSP_GOLDEN=write pytest tests/unit/assets/test_release_describe.py`."""
    text = re.sub(r"<style>.*?</style>", "<style></style>", read(release, path), flags=re.DOTALL)
    kept = GOLDEN / Path(path).name
    if os.environ.get("CSP_GOLDEN") == "write":
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8")


def test_all_of_it_is_in_the_manifest_and_nothing_else(release):
    manifest = load_manifest(release)
    listed = {f.chemin: f.sha256 for f in (*manifest.fichiers, *(f for t in manifest.tables for f in t.fichiers))}
    present = {p.relative_to(release).as_posix() for p in files_of(release)}
    assert set(listed) == present - {"NOTES.md", "SHA256SUMS", "manifest.json"}
    assert set(DESCRIBED) <= set(listed)
    for path, digest in listed.items():
        assert hashlib.sha256((release / path).read_bytes()).hexdigest() == digest


def test_same_facts_same_bytes(release, tmp_path):
    again = make(tmp_path / V1)
    for path in DESCRIBED:
        assert (again / path).read_bytes() == (release / path).read_bytes(), path


def test_nothing_of_this_machine_is_told(release):
    for path in DESCRIBED:
        assert str(release.parent) not in read(release, path)
        assert f"{date.today():%d/%m/%Y}" not in read(release, path)


def test_invented_data_say_so_everywhere_and_have_another_identity(release, tmp_path):
    described = replace(CONTEXT, fictif=True, titre="Carto Services Publics — DONNÉES FICTIVES")
    invented = make(tmp_path / V1, context=described)
    for path in set(DESCRIBED) - {"metadonnees/dictionnaire.md"}:
        assert re.search("fictif|fictives|FICTIVES", read(invented, path)), path
        if path != "metadonnees/provenance.json":
            assert not re.search("fictives|FICTIVES", read(release, path)), path
    one, other = (json.loads(read(folder, "datapackage.json")) for folder in (release, invented))
    assert one["id"] != other["id"]
    assert one["name"] != other["name"]


def test_without_the_method_nothing_leads_to_it(tmp_path):
    folder = make(tmp_path / V1, context=replace(CONTEXT, methode=None))
    assert not (folder / "metadonnees" / "methode.html").exists()
    assert "methode.html" not in read(folder, "index.html")


def test_every_licence_of_a_contract_is_declared():
    assert {c.licence for c in all_contracts().values()} <= set(publication().licences)


# --- pages ------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Tags and text; complains of tags closed out of order."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "col"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def attributes(self, name):
        return [attrs[name] for _, attrs in self.tags if name in attrs]


PAGES = [path for path in DESCRIBED if path.endswith(".html")]


@pytest.mark.parametrize("path", PAGES)
def test_links_of_a_page_lead_to_a_file_of_the_release(release, path):
    page = Page(read(release, path))
    for target in [*page.attributes("href"), *page.attributes("src")]:
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme == "https"
            continue
        where = (release / path).parent / unquote(parts.path) if parts.path else release / path
        assert where.is_file(), target
        if parts.fragment:
            assert parts.fragment in Page(where.read_text(encoding="utf-8")).attributes("id"), target


@pytest.mark.parametrize("path", PAGES)
def test_a_page_needs_nothing_else_and_runs_nothing_that_came_from_data(release, path):
    page = Page(read(release, path))
    tags = [tag for tag, _ in page.tags]
    assert not {"link", "iframe", "object", "base", "embed"} & set(tags)
    assert tags.count("script") == (path == "metadonnees/dictionnaire.html")
    assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on")]
    assert all(not urlsplit(src).scheme for src in page.attributes("src"))
    (policy,) = [a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a]
    assert policy.startswith("default-src 'none'; ")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_in_its_structure(release, path):
    page = Page(read(release, path))
    by_tag: dict[str, list[dict]] = {}
    for tag, attrs in page.tags:
        by_tag.setdefault(tag, []).append(attrs)
    assert by_tag["html"][0]["lang"] == "fr"
    assert len(by_tag["main"]) == len(by_tag["title"]) == 1
    assert all(attrs.get("alt") for attrs in by_tag.get("img", []))
    assert all("scope" in attrs for attrs in by_tag.get("th", []))
    ids = page.attributes("id")
    assert len(set(ids)) == len(ids)
    assert {name for value in page.attributes("aria-labelledby") for name in value.split()} <= set(ids)


def test_the_page_of_the_release_says_what_a_visitor_asks(release):
    text = " ".join(" ".join(Page(read(release, "index.html")).text).split()).replace("\u202f", " ")
    for said in (
        "Version 2026.01.31 · données au 31/01/2026 · Licence Ouverte 2.0 (Etalab)",
        "Ain (01), Hautes-Alpes (05)",
        "4 points d’accueil",
        "75 % ont une position connue",
        "Verdict accepté : 1 200 règles contrôlées, 0 blocage, 2 alertes, 1 écart accepté.",
        "du 21/01/2026 au 31/01/2026",
        "Déclarées, mais sans fichier pour cette version : Sites des Caf.",
        HOSTILE.replace("\x0b", " ").rstrip(),
    ):
        assert said in text, said
    assert "DuckDB" not in text.partition("Ouvrir les données")[2], "no example of tables that are not there"


def test_the_dictionary_has_every_column_and_its_script_is_the_one_allowed(release):
    text = read(release, "metadonnees/dictionnaire.html")
    for contract in CONTRACTS:
        section = text.partition(f'aria-labelledby="{contract.layer}"')[2].partition("</section>")[0]
        assert all(f'<th scope="row"><code>{c.name}</code></th>' in section for c in contract.columns)
    assert '<a href="#mairies"><code>mairies.code</code></a> (alerte)' in text
    assert "une des 7 valeurs ci-dessous (alerte)" in text
    assert "Code &lt;Insee&gt;." in text
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text


def test_the_method_keeps_the_links_that_lead_somewhere(release):
    text = read(release, "metadonnees/methode.html")
    assert '<a href="dictionnaire.html">dictionnaire</a>' in text
    assert "et le code." in text


# --- records ----------------------------------------------------------------------------------------------------------


def test_frictionless_reads_the_package_and_its_tables(release):
    report = frictionless.validate(str(release / "datapackage.json"))
    assert report.valid, report.flatten(["message"])
    package = frictionless.Package(str(release / "datapackage.json"))
    assert (package.version, package.licenses[0]["name"]) == (V1, "etalab-2.0")
    assert [r.name for r in package.resources if r.type == "table"] == ["guichets", "mairies"]
    assert {r.path for r in package.resources} == {
        p for p in PRODUCTS if p.startswith(("csv/", "geoparquet/", "carto")) and not p.endswith(".json")
    }
    assert package.get_resource("guichets").read_rows() == [
        {"id": "G1", "code_insee": "05046", "heures_h": 2.5, "jour": "lu", "sources": "caf|dila"}
    ]
    assert [s["title"] for s in package.sources] == [f"DILA {HOSTILE}, 21/01/2026"]


@pytest.mark.parametrize(
    ("path", "before", "after", "fault"),
    [
        ("csv/mairies.csv", b"05046", b"05047", "hash"),
        ("csv/guichets.csv", b"2.5", b"2,5", "hash"),
        ("carto-services-publics.gpkg", b"SQLite", b"SQLite!", "byte count"),
    ],
)
def test_frictionless_sees_a_file_that_changed(release, tmp_path, path, before, after, fault):
    copy = shutil.copytree(release, tmp_path / "copy")
    (copy / path).write_bytes((copy / path).read_bytes().replace(before, after))
    report = frictionless.validate(str(copy / "datapackage.json"))
    assert not report.valid
    assert fault in str(report.flatten(["type", "note", "message"]))


def dcat_of(folder):
    graph = rdflib.Graph()
    graph.parse(folder / "metadonnees" / "dcat.jsonld", format="json-ld")
    (dataset,) = graph.subjects(ns.RDF.type, ns.DCAT.Dataset)
    return graph, dataset


def test_dcat_holds_what_dcat_ap_makes_mandatory_and_more(release):
    graph, dataset = dcat_of(release)
    (catalogue,) = graph.subjects(ns.RDF.type, ns.DCAT.Catalog)
    for node, names in (
        (catalogue, (ns.DCTERMS.title, ns.DCTERMS.description, ns.DCTERMS.publisher, ns.DCAT.dataset)),
        (
            dataset,
            (
                *(
                    ns.DCTERMS.identifier,
                    ns.DCTERMS.title,
                    ns.DCTERMS.description,
                    ns.DCTERMS.publisher,
                    ns.DCTERMS.spatial,
                ),
                *(
                    ns.DCTERMS.temporal,
                    ns.DCTERMS.accrualPeriodicity,
                    ns.DCTERMS.issued,
                    ns.DCTERMS.modified,
                    ns.DCTERMS.license,
                ),
                *(ns.DCTERMS.conformsTo, ns.DCTERMS.provenance, ns.DCTERMS.language, ns.DCTERMS.accessRights),
                *(ns.PROV.wasDerivedFrom, ns.DCAT.contactPoint, ns.DCAT.theme, ns.DCAT.keyword, ns.DCAT.distribution),
            ),
        ),
    ):
        for name in names:
            assert list(graph.objects(node, name)), name
    publisher = graph.value(dataset, ns.DCTERMS.publisher)
    assert graph.value(publisher, ns.FOAF.name) == rdflib.Literal("Diffuseur non renseigné", lang="fr")
    assert graph.value(graph.value(dataset, ns.DCAT.contactPoint), VCARD.fn) is not None
    period = graph.value(dataset, ns.DCTERMS.temporal)
    assert graph.value(period, ns.DCAT.startDate) == rdflib.Literal("2026-01-21", datatype=ns.XSD.date)
    assert graph.value(period, ns.DCAT.endDate) == rdflib.Literal("2026-01-31", datatype=ns.XSD.date)
    assert graph.value(dataset, ns.DCTERMS.issued).toPython() == WHEN
    (source,) = graph.objects(dataset, ns.PROV.wasDerivedFrom)
    assert (source, ns.RDF.type, ns.DCAT.Dataset) not in graph, "a harvester would take the sources for ours"
    assert str(graph.value(source, ns.DCTERMS.title)) == f"Annuaire {HOSTILE}".strip()


def test_each_distribution_leads_to_its_file_and_proves_it(release):
    graph, dataset = dcat_of(release)
    distributions = list(graph.objects(dataset, ns.DCAT.distribution))
    assert len(distributions) == 5
    for node in distributions:
        assert (node, ns.RDF.type, ns.DCAT.Distribution) in graph
        path = Path(unquote(urlsplit(str(graph.value(node, ns.DCAT.downloadURL))).path))
        size = graph.value(node, ns.DCAT.byteSize)
        assert (int(size), size.datatype) == (path.stat().st_size, ns.XSD.nonNegativeInteger)
        checksum = graph.value(node, SPDX.checksum)
        digest = graph.value(checksum, SPDX.checksumValue)
        assert (str(graph.value(checksum, SPDX.algorithm)), digest.datatype) == (
            "http://spdx.org/rdf/terms#checksumAlgorithm_sha256",
            ns.XSD.hexBinary,
        )
        assert digest.toPython() == hashlib.sha256(path.read_bytes()).digest()
        assert str(graph.value(node, ns.DCAT.mediaType)).startswith("https://www.iana.org/assignments/media-types/")
        assert "/authority/file-type/" in str(graph.value(node, ns.DCTERMS.format))
        for name in (ns.DCTERMS.title, ns.DCTERMS.license, ns.DCAT.accessURL):
            assert graph.value(node, name) is not None


@pytest.mark.usefixtures("_addressed")
def test_with_an_address_every_identifier_and_link_is_absolute(tmp_path):
    folder = make(tmp_path / V1)
    graph, dataset = dcat_of(folder)
    assert str(dataset) == "https://data.example/versions/2026.01.31/"
    assert not [t for triple in graph for t in triple if isinstance(t, rdflib.URIRef) and t.startswith("file:")]
    assert str(graph.value(graph.value(dataset, ns.DCAT.contactPoint), VCARD.hasEmail)) == "mailto:donnees@data.example"
    package = json.loads(read(folder, "datapackage.json"))
    assert package["homepage"] == package["id"] == "https://data.example/versions/2026.01.31/"
    assert package["contributors"][0] == {
        "title": "Organisme & Cie",
        "path": "https://data.example/",
        "role": "publisher",
    }
    collection = json.loads(read(folder, "metadonnees/stac/collection.json"))
    assert all(a["href"].startswith(str(dataset)) for a in collection["assets"].values())
    xml = ElementTree.parse(folder / "metadonnees" / "iso19139.xml")
    assert all(u.text.startswith("https://") for u in xml.iterfind(".//gmd:URL", ISO))
    assert xml.find(".//gmd:electronicMailAddress/gco:CharacterString", ISO).text == "donnees@data.example"
    page = read(folder, "index.html")
    assert "Organisme &amp; Cie" in page
    assert 'href="mailto:donnees@data.example"' in page
    assert 'href="csv/mairies.csv"' in page, "the page is also read from a copy"


#: What INSPIRE makes mandatory of a dataset (technical guidance 2, annex C), as XPath.
INSPIRE = {
    "file identifier": "gmd:fileIdentifier/gco:CharacterString",
    "metadata language": "gmd:language/gmd:LanguageCode[@codeListValue='fre']",
    "resource type": "gmd:hierarchyLevel/gmd:MD_ScopeCode[@codeListValue='dataset']",
    "metadata contact": "gmd:contact//gmd:organisationName/gco:CharacterString",
    "metadata date": "gmd:dateStamp/gco:Date",
    "reference system": "gmd:referenceSystemInfo//gmd:code/gmx:Anchor",
    "title": "gmd:identificationInfo//gmd:citation//gmd:title/gco:CharacterString",
    "resource identifier": "gmd:identificationInfo//gmd:identifier/gmd:MD_Identifier/gmd:code/gco:CharacterString",
    "date": "gmd:identificationInfo//gmd:citation//gmd:CI_DateTypeCode[@codeListValue='publication']",
    "abstract": "gmd:identificationInfo//gmd:abstract/gco:CharacterString",
    "responsible party": "gmd:identificationInfo//gmd:CI_RoleCode[@codeListValue='pointOfContact']",
    "theme": "gmd:identificationInfo//gmx:Anchor[@xlink:href='http://inspire.ec.europa.eu/theme/us']",
    "thesaurus": "gmd:identificationInfo//gmd:thesaurusName//gmd:title/gmx:Anchor",
    "limitations on public access": "gmd:identificationInfo//gmd:MD_LegalConstraints/gmd:accessConstraints/"
    "gmd:MD_RestrictionCode[@codeListValue='otherRestrictions']",
    "conditions of use": "gmd:identificationInfo//gmd:MD_LegalConstraints/gmd:useConstraints/"
    "gmd:MD_RestrictionCode[@codeListValue='otherRestrictions']",
    "resource language": "gmd:identificationInfo/gmd:MD_DataIdentification/gmd:language/gmd:LanguageCode",
    "topic": "gmd:identificationInfo//gmd:MD_TopicCategoryCode",
    "representation": "gmd:identificationInfo//gmd:MD_SpatialRepresentationTypeCode[@codeListValue='vector']",
    "period": "gmd:identificationInfo//gml:TimePeriod/gml:beginPosition",
    "encoding": "gmd:distributionInfo//gmd:MD_Format/gmd:name/gco:CharacterString",
    "locator": "gmd:distributionInfo//gmd:linkage/gmd:URL",
    "lineage": "gmd:dataQualityInfo//gmd:lineage//gmd:statement/gco:CharacterString",
    "conformity": "gmd:dataQualityInfo//gmd:DQ_ConformanceResult/gmd:pass",
}


@pytest.mark.parametrize("path", INSPIRE.values(), ids=INSPIRE)
def test_the_iso_record_holds_what_inspire_makes_mandatory(release, path):
    found = ElementTree.parse(release / "metadonnees" / "iso19139.xml").find(path, ISO)
    assert found is not None
    assert found.text or found.attrib


def test_owslib_reads_the_iso_record(release):
    record = MD_Metadata(etree.parse(str(release / "metadonnees" / "iso19139.xml")).getroot())
    (identification,) = record.identification
    assert record.identifier == identification.uricode[0] == publication().uri(V1)
    assert (identification.title, identification.edition) == ("Carto Services Publics", V1)
    assert "Licence Ouverte 2.0 (Etalab)" in identification.otherconstraints
    assert record.dataquality.conformancedegree == ["true"]
    assert "1\u202f200 règles contrôlées" in read(release, "metadonnees/iso19139.xml")
    assert {urlsplit(o.url).path for o in record.distribution.online} >= {"../carto-services-publics.gpkg"}
    assert 'co"\ufffd, 21/01/2026' in unescape(read(release, "metadonnees/iso19139.xml")), "what XML cannot hold"


def test_pystac_reads_the_collection(release):
    path = release / "metadonnees" / "stac" / "collection.json"
    collection = pystac.Collection.from_file(str(path))
    assert collection.license == "etalab-2.0"
    assert collection.extent.temporal.intervals[0][1] == WHEN
    for asset in collection.assets.values():
        file = Path(asset.get_absolute_href())
        told = FileExtension.ext(asset)
        assert (told.size, told.checksum) == (
            file.stat().st_size,
            "1220" + hashlib.sha256(file.read_bytes()).hexdigest(),
        )
    parquet, csv = (TableExtension.ext(collection.assets[p]) for p in ("geoparquet/mairies.parquet", "csv/mairies.csv"))
    assert (parquet.row_count, parquet.primary_geometry) == (2, "geometrie")
    assert [c.name for c in csv.columns] == ["code", "population"]
    schema_errors(json.loads(path.read_text(encoding="utf-8")), "collection")


def schema_errors(record, kind):
    """Hold a record against the schema of its STAC version, shipped with pystac."""
    assert record["stac_version"] == VERSION
    cache = get_local_schema_cache()
    registry = Registry().with_resources((uri, Resource.from_contents(s)) for uri, s in cache.items())
    schema = cache[f"https://schemas.stacspec.org/v{VERSION}/{kind}-spec/json-schema/{kind}.json"]
    assert [e.message for e in jsonschema.Draft7Validator(schema, registry=registry).iter_errors(record)] == []


def test_the_catalogue_names_the_latest_and_leads_to_each(tmp_path):
    write_catalogue(tmp_path)
    assert list(tmp_path.iterdir()) == []
    for version in (V1, V2):
        make(tmp_path / version, version=version)
    (tmp_path / "latest").symlink_to(V2)
    write_catalogue(tmp_path)
    record = json.loads((tmp_path / CATALOGUE).read_text(encoding="utf-8"))
    schema_errors(record, "catalog")
    assert record["latest"] == V2
    catalogue = pystac.Catalog.from_file(str(tmp_path / CATALOGUE))
    assert [c.id for c in catalogue.get_children()] == [f"carto-services-publics-{v}" for v in (V2, V1)]
    assert [link.extra_fields.get("latest") for link in catalogue.get_child_links()] == [True, None]
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to(V1)
    write_catalogue(tmp_path)
    record = json.loads((tmp_path / CATALOGUE).read_text(encoding="utf-8"))
    assert record["latest"] == V1
    assert V2 not in json.dumps(record), "a withdrawn release is not offered"


def test_provenance_says_which_bytes_and_which_code(release):
    record = json.loads(read(release, "metadonnees/provenance.json"))
    assert record["code"]["empreinte"] == CONTEXT.code.empreinte
    assert record["empreinte_entrees"] == CONTEXT.empreinte
    assert record["parametres"] == {"tables": {"t": "d"}}
    used, absent = record["sources"]
    assert used["fichiers"][0] == {
        "ressource": "tout",
        "url": "https://example.org/a.json",
        "url_finale": "https://example.org/b.json",
        "sha256": "ab" * 32,
        "octets": 12,
        "date_fichier": "2026-01-21T00:00:00+00:00",
        "date_telechargement": "2026-01-25T00:00:00+00:00",
    }
    assert used["mention"] == f"DILA {HOSTILE}, 21/01/2026"
    assert (absent["etat"], absent["mention"], absent["fichiers"]) == ("absente", None, [])
