"""One GeoPackage of several layers for QGIS: spatial index, French titles, aliases and value lists in the file itself.

GDAL (through pyogrio, from Arrow) writes the layers; what it cannot take from Arrow (column titles, value lists) is
then written in the standard tables of the `gpkg_schema` extension. Styles and projects do not belong here.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyogrio

from outputs import geometry
from outputs.flat import by_key, join_lists
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Contract

#: Name of the primary key QGIS identifies features by: 1..n in the order of the contract's key.
FID = "fid"
# GeoPackage stores x, y whatever the axis order of the system: CRS84 is written under its well-known twin.
_CRS = {"OGC:CRS84": "EPSG:4326"}

# https://www.geopackage.org/spec131/#extension_schema
_SCHEMA_TABLES = """
CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
  definition TEXT NOT NULL, scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE IF NOT EXISTS gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT,
  title TEXT, description TEXT, mime_type TEXT, constraint_name TEXT,
  CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name), CONSTRAINT gdc_tn UNIQUE (table_name, name));
CREATE TABLE IF NOT EXISTS gpkg_data_column_constraints (constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL,
  value TEXT, min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
  CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value));
INSERT OR IGNORE INTO gpkg_extensions VALUES
  ('gpkg_data_columns', NULL, 'gpkg_schema', 'http://www.geopackage.org/spec121/#extension_schema', 'read-write'),
  ('gpkg_data_column_constraints', NULL, 'gpkg_schema', 'http://www.geopackage.org/spec121/#extension_schema',
   'read-write');
"""


def write_geopackage(
    layers: Sequence[tuple[Contract, pl.DataFrame]],
    path: Path,
    *,
    title: str,
    description: str,
    date_reference: datetime,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write every table as a layer of one file; same frames (in any row order), same bytes.

    Tables without geometry become attribute tables. Lists are joined by `|`; booleans and dates keep their type.

    Args:
        layers: contract and frame of each, in the order they are to be listed; `Contract.layer` names the layer.
        path: file to write, replaced when it exists.
        title, description: French, of the whole file.
        date_reference: aware; written as the date of change of every layer, in the place of the clock.
        metadata: other facts about the file (licence, attribution, version…), kept in `gpkg_metadata`.

    Raises:
        QualityRefused: a frame does not follow its contract, or the written file fails SQLite's integrity check.
        WrongUse: no layer, two layers of one name, a column named `fid`, or a date without time zone.
    """
    _check(layers, path, date_reference)
    path.unlink(missing_ok=True)
    about = {"titre": title, "resume": description, **(metadata or {})}
    with _dated(date_reference):
        for contract, frame in layers:
            _write_layer(contract, frame, path, about)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("BEGIN")
        for statement in _SCHEMA_TABLES.split(";\n"):
            database.execute(statement)
        for contract, _ in layers:
            _describe(database, contract)
        database.execute("COMMIT")
        database.execute("VACUUM")
        result = database.execute("PRAGMA integrity_check").fetchone()[0]
    if result != "ok":
        raise QualityRefused(
            str(path), expected="PRAGMA integrity_check to answer ok", found=result, remedy="check the disk, run again"
        )


def _check(layers: Sequence[tuple[Contract, pl.DataFrame]], path: Path, date_reference: datetime) -> None:
    names = [contract.layer for contract, _ in layers]
    faults = [] if names else ["no layer"]
    faults += [f"layer {n} twice" for n in sorted({n for n in names if names.count(n) > 1})]
    faults += [f"column {FID} in {c.table}" for c, _ in layers if any(x.name == FID for x in c.columns)]
    faults += [] if date_reference.tzinfo else [f"a date without time zone ({date_reference})"]
    if faults:
        raise WrongUse(
            str(path),
            expected=f"layers of distinct names, no column named {FID} (the row identifier), an aware date",
            found="; ".join(faults),
            remedy="change the call or the contract",
        )


@contextmanager
def _dated(moment: datetime) -> Iterator[None]:
    """GDAL writes this moment instead of the clock's; its setting, global to the process, is put back afterwards."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": text})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _write_layer(contract: Contract, frame: pl.DataFrame, path: Path, about: Mapping[str, str]) -> None:
    frame = join_lists(by_key(contract.conform(frame), contract), contract)
    options: dict[str, Any] = {}
    layer_options = {"FID": FID, "IDENTIFIER": contract.title, "DESCRIPTION": contract.description}
    if contract.geometry is None:
        layer_options["ASPATIAL_VARIANT"] = "GPKG_ATTRIBUTES"
    else:
        column = contract.geometry.column
        wkb = geometry.to_wkb(geometry.decode(frame, contract))
        frame = frame.with_columns(pl.Series(column, wkb, dtype=pl.Binary))
        layer_options |= {"GEOMETRY_NAME": column, "SPATIAL_INDEX": "YES"}
        options = {
            "geometry_name": column,
            "geometry_type": contract.geometry.type,
            "crs": _CRS.get(contract.geometry.crs, contract.geometry.crs),
        }
    if not path.exists():
        # 1.3 is the version every QGIS still in use opens without a warning.
        options |= {"dataset_metadata": dict(about), "dataset_options": {"VERSION": "1.3"}}
    table: pa.Table = frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    pyogrio.write_arrow(table, path, layer=contract.layer, driver="GPKG", layer_options=layer_options, **options)


def _describe(database: sqlite3.Connection, contract: Contract) -> None:
    """French titles and descriptions of the columns, and their closed lists of values.

    The title stands as `name` too: GDAL, and through it QGIS, takes the alias of a field from there.
    """
    for column in contract.columns:
        values = column.values if column.type == "texte" else None
        constraint = f"{contract.layer}__{column.name}" if values else None
        description = f"{column.description} Unité : {column.unit}." if column.unit else column.description
        database.execute(
            "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, ?)",
            (contract.layer, column.name, column.title, column.title, description, constraint),
        )
        database.executemany(
            "INSERT INTO gpkg_data_column_constraints VALUES (?, 'enum', ?, NULL, NULL, NULL, NULL, ?)",
            [(constraint, value, value) for value in dict.fromkeys(values or ())],
        )
