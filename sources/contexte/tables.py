"""A file as its header and the columns asked for, whatever it is: CSV, workbook or Parquet, bare or in a zip.

Its first bytes say what it is, whatever its name. Files are hostile input: sizes are bounded, nothing is unpacked to
disk, nothing is read by position. What the columns mean belongs to `mapping` and `read`.
"""

import contextlib
import csv
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NoReturn, cast

import fastexcel
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issue_summary import TOLD
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import clean
from sources.contexte.mapping import ListOptions
from sources.delimited import refuse_other_formats
from sources.workbook import refuse_oversized

_ZIP, _PARQUET, _OLD_WORKBOOK = b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"
_WORKBOOK_PART = "[Content_Types].xml"  # what makes a workbook of a zip
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_HEAD = 1 << 18  # bytes in which the header must end
_BLOCK = 8 << 20  # bytes of CSV parsed at a time
_SEPARATORS = {";": "semicolon", ",": "comma", "\t": "tab", "|": "bar"}
_UNNAMED = "colonne sans nom "

#: What the libraries raise on bytes that are not of the format announced.
_FAULTS = (
    pa.ArrowException,
    pl.exceptions.PolarsError,
    fastexcel.FastExcelError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
)

_Opener = Callable[[], contextlib.AbstractContextManager[BinaryIO]]


@dataclass(frozen=True)
class Table:
    """A file whose header was read. The nth column of the same name is `name#n`; one without a name is numbered.

    `read(columns)` gives those columns: text in a CSV or a workbook, whatever was stored in a Parquet file. `decimals`:
    marks of its decimal numbers.
    """

    header: tuple[str, ...]
    read: Callable[[Sequence[str]], pl.DataFrame]
    decimals: tuple[str, ...] = (".",)


def open_table(path: Path, options: ListOptions, subject: str, issues: IssueLog, *, max_unpacked: int) -> Table:
    """Open a file.

    Args:
        subject: names the file in error messages.
        issues: receives, while reading, the rows of a CSV that are not as wide as its header (`ligne-decalee`).
        max_unpacked: bytes that a zip or a Parquet file may unpack to.

    Raises:
        SourceUnreadable: not one of these formats, damaged, too large, a web page, no such member or sheet, another
            separator or encoding than declared. `read` may raise it too.
    """
    try:
        opener = _bare(path)
        with opener() as stream:
            head = stream.read(8)
        if head.startswith(_ZIP) and not _is_workbook(path):
            opener = _member(path, options.membre, subject, max_unpacked)
            with opener() as stream:
                head = stream.read(8)
        if head.startswith(_PARQUET):
            return _guarded(_parquet(_held(opener), subject, max_unpacked), subject)
        if head.startswith((_ZIP, _OLD_WORKBOOK)):
            return _guarded(_workbook(_held(opener), options, subject), subject)
        return _guarded(_csv(opener, options, subject, issues), subject)
    except _FAULTS as error:
        raise _damaged(subject, error) from error


def _guarded(table: Table, subject: str) -> Table:
    def read(columns: Sequence[str]) -> pl.DataFrame:
        try:
            return table.read(columns)
        except _FAULTS as error:
            raise _damaged(subject, error) from error

    return Table(table.header, read, table.decimals)


def _damaged(subject: str, error: Exception) -> SourceUnreadable:
    text = (str(error).splitlines() or [""])[0] or type(error).__name__
    encoding = "invalid UTF8" in text
    return SourceUnreadable(
        subject,
        expected="text encoded in utf-8" if encoding else "a whole CSV, XLSX or Parquet file, bare or in a zip",
        found=text,
        remedy="open the file; if the producer changed its encoding, write `encodage: cp1252` in the list's options"
        if encoding
        else "the download may be cut short: fetch the source again",
    )


def _refuse(subject: str, expected: str, found: str, remedy: str) -> NoReturn:
    raise SourceUnreadable(subject, expected=expected, found=found, remedy=remedy)


# --- where the bytes are -------------------------------------------------------------------------------------------


def _bare(path: Path) -> _Opener:
    return lambda: path.open("rb")


def _held(opener: _Opener) -> bytes:
    with opener() as stream:
        return stream.read()


def _is_workbook(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return _WORKBOOK_PART in archive.namelist()


def _member(path: Path, pattern: str | None, subject: str, limit: int) -> _Opener:
    """The one file of a zip whose name (folders aside, case ignored) matches; never more than `limit` bytes of it."""
    wanted = (pattern or "*").lower()
    with zipfile.ZipFile(path) as archive:
        files = [info for info in archive.infolist() if not info.is_dir() and not _of_macos(info.filename)]
    names = [(info, PurePosixPath(info.filename.replace("\\", "/")).name) for info in files]
    matching = [info for info, name in names if fnmatchcase(name.lower(), wanted)]
    if len(matching) != 1:
        _refuse(
            subject,
            f"one file {pattern or ''} in the zip".replace("  ", " "),
            f"{len(matching)} among {', '.join(repr(name[:100]) for _, name in names[:10]) or 'nothing'}",
            "write its name in the list's options: `membre:` (a pattern, `*` and `?`)",
        )
    (info,) = matching
    link = stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}
    if link or info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
        _refuse(
            subject, "a plain file, stored or deflated", f"another kind: {info.filename[:100]!r}", "tell the producer"
        )

    @contextlib.contextmanager
    def opener() -> Iterator[BinaryIO]:
        with zipfile.ZipFile(path) as archive, archive.open(info) as member:
            yield cast(BinaryIO, io.BufferedReader(_Bounded(member, limit, subject), 1 << 20))

    return opener


