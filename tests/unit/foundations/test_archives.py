import bz2
import gzip
import io
import lzma
import os
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.foundations import archives
from pipeline.foundations.archives import open_single
from pipeline.foundations.errors import SourceUnreadable

DATA = b'{"service": []}' * 1000
PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def entry(name: str, **fields) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tarred(*members: tuple[tarfile.TarInfo | str, bytes], form=tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for member, content in members:
            info = entry(member) if isinstance(member, str) else member
            info.size = info.size or len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zipped(*members: tuple[zipfile.ZipInfo | str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return buffer.getvalue()


@pytest.fixture
def put(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "archive"
        path.write_bytes(content)
        return path

    return write


def read(path: Path, *, suffix: str = ".json", max_unpacked: int = 10_000_000) -> bytes:
    with open_single(path, suffix=suffix, max_unpacked=max_unpacked) as file:
        return file.read()


def refused(path: Path, **options) -> SourceUnreadable:
    with pytest.raises(SourceUnreadable) as caught:
        read(path, **options)
    error = caught.value
    assert all((error.subject, error.expected, error.found, error.remedy))
    return error


# What is read


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_one_member_of_a_tar(put, packing, form):
    members = ("notes.txt", b"n" * 3000), (f"{'é' * 120}/local.json", DATA), ("communes.zip", b"PK")
    if form == tarfile.USTAR_FORMAT:
        members = ("notes.txt", b"n" * 3000), ("local.json", DATA), ("communes.zip", b"PK")
    assert read(put(PACKERS[packing](tarred(*members, form=form)))) == DATA


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz"])
def test_a_single_packed_file(put, packing):
    assert read(put(PACKERS[packing](DATA))) == DATA
    assert read(put(PACKERS[packing](DATA[:7]) + PACKERS[packing](DATA[7:]))) == DATA


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_one_member_of_a_zip(put, method):
    assert read(put(zipped(("lisez-moi.txt", b"x"), ("d/", b""), ("d/local.json", DATA), method=method))) == DATA


def test_what_macos_adds_is_passed_over(put):
    assert read(put(zipped(("a.json", DATA), ("__MACOSX/a.json", b"x"), ("._a.json", b"x")))) == DATA
    assert read(put(tarred(("._a.json", b"x"), ("a.json", DATA)))) == DATA


def test_the_stream_reads_by_lines_and_survives_being_closed(put):
    path = put(bz2.compress(tarred(("a.csv", b"id\n1\n2\n"), ("b.txt", b"x" * 5000))))
    with open_single(path, suffix=".csv", max_unpacked=100_000) as file:
        assert file.readline() == b"id\n"
        assert io.TextIOWrapper(file).read() == "1\n2\n"


def test_the_readers_own_errors_pass_through(put):
    with (
        pytest.raises(OSError, match="mine"),
        open_single(put(zipped(("a.json", DATA))), suffix=".json", max_unpacked=10**6),
    ):
        raise OSError("mine")


def test_nothing_is_written(put, tmp_path):
    read(put(gzip.compress(tarred(("a.json", DATA)))))
    assert [p.name for p in tmp_path.iterdir()] == ["archive"]


# What is refused


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_no_member_of_that_suffix(put, pack):
    error = refused(put(pack(("a.xml", b"x"), ("b.xml", b"x"))))
    assert error.found == "'a.xml', 'b.xml'"


def test_an_empty_zip(put):
    assert refused(put(zipped())).found == "an empty archive"


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_two_members_of_that_suffix(put, pack):
    error = refused(put(pack(("a.json", DATA), ("x.txt", b"x"), ("b.json", b"x"))))
    assert error.found == "at least two: 'a.json' and 'b.json'"


def test_a_second_member_is_seen_even_when_the_first_is_not_read(put):
    path = put(tarred(("a.json", DATA), ("b.json", b"x")))
    with pytest.raises(SourceUnreadable, match="at least two"), open_single(path, suffix=".json", max_unpacked=10**6):
        pass


@pytest.mark.parametrize("pack", [tarred, zipped])
@pytest.mark.parametrize(
    "name", ["../a.json", "d/../../a.json", "/etc/a.json", "C:\\a.json", "..\\a.json", "d/..", "C:a"]
)
def test_a_name_that_climbs(put, pack, name):
    assert "member name" in refused(put(pack((name, DATA)))).found
    assert "member name" in refused(put(pack(("ok.json", DATA), (name, b"x")))).found


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"]
)
def test_links_and_devices_in_a_tar(put, kind):
    link = entry("a.json", type=kind, linkname="/etc/passwd")
    assert "a link, a device" in refused(put(tarred((link, b"")))).found
    assert "a link, a device" in refused(put(tarred(("b.json", DATA), (link, b"")))).found


def test_links_in_a_zip(put):
    link = zipfile.ZipInfo("a.json")
    link.external_attr = 0o120777 << 16
    assert "a link or a device" in refused(put(zipped((link, b"/etc/passwd")))).found


def test_a_sparse_file_has_no_size_of_its_own(put):
    assert "sparse" in refused(put(tarred((entry("a.json", type=tarfile.GNUTYPE_SPARSE), DATA)))).found


def test_an_encrypted_zip(put):
    content = bytearray(zipped(("a.json", DATA)))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert refused(put(bytes(content))).found == "an encrypted one"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_in_an_unbounded_way(put, method):
    assert f"method {method}" in refused(put(zipped(("a.json", DATA), method=method))).found


@pytest.mark.parametrize("content", [b"", b"id,nom\n" * 200, b"<html>", b"BZ", b"\0" * 2000])
def test_not_an_archive(put, content):
    assert "a zip, a tar" in refused(put(content)).expected


def test_a_missing_file(tmp_path):
    assert refused(tmp_path / "absent").found == "no such file"


# Cuts and damages


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_tar(put, packing, share):
    noise = os.urandom(100_000)
    content = PACKERS[packing](tarred(("a.json", noise), ("b.txt", b"x")))
    assert refused(put(content[: int(len(content) * share)])).found == "a file cut short"


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("missing", [1, 4])
def test_a_cut_after_the_last_member_shows_too(put, packing, missing):
    for padding in (0, 4 << 20):
        content = PACKERS[packing](tarred(("a.json", DATA)) + bytes(padding))
        assert refused(put(content[:-missing])).found == "a file cut short"


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz"])
def test_a_cut_packed_file(put, packing):
    content = PACKERS[packing](os.urandom(100_000))
    assert refused(put(content[:60_000])).found == "a file cut short"


def test_a_cut_zip(put):
    content = zipped(("a.json", os.urandom(100_000)))
    assert "damaged" in refused(put(content[:60_000])).found


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz"])
def test_a_wrong_byte_shows_in_the_checksum(put, packing):
    content = bytearray(PACKERS[packing](tarred(("a.json", os.urandom(50_000)))))
    content[len(content) // 2] ^= 0xFF
    assert refused(put(bytes(content))).expected == "a complete archive"


def test_a_wrong_byte_in_a_zip(put):
    content = bytearray(zipped(("a.json", DATA), method=zipfile.ZIP_STORED))
    content[len(content) // 2] ^= 0xFF
    assert "CRC" in refused(put(bytes(content))).found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.sampled_from(["tar", "gz", "bz2", "xz", "zip"]),
    place=st.integers(0, 10**6),
    bite=st.binary(min_size=1, max_size=8),
    cut=st.integers(0, 50),
)
def test_hostile_bytes_give_the_data_or_a_plain_refusal(put, which, place, bite, cut):
    tar = tarred(("n.txt", b"n"), ("a.json", DATA[:600]))
    whole = {
        "tar": tar,
        "zip": zipped(("n.txt", b"n"), ("a.json", DATA[:600])),
        **{k: PACKERS[f".{k}"](tar) for k in ("gz", "bz2", "xz")},
    }[which]
    at = place % len(whole)
    content = (whole[:at] + bite + whole[at + len(bite) :])[: len(whole) - cut]
    try:
        found = read(put(content))
    except SourceUnreadable:
        return
    assert len(found) <= 10_000_000


# Bombs


def zeros(packing: str, size: int) -> bytes:
    """`size` zeros packed, without holding them."""
    makers = {
        ".gz": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
        ".bz2": bz2.BZ2Compressor,
        ".xz": lzma.LZMACompressor,
    }
    packer = makers[packing]()
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz"])
def test_a_bomb_is_stopped_in_bounded_memory(put, packing):
    path = put(zeros(packing, 48 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(SourceUnreadable, match="at most 33554432 bytes once unpacked"):
            measure(path, 32 << 20)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def measure(path: Path, max_unpacked: int) -> int:
    with open_single(path, suffix=".json", max_unpacked=max_unpacked) as file:
        return sum(map(len, iter(lambda: file.read(1 << 16), b"")))


def test_a_bomb_beside_the_wanted_member_of_a_tar(put):
    bomb = tarred(("a.json", DATA), ("b.txt", bytes(2_000_000)))
    assert "stopped at" in refused(put(gzip.compress(bomb)), max_unpacked=1_000_000).found


def test_the_size_a_zip_declares_counts_for_all_its_members(put):
    error = refused(put(zipped(("a.json", DATA), ("b.txt", bytes(2_000_000)))), max_unpacked=1_000_000)
    assert error.found == f"{2_000_000 + len(DATA)} bytes declared"


def test_a_zip_that_lies_on_its_size(put):
    content = bytearray(zipped(("a.json", bytes(2_000_000))))
    for record, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(record) + at
        content[start : start + 4] = (1000).to_bytes(4, "little")
    assert "CRC" in refused(put(bytes(content)), max_unpacked=1_000_000).found


def test_exactly_the_cap_passes(put):
    assert read(put(gzip.compress(DATA)), max_unpacked=len(DATA)) == DATA
    assert "stopped" in refused(put(gzip.compress(DATA)), max_unpacked=len(DATA) - 1).found


def test_an_xz_that_asks_for_too_much_memory(put, monkeypatch):
    monkeypatch.setattr(archives, "_MAX_XZ_MEMORY", 1 << 20)
    assert "damaged" in refused(put(lzma.compress(DATA, preset=6))).found


def test_tar_headers_as_large_as_an_archive(put):
    header = entry("a.json", pax_headers={"comment": "x" * 8_000_000})
    error = refused(put(gzip.compress(tarred((header, DATA)))), max_unpacked=100_000_000)
    assert "bytes of headers" in error.found


def test_an_endless_list_of_members_is_not_remembered(put):
    path = put(gzip.compress(tarred(*[(f"{i}.txt", b"") for i in range(8_000)], ("a.json", DATA))))
    tracemalloc.start()
    try:
        assert read(path, max_unpacked=50_000_000) == DATA
        assert tracemalloc.get_traced_memory()[1] < 6_500_000  # 7.9 M when they are
    finally:
        tracemalloc.stop()


@pytest.mark.lent
@pytest.mark.reel
def test_the_real_directory_of_dila(real_data):
    path = real_data / "mirror/lecomarquage.service-public.gouv.fr/donnees_locales_v4/all_latest.tar.bz2"
    with open_single(path, suffix="-data.gouv_local.json", max_unpacked=200_000_000) as file:
        assert sum(map(len, iter(lambda: file.read(1 << 20), b""))) == 162_528_464
