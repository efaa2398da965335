"""Departmental lists: one reader, whatever the shape of the list."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable, WrongUse
from sources.ccas import read as ccas
from sources.ccas.formats import decode
from sources.ccas.mapping import mapping_of
from sources.reading import ReadResult
from sources.record import RECORD_SCHEMA
from sources.registry import discover, load_list, reader_of
from sources.spec import SourceSpec

FAMILY = Path(ccas.__file__).parent
LISTS = sorted((FAMILY / "listes").glob("*.yml"))

Declare = Callable[..., SourceSpec]


def issues(result: ReadResult, rule: str) -> list[tuple[str, str, str]]:
    """(record, value, severity) of the issues of a rule."""
    found = result.issues.filter(pl.col("regle") == rule)
    return list(found.select("id_source", "valeur", "gravite").iter_rows())


def records(result: ReadResult) -> list[dict[str, Any]]:
    return result.tables["records"].to_dicts()


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Write a list's YAML beside the project's defaults, and load it as the registry does."""
    family = tmp_path / "ccas"
    (family / "listes").mkdir(parents=True)
    shutil.copy(FAMILY / "defaut.yml", family / "defaut.yml")

    def write(**changes: Any) -> SourceSpec:
        options = {
            "departements": "05",
            "format": "csv",
            "id": "ID",
            "code": "ccas",
            "columns": {"nom": "Nom", "code_postal": "CP", "commune": "Commune"},
        }
        document = {
            "id": "ccas_05_essai",
            "title": "CCAS d’un territoire d’essai",
            "producer": "Territoire d’essai",
            "dataset_page": "https://exemple.fr/ccas",
            "licence": {"attribution": "Territoire d’essai"},
            "format": "CSV",
            "resources": [{"url": "https://exemple.fr/ccas.csv", "filename": "ccas.csv"}],
            "options": {k: v for k, v in {**options, **changes}.items() if v is not None},
        }
        path = family / "listes" / "05_essai.yml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        return load_list(path)

    return write


@pytest.fixture
def read_text(declare: Declare, tmp_path: Path) -> Callable[..., ReadResult]:
    """Read a text with a mapping made on the spot."""

    def run(text: str, **options: Any) -> ReadResult:
        path = tmp_path / "ccas.csv"
        path.write_bytes(text.encode(options.get("encoding", "utf-8")))
        return ccas.read({"liste": path}, declare(**options))

    return run


def read_fixture(fixtures: Path, name: str) -> ReadResult:
    (path,) = (fixtures / "ccas").glob(f"{name}.[!y]*")
    return ccas.read({"liste": path}, load_list(FAMILY / "listes" / f"{name}.yml"))


# --- the lists of the project ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS, ids=lambda p: p.stem)
def test_each_list_of_the_project_is_a_valid_mapping_with_a_fixture_it_reads(path: Path, fixtures: Path) -> None:
    spec = load_list(path)
    assert mapping_of(spec).departements[0] == path.stem[:2] == spec.id.split("_")[1]
    assert spec.licence.attribution
    assert reader_of(spec) is ccas.read
    result = read_fixture(fixtures, path.stem)
    frame = result.tables["records"]
    assert frame.schema == RECORD_SCHEMA
    assert frame.height >= 2
    assert not issues(result, "colonne-inconnue")
    assert frame["codes_type"].list.len().min() == 1


def test_odata_list(fixtures: Path) -> None:
    result = read_fixture(fixtures, "22_cotes_d_armor")
    first, second = records(result)
    assert result.read == 3
    assert first["horaires"] == "lundi à vendredi - 8h30-12h00 - 13h30-17h30"
    assert first["horaires_format"] == "texte"
    assert (second["code_postal"], second["complement"], second["horaires_format"]) == ("22300", "Bâtiment B", None)
    assert issues(result, "lieu-absent") == [("?", "", "erreur")]


