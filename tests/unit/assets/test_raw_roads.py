"""Road files brought by hand: where they go, what is made of a folder, and that a bad one replaces nothing."""

import zipfile

import numpy as np
import pyogrio
import pytest
import shapely

from assets.raw.ingest import ingest
from assets.raw.roads import Target, import_roads, target_of
from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace
from sources.bdtopo.segments import segments
from sources.demo.write import write_territory
from sources.registry import get_source

V2 = {
    "NATURE": "Route à 1 chaussée",
    "IMPORTANCE": "4",
    "FICTIF": "Non",
    "POS_SOL": 0,
    "SENS": "Double",
    "ETAT": "NR",
    "INSEECOM_G": "38421",
    "INSEECOM_D": "38421",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return write_territory(tmp_path_factory.mktemp("roads"), departements=1, communes_per_departement=12).roads


@pytest.fixture
def workspace(tmp_path):
    return Workspace(DataRoot(tmp_path / "data"), frozen=True)


@pytest.fixture
def delivery(tmp_path):
    """Two layers of version 2, whose system is not told."""
    folder = tmp_path / "livraison" / "A_RESEAU_ROUTIER"
    folder.mkdir(parents=True)
    for n, layer in enumerate(("ROUTE_PRIMAIRE", "ROUTE_SECONDAIRE", "BATI")):
        shape = shapely.LineString([(900_000, 6_450_000 + n), (900_100, 6_450_000 + n)])
        pyogrio.raw.write(
            folder / f"{layer}.SHP",
            geometry=np.array([shapely.to_wkb(shape)], dtype=object),
            field_data=[np.array([f"R{n}"], dtype=object), *(np.array([v]) for v in V2.values())],
            fields=["ID", *V2],
            geometry_type="LineString",
            crs="EPSG:2154",
            driver="ESRI Shapefile",
            encoding="ISO-8859-1",
        )
    for file in folder.iterdir():
        if file.suffix == ".prj":
            file.write_bytes(b"")
    return folder.parent


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("BDTOPO_3-5_TOUSTHEMES_GPKG_LAMB93_D005_2026-06-15.7z", "d05"),
        ("BDT_3-5_GPKG_LAMB93_D02A-ED2026-06-15.gpkg", "d2a"),
        ("BDTOPO_3-5_TOUSTHEMES_GPKG_RGAF09UTM20_D971_2026-06-15.7z", "d971"),
        ("BDTOPO_3-5_TOUSTHEMES_GPKG_LAMB93_FXX_2026-06-15.7z", "france"),
        ("BDTOPO_3-5_TOUSTHEMES_GPKG_LAMB93_R93_2026-06-15.7z", "local"),
        ("BDTOPO_D020_2026.7z", "local"),
        ("troncon_de_route.gpkg", "local"),
    ],
)
def test_the_name_says_where_it_goes(tmp_path, name, resource):
    assert target_of(tmp_path / name) == Target("bdtopo", resource)


def test_what_is_said_wins_over_the_name(tmp_path):
    assert target_of(tmp_path / "X_D005_.7z", departement="2B") == Target("bdtopo", "d2b")
    assert target_of(tmp_path / "X_D005_.7z", france=True) == Target("bdtopo", "france")
    with pytest.raises(WrongUse, match="found both"):
        target_of(tmp_path / "a.7z", departement="05", france=True)
    with pytest.raises(WrongUse, match="the code of a département"):
        target_of(tmp_path / "a.7z", departement="99")
    with pytest.raises(WrongUse, match="OpenStreetMap file"):
        target_of(tmp_path / "a.osm.pbf", departement="05")


def test_a_good_file_becomes_current_and_the_next_build_reads_it(workspace, demo):
    result = import_roads(workspace, demo, Target("bdtopo", "d05"))
    kept = workspace.snapshots.current("bdtopo", "d05")
    assert kept.path.name == "d05.gpkg"
    assert kept.path.read_bytes() == demo.read_bytes()
    assert result.tables["bilan"]["troncons"].sum() == result.read > 100
    assert "Bac ou liaison maritime" in result.tables["bilan"]["nature"]
    assert not list(workspace.root.path.glob(".import-*"))
    state = ingest(get_source("bdtopo"), snapshots=workspace.snapshots, tables=workspace.tables)
    assert (state.etat, state.lignes_lues) == ("à jour", result.read)
    assert workspace.tables.read("raw__bdtopo_bilan").equals(result.tables["bilan"])


