"""Where something may open: the public places of a territory, and points listed in a file (CSV or GeoJSON).

A listed file is hostile until read strictly: its size, columns, numbers and points are bounded; every fault is listed.
Which candidates are chosen belongs to `siting`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assets.scenarios.files import csv_rows, read_text
from assets.scenarios.outlines import Outlines
from assets.scenarios.siting_settings import settings
from pipeline.foundations.errors import WrongUse

#: One row per candidate; `lieu_id` is null for a listed point, `services` empty.
CANDIDATE_SCHEMA = pl.Schema(
    {
        "lieu_id": pl.String(),
        "nom": pl.String(),
        "code_insee": pl.String(),
        "code_departement": pl.String(),
        "longitude": pl.Float64(),
        "latitude": pl.Float64(),
        "services": pl.List(pl.String()),
    }
)
_COLUMNS = ("nom", "longitude", "latitude")
_FAULTS_SHOWN = 20


def public_places(places: pl.DataFrame, communes: pl.Series, taken: pl.Series) -> pl.DataFrame:
    """Places of the référentiel that have a position, in `CANDIDATE_SCHEMA`, sorted by id.

    Args:
        places: `referentiel__lieux`.
        communes: codes of the territory. taken: ids of the places where a counter of the typology is already.
    """
    here = pl.col("lieu_code_insee").is_in(communes.implode()) & pl.col("lieu_longitude").is_not_null()
    return (
        places.filter(here & ~pl.col("lieu_id").is_in(taken.implode()))
        .select(
            "lieu_id",
            pl.col("lieu_nom").alias("nom"),
            pl.col("lieu_code_insee").alias("code_insee"),
            pl.col("lieu_code_departement").alias("code_departement"),
            pl.col("lieu_longitude").alias("longitude"),
            pl.col("lieu_latitude").alias("latitude"),
            pl.col("typologies").alias("services"),
        )
        .sort("lieu_id")
        .cast(CANDIDATE_SCHEMA)
    )


class _Point(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    nom: Annotated[str, Field(min_length=1, max_length=200)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]


def listed(path: Path, communes: pl.DataFrame) -> pl.DataFrame:
    """Points of a file, in `CANDIDATE_SCHEMA`, in its order.

    CSV: columns `nom, longitude, latitude` (comma or semicolon). GeoJSON: points with a property `nom`. WGS84 degrees.

    Args:
        communes: `code, departement, geometrie` (WKB, WGS84).

    Raises:
        WrongUse: not readable, of another form, too large, or a point that is in no commune; faults are listed.
    """
    points = [*_checked(path, _read(path))]
    if not points:
        raise _wrong(path, "one point at least", "none", "list some, or leave --candidats out")
    outlines = Outlines(communes)
    within = outlines.at([p.longitude for p in points], [p.latitude for p in points])
    if (nowhere := np.flatnonzero(within < 0)).size:
        faults = [f"{points[i].nom} ({points[i].longitude:g}, {points[i].latitude:g})" for i in nowhere]
        raise _wrong(path, "points in a commune", _few(faults), "are longitude and latitude the other way round?")
    return pl.DataFrame(
        {
            "lieu_id": [None] * len(points),
            "nom": [p.nom for p in points],
            "code_insee": outlines.communes["code"].gather(within),
            "code_departement": outlines.communes["departement"].gather(within),
            "longitude": [p.longitude for p in points],
            "latitude": [p.latitude for p in points],
            "services": [[] for _ in points],
        },
        schema=CANDIDATE_SCHEMA,
    )


def _read(path: Path) -> list[dict[str, Any]]:
    readers = {".csv": _csv, ".geojson": _geojson, ".json": _geojson}
    rows = read_text(path, readers, settings().octets_max, f"candidates {path}")
    if len(rows) > settings().candidats_max:
        raise _wrong(path, f"at most {settings().candidats_max:,} points", f"{len(rows):,}", "list fewer")
    return rows


def _csv(text: str, path: Path) -> list[dict[str, Any]]:
    columns, rows = csv_rows(text)
    if sorted(columns) != sorted(_COLUMNS):
        raise _wrong(path, f"the columns {', '.join(_COLUMNS)}", ", ".join(columns), "rename, add or remove columns")
    return rows


def _geojson(text: str, path: Path) -> list[dict[str, Any]]:
    data = json.loads(text)
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list):
        raise _wrong(path, "a GeoJSON FeatureCollection", "something else", "one point feature for each candidate")
    return [_of_feature(feature) for feature in features]


def _of_feature(feature: Any) -> dict[str, Any]:
    """The row of a feature; what it has not is told by the check of rows."""
    feature = feature if isinstance(feature, dict) else {}
    properties, geometry = (v if isinstance(v := feature.get(k), dict) else {} for k in ("properties", "geometry"))
    spot = geometry.get("coordinates")
    pair = spot[:2] if geometry.get("type") == "Point" and isinstance(spot, list) and len(spot) >= 2 else ()
    return {"nom": properties.get("nom"), **dict(zip(_COLUMNS[1:], pair, strict=False))}


def _checked(path: Path, rows: list[dict[str, Any]]) -> Iterator[_Point]:
    faults = []
    for number, row in enumerate(rows, start=1):
        try:
            yield _Point.model_validate(row)
        except ValidationError as error:
            faults += [f"point {number}, {e['loc'][-1] if e['loc'] else 'row'}: {e['msg']}" for e in error.errors()]
    if faults:
        raise _wrong(path, "a name and degrees (WGS84) for each point", _few(faults), "correct the points named")


def _few(faults: list[str]) -> str:
    more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
    return "; ".join(faults[:_FAULTS_SHOWN]) + more


def _wrong(path: Path, expected: str, found: str, remedy: str) -> WrongUse:
    return WrongUse(f"candidates {path}", expected=expected, found=found, remedy=remedy)
