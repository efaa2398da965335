"""The legal projected reference system of each French territory: distances are computed there, never in degrees."""

from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
from pyproj import CRS, Transformer

#: EPSG code of each overseas territory, by département or collectivity code; metropolitan France (Corsica included) is
#: MAINLAND. An overseas code that is not here (TAAF, Clipperton) has no system: nothing is measured there.
_OVERSEAS = {
    "971": 5490,
    "972": 5490,
    "973": 2972,
    "974": 2975,
    "975": 4467,
    "976": 4471,
    "977": 5490,
    "978": 5490,
    "986": 32701,
    "987": 3297,
    "988": 3163,
}
MAINLAND = 2154

Floats = npt.NDArray[np.float64]
#: `(xmin, ymin, xmax, ymax)`.
Box = tuple[float, float, float, float]


def epsg_of_departement(code: str) -> int | None:
    """EPSG code of the projected system in which distances of that département are measured; None without any."""
    return _OVERSEAS.get(code) if code.startswith(("97", "98")) else MAINLAND


def epsg_expr(departement: pl.Expr) -> pl.Expr:
    """`epsg_of_departement` over a column of département codes."""
    overseas = departement.replace_strict(_OVERSEAS, default=None, return_dtype=pl.Int32)
    return pl.when(departement.str.contains("^9[78]")).then(overseas).otherwise(pl.lit(MAINLAND, dtype=pl.Int32))


def epsg_around(longitude: Floats, latitude: Floats) -> tuple[int, npt.NDArray[np.bool_]]:
    """The projected system whose legal area holds most WGS84 points, and which they are; the mainland if none."""
    best, inside = MAINLAND, np.zeros(len(longitude), dtype=np.bool_)
    for epsg in dict.fromkeys((MAINLAND, *_OVERSEAS.values())):
        xmin, ymin, xmax, ymax = _area_of_use(epsg)
        held = (longitude >= xmin) & (longitude <= xmax) & (latitude >= ymin) & (latitude <= ymax)
        if held.sum() > inside.sum():
            best, inside = epsg, held
    return best, inside


@cache
def _area_of_use(epsg: int) -> Box:
    area = CRS.from_epsg(epsg).area_of_use
    if area is None:
        raise ValueError(f"EPSG:{epsg} has no area of use")
    return area.west, area.south, area.east, area.north


@cache
def _transformer(source: int, target: int) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def project(longitude: Floats, latitude: Floats, epsg: int | None) -> tuple[Floats, Floats]:
    """WGS84 degrees -> metres in the given projected system; NaN where there is no system."""
    if epsg is None:
        nowhere = np.full(len(longitude), np.nan)
        return nowhere, nowhere
    x, y = _transformer(4326, epsg).transform(longitude, latitude)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def unproject(x: Floats, y: Floats, epsg: int) -> tuple[Floats, Floats]:
    """Metres in the given projected system -> WGS84 degrees."""
    longitude, latitude = _transformer(epsg, 4326).transform(x, y)
    return np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)
