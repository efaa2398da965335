"""The legal projected reference system of each French territory: distances are computed there, never in degrees."""

from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
from pyproj import Transformer

#: EPSG codes by three-character overseas département code; everything else is mainland France (with Corsica).
_OVERSEAS = {"971": 5490, "972": 5490, "973": 2972, "974": 2975, "976": 4471, "975": 4467, "977": 5490, "978": 5490}
MAINLAND = 2154

Floats = npt.NDArray[np.float64]


def epsg_of_departement(code: str) -> int:
    """EPSG code of the projected system in which distances of that département are measured."""
    return _OVERSEAS.get(code, MAINLAND)


def epsg_expr(departement: pl.Expr) -> pl.Expr:
    """`epsg_of_departement` over a column of département codes."""
    return departement.replace_strict(_OVERSEAS, default=MAINLAND, return_dtype=pl.Int32)


@cache
def _transformer(source: int, target: int) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def project(longitude: Floats, latitude: Floats, epsg: int) -> tuple[Floats, Floats]:
    """WGS84 degrees -> metres in the given projected system."""
    x, y = _transformer(4326, epsg).transform(longitude, latitude)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def unproject(x: Floats, y: Floats, epsg: int) -> tuple[Floats, Floats]:
    """Metres in the given projected system -> WGS84 degrees."""
    longitude, latitude = _transformer(epsg, 4326).transform(x, y)
    return np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)
