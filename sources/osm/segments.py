"""An OSM extract (`.osm.pbf`) -> road segments in the vocabulary of `sources.roads`, cut where roads meet.

What tags mean belongs to `sources.osm.tags`; what is said of a whole file, to `sources.osm.read`.
"""

import shutil
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import osmium
import polars as pl
from pyproj import CRS

from pipeline.foundations.crs import epsg_of_departement, project
from pipeline.foundations.errors import SourceUnreadable
from sources.osm.blocks import unpacked_size
from sources.osm.tags import FERRY, KEYS, Fault, Way, interpret
from sources.roads import SEGMENT_SCHEMA, Floats, Ints, SegmentBatch

BATCH = 200_000  # segments
#: More references than that is no extract of France, which has about 80 million.
MAX_REFERENCES = 300_000_000
_NODES = np.dtype([("id", "<i8"), ("x", "<i4"), ("y", "<i4")])  # what osmium writes; 1e-7 degree
_NODES_READ = 4_000_000  # nodes of that file held at a time
_NOWHERE = np.int32(2**31 - 1)  # osmium's undefined coordinate
_PER_DEGREE = 1e7
_MARGIN = 1.0  # degree: Guyane and ferries go a little beyond the area of use of their system
#: One département of each projected system that an extract may be in.
_SYSTEMS = ("05", "971", "973", "974", "976")

_Bools = npt.NDArray[np.bool_]
_Coordinates = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Roads:
    """The kept ways of one file, cut into segments, not yet projected.

    Attributes:
        way_ids: (w,) OSM identifiers.
        said: (w,) row of `profiles` for each way: ways tagged alike share one.
        profiles: what tags say, in the columns of `SEGMENT_SCHEMA` that they decide.
        duration: (w,) seconds of a ferry's whole crossing, NaN when unknown; `crossing` its length in metres.
        node_ids: (k,) sorted OSM identifiers of the nodes; `x`, `y` their coordinates in 1e-7 degree.
        vertices: (v,) rank in `node_ids` of each vertex, way after way; `way_of` the rank of its way.
        starts, ends: (n,) first and last vertex of each segment, both included.
        epsg: the projected system of the file.
        faults: values not understood -> number of ways.
        excluded: values of `highway` not kept (`area` for surfaces and roads not in use) -> number of ways.
        counts: what else was set aside or repaired, by rule.
    """

    way_ids: Ints
    said: Ints
    profiles: pl.DataFrame
    duration: Floats
    crossing: Floats
    node_ids: Ints
    x: _Coordinates
    y: _Coordinates
    vertices: npt.NDArray[np.int32]
    way_of: npt.NDArray[np.int32]
    starts: Ints
    ends: Ints
    epsg: int
    faults: Mapping[Fault, int]
    excluded: Mapping[str, int]
    counts: Mapping[str, int]


def segments(path: Path, resource_id: str, *, max_unpacked: int) -> Iterator[SegmentBatch]:
    """Batches of about `BATCH` segments; see `load` for memory, disk and errors."""
    yield from batches(load(path, resource_id, max_unpacked=max_unpacked))


