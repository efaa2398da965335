"""Verification workbooks as they may come back: filled, altered, hostile."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.reading import ReadResult
from sources.registry import get_source
from sources.remontees_terrain import layout
from sources.remontees_terrain.read import read, read_workbook

ALL = (*layout.FIELDS, layout.LONGITUDE, layout.LATITUDE)
SHOWN = {
    "nom": "Mairie de Valdrin",
    "horaires": "Mo-Fr 09:00-12:00",
    "adresse": "2 rue du Four 05000 Valdrin",
    "telephone": "01 99 00 00 00",
    "type_structure": "Implantation",
    "longitude": "6.000000",
    "latitude": "44.000000",
}
GUIDE = {layout.ORGANISATION: "Commune de Valdrin", layout.DAY: "12/03/2026"}
MARK = {layout.MARK_FORMAT: "1", layout.MARK_DEPARTEMENT: "05", layout.MARK_VERSION: "v", layout.MARK_DAY: "2026-03-01"}


def workbook(
    *rows: dict[str, str],
    guide: dict[str, str] | None = None,
    mark: dict[str, str] | None = None,
    without: tuple[str, ...] = (),
    touch: Callable[[xlsxwriter.Workbook], None] | None = None,
) -> bytes:
    """A workbook of the wire format: each row is what is typed, by heading; ids are A, B, C…"""
    headings = [layout.ID, *(h for f in ALL for h in (f.actuel, f.corrige)), layout.CLOSED_TITLE, layout.CHECKED_TITLE]
    headings += [layout.COMMENT, layout.FINGERPRINT]
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for name, labels in (
            (layout.GUIDE, GUIDE if guide is None else guide),
            (layout.MARK, MARK if mark is None else mark),
        ):
            if name in without:
                continue
            sheet = book.add_worksheet(name)
            for line, pair in enumerate(labels.items()):
                sheet.write_row(line, 0, pair)
        if layout.POINTS not in without:
            sheet = book.add_worksheet(layout.POINTS)
            kept = [h for h in headings if h not in without]
            sheet.write_row(0, 0, kept)
            for line, typed in enumerate(rows, start=1):
                name = "ABCDEFGH"[line - 1]
                cells = {layout.ID: name, **{f.actuel: SHOWN.get(f.champ, "") for f in ALL}}
                cells[layout.FINGERPRINT] = layout.fingerprint(name, [SHOWN.get(v) for v in layout.VALUES])
                for column, heading in enumerate(kept):
                    if text := {**cells, **typed}.get(heading):
                        sheet.write_string(line, column, text)
        if touch:
            touch(book)
    return buffer.getvalue()


def said(*rows: dict[str, str]) -> tuple[list[tuple[str, str, str | None]], list[str]]:
    issues = IssueLog(layout.SOURCE)
    found = read_workbook(workbook(*rows), "c.xlsx", issues).corrections
    return found.select("point_accueil_id", "champ", "corrige").rows(), issues.frame()["regle"].to_list()


def typed(champ: str) -> str:
    return next(f.corrige for f in ALL if f.champ == champ)


def archived(tmp_path: Path, **members: bytes) -> ReadResult:
    path = tmp_path / "classeurs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.xlsx", data)
    return read({"classeurs": path}, get_source(layout.SOURCE))


def test_workbooks_are_read_together_by_name(tmp_path: Path) -> None:
    other = workbook({typed("nom"): "Autre"}, guide={**GUIDE, layout.ORGANISATION: "Préfecture"})
    result = archived(tmp_path, b=workbook({typed("nom"): "Nouveau"}), a=other)
    frame = result.tables["corrections"]
    assert frame.schema == layout.CORRECTION_SCHEMA
    assert frame.select("organisation", "corrige", "classeur", "ligne").rows() == [
        ("Préfecture", "Autre", "a.xlsx", 2),
        ("Commune de Valdrin", "Nouveau", "b.xlsx", 2),
    ]
    assert frame["exporte"].unique().to_list() == ["Mairie de Valdrin"]
    assert result.read == 2


def test_an_archive_of_nothing(tmp_path: Path) -> None:
    assert archived(tmp_path).tables["corrections"].is_empty()


@pytest.mark.parametrize(
    ("champ", "text", "value"),
    [
        ("telephone", "04.92.00.00.00", "04.92.00.00.00"),
        ("telephone", "+33 4 92 00 00 00", "+33 4 92 00 00 00"),
        ("telephone", "3646", "3646"),
        ("telephone", "(AUCUN)", None),
        ("modalite", "SANS RENDEZ-VOUS", "Sans rendez-vous"),
        ("site_web", "https://valdrin.exemple/accueil", "https://valdrin.exemple/accueil"),
        ("adresse", "=1+1 rue du Four", "=1+1 rue du Four"),
        ("horaires", " lundi  9h-12h ", "lundi 9h-12h"),
    ],
)
def test_usable_cells(champ: str, text: str, value: str | None) -> None:
    assert said({typed(champ): text}) == ([("A", champ, value)], [])


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({typed("telephone"): "demander à l'accueil"}, "telephone-illisible"),
        ({typed("site_web"): "javascript:alert(1)"}, "site-illisible"),
        ({typed("site_web"): "valdrin.exemple"}, "site-illisible"),
        ({typed("modalite"): "parfois"}, "valeur-inconnue"),
        ({typed("type_structure"): "(aucun)"}, "valeur-inconnue"),
        ({typed("nom"): "<script>alert(1)</script>"}, "balise"),
        ({typed("nom"): "x" * 201}, "trop-long"),
        ({typed("longitude"): "6,1"}, "coordonnee-seule"),
        ({typed("longitude"): "six", typed("latitude"): "44"}, "nombre-illisible"),
        ({typed("longitude"): "600", typed("latitude"): "44"}, "hors-territoire"),
        ({layout.CLOSED_TITLE: "peut-être"}, "valeur-inconnue"),
        ({typed("nom"): "Nouveau", typed("nom").replace("CORRIGÉ", "actuel"): "Autre"}, "ligne-alteree"),
        ({typed("nom"): "Nouveau", layout.ID: "Z"}, "ligne-alteree"),
    ],
)
def test_a_cell_at_fault_is_set_aside_and_the_others_count(row: dict[str, str], rule: str) -> None:
    found, rules = said(row, {typed("nom"): "Bon"})
    assert found == [("B", "nom", "Bon")]
    assert rules == [rule]


def test_comments_go_no_further(tmp_path: Path) -> None:
    result = archived(tmp_path, a=workbook({layout.COMMENT: "Mme Exemple est partie", typed("nom"): "Nouveau"}))
    everything = pl.concat(
        [result.tables["corrections"].select(pl.all().cast(pl.String)).unpivot()["value"], result.issues["valeur"]]
    )
    assert not any("Exemple" in (value or "") for value in everything)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a whole XLSX workbook"),
        (b"PK\x03\x04 not really", "a whole XLSX workbook"),
        (b"<html><body>404</body></html>", "a whole XLSX workbook"),
        (workbook(without=(layout.MARK,)), "no sheet « _csp »"),
        (workbook(without=(layout.POINTS,)), "no sheet « Points d'accueil »"),
        (workbook(mark={**MARK, layout.MARK_FORMAT: "99"}), "found format '99'"),
        (workbook(mark={}), "found format None"),
        (workbook(without=(typed("nom"),)), "no column « Nom — CORRIGÉ »"),
        (workbook(guide={}), "the name of the organisation"),
        (workbook(guide={**GUIDE, layout.ORGANISATION: "Mme Exemple"}), "the name or the e-mail of a person"),
        (
            workbook(guide={**GUIDE, layout.ORGANISATION: "camille@valdrin.exemple"}),
            "the name or the e-mail of a person",
        ),
        (workbook(guide={**GUIDE, layout.DAY: "hier"}), "found hier"),
        (workbook(guide={**GUIDE, layout.DAY: "28/02/2026"}), "since the export of 2026-03-01"),
        (
            workbook(touch=lambda book: book.get_worksheet_by_name(layout.POINTS).write_formula(9, 9, "=1+1")),
            "a formula",
        ),
    ],
)
def test_a_workbook_that_is_not_ours_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(SourceUnreadable) as error:
        read_workbook(data, "c.xlsx", IssueLog(layout.SOURCE))
    assert message in str(error.value)
    assert "c.xlsx" in error.value.subject


def test_a_macro_is_refused() -> None:
    with zipfile.ZipFile(buffer := io.BytesIO(workbook({typed("nom"): "x"})), "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    with pytest.raises(SourceUnreadable, match="a formula or a macro"):
        read_workbook(buffer.getvalue(), "c.xlsx", IssueLog(layout.SOURCE))


def test_a_cell_lost_far_away_is_refused_before_it_costs_memory() -> None:
    lost = workbook(touch=lambda book: book.get_worksheet_by_name(layout.POINTS).write_string(1_048_575, 16_383, "x"))
    with pytest.raises(SourceUnreadable, match="a sheet of at most"):
        read_workbook(lost, "c.xlsx", IssueLog(layout.SOURCE))


def test_a_bomb_is_refused() -> None:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 20_000_000)
    with pytest.raises(SourceUnreadable, match="unpacks to at most"):
        read_workbook(buffer.getvalue(), "c.xlsx", IssueLog(layout.SOURCE))


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(SourceUnreadable, match="at most 30 MB"):
        read_workbook(b"x" * 30_000_001, "c.xlsx", IssueLog(layout.SOURCE))


def test_an_archive_that_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "classeurs.zip").write_bytes(b"x")
    with pytest.raises(SourceUnreadable, match="the archive of imported workbooks"):
        read({"classeurs": tmp_path / "classeurs.zip"}, get_source(layout.SOURCE))


def test_the_fingerprint_tells_counters_and_values_apart() -> None:
    prints = {
        layout.fingerprint(*args)
        for args in (("A", ["x", None]), ("A", [None, "x"]), ("B", ["x", None]), ("A", ["x", "x"]))
    }
    assert len(prints) == 4
