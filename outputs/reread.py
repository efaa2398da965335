"""Every product read again by another reader than its writer, and compared with the facts taken before writing.

pyarrow, GDAL and polars write; DuckDB (and SQLite itself for the GeoPackage) reads. Nothing is mended here: one
difference refuses the release.
"""

import csv
import json
import math
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import Element, ParseError
from zipfile import BadZipFile

import duckdb
import pyogrio
from defusedxml.ElementTree import fromstring

from outputs import layout
from outputs.checksum import MADE_SO, of_relation
from outputs.facts import GeometryFacts, TableFacts
from outputs.flat import SEPARATOR
from outputs.joined import RANK as FID
from outputs.qgis import store
from pipeline.foundations.duck import connect, identifier, literal
from pipeline.foundations.errors import QualityRefused

_SQL_TYPES = {
    "texte": "VARCHAR",
    "liste_texte": "VARCHAR",
    "entier": "BIGINT",
    "reel": "DOUBLE",
    "booleen": "BOOLEAN",
    "date": "DATE",
}
#: Gives what DuckDB reads of a table in a file.
Reader = Callable[[duckdb.DuckDBPyConnection, Path, TableFacts], duckdb.DuckDBPyRelation]
_COVERING = "bbox"
_PLAIN_STREAM = "OGR_GPKG_STREAM_BASE_IMPL"
_VIEW_FID = "OGC_FID"  # DuckDB puts the row number of a view there, and leaves the column it comes from


def reread(folder: Path, tables: Sequence[TableFacts], declared: Sequence[TableFacts] | None = None) -> None:
    """Read the GeoParquet, the GeoPackage and the CSV of every table in `folder`, and compare.

    Compared: the set of files and layers, column names, number of rows, uniqueness of the key, checksum of all values,
    number and box of the geometries; for the GeoPackage also SQLite's integrity check, the spatial index, a style for
    each layer and a project that names them all. Schemas of tables: their fields, whether there is a CSV or not.

    Args:
        declared: layers that the GeoPackage has beside the tables (`outputs.joined`); None when they are not known
            (a release of before): the file may then hold others.

    Raises:
        QualityRefused: the first difference of a kind of file, with its file, what was expected and what was found.
    """
    expected = {
        "geoparquet": [f"{t.layer}.parquet" for t in tables],
        "csv": [*(f"{t.layer}.csv" for t in tables if t.csv), *(f"{t.layer}.schema.json" for t in tables)],
    }
    for sub, names in expected.items():
        _same(folder / sub, "files", sorted(names), sorted(p.name for p in (folder / sub).glob("*")))
    for table in tables:
        _check_schema(layout.table_schema(folder, table.layer), table)
    package = layout.geopackage(folder)
    _check_sqlite(package, [t for t in tables if t.geopackage], declared)
    with TemporaryDirectory() as elsewhere, _views_row_by_row(), connect() as database:
        # ST_Read leaves a `.aux.xml` beside the GeoPackage it reads: it reads it through a link, from another folder.
        linked = Path(elsewhere) / package.name
        linked.symlink_to(package.resolve())
        files = [(layout.geoparquet(folder, t.layer), _parquet, t) for t in tables]
        files += [(layout.csv(folder, t.layer), _csv, t) for t in tables if t.csv]
        layers = [(linked, _layer, t) for t in (*tables, *(declared or ())) if t.geopackage]
        # GDAL reads one layer after another in a thread, the other files in another.
        with ThreadPoolExecutor() as pool:
            for lane in [pool.submit(_compare_all, database.cursor(), part) for part in (files, layers)]:
                lane.result()


def _compare_all(database: duckdb.DuckDBPyConnection, products: Sequence[tuple[Path, Reader, TableFacts]]) -> None:
    """Read products one after another, each by its reader, and compare them with the facts of their table."""
    for path, reader, table in products:
        try:
            _compare(path, reader(database, path, table), table)
        except duckdb.Error as error:
            raise _refused(path, "readable", f"a product DuckDB reads ({table.layer})", str(error)) from error