def load(path: Path, resource_id: str, *, max_unpacked: int) -> Roads:
    """Read the ways, then where their nodes are, and cut the ways where they meet.

    A way is cut at each node that it shares with another kept way or passes twice, and where a node has no position
    (outside the extract) or one outside French territories.

    Memory: about 40 bytes per reference to a node (a few hundred megabytes for a region, 3 to 4 GB for the whole of
    France), plus the distinct combinations of tags. Disk: 16 bytes per node of the file, in the temporary folder, for
    the time of the call.

    Raises:
        SourceUnreadable: not a whole PBF file, larger than `max_unpacked` bytes once unpacked, a file of history, no
            road, no road in France, roads in two territories, more than `MAX_REFERENCES` references, no room on disk.
    """
    unpacked = unpacked_size(path, max_unpacked=max_unpacked)
    subject = f"{resource_id} ({path.name})"
    # Absolute, with its format said: a name may neither be taken for an address nor choose the parser.
    file = osmium.io.File(str(path.resolve()), "pbf")
    try:
        way_ids, said, first, refs, combinations, excluded = _ways(file, subject)
        way_ids, said, way_of, refs, counts = _clean(way_ids, said, first, refs)
        node_ids, uses = np.unique(refs, return_counts=True)
        vertices = np.searchsorted(node_ids, refs).astype(np.int32)
        del refs
        x, y = _positions(file, node_ids, subject, unpacked)
    except (RuntimeError, ValueError, OverflowError, OSError) as error:
        _refuse(subject, "a whole .osm.pbf file", f"what osmium calls: {error}", "download the extract again")
    epsg, usable = _territory(x, y, subject)
    placed = usable[vertices]
    starts, ends = _cut(way_of, placed, (uses >= 2)[vertices])
    nowhere = x == _NOWHERE
    counts["noeud-sans-position"] = int(nowhere.sum())
    counts["noeud-hors-territoire"] = int((~nowhere & ~usable).sum())
    counts["voie-coupee"] = len(np.unique(way_of[~placed]))
    profiles = pl.DataFrame([way._asdict() for way in combinations], schema=_profile_schema(), orient="row")
    duration = profiles["duree_s"].cast(pl.Float64).fill_null(np.nan).to_numpy()[said]
    duration[np.unique(way_of[~placed])] = np.nan  # part of the crossing is unknown
    return Roads(
        way_ids=way_ids,
        said=said,
        profiles=profiles,
        duration=duration,
        crossing=_crossings(way_of, vertices, x, y, ~np.isnan(duration), epsg),
        node_ids=node_ids,
        x=x,
        y=y,
        vertices=vertices,
        way_of=way_of,
        starts=starts,
        ends=ends,
        epsg=epsg,
        faults=_faults(combinations, said),
        excluded=excluded,
        counts=counts,
    )


def batches(roads: Roads) -> Iterator[SegmentBatch]:
    """Project and describe the segments, `BATCH` at a time, in the order of the file.

    The id of a segment is that of its way and its rank in it (`4072316-0`).
    """
    way = roads.way_of[roads.starts]
    rank = np.arange(len(way)) - np.searchsorted(way, way)
    for at in range(0, len(way), BATCH):
        part = slice(at, at + BATCH)
        starts, ends, ways = roads.starts[part], roads.ends[part], way[part]
        offsets = np.concatenate([[0], np.cumsum(ends - starts + 1)]).astype(np.int64)
        nodes = roads.vertices[np.repeat(starts - offsets[:-1], np.diff(offsets)) + np.arange(offsets[-1])]
        xy = np.column_stack(project(*_degrees(roads.x[nodes], roads.y[nodes]), roads.epsg))
        # A ferry that calls at a port on its way: each leg has its share of the time.
        with np.errstate(invalid="ignore", divide="ignore"):
            seconds = roads.duration[ways] * lengths(xy, offsets) / roads.crossing[ways]
        identifiers = pl.DataFrame({"way": roads.way_ids[ways], "rank": rank[part]})
        frame = roads.profiles[roads.said[ways]].with_columns(
            identifiers.select(pl.format("{}-{}", "way", "rank")).to_series().alias("id"),
            pl.Series("duree_s", seconds, dtype=pl.Float32).fill_nan(None),
            pl.Series("noeud_debut", roads.node_ids[roads.vertices[starts]]),
            pl.Series("noeud_fin", roads.node_ids[roads.vertices[ends]]),
            en_service=True,
            fictif=False,
            importance=pl.lit(None, dtype=pl.Int8),
            commune_gauche=pl.lit(None, dtype=pl.String),
            commune_droite=pl.lit(None, dtype=pl.String),
        )
        yield SegmentBatch(frame.select(SEGMENT_SCHEMA.names()), xy, np.full(len(xy), np.nan), offsets, roads.epsg)


def lengths(xy: Floats, offsets: Ints) -> Floats:
    """Metres of each segment `xy[offsets[i]:offsets[i + 1]]`."""
    steps = np.hypot(*np.diff(xy, axis=0).T)
    steps[offsets[1:-1] - 1] = 0  # from the end of a segment to the start of the next
    return np.add.reduceat(steps, offsets[:-1])


