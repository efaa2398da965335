"""Outlines of the quartiers prioritaires (QPV) -> code, name, communes told, MultiPolygon in WGS84 degrees.

Bringing communes to the current geography, and finding those of a quartier that names none, belongs to
`assets.territories`.
"""

import contextlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import ijson
import numpy as np
import numpy.typing as npt
import polars as pl
import pyogrio
import shapely
from pydantic import BaseModel, ConfigDict
from pyproj import CRS
from pyproj.exceptions import CRSError

from pipeline.foundations.archives import open_single
from pipeline.foundations.codes import COMMUNE_PATTERN
from pipeline.foundations.crs import Floats, unproject
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import clean
from sources.reading import ReadResult, check_columns
from sources.spec import Resource, SourceSpec

#: Table `qpv`. `communes`: codes as the file tells them, empty when it tells none. `geometrie`: valid WKB MultiPolygon.
SCHEMA = pl.Schema(
    {
        "code": pl.String(),
        "nom": pl.String(),
        "communes": pl.List(pl.String()),
        "geometrie": pl.Binary(),
        "millesime": pl.String(),
    }
)

_CODE = r"^Q[A-Z][0-9A-Z]{6}$"
_GEOPACKAGE, _ZIP = b"SQLite format 3\0", b"PK\x03\x04"
_EXPECTED = "a GeoJSON feature collection, or a GeoPackage of one layer"
_DEGREES = frozenset({4326, 4171, 4258})  # WGS84, RGF93, ETRS89: the same to the decimetre
_POLYGON, _MULTIPOLYGON = 3, 6
_MEGABYTE = 1_000_000

_Geometries = npt.NDArray[np.object_]


class QpvOptions(BaseModel):
    """`options` of the source: the member of a zip, the vintage of each resource, the properties that say what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    membre: str  # how the name of the wanted file of a zip ends
    millesimes: Mapping[str, str]
    code: tuple[str, ...]
    nom: tuple[str, ...]
    communes: tuple[str, ...]


@dataclass(frozen=True)
class _Layer:
    """Properties (lower-case names) and geometries of a file, in its order."""

    properties: Sequence[Mapping[str, Any]]
    geometries: _Geometries


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the perimeters of every edition held.

    Returns:
        One table, "qpv", in `SCHEMA`, sorted by code.

    Raises:
        WrongUse: options this reader does not understand.
        SourceUnreadable: damaged or too large, not polygons of that kind, a property missing, an unknown projection.
    """
    options = spec.options_as(QpvOptions)
    log = IssueLog(spec.id)
    parts, count, latest = [pl.DataFrame(schema=SCHEMA)], 0, ""
    for resource in spec.resources:
        if resource.id not in files:
            continue
        layer = _layer(files[resource.id], resource, options, spec)
        count += len(layer.properties)
        vintage = options.millesimes[resource.id]
        latest = max(latest, vintage)
        parts.append(_quarters(layer, vintage, options, spec, log))
    frame = pl.concat(parts)
    _aside(
        log,
        frame.filter(~pl.col("code").is_first_distinct()),
        "qpv-double",
        "Quartier déjà lu : seul le premier est gardé.",
    )
    kept = frame.unique("code", keep="first", maintain_order=True).sort("code")
    return ReadResult({"qpv": kept}, log.frame(), count, millesime=latest or None)


def _unreadable(spec: SourceSpec, expected: str, found: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"source {spec.id}",
        expected=expected,
        found=found,
        remedy=f"open the file; if its shape changed, update sources/{spec.id}",
    )


# --- files ---------------------------------------------------------------------------------------------------------


def _layer(path: Path, resource: Resource, options: QpvOptions, spec: SourceSpec) -> _Layer:
    limit = (resource.max_unpacked_mb or resource.max_mb) * _MEGABYTE
    with path.open("rb") as file:
        head = file.read(len(_GEOPACKAGE))
    if head == _GEOPACKAGE:
        return _geopackage(path, spec)
    if not head.startswith(_ZIP):
        with path.open("rb") as stream:
            return _geojson(stream, spec)
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        if not any(name.endswith(options.membre) for name in archive.namelist()):
            return _packed_geopackage(path, limit, spec)
    with open_single(path, suffix=options.membre, max_unpacked=limit) as stream:
        return _geojson(stream, spec)


def _packed_geopackage(path: Path, limit: int, spec: SourceSpec) -> _Layer:
    with tempfile.TemporaryDirectory(prefix="qpv-") as folder:
        unpacked = Path(folder) / "qpv.gpkg"  # a name of ours: the archive decides nothing
        with open_single(path, suffix=".gpkg", max_unpacked=limit) as stream, unpacked.open("wb") as out:
            shutil.copyfileobj(stream, out)
        return _geopackage(unpacked, spec)


