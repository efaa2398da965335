"""Insee's grid: every vintage and packing gives the same cells; what cannot be a cell is set aside and said."""

import io
import zipfile
from pathlib import Path

import geopandas as gpd
import polars as pl
import py7zr
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable, WrongUse
from sources.carreaux import faults
from sources.carreaux import read as carreaux
from sources.carreaux.inspire import cell_id, corner
from sources.reading import ReadResult
from sources.registry import get_source
from sources.spec import SourceSpec

SMALL, LARGE = get_source("carreaux_200m"), get_source("carreaux_1km")
COUNTS = (30.0, 120.5, 4.0)


def read(path: Path, spec: SourceSpec = SMALL) -> ReadResult:
    return carreaux.read({"france": path}, spec)


def with_options(spec: SourceSpec, **options: object) -> SourceSpec:
    return spec.model_copy(update={"options": {**spec.options, **options}})


def capped(spec: SourceSpec, megabytes: int) -> SourceSpec:
    (resource,) = spec.resources
    return spec.model_copy(update={"resources": (resource.model_copy(update={"max_unpacked_mb": megabytes}),)})


def zipped(path: Path, **members: bytes | Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, bytes) else content.read_bytes())
    return path


@pytest.fixture
def folder(fixtures: Path) -> Path:
    return fixtures / "carreaux"


# --- vintages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "generation", "vintage"),
    [("2015_200m.csv", "2015", "2015"), ("2017_200m.csv", "2017", "2017"), ("2021_200m.csv", "2017", "2021")],
)
def test_every_vintage_gives_the_same_cells(folder: Path, name: str, generation: str, vintage: str) -> None:
    result = read(folder / name)
    cells = result.tables["carreaux"]
    assert cells.schema == carreaux.SCHEMA
    assert (result.read, result.issues.height, result.generation, result.millesime) == (3, 0, generation, vintage)
    reference = read(folder / "2021_200m.csv").tables["carreaux"]
    said = ("i_pauv", "communes_source", "millesime")  # not the same from a vintage to the next
    assert cells.drop(said).equals(reference.drop(said))
    assert cells["ind"].to_list() == list(COUNTS)
    assert cells["impute"].to_list() == [True, False, True]
    assert cells["millesime"].unique().to_list() == [vintage]


def test_a_cell_is_where_its_id_says_and_names_its_communes(folder: Path) -> None:
    cells = read(folder / "2021_200m.csv").tables["carreaux"]
    first = cells.row(0, named=True)
    assert (first["epsg"], first["taille_m"], first["x"], first["y"]) == (3035, 200, 4044800, 2419400)
    back = gpd.GeoSeries([shapely.Point(4044900, 2419500)], crs=3035).to_crs(4326)
    assert (first["longitude"], first["latitude"]) == pytest.approx((back.x[0], back.y[0]), abs=1e-9)
    assert cells["communes_source"].to_list() == [["05023"], ["05023", "05161"], ["05023"]]


def test_the_poor_capped_for_secrecy_are_told_by_2015_only(folder: Path) -> None:
    assert read(folder / "2015_200m.csv").tables["carreaux"]["i_pauv"].to_list() == [False, True, False]
    assert read(folder / "2017_200m.csv").tables["carreaux"]["i_pauv"].null_count() == 3


def test_kilometre_cells_of_three_territories(folder: Path) -> None:
    cells = read(folder / "2021_1km.csv", LARGE).tables["carreaux"]
    assert cells.select("epsg", "taille_m", "impute").rows() == [
        (2975, 1000, False),
        (3035, 1000, False),  # 2: true values
        (5490, 1000, True),
    ]
    assert cells["communes_source"].to_list() == [["97411"], ["05023", "05161"], ["97209"]]


def test_two_hundred_metres_are_not_a_kilometre(folder: Path) -> None:
    """The 200 m file also names the kilometre of each cell."""
    with pytest.raises(SourceUnreadable, match="expected cells of 1000 m; found a grid of 200 m cells"):
        read(folder / "2021_200m.csv", LARGE)


# --- packings ------------------------------------------------------------------------------------------------------


def seven_zip(path: Path, *members: tuple[Path, str]) -> Path:
    with py7zr.SevenZipFile(path, "w") as archive:
        for file, name in members:
            archive.write(file, name)
    return path


