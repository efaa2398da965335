"""Outlines of communes."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import shapely

from pipeline.foundations.errors import SourceUnreadable
from sources.contours import read as contours
from sources.reading import ReadResult
from sources.spec import load_spec

SPEC = load_spec(Path(contours.__file__).parent / "source.yml")
CORNER = [[6.0, 44.0], [6.1, 44.0], [6.1, 44.1], [6.0, 44.0]]


def feature(code: Any, rings: Any, kind: str = "Polygon") -> dict[str, Any]:
    geometry = None if rings is None else {"type": kind, "coordinates": rings}
    properties = {"code": code, "nom": "Essai", "departement": "05", "region": "93", "epci": None}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def read(folder: Path, *features: Any, text: str | None = None) -> ReadResult:
    path = folder / "communes.geojson.gz"
    document = json.dumps({"type": "FeatureCollection", "features": features}) if text is None else text
    path.write_bytes(gzip.compress(document.encode("utf-8")))
    return contours.read({"communes": path}, SPEC)


def read_fixture(fixtures: Path, folder: Path, name: str) -> ReadResult:
    return read(folder, text=(fixtures / "contours" / name).read_text(encoding="utf-8"))


def test_outlines_are_multipolygons_with_a_point_inside(fixtures: Path, tmp_path: Path) -> None:
    result = read_fixture(fixtures, tmp_path, "communes.geojson")
    frame = result.tables["contours"]
    assert frame.schema == contours.SCHEMA
    assert frame["code"].to_list() == ["05023", "05061", "59183"]
    assert (result.read, result.issues.height) == (3, 0)
    shapes = shapely.from_wkb(frame["geometrie"].to_numpy())
    points = shapely.points(frame["longitude"].to_numpy(), frame["latitude"].to_numpy())
    assert {s.geom_type for s in shapes} == {"MultiPolygon"}
    assert shapely.get_num_geometries(shapes).tolist() == [1, 1, 2]
    assert shapely.intersects(shapes, points).all()  # 05023 is a C: its centroid is outside
    assert not shapely.contains(shapes[0], shapely.centroid(shapes[0]))


def test_an_invalid_outline_is_repaired_and_named(tmp_path: Path) -> None:
    bow = [[[6.0, 44.0], [6.2, 44.2], [6.2, 44.0], [6.0, 44.2], [6.0, 44.0]]]
    spike = [[[6.0, 44.0], [6.1, 44.0], [6.1, 44.1], [6.0, 44.1], [6.0, 44.0], [5.9, 43.9], [6.0, 44.0]]]
    result = read(tmp_path, feature("05001", bow), feature("05002", spike), feature("05003", [CORNER]))
    shapes = shapely.from_wkb(result.tables["contours"]["geometrie"].to_numpy())
    assert shapely.is_valid(shapes).all()
    assert {s.geom_type for s in shapes} == {"MultiPolygon"}
    assert shapely.get_num_geometries(shapes).tolist() == [2, 1, 1]
    assert result.issues.select("id_source", "regle", "gravite").rows() == [
        ("05001", "contour-repare", "info"),
        ("05002", "contour-repare", "info"),
    ]
    assert "Self-intersection" in result.issues["valeur"][0]


def test_an_outline_without_surface_is_set_aside(tmp_path: Path) -> None:
    result = read(
        tmp_path,
        feature("05001", None),
        feature("05002", []),
        feature("05003", [[[6.0, 44.0], [6.1, 44.0], [6.1, 44.1]]]),  # a ring that does not close
        feature("05004", [6.0, 44.0], "Point"),
        feature("05005", [CORNER]),
        feature("05005", [CORNER]),
    )
    assert result.tables["contours"]["code"].to_list() == ["05005"]
    assert result.issues.select("id_source", "regle", "gravite").rows() == [
        *[(code, "contour-vide", "erreur") for code in ("05001", "05002", "05003", "05004")],
        ("05005", "contour-double", "erreur"),
    ]


def test_an_unknown_property_is_said(tmp_path: Path) -> None:
    odd = feature("05001", [CORNER])
    odd["properties"]["canton"] = "0501"
    assert read(tmp_path, odd).issues.select("colonne", "regle").rows() == [("canton", "colonne-inconnue")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_lambert.geojson", "expected coordinates in WGS84 degrees; found bounds 970000, 6380000"),
        ("bad_code.geojson", 'expected a text `code` in the properties of every feature; found feature 2 with {"nom"'),
        ("bad_code_entier.geojson", 'found feature 1 with {"code": 5023'),
        ("bad_coupe.geojson", "expected a GeoJSON feature collection; found broken JSON"),
        ("bad_erreur.geojson", "expected a GeoJSON feature collection; found no feature"),
        ("bad_objets.geojson", "found an item without properties among its features: 05023"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(fixtures: Path, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SourceUnreadable) as error:
        read_fixture(fixtures, tmp_path, name)
    assert message in str(error.value)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    limit = SPEC.resources[0].model_copy(update={"max_unpacked_mb": 1})
    path = tmp_path / "communes.geojson.gz"
    path.write_bytes(gzip.compress(b'{"features": [' + b" " * 2_000_000 + b"]}"))
    with pytest.raises(SourceUnreadable, match="at most 1000000 bytes once unpacked"):
        contours.read({"communes": path}, SPEC.model_copy(update={"resources": (limit,)}))


@pytest.mark.lent
@pytest.mark.reel
def test_the_real_outlines(real_data: Path) -> None:
    path = "mirror/etalab-datasets.geo.data.gouv.fr/contours-administratifs/2026/geojson/communes-100m.geojson.gz"
    result = contours.read({"communes": real_data / path}, SPEC)
    frame = result.tables["contours"]
    assert (result.read, frame.height, result.issues.height) == (34_868, 34_868, 0)
    assert SPEC.bounds.min < frame.height < SPEC.bounds.max
    count = {d: frame.filter(pl.col("code").str.starts_with(d)).height for d in ("05", "36", "59")}
    assert count == {"05": 162, "36": 241, "59": 647}
    assert shapely.is_valid(shapely.from_wkb(frame["geometrie"].to_numpy())).all()
    assert frame.select(pl.col("longitude", "latitude").is_finite().all()).row(0) == (True, True)
