"""data·inclusion: the three formats say the same, the feed of origin is kept."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable
from sources.cells import plain_text
from sources.data_inclusion.read import networks, read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source


def read_file(path: Path) -> ReadResult:
    return read({"structures": path}, get_source("data_inclusion"))


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "data_inclusion"


def test_structures(folder: Path) -> None:
    result = read_file(folder / "structures.csv")
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert result.read == 2
    assert result.issues.is_empty()
    ccas = records.row(0, named=True)
    assert ccas["codes_type"] == ["ccas-cias", "communes"]
    assert (ccas["partenaire"], ccas["partenaire_id"]) == ("ma-boussole-aidants", "10009198")
    assert (ccas["horaires"], ccas["horaires_format"]) == ('Mo 08:00-18:00 open "Sans rendez-vous"; PH off', "osm")
    assert ccas["date_maj"] == date(2026, 2, 14)
    assert ccas["courriel"] is None
    place = records.row(1, named=True)
    assert place["codes_type"] == ["structure"]
    assert place["partenaire"] == "mediation-numerique"
    assert place["partenaire_id"] == "1443-mediation-numerique-france-services"
    assert (place["longitude"], place["horaires"]) == (None, None)


def test_parquet_and_json_say_the_same_as_csv(folder: Path, tmp_path: Path) -> None:
    expected = read_file(folder / "structures.csv").tables["records"]
    frame = pl.read_csv(folder / "structures.csv", infer_schema=False).with_columns(
        pl.col("longitude", "latitude").cast(pl.Float64),
        pl.col("date_maj").str.to_date(),
        pl.col("reseaux_porteurs").str.json_decode(pl.List(pl.String)),
    )
    frame.write_parquet(tmp_path / "structures.parquet")
    assert read_file(tmp_path / "structures.parquet").tables["records"].equals(expected)
    (tmp_path / "structures.json").write_text(json.dumps(frame.to_dicts(), default=str), encoding="utf-8")
    assert read_file(tmp_path / "structures.json").tables["records"].equals(expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_renamed_column.csv", r"column\(s\) id; found unknown column\(s\) identifiant"),
        ("bad_truncated.parquet", "expected a whole Parquet file"),
    ],
)
def test_refuses(folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read_file(folder / name)


_CODES = st.from_regex(r"[a-z]{2,9}(-[a-z]{2,9})?", fullmatch=True).filter(lambda code: plain_text(code) == code)


@given(st.lists(_CODES, unique=True))
def test_networks_in_any_spelling(codes: list[str]) -> None:
    assert networks(codes) == networks(json.dumps(codes)) == networks("{" + ",".join(codes) + "}") == codes
    assert networks("|".join(codes)) == codes


@pytest.mark.parametrize("value", [None, "", "[]", "{}", [None, ""], 3])
def test_no_network(value: object) -> None:
    assert networks(value) == []


@pytest.mark.reel
def test_columns_are_those_of_the_schema(real_data: Path) -> None:
    path = real_data / "services" / "schemas" / "data-inclusion-v1" / "structure.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    columns = get_source("data_inclusion").columns["structures"]
    declared = {*columns.expected, *columns.optional, *columns.ignored}
    assert schema["properties"].keys() <= declared
    assert set(schema["required"]) == set(columns.expected)
