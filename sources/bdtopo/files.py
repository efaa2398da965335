"""Which layers of a BD TOPO file hold road segments: a GeoPackage, or shapefiles, bare or packed in a zip or a 7z.

The bytes of a file, not its name, say what it is. Only the members needed leave an archive, for a temporary folder.
What the layers say belongs to `segments` and `words`.
"""

import contextlib
import re
import shutil
import sqlite3
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import py7zr
import pyogrio
from pyproj import CRS
from pyproj.exceptions import CRSError

from pipeline.foundations.crs import epsg_of_departement
from pipeline.foundations.errors import SourceUnreadable

LAYER = "troncon_de_route"
#: Layers of shapefiles -> key of `columns` in the declaration.
SHAPEFILES = {
    LAYER: "v3_shp",
    "route": "v2",
    "route_primaire": "v2",
    "route_secondaire": "v2",
    "chemin": "v2_chemin",
}
#: A member that says in which system the shapefiles are written, when they do not: `csp roads import --epsg` adds it.
EPSG_MEMBER = "epsg.txt"
#: Parts of a shapefile that are read.
PARTS = (".shp", ".dbf", ".shx", ".prj", ".cpg")
_WANTED = re.compile(
    rf"(?:^|/)(?:[^/]+\.gpkg|(?:{'|'.join(SHAPEFILES)})(?:{'|'.join(map(re.escape, PARTS))})|{EPSG_MEMBER})$", re.I
)
_MACOS = re.compile(r"(?:^|/)(?:__MACOSX/|\._)")
_CLIMBS = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
_ZIP_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_SQLITE, _ZIP, _SEVEN = b"SQLite format 3\0", b"PK", b"7z\xbc\xaf\x27\x1c"
_CHUNK = 1 << 20
_TERRITORIES = ("01", "971", "973", "974", "975", "976", "986", "987", "988")
#: Projected systems that roads may be written in.
SYSTEMS = tuple(sorted({code for t in _TERRITORIES if (code := epsg_of_departement(t)) is not None}))
_SAME = {9793: 2154, 9794: 2154}  # later realisations of RGF93, centimetres away
_FETCH = "fetch the file again; if it lasts, tell the producer"


@dataclass(frozen=True)
class Layer:
    """A layer of road segments.

    Attributes:
        subject: how errors name it.
        generation: key of `columns` in the declaration.
        columns: of the file, in its order, in the case of the declaration.
        names: the same, as the file writes them.
        features: how many the file says it holds.
        encoding: of its texts, when the file does not say it.
        epsg: one of `SYSTEMS`.
    """

    subject: str
    path: Path
    name: str
    generation: str
    columns: tuple[str, ...]
    names: tuple[str, ...]
    features: int
    encoding: str | None
    epsg: int


@contextlib.contextmanager
def open_layers(path: Path, subject: str, *, max_unpacked: int) -> Iterator[list[Layer]]:
    """The layers of road segments of a file, readable within the block.

    Args:
        subject: how errors name the file.
        max_unpacked: bytes; an archive that declares more is refused.

    Raises:
        SourceUnreadable: neither a GeoPackage nor an archive; damaged, cut, too large, dangerous names; no layer of
            road segments, or an empty one; no known projected system.
    """
    with path.open("rb") as file:
        magic = file.read(16)
    if magic == _SQLITE:
        yield _layers([path], subject)
    elif magic.startswith((_ZIP, _SEVEN)):
        with tempfile.TemporaryDirectory(prefix="bdtopo-") as folder:
            with damaged_otherwise(subject):
                unpack = _unzip if magic.startswith(_ZIP) else _unpack_7z
                members = unpack(path, Path(folder), _Archive(subject, max_unpacked))
            yield _layers(members, subject)
    else:
        html = magic.lstrip().lower().startswith((b"<!doc", b"<html"))
        found = "a web page (HTML)" if html else f"a file that starts with {magic[:8]!r}" if magic else "an empty file"
        refuse(subject, "a GeoPackage, a zip or a 7z", found, "download the file again, and look at it")


def is_wanted(name: str) -> bool:
    """Whether a file of that name (folders apart by `/`) may hold road segments, or a part of them."""
    return _WANTED.search(name) is not None and not _MACOS.search(name)


