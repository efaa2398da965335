"""A scenario from a file: YAML, GeoJSON (one feature per edit, at its point), CSV (one line per edit).

Faults are all listed, each with the edit it is in. What the edits mean belongs to `edits` and `supply`.
"""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from assets.scenarios.edits import Scenario
from assets.scenarios.files import csv_rows, read_text
from pipeline.foundations.errors import WrongUse

_MOST_BYTES = 20_000_000
_PLACE = ("longitude", "latitude", "lieu_id", "guichet", "adresse", "commune")
_COLUMNS = ("action", "id", "ids", "typologie", "nom", "hote", "horaires", *_PLACE)


def read_scenario(path: Path, base: str | None = None) -> Scenario:
    """Read and check a scenario.

    Args:
        base: the release asked for on the command line; needed where the file names none (CSV).

    Raises:
        WrongUse: unreadable, of another form, or an edit that cannot be; every fault is listed.
    """
    data = _load(path)
    if base is not None and str(data.setdefault("base", base)) != base:
        raise _wrong(path, f"a scenario on release {base}", f"one on {data['base']}", "give the release it is on")
    if "base" not in data:
        raise _wrong(path, "the release it changes", "none", "write `base: <version>`, or give --release")
    data["base"] = str(data["base"])
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        faults = "; ".join(_fault(e) for e in error.errors())
        raise _wrong(path, "a scenario (docs/scenarios.md)", faults, "correct the edits named") from error


def _load(path: Path) -> dict[str, Any]:
    readers = {".yml": _yaml, ".yaml": _yaml, ".geojson": _geojson, ".json": _geojson, ".csv": _csv}
    return read_text(path, readers, _MOST_BYTES, f"scenario {path}")


def _yaml(text: str, path: Path) -> dict[str, Any]:
    data = yaml.safe_load(text)
    if not isinstance(data, dict):
        raise _wrong(path, "a mapping with nom, base, modifications", type(data).__name__, "see docs/scenarios.md")
    return data


def _geojson(text: str, path: Path) -> dict[str, Any]:
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("type") != "FeatureCollection":
        raise _wrong(path, "a GeoJSON FeatureCollection", "something else", "see docs/scenarios.md")
    edits = []
    for feature in data.get("features") or []:
        row = dict(feature.get("properties") or {})
        geometry = feature.get("geometry")
        if geometry is not None:
            if geometry.get("type") != "Point" or len(geometry.get("coordinates") or []) < 2:
                raise _wrong(path, "points", str(geometry.get("type")), "one point per edit, in WGS84 degrees")
            row["longitude"], row["latitude"] = geometry["coordinates"][:2]
        edits.append(_nested(row))
    named = {k: data[k] for k in ("nom", "base", "description") if k in data}
    return {"nom": path.stem, **named, "modifications": edits}


def _csv(text: str, path: Path) -> dict[str, Any]:
    columns, rows = csv_rows(text)
    if unknown := sorted({*columns, *(str(c) for row in rows for c in row)} - {*_COLUMNS}):
        raise _wrong(path, f"columns among {', '.join(_COLUMNS)}", ", ".join(unknown), "rename or remove them")
    return {"nom": path.stem, "modifications": [_nested(row) for row in rows]}


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """A flat edit in the shape of YAML: its place apart, ids in a list, what is empty left out."""
    held = {k: v for k, v in row.items() if v is not None and v != ""}
    place = {k: held.pop(k) for k in _PLACE if k in held}
    if isinstance(held.get("ids"), str):
        held["ids"] = [part.strip() for part in held["ids"].split("|")]
    if place and held.get("action") not in ("fermer", "changer_horaires", "permanence"):
        held["lieu"] = place
    return held


def _fault(error: Any) -> str:
    where = [str(part) for part in error["loc"]]
    if where[:1] == ["modifications"] and len(where) > 1 and where[1].isdigit():
        where[:2] = [f"edit {int(where[1]) + 1}"]
    return f"{', '.join(where) or 'scenario'}: {error['msg'].removeprefix('Value error, ')}"


def _wrong(path: Path, expected: str, found: str, remedy: str) -> WrongUse:
    return WrongUse(f"scenario {path}", expected=expected, found=found, remedy=remedy)