def _refuse(subject: str, expected: str, found: str, remedy: str) -> NoReturn:
    raise SourceUnreadable(subject, expected=expected, found=found, remedy=remedy)


def _profile_schema() -> pl.Schema:
    return pl.Schema({name: SEGMENT_SCHEMA[name] for name in Way._fields if name in SEGMENT_SCHEMA})


def _ways(file: osmium.io.File, subject: str) -> tuple[Ints, Ints, Ints, Ints, list[Way], Counter[str]]:
    """Ids of the kept ways, their combination of tags, the offset of each in the references, what was not kept."""
    ids, said, first, refs = array("q"), array("q"), array("q", [0]), array("q")
    known: dict[tuple[tuple[str, str], ...], int] = {}  # combination of tags -> rank in `ways`, -1 when not kept
    ways: list[Way] = []
    excluded: Counter[str] = Counter()
    reader = osmium.FileProcessor(file, osmium.osm.WAY)
    if reader.header.has_multiple_object_versions:
        _refuse(subject, "the state of the map at one date", "a file of history", "download a plain extract")
    for way in reader.with_filter(osmium.filter.KeyFilter("highway", "route")):
        if not isinstance(way, osmium.osm.Way):
            continue
        tags = tuple((tag.k, tag.v) for tag in way.tags if tag.k in KEYS)
        rank = known.get(tags)
        if rank is None:
            meaning = interpret(dict(tags))
            rank = known[tags] = -1 if meaning is None else len(ways)
            if meaning is not None:
                ways.append(meaning)
        if rank < 0:
            _count_excluded(dict(tags), excluded)
            continue
        ids.append(way.id)
        said.append(rank)
        refs.extend([node.ref for node in way.nodes])
        first.append(len(refs))
        if len(refs) > MAX_REFERENCES:
            found = f"more than {MAX_REFERENCES} references to nodes"
            _refuse(subject, "an extract of France or of a part of it", found, "use the extract of a region")
    if not refs:
        _refuse(subject, "roads", "none", "check that the extract is a plain one, with its ways")
    as_ints = [np.frombuffer(part, dtype=np.int64) for part in (ids, said, first)]
    return as_ints[0], as_ints[1], as_ints[2], np.array(refs, dtype=np.int64), ways, excluded


def _count_excluded(tags: Mapping[str, str], excluded: Counter[str]) -> None:
    """A way of some other network (`route=power`, `route=railway`) is no road: nothing to say of it."""
    if tags.get("area") == "yes" or tags.get("highway") is None:
        if "highway" in tags or tags.get("route") == FERRY:
            excluded["area"] += 1
        return
    excluded[tags["highway"]] += 1


def _clean(
    way_ids: Ints, said: Ints, first: Ints, refs: Ints
) -> tuple[Ints, Ints, npt.NDArray[np.int32], Ints, dict[str, int]]:
    """Leave out ways already met and nodes repeated in a row; `way_of` gives the way of each reference left."""
    sizes = np.diff(first)
    new: _Bools = np.zeros(len(way_ids), dtype=bool)
    new[np.unique(way_ids, return_index=True)[1]] = True
    refs = refs[np.repeat(new, sizes)]
    way_of = np.repeat(np.arange(int(new.sum()), dtype=np.int32), sizes[new])
    repeated: _Bools = np.zeros(len(refs), dtype=bool)
    repeated[1:] = (refs[1:] == refs[:-1]) & (way_of[1:] == way_of[:-1])
    refs, way_of = refs[~repeated], way_of[~repeated]
    nodes = np.bincount(way_of, minlength=int(new.sum()))
    counts = {
        "voie-double": int((~new).sum()),
        "noeud-repete": int(repeated.sum()),
        "voie-sans-longueur": int((nodes < 2).sum()),
    }
    return way_ids[new], said[new], way_of, refs, counts


