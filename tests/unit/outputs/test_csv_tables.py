"""CSV: RFC 4180 as the standard library reads it, and nothing a spreadsheet would execute."""

import csv
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outputs.csv_tables import neutralise, write_csv
from quality.contract import Contract


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_values_as_the_standard_reader_finds_them(points, tmp_path):
    write_csv(points[1], points[0], tmp_path / "g.csv")
    rows = rows_of(tmp_path / "g.csv")
    assert [r["id"] for r in rows] == ["G1", "G2", "G3", "G4"]
    assert "geometrie" not in rows[0]
    assert rows[0] == {
        "id": "G1",
        "nom": "Mairie de L'Île-d'Yeu, \"annexe\"",
        "classe": "",
        "code_insee": "2A004",
        "agents": "0",
        "heures": "0.30000000000000004",
        "rdv": "false",
        "date_maj": "",
        "sources": "",
    }
    assert rows[1]["nom"] == "deux\r\nlignes, été"
    assert rows[2]["code_insee"] == "01004"
    assert rows[2]["sources"] == "dila|caf"
    assert rows[3]["agents"] == "9007199254740993"


def test_formulas_are_neutralised_and_numbers_untouched(points, tmp_path):
    write_csv(points[1], points[0], tmp_path / "g.csv")
    row = rows_of(tmp_path / "g.csv")[2]
    assert row["nom"] == "'=cmd|'/c calc'!A1"
    assert row["agents"] == "-1"
    assert row["heures"] == "-2.5"


def test_bytes_are_utf8_crlf_without_bom(plain, tmp_path):
    write_csv(plain[1], plain[0], tmp_path / "d.csv")
    content = (tmp_path / "d.csv").read_bytes()
    assert content == b"code,typologie,distance_m\r\n01004,Mairie,\r\n05023,Caf,1234.5\r\n05023,Mairie,-0.0\r\n"


def test_empty_table_is_its_header(points, tmp_path):
    write_csv(points[1].clear(), points[0], tmp_path / "e.csv")
    header = b"id,nom,classe,code_insee,agents,heures,rdv,date_maj,sources\r\n"
    assert (tmp_path / "e.csv").read_bytes() == header


def test_row_order_does_not_change_the_bytes(points, tmp_path):
    write_csv(points[1], points[0], tmp_path / "a.csv")
    write_csv(points[1].reverse(), points[0], tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_each_dangerous_start_is_guarded_once(start):
    frame = pl.DataFrame({"t": [f"{start}1+1"]})
    once = frame.select(neutralise(pl.col("t")))
    assert once.item() == f"'{start}1+1"
    assert once.select(neutralise(pl.col("t"))).item() == once.item()


@given(st.text())
def test_no_guarded_text_starts_like_a_formula(text):
    guarded = pl.DataFrame({"t": [text]}).select(neutralise(pl.col("t"))).item()
    assert not guarded.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert guarded in (text, "'" + text)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00")), min_size=1))
def test_any_text_is_read_back_by_another_reader(texts):
    contract = Contract.model_validate(
        {
            "table": "a__t",
            "title": "T",
            "description": "T.",
            "key": [],
            "columns": [
                {"name": "n", "type": "entier", "title": "N", "description": "N."},
                {"name": "t", "type": "texte", "title": "T", "description": "T."},
            ],
        }
    )
    frame = pl.DataFrame({"n": list(range(len(texts))), "t": texts}, schema=contract.polars_schema)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        write_csv(frame, contract, path)
        found = [row["t"] for row in rows_of(path)]
    assert found == frame.select(neutralise(pl.col("t")))["t"].to_list()
