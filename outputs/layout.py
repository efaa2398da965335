"""Where each product sits inside a release folder. Names only."""

from pathlib import Path

GEOPACKAGE = "carto-services-publics.gpkg"


def geoparquet(folder: Path, layer: str) -> Path:
    """The GeoParquet (or plain Parquet) file of a layer."""
    return folder / "geoparquet" / f"{layer}.parquet"


def csv(folder: Path, layer: str) -> Path:
    """The CSV file of a layer."""
    return folder / "csv" / f"{layer}.csv"


def table_schema(folder: Path, layer: str) -> Path:
    """The Table Schema of the CSV file of a layer."""
    return folder / "csv" / f"{layer}.schema.json"


def workbook(folder: Path) -> Path:
    """The one workbook, for people who open spreadsheets."""
    return folder / "xlsx" / "carto-services-publics.xlsx"


def tiles(folder: Path) -> Path:
    """The one archive of vector tiles."""
    return folder / "tuiles" / "carto-services-publics.pmtiles"


def geopackage(folder: Path) -> Path:
    """The one GeoPackage."""
    return folder / GEOPACKAGE
