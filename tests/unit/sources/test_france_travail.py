"""France Travail: both generations, hours with and without appointment, directions set aside."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells
from sources.france_travail.read import _hours, read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source


def read_file(path: Path) -> ReadResult:
    return read({"agences": path}, get_source("france_travail"))


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "france_travail"


def test_api_answer(folder: Path) -> None:
    result = read_file(folder / "agences.json")
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert (result.generation, result.read) == ("api", 2)
    agency = records.row(0, named=True)
    assert agency["id_source"] == "PAC0174"
    assert agency["nom"] == "Agence France Travail Gap"
    assert agency["codes_type"] == ["APE"]
    assert agency["siret"] == "13000548100010"
    assert (agency["adresse"], agency["complement"]) == ("1 RUE DU MOULIN", "Bâtiment B")
    assert (agency["code_postal"], agency["commune"], agency["code_insee"]) == ("05000", "GAP", "05061")
    assert (agency["longitude"], agency["latitude"]) == (6.08, 44.56)
    assert records["nom"][1] == "AGENCE SPECTACLE"
    assert records["commune"][1] == "PARIS 11"


def test_hours_keep_open_door_and_appointments_apart(folder: Path) -> None:
    result = read_file(folder / "agences.json")
    agency = result.tables["records"].row(0, named=True)
    assert agency["horaires_format"] == "jours"
    assert json.loads(agency["horaires"]) == {
        "lundi": "08:30 - 12:45",
        "mardi": "08:30 - 16:30",
        "mercredi": "08:30 - 12:00 / 13:30 - 15:15",
        "jeudi": "Fermé",
    }
    assert agency["horaires_note"] == "Sur rendez-vous : lundi 12:45 - 16:30 ; jeudi 09:00 - 12:00"
    assert agency["modalite"] == "Avec et sans rendez-vous"
    # Friday opens and never closes: not read, said.
    assert result.issues.select("id_source", "regle").rows() == [("PAC0174", "demi-plage")]
    unknown = result.tables["records"].row(1, named=True)
    assert (unknown["horaires"], unknown["horaires_format"], unknown["modalite"]) == (None, None, None)


def test_csv_of_2019_without_directions(folder: Path) -> None:
    result = read_file(folder / "agences_2019.csv")
    records = result.tables["records"]
    assert (result.generation, result.read) == ("csv_2019", 4)
    assert records["id_source"].to_list() == ["PAC0174000001", "REU0000000004"]
    assert records["codes_type"].to_list() == [["ALE"], ["ALE"]]
    assert records["longitude"].to_list() == [6.078133, 55.475728]
    assert records["latitude"].to_list() == [44.559987, -21.339293]
    assert records["complement"].to_list() == ["Micropolis", None]  # the text NULL is nothing
    assert result.issues.select("id_source", "valeur", "regle", "gravite").rows() == [
        ("PAC0000000002", "DDA", "pas-un-guichet", "info"),
        ("PAC0000000003", "DRA", "pas-un-guichet", "info"),
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_unauthorised.json", "expected a JSON array of objects; found an object with keys error"),
        ("bad_truncated.json", "expected a JSON document"),
        ("bad_renamed_column.csv", r"column\(s\) DN_LATITUDE; found unknown column\(s\) LATITUDE"),
        ("bad_renamed_address_key.json", r"\(api_adresse\): expected column\(s\) gpsLat; found unknown .* latitude"),
    ],
)
def test_refuses(folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read_file(folder / name)


_time = st.times().map(lambda t: t.strftime("%H:%M"))
_slot = st.fixed_dictionaries(
    {"jour": st.one_of(st.integers(-1, 8), st.none(), st.just("lundi"))},
    optional={
        f"{edge}{part}{suffix}": st.one_of(_time, st.just(""), st.none())
        for edge in ("ouverture", "fermeture")
        for part in ("Matin", "ApresMidi")
        for suffix in ("", "RDV")
    }
    | {
        f"{flag}{suffix}": st.sampled_from(["O", "N", None])
        for flag in ("horaireFerme", "horaireEnContinu")
        for suffix in ("", "RDV")
    },
)


@given(st.lists(st.one_of(_slot, st.none(), st.integers())))
def test_any_hours_give_a_readable_object_or_nothing(slots: list[object]) -> None:
    found = _hours(slots, RecordCells("1", IssueLog("france_travail")))
    assert (found["horaires"] is None) == (found["horaires_format"] is None)
    if found["horaires"]:
        days = json.loads(found["horaires"])
        assert days
        assert all(isinstance(text, str) and text for text in days.values())


@pytest.mark.reel
def test_whole_feed_of_2019(real_data: Path) -> None:
    result = read_file(real_data / "services" / "poleemploi-2019-11" / "pole_emploi_agencies.csv")
    records, bounds = result.tables["records"], get_source("france_travail").bounds
    assert (result.read, records.height) == (959, 852)
    assert result.issues["regle"].unique().to_list() == ["pas-un-guichet"]
    assert records["longitude"].count() == 852
    assert bounds.min <= records.height <= bounds.max