def _of_macos(name: str) -> bool:
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith("._")


class _Bounded(io.RawIOBase):
    """Counts what is read, and refuses more than a file may unpack to, whatever the zip declares."""

    def __init__(self, stream: IO[bytes], limit: int, subject: str) -> None:
        self._stream, self._limit, self._subject = stream, limit, subject
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed wants any writable buffer
        data = self._stream.read(len(buffer))
        self._given += len(data)
        if self._given > self._limit:
            _too_large(self._subject, self._limit)
        buffer[: len(data)] = data
        return len(data)


def _too_large(subject: str, limit: int) -> NoReturn:
    _refuse(
        subject,
        f"at most {limit // 1_000_000} MB once unpacked",
        "more",
        "if the table really has grown, raise max_unpacked_mb in the list's file",
    )


# --- formats -------------------------------------------------------------------------------------------------------


def _csv(opener: _Opener, options: ListOptions, subject: str, issues: IssueLog) -> Table:
    with opener() as stream:
        head = stream.read(_HEAD)
    refuse_other_formats(head[:4096].decode("utf-8", "ignore").removeprefix("\ufeff"), subject, "a table")
    if options.encodage != "utf-8" and not head.isascii() and _is_utf8(head):
        # Every byte is a character of cp1252: « é » in UTF-8 would be read as « Ã© » without a word.
        _refuse(subject, f"text encoded in {options.encodage}", "accents written in utf-8", "write `encodage: utf-8`")
    lines = re.split(r"\r\n|\r|\n", head.decode(options.encodage, "replace").removeprefix("\ufeff"))
    if len(lines) < options.ligne_entete:
        _refuse(
            subject,
            f"a header on line {options.ligne_entete}",
            f"{len(lines)} lines",
            "if the producer moved it, change `ligne_entete` in the list's options",
        )
    line = lines[options.ligne_entete - 1]
    cells = next(csv.reader([line], delimiter=options.separateur), [])
    if len(cells) == 1 and (other := next((s for s in _SEPARATORS if s in line), None)):
        _refuse(
            subject,
            f"columns separated by {options.separateur!r}",
            f"a header separated by {other!r} ({_SEPARATORS[other]})",
            f'if the producer changed it, write `separateur: "{other}"` in the list\'s options',
        )
    header = _header(cells)
    shifted = 0

    def skip(row: pa_csv.InvalidRow) -> str:
        nonlocal shifted
        shifted += 1
        if shifted <= TOLD:
            issues.add(
                record="*" if row.number is None else f"ligne {row.number}",
                column="*",
                value=f"{row.actual_columns} cellules pour {row.expected_columns} colonnes",
                rule="ligne-decalee",
                reason="La ligne n’a pas autant de cellules que l’en-tête : mise de côté.",
                severity="erreur",
            )
        return "skip"

    def read(columns: Sequence[str]) -> pl.DataFrame:
        with opener() as stream:
            reader = pa_csv.open_csv(
                stream,
                pa_csv.ReadOptions(
                    column_names=list(header),
                    skip_rows=options.ligne_entete,
                    block_size=_BLOCK,
                    encoding=options.encodage,
                    use_threads=False,
                ),
                pa_csv.ParseOptions(delimiter=options.separateur, invalid_row_handler=skip, newlines_in_values=True),
                pa_csv.ConvertOptions(
                    include_columns=list(columns),
                    column_types=dict.fromkeys(header, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )
            frame = pl.DataFrame(pl.from_arrow(reader.read_all()))
        if shifted > TOLD:
            issues.add(
                record="*",
                column="*",
                value=f"{shifted} lignes en tout",
                rule="ligne-decalee",
                reason="Lignes qui n’ont pas autant de cellules que l’en-tête : mises de côté.",
                severity="erreur",
            )
        return frame

    return Table(header, read, options.decimale)


def _is_utf8(head: bytes) -> bool:
    try:
        head[:-4].decode("utf-8")  # the head may end inside a character
    except UnicodeDecodeError:
        return False
    return True


def _workbook(data: bytes, options: ListOptions, subject: str) -> Table:
    if data.startswith(_ZIP):
        refuse_oversized(data, subject)
    workbook = fastexcel.read_excel(data)
    names = workbook.sheet_names
    asked = options.feuille if options.feuille is not None else (1 if len(names) == 1 else None)
    name = names[asked - 1] if isinstance(asked, int) and asked <= len(names) else asked
    if name not in names:
        _refuse(
            subject,
            "one sheet" if options.feuille is None else f"the sheet {options.feuille!r}",
            f"sheets {', '.join(names)}",
            "name the one to read: `feuille:` in the list's options",
        )
    # Every cell as text: a guessed type would turn 01053 into 1053. Formulas give their stored result.
    sheet = workbook.load_sheet(name, header_row=options.ligne_entete - 1, dtypes="string").to_polars()
    frame = sheet.rename(dict(zip(sheet.columns, _header(sheet.columns), strict=True)))
    return Table(tuple(frame.columns), lambda columns: frame.select(columns))


def _parquet(data: bytes, subject: str, limit: int) -> Table:
    file = pq.ParquetFile(io.BytesIO(data))
    if sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)) > limit:
        _too_large(subject, limit)
    names = tuple(file.schema_arrow.names)
    return Table(names, lambda columns: pl.DataFrame(pl.from_arrow(file.read(list(columns)))))


def _header(cells: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    seen: dict[str, int] = {}
    for position, cell in enumerate(cells, start=1):
        name = clean(cell)
        if name is None or name.startswith("__UNNAMED__"):
            name = f"{_UNNAMED}{position}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(names)
