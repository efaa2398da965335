"""Bytes of a list -> named text cells, whatever the file format.

Only the packing is known here (encoding, separator, sheet, JSON path); what the columns mean belongs to `mapping` and
`read`. Files are hostile input: nothing is read by position, and whatever does not look as declared is refused.
"""

import codecs
import csv
import functools
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastexcel

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import clean
from sources.ccas.mapping import ListMapping

#: Items of a JSON array that become columns of their own (`point.0`, `point.1`); a longer array is one cell of JSON.
_MAX_ITEMS = 10
#: How many times its size on disk a workbook may unpack to.
_MAX_INFLATION = 200
#: Cells of the rectangle that holds a sheet.
_MAX_CELLS = 5_000_000
_CELL_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Z]{0,3})(\d{1,7})["']""")

_SEPARATORS = {";": "semicolon", ",": "comma", "\t": "tab", "|": "bar"}
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Row:
    """One record: its place in the file (French, for the issue log) and its cells by column name."""

    place: str
    cells: Mapping[str, str | None]


@dataclass(frozen=True)
class Table:
    """A list as text cells. `read` counts the records met, those set aside included."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    read: int


def read_table(path: Path, mapping: ListMapping, subject: str, issues: IssueLog) -> Table:
    """Read the file in the declared format.

    Args:
        subject: names the file in error messages.
        issues: receives one `erreur` per record whose cells cannot be told apart.

    Raises:
        SourceUnreadable: the bytes are not what the mapping declares.
    """
    data = path.read_bytes()
    if mapping.format == "xlsx":
        grid = _sheet(data, mapping, subject)
        return _named(grid, mapping, subject, issues, padded=True)
    text = decode(data, mapping.encoding, subject)
    if mapping.format == "csv":
        return _named(_lines(text, mapping, subject), mapping, subject, issues, padded=False)
    return _objects(text, mapping, subject, issues)


def decode(data: bytes, encoding: str, subject: str) -> str:
    """Text in the declared encoding, byte order mark removed.

    Raises:
        SourceUnreadable: the bytes are in another encoding; the message names it when it can be told.
    """
    declared = codecs.lookup(encoding).name
    marked = next((name for mark, name in _BOMS.items() if data.startswith(mark)), None)
    family = declared.removesuffix("-le").removesuffix("-be").removesuffix("-sig")
    if marked is not None and marked != family:
        raise _not_encoded(subject, encoding, f"the byte order mark of {marked}", marked)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        found = f"byte 0x{data[error.start]:02x} at position {error.start}"
        raise _not_encoded(subject, encoding, found, "utf-8" if _is_utf8(data) else "cp1252") from error
    if family not in {"utf-8", "utf-16", "ascii"} and not data.isascii() and _is_utf8(data):
        # Every byte is a character of cp1252: « é » in UTF-8 would be read as « Ã© » without a word.
        raise _not_encoded(subject, encoding, "accents written in utf-8", "utf-8")
    if "\0" in text:
        raise _not_encoded(subject, encoding, "null characters", "utf-16-le")
    return text.removeprefix("\ufeff")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _not_encoded(subject: str, encoding: str, found: str, remedy: str) -> SourceUnreadable:
    return SourceUnreadable(
        subject,
        expected=f"text encoded in {encoding}",
        found=found,
        remedy=f"open the file; if the producer changed its encoding, write `encoding: {remedy}` in the list's options",
    )


# --- grids: CSV and XLSX -----------------------------------------------------------------------------------------

_Line = tuple[int, Sequence[str | None]]  # number of the line in the file, its cells


def _lines(text: str, mapping: ListMapping, subject: str) -> Iterator[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mapping.separator, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise SourceUnreadable(
            f"{subject}, line {reader.line_num}",
            expected=f"CSV separated by {mapping.separator!r}, quoted with double quotes",
            found=str(error),
            remedy="open the file at that line; report the broken quoting to the producer",
        ) from error


def _sheet(data: bytes, mapping: ListMapping, subject: str) -> Iterator[_Line]:
    expected = "an XLSX workbook"
    try:
        _bounded(data, subject)
        workbook = fastexcel.read_excel(data)
        name = _sheet_name(workbook.sheet_names, mapping.sheet, subject)
        # Every cell as text: a guessed type would turn 01053 into 1053. Formulas give their stored result.
        frame = workbook.load_sheet(name, header_row=None, dtypes="string").to_polars()
    except (zipfile.BadZipFile, fastexcel.FastExcelError) as error:
        raise SourceUnreadable(
            subject,
            expected=expected,
            found=str(error).splitlines()[0],
            remedy="open the file; if the producer changed its format, change `format` in the list's options",
        ) from error
    yield from enumerate(frame.iter_rows(), start=1)


def _bounded(data: bytes, subject: str) -> None:
    """Refuse a workbook that would not fit in memory: packed to excess, or with a cell lost far from the others.

    Calamine holds a sheet as the full rectangle of its cells: two cells in opposite corners ask for 500 GB.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > len(data) * _MAX_INFLATION:
            raise SourceUnreadable(
                subject,
                expected=f"a workbook that unpacks to at most {_MAX_INFLATION} times its size",
                found=f"{unpacked} bytes out of {len(data)}",
                remedy="do not open the file; report it to the producer",
            )
        for name in archive.namelist():
            if not name.endswith(".xml") or "sheet" not in name.lower():
                continue
            places = _CELL_PLACE.findall(archive.read(name))
            rows = max((int(row) for _, row in places if row), default=0)
            columns = max((_column_number(letters) for letters, _ in places), default=0)
            if rows * columns > _MAX_CELLS:
                raise SourceUnreadable(
                    f"{subject}, {name}",
                    expected=f"a sheet of at most {_MAX_CELLS} cells",
                    found=f"{rows} rows of {columns} columns",
                    remedy="clear the cells lost far below or beside the table, or ask the producer to",
                )


