"""Road files brought by hand: which source and resource one is, a folder made one file, kept once its reader accepts.

Reading them belongs to the road sources; making a graph of them to `assets.access.network`.
"""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.raw.ingest import read_files
from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.urls import mirror_file
from pipeline.foundations.workspace import Workspace
from sources.bdtopo.files import EPSG_MEMBER, PARTS, SYSTEMS, is_wanted
from sources.reading import ReadResult
from sources.registry import get_source

BDTOPO, OSM = "bdtopo", "osm"
SOURCES = (BDTOPO, OSM)
FRANCE, LOCAL = "france", "local"
_PBF = ".osm.pbf"
_ARCHIVES = (".zip", ".7z")
_IGN_DEPARTEMENT = re.compile(r"(?:^|[_-])D0?(97\d|2[AB]|\d{2})(?=[_.-]|$)", re.I)
_IGN_FRANCE = re.compile(r"(?:^|[_-])(?:FXX|FRA)(?=[_.-]|$)", re.I)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a ZIP can hold: no clock in the bytes
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Target:
    """Where a road file goes: a source of `SOURCES` and one of its resources."""

    source: str
    resource: str


def target_of(path: Path, *, departement: str | None = None, france: bool = False) -> Target:
    """The source and resource a road file is kept under: what is said, else what its name says, else `local`.

    Args:
        path: a file or a folder.
        departement: code of the département it covers.
        france: it covers the whole country.

    Raises:
        WrongUse: both are given, or the source has no such part.
    """
    if departement and france:
        raise WrongUse("--departement and --france", expected="one of them", found="both", remedy="leave one out")
    name = path.resolve().name
    if name.lower().endswith(_PBF):
        region = re.sub(r"\W+", "_", name.lower().removesuffix(_PBF).removesuffix("-latest"))
        if departement:
            raise WrongUse(
                f"--departement {departement}",
                expected="an OpenStreetMap file: --france, or a region told by its name",
                found=name,
                remedy="leave --departement out",
            )
        known = {r.id for r in get_source(OSM).resources}
        return Target(OSM, FRANCE if france else region if region in known else LOCAL)
    if france:
        return Target(BDTOPO, FRANCE)
    if departement:
        wanted = f"d{departement.lower()}"
        if wanted not in {r.id for r in get_source(BDTOPO).resources}:
            raise WrongUse(
                f"--departement {departement}",
                expected="the code of a département: 05, 2A, 971…",
                found="none of them",
                remedy="correct it, or leave it out: the file is then kept as `local`",
            )
        return Target(BDTOPO, wanted)
    guessed = f"d{found[1].lower()}" if (found := _IGN_DEPARTEMENT.search(name)) else None
    if guessed in {r.id for r in get_source(BDTOPO).resources}:
        return Target(BDTOPO, str(guessed))
    return Target(BDTOPO, FRANCE if _IGN_FRANCE.search(name) else LOCAL)


def import_roads(workspace: Workspace, path: Path, target: Target, *, epsg: int | None = None) -> ReadResult:
    """Keep a road file as the current snapshot of its resource, once its reader has read it through.

    Only this file is read: the tables of the source follow at the next build. A refused file stays among the snapshots,
    to be looked at, and never replaces the good one.

    Args:
        path: a road file, or a folder that holds the shapefiles or the GeoPackage of one delivery.
        epsg: the projected system of shapefiles that do not say it.

    Returns:
        What the reader understood.

    Raises:
        SourceUnreadable: the reader refuses it, or it is larger than its resource may be.
        WrongUse: nothing to import there, or an `epsg` that is not one of ours or cannot be added.
    """
    spec = get_source(target.source)
    resource = spec.resource(target.resource)
    workspace.root.path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace.root.path, prefix=".import-") as folder:
        file = _one_file(path, Path(folder), epsg)
        suffix = _PBF if target.source == OSM else file.suffix.lower()
        named = resource.model_copy(update={"filename": f"{resource.id}{suffix}"})
        mirror = Path(folder) / "miroir"
        laid = mirror_file(mirror, resource.url)
        laid.parent.mkdir(parents=True)
        try:
            laid.hardlink_to(file.resolve())  # tens of gigabytes: not copied twice where the disk is the same
        except OSError:
            shutil.copy2(file, laid)
        candidate = workspace.snapshots.fetch(spec.id, named, mirror=mirror)
    try:
        alone = spec.model_copy(update={"resources": (resource,)})
        result = read_files(alone, {resource.id: candidate.path})
    except SourceUnreadable as fault:
        workspace.snapshots.refuse(candidate, str(fault))
        raise
    workspace.snapshots.accept(candidate)
    return result


def _one_file(path: Path, folder: Path, epsg: int | None) -> Path:
    """The file to keep: the one given, or a ZIP of the shapefiles it stands for, with their system when it is told."""
    if epsg is not None and epsg not in SYSTEMS:
        raise WrongUse(
            f"--epsg {epsg}",
            expected=f"one of {', '.join(map(str, SYSTEMS))}",
            found="another system",
            remedy="reproject the file into the system of its territory",
        )
    if path.is_file() and path.suffix.lower() != ".shp":
        if epsg is None:
            return path
        raise WrongUse(
            f"--epsg {epsg}",
            expected="shapefiles, or the folder that holds them",
            found=path.name,
            remedy="unpack the archive and import its folder" if path.suffix.lower() in _ARCHIVES else "leave it out",
        )
    inside = path.parent.iterdir() if path.is_file() else path.rglob("*")
    wanted = sorted(f for f in inside if f.is_file() and is_wanted(f"/{f.name}") and f.name.lower() != EPSG_MEMBER)
    if path.is_file():
        wanted = [f for f in wanted if f.stem.lower() == path.stem.lower() and f.suffix.lower() in PARTS]
    packages = [f for f in wanted if f.suffix.lower() == ".gpkg"]
    if not wanted or (packages and len(wanted) > 1):
        raise WrongUse(
            str(path),
            expected="the shapefiles TRONCON_DE_ROUTE (or ROUTE_PRIMAIRE, ROUTE_SECONDAIRE, CHEMIN), or one GeoPackage",
            found=", ".join(f.name for f in wanted) or "none of them",
            remedy="give the folder of one delivery of BD TOPO",
        )
    if packages:
        return _one_file(packages[0], folder, epsg)
    bundle = folder / "troncons.zip"
    _bundle(wanted, epsg, bundle)
    return bundle


def _bundle(files: Sequence[Path], epsg: int | None, to: Path) -> None:
    """The files as one ZIP, stored as they are; the same files give the same bytes, whatever their dates and order."""
    members = {f.name.lower(): f for f in files}
    if len(members) < len(files):
        raise WrongUse(
            ", ".join(sorted(f.name for f in files)),
            expected="each layer once",
            found="some of them several times, in several folders",
            remedy="give the folder of one delivery",
        )
    with zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            with members[name].open("rb") as file, archive.open(_member(name), "w", force_zip64=True) as copy:
                shutil.copyfileobj(file, copy, _CHUNK)
        if epsg is not None:
            archive.writestr(_member(EPSG_MEMBER), f"{epsg}\n")


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.create_system = 3
    return member
