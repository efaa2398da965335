"""The warehouse: one described table per contract, put in place whole."""

import duckdb
import pytest

from outputs.geoparquet import write_geoparquet
from outputs.warehouse import version_of, write_warehouse
from pipeline.foundations.duck import connect


@pytest.fixture
def parquet(points, plain, tmp_path):
    """A GeoParquet, and a partitioned table as stages store it."""
    write_geoparquet(points[1], points[0], tmp_path / "g.parquet", metadata={})
    for code, part in plain[1].group_by("code"):
        part.write_parquet(tmp_path / f"d-{code[0]}.parquet")
    return [
        (points[0], [tmp_path / "g.parquet"]),
        (plain[0], sorted(tmp_path.glob("d-*.parquet"))),
    ]


def test_tables_comments_and_geometry(parquet, tmp_path):
    write_warehouse(parquet, tmp_path / "warehouse.duckdb", "2026.11.27")
    with connect(tmp_path / "warehouse.duckdb", read_only=True) as database:
        tables = dict(database.sql("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        columns = dict(
            database.sql(
                "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'referentiel__guichets'"
            ).fetchall()
        )
        assert tables["referentiel__guichets"] == "Guichets d'été. Où l'on est reçu."
        assert columns["heures"] == "Heures (h). Par semaine."
        assert "bbox" not in columns
        assert database.sql("SELECT count(*) FROM access__distances").fetchone() == (3,)
        where = "SELECT ST_AsText(geometrie) FROM referentiel__guichets WHERE id = 'G1'"
        assert database.sql(where).fetchone() == ("POINT (-2.35 46.72)",)


def test_it_says_of_which_release_it_is(parquet, tmp_path):
    path = tmp_path / "warehouse.duckdb"
    assert version_of(path) is None
    path.write_bytes(b"not a database")
    assert version_of(path) is None
    write_warehouse(parquet, path, "2026.11.27")
    assert version_of(path) == "2026.11.27"
    connect(tmp_path / "other.duckdb").execute("CREATE TABLE version (n INTEGER)").close()
    assert version_of(tmp_path / "other.duckdb") is None


def test_plain_wkb_becomes_geometry(polygons, tmp_path):
    polygons[1].write_parquet(tmp_path / "c.parquet")
    write_warehouse([(polygons[0], [tmp_path / "c.parquet"])], tmp_path / "w.duckdb", "1")
    with connect(tmp_path / "w.duckdb", read_only=True) as database:
        assert database.sql("SELECT sum(ST_Area(geometrie)) FROM territories__communes").fetchone()[0] == pytest.approx(
            2
        )


def test_a_failure_leaves_the_former_file_and_no_remains(parquet, polygons, tmp_path):
    target = tmp_path / "w" / "warehouse.duckdb"
    target.parent.mkdir()
    write_warehouse(parquet, target, "1")
    before = target.read_bytes()
    with pytest.raises(duckdb.Error):
        write_warehouse([*parquet, (polygons[0], [tmp_path / "absent.parquet"])], target, "2")
    assert target.read_bytes() == before
    assert [p.name for p in target.parent.iterdir()] == ["warehouse.duckdb"]