def _column_number(letters: bytes) -> int:
    return functools.reduce(lambda number, letter: number * 26 + letter - ord("A") + 1, letters, 0)


def _sheet_name(names: list[str], declared: str | None, subject: str) -> str:
    if declared is None and len(names) == 1:
        return names[0]
    if declared in names:
        return str(declared)
    raise SourceUnreadable(
        subject,
        expected="one sheet" if declared is None else f"the sheet {declared!r}",
        found=f"sheets {', '.join(names)}",
        remedy="name the one to read: `sheet:` in the list's options",
    )


def _named(lines: Iterable[_Line], mapping: ListMapping, subject: str, issues: IssueLog, *, padded: bool) -> Table:
    """Give each cell the name of its column. `padded`: the rows of the grid are padded with empty cells (XLSX)."""
    header: list[str] | None = None
    rows: list[Row] = []
    read = 0
    for index, (number, raw) in enumerate(lines, start=1):
        if index < mapping.header_row:
            continue
        cells = _trimmed(raw) if padded else list(raw)
        if header is None:
            header = _header(cells, mapping, subject)
            continue
        if not any(clean(cell) for cell in cells):
            continue
        read += 1
        if padded:
            cells += [None] * (len(header) - len(cells))
        if len(cells) != len(header):
            issues.add(
                record=f"ligne {number}",
                column="*",
                value=f"{len(cells)} cellules",
                rule="ligne-decalee",
                reason=f"Ligne de {len(cells)} cellules sous un en-tête de {len(header)} : mise de côté, "
                "on ne sait pas à quelle colonne appartient chaque cellule.",
                severity="erreur",
            )
            continue
        rows.append(Row(f"ligne {number}", dict(zip(header, cells, strict=True))))
    if header is None:
        raise SourceUnreadable(
            subject,
            expected=f"a header on line {mapping.header_row}",
            found="an empty file or sheet",
            remedy="download it again; if it stays empty, disable the list (`enabled: false`)",
        )
    unnamed = {name for name in header if name.startswith(_UNNAMED)}
    filled = {name for row in rows for name in unnamed if clean(row.cells[name])}
    return Table(tuple(name for name in header if name not in unnamed - filled), tuple(rows), read)


_UNNAMED = "colonne sans nom "


def _trimmed(cells: Sequence[str | None]) -> list[str | None]:
    end = len(cells)
    while end and not clean(cells[end - 1]):
        end -= 1
    return list(cells[:end])