def test_opendatasoft_v1_list(fixtures: Path) -> None:
    first, second = records(read_fixture(fixtures, "31_haute_garonne"))
    assert (first["id_source"], first["code_insee"], first["codes_type"]) == ("a1f0", "31555", ["mds"])
    assert (first["longitude"], first["latitude"]) == (1.4442, 43.6047)
    assert first["date_maj"] == date(2024, 3, 18)
    assert second["longitude"] is None
    assert second["complement"] == "1er étage"


def test_arcgis_list_keeps_the_types_declared_and_says_what_it_leaves(fixtures: Path) -> None:
    result = read_fixture(fixtures, "35_ille_et_vilaine")
    first, second = records(result)
    assert [first["nom"], second["nom"]] == ["CCAS de Vitré", "CIAS à l’ouest"]
    assert (first["longitude"], first["latitude"], first["site_web"]) == (-1.2097, 48.1239, None)
    assert first["horaires"].startswith("Lundi : 9h-12h30 Mardi et vendredi")
    assert result.notes == ("1 enregistrement(s) hors champ (SIGLE : MAIRIE)",)
    assert issues(result, "type-inconnu") == [("104", "CLIC", "erreur")]


def test_json_list_with_a_column_per_half_day(fixtures: Path) -> None:
    first, second = records(read_fixture(fixtures, "69_metropole_de_lyon"))
    assert first["horaires_format"] == "jours"
    hours = json.loads(first["horaires"])
    assert list(hours) == ["lundi", "mardi", "mercredi", "jeudi", "vendredi"]
    assert (hours["lundi"], hours["jeudi"]) == ("8h30-12h30 / 13h30-16h30", "13h30-16h30")
    assert second["horaires"] is second["horaires_format"] is second["longitude"] is None


def test_utf16_csv_list_with_a_code_told_by_the_id(fixtures: Path) -> None:
    result = read_fixture(fixtures, "71_saone_et_loire")
    first, second = records(result)
    assert (first["codes_type"], second["codes_type"]) == (["mds"], ["mdph"])
    assert first["horaires"] == "Du lundi au jeudi : 8h30-12h / 13h30-17h Vendredi : 8h30-12h"
    assert (second["telephone"], second["horaires"]) == (None, None)  # #N/D and NULL
    assert issues(result, "type-inconnu") == [("poste_1", "poste_1", "erreur")]
    assert issues(result, "ligne-decalee") == [("ligne 6", "10 cellules", "erreur")]
    assert result.read == 4


def test_xlsx_list_reads_the_result_of_formulas(fixtures: Path) -> None:
    first, second = records(read_fixture(fixtures, "77_seine_et_marne"))
    assert (first["nom"], first["code_postal"], first["complement"]) == ("MDS de Melun", "77000", "Quartier nord")
    assert (second["code_postal"], second["telephone"]) == ("77160", None)


def test_geojson_lists(fixtures: Path) -> None:
    result = read_fixture(fixtures, "92_hauts_de_seine")
    first, second, third = records(result)
    assert (first["id_source"], first["longitude"], first["latitude"]) == ("edas_1", 2.2069, 48.8924)
    assert second["longitude"] is third["longitude"] is None
    assert issues(result, "geometrie-non-ponctuelle") == [("enregistrement 3", "Polygon", "avertissement")]
    assert issues(result, "hors-departement") == [("edas_3", "75056", "avertissement")]
    assert [r["code_insee"] for r in records(read_fixture(fixtures, "93_seine_saint_denis"))] == ["93066", "93008"]


# --- a new list needs no code ------------------------------------------------------------------------------------


