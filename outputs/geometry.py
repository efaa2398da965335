"""The geometry column of a layer as shapely objects: decoded, checked against the contract, rings oriented.

No file format belongs here.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Contract

Geometries = npt.NDArray[np.object_]

_POLYGON, _MULTIPOLYGON = 3, 6
_TYPE_IDS = {"Point": 0, "MultiPolygon": _MULTIPOLYGON}


def decode(frame: pl.DataFrame, contract: Contract) -> Geometries:
    """The layer's geometries, in row order; null where there is none.

    A polygon becomes a multipolygon of one, so that a layer holds one type; outer rings turn counterclockwise.

    Raises:
        WrongUse: the contract declares no geometry, or a column that is not of type `geometrie`.
        QualityRefused: not WKB, an empty geometry, a coordinate that is not finite, or another type than declared.
    """
    if contract.geometry is None:
        raise WrongUse(
            f"contract {contract.table}", expected="a geometry", found="none", remedy="write it as a plain table"
        )
    column, expected = contract.geometry.column, contract.geometry.type
    if contract.column(column).type != "geometrie":
        raise WrongUse(
            f"contract {contract.table}",
            expected=f"column {column} of type geometrie (WKB)",
            found=contract.column(column).type,
            remedy="declare the geometry column as `type: geometrie`",
        )

    def refuse(found: str) -> QualityRefused:
        return QualityRefused(
            f"table {contract.table}, column {column}",
            expected=f"WKB of type {expected}, not empty, finite coordinates",
            found=found,
            remedy="mend the stage that makes the geometry",
        )

    try:
        geometries: Geometries = shapely.from_wkb(np.array(frame.get_column(column).to_list(), dtype=object))
    except (shapely.errors.GEOSException, TypeError) as error:
        raise refuse(str(error)) from error
    if shapely.has_z(geometries).any():
        geometries = shapely.force_2d(geometries)
    types = shapely.get_type_id(geometries)
    if expected == "MultiPolygon" and (single := types == _POLYGON).any():
        geometries[single] = shapely.multipolygons(geometries[single], indices=np.arange(single.sum()))
        types[single] = _MULTIPOLYGON
    present = ~shapely.is_missing(geometries)
    if (wrong := present & (types != _TYPE_IDS[expected])).any():
        raise refuse(f"{wrong.sum()} of type {', '.join(sorted({g.geom_type for g in geometries[wrong]}))}")
    if (empty := shapely.is_empty(geometries)).any():
        raise refuse(f"{empty.sum()} empty")
    if not np.isfinite(shapely.bounds(geometries[present])).all():
        raise refuse("coordinates that are not finite")
    return geometries if expected == "Point" else shapely.orient_polygons(geometries, exterior_cw=False)


def extent(geometries: Geometries) -> tuple[float, float, float, float] | None:
    """Bounding box `(xmin, ymin, xmax, ymax)` of them all, in the layer's units; None when there is nothing."""
    if shapely.is_missing(geometries).all():
        return None
    xmin, ymin, xmax, ymax = (float(v) for v in shapely.total_bounds(geometries))
    return xmin, ymin, xmax, ymax


def merge(outlines: Any) -> Any:
    """The outline of neighbouring polygons together (shapely): what they share of their borders is dropped."""
    try:
        # Nothing is intersected: seven times faster than the union of anything.
        return shapely.coverage_union_all(outlines)
    except shapely.errors.GEOSException:  # some cross each other
        return shapely.union_all(outlines)


def to_wkb(geometries: Geometries) -> list[Any]:
    """Little-endian ISO WKB (None where there is none)."""
    wkb: list[Any] = shapely.to_wkb(geometries, byte_order=1, flavor="iso").tolist()
    return wkb
