import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sources
from pipeline.foundations.errors import SourceUnreadable, WrongUse
from sources.france_services.read import read
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import discover
from sources.spec import SourceSpec


@pytest.fixture(scope="module")
def spec() -> SourceSpec:
    return discover(Path(sources.__file__).parent)["france_services"]


@pytest.fixture(scope="module")
def folder(fixtures: Path) -> Path:
    return fixtures / "france_services"


def record(result: ReadResult, identifier: str) -> dict[str, Any]:
    return result.tables["records"].row(by_predicate=pl.col("id_source") == identifier, named=True)


def rules(result: ReadResult, identifier: str) -> list[str]:
    return sorted(result.issues.filter(pl.col("id_source") == identifier)["regle"])


def column(result: ReadResult, name: str) -> dict[str, Any]:
    return dict(result.tables["records"].select("id_source", name).iter_rows())


@pytest.mark.parametrize(
    ("name", "generation", "met", "kept"),
    [
        ("liste_2022.csv", "2022", 3, 3),  # comma, LF, line break inside a cell
        ("liste_2023.csv", "2023", 5, 5),  # comma, CRLF
        ("liste_2024.csv", "2024", 8, 5),  # semicolon, byte order mark
        ("france_services_2020.csv", "2020", 2, 2),
        ("france_services_2020.geojson", "2020", 2, 2),
        ("france_services_2020-01.csv", "2020-01", 1, 1),
    ],
)
def test_each_generation_is_told_by_its_header(
    spec: SourceSpec, folder: Path, name: str, generation: str, met: int, kept: int
) -> None:
    result = read({"liste": folder / name}, spec)
    records = result.tables["records"]
    assert records.schema == RECORD_SCHEMA
    assert (result.generation, result.read, records.height) == (generation, met, kept)
    assert records["codes_type"].to_list() == [["france_services"]] * kept
    assert "colonne-inconnue" not in result.issues["regle"]


def test_every_value_of_a_site_is_read(spec: SourceSpec, folder: Path) -> None:
    serres = record(read({"liste": folder / "liste_2022.csv"}, spec), "1")
    hours = json.loads(serres.pop("horaires"))
    assert hours == {
        **dict.fromkeys(("lundi", "mardi", "mercredi", "jeudi", "vendredi"), "09:00 - 12:00 / 13:30 - 17:00"),
        "samedi": "",
    }
    assert {name: value for name, value in serres.items() if value is not None} == {
        "id_source": "1",
        "nom": "France services de Serres",
        "codes_type": ["france_services"],
        "type_structure": "Implantation",
        "adresse": "1 rue Exemple",
        "complement": "Mairie",
        "code_postal": "05700",
        "commune": "Serres",
        "code_insee": "05166",
        "longitude": 6.07,
        "latitude": 44.55,
        "horaires_format": "jours",
        "telephone": "04 92 00 00 00",
        "courriel": "franceservices@serres.example",
        "rang": "Site principal",
    }


def test_hours_are_kept_as_written(spec: SourceSpec, folder: Path) -> None:
    result = read({"liste": folder / "liste_2022.csv"}, spec)
    assert list(json.loads(record(result, "2004")["horaires"]).values()) == [
        "-",
        "09:00-12:00/14:00-17:00",
        "00:00 - 00:00",
        "",
        "",
        "",
    ]
    watten = record(result, "3")
    assert (watten["horaires"], watten["horaires_format"]) == (None, None)
    assert watten["horaires_note"] == "Ouvert un samedi sur deux"


def test_codes_that_are_not(spec: SourceSpec, folder: Path) -> None:
    result = read({"liste": folder / "liste_2022.csv"}, spec)
    blanc = record(result, "2004")
    assert (blanc["code_insee"], blanc["code_postal"], blanc["commune"], blanc["longitude"]) == (None,) * 4
    assert "code-insee-absent" in rules(result, "2004")
    latest = read({"liste": folder / "liste_2024.csv"}, spec)
    assert record(latest, "1820")["code_insee"] == "76540"
    assert rules(latest, "1820") == ["departement-divergent"]


