"""The Dagster instance of a data root: the command line, `csp dev` and the daemon see the same runs."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dagster import DagsterInstance
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from pipeline.foundations.paths import DataRoot

_CONFIG = Path(__file__).parents[1] / "dagster.yaml"


def home_of(root: DataRoot) -> Path:
    """`DAGSTER_HOME` when set, else a folder of the data root; made, with the project's `dagster.yaml`, when absent."""
    home = Path(os.environ.get("DAGSTER_HOME") or root.dagster).expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").is_file():
        if _CONFIG.is_file():
            shutil.copyfile(_CONFIG, home / "dagster.yaml")
        else:  # installed from a wheel, which does not carry the repository's root
            (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    return home


@contextmanager
def instance_of(root: DataRoot) -> Iterator[DagsterInstance]:
    """Open the instance of a data root."""
    with _quick_journal(), DagsterInstance.from_config(str(home_of(root))) as instance:
        yield instance


@contextmanager
def _quick_journal() -> Iterator[None]:
    """Two thousand events of a run cost less: Dagster opens its SQLite files anew for each of them.

    One engine per file keeps the statements it has compiled. A connection left idle on each file spares what SQLite
    does when the last one closes (it copies the journal back), and commits do not wait for the disk: after a power cut
    the last events may be missing, the file is sound.
    """
    with ExitStack() as held:
        engines: dict[str, Engine] = {}
        known: set[str] = set()

        def engine_of(url: str, **options: Any) -> Engine:
            if url not in engines:
                engines[url] = create_engine(url, **options)
            return engines[url]

        def connected(connection: Any, _: Any) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode != "wal":  # elsewhere a commit that does not wait may leave a broken file
                return
            connection.execute("PRAGMA synchronous = NORMAL")
            file = connection.execute("PRAGMA database_list").fetchone()[2]
            if file and file not in known:
                known.add(file)
                kept = held.enter_context(closing(sqlite3.connect(file, check_same_thread=False)))
                kept.execute("SELECT count(*) FROM sqlite_master").fetchone()

        event.listen(Engine, "connect", connected)
        held.callback(event.remove, Engine, "connect", connected)
        held.enter_context(patch.object(sqlite_event_log, "create_engine", engine_of))
        yield
