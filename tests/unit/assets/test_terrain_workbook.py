"""The workbook goes out, is filled in by another program, and comes back saying what was typed and nothing else."""

import io
import re
import zipfile
from datetime import date

import fastexcel
import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.referentiel.score import SCORE_SCHEMA
from assets.referentiel.terrain import (
    Edition,
    apply_corrections,
    bundle,
    current_values,
    gather,
    member_name,
    write_workbook,
)
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from quality.contract import all_contracts
from sources.remontees_terrain import layout
from sources.remontees_terrain.read import read_workbook

EDITION = Edition("05", "Hautes-Alpes", "2026.03.01", date(2026, 3, 1))
COMMUNES = pl.DataFrame(
    {"code": ["05001"], "nom": ["Valdrin"], "geometrie": [None]}, schema_overrides={"geometrie": pl.Binary}
)
GUIDE = {layout.ORGANISATION: "Commune de Valdrin", layout.DAY: "12/03/2026"}
FIELDS = {f.champ: f for f in (*layout.FIELDS, layout.LONGITUDE, layout.LATITUDE)}
HOSTILE = '=HYPERLINK("http://exemple.invalid","Cliquez")'


def counter(name: str, **values: object) -> dict[str, object]:
    return {
        "point_accueil_id": name,
        "type_structure": "Implantation",
        "service_nom": f"Mairie {name}",
        "service_typologie": "Mairie",
        "service_horaires_ouverture": "Mo-Fr 09:00-12:00",
        "lieu_code_insee": "05001",
        "lieu_code_departement": "05",
        "lieu_longitude": 6.0712345,
        "lieu_latitude": 44.5,
        "lieu_adresse": "2 rue du Four 05000 Valdrin",
        "position_methode": "source",
        "date_maj": date(2024, 5, 17),
        "sources": "dila",
        "telephone": "01 99 00 00 00",
        "service_id": name,
        **values,
    }


def table(name: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    schema = all_contracts()[f"referentiel__{name}"].polars_schema
    return pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema)


@pytest.fixture(scope="module")
def counters() -> pl.DataFrame:
    permanence = {
        "point_accueil_id": "P",
        "type_structure": "Permanence",
        "permanence_nom": "Permanence Caf",
        "permanence_typologie": "Caf",
        "permanence_horaires": "Tu 09:00-12:00",
        "service_id": "A",
        "service_nom": "Mairie hôte",
        "lieu_code_insee": "05001",
        "lieu_code_departement": "05",
        "date_maj": date(2020, 1, 1),
        "sources": "caf",
    }
    hostile = counter("H", service_nom=HOSTILE, telephone="+33 1 99 00 00 00", lieu_adresse="<b>2</b>\n rue  du Four")
    return gather(
        table("implantations", [counter("A"), hostile]),
        table("permanences", [permanence]),
        table(
            "itinerances",
            [counter("I", type_structure="Itinérance", arret_rang=1, lieu_longitude=None, lieu_latitude=None)],
        ),
    )


SCORES = pl.DataFrame(
    {"point_accueil_id": ["A", "H", "P", "I"], "score": [0.9, 0.8, 0.2, 0.4], "problemes": [[], ["x"], ["y", "z"], []]},
    schema=SCORE_SCHEMA,
)


@pytest.fixture(scope="module")
def blank(counters: pl.DataFrame) -> bytes:
    return write_workbook(counters, SCORES, COMMUNES, EDITION)


def fill(data: bytes, typed: dict[tuple[str, str], str], guide: dict[str, str] | None = None) -> bytes:
    """Another program's copy of the workbook, with cells filled in: (id, heading) -> text."""
    book, out = fastexcel.read_excel(data), io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as copy:
        for name in book.sheet_names:
            sheet = copy.add_worksheet(name)
            rows = [list(r) for r in book.load_sheet(name, header_row=None, dtypes="string").to_polars().rows()]
            for row in rows:
                if name == layout.GUIDE and row[0] in (GUIDE if guide is None else guide):
                    row[1] = (GUIDE if guide is None else guide)[row[0]]
                for (identifier, heading), text in typed.items():
                    if name == layout.POINTS and row[rows[0].index(layout.ID)] == identifier:
                        row[rows[0].index(heading)] = text
            for line, row in enumerate(rows):
                for column, text in enumerate(row):
                    if text is not None:
                        sheet.write_string(line, column, text)
    return out.getvalue()


def read(data: bytes):
    issues = IssueLog(layout.SOURCE)
    return read_workbook(data, "c.xlsx", issues), issues.frame()


def test_what_is_written_is_what_was_asked(blank: bytes) -> None:
    points = fastexcel.read_excel(blank).load_sheet(layout.POINTS, header_row=0, dtypes="string").to_polars()
    assert points[layout.ID].to_list() == ["P", "I", "H", "A"]  # doubts first
    row = points.row(2, named=True)
    assert row[FIELDS["nom"].actuel] == HOSTILE
    assert row[FIELDS["telephone"].actuel] == "+33 1 99 00 00 00"
    assert row[FIELDS["adresse"].actuel] == "<b>2</b> rue du Four"
    assert points.row(0, named=True)[FIELDS["nom"].actuel] == "Permanence Caf"
    assert points[FIELDS["longitude"].actuel].to_list() == ["", "", "6.071235", "6.071235"]
    assert points.select(f.corrige for f in FIELDS.values()).null_count().row(0) == (4,) * len(FIELDS)


