"""What QGIS finds inside a GeoPackage: default styles (`layer_styles`), a ready project (`qgis_projects`).

The tables are laid out as QGIS lays them out itself. Styles and projects are made by the modules beside this one.
"""

import io
import sqlite3
import zipfile
from collections.abc import Sequence

from outputs.qgis.qml import qml
from outputs.qgis.sld import sld
from outputs.style import Look
from quality.contract import Contract

STYLES, PROJECTS = "layer_styles", "qgis_projects"
#: Name of the project: `geopackage:/…/file.gpkg?projectName=carto-services-publics`.
PROJECT = "carto-services-publics"
_STYLES_TABLE = """
CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
  f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
  styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold


def add_styles(database: sqlite3.Connection, contracts: Sequence[Contract], look: Look, moment: str) -> None:
    """The default style of every layer, tables included (names and value lists of their fields).

    Args:
        moment: date of change, as GeoPackage writes it.
    """
    declared = {d.couche: d for d in look.couches}
    database.execute(_STYLES_TABLE)
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
        "VALUES (?, 'attributes', ?, 'Styles des couches pour QGIS.', ?, 0)",
        (STYLES, STYLES, moment),
    )
    for contract in contracts:
        style = (contract, declared.get(contract.layer), look.palettes)
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner, update_time) "
            "VALUES ('', '', ?, ?, ?, ?, ?, 1, ?, '', ?)",
            (
                contract.layer,
                contract.geometry.column if contract.geometry else "",
                contract.layer[:30],
                qml(*style),
                sld(*style),
                contract.title,
                moment,
            ),
        )


def add_project(database: sqlite3.Connection, document: str) -> None:
    """Keep a `.qgs` document as QGIS does: zipped, in hexadecimal."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{PROJECT}.qgs", _EPOCH), document, zipfile.ZIP_DEFLATED)
    database.execute("CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)")
    database.execute(
        "INSERT INTO qgis_projects VALUES (?, ?, ?)",
        (PROJECT, '{"last_modified_time": "", "last_modified_user": ""}', packed.getvalue().hex()),
    )


def unpacked(content: str) -> str:
    """The `.qgs` document of a project kept that way.

    Raises:
        ValueError, BadZipFile: it is not.
    """
    with zipfile.ZipFile(io.BytesIO(bytes.fromhex(content))) as archive:
        (name,) = archive.namelist()
        return archive.read(name).decode()
