"""GeoParquet: what the specification asks, read by two readers that did not write it."""

import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import duckdb
import geopandas
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from outputs.geoparquet import write_geoparquet
from pipeline.foundations.duck import connect, spatial_extension
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Contract, all_contracts
from tests.benchmarks import bbox


def written(layer, path, **metadata):
    write_geoparquet(layer[1], layer[0], path, metadata=metadata)
    return path


def test_geo_metadata_follow_the_specification(points, tmp_path):
    path = written(points, tmp_path / "g.parquet", version="2026.01.31")
    metadata = pq.read_schema(path).metadata
    geo = json.loads(metadata[b"geo"])
    column = geo["columns"]["geometrie"]
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometrie"
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["Point"]
    assert column["crs"]["id"] == {"authority": "OGC", "code": "CRS84"}
    assert column["bbox"] == [-61.5, 16.2, 6.64, 46.72]
    assert column["covering"]["bbox"] == {c: ["bbox", c] for c in ("xmin", "ymin", "xmax", "ymax")}
    assert metadata[b"titre"].decode() == "Guichets d'été"
    assert metadata[b"cle"] == b"id"
    assert metadata[b"version"] == b"2026.01.31"


def test_projected_crs_is_written_as_projjson(points, tmp_path):
    contract = points[0].model_copy(update={"geometry": points[0].geometry.model_copy(update={"crs": "EPSG:2154"})})
    geo = json.loads(pq.read_schema(written((contract, points[1]), tmp_path / "g.parquet")).metadata[b"geo"])
    assert geo["columns"]["geometrie"]["crs"]["id"] == {"authority": "EPSG", "code": 2154}
    assert geopandas.read_parquet(tmp_path / "g.parquet").crs.to_epsg() == 2154


def test_fields_carry_french_titles_descriptions_and_units(points, tmp_path):
    field = pq.read_schema(written(points, tmp_path / "g.parquet")).field("heures")
    notes = {k.decode(): v.decode() for k, v in field.metadata.items()}
    assert notes.items() >= {"titre": "Heures", "description": "Par semaine.", "unite": "h"}.items()


def test_geopandas_reads_values_and_filters_on_the_covering(points, tmp_path):
    path = written(points, tmp_path / "g.parquet")
    frame = geopandas.read_parquet(path).set_index("id")
    shapes = frame.geometry
    assert frame.loc["G1", "nom"] == "Mairie de L'Île-d'Yeu, \"annexe\""
    assert shapes["G1"].equals(shapely.Point(-2.35, 46.72))
    assert shapes["G2"] is None
    assert list(frame.loc["G3", "sources"]) == ["dila", "caf"]
    assert geopandas.read_parquet(path, bbox=(6, 44, 7, 45))["id"].tolist() == ["G3"]


def test_duckdb_reads_types_and_geometry(points, tmp_path):
    path = written(points, tmp_path / "g.parquet")
    with connect() as database:
        row = (
            database.read_parquet(str(path))
            .filter("id = 'G4'")
            .project("code_insee, agents, heures, rdv, date_maj::VARCHAR, sources, ST_AsText(geometrie), bbox.xmin")
            .fetchone()
        )
    assert row == ("97105", 9_007_199_254_740_993, 1e-7, True, "2026-02-28", ["ccas_05"], "POINT (-61.5 16.2)", -61.5)


def test_polygons_become_counterclockwise_multipolygons(polygons, tmp_path):
    path = written(polygons, tmp_path / "c.parquet")
    geo = json.loads(pq.read_schema(path).metadata[b"geo"])["columns"]["geometrie"]
    assert geo["geometry_types"] == ["MultiPolygon"]
    assert geo["orientation"] == "counterclockwise"
    frame = geopandas.read_parquet(path)
    assert all(part.exterior.is_ccw for shape in frame.geometry for part in shape.geoms)
    assert frame.set_index("code").geometry["05023"].area == pytest.approx(1)