def test_a_new_list_is_a_yaml_file(declare: Declare, tmp_path: Path) -> None:
    declare(columns={"nom": "Nom", "adresse": ["N°", "Voie"], "code_postal": "CP", "commune": "Commune"})
    feed = tmp_path / "ccas.csv"
    feed.write_text("\ufeffID;Nom;N°;Voie;CP;Commune\nA;CCAS de Gap;3;rue Fictive;05000;Gap\n", encoding="utf-8")
    (spec,) = discover(tmp_path).values()
    result = reader_of(spec)({"liste": feed}, spec)
    (record,) = records(result)
    assert record["adresse"] == "3 rue Fictive"
    assert record["code_insee"] is None
    assert (record["codes_type"], spec.kind, spec.licence.id) == (["ccas"], "counters", "lov2")
    assert result.issues.is_empty()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"nomm": "Nom"}}, "'nomm' is not a record field (did you mean 'nom'?)"),
        ({"columns": {"horaires": "H"}}, "'horaires' is filled by the key `hours`"),
        ({"columns": {"latitude": "y"}}, "longitude and latitude go together"),
        ({"point": "xy", "crs": 2154}, "`point` holds WGS84 degrees"),
        ({"crs": 999999}, "EPSG:999999 is no reference system"),
        ({"encoding": "cp12"}, "unknown encoding 'cp12'"),
        ({"ignored": ["Nom"]}, "both used and ignored: Nom"),
        ({"optional": ["Fax"]}, "optional, but used by nothing: Fax"),
        ({"hours": {"column": "H", "days": {"lundi": "L"}}}, "give either `column` or `days`"),
        ({"departements": "5"}, "departements.0: String should match"),
        ({"code": None}, "code: Field required"),
        ({"separateur": ";"}, "separateur: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_mapping_is_explained(declare: Declare, options: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongUse) as error:
        mapping_of(declare(**options))
    assert message in str(error.value)
    assert error.value.subject == "options of source ccas_05_essai"


def test_a_mapping_may_not_read_personal_data(declare: Declare) -> None:
    spec = declare().model_copy(update={"personal_data": ("Nom",)})
    with pytest.raises(WrongUse, match="Nom of personal_data used by the mapping"):
        mapping_of(spec)


# --- files that are not what is declared -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "found", "remedy"),
    [
        ("bad_encodage_cp1252.csv", {}, "byte 0xe7", "`encoding: cp1252`"),
        ("bad_encodage_utf8.csv", {"encoding": "cp1252"}, "accents written in utf-8", "`encoding: utf-8`"),
        ("bad_separateur.csv", {}, "a header separated by ',' (comma)", '`separator: ","`'),
        ("bad_guillemets.csv", {}, "unexpected end of data", "broken quoting"),
        ("bad_colonne.csv", {}, "unknown column(s) Intitulé", "`options.columns`"),
        ("bad_doublon.csv", {}, "2 columns of that name", "'Nom#2' the second"),
        ("bad_vide.csv", {}, "an empty file or sheet", "download it again"),
        ("bad_classeur.xlsx", {"format": "xlsx"}, "File is not a zip file", "change `format`"),
        ("bad_json.json", {"format": "json"}, "it begins with '<!DOCTYPE html>", "in a browser"),
        ("bad_serveur.json", {"format": "json", "records": "features"}, "keys error", "an error message of the server"),
        ("bad_page.json", {"format": "json", "records": "features"}, "`exceededTransferLimit`", "page size"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(
    fixtures: Path, declare: Declare, name: str, options: dict[str, Any], found: str, remedy: str
) -> None:
    with pytest.raises(SourceUnreadable) as error:
        ccas.read({"liste": fixtures / "ccas" / name}, declare(**options))
    assert found in error.value.found
    assert remedy in error.value.remedy
    assert "ccas_05_essai" in error.value.subject


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"value": [{"ID": 1, "CP": "05000"}]}, "value"),
        ({"results": [{"ID": 1, "CP": "05000"}], "total_count": 1}, "results"),
        ([{"ID": 1, "CP": "05000"}], ""),
        ({"a": {"b": [{"ID": 1, "CP": "05000"}]}}, "a.b"),
    ],
)
def test_records_are_found_by_their_path(read_text: Callable[..., ReadResult], document: Any, path: str) -> None:
    (record,) = records(read_text(json.dumps(document), format="json", records=path, columns={"code_postal": "CP"}))
    assert (record["id_source"], record["code_postal"]) == ("1", "05000")


