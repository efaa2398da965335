"""`warehouse.duckdb`: the Parquet tables in one DuckDB file, described, for people who want SQL.

A copy assembled from the Parquet files, which stay the reference; no query of the project reads it. DuckDB does not
write the same bytes twice for the same rows, so this file lives beside the tables and is not part of a release.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipeline.foundations.duck import connect, identifier, literal
from quality.contract import Contract

_VERSION = "version"


def write_warehouse(tables: Sequence[tuple[Contract, Sequence[Path]]], path: Path, version: str) -> None:
    """Write one table per contract and `version`, the release they are of, then put the file in place by one rename.

    Args:
        tables: contract, and the Parquet file(s) of the table (several when it is partitioned). Geometry may be WKB
            or GeoParquet; it becomes a GEOMETRY column.
        path: file to write, replaced when it exists; its folder exists.

    Raises:
        duckdb.Error: a file is unreadable or lacks a column of its contract.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with connect(temporary) as database:
            for contract, files in tables:
                _add(database, contract, [str(f) for f in files])
            database.execute(f"CREATE TABLE {_VERSION} AS SELECT {literal(version)} AS {_VERSION}")
            database.execute(f"COMMENT ON TABLE {_VERSION} IS 'La version publiée dont viennent les tables.'")
            database.execute("CHECKPOINT")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)


def version_of(path: Path) -> str | None:
    """The release a warehouse was made from; None when there is no such file, or nothing in it says so."""
    try:
        with duckdb.connect(str(path), read_only=True) as database:
            found = database.table(_VERSION).fetchone()
    except duckdb.Error:
        return None
    return None if found is None else str(found[0])


def _add(database: duckdb.DuckDBPyConnection, contract: Contract, files: list[str]) -> None:
    table = identifier(contract.table)
    source = database.read_parquet(files, hive_partitioning=False)
    stored = dict(zip(source.columns, source.types, strict=True))
    columns = []
    for column in contract.columns:
        name = identifier(column.name)
        is_wkb = column.type == "geometrie" and str(stored.get(column.name)) == "BLOB"
        columns.append(f"ST_GeomFromWKB({name}) AS {name}" if is_wkb else name)
    source.project(", ".join(columns)).create(table)
    database.execute(f"COMMENT ON TABLE {table} IS {literal(f'{contract.title}. {contract.description}')}")
    for column in contract.columns:
        unit = f" ({column.unit})" if column.unit else ""
        comment = literal(f"{column.title}{unit}. {column.description}")
        database.execute(f"COMMENT ON COLUMN {table}.{identifier(column.name)} IS {comment}")