def test_neighbours_are_stored_together_and_null_geometry_last(points, tmp_path, to_wkb):
    contract, frame = points
    far = ["POINT (0 0)", "POINT (100 50)", "POINT (0.1 0.1)", None, "POINT (100.1 50.1)"]
    frame = (
        pl.concat([frame, frame]).head(5).with_columns(id=pl.Series(["A", "B", "C", "D", "E"]), geometrie=to_wkb(*far))
    )
    order = geopandas.read_parquet(written((contract, frame), tmp_path / "g.parquet"))["id"].tolist()
    assert order[-1] == "D"
    assert {frozenset(order[:2]), frozenset(order[2:4])} == {frozenset("AC"), frozenset("BE")}


def test_row_groups_are_bounded_and_zstd(plain, tmp_path):
    contract, _ = plain
    rows = 150_000
    frame = pl.DataFrame(
        {"code": [f"{i:06d}" for i in range(rows)], "typologie": ["Caf"] * rows, "distance_m": [1.0] * rows}
    )
    file = pq.ParquetFile(written((contract, frame), tmp_path / "d.parquet"))
    assert [file.metadata.row_group(i).num_rows for i in range(2)] == [100_000, 50_000]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.metadata.row_group(0).column(0).statistics.max == "099999"
    assert b"geo" not in file.schema_arrow.metadata


@pytest.mark.parametrize("name", ["points", "polygons", "plain"])
def test_row_order_does_not_change_the_bytes(name, request, tmp_path):
    contract, frame = request.getfixturevalue(name)
    once = written((contract, frame), tmp_path / "a.parquet").read_bytes()
    again = written((contract, frame.reverse()), tmp_path / "b.parquet").read_bytes()
    assert once == again


@pytest.mark.parametrize("name", ["points", "polygons", "plain"])
def test_empty_table_keeps_its_columns(name, request, tmp_path):
    contract, frame = request.getfixturevalue(name)
    path = written((contract, frame.clear()), tmp_path / "e.parquet")
    with connect() as database:
        assert database.read_parquet(str(path)).fetchall() == []
    if contract.geometry:
        read = geopandas.read_parquet(path)
        assert len(read) == 0
        assert read.crs is not None


@pytest.mark.parametrize(
    ("wkb", "message"),
    [
        (shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)])), "LineString"),
        (shapely.to_wkb(shapely.Point()), "empty"),
        (b"\x01\x01\x00\x00\x00" + struct.pack("<dd", float("inf"), 1.0), "not finite"),
        (b"not wkb", "geometrie"),
    ],
)
def test_wrong_geometry_is_refused(points, tmp_path, wkb, message):
    contract, frame = points
    frame = frame.with_columns(geometrie=pl.Series([wkb] * frame.height, dtype=pl.Binary))
    with pytest.raises(QualityRefused, match=message):
        written((contract, frame), tmp_path / "x.parquet")


def test_frame_off_its_contract_is_refused(points, tmp_path):
    contract, frame = points
    with pytest.raises(QualityRefused, match="heures missing"):
        written((contract, frame.drop("heures")), tmp_path / "x.parquet")


def test_a_column_named_bbox_is_refused(points, tmp_path):
    contract, frame = points
    fields = contract.model_dump()
    fields["columns"] = [*fields["columns"], {"name": "bbox", "type": "texte", "title": "B", "description": "B"}]
    with pytest.raises(WrongUse, match="bbox"):
        written((Contract.model_validate(fields), frame.with_columns(bbox=pl.lit("x"))), tmp_path / "x.parquet")


def test_geometry_is_a_plain_byte_array_and_text_plain_text(points, tmp_path):
    schema = pq.read_schema(written(points, tmp_path / "g.parquet"))
    assert schema.field("geometrie").type == pa.binary()
    assert schema.field("nom").type == pa.string()
    assert schema.field("sources").type == pa.list_(pa.string())


def test_the_covering_is_rounded_outwards(points, tmp_path):
    contract, frame = points
    table = pq.read_table(written(points, tmp_path / "g.parquet"))
    boxes = {r["id"]: r["bbox"] for r in table.select(["id", "bbox"]).to_pylist()}
    assert boxes["G2"] is None
    for name, wkb in frame.select("id", contract.geometry.column).drop_nulls().rows():
        xmin, ymin, xmax, ymax = shapely.from_wkb(wkb).bounds
        box = boxes[name]
        assert box["xmin"] <= xmin <= xmax <= box["xmax"]
        assert box["ymin"] <= ymin <= ymax <= box["ymax"]
        assert box["xmax"] - box["xmin"] < 1e-4


