"""Read the one file a feed packs in an archive, without unpacking anything to disk and without trusting the archive.

Understanding the content belongs to the readers.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from pipeline.foundations.errors import SourceUnreadable

_CHUNK = 1 << 20
_BLOCK = 512  # of a tar
_MAX_HEADERS = 1 << 20  # bytes of tar headers before a member; tarfile reads them whole into memory
_MAX_XZ_MEMORY = 256 << 20
# Not bzip2 nor LZMA: zipfile decompresses those by whole blocks, of whatever size they unpack to.
_ZIP_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_CLIMBS = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
_MACOS = re.compile(r"^__MACOSX/|(?:^|/)\._[^/]*$")


@contextlib.contextmanager
def open_single(path: Path, *, suffix: str, max_unpacked: int) -> Iterator[BinaryIO]:
    """Stream the only member of an archive whose name ends with `suffix`.

    The bytes of the file, not its name, say what it is: a zip, a tar (plain or packed by gzip, bzip2, xz), or one file
    packed by gzip, bzip2 or xz, whose content is then the member whatever `suffix` is. What macOS adds to archives
    (`__MACOSX/`, `._*`) is passed over. Memory stays bounded whatever the archive declares.

    A tar is read once, from start to end: what its end reveals (a second member, a cut, a bomb) is raised when the
    member has been read to its end, at the latest when the `with` block ends. Keep nothing of a block that raises.

    Args:
        path: the archive.
        suffix: how the name of the wanted member ends, case included.
        max_unpacked: bytes; an archive that unpacks to more is refused.

    Raises:
        SourceUnreadable: not an archive, cut or damaged; no member, or several, with that suffix; a member that is
            a link or a device, or whose name is absolute or climbs (`..`); more than `max_unpacked` bytes.
    """
    archive = _Archive(path, suffix, max_unpacked)
    with archive.guard():
        file = path.open("rb")
    with file:
        magic = file.read(6)
        file.seek(0)
        member = _zip_member(archive, file) if magic.startswith(b"PK") else _stream_member(archive, file, magic)
        yield cast(BinaryIO, io.BufferedReader(member, _CHUNK))
        member.exhaust()


class _Archive:
    """What is asked of the archive, and how its faults are told."""

    def __init__(self, path: Path, suffix: str, max_unpacked: int) -> None:
        self.path, self.suffix, self.max_unpacked = path, suffix, max_unpacked

    def refuse(self, expected: str, found: str, remedy: str) -> NoReturn:
        raise SourceUnreadable(str(self.path), expected=expected, found=found, remedy=remedy)

    def too_large(self, found: str) -> NoReturn:
        self.refuse(
            f"at most {self.max_unpacked} bytes once unpacked",
            found,
            "if the content really has grown, raise max_unpacked_mb in the source's declaration",
        )

    def wants(self, name: str) -> bool:
        """Whether a member has the wanted suffix; a dangerous name is refused."""
        if _CLIMBS.search(name):
            self.unsafe(f"the member name {name[:100]!r}")
        return name.endswith(self.suffix) and not _MACOS.search(name)

    def unsafe(self, found: str) -> NoReturn:
        self.refuse("plain files under relative names", found, "tell the producer; do not unpack this archive by hand")

    def none_wanted(self, seen: list[str]) -> NoReturn:
        names = ", ".join(repr(name[:100]) for name in seen) or "an empty archive"
        self.refuse(f"one member ending with {self.suffix!r}", names, "if the producer renamed it, update the reader")

    def several_wanted(self, first: str, second: str) -> NoReturn:
        self.refuse(
            f"one member ending with {self.suffix!r}",
            f"at least two: {first[:100]!r} and {second[:100]!r}",
            "make the suffix the reader asks for more precise",
        )

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Tell as a damaged archive whatever the libraries raise: on hostile bytes it can be almost anything."""
        try:
            yield
        except SourceUnreadable:
            raise
        except FileNotFoundError:
            self.refuse("an archive", "no such file", "fetch the source again")
        except Exception as error:
            cut = isinstance(error, EOFError) or "unexpected end of data" in str(error)
            found = "a file cut short" if cut else f"damaged bytes ({type(error).__name__}: {str(error)[:200]})"
            raise SourceUnreadable(
                str(self.path),
                expected="a complete archive",
                found=found,
                remedy="fetch the source again; if it lasts, tell the producer",
            ) from error


class _Capped(io.RawIOBase):
    """Counts what `read` gives and refuses more than the archive may unpack to; calls `at_end` once, at the end."""

    def __init__(self, archive: _Archive, read: Callable[[int], bytes], at_end: Callable[[], None]) -> None:
        self._archive, self._read, self._at_end = archive, read, at_end
        self._given = 0
        self._ended = False
        self._headers_end: int | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed wants any writable buffer
        filled = 0
        while filled < len(buffer) and (data := self._next(len(buffer) - filled)):
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        return filled

    def exhaust(self) -> None:
        """Read to the end, where cuts and wrong checksums show; works on a closed stream too."""
        while self._next(_CHUNK):
            pass

    @contextlib.contextmanager
    def headers(self) -> Iterator[None]:
        """Within the block, only `_MAX_HEADERS` bytes (and what is buffered) may be read."""
        self._headers_end = self._given + _MAX_HEADERS + 2 * _CHUNK
        try:
            yield
        finally:
            self._headers_end = None

    def _next(self, size: int) -> bytes:
        if self._ended:
            return b""
        with self._archive.guard():
            data = self._read(size)
        self._given += len(data)
        if self._given > self._archive.max_unpacked:
            self._archive.too_large(f"more (stopped at {self._given} bytes)")
        if self._headers_end is not None and self._given > self._headers_end:
            self._archive.unsafe(f"more than {_MAX_HEADERS} bytes of headers")
        if not data:
            self._ended = True
            self._at_end()
        return data


