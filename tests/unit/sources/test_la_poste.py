"""La Poste: columns read, agencies and relays, rows that cannot be used."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.foundations.errors import SourceUnreadable
from sources.la_poste.read import read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source


def read_file(path: Path) -> ReadResult:
    return read({"points_contact": path}, get_source("la_poste"))


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "la_poste"


def test_reads_the_three_kinds_of_contact_point(folder: Path) -> None:
    result = read_file(folder / "points_contact.csv")
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert result.read == 3
    assert result.issues.is_empty()
    assert records["id_source"].to_list() == ["00700A", "00749A", "00701A"]
    assert records["codes_type"].to_list() == [
        ["Bureau de Poste"],
        ["Agence postale communale"],
        ["Relais poste commerçant"],
    ]
    assert records["groupe"].to_list() == [None, "00700A", "00700A"]
    agency = records.row(1, named=True)
    assert agency["complement"] == "MAIRIE, LE VILLAGE HAUT"
    assert (agency["code_postal"], agency["code_insee"], agency["commune"]) == ("05300", "05178", "VENTAVON")
    assert (agency["longitude"], agency["latitude"]) == (None, None)
    assert agency["precision_geo"] == "Géocodé au centre de la commune"
    assert (agency["horaires"], agency["horaires_format"]) == (None, None)


def test_header_without_its_comment_mark_is_the_same_file(folder: Path, tmp_path: Path) -> None:
    text = (folder / "points_contact.csv").read_text(encoding="utf-8")
    bare = tmp_path / "points.csv"
    bare.write_text(text.removeprefix("#"), encoding="utf-8")
    assert read_file(bare).tables["records"].equals(read_file(folder / "points_contact.csv").tables["records"])


def test_rows_that_cannot_be_used_are_set_aside(folder: Path) -> None:
    result = read_file(folder / "bad_rows.csv")
    assert result.read == 5
    assert result.tables["records"].height == 3
    assert result.issues.select("id_source", "colonne", "regle", "gravite").rows() == [
        ("ligne 5", "*", "ligne-decalee", "erreur"),
        ("00700A", "Longitude", "nombre-illisible", "avertissement"),
        ("00700A", "id_source", "identifiant-double", "erreur"),
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_renamed_column.csv", r"column\(s\) Code_INSEE; found unknown column\(s\) Code_Commune_INSEE"),
        ("bad_windows_1252.csv", "expected UTF-8 text; found byte 0xE9"),
        ("bad_page.html", r"found a web page \(HTML\)"),
    ],
)
def test_refuses(folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read_file(folder / name)


@pytest.mark.reel
def test_whole_feed_of_2020(real_data: Path) -> None:
    result = read_file(real_data / "services" / "laposte-2020-12" / "laposte_poincont2.csv")
    records, bounds = result.tables["records"], get_source("la_poste").bounds
    assert result.read == records.height == 17_700
    assert records["id_source"].is_unique().all()
    assert result.issues.is_empty()
    assert bounds.min <= records.height <= bounds.max
    assert records["longitude"].count() == 17_674
    # Every agency and relay depends on a post office of the same file.
    offices = set(records.filter(pl.col("groupe").is_null())["id_source"])
    orphans = set(records["groupe"].drop_nulls()) - offices
    assert len(orphans) < 30
