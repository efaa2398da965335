"""How little of a GeoParquet layer a reader fetches when it asks for an area: bytes, counted where they are read.

DuckDB and pyarrow read what our writer makes through files that count; a server of ranges would send as much. Tables
are generated at the size of France: 300,000 inhabited cells of 1 km, 90,000 counters. All invented.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.dataset as ds
import shapely
from fsspec.implementations.local import LocalFileSystem

from outputs import geoparquet
from pipeline.foundations.crs import MAINLAND, unproject
from pipeline.foundations.duck import connect, literal
from quality.contract import Contract, all_contracts
from tests.benchmarks.measure import row

CELLS, COUNTERS = 300_000, 90_000
#: Side of the square asked for, in degrees (width, height): an ordinary département, and a town.
AREAS = {"département": (1.3, 0.9), "town": (0.14, 0.09)}
PLACES = 10
_FEW = ("service_id", "service_nom", "service_typologie", "geometrie")
_SIDE = 1_000.0


def main() -> None:
    """Print, for each table, area and reader, the mean bytes read and how many times fewer than the file."""
    row("table", "rows per group", "file (MB)", "area", "columns", "reader", "rows found", "read (MB)", "ratio")
    row("---", "---:", "---:", "---", "---", "---", "---:", "---:", "---:")
    rng = np.random.default_rng(1)
    contracts = all_contracts()
    squares = contracts["territories__carreaux"]
    points = contracts["referentiel__implantations"]
    tables = ((squares, cells(squares, rng), None), (points, _counters(points, rng), _FEW))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.parquet"
        for contract, frame, few in tables:
            for group in (geoparquet.SPATIAL_GROUP_ROWS, 50_000):
                with _groups_of(group):
                    geoparquet.write_geoparquet(frame, contract, path, metadata={})
                _measure(path, contract, group, few)


@contextmanager
def _groups_of(rows: int) -> Iterator[None]:
    """The writer as if its groups held so many rows."""
    usual = geoparquet.SPATIAL_GROUP_ROWS
    geoparquet.SPATIAL_GROUP_ROWS = rows
    try:
        yield
    finally:
        geoparquet.SPATIAL_GROUP_ROWS = usual


def _measure(path: Path, contract: Contract, group: int, few: tuple[str, ...] | None) -> None:
    """Mean over a few places of the country, the same for every table and reader."""
    size = path.stat().st_size
    every = tuple(c.name for c in contract.columns)
    corners = np.random.default_rng(2).uniform((-1.0, 43.5), (5.5, 48.5), (PLACES, 2))
    for area, side in AREAS.items():
        boxes = [(x, y, x + side[0], y + side[1]) for x, y in corners.tolist()]
        for columns, said in ((every, "all"), *([(few, str(len(few)))] if few else [])):
            for reader, read in (("DuckDB", read_with_duckdb), ("pyarrow", read_with_pyarrow)):
                rows, fetched = np.mean([read(path, columns, box) for box in boxes], axis=0).tolist()
                row(
                    contract.layer, group, size / 1e6, area, said, reader, round(rows),
                    fetched / 1e6, size / fetched,
                )  # fmt: skip


class CountingFiles(LocalFileSystem):
    """Local files that add up the bytes read from them."""

    protocol = "counted"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("counted://")

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        outer = self
        file = Path(self._strip_protocol(path)).open(mode)  # noqa: SIM115 - the reader closes it

        class Counted:
            def read(self, size: int = -1) -> bytes:
                data: bytes = file.read(size)
                outer.read += len(data)
                return data

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

        return Counted()


def read_with_duckdb(path: Path, columns: tuple[str, ...], box: tuple[float, ...]) -> tuple[int, int]:
    """Rows whose box meets `box`, and bytes read."""
    xmin, ymin, xmax, ymax = box
    files = CountingFiles()
    with connect(threads=1) as database:
        database.register_filesystem(files)
        database.execute("SET enable_external_file_cache = false")
        names = ", ".join(columns)
        found = database.sql(
            f"SELECT {names} FROM read_parquet({literal(f'counted://{path}')}) WHERE bbox.xmin <= {xmax} "  # noqa: S608
            f"AND bbox.xmax >= {xmin} AND bbox.ymin <= {ymax} AND bbox.ymax >= {ymin}"
        ).fetchall()
    return len(found), files.read


def read_with_pyarrow(path: Path, columns: tuple[str, ...], box: tuple[float, ...]) -> tuple[int, int]:
    """The same with pyarrow's datasets."""
    xmin, ymin, xmax, ymax = box
    files = CountingFiles()
    corner = {c: ds.field("bbox", c) for c in ("xmin", "ymin", "xmax", "ymax")}
    meets = (corner["xmin"] <= xmax) & (corner["xmax"] >= xmin) & (corner["ymin"] <= ymax) & (corner["ymax"] >= ymin)
    table = ds.dataset(str(path), filesystem=files).to_table(columns=list(columns), filter=meets, use_threads=False)
    return table.num_rows, files.read


