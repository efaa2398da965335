"""The rows of a GeoPackage that GDAL does not write: views, French titles and value lists, ISO 19139 of each layer.

Standard tables only (https://www.geopackage.org/spec131/). Layers themselves are `outputs.geopackage`; what is QGIS's
own is `outputs.qgis.store`.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import jinja2
import polars as pl

from outputs.flat import join_lists
from outputs.joined import RANK, Layer
from pipeline.foundations.duck import identifier
from quality.contract import Contract

_TABLES = """
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
_ISO = "http://www.isotc211.org/2005/gmd"
_SQL = {
    "texte": "TEXT",
    "liste_texte": "TEXT",
    "entier": "INTEGER",
    "reel": "REAL",
    "booleen": "BOOLEAN",
    "date": "DATE",
}


def prepare(database: sqlite3.Connection) -> None:
    """Make the tables of the `gpkg_schema` extension."""
    for statement in _TABLES.split(";\n"):
        database.execute(statement)


def add_view(database: sqlite3.Connection, layer: Layer, moment: str) -> None:
    """A layer over the geometry of another: a view, which uses the spatial index of its base.

    Its own figures are in a table beside it that no list of layers shows; rows share the number of those they describe.

    Args:
        moment: date of change, as GeoPackage writes it.
    """
    contract, shape = layer.contract, layer.contract.geometry
    if shape is None or layer.base is None:
        raise ValueError(layer.name)
    base, beside, name = identifier(layer.base), identifier(f"{layer.name}__valeurs"), identifier(layer.name)
    own = [c for c in contract.columns if c.name in layer.frame.columns]
    columns = ", ".join(f"{identifier(c.name)} {_SQL[c.type]}" for c in own)
    database.execute(f"CREATE TABLE {beside} ({RANK} INTEGER PRIMARY KEY NOT NULL{', ' if own else ''}{columns})")
    values = join_lists(layer.frame, contract.model_copy(update={"columns": tuple(own)}))
    values = values.select(RANK, *(c.name for c in own)).with_columns(pl.selectors.date().dt.to_string("%Y-%m-%d"))
    marks = ", ".join("?" * (1 + len(own)))
    database.executemany(f"INSERT INTO {beside} VALUES ({marks})", values.iter_rows())  # noqa: S608
    shown = ", ".join(
        f"{'b' if c.name in layer.borrowed or c.name == shape.column else 'v'}.{identifier(c.name)}"
        for c in contract.columns
    )
    database.execute(
        f"CREATE VIEW {name} AS SELECT b.{RANK} AS {RANK}, {shown} "  # noqa: S608
        f"FROM {base} b JOIN {beside} v ON v.{RANK} = b.{RANK}"
    )
    index = identifier(f"rtree_{layer.base}_{shape.column}")
    box = database.execute(
        f"SELECT min(i.minx), min(i.miny), max(i.maxx), max(i.maxy) "  # noqa: S608
        f"FROM {index} i JOIN {beside} v ON v.{RANK} = i.id"
    ).fetchone()
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, min_x, min_y, max_x, "
        "max_y, srs_id) SELECT ?, 'features', ?, ?, ?, ?, ?, ?, ?, srs_id FROM gpkg_contents WHERE table_name = ?",
        (layer.name, contract.title, contract.description, moment, *box, layer.base),
    )
    database.execute(
        "INSERT INTO gpkg_geometry_columns SELECT ?, column_name, geometry_type_name, srs_id, z, m "
        "FROM gpkg_geometry_columns WHERE table_name = ?",
        (layer.name, layer.base),
    )


def describe(database: sqlite3.Connection, contract: Contract) -> None:
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


def add_metadata(database: sqlite3.Connection, contract: Contract, about: Mapping[str, str], moment: str) -> None:
    """The ISO 19139 record of a layer: what it is, where, its licence, credits and version."""
    box = database.execute(
        "SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = ?", (contract.layer,)
    ).fetchone()
    record = _template().render(
        identifier=f"{about.get('version', '')}:{contract.layer}",
        title=contract.title,
        abstract=contract.description,
        date=moment[:10],
        crs=contract.geometry.crs if contract.geometry else None,
        box=box if contract.geometry and box[0] is not None else None,
        publication=about["titre"],
        version=about.get("version", ""),
        licence=about.get("licence", ""),
        attribution=about.get("attribution", ""),
    )
    row = database.execute(
        "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata) VALUES ('dataset', ?, ?, ?)",
        (_ISO, "text/xml", record),
    )
    database.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, timestamp, md_file_id) "
        "VALUES ('table', ?, ?, ?)",
        (contract.layer, moment, row.lastrowid),
    )


def _template() -> jinja2.Template:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    ).get_template("iso19139.xml.j2")
