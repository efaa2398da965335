"""GeoParquet 1.1.0 (and plain Parquet for tables without geometry), compressed, ordered in space, self-described.

Written with pyarrow itself: GeoPandas writes the same bytes of data but no column descriptions. Specification:
https://geoparquet.org/releases/v1.1.0/. Which tables are published, and where, belongs to the release.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from outputs import geometry
from outputs.flat import by_key
from pipeline.foundations.errors import WrongUse
from quality.contract import Column, Contract, Geometry

#: Rows of a group in a table without geometry.
ROW_GROUP_ROWS = 100_000
#: Rows of a group in a layer. A group is what a reader that asks for an area skips: the fewer the rows, the less it
#: reads, and `tests/benchmarks/bbox.py` measures it. Below 10,000 on average `gpio check` warns, and footers weigh.
SPATIAL_GROUP_ROWS = 10_000
# Measured on the tables of a whole country: level 9 takes a third more time, for 1.3 % less; level 15, six times that.
_ZSTD_LEVEL = 5
_ARROW: dict[str, pa.DataType] = {
    "texte": pa.string(),
    "entier": pa.int64(),
    "reel": pa.float64(),
    "booleen": pa.bool_(),
    "date": pa.date32(),
    "liste_texte": pa.list_(pa.string()),
    "geometrie": pa.binary(),
}
#: Share of the rows left out at each end to find where nearly everything is.
_FAR = 0.05
_COVERING = "bbox"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def write_geoparquet(frame: pl.DataFrame, contract: Contract, path: Path, *, metadata: Mapping[str, str]) -> None:
    """Write one table; the same frame in any row order gives the same bytes.

    A layer with geometry is ordered along a Hilbert curve (a reader that asks for a small area skips most row groups)
    and gains a struct column `bbox`, the box of each row; a table without is ordered by its key.

    Args:
        frame: follows the contract; geometry as WKB.
        contract: the table's declaration.
        path: file to write, replaced when it exists; its folder exists.
        metadata: key/value pairs for the file (title, licence, version…), beside those derived from the contract.

    Raises:
        QualityRefused: the frame does not follow the contract, or its geometry is not the declared one.
        WrongUse: the contract declares a column named `bbox`.
    """
    frame = by_key(contract.conform(frame), contract)
    schema = _schema(contract)
    covering: pa.StructArray | None = None
    about = {"titre": contract.title, "description": contract.description, "cle": ",".join(contract.key), **metadata}
    if contract.geometry is not None:
        if any(c.name == _COVERING for c in contract.columns):
            raise WrongUse(
                f"contract {contract.table}",
                expected=f"no column named {_COVERING}, which GeoParquet readers use for the box of each row",
                found="one",
                remedy="rename the column",
            )
        geometries = geometry.decode(frame, contract)
        order = _hilbert_order(geometries)
        geometries = geometries[order]
        frame = frame[order].with_columns(
            pl.Series(contract.geometry.column, geometry.to_wkb(geometries), dtype=pl.Binary)
        )
        schema, covering = schema.append(_covering_field()), _boxes(geometries)
        about["geo"] = json.dumps(_geo(contract.geometry, geometries), ensure_ascii=False, sort_keys=True)
    rows = ROW_GROUP_ROWS if contract.geometry is None else _spatial_group(frame.height)
    with pq.ParquetWriter(
        path,
        schema.with_metadata(dict(sorted(about.items()))),
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        # The dictionary and the statistics of a WKB column cost room and serve nobody.
        use_dictionary=[c.name for c in contract.columns if c.type in {"texte", "liste_texte", "date", "entier"}],
        write_statistics=[_leaf(c) for c in contract.columns if c.type != "geometrie"]
        + ([f"{_COVERING}.{c}" for c in _CORNERS] if contract.geometry else []),
    ) as writer:
        # A group at a time: Arrow's form of a long table would be as large again as the table.
        for start in range(0, frame.height, rows):
            writer.write_table(_arrow(frame[start : start + rows], covering, start, writer.schema), rows)


def _spatial_group(rows: int) -> int:
    """Rows of each group but the last: as many groups as hold `SPATIAL_GROUP_ROWS` or more, all of one size."""
    groups = max(1, rows // SPATIAL_GROUP_ROWS)
    return max(1, -(-rows // groups))


def _leaf(column: Column) -> str:
    return f"{column.name}.list.element" if column.type == "liste_texte" else column.name


def _schema(contract: Contract) -> pa.Schema:
    """Fields that carry the contract's titles, descriptions and units.

    Types are Arrow's ordinary ones: the schema Arrow leaves in the file would otherwise speak of large binaries where
    the specification wants a plain byte array.
    """
    fields = []
    for column in contract.columns:
        notes = {"titre": column.title, "description": column.description, "unite": column.unit}
        fields.append(pa.field(column.name, _ARROW[column.type], metadata={k: v for k, v in notes.items() if v}))
    return pa.schema(fields)


def _arrow(rows: pl.DataFrame, covering: pa.StructArray | None, start: int, schema: pa.Schema) -> pa.Table:
    """Some rows of the table, the first of which is number `start`, with their boxes when there are any."""
    columns = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).columns
    if covering is not None:
        columns = [*columns, covering.slice(start, rows.height)]
    plain = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(plain, schema=schema)


def _hilbert_order(geometries: geometry.Geometries) -> npt.NDArray[np.int64]:
    """Row numbers along the Hilbert curve; ties keep the order of the key, rows without geometry come last.

    What lies far from nearly everything else (overseas, beside the mainland) follows the rest: among the rest it would
    stretch the box of several row groups over the whole world, and every reader would have to read them.
    """
    far = np.full(len(geometries), 2, dtype=np.int8)
    distance = np.zeros(len(geometries), dtype=np.int64)
    present = np.flatnonzero(~shapely.is_missing(geometries))
    if present.size:
        bounds = shapely.bounds(geometries[present])
        middle = (bounds[:, :2] + bounds[:, 2:]) / 2
        low, high = np.quantile(middle, (_FAR, 1 - _FAR), axis=0)
        beyond = ((middle < 2 * low - high) | (middle > 2 * high - low)).any(axis=1)
        far[present] = beyond
        for part in (present[~beyond], present[beyond]):
            if part.size:
                distance[part] = geopandas.GeoSeries(geometries[part]).hilbert_distance(level=16)
    return np.lexsort((distance, far))


def _covering_field() -> pa.Field:
    notes = {"titre": "Emprise", "description": "Rectangle englobant de la géométrie de la ligne."}
    return pa.field(_COVERING, pa.struct([pa.field(c, pa.float32()) for c in _CORNERS]), metadata=notes)


def _boxes(geometries: geometry.Geometries) -> pa.StructArray:
    """The box of each row in single precision, rounded outwards: half the room, and it still covers."""
    missing = shapely.is_missing(geometries)
    exact = shapely.bounds(geometries).reshape(-1, 4)
    bounds = exact.astype(np.float32)
    outwards = np.where([True, True, False, False], bounds > exact, bounds < exact)
    away = np.array([-np.inf, -np.inf, np.inf, np.inf], dtype=np.float32)
    bounds = np.where(outwards, np.nextafter(bounds, away), bounds)
    columns = [pa.array(np.ascontiguousarray(bounds[:, i]), mask=missing) for i in range(4)]
    return pa.StructArray.from_arrays(columns, names=list(_CORNERS), mask=pa.array(missing))


def _geo(declared: Geometry, geometries: geometry.Geometries) -> dict[str, Any]:
    """The `geo` metadata of the specification."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted({str(g.geom_type) for g in geometries if g is not None}),
        "crs": CRS.from_user_input(declared.crs).to_json_dict(),
        "edges": "planar",
        "covering": {"bbox": {c: [_COVERING, c] for c in _CORNERS}},
    }
    if declared.type == "MultiPolygon":
        column["orientation"] = "counterclockwise"
    if (box := geometry.extent(geometries)) is not None:
        column["bbox"] = list(box)
    return {
        "version": "1.1.0",
        "primary_column": declared.column,
        "columns": {declared.column: column},
    }