def _zip_member(archive: _Archive, file: BinaryIO) -> _Capped:
    with archive.guard():
        zipped = zipfile.ZipFile(file)
    members = zipped.infolist()
    for info in members:
        if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            archive.unsafe(f"a link or a device: {info.filename[:100]!r}")
    wanted = [info for info in members if archive.wants(info.filename) and not info.is_dir()]
    if not wanted:
        archive.none_wanted([info.filename for info in members[:5]])
    if len(wanted) > 1:
        archive.several_wanted(wanted[0].filename, wanted[1].filename)
    if (declared := sum(info.file_size for info in members)) > archive.max_unpacked:
        archive.too_large(f"{declared} bytes declared")
    info = wanted[0]
    if info.flag_bits & _ENCRYPTED or info.compress_type not in _ZIP_METHODS:
        how = "an encrypted one" if info.flag_bits & _ENCRYPTED else f"compression method {info.compress_type}"
        archive.refuse("a member stored or deflated", how, "ask the producer for an ordinary zip")
    with archive.guard():
        member = zipped.open(info)
    return _Capped(archive, member.read, _nothing)


def _stream_member(archive: _Archive, file: BinaryIO, magic: bytes) -> _Capped:
    read = _unpacker(file, magic)
    unpacked = _Capped(archive, read or file.read, _nothing)
    stream = io.BufferedReader(unpacked, _CHUNK)
    if _is_tar_header(stream.peek(_BLOCK)[:_BLOCK]):
        return _tar_member(archive, stream, unpacked)
    if read is None:
        archive.refuse(
            "a zip, a tar, or a file packed by gzip, bzip2 or xz",
            f"a file that starts with {magic!r}" if magic else "an empty file",
            "check that the URL in the source's declaration still serves an archive",
        )
    return _Capped(archive, stream.read, _nothing)


def _tar_member(archive: _Archive, stream: BinaryIO, unpacked: _Capped) -> _Capped:
    seen: list[str] = []
    # Forward only: the archive is unpacked once, and never held.
    with archive.guard(), unpacked.headers():
        tar = tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK)  # noqa: SIM115
    wanted = _wanted_of_tar(archive, tar, stream, unpacked, seen)
    info = next(wanted, None)
    if info is None:
        archive.none_wanted(seen)
    with archive.guard():
        member = tar.extractfile(info)
    if member is None:
        archive.unsafe(f"not a plain file: {info.name[:100]!r}")

    def at_end() -> None:
        if (second := next(wanted, None)) is not None:
            archive.several_wanted(info.name, second.name)

    return _Capped(archive, member.read, at_end)


def _wanted_of_tar(
    archive: _Archive, tar: tarfile.TarFile, stream: BinaryIO, unpacked: _Capped, seen: list[str]
) -> Generator[tarfile.TarInfo, None, None]:
    """The wanted members, each to be read before the next is asked for; all the others are checked and passed over."""
    while True:
        with archive.guard(), unpacked.headers():
            info = tar.next()
        if info is None:
            with archive.guard():
                while stream.read(_CHUNK):  # the checksum of a packed tar comes after its last member
                    pass
            return
        tar.members.clear()  # type: ignore[attr-defined]  # else tarfile remembers all of an endless archive
        wanted = archive.wants(info.name)
        if len(seen) < 5:
            seen.append(info.name)
        if info.isdir():
            continue
        if not info.isreg() or info.issparse():
            archive.unsafe(f"a link, a device or a sparse file: {info.name[:100]!r}")
        if wanted:
            yield info
            continue
        with archive.guard():
            skipped = tar.extractfile(info)
            while skipped is not None and skipped.read(_CHUNK):
                pass


def _unpacker(file: BinaryIO, magic: bytes) -> Callable[[int], bytes] | None:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file).read
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file).read
    if magic == b"\xfd7zXZ\x00":
        return _Xz(file).read
    return None


class _Xz:
    """xz with a ceiling on the memory a file may ask for, which `lzma.LZMAFile` does not offer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = self._fresh()

    @staticmethod
    def _fresh() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end of the last of the streams the file is made of."""
        while True:
            packed = b""
            if self._decoder.eof:
                packed = self._decoder.unused_data.lstrip(b"\0")  # zeros pad between streams
                while not packed:
                    if not (more := self._file.read(_CHUNK)):
                        return b""
                    packed = more.lstrip(b"\0")
                self._decoder = self._fresh()
            elif self._decoder.needs_input and not (packed := self._file.read(_CHUNK)):
                raise EOFError
            if data := self._decoder.decompress(packed, size):
                return data


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _nothing() -> None:
    """Nothing more is known at the end."""
