"""The roads of the fictional territory, as the `troncon_de_route` layer of BD TOPO v3 (GeoPackage, EPSG:2154).

Roads join the towns of neighbouring communes, with a hierarchy: motorways between préfectures, dual carriageways
between them and their sous-préfectures, then main and local roads; in each commune, streets, and lanes to the hamlets.
Segments meet at their ends, to the decimetre. The island has its own roads, and a ferry to the coast. Tracks, stairs
and roads under construction are there to be left out by whoever drives.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

from sources.demo.geography import Commune, Floats, World
from sources.demo.grid import settlements

LAYER = "troncon_de_route"
_ROUNDABOUT_FROM = 2_000  # inhabitants
_RING = 25.0  # metres, radius of a roundabout
_ARMS = 8
_BLOCK = 120.0  # metres between two streets
_PIECE = 700.0  # metres, length of a segment in the open country
_GAP = 12.0  # metres between two carriageways


@dataclass(frozen=True)
class Kind:
    """What a segment says of itself besides its geometry."""

    nature: str
    importance: str
    speed: int
    direction: str = "Double sens"
    access: str = "Libre"
    urban: bool = False
    level: str = "0"
    state: str = "En service"
    lanes: float = 2.0


@dataclass(frozen=True)
class Segment:
    """A piece of road between two nodes: `line` is (n, 2), EPSG:2154; `left`, `right` are commune codes."""

    line: Floats
    kind: Kind
    left: str
    right: str


_Maker = Callable[[Iterable[Floats], Kind], Segment]

_MOTORWAY = Kind("Type autoroutier", "1", 115, "Sens direct", "A péage", level="1")
_RAMP = Kind("Bretelle", "1", 50, "Sens direct", lanes=1.0)
_DUAL = Kind("Route à 2 chaussées", "2", 92, "Sens direct")
_MAIN = Kind("Route à 1 chaussée", "3", 70)
_ROAD = Kind("Route à 1 chaussée", "4", 58)
_LOCAL = Kind("Route à 1 chaussée", "5", 45)
_STREET = Kind("Route à 1 chaussée", "5", 30, urban=True)
_LANE = Kind("Route à 1 chaussée", "6", 40, lanes=1.0)
_ROUNDABOUT = Kind("Rond-point", "5", 20, "Sens direct", urban=True, lanes=1.0)
_GRAVEL = Kind("Route empierrée", "6", 10, access="Restreint aux ayants droit", lanes=1.0)
_PATH = Kind("Sentier", "6", 1, "Sans objet", "Physiquement impossible", lanes=0.0)
_STAIRS = Kind("Escalier", "6", 0, "Sans objet", "Physiquement impossible", urban=True, lanes=0.0)
_FUTURE = Kind("Route à 1 chaussée", "3", 70, state="En construction")
_FERRY = Kind("Bac ou liaison maritime", "5", 5, lanes=0.0)
_CROSSING_H = 1 / 3  # hours one way; BD TOPO tells it by the mean speed


def segments(world: World, seed: int) -> list[Segment]:
    """Every segment of the network."""
    rng = np.random.default_rng([seed, 11])
    result = list(_links(world, rng))
    for commune in world.communes:
        result += _local(world, commune, seed)
    result += _motorways(world)
    result += _ferry(world)
    return [s for s in (replace(s, line=np.round(s.line, 1)) for s in result) if (s.line[0] != s.line[-1]).any()]


# --- between communes --------------------------------------------------------------------------------------------


def _links(world: World, rng: np.random.Generator) -> Iterator[Segment]:
    xy = np.array([(c.x, c.y) for c in world.communes])
    for (a, b), kind in _hierarchy(world, xy).items():
        one, other = world.communes[a], world.communes[b]
        start, end = _gate(one, xy[b]), _gate(other, xy[a])
        if (one.altitude + other.altitude) / 2 > 500:
            kind = replace(kind, speed=round(kind.speed * 0.7))
        line = _winding(start, end, rng)
        if kind.nature == _DUAL.nature:
            # Two one-way carriageways; the second is drawn along the first, hence driven against its drawing.
            yield from _cut(line, kind, one.code, other.code)
            yield from _cut(_beside(line), replace(kind, direction="Sens inverse"), one.code, other.code)
        else:
            yield from _cut(line, kind, one.code, other.code)


def _hierarchy(world: World, xy: Floats) -> dict[tuple[int, int], Kind]:
    """Which neighbours a road joins, and of which kind."""
    pairs = np.array([p for p in world.neighbours if world.island not in p])
    length = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    shape = (len(xy), len(xy))
    tree = minimum_spanning_tree(coo_matrix((length, (pairs[:, 0], pairs[:, 1])), shape=shape)).tocoo()
    spanning = {(min(a, b), max(a, b)) for a, b in zip(tree.row.tolist(), tree.col.tolist(), strict=True)}
    near: dict[int, set[int]] = {}
    for a, b in pairs.tolist():
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    kept = {
        (a, b)
        for a, b in pairs.tolist()
        # Gabriel: no common neighbour inside the circle on the segment, else the road goes through it.
        if (a, b) in spanning
        or all(np.hypot(*(xy[c] - (xy[a] + xy[b]) / 2)) > np.hypot(*(xy[a] - xy[b])) / 2 for c in near[a] & near[b])
    }
    kinds = {pair: _ROAD if min(world.communes[i].population for i in pair) > 500 else _LOCAL for pair in sorted(kept)}
    graph = coo_matrix(
        ([float(np.hypot(*(xy[a] - xy[b]))) for a, b in kinds], tuple(np.array(list(kinds)).T)), shape=shape
    ).tocsr()
    for departement in world.departements:
        first = departement.chefs_lieux[0]
        _, back = shortest_path(graph, directed=False, indices=first, return_predecessors=True)
        seats = {max((world.communes[i] for i in e.membres), key=lambda c: c.population).index for e in world.epci}
        own = [i for i in sorted(seats) if world.communes[i].departement == departement.code]
        for kind, ends in ((_MAIN, own), (_DUAL, departement.chefs_lieux[1:])):
            for end in ends:
                while end != first and back[end] >= 0:
                    step = int(back[end])
                    kinds[min(step, end), max(step, end)] = kind
                    end = step
    return kinds


def _gate(commune: Commune, towards: Floats) -> Floats:
    """Where a road from that direction enters the town: an arm of its roundabout, else the centre."""
    centre = np.array([commune.x, commune.y])
    if commune.population < _ROUNDABOUT_FROM:
        return centre
    dx, dy = towards - centre
    arm: Floats = _ring(commune)[round(np.arctan2(dy, dx) / (2 * np.pi / _ARMS)) % _ARMS]
    return arm


def _ring(commune: Commune) -> Floats:
    angle = np.arange(_ARMS) * 2 * np.pi / _ARMS
    xy = np.column_stack([commune.x + _RING * np.cos(angle), commune.y + _RING * np.sin(angle)])
    return np.asarray(np.round(xy, 1), dtype=np.float64)


def _winding(start: Floats, end: Floats, rng: np.random.Generator) -> Floats:
    """A winding line, one vertex every 100 m or so."""
    run = end - start
    length = float(np.hypot(*run))
    at = np.linspace(0, 1, max(4, int(length / 100)))
    sway = sum(rng.normal(0, 0.03 / k) * np.sin(np.pi * k * at) for k in range(1, 6))
    return np.asarray(start + at[:, None] * run + np.asarray(sway)[:, None] * np.array([-run[1], run[0]]))


def _beside(line: Floats) -> Floats:
    """The line a few metres to its side, with the same ends."""
    run = np.gradient(line, axis=0)
    normal = np.column_stack([-run[:, 1], run[:, 0]]) / np.maximum(np.hypot(*run.T), 1e-9)[:, None]
    moved = line + _GAP * normal
    moved[0], moved[-1] = line[0], line[-1]
    return np.asarray(moved)


def _cut(line: Floats, kind: Kind, left: str, right: str, piece: float = _PIECE) -> Iterator[Segment]:
    """Pieces of a line; the first half is in one commune, the second in the other, the middle on the border."""
    length = float(np.hypot(*np.diff(line, axis=0).T).sum())
    count = max(1, min(round(length / piece), len(line) - 1))
    cuts = np.linspace(0, len(line) - 1, count + 1).round().astype(int)
    for rank, (a, b) in enumerate(pairwise(cuts.tolist())):
        middle = 2 * rank + 1 - count
        yield Segment(line[a : b + 1], kind, left if middle <= 0 else right, right if middle >= 0 else left)


def _motorways(world: World) -> Iterator[Segment]:
    """From each préfecture to the next département's, over whatever it crosses, with ramps at both ends."""
    heads = [world.communes[d.chefs_lieux[0]] for d in world.departements]
    for one, other in pairwise(heads):
        for a, b in ((one, other), (other, one)):
            start, end = np.array([a.x, a.y]), np.array([b.x, b.y])
            unit = (end - start) / np.hypot(*(end - start))
            normal = np.array([-unit[1], unit[0]]) * _GAP
            entry, leave = start + 900 * unit - normal, end - 900 * unit - normal
            at = np.linspace(0, 1, max(3, int(np.hypot(*(leave - entry)) / 400)))
            yield Segment(np.vstack([_gate(a, end), entry]), _RAMP, a.code, a.code)
            yield from _cut(entry + at[:, None] * (leave - entry), _MOTORWAY, a.code, b.code, 3_000)
            yield Segment(np.vstack([leave, _gate(b, start)]), _RAMP, b.code, b.code)


