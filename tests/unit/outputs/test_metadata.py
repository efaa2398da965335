"""What the self-description is made with: the declarations, sizes, Markdown that came from elsewhere."""

import re
import string
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outputs.metadata import formats as kinds
from outputs.metadata import publication as declared
from outputs.metadata.formats import format_of, formats, has_csv
from outputs.metadata.index import examples, size
from outputs.metadata.markdown import to_html
from outputs.metadata.publication import publication
from outputs.publish.ressources import declaration
from outputs.workbook import MOST_ROWS
from pipeline.foundations.errors import WrongUse
from quality.contract import all_contracts


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("publication_adresse", "adresse: String should match pattern"),
        ("publication_lien", "diffuseur.page: String should match pattern"),
        ("publication_courriel", "contact.courriel: String should match pattern"),
        ("publication_cle", "editeur: Extra inputs are not permitted"),
        ("publication_yaml", "expected readable YAML; found while parsing a flow sequence"),
        ("formats_role", "0.role: Input should be 'données', 'documents', 'fiches' or 'interne'"),
        ("formats_media", "0.media: String should match pattern"),
    ],
)
def test_a_faulty_declaration_is_refused_by_name(fixtures, name, message):
    load = kinds.load if name.startswith("formats") else declared.load
    with pytest.raises(WrongUse, match=re.escape(message)):
        load(fixtures / "metadata" / f"bad_{name}.yml")


def test_nobody_is_invented_as_publisher():
    found = publication()
    assert found.adresse is None
    assert found.diffuseur.nom is None
    assert found.contact.courriel is None
    assert found.publisher == "Diffuseur non renseigné"


def test_identifiers_are_stable_and_all_different():
    found = publication()
    ids = [p.uri(v) for p in (found, found.imagined()) for v in (None, "2026.01.31", "2026.02.28")]
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", i) for i in ids)
    assert len(set(ids)) == len(ids)
    assert found.uri() == "urn:uuid:607f746a-cf47-5c8e-8418-f15088eb6344", "an identifier once given does not change"


def test_links_are_relative_until_the_address_is_known():
    found = publication()
    assert found.link("2026.01.31", "csv/a.csv", up=2) == "../../csv/a.csv"
    served = found.model_copy(update={"adresse": "https://data.example/v"})
    assert served.link("2026.01.31", "csv/a.csv", up=2) == "https://data.example/v/2026.01.31/csv/a.csv"
    assert served.uri() == "https://data.example/v"
    assert served.imagined().adresse is None


def test_the_dataset_is_the_one_published_elsewhere():
    assert publication().identifiant == declaration().jeu.identifiant


@pytest.mark.parametrize(
    ("path", "title", "layer"),
    [
        ("csv/communes.csv", "CSV", "communes"),
        ("csv/communes.schema.json", "Schéma d'une table", None),
        ("geoparquet/communes.parquet", "GeoParquet", "communes"),
        ("qualite/data_docs/index.html", "Règles de qualité, table par table", None),
        ("qualite/data_docs/validations/a/b.html", "Règle de qualité", None),
        ("autre/chose.bin", "autre/chose.bin", None),
    ],
)
def test_a_file_follows_the_first_rule_that_suits_it(path, title, layer):
    found = format_of(path)
    assert (found.titre, found.layer(path)) == (title, layer)


def test_a_csv_stops_where_a_sheet_does():
    assert has_csv(MOST_ROWS - 1)
    assert not has_csv(MOST_ROWS)


def test_no_two_formats_share_a_title():
    titles = [f.titre for f in formats()]
    assert len(set(titles)) == len(titles)


def test_examples_name_tables_and_columns_that_exist():
    by_layer = {c.layer: {column.name for column in c.columns} for c in all_contracts().values() if c.published}
    for example in examples():
        assert set(example.tables) <= set(by_layer)
        files = re.findall(r"(?:geoparquet|csv)/(\w+)\.", example.texte)
        files += re.findall(r"gpkg\", \"(\w+)\"", example.texte)
        assert set(files) == set(example.tables), example.outil
        named = set(re.findall(r"\b(?:lieu|service|distance|code)_\w+", example.texte))
        assert named <= set().union(*(by_layer[layer] for layer in example.tables)), example.outil


@pytest.mark.parametrize(
    ("octets", "written"),
    [
        (0, "0\u202fo"),
        (999, "999\u202fo"),
        (1000, "1,0\u202fko"),
        (9_949, "9,9\u202fko"),
        (585_507, "586\u202fko"),
        (4_420_000, "4,4\u202fMo"),
        (12_000_000_000, "12\u202fGo"),
    ],
)
def test_sizes_as_the_french_write_them(octets, written):
    assert size(octets) == written


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_markdown_keeps_words_and_drops_what_would_run_or_load():
    text = (
        "# Titre <b>\n\n<script>x</script>\n\n![image](https://a.example/x.png) [ici](b.md) [web](https://c.example) "
        "[mauvais](javascript:alert(1)) [local](file:///etc/passwd)\n\n| a |\n|---|\n| <i> |\n"
    )
    found = to_html(text, links={"b.md": "b.html"}, shift=2)
    assert "<h3>Titre &lt;b&gt;</h3>" in found
    assert "image" in found
    assert '<a href="b.html">ici</a>' in found
    assert '<a href="https://c.example">web</a>' in found
    assert "[mauvais](javascript:alert(1))" in found
    assert 'href="file' not in found
    assert '<th scope="col">a</th>' in found
    assert {tag for tag, _ in Tags(found).seen} <= {"h3", "p", "a", "table", "thead", "tbody", "tr", "th", "td"}


@given(st.text(alphabet=string.printable + "é<>[]()!`|#*_&\"'", max_size=200))
def test_no_markdown_makes_a_page_run_or_load_anything(text):
    for tag, attrs in Tags(to_html(text, shift=2)).seen:
        assert tag not in {"script", "img", "iframe", "style", "object", "form", "input", "link", "meta", "base", "svg"}
        assert not [name for name in attrs if name.startswith("on")]
        assert attrs.get("href", "https://").startswith(("https://", "http://"))
