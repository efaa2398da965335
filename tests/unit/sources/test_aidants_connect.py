"""Aidants Connect: thin spaces, lost zeros, towns found at the end of an address."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable
from sources.aidants_connect.read import read, split_address
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source


def read_file(path: Path) -> ReadResult:
    return read({"organisations": path}, get_source("aidants_connect"))


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "aidants_connect"


def test_organisations(folder: Path) -> None:
    result = read_file(folder / "organisations.json")
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert result.read == 5
    assert records["id_source"].to_list() == ["19111291", "510016", "3913"]
    assert records["codes_type"].to_list() == [["aidants_connect"]] * 3
    assert records["siret"].to_list() == ["26050061300012", None, "828213371"]
    assert records["code_postal"].to_list() == ["05000", "33270", "20600"]
    assert records["commune"].to_list() == [None, "Floirac", "Bastia"]
    assert records["adresse"].to_list() == ["3 rue Colonel Roux", "Hôtel de Ville 6 avenue Pasteur", "Route Royale"]
    assert sorted(result.issues["regle"]) == ["identifiant-absent", "identifiant-double"]


def test_a_record_without_columns_is_set_aside(folder: Path) -> None:
    result = read_file(folder / "bad_record.json")
    assert (result.read, result.tables["records"].height) == (2, 1)
    assert result.issues.select("id_source", "regle").rows() == [("enregistrement 2", "enregistrement-illisible")]


def test_refuses_a_renamed_column(folder: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"column\(s\) Data pass ID; found unknown column\(s\) Identifiant"):
        read_file(folder / "bad_renamed_column.json")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("11 place René Coty 42000 Blois", ("11 place René Coty", "42000", "Blois")),
        ("1 place Châtelet 28028 Chartres Cedex", ("1 place Châtelet", "28028", "Chartres Cedex")),
        ("Quartier Valdo - 20128 Grosseto-Prugna", ("Quartier Valdo", "20128", "Grosseto-Prugna")),
        ("5733 TRAVO", ("5733 TRAVO", None, None)),
        ("PORT DE TOGA - CS 60097", ("PORT DE TOGA - CS 60097", None, None)),
        (None, (None, None, None)),
    ],
)
def test_town_at_the_end_of_an_address(text: str | None, parts: tuple[str | None, ...]) -> None:
    assert split_address(text) == parts


@given(st.text(max_size=80))
def test_any_address_keeps_its_street_or_is_split(text: str) -> None:
    street, postcode, town = split_address(text)
    assert (postcode is None) == (town is None)
    assert street is None or street in text


@pytest.mark.reel
def test_whole_feed_of_2023(real_data: Path) -> None:
    result = read_file(real_data / "services" / "aidants-connect-2023-01" / "aidants-connect.json")
    records, bounds = result.tables["records"], get_source("aidants_connect").bounds
    assert (result.read, records.height) == (3_407, 3_362)
    assert records["code_postal"].str.contains(r"^\d{5}$").all()
    assert bounds.min <= records.height <= bounds.max
    assert sorted(result.issues["regle"].unique()) == ["identifiant-absent", "identifiant-double"]