def test_nothing_in_it_is_live_and_only_the_cells_to_fill_are_open(blank: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(blank)) as archive:
        sheets = {n: archive.read(n).decode() for n in archive.namelist() if n.startswith("xl/worksheets/sheet")}
        book = archive.read("xl/workbook.xml").decode()
        assert not any("vba" in n.lower() or "external" in n.lower() for n in archive.namelist())
    assert not any(re.search(r"<f[\s>]|<hyperlink", text) for text in sheets.values())
    assert all("<sheetProtection" in text for text in sheets.values())
    assert 'state="veryHidden"' in book
    points = sheets["xl/worksheets/sheet2.xml"]
    assert "<autoFilter" in points
    assert 'state="frozen"' in points
    assert points.count('type="list"') == 4  # modalité, type, vérifié, fermé
    assert "Avec et sans rendez-vous" in points


def test_same_arguments_same_bytes(blank: bytes, counters: pl.DataFrame) -> None:
    assert write_workbook(counters, SCORES, COMMUNES, EDITION) == blank
    assert write_workbook(counters.reverse(), SCORES, COMMUNES, EDITION) == blank


def test_a_département_without_counters(counters: pl.DataFrame) -> None:
    empty = write_workbook(counters.clear(), SCORES.clear(), COMMUNES, EDITION)
    assert read(fill(empty, {}))[0].rows == 0


def test_nothing_typed_nothing_said(blank: bytes) -> None:
    workbook, issues = read(fill(blank, {}))
    assert (workbook.organisation, workbook.date, workbook.departement) == (
        "Commune de Valdrin",
        date(2026, 3, 12),
        "05",
    )
    assert (workbook.rows, workbook.corrections.height, issues.height) == (4, 0, 0)


def test_what_is_typed_comes_back_and_applies(blank: bytes, counters: pl.DataFrame) -> None:
    typed = {
        ("A", FIELDS["telephone"].corrige): "01 99 11 11 11",
        ("A", FIELDS["horaires"].corrige): "lundi au vendredi 9h-12h et 14h-17h",
        ("A", layout.COMMENT): "à recontacter",
        ("I", FIELDS["longitude"].corrige): "6,08",
        ("I", FIELDS["latitude"].corrige): "44,51",
        ("P", FIELDS["modalite"].corrige): "avec rendez-vous",
        ("P", layout.CHECKED_TITLE): "Oui",
        ("H", layout.CLOSED_TITLE): "oui",
    }
    workbook, issues = read(fill(blank, typed))
    assert issues.filter(pl.col("gravite") != "info").is_empty()
    assert workbook.comments == (("A", 5, "à recontacter"),)
    said = {(r["point_accueil_id"], r["champ"]): r["corrige"] for r in workbook.corrections.iter_rows(named=True)}
    assert said == {
        ("A", "telephone"): "01 99 11 11 11",
        ("A", "horaires"): "lundi au vendredi 9h-12h et 14h-17h",
        ("I", "position"): "6.080000 44.510000",
        ("P", "modalite"): "Avec rendez-vous",
        ("P", "verifie"): "oui",
        ("H", "ferme"): "oui",
    }
    outcome = apply_corrections(counters, workbook.corrections, COMMUNES)
    assert set(outcome.applied["statut"]) == {"appliquée"}
    assert outcome.applied.height == 6
    now = {row["point_accueil_id"]: row for row in outcome.counters.iter_rows(named=True)}
    assert set(now) == {"A", "I", "P"}
    assert now["A"]["service_horaires_ouverture"] == "Mo-Fr 09:00-12:00,14:00-17:00"
    assert (now["I"]["lieu_longitude"], now["I"]["lieu_latitude"]) == (6.08, 44.51)


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["A", "P", "I", "H"]),
            st.sampled_from([*(f.corrige for f in FIELDS.values()), layout.CLOSED_TITLE]),
        ),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40),
        max_size=6,
    )
)
def test_any_text_is_said_or_set_aside(blank: bytes, typed: dict[tuple[str, str], str]) -> None:
    workbook, issues = read(fill(blank, typed))
    assert not {"ligne-alteree", "ligne-double"}.intersection(issues["regle"])
    assert workbook.corrections.height <= len(typed)
    texts = workbook.corrections.filter(~pl.col("champ").is_in(["position", "ferme"]))["corrige"].drop_nulls()
    assert not any("<" in t and re.search(r"<\s*[a-zA-Z/!?]", t) for t in texts)


def test_a_row_whose_current_values_were_touched_is_set_aside(blank: bytes) -> None:
    touched = {("A", FIELDS["nom"].actuel): "Autre", ("A", FIELDS["nom"].corrige): "Nouveau"}
    workbook, issues = read(fill(blank, touched))
    assert workbook.corrections.is_empty()
    assert issues.select("id_source", "regle", "gravite").rows() == [("A", "ligne-alteree", "erreur")]


def test_the_archive_of_workbooks_does_not_depend_on_the_order_of_imports() -> None:
    assert bundle({"b.xlsx": b"2", "a.xlsx": b"1"}) == bundle({"a.xlsx": b"1", "b.xlsx": b"2"})
    with zipfile.ZipFile(io.BytesIO(bundle({"a.xlsx": b"1"}))) as archive:
        assert archive.read("a.xlsx") == b"1"
    assert re.fullmatch(r"2026-03-12-[0-9a-f]{12}\.xlsx", member_name(date(2026, 3, 12), b"x"))


def test_the_permanence_is_shown_with_its_own_values(counters: pl.DataFrame) -> None:
    values = {row["point_accueil_id"]: row for row in current_values(counters).iter_rows(named=True)}
    assert (values["P"]["nom"], values["P"]["horaires"]) == ("Permanence Caf", "Tu 09:00-12:00")
    assert values["A"]["position"] == "6.071235 44.500000"
    assert len({v["empreinte"] for v in values.values()}) == 4


def test_a_blank_guide_is_refused(blank: bytes) -> None:
    with pytest.raises(SourceUnreadable, match="the name of the organisation that checked"):
        read(blank)
