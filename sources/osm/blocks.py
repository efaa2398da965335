"""The frame of a PBF file: is it whole, and how large does it say it is once unpacked?

Checked before any byte goes to the native library, which decompresses a block at a time and holds each to the size
its frame declares. What the blocks hold belongs to `sources.osm.segments`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from pipeline.foundations.errors import SourceUnreadable

_MAX_HEADER, _MAX_BLOB = 64 << 10, 32 << 20  # bytes; limits of the format itself
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf wire types
# Fields of `BlobHeader` and `Blob` in the format's fileformat.proto.
_TYPE, _DATASIZE = 1, 3
_RAW, _RAW_SIZE = 1, 2


class _Broken(Exception):
    """The bytes do not follow the format; the message says how."""


def unpacked_size(path: Path, *, max_unpacked: int) -> int:
    """Read the frame of every block; returns the bytes they unpack to.

    Raises:
        SourceUnreadable: empty, not PBF, cut in the middle of a block, or more than `max_unpacked` bytes unpacked.
    """
    total = 0
    try:
        with path.open("rb") as file:
            for rank, (kind, size) in enumerate(_blocks(file)):
                if rank == 0 and kind != b"OSMHeader":
                    raise _Broken(f"a first block of type {kind[:20]!r}")
                total += size
                if total > max_unpacked:
                    _refuse(
                        path,
                        f"at most {max_unpacked} bytes once unpacked",
                        f"more, at block {rank + 1}",
                        "if the extract really has grown, raise max_unpacked_mb in the source's declaration",
                    )
    except (_Broken, OSError) as error:
        _refuse(path, "a whole .osm.pbf file", str(error), "download the extract again")
    if total == 0:
        _refuse(path, "a whole .osm.pbf file", "an empty file", "download the extract again")
    return total


def _refuse(path: Path, expected: str, found: str, remedy: str) -> NoReturn:
    raise SourceUnreadable(str(path), expected=expected, found=found, remedy=remedy)


def _blocks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Type and unpacked size of each block."""
    while prefix := file.read(4):
        if len(prefix) < 4:
            raise _Broken(f"the size of a block cut after {len(prefix)}")
        header = _exactly(file, int.from_bytes(prefix, "big"), _MAX_HEADER, "block header")
        fields = dict(_fields(header))
        kind, size = fields.get(_TYPE), fields.get(_DATASIZE)
        if not isinstance(kind, bytes) or not isinstance(size, int):
            raise _Broken("a block header without type or size")
        blob = dict(_fields(_exactly(file, size, _MAX_BLOB, "block")))
        raw, raw_size = blob.get(_RAW), blob.get(_RAW_SIZE)
        unpacked = len(raw) if isinstance(raw, bytes) else raw_size
        if not isinstance(unpacked, int):
            raise _Broken("a block that does not say its unpacked size")
        yield kind, unpacked


def _exactly(file: BinaryIO, size: int, limit: int, what: str) -> bytes:
    if not 0 < size <= limit:
        raise _Broken(f"a {what} of {size} bytes (the format allows {limit}): not PBF, or damaged")
    data = file.read(size)
    if len(data) < size:
        raise _Broken(f"a {what} of {size} bytes cut after {len(data)}")
    return data


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protobuf message."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise _Broken("a field of unknown wire type")
        if at + size > len(data):
            raise _Broken("a field longer than its message")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Broken("a number cut or too long")
