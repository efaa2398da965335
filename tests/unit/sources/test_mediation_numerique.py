"""Lieux de médiation numérique: both generations of the standard, in CSV and JSON."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable
from sources.mediation_numerique.read import read
from sources.mednum import several
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source


def read_file(path: Path, **others: Path) -> ReadResult:
    return read({"lieux": path, **others}, get_source("mediation_numerique"))


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "mediation_numerique"


def test_v1_csv(folder: Path) -> None:
    result = read_file(folder / "lieux_v1.csv")
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert (result.generation, result.read) == ("v1", 3)
    place = records.row(0, named=True)
    assert place["codes_type"] == ["CCAS", "MUNI"]
    assert place["siret"] == "21050061300017"
    assert (place["horaires"], place["horaires_format"]) == ("Mo-Fr 09:00-12:00,14:00-18:30; Sa 08:30-12:00", "osm")
    assert place["site_web"] == "https://gap.example.org/"
    assert place["courriel"] is None
    assert place["type_structure"] is None
    assert place["date_maj"] == date(2024, 4, 2)


def test_untyped_mobile_place_and_place_without_public(folder: Path) -> None:
    result = read_file(folder / "lieux_v1.csv")
    mobile = result.tables["records"].row(1, named=True)
    assert mobile["codes_type"] == ["lieu_mediation"]
    assert mobile["type_structure"] == "Itinérance"
    assert mobile["siret"] is None  # a RNA number, not a SIRET
    assert result.issues.select("id_source", "regle").rows() == [("lieu-3", "sans-accueil-du-public")]


def test_v0_json(folder: Path) -> None:
    result = read_file(folder / "lieux_v0.json")
    place = result.tables["records"].row(0, named=True)
    assert result.generation == "v0"
    assert place["codes_type"] == ["RFS"]
    assert place["siret"] is None  # fourteen zeros
    assert place["date_maj"] is None  # 1970-01-01
    assert (place["partenaire"], place["partenaire_id"]) == ("france-services", "1443")
    comma = result.tables["records"].row(1, named=True)
    assert (comma["longitude"], comma["latitude"], comma["courriel"]) == (6.08, 44.55, None)
    assert sorted(result.issues["regle"]) == ["date-par-defaut", "virgule-decimale", "virgule-decimale"]


def test_several_files_are_stacked_and_the_first_wins(folder: Path) -> None:
    again, other = folder / "lieux_v1.csv", folder / "lieux_v0.json"
    result = read_file(folder / "lieux_v1.csv", lieux_paca=other, lieux_hauts_de_france=again)
    assert (result.generation, result.read) == ("v0, v1", 8)
    assert result.tables["records"]["id_source"].to_list()[:2] == ["lieu-1", "lieu-2"]
    assert result.tables["records"].height == 4
    assert result.issues["regle"].to_list().count("identifiant-double") == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_renamed_column.json", r"column\(s\) code_postal; found unknown column\(s\) cp"),
        ("bad_unauthorised.json", "found an object with keys message"),
        ("bad_empty.csv", "found an empty file"),
        ("bad_open_quote.csv", "expected CSV rows, each quote closed"),
    ],
)
def test_refuses(folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read_file(folder / name)


def test_refuses_when_nothing_could_be_fetched() -> None:
    with pytest.raises(SourceUnreadable, match="expected at least one of its resources; found none"):
        read({}, get_source("mediation_numerique"))


@given(st.lists(st.from_regex(r"[A-Z_]{2,12}", fullmatch=True), unique=True), st.sampled_from(["|", ";", ", ", " | "]))
def test_multi_value_cells_whatever_the_separator(codes: list[str], separator: str) -> None:
    assert several(separator.join(codes)) == codes


@pytest.mark.reel
@pytest.mark.parametrize(
    ("name", "rows", "located", "hours"),
    [
        ("20230517-hub-du-sud-paca_schema2023.json", 646, 642, 409),
        ("20230711-charente.json", 188, 188, 72),
        ("20231003-bus-fs-charente.json", 12, 12, 10),
        ("lieux-cnfs-national-2022-07.json", 2733, 2733, 2417),
    ],
)
def test_real_files(real_data: Path, name: str, rows: int, located: int, hours: int) -> None:
    result = read_file(real_data / "services" / "mednum-standard" / name)
    records = result.tables["records"]
    assert result.read == records.height == records["id_source"].n_unique() == rows
    assert (records["longitude"].count(), records["horaires"].count()) == (located, hours)
    assert set(result.issues["regle"]) <= {"date-par-defaut"}


@pytest.mark.reel
def test_valid_example_of_the_standard(real_data: Path) -> None:
    example = real_data / "services" / "schemas" / "LaMednum-standard-mediation-num" / "exemple-valide.csv"
    result = read_file(example)
    assert result.generation == "v1"
    assert result.issues.is_empty()
    assert result.tables["records"]["codes_type"].to_list() == [["TIERS_LIEUX", "ASSO"]]
    assert result.tables["records"]["type_structure"].to_list() == ["Itinérance"]