def _ferry(world: World) -> Iterator[Segment]:
    """From the island to the nearest coast, with a road between the town and the pier on both sides."""
    island = world.communes[world.island]
    others = [c for c in world.communes if c is not island]
    gaps = shapely.distance(island.geometry, [c.geometry for c in others])
    coast = others[int(np.argmin(gaps))]
    piers = np.round(shapely.get_coordinates(shapely.shortest_line(island.geometry, coast.geometry)), 1)
    speed = max(round(float(gaps.min()) / 1000 / _CROSSING_H), 2)
    yield Segment(piers, replace(_FERRY, speed=speed), island.code, coast.code)
    for commune, pier in ((island, piers[0]), (coast, piers[1])):
        line = np.linspace(_gate(commune, pier), pier, 8)
        yield from _cut(line, _LOCAL, commune.code, commune.code)


# --- inside communes ---------------------------------------------------------------------------------------------


def _local(world: World, commune: Commune, seed: int) -> Iterator[Segment]:
    rng = np.random.default_rng([seed, 12, commune.index])
    code = commune.code

    def one(points: Iterable[Floats], kind: Kind) -> Segment:
        return Segment(np.array(list(points)), kind, code, code)

    if commune.population >= _ROUNDABOUT_FROM:
        ring = _ring(commune)
        for i in range(_ARMS):
            yield one((ring[i], ring[(i + 1) % _ARMS]), _ROUNDABOUT)
    if commune.population >= 500:
        yield from _streets(commune, one)
    hamlets = settlements(world, commune, seed)[1:]
    for rank, hamlet in enumerate(hamlets):
        line = _winding(_gate(commune, hamlet), hamlet, rng)
        yield from _cut(line, _LANE if rank % 3 else _LOCAL, code, code, 500)
        yield one((hamlet, hamlet + rng.uniform(60, 140, 2)), _GRAVEL)
    if len(hamlets) > 1:
        yield one((hamlets[0], hamlets[1]), _PATH)
    if commune.rang:
        yield one((hamlets[0], hamlets[-1] + 35.0), _FUTURE)