def test_a_bad_file_never_replaces_the_good_one(workspace, demo, tmp_path):
    import_roads(workspace, demo, Target("bdtopo", "local"))
    before = workspace.snapshots.current("bdtopo", "local")
    bad = tmp_path / "bad_page.gpkg"
    bad.write_bytes(b"<html>Maintenance</html>" * 10)
    with pytest.raises(SourceUnreadable, match="web page"):
        import_roads(workspace, bad, Target("bdtopo", "local"))
    cut = tmp_path / "bad_cut.gpkg"
    cut.write_bytes(demo.read_bytes()[:-5000])
    with pytest.raises(SourceUnreadable, match="cut short"):
        import_roads(workspace, cut, Target("bdtopo", "local"))
    assert workspace.snapshots.current("bdtopo", "local") == before
    assert [s.status for s in workspace.snapshots.history("bdtopo", "local")].count("refused") >= 1


def test_a_folder_of_shapefiles_is_bundled_the_same_whatever_its_dates(workspace, delivery):
    with pytest.raises(SourceUnreadable, match="import it with --epsg"):
        import_roads(workspace, delivery, Target("bdtopo", "d38"))
    result = import_roads(workspace, delivery, Target("bdtopo", "d38"), epsg=2154)
    assert (result.read, result.generation) == (2, "v2")
    first = workspace.snapshots.current("bdtopo", "d38")
    with zipfile.ZipFile(first.path) as archive:
        assert archive.namelist() == [
            *(f"route_primaire.{part}" for part in ("cpg", "dbf", "prj", "shp", "shx")),
            *(f"route_secondaire.{part}" for part in ("cpg", "dbf", "prj", "shp", "shx")),
            "epsg.txt",
        ]
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
    for file in delivery.rglob("*.*"):
        file.touch()
    import_roads(workspace, delivery, Target("bdtopo", "d38"), epsg=2154)
    assert workspace.snapshots.current("bdtopo", "d38").sha256 == first.sha256
    (batch, other) = segments(first.path, "d38", max_unpacked=10**7)
    assert batch.frame["id"].to_list() + other.frame["id"].to_list() == ["R0", "R1"]


def test_one_shapefile_stands_for_its_parts(workspace, delivery):
    shape = delivery / "A_RESEAU_ROUTIER" / "ROUTE_SECONDAIRE.SHP"
    shape = shape if shape.exists() else shape.with_suffix(".shp")
    assert import_roads(workspace, shape, Target("bdtopo", "local"), epsg=2154).read == 1


def test_a_folder_that_holds_one_geopackage(workspace, demo):
    assert import_roads(workspace, demo.parent, Target("bdtopo", "local")).read > 100


def test_wrong_uses(workspace, demo, delivery, tmp_path):
    local = Target("bdtopo", "local")
    with pytest.raises(WrongUse, match="one of 2154"):
        import_roads(workspace, delivery, local, epsg=4326)
    with pytest.raises(WrongUse, match="shapefiles, or the folder"):
        import_roads(workspace, demo, local, epsg=2154)
    (tmp_path / "vide").mkdir()
    with pytest.raises(WrongUse, match="none of them"):
        import_roads(workspace, tmp_path / "vide", local)
    (delivery / "copie").mkdir()
    for file in (delivery / "A_RESEAU_ROUTIER").iterdir():
        (delivery / "copie" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(WrongUse, match="each layer once"):
        import_roads(workspace, delivery, local, epsg=2154)


def test_a_file_that_is_removed_leaves_nothing(workspace, demo):
    import_roads(workspace, demo, Target("bdtopo", "local"))
    assert len(workspace.snapshots.forget("bdtopo", "local")) == 1
    assert workspace.snapshots.current("bdtopo", "local") is None
    assert list((workspace.root.snapshots / "bdtopo").iterdir()) == []
    assert workspace.snapshots.forget("bdtopo", "local") == []
