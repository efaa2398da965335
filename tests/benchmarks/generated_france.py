"""A generated country as large as France, to measure the road graph on: roads, inhabited cells, counters. All invented.

Towns of Zipf sizes, dense streets in them and a sparse mesh between; main roads are the shortest ways between
neighbouring towns, motorways join the largest and touch the rest by few ramps; some streets are one-way, some segments
bend at a node of two or end nowhere, a few islands lie offshore. Every size has the density of the whole: a small one
is a small country. What is measured on it belongs to the benchmarks.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial import Delaunay, cKDTree

from sources.roads import SEGMENT_SCHEMA, SegmentBatch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

#: The whole country; another size keeps these proportions.
NODES, SEGMENTS_PER_NODE, SIDE_M = 6_000_000, 1.25, 950_000
TOWNS, LARGE_TOWNS, CITIES = 35_000, 900, 60
CELLS_1KM, CELLS_200M = 300_000, 2_300_000
TYPOLOGIES = 44
#: Counters of each typology: a mairie per town, then ever rarer ones; 90,000 in all.
COUNTERS = (TOWNS, *np.geomspace(4_950, 100, TYPOLOGIES - 1).round().astype(int).tolist())

_EPSG = 2154
_CENTRE = np.array([650_000.0, 6_600_000.0])
_BATCH = 500_000
_ISLAND_EVERY = 100  # one town, and one rural crossing, in so many is on an island
_URBAN, _STREET_M2 = 0.6, 3_500.0  # share of crossings that are in towns; ground per crossing there
_MOTORWAY_STEP_M, _INTERCHANGE_EVERY = 2_000.0, 5
_ONE_WAY = 0.6  # of the streets that no tree needs
_DEAD_ENDS, _DEAD_END_M = 0.09, 60.0  # share of nodes that are the end of a street; its usual length
_VERTEX_EVERY_M, _MOST_INNER, _SWELL = 60.0, 6, 0.06
_ALTITUDE_M = 100.0

#: nature, importance, mean speed (km/h), urban: in the words of BD TOPO.
_KINDS = (
    ("Type autoroutier", 1, 115.0, False),
    ("Bretelle", 2, 45.0, False),
    ("Route à 2 chaussées", 2, 82.0, False),
    ("Route à 1 chaussée", 3, 65.0, False),
    ("Route à 1 chaussée", 5, 45.0, False),
    ("Route à 1 chaussée", 4, 38.0, True),
    ("Route à 1 chaussée", 5, 28.0, True),
)
_MOTORWAY, _RAMP, _NATIONAL, _MAIN, _LOCAL, _MAIN_STREET, _STREET = range(len(_KINDS))


@dataclass(frozen=True)
class France:
    """n nodes, s segments, t towns (largest first). Positions in metres, EPSG:2154.

    Attributes:
        xy: (n, 2) positions; the first t are the centres of the towns.
        town: (n,) town of each node, -1 outside.
        start, end: (s,) nodes. `kind`: (s,) row of the kinds of road. `way`: (s,) as `sens` of a segment.
        towns: (t,) share of the streets in each.
    """

    xy: Floats
    town: Ints
    start: Ints
    end: Ints
    kind: npt.NDArray[np.int8]
    way: npt.NDArray[np.int8]
    towns: Floats

    @property
    def scale(self) -> float:
        """Size against the whole country."""
        return len(self.xy) / NODES

    def batches(self) -> Iterator[SegmentBatch]:
        """The roads, as a source of roads gives them."""
        for first in range(0, len(self.start), _BATCH):
            yield self._batch(slice(first, first + _BATCH))

    def _batch(self, rows: slice) -> SegmentBatch:
        a, b = self.xy[self.start[rows]], self.xy[self.end[rows]]
        gap = b - a
        sizes = 2 + np.minimum(np.hypot(*gap.T) // _VERTEX_EVERY_M, _MOST_INNER).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        share = (np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)) / np.repeat(sizes - 1, sizes)
        swell = np.column_stack([-gap[:, 1], gap[:, 0]]) * _SWELL
        swollen = np.repeat(swell, sizes, axis=0) * np.sin(share * np.pi)[:, None]
        xy = np.repeat(a, sizes, axis=0) + np.repeat(gap, sizes, axis=0) * share[:, None] + swollen
        frame = pl.DataFrame({"rang": np.arange(rows.start, rows.start + len(a)), "kind": self.kind[rows],
                              "sens": self.way[rows]}).join(_kinds(), on="kind", maintain_order="left").with_columns(
            id=pl.format("TRONROUT{}", "rang"), acces_voiture=pl.lit("libre"), en_service=pl.lit(True),
            prive=pl.lit(False), fictif=pl.lit(False), bac=pl.lit(False),
        )  # fmt: skip
        absent = [pl.lit(None).alias(c) for c in SEGMENT_SCHEMA if c not in frame.columns]
        frame = frame.with_columns(absent).select(pl.col(c).cast(t) for c, t in SEGMENT_SCHEMA.items())
        return SegmentBatch(frame, xy.round(1), np.full(len(xy), _ALTITUDE_M), offsets, _EPSG)

    def cells(self, side_m: int) -> Floats:
        """(c, 2) centres of inhabited cells of that side (1000 or 200): those next to a node drawn at random."""
        count = round((CELLS_1KM if side_m == 1_000 else CELLS_200M) * self.scale)
        rng = np.random.default_rng(side_m)
        beside = np.concatenate([self.xy, self.xy]) + rng.normal(0, 150, (2 * len(self.xy), 2))
        column, row = (beside // side_m).astype(np.int64).T
        cells = np.unique((column << 32) | row)
        cells = np.sort(rng.choice(cells, min(count, len(cells)), replace=False))
        return (np.column_stack([cells >> 32, cells & (2**32 - 1)]) + 0.5) * side_m

    def counters(self) -> tuple[Floats, Ints]:
        """(k, 2) positions of counters, and the typology (0 is the most frequent) of each.

        One in each town for the most frequent; the others in towns drawn by size, at any of their crossings.
        """
        rng = np.random.default_rng(44)
        numbers = [max(1, round(count * self.scale)) for count in COUNTERS[1:]]
        towns = rng.choice(len(self.towns), sum(numbers), p=self.towns)
        by_town = np.argsort(self.town, kind="stable")
        first = np.searchsorted(self.town[by_town], towns)
        past = np.searchsorted(self.town[by_town], towns, side="right")
        at = by_town[rng.integers(first, past)]
        typology = np.concatenate([np.zeros(len(self.towns)), np.repeat(np.arange(1, TYPOLOGIES), numbers)])
        spots = np.concatenate([self.xy[: len(self.towns)], self.xy[at]])
        return spots + rng.uniform(-30, 30, spots.shape), typology.astype(np.int32)


def _kinds() -> pl.DataFrame:
    columns = ("nature", "importance", "vitesse_kmh", "urbain")
    return pl.DataFrame(_KINDS, schema=columns, orient="row").with_row_index("kind").cast({"kind": pl.Int8})


def france(nodes: int = NODES) -> France:
    """The country with about that many nodes, kept in the folder `CSP_BENCH_DIR` from one run to the next."""
    folder = bench_folder(nodes) / "france"
    if not folder.exists():
        country = generate(nodes)
        unfinished = folder.with_name("france.part")
        unfinished.mkdir(parents=True, exist_ok=True)
        for field in fields(France):
            np.save(unfinished / f"{field.name}.npy", getattr(country, field.name))
        unfinished.rename(folder)
    return France(**{f.name: np.load(folder / f"{f.name}.npy", mmap_mode="r") for f in fields(France)})


def bench_folder(nodes: int) -> Path:
    """Where what is made for a size is kept."""
    return Path(os.environ.get("CSP_BENCH_DIR", Path(tempfile.gettempdir()) / "csp-bench")) / str(nodes)


def generate(nodes: int, seed: int = 1) -> France:
    """Generate the country. The same size and seed give the same country."""
    rng = np.random.default_rng(seed)
    # A mesh of j crossings has about 1.29 j segments; dead ends and bends then add as many nodes as segments.
    crossings = round(nodes * (SEGMENTS_PER_NODE - 1) / 0.29)
    xy, town, land, shares = _crossings(crossings, nodes / NODES, rng)
    start, end = _mesh(xy)
    same_land = land[start] == land[end]
    start, end = start[same_land], end[same_land]
    length = np.hypot(*(xy[start] - xy[end]).T)
    kind = _ranks(start, end, length, town, len(shares))
    way = _one_ways(start, end, length, kind, len(xy), rng)
    xy, start, end, kind, way = _with_motorways(xy, start, end, kind, way, len(shares), nodes / NODES)
    town = np.append(town, np.full(len(xy) - len(town), -1, dtype=np.int32))
    xy, town, start, end, kind, way = _with_dead_ends(xy, town, start, end, kind, way, round(nodes * _DEAD_ENDS), rng)
    xy, town, start, end, kind, way = _with_bends(xy, town, start, end, kind, way, max(nodes - len(xy), 0), rng)
    return France((xy + _CENTRE).round(1), town, start, end, kind, way, shares)


def _crossings(count: int, scale: float, rng: np.random.Generator) -> tuple[Floats, Ints, Ints, Floats]:
    """Positions around the centre, town (-1 outside) and land (0: mainland) of the crossings; share of each town."""
    number = max(round(TOWNS * scale), 3)
    side = SIDE_M * np.sqrt(scale)
    shares = 1 / np.arange(1, number + 1) ** 0.95
    shares /= shares.sum()
    in_towns = round(count * _URBAN) - number
    town = np.concatenate([np.arange(number), rng.choice(number, in_towns, p=shares)]).astype(np.int32)
    centres, town_land = _ground(number, side, rng)
    spread = np.sqrt(shares * count * _URBAN * _STREET_M2 / np.pi) * 0.8
    around = rng.normal(size=(len(town), 2)) * spread[town][:, None]
    around[:number] = 0.0
    rural, rural_land = _ground(count - len(town), side, rng)
    xy = np.concatenate([centres[town] + around, rural])
    return (
        xy,
        np.concatenate([town, np.full(len(rural), -1, dtype=np.int32)]),
        np.concatenate([town_land[town], rural_land]),
        shares,
    )


def _ground(count: int, side: float, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Random places on land: the mainland, of uneven outline, and three islands in the corners of the square."""
    island = np.arange(count) % _ISLAND_EVERY == _ISLAND_EVERY - 1
    land = np.where(island, rng.integers(1, 4, count), 0).astype(np.int32)
    angle, far = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.random(count))
    coast = side / 2 * (0.88 + 0.06 * np.sin(3 * angle) + 0.06 * np.sin(5 * angle + 1))
    corners = np.array([[0, 0], [-1, -1], [1, -1], [-1, 1]]) * side * 0.45
    reach = far * np.where(island, side * 0.05, coast)
    return corners[land] + np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None], land


