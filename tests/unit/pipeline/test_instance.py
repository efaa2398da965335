"""The Dagster history of a data root: quick to write, sound afterwards."""

import sqlite3

import dagster as dg
import sqlalchemy
from sqlalchemy.pool import NullPool

from pipeline.foundations.paths import DataRoot
from pipeline.instance import instance_of


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def idle() -> None:
    """Of one step."""
    nothing()


def waiting(path):
    """How a connection opened on a file waits for the disk: 1 normal, 2 full."""
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        return connection.exec_driver_sql("PRAGMA synchronous").scalar_one()


def test_a_run_is_written_whole_and_its_journals_closed(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    root = DataRoot(tmp_path / "données")
    with instance_of(root) as instance:
        run = idle.execute_in_process(instance=instance)
        index = next(root.dagster.rglob("index.db"))
        assert waiting(index) == 1
        assert index.with_name("index.db-wal").exists(), "a connection stays open while the instance is"
    files = sorted(root.dagster.rglob("*.db"))
    assert files
    assert not list(root.dagster.rglob("*.db-wal"))
    for path in files:
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with instance_of(root) as instance:
        assert instance.get_run_by_id(run.run_id).is_success


def test_other_databases_wait_for_the_disk(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    root, other = DataRoot(tmp_path / "données"), tmp_path / "autre.db"
    with instance_of(root):
        assert waiting(other) == 2, "its journal is not written ahead"
    index = next(root.dagster.rglob("index.db"))
    assert waiting(index) == 2, "outside an instance nothing is changed"
