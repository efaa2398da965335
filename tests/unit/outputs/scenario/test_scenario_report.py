"""What is written of a scenario, from invented results: report in words, as a page, on paper; maps; comparison."""

import io
import re
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from matplotlib.image import imread

from outputs.scenario.comparison import Comparison, comparison_report
from outputs.scenario.document import place_names
from outputs.scenario.map import draw_before_after, draw_differences
from outputs.scenario.products import COMPARED, PRODUCTS, write_comparison, write_products
from outputs.scenario.render import render_html, render_pdf
from outputs.scenario.report import report
from outputs.scenario.results import SUMMARY, open_results
from outputs.sheet.document import Edition, Link
from outputs.sheet.words import NBSP, THIN
from pipeline.foundations.errors import WrongUse
from tests.scenarios import NAME, STILL, counter, results, winners
from tests.sheets import FS, HOSTILE, MDS, VERSION, layers, release

EDITION = Edition(
    version=VERSION,
    day=date(2026, 1, 31),
    licence="Licence Ouverte 2.0",
    credits=("DILA", "IGN <Contours>"),
    method=Link("la méthode", None),
    fictional=True,
)
WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
SAID = {"version": VERSION, "licence": "LO", "attribution": "DILA", "fictif": "oui"}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return results(tmp_path_factory.mktemp("r") / "projet")


def words(found, edition=EDITION):
    return report(found, place_names(layers()), edition, {})


def plain(text):
    return text.replace(NBSP, " ").replace(THIN, " ").replace("\u2212", "-")


def table(made, title):
    (found,) = [b for b in made.blocks if b.title == title]
    return [tuple(map(plain, row)) for row in found.rows], plain(found.lead)


# --- words ------------------------------------------------------------------------------------------------------------


def test_gains_and_losses_are_never_only_a_net(found):
    nearer, farther, crossed, _ = words(found).tiles
    assert (plain(nearer.value), plain(farther.value)) == ("400", "3 000")
    assert "20,0 min par trajet" in plain(nearer.beside)
    assert "+11,0 min par trajet" in plain(farther.beside)
    assert plain(crossed.value) == "+390 / -12"
    assert "+5 / 0 (30 min)" in plain(crossed.beside)


def test_who_wins_and_loses_by_group(found):
    rows, _ = table(words(found), "Qui y gagne, qui y perd")
    assert rows[0] == ("France services", "Habitants", "400", "3 000", "8 000", "33 000", "390", "12", "5", "0")
    assert rows[1][:4] == ("", "Ménages pauvres", "0", "300")


def test_territories_those_that_gain_then_those_that_lose(found):
    rows, _ = table(words(found), "Territoire par territoire")
    assert [r[0] for r in rows] == ["Hautes-Alpes (05)", "CC de l’Amont", HOSTILE, "Amont-les-Bains"]
    assert rows[2][2:6] == ("25,0", "5,0", "400", "0")
    assert rows[3][2:6] == ("4,0", "15,0", "0", "3 000")


def test_the_whole_is_set_against_the_sum_of_edits_alone(found):
    _, lead = table(words(found), "Les modifications ensemble")
    assert "Ensemble, -25 000 minutes × habitants" in lead
    assert "La somme de chacune seule : +1 100" in lead
    assert "Elles se gênent : 26 100 de moins" in lead


def test_an_edit_that_stands_on_another_has_no_worth_alone(tmp_path):
    rows = [{"rang": 1, "modification": "a", "personnes_minutes_seule": None}] * 2
    figures = {"interaction_personnes_minutes": None}
    base = results(tmp_path / "a").summary.chiffres
    made = words(results(tmp_path / "b", {"modifications": rows}, chiffres=dict(base) | figures))
    assert table(made, "Le projet")[0][0][2] == "*"
    assert "n’a pas de sens" in table(made, "Les modifications ensemble")[1]


