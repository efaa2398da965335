"""FINESS: two sections without a header, projected coordinates, the width of every line."""

from datetime import date
from pathlib import Path

import pytest

from pipeline.foundations.errors import SourceUnreadable
from sources.finess.read import read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source


def read_file(path: Path) -> ReadResult:
    return read({"etablissements": path}, get_source("finess"))


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "finess"


def test_establishments(folder: Path) -> None:
    result = read_file(folder / "etablissements.csv")
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert (result.read, result.millesime, result.notes) == (5, "2026-05-12", ())
    hospital = records.row(0, named=True)
    assert hospital["id_source"] == hospital["id_finess"] == "050000116"
    assert hospital["nom"] == "CENTRE HOSPITALIER INTERCOMMUNAL DES ALPES DU SUD - GAP"
    assert hospital["codes_type"] == ["355"]
    assert hospital["siret"] == "20003049200012"
    assert (hospital["adresse"], hospital["complement"]) == ("1 PL AUGUSTE MURET", "BP 101")
    assert (hospital["code_postal"], hospital["commune"]) == ("05007", "GAP CEDEX")
    assert hospital["date_maj"] == date(2020, 2, 4)
    assert records["nom"][1] == "CENTRE DE SANTE"  # no long name
    assert records["adresse"][1] == "12 B R CARNOT"


def test_commune_codes_from_three_digits(folder: Path) -> None:
    records = read_file(folder / "etablissements.csv").tables["records"]
    assert records["code_insee"].to_list()[:4] == ["05061", "05061", "97101", "2A004"]


def test_each_point_is_converted_from_its_own_projection(folder: Path) -> None:
    result = read_file(folder / "etablissements.csv")
    records = result.tables["records"]
    # Morne Jolivière, Les Abymes; then Gap.
    assert records["longitude"][2] == pytest.approx(-61.52874, abs=1e-5)
    assert records["latitude"][2] == pytest.approx(16.23400, abs=1e-5)
    assert 6.0 < records["longitude"][0] < 6.2
    assert 44.5 < records["latitude"][0] < 44.6
    assert 8.5 < records["longitude"][3] < 9.0  # Corsica, the system named the old way
    assert records["precision_geo"][2] == (
        "2,ATLASANTE,96,BAN,EPSG:5490 RGAF09/UTM Zone 20N (Antilles) (converti de EPSG:5490)"
    )
    # Wallis: neither the feed nor we know the system.
    assert (records["longitude"][4], records["precision_geo"][4]) == (None, None)
    assert result.issues.select("id_source", "regle").rows() == [("980500001", "projection-inconnue")]


def test_older_encoding_is_read_the_same(folder: Path) -> None:
    old = read_file(folder / "ancien_windows_1252.csv")
    assert old.tables["records"].equals(read_file(folder / "etablissements.csv").tables["records"])
    assert "encodage" in old.issues["regle"]


def test_without_positions_a_note_says_so(folder: Path) -> None:
    result = read_file(folder / "sans_geolocalisation.csv")
    assert result.tables["records"]["longitude"].count() == 0
    assert result.tables["records"].height == 5
    assert "geolocalisation" in result.notes[0]


def test_one_shifted_line_is_set_aside(folder: Path, tmp_path: Path) -> None:
    header, *lines = (folder / "etablissements.csv").read_text(encoding="utf-8").splitlines()
    many = [line.replace("050000116", f"05{number:07d}") for number in range(200) for line in lines[:1]]
    path = tmp_path / "finess.csv"
    path.write_text("\n".join([header, *many, "structureet;050000999;;RS; ET SUITE;trop"]) + "\n", encoding="utf-8")
    result = read_file(path)
    assert (result.read, result.tables["records"].height) == (201, 200)
    assert result.issues.select("id_source", "valeur", "regle").rows() == [("ligne 202", "5 cellules", "ligne-decalee")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_header.csv", "expected a first line like `finess;etalab;98;2026-05-12`; found 'nofinesset;"),
        ("bad_extra_column.csv", r"\(section structureet\): expected 31 cells .* found 5 lines out of 5 with 32 cells"),
        ("bad_no_section.csv", "expected lines `structureet;…`; found none"),
    ],
)
def test_refuses(folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read_file(folder / name)


def test_refuses_when_nothing_could_be_fetched() -> None:
    with pytest.raises(SourceUnreadable, match="found none"):
        read({}, get_source("finess"))