def refuse(subject: str, expected: str, found: str, remedy: str) -> NoReturn:
    """Raise `SourceUnreadable`."""
    raise SourceUnreadable(subject, expected=expected, found=found, remedy=remedy)


@contextlib.contextmanager
def damaged_otherwise(subject: str) -> Iterator[None]:
    """Tell as a damaged file whatever the libraries raise: on hostile bytes it can be almost anything."""
    try:
        yield
    except SourceUnreadable:
        raise
    except Exception as error:
        said = str(error).splitlines()[0][:200] if str(error) else "no detail"
        raise SourceUnreadable(
            subject, expected="a whole file", found=f"damaged bytes ({type(error).__name__}: {said})", remedy=_FETCH
        ) from error


# --- archives ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Archive:
    """What an archive may hold."""

    subject: str
    max_unpacked: int

    def choose(self, members: Sequence[tuple[str, int, bool]]) -> list[str]:
        """The members to take, of all those of an archive: (name, size, whether it is a plain file or a folder)."""
        for name, _, plain in members:
            if _CLIMBS.search(name) or not plain:
                found = f"{'the member name' if plain else 'a link or a device:'} {name[:100]!r}"
                refuse(self.subject, "plain files under relative names", found, "do not unpack it; tell the producer")
        if (total := sum(size for _, size, _ in members)) > self.max_unpacked:
            refuse(
                self.subject,
                f"at most {self.max_unpacked} bytes once unpacked",
                f"{total} bytes declared",
                "if the content really has grown, raise max_unpacked_mb in the source's declaration",
            )
        wanted = [name for name, _, _ in members if is_wanted(name.replace("\\", "/"))]
        bare = [_bare(name) for name in wanted]
        if twice := sorted({name for name in bare if bare.count(name) > 1}):
            refuse(
                self.subject, "each layer once", f"{', '.join(twice)} several times", "keep one delivery per archive"
            )
        return wanted


def _bare(name: str) -> str:
    return re.split(r"[/\\]", name)[-1].lower()


def _unzip(path: Path, folder: Path, archive: _Archive) -> list[Path]:
    with zipfile.ZipFile(path) as zipped:
        infos = {info.filename: info for info in zipped.infolist() if not info.is_dir()}
        kinds = {0, stat.S_IFREG}
        chosen = archive.choose(
            [(n, i.file_size, stat.S_IFMT(i.external_attr >> 16) in kinds) for n, i in infos.items()]
        )
        for name in chosen:
            info = infos[name]
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _ZIP_METHODS:
                found = "an encrypted one" if info.flag_bits & _ENCRYPTED else f"compression {info.compress_type}"
                refuse(archive.subject, "members stored or deflated", found, "ask for an ordinary zip")
            # `zipfile` gives no more than the size declared, and checks the sum.
            with zipped.open(info) as member, (folder / _bare(name)).open("wb") as file:
                shutil.copyfileobj(member, file, _CHUNK)
    return sorted(folder.iterdir())


def _unpack_7z(path: Path, folder: Path, archive: _Archive) -> list[Path]:
    with py7zr.SevenZipFile(path) as packed:
        if packed.needs_password():
            refuse(archive.subject, "an archive without a password", "an encrypted one", "ask for an ordinary 7z")
        infos = [i for i in packed.list() if not i.is_directory]
        chosen = archive.choose([(i.filename, i.uncompressed, i.is_file and not i.is_symlink) for i in infos])
        packed.extract(folder / "7z", targets=chosen)
    members = []
    for name in chosen:
        members.append(folder / _bare(name))
        (folder / "7z" / name).rename(members[-1])
    return sorted(members)


# --- layers ------------------------------------------------------------------------------------------------------


def _layers(members: Sequence[Path], subject: str) -> list[Layer]:
    with damaged_otherwise(subject):
        shapes = [m for m in members if m.suffix == ".shp"]
        packages = [m for m in members if m.suffix not in PARTS and m.name != EPSG_MEMBER]
        declared = next((_declared_epsg(m, subject) for m in members if m.name == EPSG_MEMBER), None)
        if len(packages) + bool(shapes) != 1:
            found = ", ".join(m.name for m in (*packages, *shapes)) or "none of them"
            expected = f"one GeoPackage, or the shapefiles {', '.join(SHAPEFILES)}"
            refuse(subject, expected, found, "give the delivery of IGN as it came, for one territory")
        if packages:
            return [_layer(packages[0], _layer_of_geopackage(packages[0], subject), "v3", declared, subject)]
        return [_layer(_whole(m, subject), None, SHAPEFILES[m.stem], declared, subject) for m in shapes]


