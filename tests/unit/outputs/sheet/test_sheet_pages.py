"""A sheet laid out: in words, as a page, on paper, in a terminal, and its map."""

import io
import os
import re
import zlib
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from outputs.sheet.content import content
from outputs.sheet.document import Edition, Link, document
from outputs.sheet.html import render_html
from outputs.sheet.map import HEIGHT, WIDTH, draw_map
from outputs.sheet.pdf import render_pdf
from outputs.sheet.scheme import scheme
from outputs.sheet.terminal import render_terminal
from outputs.sheet.territory import find
from outputs.sheet.words import NBSP, THIN
from tests.sheets import EPCI, FS, HOSTILE, PERIMETER, ROAD, ROWS, layers

GOLDEN = Path(__file__).parents[3] / "golden" / "fiche-departement-05.html"
_DAY = date(2026, 1, 31)


def edition(*, fictional=True, url=None):
    credits = ["DILA, annuaire", "IGN, contours"]
    method = Link("metadonnees/methode.html de la version", url)
    return Edition("2026.01.31", _DAY, "Licence Ouverte 2.0", credits, method, fictional)


def sheet(asked="05", niveau=None, *, fictional=True, url=None, **replaced):
    tables = layers(**replaced)
    found = content(tables, find(tables, asked, niveau, PERIMETER), scheme(), PERIMETER)
    return document(found, edition(fictional=fictional, url=url), scheme())


def drawn(asked="05", niveau=None, *, mesure=ROAD, fictional=False, **replaced):
    tables = layers(**replaced)
    territory = find(tables, asked, niveau, PERIMETER)
    return draw_map(tables, territory, mesure=mesure, typology=FS, credit="IGN", fictional=fictional)


