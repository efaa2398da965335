"""Quartiers prioritaires: both editions, GeoJSON or GeoPackage, always valid polygons in degrees."""

import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from pipeline.foundations.errors import SourceUnreadable, WrongUse
from sources.qpv import read as qpv
from sources.reading import ReadResult
from sources.registry import get_source

SPEC = get_source("qpv")


def read(path: Path, resource: str = "qpv_2024") -> ReadResult:
    return qpv.read({resource: path}, SPEC)


def issues(result: ReadResult) -> list[tuple[str, ...]]:
    return result.issues.select("id_source", "valeur", "regle", "gravite").rows()


def packed(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def geojson(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def feature(properties: dict[str, Any], x: float = 6.0) -> dict[str, Any]:
    ring = [[x, 44.0], [x + 0.01, 44.0], [x + 0.01, 44.01], [x, 44.0]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


@pytest.fixture
def recent(fixtures: Path) -> Path:
    return fixtures / "qpv" / "qpv_2024.geojson"


def test_the_edition_of_2024(recent: Path) -> None:
    result = read(recent)
    frame = result.tables["qpv"]
    assert frame.schema == qpv.SCHEMA
    assert frame.select("code", "nom", "communes", "millesime").rows() == [
        ("QN00501A", "Quartier d'essai", ["05061"], "2024"),
        ("QN03601C", "Nœud papillon", [], "2024"),
        ("QN05901B", "Deux communes", ["59350", "59512"], "2024"),
    ]
    shapes = shapely.from_wkb(frame["geometrie"].to_numpy())
    assert {s.geom_type for s in shapes} == {"MultiPolygon"}
    assert shapely.is_valid(shapes).all()
    assert (result.read, result.millesime) == (3, "2024")
    ((code, why, rule, severity),) = issues(result)
    assert (code, rule, severity) == ("QN03601C", "contour-repare", "info")
    assert "Self-intersection" in why


def test_both_editions_stand_side_by_side(recent: Path, tmp_path: Path) -> None:
    old = geojson(tmp_path / "old.geojson", feature({"CODE_QUARTIER": "QP005001", "nom_qp": "Ancien"}))
    result = qpv.read({"qpv_2024": recent, "qpv_2015": old}, SPEC)
    assert result.tables["qpv"].select("code", "millesime").rows()[-1] == ("QP005001", "2015")
    assert (result.tables["qpv"].height, result.millesime) == (4, "2024")


def test_every_packing_gives_the_same_quartiers(recent: Path, tmp_path: Path) -> None:
    expected = read(recent).tables["qpv"]
    frame = gpd.read_file(recent)
    for epsg, suffix in ((4326, "degres"), (2154, "lambert")):
        frame.to_crs(epsg).to_file(tmp_path / f"{suffix}.gpkg", layer="qpv", engine="pyogrio")
    insee = {"GEOJSON/QP2024_Outre_Mer_WGS84.geojson": recent.read_bytes(), "GEOJSON/QP2024_LB93.geojson": b"{}"}
    for path in (
        packed(tmp_path / "a.zip", **insee),
        tmp_path / "degres.gpkg",
        tmp_path / "lambert.gpkg",
        packed(tmp_path / "b.zip", **{"GPKG/qpv.gpkg": (tmp_path / "lambert.gpkg").read_bytes()}),
    ):
        found = read(path).tables["qpv"]
        assert found.drop("geometrie").equals(expected.drop("geometrie")), path.name
        gap = shapely.hausdorff_distance(
            shapely.from_wkb(found["geometrie"].to_numpy()), shapely.from_wkb(expected["geometrie"].to_numpy())
        )
        assert gap.max() < 1e-8, path.name


def test_what_cannot_be_a_quartier_is_set_aside_and_said(fixtures: Path) -> None:
    result = read(fixtures / "qpv" / "bad_qpv.geojson")
    assert result.tables["qpv"]["code"].to_list() == ["QN00501A"]
    assert set(issues(result)) == {
        ("5001", "Code perdu", "code-illisible", "erreur"),
        ("?", "Sans code", "code-illisible", "erreur"),
        ("QN00502B", "Sans contour", "contour-vide", "erreur"),
        ("QN00503C", "Une ligne", "contour-vide", "erreur"),
        ("QN00501A", "Double", "qpv-double", "erreur"),
    }
    assert result.read == 6


def test_a_property_nobody_declared_is_reported(tmp_path: Path) -> None:
    found = read(
        geojson(tmp_path / "a", feature({"code_qp": "QN00501A", "lib_qp": "A", "nouveau": 1, "insee_com": 5061}))
    )
    assert found.tables["qpv"]["communes"].to_list() == [[]]  # a number that lost its zero is no code
    assert [i[2] for i in issues(found)] == ["colonne-inconnue", "commune-illisible"]


def test_a_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    for content, message in (
        (b'{"type": "FeatureCollection", "features": [', "broken JSON"),
        (b'{"type": "FeatureCollection", "features": []}', "no feature"),
        (b'{"features": [3]}', "an item without properties: 3"),
        (b"", "broken JSON"),
    ):
        path.write_bytes(content)
        with pytest.raises(SourceUnreadable, match=message):
            read(path)
    with pytest.raises(SourceUnreadable, match=r"expected column\(s\) nom"):
        read(geojson(path, feature({"code_qp": "QN00501A", "libelle": "A"})))
    with pytest.raises(SourceUnreadable, match="coordinates in WGS84 degrees; found bounds 950000"):
        read(geojson(path, feature({"code_qp": "QN00501A", "lib_qp": "A"}, x=950_000.0)))
    path.write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(SourceUnreadable, match="expected a complete archive"):
        read(path)
    path.write_bytes(b"SQLite format 3\0 and nothing more")
    with pytest.raises(SourceUnreadable, match="a GeoPackage of one layer"):
        read(path)


def test_a_geopackage_of_two_layers_is_refused(recent: Path, tmp_path: Path) -> None:
    frame = gpd.read_file(recent)
    for layer in ("un", "deux"):
        frame.to_file(tmp_path / "a.gpkg", layer=layer, engine="pyogrio")
    with pytest.raises(SourceUnreadable, match="found layers un, deux"):
        read(tmp_path / "a.gpkg")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    first, second = SPEC.resources
    small = SPEC.model_copy(update={"resources": (first.model_copy(update={"max_unpacked_mb": 1}), second)})
    bomb = packed(tmp_path / "a.zip", **{"x_WGS84.geojson": b" " * 3_000_000})
    with pytest.raises(SourceUnreadable, match="at most 1000000 bytes once unpacked"):
        qpv.read({"qpv_2024": bomb}, small)


def test_options_are_held_to_their_shape() -> None:
    with pytest.raises(WrongUse, match="membre: Field required"):
        qpv.read({}, SPEC.model_copy(update={"options": {}}))


@pytest.mark.reel
def test_the_real_quartiers_of_occitanie(real_data: Path) -> None:
    result = read(real_data / "territory" / "zonages" / "qpv-occitanie" / "qp.geojson", "qpv_2015")
    frame = result.tables["qpv"]
    assert (result.read, frame.height) == (105, 105)
    assert frame["communes"].list.len().unique().to_list() == [1]
    assert shapely.is_valid(shapely.from_wkb(frame["geometrie"].to_numpy())).all()
    assert set(result.issues["regle"]) == {"contour-repare"}
    assert result.issues.height == 32