def cells(contract: Contract, rng: np.random.Generator) -> pl.DataFrame:
    """Squares of 1 km strewn over the country, thicker around towns, with figures of the usual precision."""
    towns = rng.uniform(0, 950, (2_000, 2))
    near = np.repeat(towns, 200, axis=0) + rng.normal(0, 9, (400_000, 2))
    corners = np.unique(np.floor(near).clip(0, 949).astype(np.int64), axis=0)
    corners = corners[np.sort(rng.permutation(len(corners))[:CELLS])]
    if (missing := CELLS - len(corners)) > 0:
        corners = np.vstack([corners, rng.integers(0, 950, (missing, 2))])
    x, y = 225_000 + corners[:, 0] * _SIDE, 6_225_000 + corners[:, 1] * _SIDE
    ring = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) * _SIDE
    longitude, latitude = unproject((x[:, None] + ring[:, 0]).ravel(), (y[:, None] + ring[:, 1]).ravel(), MAINLAND)
    squares = shapely.polygons(np.stack([longitude, latitude], axis=1).reshape(-1, 5, 2))
    return _filled(contract, rng, len(squares), squares)


def _counters(contract: Contract, rng: np.random.Generator) -> pl.DataFrame:
    """Points gathered in towns, with texts as long as real ones."""
    towns = rng.uniform(0, 950_000, (9_000, 2))
    at = np.repeat(towns, COUNTERS // len(towns), axis=0) + rng.normal(0, 1_500, (COUNTERS, 2))
    longitude, latitude = unproject(225_000 + at[:, 0], 6_225_000 + at[:, 1], MAINLAND)
    return _filled(contract, rng, COUNTERS, shapely.points(longitude, latitude))


def _filled(contract: Contract, rng: np.random.Generator, rows: int, shapes: Any) -> pl.DataFrame:
    """A frame of the contract's types: identifiers where values are unique, a thousand values elsewhere."""
    columns: dict[str, pl.Series] = {}
    for column in contract.columns:
        few = rng.integers(0, 1_000, rows)
        match column.type:
            case "geometrie":
                columns[column.name] = pl.Series(shapely.to_wkb(shapes).tolist(), dtype=pl.Binary)
            case "texte" | "liste_texte":
                whole = column.unique or column.name in contract.key
                numbers = rng.permutation(rows) if whole else few
                text = pl.Series(numbers).cast(pl.String).str.zfill(16)
                columns[column.name] = text if column.type == "texte" else text.reshape((-1, 1)).arr.to_list()
            case "reel":
                columns[column.name] = pl.Series((few / 10).round(1))
            case "entier":
                columns[column.name] = pl.Series(few.astype(np.int64))
            case "booleen":
                columns[column.name] = pl.Series(few > 500)
            case "date":
                columns[column.name] = pl.Series(few.astype(np.int32) + 20_000).cast(pl.Date)
    return contract.conform(pl.DataFrame(columns))


if __name__ == "__main__":
    main()