def _mesh(xy: Floats) -> tuple[Ints, Ints]:
    """A connected mesh that looks like streets: Delaunay's triangles without the longest side of any (Urquhart)."""
    triangles = Delaunay(xy)
    corners, beside = triangles.simplices, triangles.neighbors
    del triangles
    sides = [(1, 2), (2, 0), (0, 1)]  # side i faces corner i, and the neighbour i
    lengths = np.column_stack([np.hypot(*(xy[corners[:, i]] - xy[corners[:, j]]).T) for i, j in sides])
    longest = lengths.argmax(axis=1)
    start, end = [], []
    for side, (i, j) in enumerate(sides):
        other = beside[:, side]
        mine = np.flatnonzero((longest != side) & (other < np.arange(len(corners))))  # each side once
        across = other[mine]
        a, b = corners[mine, i], corners[mine, j]
        facing = np.take_along_axis(corners[across], longest[across][:, None], axis=1)[:, 0]
        kept = (across < 0) | (facing == a) | (facing == b)  # the longest side over there is another one
        start.append(a[kept])
        end.append(b[kept])
    return np.concatenate(start).astype(np.int32), np.concatenate(end).astype(np.int32)


def _ranks(start: Ints, end: Ints, length: Floats, town: Ints, towns: int) -> npt.NDArray[np.int8]:
    """Kind of each segment: roads between neighbouring towns are main ones, between large towns national ones."""
    matrix = coo_matrix((length, (start, end)), shape=(len(town), len(town))).tocsr()
    matrix = matrix + matrix.T
    inside = (town[start] >= 0) & (town[start] == town[end])
    large = max(towns * LARGE_TOWNS // TOWNS, 2)
    main = _between(matrix, start, end, length, towns)
    kind = np.where(main, np.where(inside, _MAIN_STREET, _MAIN), np.where(inside, _STREET, _LOCAL))
    return np.where(_between(matrix, start, end, length, large) & ~inside, _NATIONAL, kind).astype(np.int8)


def _between(matrix: object, start: Ints, end: Ints, length: Floats, towns: int) -> Bools:
    """Segments on the shortest way between two neighbouring towns, among the first `towns`."""
    far, before, source = dijkstra(matrix, indices=np.arange(towns), min_only=True, return_predecessors=True)
    border = pl.DataFrame(
        {
            "a": np.minimum(source[start], source[end]),
            "b": np.maximum(source[start], source[end]),
            "way": far[start] + length + far[end],
            "row": np.arange(len(start)),
        }
    ).filter((pl.col("a") != pl.col("b")) & pl.col("way").is_finite())
    meeting = border.group_by("a", "b").agg(pl.col("row").sort_by("way", "row").first())["row"].to_numpy()
    on_way = np.zeros(len(far), dtype=np.bool_)
    nodes = np.unique(np.concatenate([start[meeting], end[meeting]]))
    while len(nodes):  # back towards the towns, all ways at once
        on_way[nodes] = True
        nodes = np.unique(before[nodes])
        nodes = nodes[nodes >= 0]
        nodes = nodes[~on_way[nodes]]
    chosen = (on_way[start] & (before[start] == end)) | (on_way[end] & (before[end] == start))
    chosen[meeting] = True
    return chosen


def _one_ways(
    start: Ints, end: Ints, length: Floats, kind: npt.NDArray[np.int8], count: int, rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Some streets one-way; never those of a spanning tree, so that everything is reached both ways."""
    spanning = minimum_spanning_tree(coo_matrix((length, (start, end)), shape=(count, count)).tocsr()).tocoo()
    tree = np.isin(start.astype(np.int64) * count + end, spanning.row.astype(np.int64) * count + spanning.col)
    turned = (kind == _STREET) & ~tree & (rng.random(len(start)) < _ONE_WAY)
    return np.where(turned, rng.choice([-1, 1], len(start)), 0).astype(np.int8)


def _with_motorways(
    xy: Floats, start: Ints, end: Ints, kind: npt.NDArray[np.int8], way: npt.NDArray[np.int8], towns: int, scale: float
) -> tuple[Floats, Ints, Ints, npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """Motorways between the largest towns, above the other roads, with ramps to the nearest crossing here and there."""
    cities = xy[: min(max(round(CITIES * scale), 4), towns)]
    a, b = _mesh(cities)
    steps = np.maximum(np.hypot(*(cities[a] - cities[b]).T) // _MOTORWAY_STEP_M, 1).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(steps + 1)])
    rank = np.arange(first[-1]) - np.repeat(first[:-1], steps + 1)
    share = rank / np.repeat(steps, steps + 1)
    line = np.repeat(cities[a], steps + 1, axis=0) * (1 - share[:, None])
    line = line + np.repeat(cities[b], steps + 1, axis=0) * share[:, None]
    line += 40.0  # not on the crossing of the town itself
    last = np.repeat(steps, steps + 1) == rank
    number = np.arange(len(line)) + len(xy)
    interchange = np.flatnonzero((rank % _INTERCHANGE_EVERY == 0) | last)
    _, near = cKDTree(xy).query(line[interchange])
    more_start = np.concatenate([number[~last], number[interchange]])
    more_end = np.concatenate([number[~last] + 1, near])
    more_kind = np.repeat([_MOTORWAY, _RAMP], [(~last).sum(), len(interchange)])
    return (
        np.concatenate([xy, line]),
        np.concatenate([start, more_start]).astype(np.int32),
        np.concatenate([end, more_end]).astype(np.int32),
        np.concatenate([kind, more_kind]).astype(np.int8),
        np.append(way, np.zeros(len(more_kind), dtype=np.int8)),
    )


def _with_dead_ends(
    xy: Floats, town: Ints, start: Ints, end: Ints, kind: npt.NDArray[np.int8], way: npt.NDArray[np.int8], count: int,
    rng: np.random.Generator,
) -> tuple[Floats, Ints, Ints, Ints, npt.NDArray[np.int8], npt.NDArray[np.int8]]:  # fmt: skip
    """More streets, from a crossing of a town to nowhere."""
    origin = rng.choice(np.flatnonzero(town >= 0), count)
    tip = xy[origin] + rng.normal(0, _DEAD_END_M, (count, 2))
    return (
        np.concatenate([xy, tip]),
        np.append(town, town[origin]).astype(np.int32),
        np.append(start, origin).astype(np.int32),
        np.append(end, np.arange(count) + len(xy)).astype(np.int32),
        np.append(kind, np.full(count, _STREET)).astype(np.int8),
        np.append(way, np.zeros(count)).astype(np.int8),
    )


def _with_bends(
    xy: Floats, town: Ints, start: Ints, end: Ints, kind: npt.NDArray[np.int8], way: npt.NDArray[np.int8], count: int,
    rng: np.random.Generator,
) -> tuple[Floats, Ints, Ints, Ints, npt.NDArray[np.int8], npt.NDArray[np.int8]]:  # fmt: skip
    """Cut some segments, long ones first, at a node beside their middle."""
    gap = xy[end] - xy[start]
    order = np.argsort(-np.hypot(*gap.T) * rng.random(len(start)), kind="stable")
    cut = np.sort(order[: min(count, len(order))])
    middle = (xy[start[cut]] + xy[end[cut]]) / 2 + np.column_stack([-gap[cut, 1], gap[cut, 0]]) * 0.1
    number = (np.arange(len(cut)) + len(xy)).astype(np.int32)
    shortened = end.copy()
    shortened[cut] = number
    return (
        np.concatenate([xy, middle]),
        np.append(town, np.where(town[start[cut]] == town[end[cut]], town[start[cut]], -1)).astype(np.int32),
        np.append(start, number),
        np.append(shortened, end[cut]),
        np.append(kind, kind[cut]),
        np.append(way, way[cut]),
    )