def _geojson(stream: BinaryIO, spec: SourceSpec) -> _Layer:
    properties: list[dict[str, Any]] = []
    shapes: list[str | None] = []
    try:
        for feature in ijson.items(stream, "features.item", use_float=True):
            told = feature.get("properties") if isinstance(feature, dict) else None
            if not isinstance(told, dict):
                raise _unreadable(spec, _EXPECTED, f"an item without properties: {str(feature)[:100]}")
            properties.append({str(name).lower(): value for name, value in told.items()})
            shapes.append(json.dumps(feature["geometry"]) if feature.get("geometry") else None)
    except (ijson.JSONError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(spec, _EXPECTED, f"broken JSON ({str(error).splitlines()[0]})") from error
    # A ring that does not close, or a geometry of no known type, becomes None.
    geometries: _Geometries = shapely.from_geojson(np.array(shapes, dtype=object), on_invalid="ignore")
    return _Layer(properties, geometries)


def _geopackage(path: Path, spec: SourceSpec) -> _Layer:
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        info = pyogrio.read_info(path, layer=layers[0]) if len(layers) == 1 else None
        if info is None or info["driver"] != "GPKG":
            raise _unreadable(spec, _EXPECTED, f"layers {', '.join(layers) or 'none'}")
        meta, _, wkb, fields = pyogrio.raw.read(path, layer=layers[0], force_2d=True)
        epsg = CRS.from_user_input(meta["crs"]).to_epsg() if meta["crs"] else None
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, CRSError) as error:
        raise _unreadable(spec, _EXPECTED, str(error).splitlines()[0]) from error
    if epsg is None:
        raise _unreadable(spec, "a layer that says its reference system", "none, or one without an EPSG code")
    geometries: _Geometries = shapely.from_wkb(wkb, on_invalid="ignore")
    if epsg not in _DEGREES:
        geometries = shapely.transform(geometries, partial(_degrees, epsg=epsg))
    names = [str(name).lower() for name in meta["fields"]]
    return _Layer([dict(zip(names, row, strict=True)) for row in zip(*fields, strict=True)], geometries)


def _degrees(coordinates: Floats, epsg: int) -> Floats:
    return np.column_stack(unproject(coordinates[:, 0], coordinates[:, 1], epsg))


# --- quartiers -----------------------------------------------------------------------------------------------------


def _quarters(layer: _Layer, vintage: str, options: QpvOptions, spec: SourceSpec, log: IssueLog) -> pl.DataFrame:
    """The usable quartiers of a file, in `SCHEMA`; what is repaired or set aside is logged."""
    if not layer.properties:
        raise _unreadable(spec, _EXPECTED, "no feature")
    found = dict.fromkeys(name for row in layer.properties for name in row)
    asked = {"code": options.code, "nom": options.nom, "communes": options.communes}
    used = {name: n for name, several in asked.items() if (n := next((n for n in several if n in found), None))}
    ours = {n: name for name, n in used.items()}
    check_columns(spec, "proprietes", spec.columns["proprietes"], [ours.get(n, n) for n in found], log)
    bounds = shapely.total_bounds(layer.geometries)
    if np.isfinite(bounds).all() and (np.abs(bounds) > (180, 90, 180, 90)).any():
        raise _unreadable(spec, "coordinates in WGS84 degrees", f"bounds {', '.join(f'{b:.0f}' for b in bounds)}")
    texts = {name: [_text(row.get(n)) for row in layer.properties] for name, n in used.items()}
    frame = pl.DataFrame(
        {
            "code": texts["code"],
            "nom": texts["nom"],
            "_communes": texts.get("communes", [None] * len(layer.properties)),
            "geometrie": _repaired(texts["code"], layer.geometries, log),
        },
        schema={"code": pl.String, "nom": pl.String, "_communes": pl.String, "geometrie": pl.Binary},
    )
    readable = pl.col("code").str.contains(_CODE).fill_null(False)
    _aside(
        log,
        frame.filter(~readable).with_columns(pl.col("code").fill_null("?")),
        "code-illisible",
        "Code de quartier absent ou illisible : mis de côté.",
    )
    empty = pl.col("geometrie").is_null()
    _aside(log, frame.filter(readable & empty), "contour-vide", "Contour absent ou sans surface : mis de côté.")
    frame = frame.filter(readable & ~empty)
    told = pl.col("_communes").str.extract_all(r"[0-9A-Za-z]+").fill_null([])
    codes = told.list.eval(pl.element().filter(pl.element().str.contains(COMMUNE_PATTERN)))
    log.add_rows(
        frame.filter(codes.list.len() < told.list.len()),
        record="code",
        column="_communes",
        rule="commune-illisible",
        reason="Code de commune illisible parmi ceux du quartier : il n’est pas utilisé.",
    )
    return frame.select(
        "code", "nom", codes.cast(pl.List(pl.String)).alias("communes"), "geometrie", pl.lit(vintage).alias("millesime")
    )


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return clean(",".join(map(str, value)))
    return None if value is None else clean(str(value))


def _aside(log: IssueLog, rows: pl.DataFrame, rule: str, reason: str) -> None:
    log.add_rows(rows, record="code", column="nom", rule=rule, reason=reason, severity="erreur")


def _repaired(codes: Sequence[str | None], geometries: _Geometries, log: IssueLog) -> list[bytes | None]:
    """Valid WKB MultiPolygons, null where there is no surface."""
    broken = ~shapely.is_valid(geometries) & ~shapely.is_missing(geometries)
    for index in np.flatnonzero(broken).tolist():
        log.add(
            record=codes[index] or "?",
            column="geometrie",
            value=shapely.is_valid_reason(geometries[index]),
            rule="contour-repare",
            reason="Contour invalide : réparé.",
            severity="info",
        )
    shapes = geometries.copy()
    shapes[broken] = shapely.make_valid(geometries[broken])
    for index in np.flatnonzero((shapely.get_type_id(shapes) != _MULTIPOLYGON) & ~shapely.is_missing(shapes)).tolist():
        # A repair may leave lines and points beside the polygons.
        parts = shapely.get_parts(shapely.get_parts(shapes[index]))
        shapes[index] = shapely.multipolygons(parts[shapely.get_type_id(parts) == _POLYGON])
    none = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    return [None if absent else wkb for absent, wkb in zip(none, shapely.to_wkb(shapes).tolist(), strict=True)]
