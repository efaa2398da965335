"""DuckDB opens with its spatial functions, without network and without writing in the home folder."""

import os
import subprocess
import sys

import duckdb
import pytest

from pipeline.foundations.duck import connect, identifier, literal, spatial_extension
from pipeline.foundations.errors import CspError


def test_spatial_is_loaded_and_settings_hold():
    with connect(threads=1, memory_limit="500MB") as database:
        assert database.sql("SELECT ST_AsText(ST_Point(6.5, 44.5))").fetchone() == ("POINT (6.5 44.5)",)
        assert database.sql("SELECT current_setting('threads')").fetchone() == (1,)
        assert database.sql("SELECT current_setting('autoinstall_known_extensions')").fetchone() == (False,)


def test_no_home_is_needed(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    script = "from pipeline.foundations.duck import connect; connect().sql('SELECT ST_Point(0, 0)').fetchall()"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "HOME": str(home)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []


def test_a_file_opened_read_only_cannot_be_changed(tmp_path):
    with connect(tmp_path / "w.duckdb") as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
    with connect(tmp_path / "w.duckdb", read_only=True) as database, pytest.raises(duckdb.Error, match="read-only"):
        database.execute("DROP TABLE t")


def test_another_version_of_duckdb_is_explained(monkeypatch):
    monkeypatch.setattr(duckdb, "__version__", "9.9.9")
    spatial_extension.cache_clear()
    with pytest.raises(CspError, match=r"expected one built for DuckDB v9\.9\.9; found v\d"):
        spatial_extension()
    monkeypatch.undo()
    spatial_extension.cache_clear()


def test_quoting():
    with connect() as database:
        name = 'a"b'
        database.execute(f"CREATE TABLE {identifier(name)} (a INTEGER)")
        database.execute(f"COMMENT ON TABLE {identifier(name)} IS {literal(chr(39) + ' été')}")
        assert database.sql("SELECT table_name, comment FROM duckdb_tables()").fetchall() == [(name, "' été")]
