"""Every product of a release, written and read again: time, memory, size. Each in a process of its own.

The tables are those of the current release of `CSP_DATA`, a data root where the whole country was built; 300,000
generated cells are added to the GeoParquet files. `python -m tests.benchmarks.products NAME FOLDER` makes one of them.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from outputs import tiles, workbook
from outputs.csv_tables import write_csv
from outputs.geopackage import write_geopackage
from outputs.geoparquet import write_geoparquet
from outputs.joined import layers_of
from outputs.metadata.formats import has_csv
from outputs.reread_products import reread_tiles, reread_workbook
from outputs.style import look
from outputs.table_schema import write_table_schema
from quality.contract import Contract, all_contracts
from tests.benchmarks import bbox
from tests.benchmarks.measure import module, row

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_ABOUT = {"publication": "Mesure", "version": "0", "licence": "Licence Ouverte 2.0", "attribution": "inventé"}

Tables = list[tuple[Contract, pl.DataFrame]]


def main() -> None:
    """Print one row per product."""
    if not os.environ.get("CSP_DATA"):
        print("CSP_DATA must name a data root that holds a release of the whole country.")
        return
    row("product", "wall (s)", "processor (s)", "peak (GB)", "size (MB)")
    row("---", "---:", "---:", "---:", "---:")
    for name in PRODUCTS:
        folder = Path(tempfile.mkdtemp())
        wall, processor, peak, code = module("tests.benchmarks.products", name, str(folder))
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6
        shutil.rmtree(folder)
        row(name if code == 0 else f"{name} (failed)", wall, processor, peak, size)


def _tables() -> Tables:
    folder = Path(os.environ["CSP_DATA"]) / "releases" / "latest" / "geoparquet"
    present = [c for c in all_contracts().values() if c.published and (folder / f"{c.layer}.parquet").exists()]
    return [(c, pl.read_parquet(folder / f"{c.layer}.parquet").select(c.polars_schema.names())) for c in present]


def _geoparquet(folder: Path) -> None:
    squares = all_contracts()["territories__carreaux"]
    for contract, frame in [*_tables(), (squares, bbox.cells(squares, np.random.default_rng(1)))]:
        write_geoparquet(frame, contract, folder / f"{contract.layer}.parquet", metadata=_ABOUT)


def _geopackage(folder: Path) -> None:
    write_geopackage(
        _tables(), folder / "a.gpkg", title="Mesure", description="", date_reference=_WHEN, metadata=_ABOUT, look=look()
    )


def _csv(folder: Path) -> None:
    for contract, frame in _tables():
        if has_csv(frame.height):
            write_csv(frame, contract, folder / f"{contract.layer}.csv")
        write_table_schema(contract, folder / f"{contract.layer}.schema.json")


def _workbook(folder: Path) -> None:
    declared = workbook.declared()
    sheets = workbook.sheets({c.table: (c, f) for c, f in _tables()}, declared)
    path = folder / "a.xlsx"
    workbook.write_workbook(sheets, path, notice=declared.lisez_moi, about=_ABOUT, date_reference=_WHEN)
    reread_workbook(path, sheets)


def _tiles(folder: Path) -> None:
    layers = layers_of(_tables(), look().couches)
    path = folder / "a.pmtiles"
    tiles.write_tiles(layers, path, about=_ABOUT, tiles=tiles.declared())
    reread_tiles(path, layers, tiles.declared())


PRODUCTS: dict[str, Callable[[Path], None]] = {
    "GeoParquet": _geoparquet,
    "GeoPackage": _geopackage,
    "CSV": _csv,
    "workbook": _workbook,
    "tiles": _tiles,
}

if __name__ == "__main__":
    PRODUCTS[sys.argv[1]](Path(sys.argv[2]))
