"""The data files of what Insee delivers: a bare file, or several in a zip, a zip of zips, a 7z in a zip.

The first bytes of a file say what it is. Nothing of an archive decides where a file is written: names of members only
choose which are read. Understanding the content belongs to `tables`.
"""

import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Literal

import py7zr
from py7zr.io import Py7zIO, WriterFactory

from pipeline.foundations.errors import SourceUnreadable

Kind = Literal["csv", "gpkg", "parquet"]

_MAGIC: dict[bytes, Literal["zip", "7z", "gpkg", "parquet"]] = {
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"SQLite format 3\0": "gpkg",
    b"PAR1": "parquet",
}
_WANTED = frozenset({".csv", ".gpkg", ".parquet", ".zip", ".7z"})  # beside them: dictionaries, notes
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_DEPTH = 3  # archives within one another
_CHUNK = 1 << 20


@dataclass(frozen=True)
class DataFile:
    """One data file. `name` is its path inside the archives, empty for a bare file: it may hold the vintage."""

    name: str
    path: Path
    kind: Kind


def data_files(path: Path, subject: str, *, max_unpacked: int) -> Iterator[DataFile]:
    """The data files of a delivery; each is on disk only until the next is asked for.

    Args:
        subject: what errors speak of.
        max_unpacked: bytes, over everything unpacked.

    Raises:
        SourceUnreadable: a damaged, encrypted or too deep archive, more than `max_unpacked` bytes, no data file.
    """
    with tempfile.TemporaryDirectory(prefix="carreaux-") as folder:
        yield from _Unpacking(subject, Path(folder), max_unpacked).walk(path, "", _DEPTH)


@dataclass
class _Unpacking:
    """One delivery being unpacked: where to, what room is left."""

    subject: str
    folder: Path
    limit: int
    _written: int = field(default=0, init=False)
    _files: int = field(default=0, init=False)

    def walk(self, path: Path, name: str, depth: int) -> Iterator[DataFile]:
        with path.open("rb") as stream:
            head = stream.read(16)
        kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "csv")
        if kind not in ("zip", "7z"):
            yield DataFile(name, path, kind)  # type: ignore[arg-type]
            return
        if depth == 0:
            raise self._refused(f"at most {_DEPTH} archives within one another", f"one more: {name[-200:]}")
        found = False
        for member, unpacked in self._zip(path) if kind == "zip" else self._seven_zip(path):
            found = True
            yield from self.walk(unpacked, f"{name}/{member}", depth - 1)
            unpacked.unlink()
        if not found:
            raise self._refused(f"an archive of {', '.join(sorted(_WANTED))} files", "none in it")

    def _zip(self, path: Path) -> Iterator[tuple[str, Path]]:
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if info.is_dir() or not _wanted(info.filename):
                        continue
                    link = stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}
                    if link or info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                        raise self._refused("plain members, stored or deflated", f"another kind: {info.filename[:100]}")
                    with archive.open(info) as member:
                        yield info.filename, self._copy(member, info.filename)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
            raise self._damaged(error) from error

    def _copy(self, member: IO[bytes], name: str) -> Path:
        target = self.target(name)
        with target.open("wb") as out:
            while chunk := member.read(_CHUNK):
                self.count(len(chunk))
                out.write(chunk)
        return target

    def _seven_zip(self, path: Path) -> Iterator[tuple[str, Path]]:
        factory = _Files(self)
        try:
            with py7zr.SevenZipFile(path) as archive:
                wanted = [info for info in archive.list() if info.is_file and _wanted(info.filename)]
                if sum(info.uncompressed for info in archive.list()) > self.limit - self._written:
                    raise self._too_large()
                if wanted:
                    archive.extract(targets=[info.filename for info in wanted], factory=factory)
        except SourceUnreadable:
            raise
        except Exception as error:  # on hostile bytes the library raises almost anything
            raise self._damaged(error) from error
        finally:
            factory.close()
        yield from factory.made

    def target(self, name: str) -> Path:
        """A new file of our own naming: of the member's name only its suffix, one of `_WANTED`, is kept."""
        self._files += 1
        return self.folder / f"{self._files}{_suffix(name)}"

    def count(self, size: int) -> None:
        """Bytes about to be written; too many refuse the delivery."""
        self._written += size
        if self._written > self.limit:
            raise self._too_large()

    def _too_large(self) -> SourceUnreadable:
        return SourceUnreadable(
            self.subject,
            expected=f"at most {self.limit // 1_000_000} MB once unpacked",
            found="more",
            remedy="if the grid really has grown, raise max_unpacked_mb in the source's declaration",
        )

    def _refused(self, expected: str, found: str) -> SourceUnreadable:
        return SourceUnreadable(
            self.subject,
            expected=expected,
            found=found,
            remedy="look at the snapshot; the producer changed its packing",
        )

    def _damaged(self, error: Exception) -> SourceUnreadable:
        return SourceUnreadable(
            self.subject,
            expected="a complete archive",
            found=f"damaged bytes ({type(error).__name__}: {str(error)[:200]})",
            remedy="the download may be cut short: fetch the source again",
        )


def _wanted(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return _suffix(name) in _WANTED and "__MACOSX" not in path.parts and not path.name.startswith("._")


def _suffix(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).suffix.lower()


class _Files(WriterFactory):
    """Where py7zr writes the members it unpacks: files of our own naming, bounded together."""

    def __init__(self, unpacking: _Unpacking) -> None:
        self._unpacking = unpacking
        self._open: list[_Member] = []
        self.made: list[tuple[str, Path]] = []

    def create(self, filename: str) -> Py7zIO:
        target = self._unpacking.target(filename)
        self.made.append((filename, target))
        self._open.append(_Member(target, self._unpacking))
        return self._open[-1]

    def close(self) -> None:
        """Flush every member to disk."""
        for member in self._open:
            member.close()


class _Member(Py7zIO):
    def __init__(self, target: Path, unpacking: _Unpacking) -> None:
        self._out = target.open("w+b")
        self._unpacking = unpacking

    def write(self, s: bytes | bytearray) -> int:
        self._unpacking.count(len(s))
        return self._out.write(s)

    def read(self, size: int | None = None) -> bytes:
        return self._out.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._out.seek(offset, whence)

    def flush(self) -> None:
        self._out.flush()

    def size(self) -> int:
        return self._out.tell()

    def close(self) -> None:
        self._out.close()