def test_the_format_and_the_rank_whatever_their_column(spec: SourceSpec, folder: Path) -> None:
    before = read({"liste": folder / "liste_2023.csv"}, spec)
    assert column(before, "type_structure") == {
        "1": "Implantation",
        "5": "Itinérance",
        "6": "Itinérance",
        "7": "Implantation",
        "8": None,
    }
    assert column(before, "rang") == {
        "1": "Site principal",
        "5": "Site principal",
        "6": "Antenne",
        "7": "Antenne",
        "8": "Site principal",
    }
    assert column(before, "groupe") == {"1": None, "5": "Buëch", "6": None, "7": "Buëch", "8": None}
    assert rules(before, "6") == ["itinerance-contradictoire"]
    assert rules(before, "8") == ["format-inconnu"]

    after = read({"liste": folder / "liste_2024.csv"}, spec)
    assert column(after, "type_structure") == {
        "1": "Implantation",
        "5": "Itinérance",
        "9": "Itinérance",
        "10": "Implantation",
        "1820": "Implantation",
    }
    assert column(after, "rang")["9"] == "Antenne"

    first = read({"liste": folder / "france_services_2020.csv"}, spec)
    assert column(first, "type_structure") == {"1": "Implantation", "71": "Itinérance"}
    assert column(first, "rang") == {"1": "Espace labellisé", "71": "Antenne"}


def test_e_mails(spec: SourceSpec, folder: Path) -> None:
    result = read({"liste": folder / "liste_2022.csv"}, spec)
    assert record(result, "2004")["courriel"] == "accueil.fs@leblanc.example"
    assert "courriels-multiples" in rules(result, "2004")
    # Somebody's name: dropped, and not published with the issues either.
    assert record(result, "3")["courriel"] is None
    assert rules(result, "3") == ["courriel-nominatif"]
    assert "fictive" not in result.issues.write_json()
    latest = read({"liste": folder / "liste_2024.csv"}, spec)
    assert record(latest, "5")["courriel"] == "bus.buech@serres.example"
    assert "courriel-illisible" in rules(latest, "9")


def test_rows_that_cannot_be_used(spec: SourceSpec, folder: Path) -> None:
    result = read({"liste": folder / "liste_2024.csv"}, spec)
    assert "identifiant-double" in rules(result, "9")
    assert rules(result, "?") == ["identifiant-absent"]
    assert "ligne-decalee" in result.issues["regle"]
    assert rules(result, "5") == ["virgule-decimale", "virgule-decimale"]
    assert record(result, "5")["longitude"] == 5.7145
    assert rules(result, "10") == ["nombre-illisible"]
    assert record(result, "10")["longitude"] is None


def test_the_geojson_of_2020_says_what_its_csv_says(spec: SourceSpec, folder: Path) -> None:
    geojson = read({"liste": folder / "france_services_2020.geojson"}, spec)
    table = read({"liste": folder / "france_services_2020.csv"}, spec)
    assert geojson.tables["records"].equals(table.tables["records"])
    assert record(geojson, "1")["code_postal"] == "01200"
    assert rules(geojson, "1") == ["zero-perdu"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_renamed_column.csv", r"\(2024\): expected column\(s\) telephone; found unknown column\(s\) tel\b"),
        ("bad_missing_column.csv", r"\(2024\): expected column\(s\) lib_com; found no column that could replace"),
        ("bad_other_table.csv", r"the columns of one of its generations .* found columns code, nom"),
        ("bad_column_twice.csv", r"each column named once; found twice: mail"),
        ("bad_latin1.csv", r"byte 0xE9 at byte \d+, which is not UTF-8"),
        ("bad_utf16.csv", r"byte 0xFF at byte 0, which is not UTF-8"),
        ("bad_page.html", r"found a web page \(HTML\)"),
        ("bad_empty.csv", r"found an empty file"),
        ("bad_header_alone.csv", r"at least one site; found a header alone"),
        ("bad_truncated.csv", r"each quote closed; found line \d"),
        ("bad_truncated.geojson", r"well-formed JSON"),
    ],
)
def test_refusals_say_what_is_wrong(spec: SourceSpec, folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read({"liste": folder / name}, spec)


@pytest.mark.parametrize(
    "content", ["{}", '{"features": {}}', '{"features": [1]}', '{"features": []}', '{"features": 3}']
)
def test_other_json_is_refused(spec: SourceSpec, tmp_path: Path, content: str) -> None:
    path = tmp_path / "x"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceUnreadable, match=r"GeoJSON|at least one site"):
        read({"liste": path}, spec)


