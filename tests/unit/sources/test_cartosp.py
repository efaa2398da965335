"""Official workbooks: ids, hosts, placeholders, lost zeros, truncated files."""

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from pipeline.foundations.errors import SourceUnreadable
from sources.cartosp.read import read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source

TABLES = ("implantations_05", "itinerances_05", "permanences_36")


def workbook(source: Path, target: Path, sheets: int = 1) -> Path:
    """The rows of a CSV fixture as an XLSX workbook, written as the producer does: text, but for the numbers."""
    with source.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter=";"))
    book = xlsxwriter.Workbook(str(target))
    for number in range(sheets):
        sheet = book.add_worksheet(f"BDD_{number}")
        for line, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell.replace(".", "", 1).isdigit() and not cell.startswith("0") and len(cell) < 14:
                    sheet.write_number(line, column, float(cell))
                else:
                    sheet.write_string(line, column, cell)
    book.close()
    return target


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "cartosp"


@pytest.fixture(scope="module")
def result(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ReadResult:
    books = tmp_path_factory.mktemp("cartosp")
    files = {name: workbook(folder / f"{name}.csv", books / f"{name}.xlsx") for name in TABLES}
    return read(files, get_source("cartosp"))


def one(result: ReadResult, id_source: str) -> dict[str, object]:
    return result.tables["records"].row(by_predicate=pl.col("id_source") == id_source, named=True)


def test_all_present_workbooks_are_read(result: ReadResult) -> None:
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert (result.read, records.height) == (7, 6)
    assert records["type_structure"].value_counts().sort("type_structure").rows() == [
        ("Implantation", 2),
        ("Itinérance", 2),
        ("Permanence", 2),
    ]
    assert result.notes == ("Classeurs absents : BD_CartoSP_Permanences_05.xlsx.",)


def test_implantation_without_placeholders(result: ReadResult) -> None:
    agency = one(result, "SERVPUBL0000000000006222")
    assert agency["id_officiel"] == "SERVPUBL0000000000006222"
    assert agency["codes_type"] == ["France Travail"]
    assert agency["id_dila"] == "a2314dda-6110-491d-a28c-cef9201732ba"
    assert (agency["siret"], agency["id_bpe"], agency["id_finess"]) == (None, None, None)
    assert agency["id_ban"] == "05023_0374_00006_d"
    assert (agency["adresse"], agency["code_postal"], agency["commune"]) == (
        "6d Avenue du General de Gaulle",
        "05100",
        "Briançon",
    )
    assert agency["modalite"] == "Avec et sans rendez-vous"
    assert agency["date_maj"] == date(2024, 4, 2)
    # The garbled day list is kept as published.
    assert (agency["horaires"], agency["horaires_format"]) == ("Mo,Th-Tu,Fr 08:30-12:30", "osm")
    hospital = one(result, "SERVPUBL0000000000004444")
    assert (hospital["id_finess"], hospital["id_bpe"]) == ("050000116", "20003049200012")
    assert (hospital["horaires"], hospital["horaires_format"]) == (None, None)


def test_lost_zero_is_given_back(result: ReadResult) -> None:
    assert one(result, "SERVPUBL0000000000006222")["code_insee"] == "05023"
    assert ("SERVPUBL0000000000006222", "zero-initial-perdu") in result.issues.select("id_source", "regle").rows()


def test_permanence_and_its_host(result: ReadResult) -> None:
    permanence = one(result, "PERMPUBL0000000000000020@SERVPUBL0000000000004991")
    assert permanence["id_officiel"] == "PERMPUBL0000000000000020"
    assert (permanence["hote_id"], permanence["hote_nom"]) == ("SERVPUBL0000000000004991", "France services du Blanc")
    # The ids of the row are the host's.
    assert (permanence["id_dila"], permanence["siret"], permanence["id_bpe"]) == (None, None, None)
    # Two rows, one permanence: its hours are joined.
    assert permanence["horaires"] == "Th 9:30-12:00; We[2,4] 9:30-12h"
    assert "permanence-en-plusieurs-lignes" in result.issues["regle"]
    assert one(result, "PERMPUBL0000000000000020@SERVPUBL0000000000004999")["horaires"] is None


def test_stops_of_a_round_are_told_apart(result: ReadResult) -> None:
    stops = result.tables["records"].filter(pl.col("id_officiel") == "SERVPUBL0000000000009001")
    assert stops["id_source"].to_list() == [
        "SERVPUBL0000000000009001@05070_0001_00001",
        "SERVPUBL0000000000009001@5.83,44.53",
    ]
    assert stops["horaires"][0] == "Tu [2] 9:30-12:30, 13:30-16:00"


def test_refuses_a_truncated_workbook(folder: Path, tmp_path: Path) -> None:
    path = workbook(folder / "implantations_05.csv", tmp_path / "tronque.xlsx")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SourceUnreadable, match=r"source cartosp \(implantations_05\): expected a whole XLSX workbook"):
        read({"implantations_05": path}, get_source("cartosp"))


def test_refuses_a_cell_lost_in_the_far_corner(tmp_path: Path) -> None:
    path = tmp_path / "coin.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    sheet.write_string(0, 0, "service_id")
    sheet.write_string(1_048_575, 16_383, "perdu")
    book.close()
    with pytest.raises(SourceUnreadable, match="expected a sheet of at most 5000000 cells; found 1048576 rows"):
        read({"implantations_05": path}, get_source("cartosp"))


def test_refuses_a_renamed_column(folder: Path, tmp_path: Path) -> None:
    path = workbook(folder / "bad_renamed_column.csv", tmp_path / "colonne.xlsx")
    with pytest.raises(SourceUnreadable, match=r"column\(s\) service_typologie; found unknown column\(s\) typologie"):
        read({"implantations_05": path}, get_source("cartosp"))


def test_refuses_two_sheets_and_no_workbook(folder: Path, tmp_path: Path) -> None:
    path = workbook(folder / "implantations_05.csv", tmp_path / "deux.xlsx", sheets=2)
    with pytest.raises(SourceUnreadable, match="expected one sheet; found sheets BDD_0, BDD_1"):
        read({"implantations_05": path}, get_source("cartosp"))
    with pytest.raises(SourceUnreadable, match="expected at least one workbook; found none"):
        read({}, get_source("cartosp"))


@pytest.mark.reel
def test_published_workbooks(real_data: Path) -> None:
    names = {
        "implantations_05": "BD_CartoSP_Implantations_05.xlsx",
        "permanences_05": "BD_CartoSP_Permanences_05.xlsx",
        "itinerances_05": "BD_CartoSP_Itinérances_05.xlsx",
        "permanences_36": "BD_CartoSP_Permanences_36.xlsx",
    }
    result = read({k: real_data / "cartosp" / v for k, v in names.items()}, get_source("cartosp"))
    records, bounds = result.tables["records"], get_source("cartosp").bounds
    assert (result.read, records.height) == (428, 423)
    assert records["id_source"].is_unique().all()
    assert records["longitude"].count() == records["code_insee"].count() == 423
    assert records["code_postal"].count() == 422
    assert records["siret"].count() == 27
    assert not records["siret"].drop_nulls().str.contains("id_temp").any()
    assert records["horaires"].count() == 335
    assert bounds.min <= records.height <= bounds.max
    assert set(result.issues["regle"]) == {"permanence-en-plusieurs-lignes"}
