"""Tables of figures by commune: one reader, whatever the table; what is not known is said, and never 0."""

import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.issues import IssueLog
from sources.contexte import read as contexte
from sources.contexte.mapping import ListOptions, held_measures, options_of
from sources.contexte.tables import open_table
from sources.reading import ReadResult
from sources.registry import discover, get_source, load_list, reader_of
from sources.spec import SourceSpec

FAMILY = Path(contexte.__file__).parent
LISTS = sorted((FAMILY / "listes").glob("*.yml"))
HOUSING = get_source("contexte_rp_logement")

Declare = Callable[..., SourceSpec]


def read(path: Path, spec: SourceSpec) -> ReadResult:
    return contexte.read({"table": path}, spec)


def changed(spec: SourceSpec, **options: Any) -> SourceSpec:
    return spec.model_copy(update={"options": {**spec.options, **options}})


def rows(result: ReadResult, *columns: str) -> list[tuple[Any, ...]]:
    return result.tables["mesures"].select(columns or ("code", "mesure", "valeur", "statut")).rows()


def issues(result: ReadResult, *columns: str) -> list[tuple[str, ...]]:
    return result.issues.select(columns or ("id_source", "colonne", "valeur", "regle", "gravite")).rows()


def workbook(path: Path, *sheets: tuple[str, int, list[tuple[str | float, ...]]]) -> Path:
    """Sheets by name, line of their header, and rows."""
    with xlsxwriter.Workbook(str(path)) as book:
        for name, header, table in sheets:
            sheet = book.add_worksheet(name)
            sheet.write(0, 0, "Titre du classeur")
            for number, row in enumerate(table, start=header - 1):
                sheet.write_row(number, 0, row)
    return path


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def folder(fixtures: Path) -> Path:
    return fixtures / "contexte"


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Write a table's YAML beside the project's defaults, and load it as the registry does: that is all it takes."""
    family = tmp_path / "contexte"
    (family / "listes").mkdir(parents=True)
    shutil.copy(FAMILY / "defaut.yml", family / "defaut.yml")

    def write(**options: Any) -> SourceSpec:
        document = {
            "id": "contexte_essai",
            "title": "Table d’essai",
            "dataset_page": "https://exemple.fr/table",
            "licence": {"attribution": "Essai"},
            "format": "CSV",
            "resources": [{"url": "https://exemple.fr/table.csv", "filename": "table.csv", "max_mb": 1}],
            "options": options,
        }
        path = family / "listes" / "essai.yml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        return load_list(path)

    return write


# --- the tables of the project -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS, ids=lambda p: p.stem)
def test_each_table_of_the_project_is_declared_well(path: Path) -> None:
    spec = load_list(path)
    assert spec.id == f"contexte_{path.stem}"
    assert reader_of(spec) is contexte.read
    assert options_of(spec).mesures
    assert spec.licence.attribution
    assert discover(FAMILY.parent)[spec.id] == spec


CSV_TABLES = sorted(
    p.stem for p in (FAMILY.parents[1] / "tests/fixtures/contexte").glob("*.csv") if not p.stem.startswith("bad_")
)


@pytest.mark.parametrize("name", CSV_TABLES)
def test_each_fixture_is_read_without_a_column_unknown(name: str, folder: Path) -> None:
    spec = get_source(f"contexte_{name}")
    result = read(folder / f"{name}.csv", spec)
    assert result.tables["mesures"].schema == contexte.SCHEMA
    assert not [i for i in issues(result) if i[3] == "colonne-inconnue"]
    assert set(result.tables["mesures"]["mesure"]) == set(options_of(spec).mesures)


def test_incomes_under_secrecy_are_null_and_say_so(folder: Path) -> None:
    result = read(folder / "filosofi.csv", get_source("contexte_filosofi"))
    assert (result.read, result.millesime) == (4, "2021")
    told = {(code, name): (value, status) for code, name, value, status in rows(result)}
    assert told["05023", "revenu_median"] == (20870.0, "publié")
    assert told["05023", "taux_pauvrete"] == (15.2, "publié")  # a decimal comma
    assert told["05001", "taux_pauvrete"] == (None, "secret statistique")
    assert {told["05170", name] for name in ("menages", "personnes", "revenu_median")} == {(None, "secret statistique")}
    assert result.issues.is_empty()  # secrecy is no fault


def test_nothing_written_is_secrecy_where_the_table_says_so(declare: Declare, tmp_path: Path) -> None:
    """Older vintages leave a hole, or NaN in Parquet, where the newer ones write `s`."""
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"CODGEO": ["05001", "05023", "05170"], "MED16": [None, 20870.0, float("nan")]})
    frame.write_parquet(path)
    measures = {"median": {"colonne": "MED{an}", "nature": "montant"}}
    held = read(path, declare(mesures=measures, vide="secret"))
    assert [r[2:] for r in rows(held)] == [
        (None, "secret statistique"),
        (20870.0, "publié"),
        (None, "secret statistique"),
    ]
    assert (held.issues.height, held.millesime) == (0, "2016")
    absent = read(path, declare(mesures=measures))
    assert [r[3] for r in rows(absent)] == ["non disponible", "publié", "non disponible"]
    assert [i[3] for i in issues(absent)] == ["valeur-absente"] * 2


def test_a_long_table_is_the_same_as_a_wide_one(folder: Path) -> None:
    result = read(folder / "filosofi_long.csv", get_source("contexte_filosofi_long"))
    assert rows(result) == [
        ("05023", "menages", 5508.0, "publié"),
        ("05023", "personnes", 11206.0, "publié"),
        ("05023", "revenu_median", 20870.0, "publié"),
        ("05023", "taux_pauvrete", 15.2, "publié"),
        ("05170", "menages", 41.0, "publié"),
        ("05170", "personnes", 83.5, "publié"),
        ("05170", "revenu_median", None, "secret statistique"),
        ("05170", "taux_pauvrete", None, "secret statistique"),
    ]
    assert (result.read, result.millesime) == (12, "2021")
    assert result.notes == ("4 ligne(s) d’un autre niveau, d’une autre date ou d’un autre objet",)


def test_a_territory_told_twice_in_a_long_table(folder: Path, tmp_path: Path) -> None:
    text = (folder / "filosofi_long.csv").read_text("utf-8")
    path = tmp_path / "a.csv"
    path.write_text(text + '"05023";"COM";"MED_SL";"EUR_YR";"0";"F";"A";"2021";"99999"\n', encoding="utf-8")
    result = read(path, get_source("contexte_filosofi_long"))
    assert ("05023", "revenu_median", 20870.0, "publié") in rows(result)
    assert [i[3] for i in issues(result)] == ["territoire-double"]


def test_years_of_the_columns_are_those_of_the_file(folder: Path) -> None:
    result = read(folder / "rp_population.csv", get_source("contexte_rp_population"))
    vintages = dict(result.tables["mesures"].select("mesure", "millesime").unique().rows())
    assert vintages["hommes_65_plus"] == "2022"
    assert vintages["hommes_65_plus_avant"] == "2016"  # the one before, not 2011
    assert result.millesime == "2022"


@given(st.lists(st.integers(6, 40), min_size=2, max_size=4, unique=True))
def test_any_two_censuses(years: list[int]) -> None:
    options = ListOptions.model_validate(
        {
            "code": "CODGEO",
            "mesures": {
                "apres": {"colonne": "P{an}_POP", "nature": "effectif"},
                "avant": {"colonne": "P{an_precedent}_POP", "nature": "effectif"},
            },
        }
    )
    found = held_measures(options, [f"P{y:02d}_POP" for y in years], "essai")
    last, before = sorted(years)[-1], sorted(years)[-2]
    assert (found["apres"].column, found["apres"].vintage) == (f"P{last:02d}_POP", f"20{last:02d}")
    assert (found["avant"].column, found["avant"].vintage) == (f"P{before:02d}_POP", f"20{before:02d}")


def test_only_the_latest_date_is_read_and_codes_nobody_can_place_are_said(folder: Path) -> None:
    result = read(folder / "rsa.csv", get_source("contexte_rsa"))
    assert rows(result, "code", "valeur", "millesime") == [("05023", 235.0, "2024"), ("05061", 905.0, "2024")]
    assert issues(result) == [
        ("05061", "code", "5061", "zero-initial-retabli", "info"),
        ("?", "code", "", "code-illisible", "erreur"),
        ("59XXX", "code", "59XXX", "code-illisible", "erreur"),
    ]


def test_a_zoning_in_an_old_workbook(folder: Path) -> None:
    result = read(folder / "zrr.xls", get_source("contexte_zrr"))
    assert rows(result, "code", "texte", "statut", "millesime") == [
        ("05001", "classée", "publié", "2021"),
        ("05023", "non classée", "publié", "2021"),
        ("36044", "partiellement classée", "publié", "2021"),
        ("59350", "non classée", "publié", "2021"),
    ]


def test_density_and_names_of_zones_in_workbooks(tmp_path: Path) -> None:
    density = workbook(
        tmp_path / "densite.xlsx",
        (
            "Maille communale",
            5,
            [
                ("CODGEO", "LIBGEO", "DENS", "LIBDENS", "PMUN23", "DENS7", "LIBDENS7"),
                ("05023", "Briançon", 2, "Bourg", 11132, 3, "Petites villes"),
                ("59350", "Lille", "1", "Dense", 236710, "1", "Grands centres urbains"),
                ("36044", "Châteauroux", "2", "?", 43000, "8", "?"),
            ],
        ),
        ("Maille départementale", 5, [("DEP",)]),
    )
    result = read(density, get_source("contexte_densite"))
    assert ("05023", "densite", "3") in rows(result, "code", "mesure", "texte")
    assert ("59350", "libelle", "Grands centres urbains") in rows(result, "code", "mesure", "texte")
    assert issues(result) == [("36044", "DENS7", "8", "mot-inconnu", "avertissement")]

    names = [
        ("NIVGEO", "CODGEO", "LIBGEO", "NB_COM"),
        ("BV2022", "05023", "Briançon", 20),
        ("ZE2020", "9306", "Gap", 99),
    ]
    tables = workbook(tmp_path / "tag.xlsx", ("COM", 6, [("CODGEO", "BV2022")]), ("Zones_supra_communales", 6, names))
    packed = zipped(tmp_path / "tag.zip", **{"table-appartenance-geo-communes-2026.xlsx": tables.read_bytes()})
    result = read(packed, get_source("contexte_zones_supra_communales"))
    assert rows(result, "niveau", "code", "texte") == [("bassin_vie", "05023", "Briançon")]
    assert result.notes


def test_every_packing_gives_the_same_figures(folder: Path, tmp_path: Path) -> None:
    csv = folder / "rp_logement.csv"
    expected = rows(read(csv, HOUSING))
    frame = pl.read_csv(csv, separator=";", schema_overrides={"CODGEO": pl.String})
    frame.write_parquet(tmp_path / "a.parquet")
    cells = [tuple(frame.columns), *frame.rows()]
    insee = {"base-cc-logement-2022.CSV": csv.read_bytes(), "meta_base-cc-logement-2022.CSV": b"COD_VAR;LIB\n"}
    insee |= {"base-cc-logement-2022-COM.CSV": b"CODGEO;P22_RP;P22_RP_VOIT1P\n97501;1;1\n", "__MACOSX/._a.CSV": b"x"}
    for path in (
        tmp_path / "a.parquet",
        workbook(tmp_path / "a.xlsx", ("COM_2022", 1, cells)),
        zipped(tmp_path / "a.zip", **insee),
        zipped(tmp_path / "b.zip", **{"dossier/BASE-CC-LOGEMENT-2022.CSV": csv.read_bytes()}),
    ):
        assert rows(read(path, HOUSING)) == expected, path.name


def test_adding_a_table_takes_no_code(declare: Declare, tmp_path: Path) -> None:
    spec = declare(
        code="insee",
        separateur=",",
        decimale=",",
        encodage="cp1252",
        ligne_entete=3,
        lignes={"année": "2024"},
        secret=["c"],
        absent=["-"],
        ignorees=["libell*"],
        mesures={
            "part": {"colonne": "part (%)", "nature": "taux"},
            "zone": {"colonne": "zone", "nature": "texte", "valeurs": {"O": "oui", "N": "non"}},
        },
    )
    lines = ["Titre", "", "insee,libellé,année,part (%),zone,inconnue", "05001,Abriès,2024,c,O,1"]
    lines += ['05023,Briançon,2024,"12,5",N,2', '05061,Gap,2023,"9,5",N,3', "05046,Embrun,2024,-,O,4"]
    path = tmp_path / "table.csv"
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    result = read(path, spec)
    assert rows(result, "code", "mesure", "valeur", "texte", "statut") == [
        ("05001", "part", None, None, "secret statistique"),
        ("05001", "zone", None, "oui", "publié"),
        ("05023", "part", 12.5, None, "publié"),
        ("05023", "zone", None, "non", "publié"),
        ("05046", "part", None, None, "non disponible"),
        ("05046", "zone", None, "oui", "publié"),
    ]
    assert issues(result) == [
        ("*", "inconnue", "", "colonne-inconnue", "avertissement"),
        ("05046", "part (%)", "-", "valeur-absente", "avertissement"),
    ]


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_table_with_holes_says_each_of_them(folder: Path) -> None:
    result = read(folder / "bad_trous.csv", get_source("contexte_rp_population"))
    assert set(issues(result, "id_source", "colonne", "valeur", "regle", "motif")) == {
        ("05001", "P22_H0019", "", "valeur-absente", "Valeur absente : elle est inconnue, jamais 0."),
        ("05023", "P22_POP", "-11132", "effectif-negatif", "Effectif négatif : valeur inconnue."),
        ("05061", "P22_POP", "nd", "valeur-absente", "Valeur absente : elle est inconnue, jamais 0."),
        ("05061", "P22_F65P", "inconnu", "valeur-illisible", "Ce n’est pas un nombre : valeur inconnue."),
        ("05023", "code", "05023", "territoire-double", "Territoire déjà lu : seule sa première ligne est gardée."),
        ("0507", "code", "0507", "code-illisible", "Code de territoire absent ou illisible : ligne mise de côté."),
        ("05046", "code", "5046", "zero-initial-retabli",
         "Code de commune lu comme un nombre : son zéro initial est rétabli."),
        ("ligne 8", "*", "3 cellules pour 9 colonnes", "ligne-decalee",
         "La ligne n’a pas autant de cellules que l’en-tête : mise de côté."),
    }  # fmt: skip
    unknown = result.tables["mesures"].filter(pl.col("statut") != "publié")
    assert unknown["valeur"].null_count() == unknown.height == 4
    assert set(result.tables["mesures"]["code"]) == {"05001", "05023", "05046", "05061"}


def test_a_rate_outside_its_bounds(declare: Declare, tmp_path: Path) -> None:
    spec = declare(mesures={"part": {"colonne": "PART", "nature": "taux"}})
    path = tmp_path / "a.csv"
    path.write_text("CODGEO;PART\n05001;101\n05023;-1\n05046;inf\n05061;100\n05170;0\n", encoding="utf-8")
    result = read(path, spec)
    assert [r[2] for r in rows(result)] == [None, None, None, 100.0, 0.0]
    assert [i[3] for i in issues(result)] == ["valeur-illisible", "valeur-hors-bornes", "valeur-hors-bornes"]
    assert "de 0 à 100" in result.issues["motif"][1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_separateur.csv", "expected columns separated by ';'; found a header separated by ',' .comma."),
        ("bad_colonne.csv", "expected column.s. P22_RP_VOIT1P; found other column.s.: CODGEO, P22_RP_VOITURE1P"),
        ("bad_notation.csv", "column P22_RP: expected numbers in the declared notation; found '165,5', and 1 others"),
        ("bad_page.csv", r"expected a table; found a web page"),
        ("bad_entete_seul.csv", "expected at least one territory with its figures; found 0 rows, none usable"),
        ("bad_vide.csv", "found an empty file"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(name: str, message: str, folder: Path) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read(folder / name, HOUSING)


def test_text_in_another_encoding(tmp_path: Path) -> None:
    spec = changed(get_source("contexte_zones_supra_communales"), ligne_entete=1)
    path = tmp_path / "a.csv"
    text = "NIVGEO,CODGEO,LIBGEO,NB_COM\nBV2022,05001,Abriès,3\n"
    path.write_bytes(text.encode("cp1252"))
    with pytest.raises(SourceUnreadable, match=r"expected text encoded in utf-8.*`encodage: cp1252`"):
        read(path, spec)
    path.write_bytes(text.encode("utf-8"))
    with pytest.raises(SourceUnreadable, match="expected text encoded in cp1252; found accents written in utf-8"):
        read(path, changed(spec, encodage="cp1252"))


def test_members_and_sheets_are_named_when_they_are_several(folder: Path, tmp_path: Path) -> None:
    content = (folder / "rp_logement.csv").read_bytes()
    two = zipped(tmp_path / "a.zip", **{"a.csv": content, "b.csv": content})
    with pytest.raises(SourceUnreadable, match=r"one file in the zip; found 2 among 'a.csv', 'b.csv'"):
        read(two, changed(HOUSING, membre=None))
    with pytest.raises(SourceUnreadable, match=r"one file base-cc-logement-\?{4}.csv in the zip; found 0"):
        read(two, HOUSING)
    book = workbook(tmp_path / "a.xlsx", ("A", 1, [("CODGEO",)]), ("B", 1, [("CODGEO",)]))
    with pytest.raises(SourceUnreadable, match="expected one sheet; found sheets A, B"):
        read(book, HOUSING)
    for sheet in ("C", 3):
        with pytest.raises(SourceUnreadable, match=f"expected the sheet {sheet!r}; found sheets A, B"):
            read(book, changed(HOUSING, feuille=sheet))


def test_a_bomb_is_refused_without_being_unpacked_whole(tmp_path: Path) -> None:
    (resource,) = HOUSING.resources
    small = HOUSING.model_copy(update={"resources": (resource.model_copy(update={"max_unpacked_mb": 1}),)})
    bomb = zipped(tmp_path / "a.zip", **{"base-cc-logement-2022.csv": b"CODGEO;P22_RP\n" + b"05001;1\n" * 1_000_000})
    with pytest.raises(SourceUnreadable, match="at most 1 MB once unpacked; found more"):
        read(bomb, small)
    frame = pl.DataFrame({"CODGEO": ["05001"] * 400_000, "P22_RP": range(400_000), "P22_RP_VOIT1P": range(400_000)})
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(SourceUnreadable, match="at most 1 MB once unpacked; found more"):
        read(tmp_path / "a.parquet", small)


@pytest.mark.parametrize("suffix", ["zip", "xlsx", "parquet"])
def test_a_file_cut_short_is_refused(suffix: str, folder: Path, tmp_path: Path) -> None:
    csv = folder / "rp_logement.csv"
    whole = tmp_path / f"a.{suffix}"
    if suffix == "zip":
        zipped(whole, **{"base-cc-logement-2022.csv": csv.read_bytes() * 50})
    elif suffix == "xlsx":
        workbook(whole, ("COM", 1, [("CODGEO", "P22_RP", "P22_RP_VOIT1P"), ("05001", 1, 1)]))
    else:
        pl.read_csv(csv, separator=";").write_parquet(whole)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(SourceUnreadable, match="expected a whole CSV, XLSX or Parquet file"):
        read(whole, HOUSING)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    options = ListOptions.model_validate({"code": "A", "mesures": {"b": {"colonne": "B", "nature": "effectif"}}})

    class Held(type(Path())):  # type: ignore[misc]
        def open(self, *_: Any, **__: Any) -> io.BytesIO:
            return io.BytesIO(data)

    try:
        table = open_table(Held("a"), options, "essai", IssueLog("essai"), max_unpacked=1000)
        table.read(table.header[:1])
    except SourceUnreadable:
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mesures": {}}, "mesures: Dictionary should have at least 1 item"),
        ({"mesures": {"Part": {"colonne": "P", "nature": "taux"}}}, "'Part' is not a name"),
        ({"mesures": {"p": {"colonne": "P", "nature": "taux", "poids": "q"}}}, "poids of p: 'q' is not a count"),
        ({"mesures": {"p": {"colonne": "P", "nature": "texte", "min": 0}}}, "a text has neither bounds nor weight"),
        ({"mesures": {"p": {"colonne": "P", "nature": "taux", "valeurs": {"a": "b"}}}}, "`valeurs` are for texts"),
        ({"colonne_niveau": "N"}, "`colonne_niveau` and `niveaux` go together"),
        ({"separateur": "/"}, "separateur: Input should be"),
        ({"devine": True}, "devine: Extra inputs are not permitted"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_told(declare: Declare, options: dict[str, Any], message: str) -> None:
    plain = {"mesures": {"p": {"colonne": "P", "nature": "taux"}}}
    with pytest.raises(WrongUse, match=message):
        options_of(declare(**{**plain, **options}))


def test_faults_by_the_thousand_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = ["CODGEO;P22_RP;P22_RP_VOIT1P", *(f"{1001 + n:05d};;{n}" for n in range(900))]
    path.write_text("\n".join(lines), encoding="utf-8")
    found = issues(read(path, HOUSING))
    assert len(found) == 201
    assert found[-1][:3] == ("*", "P22_RP", "700 de plus")


# --- real tables -----------------------------------------------------------------------------------------------------


@pytest.fixture
def territory(real_data: Path) -> Path:
    return real_data / "territory"


@pytest.mark.reel
def test_real_incomes(territory: Path) -> None:
    result = read(territory / "filosofi-communes" / "filosofi_com_2016.parquet", get_source("contexte_filosofi"))
    status = result.tables["mesures"].group_by("mesure", "statut").len()
    counts = {(name, told): n for name, told, n in status.rows()}
    assert (result.read, result.millesime, result.issues.height) == (34_932, "2016", 0)
    assert counts["revenu_median", "publié"] == 31_405
    assert counts["taux_pauvrete", "publié"] == 4_372
    assert counts["taux_pauvrete", "secret statistique"] == 34_932 - 4_372


@pytest.mark.reel
def test_real_zonings(territory: Path) -> None:
    folder = territory / "zonages"
    plain = {"ligne_entete": 1}
    belonging = read(folder / "tag2024_COM.csv", changed(get_source("contexte_appartenance"), **plain))
    assert (belonging.read, belonging.issues.height) == (34_935, 0)
    assert belonging.tables["mesures"]["texte"].n_unique() == 1_707
    names = read(
        folder / "tag2024_Zones_supra_communales.csv", changed(get_source("contexte_zones_supra_communales"), **plain)
    )
    assert names.tables["mesures"].height == 1_707
    assert set(names.tables["mesures"]["code"]) == set(belonging.tables["mesures"]["texte"])
    zrr = read(folder / "zrr_2022.csv", changed(get_source("contexte_zrr"), **plain))
    counts = dict(zrr.tables["mesures"].group_by("texte").len().rows())
    assert counts == {"classée": 17_694, "partiellement classée": 36, "non classée": 17_235}


@pytest.mark.reel
def test_real_rates_by_a_declaration_of_their_own(territory: Path, declare: Declare) -> None:
    folder = territory / "rp-indicators"
    census = declare(
        code="CODE_INSEE",
        separateur=",",
        ignorees=["colonne sans nom *", "TX_25ETMOINS"],
        mesures={
            "sans_diplome": {"colonne": "TX_NSCOL15P", "nature": "taux"},
            "seuls": {"colonne": "TX_MENSEUL", "nature": "taux"},
            "monoparents": {"colonne": "TX_FAMMONO", "nature": "taux"},
            "vieux": {"colonne": "TX_65ETPLUS", "nature": "taux"},
            "demandeurs": {"colonne": "TX_DEMANDEUR_EMPLOIS", "nature": "taux", "optionnelle": True},
        },
    )
    result = read(folder / "data_scol_menage_demandeurEmplois.csv", census)
    frame = result.tables["mesures"]
    assert result.read == 36_114
    assert frame["code"].n_unique() == 36_114 - 1_111  # the file tells 1,111 communes twice
    assert frame.filter(pl.col("statut") != "publié")["valeur"].null_count() == frame["valeur"].null_count() > 0
    assert "territoire-double" in set(result.issues["regle"])

    for name, code, column in (
        ("taux_pauvrete.csv", "code_INSEE", "TX_POVERTY"),
        ("interim_variable_minimas_V2.csv", "CODE_INSEE", "TX_RSA"),
        ("data_moins_25ans.csv", "CODE_INSEE", "TX_TOT_0A24"),
        ("interim_taux_demandeurs_emploi.csv", "CODE_INSEE", "TX_DEMANDEUR_EMPLOIS"),
    ):
        spec = declare(
            code=code,
            separateur=",",
            vide="secret",
            ignorees=["colonne sans nom *", "LIBCOM", "DEP"],
            mesures={"taux": {"colonne": column, "nature": "taux"}},
        )
        told = read(folder / name, spec).tables["mesures"]
        published = pl.read_csv(folder / name, infer_schema=False)[column].drop_nulls().len()
        assert told.filter(pl.col("statut") == "publié").height == published, name
        assert set(told.filter(pl.col("valeur").is_null())["statut"]) == {"secret statistique"}