def test_an_extra_column_is_reported(spec: SourceSpec, folder: Path) -> None:
    result = read({"liste": folder / "bad_extra_column.csv"}, spec)
    assert result.issues.filter(pl.col("regle") == "colonne-inconnue")["colonne"].to_list() == ["siret"]
    assert result.tables["records"].height == 2


def test_options_are_checked(spec: SourceSpec, folder: Path) -> None:
    files = {"liste": folder / "liste_2022.csv"}
    with pytest.raises(WrongUse, match="settings of its reader"):
        read(files, spec.model_copy(update={"options": {**spec.options, "formats_fixes": 3}}))
    one = {"correspondances": {"2022": spec.options["correspondances"]["2022"]}}
    with pytest.raises(WrongUse, match="correspondances"):
        read(files, spec.model_copy(update={"options": {**spec.options, **one}}))


def test_the_declaration_names_only_declared_columns(spec: SourceSpec) -> None:
    for generation, names in spec.options["correspondances"].items():
        assert set(names.values()) <= set(spec.columns[generation].expected)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=28, max_size=28), min_size=1, max_size=4))
def test_no_cell_however_odd_stops_the_file(
    spec: SourceSpec, tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    declared = spec.columns["2024"]
    header = [*declared.expected, *declared.ignored]
    quoted = [";".join('"' + cell.replace('"', '""') + '"' for cell in row[: len(header)]) for row in rows]
    usual = ";".join(["1", *["x"] * (len(header) - 1)])
    path = tmp_path_factory.mktemp("odd") / "liste.csv"
    path.write_text("\n".join([";".join(header), usual, *quoted]), encoding="utf-8", newline="")
    result = read({"liste": path}, spec)
    assert 1 <= result.tables["records"].height <= result.read


@pytest.mark.reel
@pytest.mark.parametrize(
    ("mirror", "generation", "sites", "mobile"),
    [("mirror", "2023", 2_707, 302), ("mirror-previous", "2022", 2_683, 288)],
)
def test_the_real_lists(
    spec: SourceSpec, real_data: Path, mirror: str, generation: str, sites: int, mobile: int
) -> None:
    result = read({"liste": real_data / mirror / spec.resources[0].url.removeprefix("https://")}, spec)
    records = result.tables["records"]
    assert (result.generation, result.read, records.height) == (generation, sites, sites)
    assert records["id_source"].n_unique() == sites
    assert records.filter(pl.col("type_structure") == "Itinérance").height == mobile
    assert records["rang"].null_count() == 0
    assert spec.bounds.min <= sites <= spec.bounds.max
    assert "colonne-inconnue" not in result.issues["regle"]


@pytest.mark.reel
@pytest.mark.parametrize(
    ("name", "generation", "sites"),
    [
        ("france_services-0584fe1.geojson", "2020", 908),
        ("france_services-7a25454.geojson", "2020", 591),
        ("france_services-87920eb.geojson", "2020", 580),
        ("france_services-4e7c558.csv", "2020-01", 483),
        ("france_services-4e7c558.geojson", "2020-01", 483),
    ],
)
def test_the_real_lists_of_2020(spec: SourceSpec, real_data: Path, name: str, generation: str, sites: int) -> None:
    result = read({"liste": real_data / "services" / "fs-2020-history" / name}, spec)
    assert (result.generation, result.tables["records"].height) == (generation, sites)
    assert "colonne-inconnue" not in result.issues["regle"]


@pytest.mark.reel
def test_the_list_without_ids_of_january_2020_is_refused(spec: SourceSpec, real_data: Path) -> None:
    with pytest.raises(SourceUnreadable, match="one of its generations"):
        read({"liste": real_data / "services" / "fs-2020-history" / "france-services-b88c14a.csv"}, spec)