def _positions(file: osmium.io.File, node_ids: Ints, subject: str, unpacked: int) -> tuple[_Coordinates, _Coordinates]:
    """Coordinates of these nodes in 1e-7 degree, `_NOWHERE` when the file has none.

    Osmium writes the position of every node to a file, without a Python object per node; numpy picks in it.
    """
    x = np.full(len(node_ids), _NOWHERE)
    y = np.full(len(node_ids), _NOWHERE)
    with tempfile.TemporaryDirectory(prefix="osm-") as folder:
        free = shutil.disk_usage(folder).free
        if free < 2 * unpacked:  # a node takes some 8 bytes unpacked; a full disk would kill the process
            need = f"{2 * unpacked} bytes free for {folder}"
            _refuse(subject, need, f"{free}", "set TMPDIR to a folder with more room")
        path = Path(folder) / "nodes"
        table = osmium.index.create_map(f"sparse_file_array,{path}")
        handler = osmium.NodeLocationsForWays(table)
        with osmium.io.Reader(file, osmium.osm.NODE) as reader:
            osmium.apply(reader, handler)
        del handler, table
        stored = np.memmap(path, dtype=_NODES, mode="r")
        for at in range(0, len(stored), _NODES_READ):
            part = stored[at : at + _NODES_READ]
            rank = np.minimum(np.searchsorted(node_ids, part["id"]), len(node_ids) - 1)
            wanted = node_ids[rank] == part["id"]
            x[rank[wanted]], y[rank[wanted]] = part["x"][wanted], part["y"][wanted]
        del stored
    return x, y


def _territory(x: _Coordinates, y: _Coordinates, subject: str) -> tuple[int, _Bools]:
    """The one projected system whose area holds nodes of the file, and which nodes those are."""
    found: dict[int, _Bools] = {}
    lon, lat = _degrees(x, y)
    for epsg in filter(None, map(epsg_of_departement, _SYSTEMS)):
        area = CRS.from_epsg(epsg).area_of_use
        if area is None:
            continue
        west, south, east, north = np.array(area.bounds) + np.array([-1, -1, 1, 1]) * _MARGIN
        inside = (x != _NOWHERE) & (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        if inside.any():
            found[epsg] = inside
    if len(found) != 1:
        several = f"roads in EPSG:{' and EPSG:'.join(map(str, found))}" if found else "none of its roads there"
        _refuse(
            subject, "roads of one French territory", several, "use the extract of one region or overseas territory"
        )
    return next(iter(found.items()))


def _degrees(x: _Coordinates, y: _Coordinates) -> tuple[Floats, Floats]:
    return x.astype(np.float64) / _PER_DEGREE, y.astype(np.float64) / _PER_DEGREE


def _cut(way_of: npt.NDArray[np.int32], placed: _Bools, shared: _Bools) -> tuple[Ints, Ints]:
    """First and last vertex of each segment."""
    linked: _Bools = np.zeros(len(way_of) + 1, dtype=bool)  # vertex i - 1 to vertex i
    linked[1:-1] = (way_of[1:] == way_of[:-1]) & placed[1:] & placed[:-1]
    before, after = linked[:-1], linked[1:]
    return np.flatnonzero(after & (shared | ~before)), np.flatnonzero(before & (shared | ~after))


def _crossings(
    way_of: npt.NDArray[np.int32],
    vertices: npt.NDArray[np.int32],
    x: _Coordinates,
    y: _Coordinates,
    wanted: _Bools,
    epsg: int,
) -> Floats:
    """Metres of the wanted ways, NaN for the others."""
    kept = np.flatnonzero(wanted[way_of])
    ways, nodes = way_of[kept], vertices[kept]
    xy = np.column_stack(project(*_degrees(x[nodes], y[nodes]), epsg))
    steps = np.where(ways[1:] == ways[:-1], np.hypot(*np.diff(xy, axis=0).T), 0.0)
    metres = np.bincount(ways[1:], weights=steps, minlength=len(wanted)) if len(ways) else np.zeros(len(wanted))
    return np.where(wanted, metres, np.nan)


def _faults(combinations: list[Way], said: Ints) -> Counter[Fault]:
    ways = np.bincount(said, minlength=len(combinations))
    faults: Counter[Fault] = Counter()
    for way, count in zip(combinations, ways.tolist(), strict=True):
        for fault in way.faults:
            faults[fault] += count
    return faults
