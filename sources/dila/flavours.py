"""The directory's file, whatever its flavour, -> its services one by one, in the keys of the current dump.

Flavours are told by content, never by name or date: the dump (`{"service": […]}`), the Opendatasoft answer
(`{"total_count": …, "results": […]}` or a bare list), the Opendatasoft CSV, the XML of before July 2022. What a service
says belongs to `service`.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, cast

from pipeline.foundations.ahead import one_ahead
from pipeline.foundations.archives import open_single
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.delimited import read_table, refuse_other_formats, utf8_chunks
from sources.dila.xml import archived_organismes, holds_organismes, organismes

_DUMP_MEMBER = "data.gouv_local.json"
_EXPECTED = 'the directory of the DILA (`{"service": […]}`, an Opendatasoft export, or the old XML)'
_REMEDY = "look at the snapshot: the producer changed its format, or the download is not the file"
_MAX_SERVICE = 4 << 20  # characters; a service above this is not one (real ones are below 50 kB)
_MAX_TAIL = 1 << 16  # characters after the list

_PACKED = (b"BZh", b"\x1f\x8b", b"PK\x03\x04", b"\xfd7zXZ\x00")
_OPENING = re.compile(
    r'\s*(?:\{\s*(?:"total_count"\s*:\s*(?P<total>[0-9]+)\s*,\s*)?"(?P<list>service|results)"\s*:\s*)?\['
)
_SPACES = re.compile(r"\s*")


@dataclass(frozen=True)
class Directory:
    """An opened file: its flavour (`json`, `json_ods`, `csv_ods`, `xml`), and its services, read as they are iterated.

    Each item is the fields met (for the strict reading of columns) and the service. `announced` is the number of
    services the file says there are, when it says so.
    """

    flavour: str
    services: Iterator[tuple[Collection[str], Mapping[str, Any]]]
    announced: int | None = None


@contextmanager
def open_directory(path: Path, subject: str, issues: IssueLog, *, max_unpacked: int) -> Iterator[Directory]:
    """Open the file and tell its flavour.

    Raises:
        SourceUnreadable: here or while iterating: damaged, cut short, oversized, not UTF-8, or not the directory.
    """
    with path.open("rb") as file:
        head = file.read(2048)
    if head.startswith(_PACKED) or head[257:262] == b"ustar":
        if holds_organismes(path):
            yield Directory("xml", archived_organismes(path, subject, issues, max_unpacked=max_unpacked))
        else:
            with open_single(path, suffix=_DUMP_MEMBER, max_unpacked=max_unpacked) as stream:
                yield _text_directory(stream, subject, issues)
    elif _looks_like_xml(head):
        with path.open("rb") as file:
            yield Directory("xml", organismes(file, subject))
    else:
        with path.open("rb") as file:
            yield _text_directory(file, subject, issues)


def _looks_like_xml(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith(b"<") and b"<html" not in start and not start.startswith(b"<!doctype html")


def _text_directory(stream: IO[bytes], subject: str, issues: IssueLog) -> Directory:
    chunks = one_ahead(utf8_chunks(stream, subject))  # bzip2 takes as long as all that follows
    head = next(chunks, "")
    refuse_other_formats(head, subject, _EXPECTED)
    opening = _OPENING.match(head)
    if opening:
        text = _JsonText(chunks, head[opening.end() :], subject)
        items = _objects(text, enclosed=opening["list"] is not None)
        flavour = "json" if opening["list"] == "service" else "json_ods"
        return Directory(flavour, ((item, item) for item in items), int(opening["total"]) if opening["total"] else None)
    if head.lstrip()[:1] in ("{", "["):
        raise SourceUnreadable(
            subject, expected=_EXPECTED, found=f"JSON that starts with {head[:60]!r}", remedy=_REMEDY
        )
    table = read_table(chain([head], chunks), subject, issues)
    return Directory("csv_ods", ((row, row) for row in table.rows))


def _objects(text: "_JsonText", *, enclosed: bool) -> Iterator[dict[str, Any]]:
    """The objects of a JSON list whose opening bracket has been read; what follows the list is checked to end well."""
    if text.mark() != "]":
        yield text.take_object()
        while text.mark() == ",":
            text.take_mark()
            yield text.take_object()
    if text.take_mark() != "]":
        raise text.fault("`,` or the end of the list")
    rest = text.take_rest()
    if (rest[-1:] != "}") if enclosed else rest:
        raise text.fault("the end of the JSON text" if rest else "the closing brace")


class _JsonText:
    """A JSON text read by chunks, one object at a time.

    Each object goes whole through the decoder of the standard library, in the memory of one chunk; one cut by the end
    of a chunk is decoded again once the next chunk is there. As fast as ijson's C backend (0.9 s against 1.0 s for the
    155 MB of 2017, beside 2.7 s of bzip2), and an object too long or nested too deep is refused instead of held.
    """

    def __init__(self, chunks: Iterator[str], start: str, subject: str) -> None:
        self._chunks, self._subject = chunks, subject
        self._buffer, self._position, self._count = start, 0, 0
        self._decode = json.JSONDecoder().raw_decode

    def mark(self) -> str:
        """The next character that is not a space, not consumed; empty at the end."""
        while True:
            spaces = _SPACES.match(self._buffer, self._position)
            self._position = spaces.end() if spaces else self._position
            if self._position < len(self._buffer) or not self._more():
                return self._buffer[self._position : self._position + 1]

    def take_mark(self) -> str:
        """The same, consumed."""
        mark = self.mark()
        self._position += 1
        return mark

    def take_object(self) -> dict[str, Any]:
        """The next object.

        Raises:
            SourceUnreadable: anything else, a faulty object, or one cut by the end of the file.
        """
        if self.mark() != "{":
            raise self.fault("a service (a JSON object)")
        while True:
            try:
                service, self._position = self._decode(self._buffer, self._position)
            except (ValueError, RecursionError) as error:
                if len(self._buffer) - self._position > _MAX_SERVICE or not self._more():
                    raise self.fault("a complete JSON object") from error
            else:
                self._count += 1
                return cast(dict[str, Any], service)

    def take_rest(self) -> str:
        """What remains, stripped; at most `_MAX_TAIL` characters are looked at."""
        while len(self._buffer) - self._position <= _MAX_TAIL and self._more():
            pass
        return self._buffer[self._position :].strip()

    def fault(self, expected: str) -> SourceUnreadable:
        """The error to raise here."""
        ahead = self._buffer[self._position : self._position + 60].strip()
        return SourceUnreadable(
            self._subject,
            expected=f"{expected}, after {self._count} complete service(s)",
            found=repr(ahead) if ahead else "the end of the file",
            remedy=_REMEDY,
        )

    def _more(self) -> bool:
        chunk = next(self._chunks, "")
        self._buffer, self._position = self._buffer[self._position :] + chunk, 0
        return bool(chunk)
