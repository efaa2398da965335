"""Bytes to UTF-8 text to CSV rows, as streams: never more than a block in memory, every refusal explained.

Shared by the readers of CSV feeds (and of text feeds, for the decoding). What the columns mean belongs to the readers.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog

_BLOCK = 1 << 20  # bytes read at a time
_MAX_LINE = 4 << 20  # characters; a longer line is not a CSV line
_MAX_CELL = 128 << 10  # characters; a longer cell is a quote that never closed

_REMEDY = "look at the snapshot: the producer changed its format, or the download is not the file"


@dataclass(frozen=True)
class Table:
    """A CSV file being read: its header, its separator, its rows (column name -> text of the cell)."""

    header: tuple[str, ...]
    separator: str
    rows: Iterator[dict[str, str]]


def utf8_chunks(stream: IO[bytes], subject: str) -> Iterator[str]:
    """The text of a UTF-8 stream, block by block, without its byte order mark.

    Raises:
        SourceUnreadable: bytes that are not UTF-8; the message gives the position of the first one.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    consumed, started = 0, False
    while True:
        block = stream.read(_BLOCK)
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            position = consumed - pending + error.start
            raise SourceUnreadable(
                subject,
                expected="UTF-8 text",
                found=f"byte 0x{error.object[error.start]:02X} at byte {position}, which is not UTF-8 "
                "(UTF-16, Windows-1252 or another encoding?)",
                remedy=_REMEDY,
            ) from error
        consumed += len(block)
        if text and not started:
            text, started = text.removeprefix("\ufeff"), True
        if text:
            yield text
        if not block:
            return


def refuse_other_formats(head: str, subject: str, expected: str) -> None:
    """Refuse a file whose first characters say it is empty, or a web page.

    Raises:
        SourceUnreadable: always one of these two reasons.
    """
    start = head[:2000].lstrip().lower()
    if not start:
        raise SourceUnreadable(subject, expected=expected, found="an empty file", remedy="download it again")
    if start.startswith(("<!doctype html", "<html")) or (start.startswith("<") and "<html" in start):
        raise SourceUnreadable(subject, expected=expected, found="a web page (HTML)", remedy=_REMEDY)


def read_table(chunks: Iterator[str], subject: str, issues: IssueLog, *, separators: str = ";,") -> Table:
    """CSV text -> header and rows; the separator is the one of `separators` that splits the header most.

    Blank rows are skipped; a row that has not as many cells as the header is set aside (`ligne-decalee`).

    Raises:
        SourceUnreadable: empty file, web page, a column named twice, or (while iterating) quotes that never close.
    """
    lines = _lines(chunks, subject)
    first = next(lines, "")
    refuse_other_formats(first, subject, "a CSV file")
    cells, separator = max(
        ((next(csv.reader([first], delimiter=s), []), s) for s in separators), key=lambda found: len(found[0])
    )
    header = tuple(cell.strip() for cell in cells)
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise SourceUnreadable(
            subject, expected="each column named once", found=f"twice: {', '.join(twice)}", remedy=_REMEDY
        )
    return Table(header, separator, _rows(lines, header, separator, subject, issues))


def _rows(
    lines: Iterator[str], header: tuple[str, ...], separator: str, subject: str, issues: IssueLog
) -> Iterator[dict[str, str]]:
    # The limit is the whole process's: other libraries lift it.
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for row in reader:
            if not any(row):
                continue
            if len(row) != len(header):
                issues.add(
                    record=f"ligne {reader.line_num + 1}",
                    column="*",
                    value=f"{len(row)} cellules pour {len(header)} colonnes",
                    rule="ligne-decalee",
                    reason="La ligne n’a pas autant de cellules que l’en-tête : mise de côté.",
                    severity="erreur",
                )
                continue
            yield dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise SourceUnreadable(
            subject,
            expected="CSV rows, each quote closed",
            found=f"line {reader.line_num + 1}: {error}",
            remedy=_REMEDY,
        ) from error


def _lines(chunks: Iterator[str], subject: str) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split("\n")
        for line in whole:
            yield line + "\n"
        if len(rest) > _MAX_LINE:
            raise SourceUnreadable(
                subject, expected="lines of text", found=f"a line above {_MAX_LINE} characters", remedy=_REMEDY
            )
    if rest:
        yield rest
