"""The departmental lists of CCAS and maisons des solidarités, each in the shape its declaration describes.

The declarations of `sources/ccas/listes` say which column of which file holds what, so that a reader can understand it;
here the same words are used the other way round, to write the file.
"""

import csv
import io
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import xlsxwriter  # type: ignore[import-untyped]

from pipeline.foundations import crs
from sources.demo.supply import DAYS, Counter, Slot
from sources.spec import SourceSpec

Row = dict[str, Any]

_DIRECTORY_CODES = {"mdph": "maison_handicapees"}  # the directory's word, where it is not ours
_OSM_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_READER = "sources.ccas.read:read"


def lists(specs: Iterable[SourceSpec]) -> list[SourceSpec]:
    """The declared lists, in order."""
    return [spec for spec in specs if spec.reader == _READER]


def types_of(spec: SourceSpec) -> set[str]:
    """Types of counters (the directory's codes) the list holds."""
    return set(_words(spec))


def departements_of(spec: SourceSpec) -> tuple[str, ...]:
    """Départements the real list covers."""
    return _several(spec.options["departements"])


def _several(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _words(spec: SourceSpec) -> dict[str, str]:
    """Type of counter -> word of the list's column of types; no word when the whole list is of one type."""
    code = spec.options["code"]
    told = code["values"] if isinstance(code, Mapping) else {"": code}
    words: dict[str, str] = {}
    for word, codes in told.items():
        for one in _several(codes):
            words.setdefault(_DIRECTORY_CODES.get(one, one), word)
    return words


def rows(spec: SourceSpec, counters: Sequence[Counter], edition: date) -> list[Row]:
    """The list's row of each counter, without any fault: column name -> value."""
    options = spec.options
    words = _words(spec)
    x, y = np.array([c.x for c in counters]), np.array([c.y for c in counters])
    system = options.get("crs", 4326)
    if system != crs.MAINLAND:
        x, y = crs.unproject(x, y, crs.MAINLAND)
    points = list(zip(x.round(6).tolist(), y.round(6).tolist(), strict=True))
    result = []
    for counter, point in zip(counters, points, strict=True):
        number = zlib.crc32(counter.key.encode()) % 10**7  # the same from an edition to the next
        row: Row = dict.fromkeys(options.get("ignored", ()), "") if options["format"] in {"csv", "xlsx"} else {}
        word = words[counter.type]
        values = _values(counter, point, options, edition)
        for field, names in options["columns"].items():
            first, *others = _several(names)
            row |= {first: values[field], **dict.fromkeys(others, "")}
        if "point" in options:
            row[options["point"]] = f"{point[1]}, {point[0]}"
        row |= _hours(options.get("hours") or {}, counter.hours)
        code = options["code"]
        ids = _several(options["id"])
        if isinstance(code, Mapping):
            row[code["column"]] = f"{word}{number}" if code.get("match") == "prefix" else word
        for name in ids:
            if row.get(name) in (None, ""):
                row[name] = number
        result.append(row)
    return result


def _values(counter: Counter, point: tuple[float, float], options: Mapping[str, Any], edition: date) -> Row:
    def number(value: float) -> float | str:
        if options["format"] == "geojson":
            return value
        return str(value).replace(".", options.get("decimal", "."))

    day = datetime.combine(edition - timedelta(days=counter.day), time(), UTC)
    written = options.get("date_format", "iso")
    if written == "epoch_ms":
        changed: str | int = int(day.timestamp()) * 1000
    else:
        changed = day.date().isoformat() if written == "iso" else day.strftime(written)
    return {
        "nom": counter.nom,
        "siret": counter.siret,
        "adresse": counter.adresse,
        "complement": counter.complement,
        "code_postal": counter.code_postal,
        "commune": counter.ville,
        "code_insee": counter.insee,
        "longitude": number(point[0]),
        "latitude": number(point[1]),
        "precision_geo": "",
        "horaires_note": counter.note,
        "telephone": counter.telephone,
        "courriel": counter.courriel,
        "site_web": counter.site,
        "date_maj": changed,
        "groupe": counter.groupe,
        "rang": counter.rang,
        "id_dila": "",
        "ancien_id": "",
        "partenaire": "",
        "partenaire_id": "",
    }


def _hours(declared: Mapping[str, Any], hours: Sequence[Slot]) -> Row:
    if "column" in declared:
        osm = declared.get("format") == "osm"
        return {declared["column"]: (_osm if osm else _french)(hours)}
    row: Row = {}
    for day, names in declared.get("days", {}).items():
        intervals = _intervals(day, hours)
        columns = _several(names)
        if len(columns) == 1:
            intervals = [" / ".join(intervals)]
        row |= dict(zip(columns, [*intervals, "", ""], strict=False))
    return row


def _intervals(day: str, hours: Iterable[Slot]) -> list[str]:
    position = [d.lower() for d in DAYS].index(day)
    return [
        f"{start}-{end}"
        for slot in hours
        if DAYS.index(slot.first) <= position <= DAYS.index(slot.last)
        for start, end in slot.intervals
    ]


def _osm(hours: Iterable[Slot]) -> str:
    rules = []
    for slot in hours:
        first, last = (_OSM_DAYS[DAYS.index(day)] for day in (slot.first, slot.last))
        days = first if first == last else f"{first}-{last}"
        rules.append(f"{days} {','.join('-'.join(interval) for interval in slot.intervals)}")
    return "; ".join(rules)


def _french(hours: Iterable[Slot]) -> str:
    """ "Du lundi au vendredi : 8h45-12h / 13h30-17h", as people type it."""
    parts = []
    for slot in hours:
        days = f"Le {slot.first.lower()}" if slot.first == slot.last else f"Du {slot.first} au {slot.last}".lower()
        times = " / ".join(f"{_clock(start)}-{_clock(end)}" for start, end in slot.intervals)
        parts.append(f"{days[0].upper()}{days[1:]} : {times}{f' ({slot.comment})' if slot.comment else ''}")
    return ", ".join(parts)


def _clock(hour: str) -> str:
    return re.sub(r"^0", "", hour).replace(":00", "h").replace(":", "h")


# --- bytes -------------------------------------------------------------------------------------------------------


def write(path: Path, table: Sequence[Row], spec: SourceSpec, shifted: Sequence[bool]) -> None:
    """Write the list in its declared format.

    Args:
        shifted: for each row, whether its address takes two cells, which shifts the rest (CSV only).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    match spec.options["format"]:
        case "csv":
            _write_csv(path, table, spec.options, shifted)
        case "xlsx":
            _write_xlsx(path, table, spec.options)
        case "geojson":
            features = [_feature(row) for row in table]
            _write_json(path, {"type": "FeatureCollection", "features": features}, spec.options)
        case _:
            _write_json(path, _envelope([_object(row, spec.options) for row in table], spec.options), spec.options)


def _write_csv(path: Path, table: Sequence[Row], options: Mapping[str, Any], shifted: Sequence[bool]) -> None:
    text = io.StringIO(newline="")
    text.write("\r\n" * (options.get("header_row", 1) - 1))
    writer = csv.writer(text, delimiter=options.get("separator", ";"))
    writer.writerow(table[0])
    for row, shift in zip(table, shifted, strict=True):
        writer.writerow(["Résidence des Tilleuls", *row.values()] if shift else row.values())
    encoding = options.get("encoding", "utf-8")
    mark = "\ufeff" if encoding.startswith("utf-16-") else ""
    path.write_bytes((mark + text.getvalue()).encode(encoding))


def _write_xlsx(path: Path, table: Sequence[Row], options: Mapping[str, Any]) -> None:
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as workbook:
        workbook.set_properties({"created": datetime(2026, 1, 1, tzinfo=UTC)})
        sheet = workbook.add_worksheet(options.get("sheet"))
        top = options.get("header_row", 1) - 1
        sheet.write_row(top, 0, list(table[0]))
        for position, row in enumerate(table, start=top + 1):
            sheet.write_row(position, 0, list(row.values()))


def _feature(row: Row) -> Row:
    coordinates = [row.get("geometry.x"), row.get("geometry.y")]
    point = {"type": "Point", "coordinates": coordinates} if None not in coordinates else None
    properties = {name: value for name, value in row.items() if not name.startswith("geometry.")}
    return {"type": "Feature", "geometry": point, "properties": properties}


def _object(row: Row, options: Mapping[str, Any]) -> Row:
    """The JSON record: dotted names are nested objects; `within` holds the columns, what the portal adds is beside."""
    inner = options.get("within") or ""
    record: Row = {inner: {}} if inner else {}
    for name, value in row.items():
        beside = not inner or "." in name or name.startswith("record")
        _put(record if beside else record[inner], name.split("."), value)
    return record


def _put(target: Any, path: Sequence[str], value: Any) -> None:
    head, *rest = path
    if not rest:
        target[head] = value
        return
    if rest[0].isdigit():
        items = target.setdefault(head, [])
        items.extend([None] * (int(rest[0]) + 1 - len(items)))
        items[int(rest[0])] = value
        return
    _put(target.setdefault(head, {}), rest, value)


def _envelope(records: list[Row], options: Mapping[str, Any]) -> Any:
    document: Any = records
    for part in reversed([p for p in options.get("records", "").split(".") if p]):
        document = {part: document}
    return document


def _write_json(path: Path, document: Any, options: Mapping[str, Any]) -> None:
    path.write_bytes(json.dumps(document, ensure_ascii=False).encode(options.get("encoding", "utf-8")))
