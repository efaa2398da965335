from pathlib import Path

import polars as pl
import pytest

import sources
from pipeline.foundations.errors import SourceUnreadable, WrongUse
from sources.caf.read import read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import discover
from sources.spec import SourceSpec


@pytest.fixture(scope="module")
def spec() -> SourceSpec:
    return discover(Path(sources.__file__).parent)["caf"]


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "caf"


@pytest.fixture(scope="module")
def sites(spec: SourceSpec, folder: Path) -> ReadResult:
    return read({"sites": folder / "sites.csv"}, spec)


def test_one_record_per_site_that_receives_the_public(sites: ReadResult) -> None:
    records = sites.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert sites.read == 8
    assert records.select("id_source", "nom", "type_structure", "rang", "code_insee", "horaires").rows() == [
        ("05061-1", "CAF GAP", "Implantation", "Siège", "05061", "hebdomadaire plus de 4 jours"),
        ("05023-1", "BRIANCON", "Implantation", "Antenne", "05023", "hebdomadaire 4 jours"),
        ("05023-2", "BRIANCON CENTRE SOCIAL", "Permanence", "Permanence", "05023", "mensuel"),
        ("01004-1", "AMBERIEU", "Permanence", "relais CAF", "01004", "hebdomadaire 1 à 3 jours"),
        ("59350-2", "LILLE", None, "guichet volant", "59350", None),
    ]
    assert records["codes_type"].to_list() == [["caf"]] * 5
    assert records["horaires_format"].to_list() == ["motif"] * 4 + [None]
    assert records.select("adresse", "longitude", "latitude", "date_maj").null_count().row(0) == (5, 5, 5, 5)


def test_what_is_left_out_or_mended_is_said(sites: ReadResult) -> None:
    assert sorted(sites.issues.select("id_source", "regle", "gravite").rows()) == [
        ("01004-1", "zero-perdu", "info"),
        ("59350-1", "sans-accueil-physique", "erreur"),
        ("59350-2", "identifiant-double", "erreur"),
        ("59350-2", "indicateur-illisible", "avertissement"),
        ("59350-2", "structure-inconnue", "avertissement"),
        ("?", "identifiant-absent", "erreur"),
    ]


def test_headers_in_lower_case_and_another_name_of_the_rank(spec: SourceSpec, folder: Path, sites: ReadResult) -> None:
    result = read({"sites": folder / "sites_minuscules.csv"}, spec)
    assert result.tables["records"].equals(sites.tables["records"])
    assert result.issues.equals(sites.issues)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_renamed_column.csv", r"column\(s\) TYPOUVSI; found unknown column\(s\) OUVERTURE"),
        ("bad_missing_column.csv", r"column\(s\) RANG; found no column that could replace"),
        ("bad_latin1.csv", r"byte 0xE8 at byte \d+, which is not UTF-8"),
        ("bad_page.html", r"found a web page \(HTML\)"),
        ("bad_json_error.json", r"column\(s\) NUMCOMSI"),
        ("bad_empty.csv", r"found an empty file"),
        ("bad_header_alone.csv", r"at least one site; found a header alone"),
        ("bad_truncated.csv", r"each quote closed; found line 3"),
    ],
)
def test_refusals_say_what_is_wrong(spec: SourceSpec, folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read({"sites": folder / name}, spec)


def test_an_extra_column_is_reported(spec: SourceSpec, folder: Path) -> None:
    result = read({"sites": folder / "bad_extra_column.csv"}, spec)
    assert result.issues.select("colonne", "regle").rows() == [("DTREF", "colonne-inconnue")]
    assert result.tables["records"].filter(pl.col("id_source") == "05061-1").height == 1


def test_options_are_checked(spec: SourceSpec, folder: Path) -> None:
    wrong = spec.model_copy(update={"options": {**spec.options, "structures": {"siège": "Bureau"}}})
    with pytest.raises(WrongUse, match="settings of its reader"):
        read({"sites": folder / "sites.csv"}, wrong)
