"""The name of a grid cell: `CRS3035RES200mN2419400E4044800` says its grid, its size and its south-west corner.

Which cells are acceptable belongs to the reader.
"""

import polars as pl

#: Grid system of each territory Insee covers -> box of its cells, WGS84 degrees (west, south, east, north), with room.
TERRITORIES = {
    3035: (-5.5, 41.2, 9.8, 51.3),  # metropolitan France
    5490: (-61.4, 14.2, -60.7, 15.0),  # Martinique
    2975: (55.1, -21.5, 55.95, -20.75),  # La Réunion
}
_PATTERN = r"(?i)^\s*CRS(\d{4})RES(\d{1,5})mN(\d{1,8})E(\d{1,8})\s*$"
_PARTS = ("epsg", "taille", "y", "x")


def cell_id(epsg: pl.Expr, size: pl.Expr, x: pl.Expr, y: pl.Expr) -> pl.Expr:
    """The canonical id of cells from their south-west corner, in metres of their own grid; null where a part is."""
    return pl.format("CRS{}RES{}mN{}E{}", epsg, size, y, x)


def corner(identifier: pl.Expr) -> pl.Expr:
    """An id as a struct of integers `epsg`, `taille`, `y`, `x` (metres, south-west corner); null where unreadable."""
    parts = identifier.str.extract_groups(_PATTERN).struct
    return pl.struct(parts.field(str(rank)).cast(pl.Int32).alias(name) for rank, name in enumerate(_PARTS, start=1))


def in_territory(epsg: pl.Expr, longitude: pl.Expr, latitude: pl.Expr) -> pl.Expr:
    """Whether a point in degrees is in the territory whose grid bears that EPSG code."""
    return pl.any_horizontal(
        (epsg == code) & longitude.is_between(west, east) & latitude.is_between(south, north)
        for code, (west, south, east, north) in TERRITORIES.items()
    )
