"""Road segments of a BD TOPO file, batch by batch: the geometry, and what is set aside because of it.

Whatever its size, a file is never held whole. Words are read by `words`, layers found by `files`; which segments are
driven or walked, and how fast, belongs to the profiles of the road graph.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyogrio
import shapely
from pyproj import CRS, Transformer

from pipeline.foundations.issues import IssueLog
from sources.bdtopo.account import Account
from sources.bdtopo.files import Layer, damaged_otherwise, open_layers, refuse
from sources.bdtopo.words import attributes
from sources.reading import check_columns
from sources.roads import Batches, Floats, Ints, SegmentBatch
from sources.spec import SourceSpec, load_spec

_BATCH = 200_000  # features: some 700 MB at the peak
_LINE, _LINES = 1, 5  # shapely's type ids
_LOWEST, _HIGHEST = -100.0, 4_900.0  # metres: IGN writes -1000, 9999 or less than anything for an unknown altitude
_MARGIN = 100_000.0  # metres around the area of a projected system

_Geometries = npt.NDArray[np.object_]
_Flags = npt.NDArray[np.bool_]


def segments(path: Path, resource_id: str, *, max_unpacked: int, account: Account | None = None) -> Batches:
    """The road segments of one file, about 200,000 at a time.

    A line made of several parts gives one segment per part (`<id>#2` for the second). A line of no length, without a
    usable geometry or an identifier, or whose identifier was already met, is set aside and counted.

    Args:
        path: a GeoPackage, a zip or a 7z; an archive is unpacked in a temporary folder while the iterator lives.
        resource_id: how errors name the file.
        max_unpacked: bytes; an archive that unpacks to more is refused.
        account: told what was met; see `Account`.

    Raises:
        SourceUnreadable: see `files.open_layers`; a column is missing; the file turns out to be cut or damaged; more
            segments are set aside than kept, which shows only at the end: keep nothing of an iterator that raises.
    """
    spec = _spec()
    account = account or Account(IssueLog(spec.id))
    seen = _Seen()
    subject = f"source {spec.id} ({resource_id})"
    with open_layers(path, subject, max_unpacked=max_unpacked) as layers:
        for layer in layers:
            check_columns(spec, layer.generation, spec.columns[layer.generation], layer.columns, account.issues)
            account.generations.append(layer.generation)
            read = 0
            for features, geometries, absent in _features(layer, spec):
                read += features.height
                account.read += features.height
                batch = _batch(features, geometries, absent, layer, seen, account)
                account.kept += batch.frame.height
                yield batch
            if read < layer.features:
                refuse(layer.subject, f"{layer.features} features", f"{read}", "fetch the file again")
    if account.set_aside > account.kept:
        worst = account.worst()
        refuse(
            subject,
            "usable road segments",
            f"{account.kept} kept, {account.set_aside} set aside ({worst})",
            "look at the file: is it the layer, the territory and the coordinate system it says?",
        )


def lengths(batch: SegmentBatch) -> Floats:
    """Length of each segment of a batch in the plane, in metres."""
    return _lengths(batch.xy, batch.offsets)


@cache
def _spec() -> SourceSpec:
    return load_spec(Path(__file__).with_name("source.yml"))


def _features(layer: Layer, spec: SourceSpec) -> Iterator[tuple[pl.DataFrame, _Geometries, _Flags]]:
    """By batch: the declared columns under their declared names, the geometries, whether each is absent.

    A geometry that cannot be read is None, and not absent.
    """
    declared = spec.columns[layer.generation]
    used = {*declared.expected, *declared.optional}
    wanted = {name: column for name, column in zip(layer.names, layer.columns, strict=True) if column in used}
    with (
        damaged_otherwise(layer.subject),
        pyogrio.raw.open_arrow(
            layer.path,
            layer=layer.name,
            columns=list(wanted),
            encoding=layer.encoding,
            batch_size=_BATCH,
            use_pyarrow=True,
        ) as (meta, reader),
    ):
        geometry = meta["geometry_name"] or "wkb_geometry"
        batches = iter(reader)
        while (batch := next(batches, None)) is not None:
            wkb = batch.column(geometry)
            geometries = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False), on_invalid="ignore")
            absent = wkb.is_null().to_numpy(zero_copy_only=False) | shapely.is_empty(geometries)
            yield pl.DataFrame(pl.from_arrow(batch.select(list(wanted)))).rename(wanted), geometries, absent


class _Seen:
    """The identifiers already met, as 64-bit hashes: a country has tens of millions."""

    def __init__(self) -> None:
        self._hashes = np.empty(0, dtype=np.uint64)

    def first_met(self, ids: pl.Series) -> _Flags:
        """Whether each identifier is met for the first time, in this batch or before."""
        hashes = ids.hash(seed=0).to_numpy()
        where = np.searchsorted(self._hashes, hashes)
        before = np.zeros(len(hashes), dtype=np.bool_)
        inside = where < len(self._hashes)
        before[inside] = self._hashes[where[inside]] == hashes[inside]
        first = ids.is_first_distinct().to_numpy() & ~before
        self._hashes = np.sort(np.concatenate([self._hashes, hashes[first]]), kind="stable")
        return np.asarray(first)


def _batch(
    features: pl.DataFrame, geometries: _Geometries, absent: _Flags, layer: Layer, seen: _Seen, account: Account
) -> SegmentBatch:
    frame = attributes(features, layer.generation, account)
    usable = _usable(frame["id"], geometries, absent, account)
    frame, geometries = frame.filter(usable), geometries[usable]
    first = seen.first_met(frame["id"])
    account.note("identifiant-double", "cleabs", frame["id"].filter(~first))
    frame, geometries = frame.filter(first), geometries[first]

    parts, owner = shapely.get_parts(geometries, return_index=True)
    counts = shapely.get_num_coordinates(parts)
    points = np.asarray(shapely.get_coordinates(parts, include_z=True), dtype=np.float64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    frame = _named(frame[owner], owner)
    kept = _well_placed(frame["id"], points[:, :2], offsets, layer.epsg, account)
    points, counts = points[np.repeat(kept, counts)], counts[kept]
    z = points[:, 2]
    z = np.where((z > _LOWEST) & (z < _HIGHEST), z, np.nan)
    return SegmentBatch(
        frame.filter(kept), points[:, :2], z, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), layer.epsg
    )


def _usable(ids: pl.Series, geometries: _Geometries, absent: _Flags, account: Account) -> _Flags:
    broken = ~absent & shapely.is_missing(geometries)
    other = ~absent & ~broken & ~np.isin(shapely.get_type_id(geometries), (_LINE, _LINES))
    nameless = ~absent & ~broken & ~other & ids.is_null().to_numpy()
    for rule, column, rows in (
        ("geometrie-absente", "geometrie", absent),
        ("geometrie-illisible", "geometrie", broken),
        ("geometrie-autre", "geometrie", other),
        ("identifiant-absent", "cleabs", nameless),
    ):
        account.note(rule, column, ids.filter(rows))
    return np.asarray(~(absent | broken | other | nameless))


def _named(frame: pl.DataFrame, owner: Ints) -> pl.DataFrame:
    """Segment names: those of the features, with their rank for the second part and the next."""
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner) + 1
    suffixed = pl.format("{}#{}", "id", pl.lit(pl.Series("rank", rank)))
    return frame.with_columns(pl.when(pl.Series(rank > 1)).then(suffixed).otherwise("id").alias("id"))


def _well_placed(ids: pl.Series, xy: Floats, offsets: Ints, epsg: int, account: Account) -> _Flags:
    """Which segments have real coordinates, near the territory of their system, and a length."""
    if not len(ids):
        return np.empty(0, dtype=np.bool_)
    left, bottom, right, top = _area(epsg)
    with np.errstate(invalid="ignore"):
        inside = (xy[:, 0] > left) & (xy[:, 0] < right) & (xy[:, 1] > bottom) & (xy[:, 1] < top)
        real = np.logical_and.reduceat(np.isfinite(xy).all(axis=1), offsets[:-1])
        away = real & ~np.logical_and.reduceat(inside, offsets[:-1])
        short = real & ~away & (_lengths(xy, offsets) == 0)
    account.note("geometrie-illisible", "geometrie", ids.filter(~real))
    account.note("hors-territoire", "geometrie", ids.filter(away))
    account.note("longueur-nulle", "geometrie", ids.filter(short))
    return np.asarray(real & ~away & ~short)


def _lengths(xy: Floats, offsets: Ints) -> Floats:
    if len(offsets) < 2:
        return np.empty(0)
    steps = np.hypot(*np.diff(xy, axis=0, append=xy[-1:]).T)
    steps[offsets[1:] - 1] = 0.0  # from the end of a segment to the start of the next
    return np.asarray(np.add.reduceat(steps, offsets[:-1]), dtype=np.float64)


@cache
def _area(epsg: int) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of the area of a projected system and its surroundings, in its metres."""
    system = CRS.from_epsg(epsg)
    use = system.area_of_use
    if use is None:
        raise ValueError(f"EPSG:{epsg} has no area of use")
    bounds = Transformer.from_crs(4326, system, always_xy=True).transform_bounds(*use.bounds)
    left, bottom, right, top = bounds
    return left - _MARGIN, bottom - _MARGIN, right + _MARGIN, top + _MARGIN