def _layer_of_geopackage(path: Path, subject: str) -> str:
    """Name of the layer, in its own case; it must be a table, and the file whole."""
    with path.open("rb") as file:
        header = file.read(100)
    page = int.from_bytes(header[16:18], "big")
    promised = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    if (size := path.stat().st_size) < promised:
        refuse(subject, f"a whole GeoPackage of {promised} bytes", f"one cut short at {size} bytes", _FETCH)
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)) as database:
        tables = [
            str(name)
            for (name,) in database.execute(
                # A view would run whatever its author wrote.
                "SELECT m.name FROM sqlite_master m JOIN gpkg_contents c ON c.table_name = m.name "
                "WHERE m.type = 'table' ORDER BY m.name"
            )
        ]
    found = next((name for name in tables if name.lower() == LAYER), None)
    if found is None:
        shown = ", ".join(tables[:20]) or "no layer"
        refuse(subject, f"a layer {LAYER}", shown, "take the theme TRANSPORT of BD TOPO, or all of its themes")
    return found


def _whole(path: Path, subject: str) -> Path:
    lacking = [part for part in (".dbf", ".shx") if not path.with_suffix(part).is_file()]
    if lacking:
        refuse(subject, f"{path.stem} with its .dbf and .shx", f"no {', '.join(lacking)}", "add the missing files")
    return path


def _layer(path: Path, name: str | None, generation: str, declared: int | None, subject: str) -> Layer:
    info = pyogrio.read_info(path, layer=name, encoding=_encoding(path), force_feature_count=True)
    subject = f"{subject}, layer {info['layer_name']}"
    if info["geometry_type"] is None or info["features"] == 0:
        refuse(subject, "road segments", "no feature" if info["geometry_type"] else "no geometry", _FETCH)
    names = tuple(map(str, info["fields"]))
    return Layer(
        subject,
        path,
        info["layer_name"],
        generation,
        tuple(n.lower() if generation == "v3" else n.upper() for n in names),
        names,
        info["features"],
        _encoding(path),
        _system(info["crs"], declared, subject),
    )


def _encoding(path: Path) -> str | None:
    """A shapefile that does not say its encoding is one of version 2, in Latin-1."""
    return "ISO-8859-1" if path.suffix == ".shp" and not path.with_suffix(".cpg").is_file() else None


def _declared_epsg(member: Path, subject: str) -> int:
    text = member.read_bytes()[:20].decode("ascii", "replace").strip()
    if text not in map(str, SYSTEMS):
        refuse(
            f"{subject}, {EPSG_MEMBER}", f"one of {', '.join(map(str, SYSTEMS))}", text, "correct --epsg, import again"
        )
    return int(text)


def _system(crs: str | None, declared: int | None, subject: str) -> int:
    """The projected system of a layer: what it says, else what whoever imported it said."""
    known = ", ".join(map(str, SYSTEMS))
    if crs is None:
        if declared is None:
            refuse(subject, "a known coordinate system", "an empty or absent .prj", f"import it with --epsg ({known})")
        return declared
    try:
        system = CRS.from_user_input(crs)
    except CRSError:
        refuse(subject, "a known coordinate system", crs, f"reproject it into one of {known}")
    plane = system.sub_crs_list[0] if system.is_compound else system
    if plane.is_geographic:
        refuse(subject, "metres in a projected system", f"degrees ({plane.name})", f"reproject it into one of {known}")
    code = plane.to_epsg(min_confidence=25)
    code = _SAME.get(code, code) if code else None
    if code not in SYSTEMS:
        refuse(subject, f"one of the systems {known}", plane.name, "reproject it into that of its territory")
    if declared not in (None, code):
        refuse(subject, f"the system given, EPSG:{declared}", f"EPSG:{code} in the file", "import it without --epsg")
    return int(code)