class Reader(HTMLParser):
    """Tags and text of a page, as a browser takes them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.images = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.images += [value for name, value in attributes if tag == "img" and name == "src"]

    def handle_data(self, data):
        self.text.append(data)


# --- in words ----------------------------------------------------------------------------------------------------


def test_the_essentials_in_words():
    said = sheet()
    assert said.title == "Hautes-Alpes"
    assert said.subtitle == f"Département 05 · Provence-Alpes-Côte d’Azur · 3{NBSP}communes"
    assert said.edition == "Fiche de territoire · version 2026.01.31 · données au 31/01/2026"
    assert said.measure.startswith("Temps par la route")
    reached, opened, tense, basket = said.tiles
    assert (reached.value, reached.beside) == (
        f"90{NBSP}%",
        f"100{NBSP}habitants plus loin · médiane des départements{NBSP}: 85{NBSP}%",
    )
    assert (opened.value, opened.beside) == (f"30{NBSP}h", f"médiane des départements{NBSP}: 33{NBSP}h")
    assert (tense.value, tense.words) == ("1", "commune en tension sur 2")
    assert tense.beside == f"400{NBSP}habitants (10{NBSP}%) · 0 proche du seuil"
    assert (basket.value, basket.beside) == (
        f"61{NBSP}%",
        f"France{NBSP}: non{NBSP}connu · services recensés seulement",
    )


def test_every_row_has_a_cell_for_every_column():
    for said in (sheet(), sheet("05002"), sheet(EPCI), sheet("93", "region"), sheet("93", "departement")):
        for table in (said.figures, said.services, said.tension, said.baskets, said.places, said.border):
            assert {len(row) for row in table.rows} <= {len(table.columns)}


def test_estimates_say_they_are_and_the_unmeasured_says_so():
    assert "à vol d’oiseau" in sheet("93", "region").measure
    assert "à vol d’oiseau" in sheet("93", "region").picture.title
    nothing = sheet("93", "departement")
    assert "non connus" in nothing.measure
    assert nothing.tiles[0].value == f"non{NBSP}connu"
    assert nothing.border.lead == "Non connu."


def test_what_is_not_known_is_written_out():
    said = sheet()
    figures = {row[0]: row for row in said.figures.rows}
    assert figures["Foyers au RSA, pour 100 ménages"][1:4] == (f"non{NBSP}connu", f"n.{NBSP}c.", f"n.{NBSP}c.")
    assert figures["Taux de pauvreté"][1] == f"14,2{NBSP}%*"
    assert f"* données incomplètes{NBSP}: plus de 5{NBSP}% manquent." in said.figures.notes[0]
    notes = " ".join(said.services.notes)
    assert "Maison des solidarités" in notes.partition("Aucun point d’accueil")[2]
    assert f"Mairie 2{NBSP}%" in notes.partition("Habitants sans temps connu")[2]
    caf = next(row for row in said.services.rows if row[0] == "Caf")
    assert caf[-2] == f"n.{NBSP}c."  # hours, known of too few
    assert f"Habitants dont le panier n’est pas connu{NBSP}: Proximité 3{NBSP}%." in said.baskets.notes


def test_services_out_of_reach_and_beyond_the_border():
    said = sheet()
    assert said.baskets.rows[0][-1] == f"Caf 1{THIN}500 (+250){NBSP}; Mairie 12{NBSP}; France services (+40)"
    assert said.baskets.rows[0][5] == f"Caf (31{NBSP}min)"
    assert said.border.lead.endswith(f"Caf 40{NBSP}%, France services 12{NBSP}%.")  # Mairie: 0.3 %
    near = [r | {"hors_departement_pct": 0.0} for r in ROWS["acces"]]
    assert "Pour presque tous" in sheet(acces=near).border.lead


def test_a_commune_says_its_own_index_and_a_partial_release_that_it_is():
    alone = sheet("05002")
    assert (alone.tiles[2].value, alone.tiles[2].beside) == ("En tension", f"rang national{NBSP}: 7")
    assert alone.tension.lead == f"En tension. Raison de 05002{NBSP}: 12{NBSP}% d’écart."
    assert sheet(EPCI).tension.lead.startswith(f"L’ensemble du territoire{NBSP}: fragile. Raison de {EPCI}")
    assert sheet("05003").tiles[2].value == f"non{NBSP}connu"
    assert alone.pages == sheet(EPCI).pages == 1
    region = sheet("93", "region")
    assert f"ne contient que 3 de ses 5{NBSP}communes" in region.picture.notes[0]
    assert sheet().picture.notes == ()


def test_none_in_tension_is_said():
    quiet = [r for r in ROWS["tension"] if r["rang_national"] != 7]
    assert "Aucune commune n’est en tension." in sheet(tension=quiet).tension.notes
    assert "Aucun indice" in sheet(tension=[]).tension.notes[0]


# --- as a page ---------------------------------------------------------------------------------------------------


def test_names_that_would_run_are_shown_as_text():
    page = render_html(sheet("05002"), None)
    reader = Reader(page)
    assert "script" not in reader.tags
    assert HOSTILE in reader.text
    places = Reader(render_html(sheet(), None))
    assert any("Espace <b>Amont</b>" in text for text in places.text)
    assert "b" not in places.tags


def test_the_page_fetches_nothing_and_says_what_is_invented():
    page = render_html(sheet(), b"\x89PNG")
    reader = Reader(page)
    assert reader.images == ["data:image/png;base64,iVBORw=="]
    assert not re.findall(r"(?:src|href)=\"(?!data:)|url\(|@import", page)
    assert "default-src 'none'" in page
    assert "Données fictives" in reader.text
    assert "Données fictives" not in render_html(sheet(fictional=False), None)
    assert "pas de carte" in render_html(sheet(), None)


def test_the_page_is_the_golden_one():
    """CSP_GOLDEN=write writes it again: look at what changed."""
    page = render_html(sheet(), None)
    if os.environ.get("CSP_GOLDEN") == "write":
        GOLDEN.write_text(page, encoding="utf-8")
    assert page == GOLDEN.read_text(encoding="utf-8")


def test_the_method_is_a_link_where_the_release_has_an_address():
    url = 'https://example.org/2026.01.31/m.html?a=1&b="2"'
    said = sheet(url=url)
    links = re.findall(r'href="(.*?)"', render_html(said, None))
    assert links == [url.replace("&", "&amp;").replace('"', "&#34;")]
    assert b"/URI" in render_pdf(said, None)
    assert b"/URI" not in render_pdf(sheet(), None)


# --- on paper ----------------------------------------------------------------------------------------------------


def printed(content_):
    pypdf = pytest.importorskip("pypdf")
    file = pypdf.PdfReader(io.BytesIO(content_))
    return [" ".join(page.extract_text().replace(NBSP, " ").split()) for page in file.pages]


def test_the_paper_says_the_same_on_the_pages_it_may_take():
    for asked, pages in (("05", 2), (EPCI, 1), ("05002", 1)):
        said = sheet(asked)
        texts = printed(render_pdf(said, drawn(asked)))
        assert 1 <= len(texts) <= pages
        whole = " ".join(texts)
        for words in (said.title, said.measure, *(row[0] for row in said.services.rows), "DONNÉES FICTIVES"):
            assert words in whole
        assert said.edition in texts[0]
    assert HOSTILE in whole


def test_a_long_sheet_is_printed_smaller_rather_than_longer():
    said = sheet(EPCI)
    rows = tuple((f"Commune {n}", "100", str(n), "Pourquoi " * 20) for n in range(7))
    longer = type(said)(**{**vars(said), "tension": type(said.tension)("Titre", said.tension.columns, rows)})
    assert len(printed(render_pdf(longer, drawn(EPCI)))) == 1


def test_paper_is_the_same_bytes_twice_and_embeds_its_letters():
    said, picture = sheet(), drawn()
    once = render_pdf(said, picture)
    assert once == render_pdf(said, picture)
    assert once.count(b"/FontFile2") >= 2
    assert b"/Helvetica" not in b"".join(_streams(once))


def _streams(content_):
    for part in re.findall(rb"stream\r?\n(.*?)endstream", content_, flags=re.DOTALL):
        try:
            yield zlib.decompress(part.strip(b"\r\n"))
        except zlib.error:
            continue


def test_paper_without_a_map_says_so():
    assert "pas de carte" in " ".join(printed(render_pdf(sheet(), None)))


# --- in a terminal -----------------------------------------------------------------------------------------------


def test_the_terminal_says_the_essentials_and_reads_no_markup():
    rows = [{**ROWS["communes"][1], "nom": "[bold]Amont[/bold] [red"}, *ROWS["communes"][:1], *ROWS["communes"][2:]]
    console = Console(file=io.StringIO(), width=200)
    console.print(render_terminal(sheet(communes=rows)))
    said = console.file.getvalue()
    for words in ("Hautes-Alpes", "DONNÉES FICTIVES", "[bold]Amont[/bold] [red", f"14,2{NBSP}%*", "Lieux mutualisés"):
        assert words in said
    assert "mini – maxi" not in said  # a detail
    narrow = Console(file=io.StringIO(), width=80)
    narrow.print(render_terminal(sheet()))
    row = next(line for line in narrow.file.getvalue().splitlines() if line.split()[:2] == ["France", "services"])
    assert row.split()[2:] == ["4", "12,3", "9,0", "90", "100", "30"]


# --- the map -----------------------------------------------------------------------------------------------------


def pixels(image, colour):
    return int(np.isclose(image[:, :, :3], mpl.colors.to_rgb(colour), atol=0.01).all(axis=2).sum())


def test_the_map_shows_classes_tension_counters_and_neighbours():
    image = imread(io.BytesIO(drawn()))
    assert image.shape[1] / image.shape[0] == pytest.approx(WIDTH / HEIGHT, rel=0.01)
    for colour in ("#ffffcc", "#2c7fb8", "#d9d9d9"):  # under 5 min, 20 to 30 min, not known by road
        assert pixels(image, colour) > 5_000
    plain = imread(io.BytesIO(drawn(tension=[])))
    assert pixels(image, "#2c7fb8") < pixels(plain, "#2c7fb8")  # hatched
    bare = imread(io.BytesIO(drawn(implantations=[], permanences=[])))
    assert pixels(image, "#d55e00") > pixels(bare, "#d55e00") + 100
    assert pixels(imread(io.BytesIO(drawn(EPCI))), "#eceef0") > 5_000  # the third commune, in grey


def test_a_commune_is_drawn_among_those_of_its_epci():
    image = imread(io.BytesIO(drawn("05001")))
    assert pixels(image, "#ffffcc") > 5_000
    assert pixels(image, "#2c7fb8") > 5_000
    alone = imread(io.BytesIO(drawn("05003")))
    assert pixels(alone, "#2c7fb8") < 5_000


def test_the_map_is_the_same_bytes_whatever_the_order_and_the_reader_s_settings():
    once = drawn()
    with mpl.rc_context({"font.size": 30, "savefig.dpi": 40}):
        shuffled = {name: list(reversed(rows)) for name, rows in ROWS.items()}
        assert drawn(**shuffled) == once
    assert drawn(fictional=True) != once


def test_without_an_outline_there_is_no_map():
    rows = [c | {"geometrie": None} for c in ROWS["communes"]]
    assert drawn(communes=rows) is None