def test_a_page_of_opendatasoft_v2_is_refused(read_text: Callable[..., ReadResult]) -> None:
    page = json.dumps({"total_count": 120, "results": [{"ID": 1, "CP": "05000"}]})
    with pytest.raises(SourceUnreadable, match="1 records out of 120"):
        read_text(page, format="json", records="results", columns={"code_postal": "CP"})


def test_json_nulls_beside_nested_records_are_no_column(read_text: Callable[..., ReadResult]) -> None:
    rows = [{"ID": 1, "CP": "05000", "geo": {"lon": 6.1, "lat": 44.5}}, {"ID": 2, "CP": "05100", "geo": None}, "page 1"]
    columns = {"code_postal": "CP", "longitude": "geo.lon", "latitude": "geo.lat"}
    result = read_text(json.dumps(rows), format="json", columns=columns)
    assert result.tables["records"]["longitude"].to_list() == [6.1, None]
    assert issues(result, "enregistrement-illisible") == [("enregistrement 3", "str", "erreur")]
    assert not issues(result, "colonne-inconnue")


def workbook(path: Path, *sheets: str) -> Path:
    with xlsxwriter.Workbook(path) as book:
        for name in sheets:
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, [f"Liste {name}"])
            sheet.write_row(1, 0, ["ID", "Nom", "CP", "Commune"])
            sheet.write_row(2, 0, ["1", f"CCAS {name}", 5000, "Gap"])
            sheet.write_row(3, 0, ["2", "CCAS décalé", "05100", "Briançon", "en trop"])
    return path


def test_a_workbook_of_several_sheets_names_the_one_to_read(declare: Declare, tmp_path: Path) -> None:
    path = workbook(tmp_path / "ccas.xlsx", "2023", "2024")
    with pytest.raises(SourceUnreadable, match=r"expected one sheet; found sheets 2023, 2024\. Remedy: name the one"):
        ccas.read({"liste": path}, declare(format="xlsx"))
    with pytest.raises(SourceUnreadable, match="expected the sheet '2025'"):
        ccas.read({"liste": path}, declare(format="xlsx", sheet="2025"))
    result = ccas.read({"liste": path}, declare(format="xlsx", sheet="2024", header_row=2))
    (record,) = records(result)
    assert (record["nom"], record["code_postal"]) == ("CCAS 2024", "05000")
    assert issues(result, "zero-initial-retabli") == [("1", "5000", "info")]
    assert issues(result, "ligne-decalee") == [("ligne 4", "5 cellules", "erreur")]