def spread(contract, rows):
    """Points over the mainland, a few of them overseas."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-4, 8, rows), rng.uniform(43, 50, rows)
    x[: rows // 50], y[: rows // 50] = -61.0, 16.0
    names = contract.polars_schema
    frame = pl.DataFrame({"id": [f"{i:06d}" for i in rng.permutation(rows)]})
    frame = frame.with_columns(pl.lit(None, dtype=t).alias(n) for n, t in names.items() if n != "id")
    wkb = pl.Series(shapely.to_wkb(shapely.points(x, y)).tolist(), dtype=pl.Binary)
    return frame.with_columns(geometrie=wkb).select(list(names))


def test_layers_have_small_row_groups_and_what_is_far_stands_in_the_last(points, tmp_path):
    contract, _ = points
    file = pq.ParquetFile(written((contract, spread(contract, 45_000)), tmp_path / "g.parquet"))
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    assert [g.num_rows for g in groups] == [11_250] * 4
    west = [
        next(g.column(i).statistics.min for i in range(g.num_columns) if g.column(i).path_in_schema == "bbox.xmin")
        for g in groups
    ]
    assert all(x > -5 for x in west[:-1])
    assert west[-1] < -60


@pytest.mark.lent
def test_a_reader_of_a_town_reads_ten_times_less(tmp_path):
    contract = all_contracts()["territories__carreaux"]
    frame = bbox.cells(contract, np.random.default_rng(1))
    path = written((contract, frame), tmp_path / "c.parquet")
    columns = tuple(c.name for c in contract.columns)
    town = (2.35, 48.85, 2.49, 48.94)
    for read in (bbox.read_with_duckdb, bbox.read_with_pyarrow):
        rows, fetched = read(path, columns, town)
        assert rows
        assert fetched * 10 < path.stat().st_size


@pytest.mark.lent
@pytest.mark.parametrize("name", ["points", "polygons", "wide"])
def test_gpio_finds_nothing_to_say(name, request, tmp_path):
    if name == "wide":
        contract, _ = request.getfixturevalue("points")
        layer = contract, spread(contract, 45_000)
    else:
        layer = request.getfixturevalue(name)
    path = written(layer, tmp_path / "g.parquet")
    # gpio looks for the extension in the home folder.
    home = tmp_path / "maison"
    target = home / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / "linux_amd64"
    target.mkdir(parents=True)
    shutil.copy(spatial_extension(), target)
    done = subprocess.run(
        [Path(sys.executable).with_name("gpio"), "check", "all", path],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(home)},
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Spec Validation" in said
    assert not any(word in said for word in ("WARNING", "✗", "⚠", "suboptimal", "Error")), said


@pytest.mark.lent
@pytest.mark.reel
def test_real_outlines_keep_their_area_and_their_neighbours(polygons, real_data, tmp_path):
    source = real_data / "mirror/etalab-datasets.geo.data.gouv.fr/contours-administratifs/2026/geojson"
    with gzip.open(source / "communes-100m.geojson.gz") as file:
        features = [f for f in json.load(file)["features"] if f["properties"]["departement"] == "05"]
    shapes = shapely.from_geojson([json.dumps(f["geometry"]) for f in features])
    codes = [f["properties"]["code"] for f in features]
    frame = pl.DataFrame({"code": codes, "geometrie": pl.Series(shapely.to_wkb(shapes).tolist(), dtype=pl.Binary)})
    read = geopandas.read_parquet(written((polygons[0], frame), tmp_path / "c.parquet")).geometry.to_numpy()
    assert len(read) == len(features) > 100
    assert shapely.area(read).sum() == pytest.approx(shapely.area(shapes).sum())
    along, by_code = shapely.centroid(read), shapely.centroid(shapes)
    step = [shapely.distance(line[1:], line[:-1]).mean() for line in (along, by_code)]
    assert step[0] < 0.5 * step[1]