def test_kilometres_come_with_their_assumption(found):
    _, lead = table(words(found), "Kilomètres en voiture")
    assert "+1 234 km par an" in lead
    assert "0,5 vers France services et 1 vers Maison des solidarités" in lead


def test_what_is_not_known_is_said(found):
    _, lead = table(words(found), "Ce qui est connu, ce qui ne l’est pas")
    assert "Hautes-Alpes (05). Au-delà, l’effet n’est pas compté" in lead
    assert "Aucun temps ne change pour : Maison des solidarités" in lead
    assert "Horaires non connus" not in lead  # only a closed counter has none


def test_ranks_and_what_leaves_tension(found):
    rows, lead = table(words(found), "Zones de tension")
    assert lead == "Sortent de la tension : 1 commune. Y entrent : aucun territoire."
    assert rows == [(HOSTILE, "commune", "7", "900", "en tension", "non")]


def test_what_does_not_change_is_said_unchanged(found):
    rows, _ = table(words(found), "Horaires et offre à portée")
    assert rows == [("Hautes-Alpes (05)", "France services", "30,0 → 31,5", "inchangé", "inchangé")]
    (basket,), _ = table(words(found), "Paniers de services")
    assert basket[2:] == ("90 % → 92 %", "inchangé", "12,0 → 13,0")


def test_a_project_that_changes_no_time_says_so(tmp_path):
    figures = dict.fromkeys(results(tmp_path / "a").summary.chiffres, 0.0)
    made = words(results(tmp_path / "b", STILL, chiffres=figures))
    assert [t.value for t in made.tiles[:3]] == ["0", "0", "0"]
    assert "Aucun temps" in table(made, "Qui y gagne, qui y perd")[1]
    assert made.tiles[0].beside == "personne"
    render_pdf(made)


def test_straight_lines_are_said_to_be_so(found, tmp_path):
    crow = results(tmp_path / "a", mesure="vol d'oiseau")
    made = report(crow, place_names(layers()), EDITION, {FS: b"png"})
    assert "à vol d’oiseau" in made.measure
    assert f"{FS.capitalize()}{NBSP}: temps jusqu’à l’implantation la plus proche (à vol d’oiseau)" in [
        b.title for b in made.blocks
    ]
    both = Comparison((found, crow))
    assert "ne se comparent pas" in comparison_report(both, place_names(layers()), EDITION, {}).measure


def test_the_base_and_the_project_are_named(found):
    made = words(found)
    assert VERSION in made.edition
    assert "empreinte eeeeeeeeeeee" in plain(made.definitions)
    assert "aaaaaaaaaaaa" in made.definitions


# --- page, paper, maps ------------------------------------------------------------------------------------------------