def test_a_workbook_with_a_cell_lost_in_the_last_corner_is_refused(declare: Declare, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "ccas.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["ID", "Nom", "CP", "Commune"])
        sheet.write(1_048_575, 16_383, "perdue")
    with pytest.raises(SourceUnreadable, match="found 1048576 rows of 16384 columns"):
        ccas.read({"liste": tmp_path / "ccas.xlsx"}, declare(format="xlsx"))


# --- values ------------------------------------------------------------------------------------------------------

HEADER = "ID;Nom;CP;Commune"


def test_codes_that_lost_their_zero_are_restored_only_where_the_list_can_have_them(
    read_text: Callable[..., ReadResult],
) -> None:
    columns = {"code_insee": "INSEE", "code_postal": "CP", "commune": "Commune"}
    text = "ID;INSEE;CP;Commune\n1;1053;1000;Bourg-en-Bresse\n2;5061;CS 12;Gap\n3;2A004;20000;Ajaccio\n"
    result = read_text(text, departements=["01"], columns=columns)
    assert [(r["code_insee"], r["code_postal"]) for r in records(result)] == [
        ("01053", "01000"),
        (None, None),
        ("2A004", "20000"),
    ]
    assert [i[:2] for i in issues(result, "zero-initial-retabli")] == [("1", "1053"), ("1", "1000")]
    assert [i[:2] for i in issues(result, "code-illisible")] == [("2", "5061"), ("2", "CS12")]
    assert [i[:2] for i in issues(result, "hors-departement")] == [("3", "2A004")]


def test_projected_coordinates_with_a_decimal_comma(read_text: Callable[..., ReadResult]) -> None:
    columns = {"nom": "Nom", "longitude": "x", "latitude": "y"}
    text = "ID;Nom;x;y\n1;Allonnes;475 198,121680863;6692424,50691385\n2;Ailleurs;en cours;6692424,5\n"
    result = read_text(text, columns=columns, crs=2154, decimal=",")
    (record,) = records(result)
    assert record["longitude"] == pytest.approx(0.02472, abs=1e-4)
    assert record["latitude"] == pytest.approx(47.29403, abs=1e-4)
    assert issues(result, "coordonnee-illisible") == [("2", "encours", "avertissement")]
    assert issues(result, "lieu-absent") == [("2", "Ailleurs", "erreur")]
    nowhere = read_text("ID;Nom;x;y\n1;Gap;en cours;à venir\n", columns={**columns, "commune": "Nom"})
    assert records(nowhere)[0]["longitude"] is None
    with pytest.raises(SourceUnreadable, match=r"coordinates written with '\.'.*write `decimal: \",\"`"):
        read_text(text, columns=columns, crs=2154)
    with pytest.raises(SourceUnreadable, match=r"EPSG:4326.*crs: 2154"):
        read_text(text, columns=columns, decimal=",")


def test_latitude_and_longitude_in_one_column(read_text: Callable[..., ReadResult]) -> None:
    text = "ID;geo\n1;44.5594, 6.0786\n2;44.5594\n3;95.1, 6.0\n"
    result = read_text(text, columns={"nom": "ID"}, point="geo")
    assert [(r["longitude"], r["latitude"]) for r in records(result)] == [(6.0786, 44.5594)]
    assert issues(result, "coordonnees-hors-bornes") == [("3", "6.0, 95.1", "avertissement")]
    assert [i[0] for i in issues(result, "lieu-absent")] == ["2", "3"]


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        ("2024-05-06 00:00:00", "iso", date(2024, 5, 6)),
        ("06/05/2024", "%d/%m/%Y", date(2024, 5, 6)),
        ("1714953600000", "epoch_ms", date(2024, 5, 6)),
        ("06/05/2024", "iso", None),
    ],
)
def test_dates(read_text: Callable[..., ReadResult], text: str, declared: str, expected: date | None) -> None:
    columns = {"commune": "Commune", "date_maj": "Maj"}
    result = read_text(f"ID;Commune;Maj\n1;Gap;{text}\n", columns=columns, date_format=declared)
    assert records(result)[0]["date_maj"] == expected
    assert len(issues(result, "date-illisible")) == (expected is None)


def test_personal_columns_are_not_read_and_unknown_ones_are_said(declare: Declare, tmp_path: Path) -> None:
    path = tmp_path / "ccas.csv"
    path.write_text("ID;Nom;CP;Commune;Responsable;Fax\n1;CCAS;05000;Gap;Mme Inventée;04\n", encoding="utf-8")
    spec = declare().model_copy(update={"personal_data": ("Responsable",)})
    result = ccas.read({"liste": path}, spec)
    assert result.issues["colonne"].to_list() == ["Fax"]
    assert "Inventée" not in result.tables["records"].write_json() + result.issues.write_json()


def test_ids_composite_absent_or_twice(read_text: Callable[..., ReadResult]) -> None:
    text = "ID;Nom;CP;Commune\n;CCAS;05000;Gap\n;CCAS;05100;Briançon\n;CCAS;05000;Gap\n"
    result = read_text(text, id=["Nom", "Commune"])
    assert result.tables["records"]["id_source"].to_list() == ["CCAS|Gap", "CCAS|Briançon"]
    assert [i[0] for i in issues(result, "identifiant-double")] == ["CCAS|Gap"]
    assert len(issues(read_text(text), "identifiant-absent")) == 3


