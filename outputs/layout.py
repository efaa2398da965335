"""Where each product sits inside a release folder, and how many are handled at a time. No file is touched here."""

from pathlib import Path

GEOPACKAGE = "carto-services-publics.gpkg"
#: Products written, or read again, at a time. Each holds a table in memory, and one of them alone takes half the time.
AT_ONCE = 2


def geoparquet(folder: Path, layer: str) -> Path:
    """The GeoParquet (or plain Parquet) file of a layer."""
    return folder / "geoparquet" / f"{layer}.parquet"


def csv(folder: Path, layer: str) -> Path:
    """The CSV file of a layer."""
    return folder / "csv" / f"{layer}.csv"


def geopackage(folder: Path) -> Path:
    """The one GeoPackage."""
    return folder / GEOPACKAGE
