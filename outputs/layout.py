"""Where each product sits inside a release folder. Names only."""

from pathlib import Path

GEOPACKAGE = "carto-services-publics.gpkg"


def geoparquet(folder: Path, layer: str) -> Path:
    """The GeoParquet (or plain Parquet) file of a layer."""
    return folder / "geoparquet" / f"{layer}.parquet"


def csv(folder: Path, layer: str) -> Path:
    """The CSV file of a layer."""
    return folder / "csv" / f"{layer}.csv"


def geopackage(folder: Path) -> Path:
    """The one GeoPackage."""
    return folder / GEOPACKAGE