@contextmanager
def _views_row_by_row() -> Iterator[None]:
    """The GDAL inside DuckDB reads layers its plain way: on views of some thousand rows its fast way breaks memory.

    That GDAL takes its settings from the environment alone, which is put back afterwards.
    """
    before = os.environ.get(_PLAIN_STREAM)
    os.environ[_PLAIN_STREAM] = "YES"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PLAIN_STREAM]
        else:
            os.environ[_PLAIN_STREAM] = before


def _refused(path: Path, what: str, expected: object, found: object) -> QualityRefused:
    return QualityRefused(
        f"{path.name} ({what})",
        expected=str(expected),
        found=str(found),
        remedy="the release is not promoted: run again; if it persists, report it with this message",
    )


def _same(path: Path, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise _refused(path, what, expected, found)


def _parquet(database: duckdb.DuckDBPyConnection, path: Path, table: TableFacts) -> duckdb.DuckDBPyRelation:
    relation = database.read_parquet(str(path))
    names = relation.columns
    if table.geometrie is not None:
        _same(path, "covering column", _COVERING, names[-1] if names else None)
        relation = relation.project(f"* EXCLUDE ({_COVERING})")
    return relation


def _csv(database: duckdb.DuckDBPyConnection, path: Path, table: TableFacts) -> duckdb.DuckDBPyRelation:
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file), [])
    _same(path, "columns", [c.nom for c in table.colonnes if c.type != "geometrie"], header)
    types = {c.nom: _SQL_TYPES[c.type] for c in table.colonnes if c.type != "geometrie"}
    columns = ", ".join(f"{literal(n)}: {literal(t)}" for n, t in types.items())
    return database.sql(
        f"FROM read_csv({literal(path)}, columns = {{{columns}}}, header = true, delim = ',', quote = '\"', "
        f"escape = '\"', auto_detect = false, parallel = false, strict_mode = true)"
    )


def _layer(database: duckdb.DuckDBPyConnection, path: Path, table: TableFacts) -> duckdb.DuckDBPyRelation:
    layer = database.sql(f"FROM ST_Read({literal(path)}, layer = {literal(table.layer)})")
    numbers = [name for name in (FID, _VIEW_FID) if name in layer.columns]
    return layer.project(f"* EXCLUDE ({', '.join(numbers)})") if numbers else layer


def _compare(path: Path, relation: duckdb.DuckDBPyRelation, table: TableFacts) -> None:
    is_csv = path.suffix == ".csv"
    geometry = None if is_csv else table.geometrie
    expected = [c.nom for c in table.colonnes if geometry is not None or c.type != "geometrie"]
    where = f"{table.layer}, " if path.name == layout.GEOPACKAGE else ""
    _same(path, f"{where}columns", sorted(expected), sorted(relation.columns))
    shapes = () if geometry is None else _extent(geometry)
    found = of_relation(_values(relation, table), table.colonnes, table.cle, shapes)
    _same(path, f"{where}rows", table.lignes, found.rows)
    _same(path, f"{where}rows sharing the key {', '.join(table.cle)}", 0, found.doubled)
    if table.controle.startswith(MADE_SO):
        _same(path, f"{where}checksum of the values", table.controle, found.checksum)
    if geometry is not None:
        _compare_geometry(path, where, geometry, *found.beside)


def _values(relation: duckdb.DuckDBPyRelation, table: TableFacts) -> duckdb.DuckDBPyRelation:
    """The columns in the declared order, and in the types and flat form of the table; geometry, if any, as it is."""
    stored = dict(zip(relation.columns, map(str, relation.types), strict=True))
    parts = []
    for column in table.colonnes:
        name = identifier(column.nom)
        if column.type == "geometrie":
            parts += [name] if column.nom in stored else []
        elif stored[column.nom].endswith("[]"):
            parts.append(f"nullif(array_to_string({name}, {literal(SEPARATOR)}), '') AS {name}")
        else:
            parts.append(f"CAST({name} AS {_SQL_TYPES[column.type]}) AS {name}")
    return relation.project(", ".join(parts))


