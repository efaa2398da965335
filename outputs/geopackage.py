"""One GeoPackage for QGIS: layers with spatial index, French titles, styles, and a project, in the file itself.

GDAL (through pyogrio, from Arrow) writes the layers; the rest is written through SQLite by the modules that make it:
`gpkg_tables` (what the standard says), `qgis` (what QGIS adds). Which layers there are is `joined`.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyogrio

from outputs import geometry, gpkg_tables
from outputs.flat import FICTIONAL, by_key, join_lists
from outputs.joined import RANK, Layer, layers_of
from outputs.qgis import store
from outputs.qgis.project import View, project
from outputs.qgis.view import view_of
from outputs.style import PLAIN, Look
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Contract

#: Name of the primary key QGIS identifies features by: 1..n in the order of the contract's key.
FID = RANK
# GeoPackage stores x, y whatever the axis order of the system: CRS84 is written under its well-known twin.
_CRS = {"OGC:CRS84": "EPSG:4326"}


def write_geopackage(
    tables: Iterable[tuple[Contract, pl.DataFrame]],
    path: Path,
    *,
    title: str,
    description: str,
    date_reference: datetime,
    metadata: Mapping[str, str] | None = None,
    look: Look | None = None,
) -> list[Layer]:
    """Write tables and declared layers in one file; same frames (in any row order), same bytes.

    Tables without geometry become attribute tables. Lists are joined by `|`; booleans and dates keep their type.

    Args:
        tables: contract and frame of each, in the order they are to be listed; `Contract.layer` names the layer. Those
            whose contract says `geopackage: false` serve only the layers declared over them. Gone through once.
        path: file to write, replaced when it exists.
        title, description: French, of the whole file.
        date_reference: aware; written as the date of change of every layer, in the place of the clock.
        metadata: other facts about the file (licence, attribution, version…), kept in `gpkg_metadata` and said on maps.
        look: layers declared, styles and maps; without, layers have sober styles and the project no map.

    Returns:
        The layers written.

    Raises:
        QualityRefused: a frame does not follow its contract, or the written file fails SQLite's integrity check.
        WrongUse: no layer, two layers of one name, a column named `fid`, a date without time zone, a declaration that
            does not suit its tables.
    """
    look = look or PLAIN
    about = {"titre": title, "resume": description, **(metadata or {})}
    if not date_reference.tzinfo:
        raise WrongUse(str(path), expected="an aware date", found=str(date_reference), remedy="give its time zone")
    layers = layers_of(tables, look.couches, suffix=FICTIONAL if about.get("fictif") == "oui" else "")
    contracts = [layer.contract for layer in layers]
    _check(contracts, path)
    moment = date_reference.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    path.unlink(missing_ok=True)
    with _dated(moment):
        shapes = [_write_layer(layer.contract, layer.frame, path, about) for layer in layers if layer.base is None]
    epsg, box = view_of([s for s in shapes if s is not None])
    document = project(contracts, look, file=path.name, view=View(epsg, box), about=about)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("BEGIN")
        gpkg_tables.prepare(database)
        for layer in layers:
            if layer.base is not None:
                gpkg_tables.add_view(database, layer, moment)
            gpkg_tables.describe(database, layer.contract)
            gpkg_tables.add_metadata(database, layer.contract, about, moment)
        store.add_styles(database, contracts, look, moment)
        store.add_project(database, document)
        database.execute("COMMIT")
        database.execute("VACUUM")
        result = database.execute("PRAGMA integrity_check").fetchone()[0]
    if result != "ok":
        raise QualityRefused(
            str(path), expected="PRAGMA integrity_check to answer ok", found=result, remedy="check the disk, run again"
        )
    return layers


def _check(contracts: Sequence[Contract], path: Path) -> None:
    names = [contract.layer for contract in contracts]
    faults = [] if names else ["no layer"]
    faults += [f"layer {n} twice" for n in sorted({n for n in names if names.count(n) > 1})]
    faults += [f"column {FID} in {c.table}" for c in contracts if any(x.name == FID for x in c.columns)]
    if faults:
        raise WrongUse(
            str(path),
            expected=f"layers of distinct names, no column named {FID} (the row identifier)",
            found="; ".join(faults),
            remedy="change the call or the contract",
        )


@contextmanager
def _dated(moment: str) -> Iterator[None]:
    """GDAL writes this moment instead of the clock's; its setting, global to the process, is put back afterwards."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": moment})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _write_layer(
    contract: Contract, frame: pl.DataFrame, path: Path, about: Mapping[str, str]
) -> geometry.Geometries | None:
    """Write a layer of its own; gives its geometries."""
    shapes = None
    frame = join_lists(by_key(contract.conform(frame), contract), contract)
    options: dict[str, Any] = {}
    layer_options = {"FID": FID, "IDENTIFIER": contract.title, "DESCRIPTION": contract.description}
    if contract.geometry is None:
        layer_options["ASPATIAL_VARIANT"] = "GPKG_ATTRIBUTES"
    else:
        column = contract.geometry.column
        shapes = geometry.decode(frame, contract)
        frame = frame.with_columns(pl.Series(column, geometry.to_wkb(shapes), dtype=pl.Binary))
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
    return shapes