def geopackage(path: Path, csv: Path, layer: str = "carreaux_200m_met") -> Path:
    frame = pl.read_csv(csv, schema_overrides={"lcog_geo": pl.String})
    squares = shapely.box(900_000, 6_400_000, 900_200, 6_400_200)  # lies: only the id is believed
    gpd.GeoDataFrame(frame.to_dict(), geometry=[squares] * frame.height, crs=2154).to_file(path, layer=layer)
    return path


def test_every_packing_gives_the_same_cells(folder: Path, tmp_path: Path) -> None:
    csv = folder / "2021_200m.csv"
    expected = read(csv).tables["carreaux"]
    parquet = tmp_path / "a.parquet"
    pl.read_csv(csv, schema_overrides={"lcog_geo": pl.String}).write_parquet(parquet)
    inner = zipped(tmp_path / "inner.zip", **{"x/carreaux_200m_met.csv": csv, "lisez-moi.pdf": b"%PDF"})
    sevenfold = seven_zip(tmp_path / "b.7z", (csv, "x/carreaux_200m_met.csv"), (csv.parent / "fautes.csv", "note.txt"))
    packed = [
        parquet,
        geopackage(tmp_path / "a.gpkg", csv),
        inner,
        zipped(tmp_path / "outer.zip", **{"in.zip": inner, "__MACOSX/._in.zip": b"x"}),
        sevenfold,
        zipped(tmp_path / "c.zip", **{"in.7z": sevenfold}),
        zipped(tmp_path / "d.zip", **{"a.gpkg": tmp_path / "a.gpkg"}),
        zipped(tmp_path / "e.zip", **{"../../up.parquet": parquet}),
    ]
    for path in packed:
        assert read(path).tables["carreaux"].equals(expected), path.name
    assert not (tmp_path.parent / "up.parquet").exists()


def test_a_7z_that_climbs_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="path is bad"):
        read(seven_zip(tmp_path / "a.7z", (folder / "2021_200m.csv", "../../a.csv")))


def test_an_archive_of_several_territories_and_its_year(folder: Path, tmp_path: Path) -> None:
    met, dom = (folder / "2021_1km.csv").read_bytes().splitlines(), (folder / "2021_1km.csv").read_bytes()
    path = zipped(
        tmp_path / "a.zip",
        **{"Filosofi2019_met.csv": b"\n".join(met[:2]), "Filosofi2019_dom.csv": dom.replace(met[1] + b"\n", b"")},
    )
    result = read(path, LARGE)
    assert (result.tables["carreaux"].height, result.read, result.millesime) == (3, 3, "2019")


def test_a_bomb_is_refused_before_it_fills_the_disk(folder: Path, tmp_path: Path) -> None:
    zeros = bytes(5_000_000)
    bomb = tmp_path / "bomb.csv"
    bomb.write_bytes(zeros)
    for path in (
        zipped(tmp_path / "a.zip", **{"a.csv": zeros}),
        zipped(tmp_path / "b.zip", **{"a.zip": zipped(tmp_path / "c.zip", **{"a.csv": zeros})}),
        seven_zip(tmp_path / "a.7z", (bomb, "a.csv")),
    ):
        with pytest.raises(SourceUnreadable, match="at most 1 MB once unpacked; found more"):
            read(path, capped(SMALL, 1))
    deep = zipped(tmp_path / "0.zip", **{"a.csv": folder / "2021_200m.csv"})
    for level in range(1, 4):
        deep = zipped(tmp_path / f"{level}.zip", **{"a.zip": deep})
    with pytest.raises(SourceUnreadable, match="at most 3 archives within one another"):
        read(deep)


@pytest.mark.parametrize("suffix", ["zip", "7z", "gpkg", "parquet"])
def test_a_file_cut_short_is_refused(folder: Path, tmp_path: Path, suffix: str) -> None:
    csv = folder / "2021_200m.csv"
    whole = tmp_path / f"a.{suffix}"
    if suffix == "zip":
        zipped(whole, **{"a.csv": csv})
    elif suffix == "7z":
        seven_zip(whole, (csv, "a.csv"))
    elif suffix == "gpkg":
        geopackage(whole, csv)
    else:
        pl.read_csv(csv).write_parquet(whole)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(SourceUnreadable, match=r"a complete archive|a whole CSV|a GeoPackage"):
        read(whole)


def test_an_archive_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"an archive of \.7z, \.csv.* files; found none in it"):
        read(zipped(tmp_path / "a.zip", **{"lisez-moi.txt": b"rien"}))