def _extent(geometry: GeometryFacts) -> list[str]:
    """How many geometries, and the box of them all."""
    name = identifier(geometry.colonne)
    corners = ("min(ST_XMin({}))", "min(ST_YMin({}))", "max(ST_XMax({}))", "max(ST_YMax({}))")
    return [f"count({name})", *(corner.format(name) for corner in corners)]


def _compare_geometry(path: Path, where: str, geometry: GeometryFacts, count: int, *box: float | None) -> None:
    _same(path, f"{where}geometries", geometry.nombre, count)
    wanted = list(geometry.emprise or [None] * 4)
    if not all(
        a == b or (a is not None and b is not None and math.isclose(a, b)) for a, b in zip(wanted, box, strict=True)
    ):
        raise _refused(path, f"{where}box of the geometries", wanted, box)


def _check_sqlite(path: Path, tables: Sequence[TableFacts], declared: Sequence[TableFacts] | None) -> None:
    """Integrity, list of layers, one entry of the spatial index per geometry, styles and project."""
    if not path.is_file():
        raise _refused(path, "file", "a GeoPackage", "nothing")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            _same(path, "PRAGMA integrity_check", "ok", database.execute("PRAGMA integrity_check").fetchone()[0])
            listed = {r[0] for r in database.execute("SELECT table_name FROM gpkg_contents")} - {store.STYLES}
            wanted = {t.layer for t in (*tables, *(declared or ()))}
            _same(path, "layers", sorted(wanted), sorted(listed if declared is not None else listed & wanted))
            names = sorted(listed)
            for table in tables:
                rows = database.execute(f"SELECT count(*) FROM {identifier(table.layer)}").fetchone()[0]  # noqa: S608
                _same(path, f"{table.layer}, rows", table.lignes, rows)
                if (shape := table.geometrie) is not None:
                    index = identifier(f"rtree_{table.layer}_{shape.colonne}")
                    entries = database.execute(f"SELECT count(*) FROM {index}").fetchone()[0]  # noqa: S608
                    _same(path, f"{table.layer}, spatial index entries", shape.nombre, entries)
            styled = database.execute("SELECT f_table_name FROM layer_styles WHERE useAsDefault ORDER BY f_table_name")
            _same(path, "layers with a default style", names, [r[0] for r in styled])
            documents = database.execute("SELECT styleQML FROM layer_styles").fetchall()
            (packed,) = database.execute("SELECT content FROM qgis_projects").fetchone()
        for (document,) in documents:
            fromstring(document)
        project = fromstring(store.unpacked(packed))
        _same(path, "layers of the project", names, sorted(_layers_of(project)))
    except (sqlite3.DatabaseError, ParseError, ValueError, TypeError, BadZipFile) as error:
        raise _refused(path, "SQLite", "a readable GeoPackage, its styles and its project", str(error)) from error
    for table in (*tables, *(declared or ())):
        info = pyogrio.read_info(path, layer=table.layer, force_feature_count=True)
        _same(path, f"{table.layer}, rows counted by GDAL", table.lignes, info["features"])
        if table.geometrie is not None:
            _same(path, f"{table.layer}, spatial index", True, info["capabilities"]["fast_spatial_filter"])


def _layers_of(project: Element) -> list[str]:
    """Names of the layers a project loads."""
    sources = [layer.findtext("datasource", "") for layer in project.iter("maplayer")]
    return [source.partition("|layername=")[2] for source in sources]


def _check_schema(path: Path, table: TableFacts) -> None:
    """The fields of a Table Schema are the columns of its CSV, in their order."""
    try:
        schema = json.loads(path.read_bytes())
        names = [field["name"] for field in schema["fields"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refused(path, "readable", "a Table Schema", str(error)) from error
    _same(path, "fields", [c.nom for c in table.colonnes if c.type != "geometrie"], names)
    _same(path, "key", list(table.cle), schema.get("primaryKey", []))
