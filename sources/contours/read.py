"""Outlines of communes (GeoJSON) -> code, MultiPolygon and a point inside, in WGS84 degrees.

Which commune has an outline and which lacks one belongs to `assets.territories`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import ijson
import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from pipeline.foundations.archives import open_single
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.reading import ReadResult, check_columns
from sources.spec import SourceSpec

#: Table `contours`: `geometrie` is a valid WKB MultiPolygon; the point is on it, whatever its shape.
SCHEMA = pl.Schema({"code": pl.String(), "geometrie": pl.Binary(), "longitude": pl.Float64(), "latitude": pl.Float64()})

_POLYGON, _MULTIPOLYGON = 3, 6
_MEGABYTE = 1_000_000
_EXPECTED = "a GeoJSON feature collection"

_Geometries = npt.NDArray[np.object_]


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the outlines of communes.

    The file is parsed as a stream by code that knows nothing but JSON, feature by feature: neither its size nor its
    content decides which driver opens it or how much memory it takes.

    Args:
        files: `communes`, a GeoJSON feature collection in one gzip (or any archive of `open_single`).

    Returns:
        One table, "contours", in `SCHEMA`, sorted by code.

    Raises:
        SourceUnreadable: damaged archive, not a GeoJSON feature collection, a feature without a code, coordinates that
            are not WGS84 degrees.
    """
    (resource,) = spec.resources
    log = IssueLog(spec.id)
    codes: list[str] = []
    shapes: list[str | None] = []
    limit = (resource.max_unpacked_mb or resource.max_mb) * _MEGABYTE
    names: dict[str, None] = {}
    with open_single(files[resource.id], suffix=".geojson", max_unpacked=limit) as stream:
        for properties, shape in _features(stream, spec):
            if not isinstance(code := properties.get("code"), str):
                found = f"feature {len(codes) + 1} with {json.dumps(properties, ensure_ascii=False)[:200]}"
                raise _unreadable(spec, "a text `code` in the properties of every feature", found)
            names.update(dict.fromkeys(properties))
            codes.append(code)
            shapes.append(shape)
    if not codes:
        raise _unreadable(spec, _EXPECTED, "no feature")
    check_columns(spec, "properties", spec.columns["properties"], list(names), log)
    # A ring that does not close, or a geometry of no known type, becomes None.
    geometries: _Geometries = shapely.from_geojson(np.array(shapes, dtype=object), on_invalid="ignore")
    _in_degrees(geometries, spec)
    frame = _outlines(np.array(codes, dtype=object), geometries, log)
    return ReadResult({"contours": frame}, log.frame(), read=len(codes))


def _unreadable(spec: SourceSpec, expected: str, found: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"source {spec.id}",
        expected=expected,
        found=found,
        remedy=f"open the file; if its shape changed, update sources/{spec.id}",
    )


def _features(stream: BinaryIO, spec: SourceSpec) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Properties and geometry (GeoJSON text, None when absent) of each feature."""
    try:
        for feature in ijson.items(stream, "features.item", use_float=True):
            properties = feature.get("properties") if isinstance(feature, dict) else None
            if not isinstance(properties, dict):
                raise _unreadable(
                    spec, _EXPECTED, f"an item without properties among its features: {str(feature)[:100]}"
                )
            yield properties, json.dumps(feature["geometry"]) if feature.get("geometry") else None
    except (ijson.JSONError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(spec, _EXPECTED, f"broken JSON ({str(error).splitlines()[0]})") from error


def _in_degrees(geometries: _Geometries, spec: SourceSpec) -> None:
    bounds = shapely.total_bounds(geometries)
    if np.isfinite(bounds).all() and (np.abs(bounds) > (180, 90, 180, 90)).any():
        raise _unreadable(spec, "coordinates in WGS84 degrees", f"bounds {', '.join(f'{b:.0f}' for b in bounds)}")


def _outlines(codes: npt.NDArray[np.object_], geometries: _Geometries, log: IssueLog) -> pl.DataFrame:
    """Valid multipolygons, one per code; what is repaired or set aside is logged."""
    broken = ~shapely.is_valid(geometries) & ~shapely.is_missing(geometries)
    for code, why in zip(codes[broken], shapely.is_valid_reason(geometries[broken]), strict=True):
        log.add(
            record=code,
            column="geometrie",
            value=why,
            rule="contour-repare",
            reason="Contour invalide : réparé.",
            severity="info",
        )
    geometries[broken] = shapely.make_valid(geometries[broken])
    outlines = _multipolygons(geometries)
    empty = shapely.is_missing(outlines) | shapely.is_empty(outlines)
    for code, geometry in zip(codes[empty], geometries[empty], strict=True):
        log.add(
            record=code,
            column="geometrie",
            value=None if geometry is None else geometry.geom_type,
            rule="contour-vide",
            reason="Contour absent, illisible ou sans surface : mis de côté.",
            severity="erreur",
        )
    codes, outlines = codes[~empty], outlines[~empty]
    inside = shapely.point_on_surface(outlines)
    frame = pl.DataFrame(
        {
            "code": codes.tolist(),
            "geometrie": shapely.to_wkb(outlines).tolist(),
            "longitude": shapely.get_x(inside),
            "latitude": shapely.get_y(inside),
        },
        schema=SCHEMA,
    )
    log.add_rows(
        frame.filter(~pl.col("code").is_first_distinct()),
        record="code",
        column="code",
        rule="contour-double",
        reason="Commune dont un contour est déjà lu : seul le premier est gardé.",
        severity="erreur",
    )
    return frame.unique("code", keep="first", maintain_order=True).sort("code")


def _multipolygons(geometries: _Geometries) -> _Geometries:
    """The polygons of each geometry as one MultiPolygon; empty where there is none (a repair may leave lines)."""
    outlines = geometries.copy()
    types = shapely.get_type_id(geometries)
    simple = np.flatnonzero(types == _POLYGON)
    outlines[simple] = shapely.multipolygons(geometries[simple], indices=np.arange(simple.size))
    for index in np.flatnonzero((types != _POLYGON) & (types != _MULTIPOLYGON) & (types >= 0)):
        parts = shapely.get_parts(shapely.get_parts(geometries[index]))
        outlines[index] = shapely.multipolygons(parts[shapely.get_type_id(parts) == _POLYGON])
    return outlines