def test_a_geopackage_of_several_layers_is_refused(folder: Path, tmp_path: Path) -> None:
    path = geopackage(tmp_path / "a.gpkg", folder / "2021_200m.csv")
    geopackage(path, folder / "2021_200m.csv", layer="autre")
    with pytest.raises(SourceUnreadable, match="a GeoPackage of one layer"):
        read(path)


def test_another_sqlite_file_is_not_a_geopackage(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(0, 0)], crs=4326).to_file(path, driver="SQLite")
    with pytest.raises(SourceUnreadable, match="a GeoPackage of one layer"):
        read(path)


# --- bad files and bad rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_vide.csv", "an empty file"),
        ("bad_page.csv", "a web page"),
        ("bad_entete_seul.csv", "at least one usable cell; found 0 rows"),
        ("bad_colonne_renommee.csv", r"column\(s\) men_pauv; found unknown column\(s\) menages_pauvres"),
        ("bad_colonne_double.csv", "each column named once; found twice: ind"),
        ("bad_sans_identifiant.csv", r"a column that names the cells \(idinspire, idcar_200m\)"),
        ("bad_latin1.csv", "a whole CSV"),
    ],
)
def test_a_bad_file_is_refused(folder: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        read(folder / name)


def test_no_file_is_refused() -> None:
    with pytest.raises(SourceUnreadable, match="at least one usable cell; found no file"):
        carreaux.read({}, SMALL)


def test_options_are_checked() -> None:
    with pytest.raises(WrongUse, match="taille_m"):
        carreaux.read({}, with_options(SMALL, taille_m=300))


def test_each_faulty_row_is_set_aside_or_mended_and_said(folder: Path) -> None:
    result = read(folder / "fautes.csv")
    cells = result.tables["carreaux"]
    told = {(i["regle"], i["id_source"][-18:], i["colonne"]) for i in result.issues.to_dicts()}

    def ids(*ranks: int) -> list[str]:
        return [f"CRS3035RES200mN{2430000 + 200 * k}E4050000"[-18:] for k in ranks]

    assert told == {
        ("carreau-double", *ids(0), "ind"),
        ("identifiant-illisible", "CRS3035RES200mE4050000"[-18:], "id"),
        ("identifiant-illisible", "None", "id"),
        ("grille-inconnue", *ids(0), "id"),
        ("taille-inattendue", *ids(0), "id"),
        ("carreau-decale", "200mN2430050E4050000"[-18:], "id"),
        ("hors-de-france", "200mN2430000E6000000"[-18:], "id"),
        ("population-negative", *ids(1), "ind"),
        ("population-inconnue", *ids(2), "ind"),
        ("valeur-non-finie", *ids(3), "men"),
        ("valeur-negative", *ids(4), "men"),
        ("valeur-illisible", *ids(5), "men"),
        ("indicateur-illisible", *ids(6), "impute"),
        ("communes-illisibles", *ids(7), "communes"),
        ("ligne-decalee", "ligne 18", "*"),
    }
    assert [i[-18:] for i in cells["carreau_id"]] == ids(0, 2, 3, 4, 5, 6, 7, 8)
    assert cells["ind"].to_list() == [10.0, None, *[10.0] * 6]  # the first of two, and an unknown is not a zero
    assert cells["men"].to_list() == [4.0, 4.0, None, None, None, 4.0, 4.0, 4.0]
    assert cells["impute"].to_list()[5] is None
    assert cells["communes_source"].to_list()[6] is None
    assert cells["ind_snv"][7] == -50.5
    assert result.read == cells.height + result.issues.filter(pl.col("gravite") == "erreur").height


def test_a_column_gone_wrong_is_counted_rather_than_told_a_million_times(folder: Path, tmp_path: Path) -> None:
    header, first, *_ = (folder / "2021_200m.csv").read_text(encoding="utf-8").splitlines()
    cell = first.split(",")
    rows = [[f"CRS3035RES200mN{2400000 + 200 * k}E4044800", *cell[1:7], "n.d.", *cell[8:]] for k in range(300)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([header, *map(",".join, rows)]), encoding="utf-8")
    issues = read(path).issues
    assert issues.height == 201
    last = issues.row(-1, named=True)
    assert (last["regle"], last["id_source"], last["valeur"]) == ("valeur-illisible", "*", "100 de plus")
    assert "300 au total" in last["motif"]


def test_every_rule_is_told_in_a_french_sentence() -> None:
    assert all(
        reason.endswith(".") and severity in ("erreur", "avertissement") for reason, severity in faults.RULES.values()
    )


# --- files of the population alone ---------------------------------------------------------------------------------


def test_points_are_centres_or_corners_by_their_remainder(folder: Path) -> None:
    spec = with_options(LARGE, population_seule=3035)
    centres, corners = (read(folder / f"population_{kind}.csv", spec) for kind in ("centres", "coins"))
    assert centres.tables["carreaux"]["carreau_id"].to_list() == [
        "CRS3035RES1000mN2383000E3630000",
        "CRS3035RES1000mN2384000E3629000",
        "CRS3035RES1000mN2384000E3630000",
    ]
    assert centres.issues["regle"].to_list() == ["carreau-decale"]
    assert corners.tables["carreaux"].equals(centres.tables["carreaux"].head(2))
    assert corners.tables["carreaux"]["men"].null_count() == 2


def test_points_off_the_grid_are_refused(folder: Path) -> None:
    with pytest.raises(SourceUnreadable, match="corners or centres of cells of 1000 m"):
        read(folder / "bad_population_hors_grille.csv", with_options(LARGE, population_seule=3035))


def test_the_population_alone_must_be_declared(folder: Path) -> None:
    with pytest.raises(SourceUnreadable, match="a column that names the cells"):
        read(folder / "population_centres.csv", LARGE)


# --- properties ----------------------------------------------------------------------------------------------------

CORNERS = st.tuples(
    st.sampled_from([3035, 2975, 5490]), st.sampled_from([200, 1000]), st.integers(0, 49_999), st.integers(0, 49_999)
)


@given(st.lists(CORNERS, min_size=1, max_size=20))
def test_id_and_corner_are_the_same_thing(corners: list[tuple[int, int, int, int]]) -> None:
    frame = pl.DataFrame(
        [(epsg, size, x * size, y * size) for epsg, size, x, y in corners],
        schema=dict.fromkeys(("epsg", "taille", "x", "y"), pl.Int32),
        orient="row",
    )
    ids = frame.select(cell_id(*map(pl.col, frame.columns)).alias("id"))
    back = ids.select(corner(pl.col("id")).alias("c")).unnest("c")
    assert back.select(frame.columns).equals(frame)
    shouted = ids.select(corner(pl.col("id").str.to_lowercase()).alias("c")).unnest("c")
    assert shouted.equals(back)


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_nothing(text: str) -> None:
    parts = pl.DataFrame({"id": [text]}).select(corner(pl.col("id")).alias("c")).unnest("c").row(0)
    assert all(p is None for p in parts) or all(p is not None for p in parts)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_our_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("octets") / "a"
    for head in (b"", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"SQLite format 3\0", b"PAR1"):
        path.write_bytes(head + data)
        with pytest.raises(SourceUnreadable):
            read(path)


# --- real files ----------------------------------------------------------------------------------------------------


@pytest.mark.reel
def test_the_real_kilometre_cells_of_corsica(real_data: Path, tmp_path: Path) -> None:
    real = pl.read_parquet(real_data / "territory" / "grid-1km-corse" / "grid_1km_corse_2015_full.parquet")
    path = tmp_path / "Filosofi2015.parquet"
    real.drop("geometry", "commune_2026", "departement").write_parquet(path)  # columns added to the official ones
    result = read(path, LARGE)
    cells = result.tables["carreaux"]
    assert (cells.height, cells["ind"].sum(), result.issues.height, result.millesime) == (2994, 270_859, 0, "2015")
    assert cells["men_pauv"].sum() == pytest.approx(25_482)
    assert cells["impute"].sum() == 2162
    text = io.BytesIO()
    real.drop("geometry", "commune_2026", "departement").write_csv(text)
    archive = zipped(tmp_path / "a.zip", **{"carreaux.csv": text.getvalue()})
    assert read(archive, LARGE).tables["carreaux"].equals(cells)


@pytest.mark.reel
def test_the_real_cells_given_by_their_centres(real_data: Path) -> None:
    folder = real_data / "territory" / "grid-1km-lot46"
    cells = read(folder / "pop.csv", with_options(LARGE, population_seule=3035)).tables["carreaux"]
    ids = pl.read_parquet(folder / "grid_1km_lot46_2015.parquet", columns=["id_1km"])["id_1km"]
    assert set(cells["carreau_id"]) == set(ids)
    assert (cells.height, cells["ind"].sum()) == (4595, 175_098)