def _header(cells: Sequence[str | None], mapping: ListMapping, subject: str) -> list[str]:
    """Column names: cleaned; the nth column of the same name is `name#n`, one without a name is numbered."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for position, cell in enumerate(cells, start=1):
        name = clean(cell) or f"{_UNNAMED}{position}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    if len(names) == 1:
        for other, label in _SEPARATORS.items():
            if other != mapping.separator and other in names[0]:
                raise SourceUnreadable(
                    subject,
                    expected=f"columns separated by {mapping.separator!r}",
                    found=f"a header separated by {other!r} ({label})",
                    remedy=f'if the producer changed it, write `separator: "{other}"` in the list\'s options',
                )
    known = {*mapping.used, *mapping.ignored}
    for name, count in seen.items():
        if count > 1 and name in mapping.used and f"{name}#2" not in known:
            raise SourceUnreadable(
                subject,
                expected=f"one column {name!r}",
                found=f"{count} columns of that name",
                remedy=f"tell them apart in the list's options: {name!r} is the first, '{name}#2' the second",
            )
    return names


# --- objects: JSON and GeoJSON -----------------------------------------------------------------------------------

#: Where ArcGIS (JSON, GeoJSON) and OData (v4, v2) say that an answer is only a page of the list.
_NEXT_PAGE = (
    ("exceededTransferLimit",),
    ("properties", "exceededTransferLimit"),
    ("@odata.nextLink",),
    ("d", "__next"),
)


def _objects(text: str, mapping: ListMapping, subject: str, issues: IssueLog) -> Table:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceUnreadable(
            subject,
            expected="a JSON document",
            found=f"{error} (it begins with {text.lstrip()[:30]!r})",
            remedy="open the address in a browser; if the producer changed its format, change the list's options",
        ) from error
    geojson = mapping.format == "geojson"
    records = _records(document, "features" if geojson else mapping.records, subject)
    _complete(document, len(records), subject)
    within = "properties" if geojson else mapping.within
    rows: list[Row] = []
    columns: dict[str, None] = {}
    for number, record in enumerate(records, start=1):
        place = f"enregistrement {number}"
        inner = record.get(within) if isinstance(record, dict) and within else record
        if not isinstance(record, dict) or not isinstance(inner, dict):
            issues.add(
                record=place,
                column=within or "*",
                value=type(inner).__name__,
                rule="enregistrement-illisible",
                reason="Enregistrement sans colonnes nommées : mis de côté.",
                severity="erreur",
            )
            continue
        beside = {k: v for k, v in record.items() if k != within and k not in inner} if within else {}
        if geojson:
            beside = {"geometry": _point(record.get("geometry"), place, issues), **_without(beside, "geometry", "type")}
        cells = dict(_flat({**beside, **inner}))
        columns.update(dict.fromkeys(cells))
        rows.append(Row(place, cells))
    # A null where other records hold an object is no column of its own.
    parents = {name[:dot] for name in columns for dot in _dots(name)}
    return Table(tuple(name for name in columns if name not in parents), tuple(rows), len(records))


def _dots(name: str) -> Iterator[int]:
    return (position for position, character in enumerate(name) if character == ".")


def _records(document: Any, path: str, subject: str) -> list[Any]:
    value, walked = document, "the document"
    for part in filter(None, path.split(".")):
        if not isinstance(value, dict) or part not in value:
            raise _no_records(subject, f"{part!r} in {walked}", _described(value))
        value, walked = value[part], f"{walked}.{part}"
    if not isinstance(value, list):
        raise _no_records(subject, f"a list of records at {path or 'the top of the document'}", _described(value))
    return value


def _described(value: Any) -> str:
    return f"keys {', '.join(map(str, value))}" if isinstance(value, dict) else f"a {type(value).__name__}"


def _no_records(subject: str, expected: str, found: str) -> SourceUnreadable:
    return SourceUnreadable(
        subject,
        expected=expected,
        found=found,
        remedy="open the file (it may be an error message of the server); if its shape changed, write the path of "
        "the records in the list's options: `records:`",
    )


def _complete(document: Any, count: int, subject: str) -> None:
    """Refuse an answer that says it is only the first page of the list."""
    total = _at(document, "total_count")  # Opendatasoft v2
    mark = next((".".join(path) for path in _NEXT_PAGE if _at(document, *path)), None)
    if mark is None and not (isinstance(total, int) and total > count):
        return
    raise SourceUnreadable(
        subject,
        expected="the whole list in one answer",
        found=f"{count} records and the mark `{mark}` of further pages" if mark else f"{count} records out of {total}",
        remedy="raise the page size in the list's url, or declare one resource per page",
    )


def _at(document: Any, *path: str) -> Any:
    for part in path:
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _without(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in names}


def _point(geometry: Any, place: str, issues: IssueLog) -> dict[str, Any]:
    """GeoJSON point -> {x, y}, as ArcGIS writes it; anything else has neither, and is logged when not null."""
    match geometry:
        case None:
            pass
        case {"type": "Point", "coordinates": [int() | float() as x, int() | float() as y, *_]}:
            return {"x": x, "y": y}
        case _:
            issues.add(
                record=place,
                column="geometry",
                value=geometry.get("type") if isinstance(geometry, dict) else type(geometry).__name__,
                rule="geometrie-non-ponctuelle",
                reason="La géométrie n’est pas un point : elle n’est pas lue.",
            )
    return {"x": None, "y": None}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str | None]]:
    """Dotted names and text cells of a JSON value: `{"a": {"b": 1}, "c": [2]}` -> `("a.b", "1")`, `("c.0", "2")`."""
    prefix = f"{name}." if name else ""
    if isinstance(value, dict) and (value or not name):
        for key, child in value.items():
            yield from _flat(child, f"{prefix}{clean(key) or ''}")
    elif isinstance(value, list) and 0 < len(value) <= _MAX_ITEMS:
        for index, child in enumerate(value):
            yield from _flat(child, f"{prefix}{index}")
    else:
        yield name, _text(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False) if value != [] and value != {} else None