def test_the_page_runs_nothing_and_asks_for_nothing(found):
    page = render_html(words(found))
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)|url\(|@import", page)
    assert "Données fictives" in page


def test_maps_show_what_changes_and_only_where_outlines_are_known(found):
    image = draw_before_after(found, layers(), FS, fictional=False)
    pixels = (imread(io.BytesIO(image))[:, :, :3] * 255).round().astype(int).reshape(-1, 3)
    for colour in ("#2166ac", "#b35806", "#f2f2f2"):  # much nearer, much farther, unchanged
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        assert (np.abs(pixels - wanted).max(axis=1) <= 2).any(), colour
    assert draw_before_after(found, layers(communes=[]), FS, fictional=False) is None
    assert draw_differences([("A", found)], layers(communes=[]), FS, fictional=False) is None


def test_the_same_results_give_the_same_bytes(found, tmp_path):
    root = release(tmp_path)
    folders = [tmp_path / name for name in ("un", "deux")]
    for folder in folders:
        folder.mkdir()
        write_products(found, root / "releases" / VERSION, folder, EDITION, date_reference=WHEN, said=SAID)
    for name in PRODUCTS:
        first, second = ((folder / name).read_bytes() for folder in folders)
        assert first == second, name
        assert len(first) > 1000


def test_the_report_fits_three_pages(found, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    many = [{"rang": i, "modification": f"Ouvrir {i} " + "x" * 150, "personnes_minutes_seule": 1.0} for i in range(20)]
    made = words(results(tmp_path / "long", {"modifications": many}))
    image = draw_before_after(found, layers(), FS, fictional=True)
    made = report(results(tmp_path / "b", {"modifications": many}), place_names(layers()), EDITION, {FS: image})
    file = pypdf.PdfReader(io.BytesIO(render_pdf(made)))
    assert len(file.pages) <= 3
    assert "Évaluation d’un projet" in file.pages[0].extract_text()


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(WrongUse, match=r"with scenario\.json"):
        open_results(tmp_path)
    (tmp_path / SUMMARY).write_text('{"nom": "x"}', encoding="utf-8")
    with pytest.raises(WrongUse, match="evaluate the scenario again"):
        open_results(tmp_path)


# --- side by side -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path):
    moved = {
        "gagnants_perdants": [winners("05002", "population", 100.0, 0.0, 500.0)],
        "points_accueil": [counter("CSPSCENARIO0001", "ouvert", "05002", 6.15, 44.55)],
    }
    return results(tmp_path / "a"), results(tmp_path / "b", moved, nom="=1+1", empreinte_scenario="b" * 64)


def test_scenarios_on_other_bases_are_refused(pair, tmp_path):
    other = results(tmp_path / "c", version_base="2026.02.28")
    with pytest.raises(WrongUse, match="on one base release") as error:
        Comparison((pair[0], other))
    assert "2026.02.28" in str(error.value)
    same_name = results(tmp_path / "d", empreinte_base="f" * 64)
    with pytest.raises(WrongUse, match="on one base release"):
        Comparison((pair[0], same_name))
    with pytest.raises(WrongUse, match="two to"):
        Comparison(pair[:1])


def test_every_figure_side_by_side(pair):
    compared = Comparison(pair)
    frame = compared.frame()
    assert compared.titles == (f"A. {NAME}", "B. =1+1")

    def row(**key):
        return frame.filter(**key).select(compared.titles).row(0)

    assert row(indicateur="points d’accueil ouverts") == (1, 1)
    assert row(indicateur="points d’accueil fermés") == (1, 0)
    assert row(indicateur="minutes gagnées") == (8000, 500)
    assert row(indicateur="minutes perdues") == (33_000, 0)
    assert row(typologie=FS, groupe="Habitants", indicateur="rapprochés") == (400, 100)
    assert row(typologie=FS, groupe="Ménages pauvres", indicateur="éloignés") == (300, 0)
    (time,) = frame.filter(rubrique="temps").to_dicts()
    assert (time["base"], time["territoire"]) == (10.0, "05")


def test_a_typology_not_touched_keeps_the_times_of_the_base(pair, tmp_path):
    alone = results(tmp_path / "c", STILL | {"temps": []}, trajets_par_an={MDS: 1.0})
    elsewhere = results(tmp_path / "d", STILL | {"temps": []})
    (time,) = Comparison((pair[0], alone, elsewhere)).frame().filter(rubrique="temps").to_dicts()
    assert list(time.values())[-3:] == [11.0, 10.0, None]  # moved; not touched; touched, but not measured there


def test_a_comparison_is_written_whole_and_the_same_twice(pair, tmp_path):
    root = release(tmp_path / "donnees")
    folders = [tmp_path / name for name in ("un", "deux")]
    for folder in folders:
        folder.mkdir()
        made = write_comparison(Comparison(pair), root / "releases" / VERSION, folder, EDITION)
    assert made.blocks[0].title == "Les projets"
    assert made.blocks[-1].title == f"France services{NBSP}: ce que change chaque projet"
    for name in COMPARED:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    read = pl.read_csv(folders[0] / "comparaison.csv")
    assert read.columns[-1] == "B. =1+1"
    assert read.height == pl.read_parquet(folders[0] / "comparaison.parquet").height
    assert HOSTILE not in (folders[0] / "rapport.html").read_text(encoding="utf-8")
