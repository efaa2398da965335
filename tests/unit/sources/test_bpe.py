"""BPE: codes are only read through the dictionary of their year."""

import zipfile
from pathlib import Path

import polars as pl
import pytest

from pipeline.foundations.errors import SourceUnreadable, WrongUse
from sources.bpe.read import read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import get_source


def read_files(equipment: Path, dictionary: Path | None) -> ReadResult:
    files = {"equipements": equipment} | ({"varmod": dictionary} if dictionary else {})
    return read(files, get_source("bpe"))


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "bpe"


@pytest.fixture(scope="module")
def of_2025(folder: Path) -> ReadResult:
    return read_files(folder / "BPE25.csv", folder / "varmod_2025.csv")


def test_only_declared_types_are_kept(of_2025: ReadResult) -> None:
    records = of_2025.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert (of_2025.read, of_2025.millesime) == (8, "2025")
    assert records["codes_type"].explode().to_list() == [
        "mairie",
        "ecole_maternelle",
        "centre_social",
        "gendarmerie",
        "bureau_poste",
        "bureau_poste",
        "bureau_poste",
    ]
    assert records["rang"][0] == "A129, BPE 2025"
    assert "college" in of_2025.notes[0]
    assert of_2025.issues.is_empty()


def test_ids_are_unique_and_stand_on_the_siret(of_2025: ReadResult) -> None:
    assert of_2025.tables["records"]["id_source"].to_list() == [
        "mairie-21050061300017",
        "ecole_maternelle-05061",
        "centre_social-20003049200012",
        "gendarmerie-97101",
        "bureau_poste-35600000012345",
        "bureau_poste-35600000099999-944000 6388000",
        "bureau_poste-35600000099999-945000 6389000",
    ]
    assert of_2025.tables["records"]["id_bpe"].to_list()[:2] == ["21050061300017", None]


def test_addresses_without_the_marks_of_absence(of_2025: ReadResult) -> None:
    records = of_2025.tables["records"]
    assert records["adresse"].to_list()[:3] == ["3 RUE COLONEL ROUX", None, "8 B AV DU VIEUX MOULIN"]
    assert records["complement"].to_list()[:3] == [None, None, "RDC"]
    assert records["code_insee"][3] == "97101"


def test_positions(of_2025: ReadResult) -> None:
    records = of_2025.tables["records"]
    assert (records["longitude"][0], records["latitude"][0]) == (6.0822, 44.5606)
    assert records["precision_geo"][0] == "bonne ; code 11"
    # Converted from Lambert-93, then from UTM 20N.
    assert 6.0 < records["longitude"][1] < 6.2
    assert records["precision_geo"][1] == "acceptable ; code 12 ; converti de EPSG:2154"
    assert records["longitude"][3] == pytest.approx(-61.52874, abs=1e-5)
    assert records["latitude"][3] == pytest.approx(16.23400, abs=1e-5)
    # A point drawn at random in the commune is no position.
    assert records["longitude"][2] is None
    assert records["precision_geo"][2] == "position aléatoire dans la commune, écartée ; code 33"
    # Mayotte is published without coordinates.
    assert (records["longitude"][4], records["precision_geo"][4]) == (None, None)


def test_the_same_code_means_what_its_year_says(folder: Path) -> None:
    equipment = folder / "bpe13_ensemble_xy.csv"
    codes = [
        read_files(equipment, folder / name).tables["records"]["codes_type"].explode().to_list()
        for name in ("varmod_2013.csv", "varmod_2018.csv")
    ]
    assert codes == [["ddfip", "gendarmerie"], ["france_travail", "gendarmerie"]]


def test_parquet_and_zip_say_the_same_as_csv(folder: Path, tmp_path: Path, of_2025: ReadResult) -> None:
    frame = pl.read_csv(folder / "BPE25.csv", separator=";", infer_schema=False)
    as_published = frame.with_columns(pl.col("AN").cast(pl.Int64), pl.col("LONGITUDE", "LATITUDE").cast(pl.Float64))
    parquet, archive = tmp_path / "BPE25.parquet", tmp_path / "BPE25.zip"
    as_published.write_parquet(parquet)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(folder / "BPE25.csv", "BPE25.csv")
    for path in (parquet, archive):
        result = read_files(path, folder / "varmod_2025.csv")
        assert result.tables["records"].equals(of_2025.tables["records"])
        assert (result.read, result.millesime) == (8, "2025")


def test_without_dictionary_the_files_own_labels_serve(folder: Path, tmp_path: Path) -> None:
    labels = {"A121": "Réseau de proximité Pôle emploi", "A104": "Gendarmerie"}
    frame = pl.read_csv(folder / "bpe13_ensemble_xy.csv", separator=";", infer_schema=False)
    path = tmp_path / "bpe.csv"
    frame.with_columns(LIB_MOD=pl.col("TYPEQU").replace(labels)).write_csv(path, separator=";")
    records = read_files(path, None).tables["records"]
    assert records["codes_type"].explode().to_list() == ["france_travail", "gendarmerie"]


def test_shifted_rows_are_set_aside(folder: Path) -> None:
    result = read_files(folder / "bad_shifted_row.csv", folder / "varmod_2025.csv")
    assert result.read == 9
    assert result.issues.select("id_source", "regle").rows() == [("ligne 10", "ligne-decalee")]


@pytest.mark.parametrize(
    ("equipment", "dictionary", "message"),
    [
        ("BPE25.csv", None, r"expected the resource `varmod` \(dictionary of the same year\)"),
        ("BPE25.csv", "bad_varmod_other_year.csv", r"found code\(s\) A129 unknown to it"),
        ("BPE25.csv", "bad_varmod_without_types.csv", "expected modalities of the variable TYPEQU"),
        ("bad_renamed_column.csv", "varmod_2025.csv", r"column\(s\) TYPEQU; found unknown column\(s\) TYPE_EQU"),
    ],
)
def test_refuses(folder: Path, equipment: str, dictionary: str | None, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read_files(folder / equipment, folder / dictionary if dictionary else None)


@pytest.mark.parametrize("magic", [b"PAR1 cut short", b"PK\x03\x04 cut short"])
def test_refuses_a_truncated_file(folder: Path, tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "BPE25"
    path.write_bytes(magic)
    with pytest.raises(SourceUnreadable, match="expected a whole Parquet, CSV or zipped CSV file"):
        read_files(path, folder / "varmod_2025.csv")


def test_refuses_an_archive_of_several_tables(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "BPE25.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("a.csv", "TYPEQU\n")
        zipped.writestr("b.csv", "TYPEQU\n")
    with pytest.raises(SourceUnreadable, match="expected an archive of one CSV"):
        read_files(path, folder / "varmod_2025.csv")


def test_refuses_types_that_are_not_lists(folder: Path) -> None:
    spec = get_source("bpe").model_copy(update={"options": {"types": {"mairie": "Mairie"}}})
    with pytest.raises(WrongUse, match=r"options\.types"):
        read({"equipements": folder / "BPE25.csv"}, spec)