def test_characters_lost_before_publication_are_said(read_text: Callable[..., ReadResult]) -> None:
    result = read_text(f"{HEADER}\n1;CCAS;05100;Brian\ufffdon\n")
    assert issues(result, "caracteres-perdus") == [("1", "Brian\ufffdon", "avertissement")]


def test_a_column_of_the_same_name_can_be_told_apart(read_text: Callable[..., ReadResult]) -> None:
    text = "ID;Nom;CP;Commune;Nom\n1;CCAS;05000;Gap;Mme Inventée\n"
    (record,) = records(read_text(text, ignored=["Nom#2"]))
    assert record["nom"] == "CCAS"


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=12)] * 2),
        max_size=8,
    )
)
def test_no_row_of_a_csv_is_lost_without_an_issue(rows: list[tuple[str, str]]) -> None:
    from tempfile import TemporaryDirectory

    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\n")
    writer.writerow(["ID", "Nom", "Commune"])
    writer.writerows((str(i), *row) for i, row in enumerate(rows))
    spec = load_list(LISTS[0]).model_copy(
        update={
            "options": {
                "departements": "05",
                "format": "csv",
                "id": "ID",
                "code": "ccas",
                "columns": {"nom": "Nom", "commune": "Commune"},
            }
        }
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "liste.csv"
        path.write_text(buffer.getvalue(), encoding="utf-8")
        result = ccas.read({"liste": path}, spec)
    aside = result.issues.filter(pl.col("gravite") == "erreur")
    assert result.read == len(rows) == result.tables["records"].height + aside.height


@given(st.text(st.characters(codec="cp1252", exclude_characters="\0\ufeff"), min_size=1))
def test_an_encoding_is_read_as_declared_or_refused(text: str) -> None:
    assert decode(text.encode("utf-8"), "utf-8", "essai") == text
    assert decode(text.encode("utf-16"), "utf-16", "essai") == text
    if text.isascii():
        assert decode(text.encode("cp1252"), "cp1252", "essai") == text
    else:
        with pytest.raises(SourceUnreadable, match="utf-8"):
            decode(text.encode("utf-8"), "cp1252", "essai")


# --- lists as the field really writes them -----------------------------------------------------------------------


@pytest.mark.reel
def test_maine_et_loire_in_lambert_93(declare: Declare, real_data: Path) -> None:
    spec = declare(
        departements="49",
        format="json",
        id="ID_LieuMed",
        columns={
            "nom": "NOM_STRUCTURE",
            "adresse": ["N°", "ADRESSE"],
            "commune": "COMMUNE",
            "longitude": "x",
            "latitude": "y",
        },
        crs=2154,
        decimal=",",
    )
    path = real_data / "services/mednum-raw-regional/maine-et-loire/maine-et-loire.json"
    frame = ccas.read({"liste": path}, spec).tables["records"]
    assert frame.height == 243
    assert frame["longitude"].is_between(-1.5, 0.4).all()
    assert frame["latitude"].is_between(46.9, 47.9).all()


@pytest.mark.reel
def test_paca_with_shifted_rows(declare: Declare, real_data: Path) -> None:
    spec = declare(
        departements=["04", "05", "06", "13", "83", "84"],
        format="json",
        id=["nom", "adresse_numero", "adresse_rue", "adresse_commune"],
        columns={
            "nom": "nom",
            "code_postal": "adresse_code_postal",
            "code_insee": "adresse_code_insee",
            "commune": "adresse_commune",
            "longitude": "longitude",
            "latitude": "latitude",
        },
    )
    result = ccas.read({"liste": real_data / "services/mednum-raw-regional/paca/paca.json"}, spec)
    assert (result.read, result.tables["records"].height) == (1245, 1241)
    assert [i[1] for i in issues(result, "lieu-absent")][-1] == "zae joncquier & morelles"
    assert len(issues(result, "zero-initial-retabli")) == 573
    assert result.tables["records"]["code_postal"].str.len_chars().eq(5).all()
