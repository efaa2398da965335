"""Conseillers numériques: the places are read, the advisers never are."""

from pathlib import Path

import pytest

from pipeline.foundations.errors import SourceUnreadable
from sources.conseillers_numeriques.read import read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source


def read_file(path: Path) -> ReadResult:
    return read({"permanences": path}, get_source("conseillers_numeriques"))


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "conseillers_numeriques"


def test_places(folder: Path) -> None:
    result = read_file(folder / "permanences.json")
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert result.read == 2
    assert records["codes_type"].to_list() == [["conseiller_numerique"]] * 2
    assert records["siret"].to_list() == ["21050061300017", None]
    assert records["horaires"].to_list() == ["Mo-Fr 09:00-12:00; Tu off", None]
    assert records["horaires_format"].to_list() == ["osm", None]
    assert records["partenaire"].to_list() == [None, None]
    assert result.issues.is_empty()


def test_nothing_of_a_person_is_left(folder: Path) -> None:
    result = read_file(folder / "permanences.json")
    text = str(result.tables["records"].to_dicts())
    assert "camille" not in text.lower()
    assert "6 00 00 00 01" not in text  # a mobile number is an adviser's
    assert result.tables["records"]["telephone"].to_list() == [None, "+33400000002"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_renamed_column.json", r"column\(s\) nom; found unknown column\(s\) intitule"),
        ("bad_not_a_list.json", r"column\(s\) id, nom"),
        ("bad_truncated.json", "expected a JSON document"),
    ],
)
def test_refuses(folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read_file(folder / name)


@pytest.mark.reel
def test_whole_feed_of_2022(real_data: Path) -> None:
    result = read_file(real_data / "services" / "cnfs-2022-12" / "lieux-conseillers-numeriques.json")
    records, bounds = result.tables["records"], get_source("conseillers_numeriques").bounds
    assert result.read == records.height == records["id_source"].n_unique() == 4_930
    assert records["longitude"].count() == 4_908
    assert records["horaires"].count() == 4_249
    assert records["siret"].count() == 2_547
    assert records["courriel"].count() == 0
    assert bounds.min <= records.height <= bounds.max
    assert result.issues.is_empty()