def _streets(commune: Commune, one: _Maker) -> Iterator[Segment]:
    """A grid of streets around the centre; every third one going east is one-way. A flight of stairs cuts a corner."""
    reach = int(min(1 + commune.population**0.5 // 40, 5))
    ring = _ring(commune) if commune.population >= _ROUNDABOUT_FROM else None

    def crossing(i: int, j: int, towards: int) -> Floats:
        if i == j == 0 and ring is not None:
            return np.asarray(ring[towards])
        return np.array([commune.x + i * _BLOCK, commune.y + j * _BLOCK])

    for j in range(-reach, reach + 1):
        kind = replace(_STREET, direction="Sens direct", lanes=1.0) if j % 3 == 1 else _STREET
        for i in range(-reach, reach):
            yield one((crossing(i, j, 0), crossing(i + 1, j, 4)), kind)
            yield one((crossing(j, i, 2), crossing(j, i + 1, 6)), _STREET)
    yield one((crossing(1, 1, 0), crossing(0, 1, 0) + np.array([15.0, 40.0])), _STAIRS)


# --- bytes -------------------------------------------------------------------------------------------------------


def write_roads(path: Path, world: World, roads: list[Segment]) -> None:
    """Write the layer as a GeoPackage. Bytes depend on the arguments alone."""
    lengths = [len(s.line) for s in roads]
    points = np.vstack([s.line for s in roads])
    heights = world.elevation(points[:, 0], points[:, 1])
    lines = shapely.linestrings(np.column_stack([points, heights]), indices=np.repeat(np.arange(len(roads)), lengths))
    codes = [f"TRONROUT9{number:015d}" for number in range(len(roads))]
    fields: dict[str, list[object]] = {
        "cleabs": list(codes),
        "nature": [s.kind.nature for s in roads],
        "importance": [s.kind.importance for s in roads],
        "fictif": ["false"] * len(roads),
        "position_par_rapport_au_sol": [s.kind.level for s in roads],
        "etat_de_l_objet": [s.kind.state for s in roads],
        "nombre_de_voies": [s.kind.lanes for s in roads],
        "largeur_de_chaussee": [3.5 * s.kind.lanes for s in roads],
        "prive": ["false"] * len(roads),
        "sens_de_circulation": [s.kind.direction for s in roads],
        "urbain": [str(s.kind.urban).lower() for s in roads],
        "vitesse_moyenne_vl": [s.kind.speed for s in roads],
        "acces_vehicule_leger": [s.kind.access for s in roads],
        "insee_commune_gauche": [s.left for s in roads],
        "insee_commune_droite": [s.right for s in roads],
    }
    dtypes = {"nombre_de_voies": np.float64, "largeur_de_chaussee": np.float64, "vitesse_moyenne_vl": np.int64}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    clock = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2026-01-01T00:00:00.000Z"})
    try:
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(lines),
            field_data=[np.array(values, dtype=dtypes.get(name, object)) for name, values in fields.items()],
            fields=list(fields),
            geometry_type="LineString Z",
            crs="EPSG:2154",
            layer=LAYER,
            driver="GPKG",
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": clock})
