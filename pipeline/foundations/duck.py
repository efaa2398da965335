"""DuckDB with its spatial extension, loaded from the installed wheel: no network, no writable home.

Only the opening of a connection belongs here; the queries belong to whoever asks them.
"""

from functools import cache
from importlib import resources
from pathlib import Path

import duckdb

from pipeline.foundations.errors import CspError


@cache
def spatial_extension() -> Path:
    """The spatial extension shipped for the installed DuckDB.

    Raises:
        CspError: the wheel carries no extension for this version of DuckDB.
    """
    folder = Path(str(resources.files("duckdb_extension_spatial"))) / "extensions"
    path = folder / f"v{duckdb.__version__}" / "spatial.duckdb_extension"
    if not path.is_file():
        found = ", ".join(sorted(p.parent.name for p in folder.glob("*/spatial.duckdb_extension"))) or "none"
        raise CspError(
            "DuckDB spatial extension",
            expected=f"one built for DuckDB v{duckdb.__version__}",
            found=found,
            remedy="install the same version of duckdb and duckdb-extension-spatial",
        )
    return path


def connect(
    database: str | Path = ":memory:",
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    read_only: bool = False,
) -> duckdb.DuckDBPyConnection:
    """A connection with spatial loaded and the fetching of other extensions switched off.

    Args:
        database: file to open or create; in memory by default.
        threads: worker threads; DuckDB's own choice by default.
        memory_limit: DuckDB size, `"4GB"`; DuckDB's own choice by default.
        read_only: open an existing file without the right to change it.

    Raises:
        CspError: no spatial extension for this version of DuckDB.
    """
    extension = spatial_extension()
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads is not None:
        settings["threads"] = threads
    if memory_limit is not None:
        settings["memory_limit"] = memory_limit
    connection = duckdb.connect(str(database), read_only=read_only, config=settings)
    connection.load_extension(str(extension))
    return connection


def literal(value: str | Path) -> str:
    """A SQL string literal, for the statements that take no parameters (COMMENT, COPY)."""
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'
