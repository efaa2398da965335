"""The fictional territory: commune polygons that tile it exactly, populations, EPCI, arrondissements, postcodes.

Everything is computed in metres (EPSG:2154), in the middle of metropolitan France, and only then put in degrees. A
département is a square of the grid, bent by a smooth warp; its communes are the cells of one Voronoi diagram drawn
over the whole territory, so borders are shared to the bit and nothing is left between two départements. Cells of the
outside world (the sea) surround them. Supply of counters, names and wire formats belong to the other modules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.spatial import Voronoi, cKDTree
from scipy.special import ndtri

from pipeline.foundations import crs
from pipeline.foundations.errors import WrongUse
from sources.demo import names

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_CENTRE = (700_000.0, 6_600_000.0)  # EPSG:2154
_COMMUNE_AREA = 16e6  # m², the mean of metropolitan France
_MEAN_POPULATION = 1_943  # inhabitants per commune: 68 M for 35,000 communes
_SIZE_SPREAD = 1.7  # standard deviation of the logarithm of a commune's population
_EPCI_SIZE = 15  # communes, between 10 and 20
_WIGGLE = 0.16  # half-width of a border over the distance to its nearest end: neighbours cannot cross
_REGION_SIZE = 8  # départements


@dataclass(frozen=True)
class Deleguee:
    """A former commune inside a commune nouvelle."""

    code: str
    nom: str
    x: float
    y: float


@dataclass
class Commune:
    """A commune of today. `x`, `y`: its town, EPSG:2154; `geometry`: EPSG:2154; `rang`: COG `rangChefLieu`."""

    index: int
    code: str
    nom: str
    departement: str
    x: float
    y: float
    geometry: shapely.Geometry
    population: int = 0
    altitude: float = 0.0
    rang: int = 0
    arrondissement: str = ""
    epci: str | None = None
    code_postal: str = ""
    deleguees: list[Deleguee] = field(default_factory=list)

    @property
    def siren(self) -> str:
        """SIREN of the commune: the usual shape, in a series real communes do not use."""
        return luhn(f"21{self.code[:2]}9{self.code[2:]}")


@dataclass(frozen=True)
class Epci:
    """An intercommunalité and its members (indices of communes)."""

    code: str
    nom: str
    type: str
    membres: tuple[int, ...]


@dataclass(frozen=True)
class Departement:
    """A département; `chefs_lieux` are the communes of its préfecture and sous-préfectures, in that order."""

    code: str
    nom: str
    region: str
    chefs_lieux: tuple[int, ...]
    communes: tuple[int, ...]


@dataclass(frozen=True)
class World:
    """The whole fictional territory. `island` and `two_part` are indices of communes, as in `communes`."""

    departements: tuple[Departement, ...]
    regions: dict[str, str]
    communes: tuple[Commune, ...]
    epci: tuple[Epci, ...]
    neighbours: tuple[tuple[int, int], ...]
    island: int
    two_part: tuple[int, ...]
    enclave: int | None
    empty: int

    @cached_property
    def wgs84(self) -> npt.NDArray[np.object_]:
        """Polygons in degrees, five decimals, in the order of `communes`."""
        # Rounding merges vertices closer than a metre; a repeated vertex makes nothing invalid but is not written.
        return np.asarray(shapely.remove_repeated_points(_degrees([c.geometry for c in self.communes])), dtype=object)

    def elevation(self, x: Floats, y: Floats) -> Floats:
        """Altitude in metres: a plain that rises towards the south-east of every département."""
        return _elevation(x, y, _side(self))


def _degrees(geometries: Sequence[shapely.Geometry] | npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """EPSG:2154 -> WGS84 with five decimals, the resolution of the real contours."""
    rounded = shapely.transform(
        np.array(geometries, dtype=object),
        lambda xy: np.round(np.column_stack(crs.unproject(xy[:, 0], xy[:, 1], crs.MAINLAND)), 5),
    )
    return np.asarray(rounded, dtype=object)


def luhn(digits: str) -> str:
    """The digits with their Luhn key appended (SIREN, SIRET)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def departement_codes(count: int) -> tuple[str, ...]:
    """Codes of a fictional France of that size.

    One or two départements take codes that no département bears: 96 and 20. Beyond, that series is too short, and the
    codes are 01…95 in order, as in a real list; 96 comes last.

    Raises:
        WrongUse: less than one département or more than 96.
    """
    if not 1 <= count <= 96:
        raise WrongUse("departements", expected="a number from 1 to 96", found=str(count), remedy="ask for fewer")
    if count <= 2:
        return ("96", "20")[:count]
    return tuple(f"{i:02d}" for i in range(1, count + 1))


def build_world(departements: int, communes_per_departement: int, seed: int) -> World:
    """The fictional territory of that size; the same arguments give the same one.

    Raises:
        WrongUse: fewer than 12 or more than 900 communes per département, or a wrong number of départements.
    """
    codes = departement_codes(departements)
    if not 12 <= communes_per_departement <= 900:
        raise WrongUse(
            "communes_per_departement",
            expected="a number from 12 to 900",
            found=str(communes_per_departement),
            remedy="ask for another size",
        )
    rng = np.random.default_rng([seed, 1])
    plan = _Plan(len(codes), communes_per_departement)
    cells = _tessellate(plan, rng)
    owner, groups = _group_cells(plan, cells, rng)
    return _settle(codes, plan, cells, owner, groups, seed)


# --- cells -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """How many cells each département gets: its communes, plus the extra cells that make the odd ones."""

    count: int
    communes: int

    @property
    def nouvelles(self) -> int:
        """Communes nouvelles per département, each made of three cells."""
        return max(1, self.communes // 60)

    def cells(self, departement: int) -> int:
        """Cells on the mainland: the island is apart, the enclave of the first lies in the second."""
        extra = 2 * self.nouvelles + 1  # + the second part of a two-part commune
        return self.communes + extra + (departement == 1) - (departement == 0)

    @property
    def side(self) -> float:
        """Side of a département's square, metres."""
        return float(np.sqrt(self.communes * _COMMUNE_AREA))

    @property
    def columns(self) -> int:
        return int(np.ceil(np.sqrt(self.count)))

    def corner(self, departement: int) -> tuple[float, float]:
        """South-west corner of the département's square before the warp; rows go down from the north-west."""
        column, row = departement % self.columns, departement // self.columns
        rows = -(-self.count // self.columns)
        x = _CENTRE[0] + (column - self.columns / 2) * self.side
        y = _CENTRE[1] + (rows / 2 - 1 - row) * self.side
        return x, y


@dataclass(frozen=True)
class _Cells:
    """Voronoi cells: `seeds` (x, y), `departement` of each (-1: the outside world), polygons and adjacent pairs."""

    seeds: Floats
    departement: Ints
    polygons: npt.NDArray[np.object_]  # of the inside cells only
    pairs: Ints  # (n, 2), every shared border
    island: int


def _warp(points: Floats, side: float) -> Floats:
    """Bend the grid so that no border of a département is straight; small against the side, hence one to one."""
    x, y = points[:, 0], points[:, 1]
    k = 2 * np.pi / side
    dx = 0.05 * side * np.sin(0.83 * k * y + 0.4) + 0.03 * side * np.sin(2.1 * k * y + 0.7 * k * x)
    dy = 0.05 * side * np.sin(0.71 * k * x + 1.3) + 0.03 * side * np.sin(1.9 * k * x - 0.6 * k * y)
    return np.column_stack([x + dx, y + dy])


def _tessellate(plan: _Plan, rng: np.random.Generator) -> _Cells:
    spacing = float(np.sqrt(_COMMUNE_AREA))
    inside, owner = [], []
    for index in range(plan.count):
        count = plan.cells(index)
        step = np.arange(1, count + 1)
        # The R2 sequence spreads any number of points evenly over the unit square.
        unit = (rng.random(2) + np.outer(step, (0.7548776662466927, 0.5698402909980532))) % 1.0
        unit = np.clip(unit + rng.normal(0, 0.25, unit.shape) * spacing / plan.side, 0.002, 0.998)
        inside.append(plan.corner(index) + unit * plan.side)
        owner += [index] * count
    land = np.vstack(inside)
    outside = _sea(plan, spacing, rng)
    # The island: a cell of the first département, alone in the sea off its western coast.
    island = np.array([[land[:, 0].min() - 3.5 * spacing, plan.corner(0)[1] + 0.55 * plan.side]])
    outside = outside[np.hypot(*(outside - island).T) > 0.9 * spacing]
    seeds = _warp(np.vstack([land, island, outside]), plan.side)
    departement = np.array([*owner, 0, *[-1] * len(outside)], dtype=np.int64)
    count = len(land) + 1
    for _ in range(2):  # Lloyd: seeds move to the centroid of their cell, the shapes become commune-like
        diagram = _Diagram(seeds, count)
        seeds = np.vstack([diagram.centroids(), seeds[count:]])
    diagram = _Diagram(seeds, count)
    return _Cells(seeds[:count], departement[:count], diagram.polygons(rng), diagram.pairs(), count - 1)


def _sea(plan: _Plan, spacing: float, rng: np.random.Generator) -> Floats:
    """Seeds of the outside world: a jittered lattice, eight cells deep, around the squares."""
    corners = np.array([plan.corner(i) for i in range(plan.count)])
    margin = 8 * spacing
    low, high = corners.min(axis=0) - margin, corners.max(axis=0) + plan.side + margin
    xs, ys = np.arange(low[0], high[0], spacing), np.arange(low[1], high[1], spacing)
    lattice = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    lattice += rng.uniform(-0.2, 0.2, lattice.shape) * spacing
    gap = np.full(len(lattice), np.inf)
    for x, y in corners:
        outwards = np.maximum(np.maximum((x, y) - lattice, lattice - (x + plan.side, y + plan.side)), 0)
        gap = np.minimum(gap, np.hypot(outwards[:, 0], outwards[:, 1]))
    return np.asarray(lattice[(gap > 0.4 * spacing) & (gap < margin)])


class _Diagram:
    """A Voronoi diagram of which the first `count` cells matter; the others only bound them."""

    def __init__(self, seeds: Floats, count: int) -> None:
        self.seeds, self.count = seeds, count
        # Four far seeds close the cells of the outermost sea, so that every ridge of an inside cell is finite.
        far = 10 * np.ptp(seeds, axis=0).max()
        guards = seeds.mean(axis=0) + far * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
        diagram = Voronoi(np.vstack([seeds, guards]))
        ridges = np.sort(np.asarray(diagram.ridge_vertices), axis=1)
        sides = np.asarray(diagram.ridge_points)
        useful = (sides.min(axis=1) < count) & (ridges.min(axis=1) >= 0)
        order = np.lexsort((ridges[useful, 1], ridges[useful, 0]))
        self.sides: Ints = sides[useful][order].astype(np.int64)
        self.start: Floats = diagram.vertices[ridges[useful][order, 0]]
        self.end: Floats = diagram.vertices[ridges[useful][order, 1]]

    def pairs(self) -> Ints:
        both = self.sides.max(axis=1) < self.count
        return np.unique(np.sort(self.sides[both], axis=1), axis=0)

    def _rings(self, borders: Floats) -> tuple[Floats, Ints]:
        """Vertices of the cells, counter-clockwise, with the cell of each; `borders` (ridge, vertex, xy)."""
        cell = self.sides.T.reshape(-1)
        ridge = np.tile(np.arange(len(self.sides)), 2)
        ridge, cell = ridge[cell < self.count], cell[cell < self.count]
        seed = self.seeds[cell]
        a, b = self.start[ridge] - seed, self.end[ridge] - seed
        backwards = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0
        middle = (a + b) / 2
        order = np.lexsort((np.arctan2(middle[:, 1], middle[:, 0]), cell))
        lines = borders[ridge[order]]
        lines = np.where(backwards[order, None, None], lines[:, ::-1], lines)[:, :-1]
        return lines.reshape(-1, 2), np.repeat(cell[order], lines.shape[1]).astype(np.int64)

    def centroids(self) -> Floats:
        points, cell = self._rings(np.stack([self.start, self.end], axis=1))
        return np.asarray(shapely.get_coordinates(shapely.centroid(_polygons(points, cell))))

    def polygons(self, rng: np.random.Generator) -> npt.NDArray[np.object_]:
        """Cells with crooked borders; where one would cross another, both cells keep straight ones."""
        run = self.end - self.start
        normal = np.column_stack([-run[:, 1], run[:, 0]])
        at = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
        sway = rng.uniform(-1, 1, (len(run), 5)) * np.minimum(at, 1 - at) * 2 * _WIGGLE
        straight = self.start[:, None] + at[None, :, None] * run[:, None]
        crooked = straight + sway[:, :, None] * normal[:, None]
        while True:
            polygons = _polygons(*self._rings(np.round(crooked, 2)))
            invalid = np.flatnonzero(~(shapely.is_valid(polygons) & shapely.is_valid(_degrees(polygons))))
            culprits = np.isin(self.sides, invalid).any(axis=1)
            if not culprits.any() or np.array_equal(crooked[culprits], straight[culprits]):
                return polygons
            crooked[culprits] = straight[culprits]


def _polygons(points: Floats, cell: Ints) -> npt.NDArray[np.object_]:
    return np.asarray(shapely.polygons(shapely.linearrings(points, indices=cell)), dtype=object)


# --- communes made of several cells ------------------------------------------------------------------------------


def _group_cells(plan: _Plan, cells: _Cells, rng: np.random.Generator) -> tuple[Ints, dict[str, list[list[int]]]]:
    """Which cells make one commune: (lead cell of each cell, the groups by kind)."""
    count = len(cells.seeds)
    owner = np.arange(count)
    adjacent: list[list[int]] = [[] for _ in range(count)]
    for a, b in cells.pairs.tolist():
        adjacent[a].append(b)
        adjacent[b].append(a)
    used = {cells.island}
    groups: dict[str, list[list[int]]] = {"nouvelle": [], "two_part": [], "enclave": []}

    def free(cell: int, departement: int) -> bool:
        return cell not in used and cells.departement[cell] == departement

    def take(kind: str, group: list[int]) -> None:
        groups[kind].append(group)
        used.update(group)
        owner[group] = group[0]

    def shuffled(departement: int) -> list[int]:
        own = np.flatnonzero(cells.departement == departement)
        return [int(i) for i in rng.permutation(own)]

    if plan.count > 1:
        # A commune of the first département with a part wholly inside the second (as Boursies in the Nord).
        inner = next(c for c in shuffled(1) if all(cells.departement[o] == 1 for o in adjacent[c]))
        border = [c for c in shuffled(0) if free(c, 0)]
        near = border[int(np.argmin(np.hypot(*(cells.seeds[border] - cells.seeds[inner]).T)))]
        take("enclave", [near, inner])
    for departement in range(plan.count):
        wanted = plan.nouvelles
        for lead in shuffled(departement):
            if wanted == 0:
                break
            near_by = [c for c in adjacent[lead] if free(c, departement)]
            if free(lead, departement) and len(near_by) >= 2:
                take("nouvelle", [lead, *near_by[:2]])
                wanted -= 1
        for lead in shuffled(departement):
            if not free(lead, departement):
                continue
            ring = {o for c in adjacent[lead] for o in adjacent[c]} | {lead, *adjacent[lead]}
            beyond = {o for c in ring for o in adjacent[c]} - ring
            apart = sorted(c for c in beyond if free(c, departement))
            if apart:
                take("two_part", [lead, apart[int(rng.integers(len(apart)))]])
                break
    return owner, groups


# --- what lives there --------------------------------------------------------------------------------------------


def _side(world: World) -> float:
    return float(np.sqrt(len(world.communes) / len(world.departements) * _COMMUNE_AREA))


def _elevation(x: Floats, y: Floats, side: float) -> Floats:
    u = ((x - _CENTRE[0]) / side) % 1.0
    v = ((_CENTRE[1] - y) / side) % 1.0
    rise = np.clip(u + v - 1.0, 0, None)
    return np.asarray(np.round(60 + 40 * (u + v) + 1900 * rise**2 + 30 * np.sin(x / 2900) * np.cos(y / 3100), 1))


def _settle(
    codes: tuple[str, ...], plan: _Plan, cells: _Cells, owner: Ints, groups: dict[str, list[list[int]]], seed: int
) -> World:
    rng = np.random.default_rng([seed, 2])
    leads = np.flatnonzero(owner == np.arange(len(owner)))
    nouvelles = {group[0]: group for group in groups["nouvelle"]}
    taken: set[str] = set()
    communes: list[Commune] = []
    index_of: dict[int, int] = {}
    members: list[list[int]] = []
    several = {group[0]: group for kind in groups.values() for group in kind}
    for number, departement in enumerate(codes):
        own = [int(c) for c in leads if cells.departement[c] == number]
        rivers = [names.RIVERS[(3 * number + k) % len(names.RIVERS)] for k in range(3)]
        olds = [c for lead in own for c in nouvelles.get(lead, [])]
        titles = names.commune_names(rng, len(own) + len(olds), rivers, taken)
        if cells.island in own:
            root = titles[own.index(cells.island)]
            titles[own.index(cells.island)] = f"L'Île-{names.de(root).replace(' ', '-')}"
        # Codes follow the alphabet; a commune nouvelle bears the code of its first former commune.
        old_titles = dict(zip(olds, titles[len(own) :], strict=True))
        keys = {lead: old_titles[lead] if lead in nouvelles else titles[i] for i, lead in enumerate(own)}
        keys |= {old: old_titles[old] for old in olds}
        code_of = {
            cell: f"{departement}{rank:03d}"
            for rank, cell in enumerate(sorted(keys, key=lambda c: (names.slug(keys[c]), c)), start=1)
        }
        ranked = sorted(own, key=lambda c: code_of[c])
        members.append(list(range(len(communes), len(communes) + len(ranked))))
        for cell in ranked:
            parts = several.get(cell, [cell])
            geometry = cells.polygons[cell] if len(parts) == 1 else shapely.union_all(cells.polygons[parts])
            x, y = _town(cells.polygons[cell], cells.seeds[cell], rng)
            commune = Commune(
                len(communes), code_of[cell], titles[own.index(cell)], departement, x, y, shapely.normalize(geometry)
            )
            for old in nouvelles.get(cell, []):
                place = (x, y) if old == cell else _town(cells.polygons[old], cells.seeds[old], rng)
                commune.deleguees.append(Deleguee(code_of[old], old_titles[old], *place))
            index_of[cell] = commune.index
            communes.append(commune)
    pairs = {
        (min(a, b), max(a, b))
        for a, b in ((index_of[int(owner[a])], index_of[int(owner[b])]) for a, b in cells.pairs)
        if a != b
    }
    neighbours = tuple(sorted(pairs))
    for commune, z in zip(
        communes,
        _elevation(np.array([c.x for c in communes]), np.array([c.y for c in communes]), plan.side),
        strict=True,
    ):
        commune.altitude = float(z)
    island = index_of[cells.island]
    enclave = index_of[groups["enclave"][0][0]] if groups["enclave"] else None
    regions: dict[str, str] = {}
    places: list[Departement] = []
    weights = np.exp(rng.normal(0, 0.45, len(codes)))
    totals = np.round(weights / weights.sum() * _MEAN_POPULATION * len(communes)).astype(np.int64)
    epci: list[Epci] = []
    empty = -1
    for number, departement in enumerate(codes):
        region = f"{60 + number // _REGION_SIZE:02d}"
        regions.setdefault(region, f"Bassin {names.de(names.RIVERS[-1 - number // _REGION_SIZE])} (région fictive)")
        own_communes = [communes[i] for i in members[number]]
        chefs_lieux = _populate(own_communes, int(totals[number]), island, rng)
        if number == 0:
            rest = [c for c in own_communes if c.rang == 0 and c.index not in (island, enclave) and not c.deleguees]
            empty = max(rest, key=lambda c: (c.altitude, c.code)).index
            communes[chefs_lieux[0]].population += communes[empty].population
            communes[empty].population = 0
        _arrondissements(own_communes, chefs_lieux, communes)
        epci += _group_epci(departement, own_communes, neighbours, island, rng)
        _postcodes(own_communes, island)
        places.append(
            Departement(departement, names.departement_name(number), region, chefs_lieux, tuple(members[number]))
        )
    return World(
        tuple(places),
        regions,
        tuple(communes),
        tuple(epci),
        neighbours,
        island,
        tuple(index_of[group[0]] for group in groups["two_part"]),
        enclave,
        empty,
    )


def _town(polygon: shapely.Geometry, seed: Floats, rng: np.random.Generator) -> tuple[float, float]:
    x, y = (seed + rng.normal(0, 300, 2)).round(1)
    if not shapely.contains_xy(polygon, x, y):
        x, y = shapely.get_coordinates(shapely.point_on_surface(polygon))[0].round(1)
    return float(x), float(y)


def _populate(communes: list[Commune], total: int, island: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Give each commune its inhabitants; returns the indices of the préfecture and the sous-préfectures.

    Sizes follow a log-normal law with the spread of French communes, so the largest decrease as in Zipf's law.
    """
    xy = np.array([(c.x, c.y) for c in communes])
    centre = xy.mean(axis=0) + rng.normal(0, 0.1, 2) * np.ptp(xy, axis=0)
    gap = np.hypot(*(xy - centre).T)
    gap[[c.index == island for c in communes]] = np.inf
    heads = [int(np.argmin(gap))]
    for _ in range(1 + (len(communes) >= 40) + (len(communes) >= 250)):
        away = np.min([np.hypot(*(xy - xy[h]).T) for h in heads], axis=0)
        # far from the others, but not on the very border nor on the island
        away[gap > np.quantile(gap[np.isfinite(gap)], 0.8)] = 0
        heads.append(int(np.argmax(away)))
    near = np.min([np.hypot(*(xy - xy[h]).T) / (1 + (k > 0)) for k, h in enumerate(heads)], axis=0)
    altitude = np.array([c.altitude for c in communes])
    pull = rng.normal(0, 1, len(communes)) + 2.2 * np.exp(-near / 6000) - altitude / 500
    pull[heads] = [100 - k for k in range(len(heads))]
    ranks = (np.arange(len(communes))[::-1] + 0.5) / len(communes)
    sizes = np.sort(np.exp(_SIZE_SPREAD * ndtri(ranks) + rng.normal(0, 0.1, len(communes))))[::-1]
    sizes[0] = max(sizes[0], 0.09 * sizes.sum())
    people = np.maximum(np.floor(sizes / sizes.sum() * total), 9).astype(np.int64)
    people[0] += max(total - int(people.sum()), 0)
    for rank, position in enumerate(np.argsort(-pull, kind="stable")):
        communes[position].population = int(people[rank])
    for k, head in enumerate(heads):
        communes[head].rang = 3 if k == 0 else 2
    return tuple(communes[h].index for h in heads)


def _arrondissements(own: list[Commune], chefs_lieux: tuple[int, ...], communes: list[Commune]) -> None:
    heads = np.array([(communes[i].x, communes[i].y) for i in chefs_lieux])
    _, nearest = cKDTree(heads).query([(c.x, c.y) for c in own])
    for commune, head in zip(own, nearest.tolist(), strict=True):
        commune.arrondissement = f"{commune.departement}{head + 1}"


def _group_epci(
    departement: str,
    own: list[Commune],
    neighbours: tuple[tuple[int, int], ...],
    island: int,
    rng: np.random.Generator,
) -> list[Epci]:
    """Cut a département in contiguous groups of 10–20 communes; the island stays out of any, as the real ones do."""
    mainland = [c for c in own if c.index != island]
    position = {c.index: i for i, c in enumerate(mainland)}
    edges = np.array([(position[a], position[b]) for a, b in neighbours if a in position and b in position])
    xy = np.array([(c.x, c.y) for c in mainland])
    label = np.zeros(len(mainland), dtype=np.int64)
    for number, part in enumerate(_cut(np.arange(len(mainland)), xy, max(1, round(len(mainland) / _EPCI_SIZE)), rng)):
        label[part] = number
    _join_strays(label, edges)
    result: list[Epci] = []
    for number in np.unique(label):
        group = [mainland[i] for i in np.flatnonzero(label == number)]
        people = sum(c.population for c in group)
        seat = max(group, key=lambda c: c.population)
        kind = "CC" if seat.rang == 0 else ("METRO" if people > 250_000 else "CA")
        title = {"CC": "CC du Pays {}", "CA": "CA {}", "METRO": "Métropole {}"}[kind]
        name = names.de(seat.nom) if kind != "CA" else seat.nom
        siren = luhn(f"24{departement}9{len(result) + 1:03d}")  # a series no real EPCI uses
        for commune in group:
            commune.epci = siren
        result.append(Epci(siren, f"{title.format(name)} (fictif)", kind, tuple(c.index for c in group)))
    return result


def _postcodes(own: list[Commune], island: int) -> None:
    """One postcode per post office, shared by the communes around it; the préfecture's ends in 000."""
    mainland = sorted((c for c in own if c.index != island), key=lambda c: (c.rang != 3, -c.population))
    offices = mainland[: max(1, len(mainland) // 5)]
    step = 10 if len(offices) < 99 else 5
    _, nearest = cKDTree([(c.x, c.y) for c in offices]).query([(c.x, c.y) for c in own])
    for commune, office in zip(own, nearest.tolist(), strict=True):
        alone = commune.index == island
        commune.code_postal = f"{commune.departement}{990 if alone else office * step:03d}"


def _cut(part: Ints, xy: Floats, pieces: int, rng: np.random.Generator) -> Iterator[Ints]:
    if pieces == 1:
        yield part
        return
    axis = int(np.argmax(np.ptp(xy[part], axis=0)))
    left = pieces // 2
    share = left / pieces + rng.uniform(-0.04, 0.04)
    order = part[np.argsort(xy[part, axis], kind="stable")]
    middle = round(len(part) * share)
    yield from _cut(order[:middle], xy, left, rng)
    yield from _cut(order[middle:], xy, pieces - left, rng)


def _join_strays(label: Ints, edges: Ints) -> None:
    """A group cut in pieces gives its smaller pieces to a neighbouring group, in place."""
    while True:
        same = edges[label[edges[:, 0]] == label[edges[:, 1]]]
        graph = coo_matrix((np.ones(len(same)), (same[:, 0], same[:, 1])), shape=(len(label),) * 2)
        _, component = connected_components(graph, directed=False)
        sizes = np.bincount(component)
        main = {int(number): int(np.argmax(np.where(np.bincount(component[label == number], minlength=len(sizes)) > 0,
                                                   sizes, 0))) for number in np.unique(label)}  # fmt: skip
        stray = np.array([component[i] != main[int(label[i])] for i in range(len(label))])
        if not stray.any():
            return
        for a, b in edges.tolist():
            if stray[a] and not stray[b]:
                label[a] = label[b]
                break
            if stray[b] and not stray[a]:
                label[b] = label[a]
                break
        else:
            return


def reachable(world: World, start: int) -> Ints:
    """Communes reached from one by stepping over shared borders (the island is not)."""
    edges = np.array(world.neighbours)
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(world.communes),) * 2).tocsr()
    return np.asarray(breadth_first_order(graph + graph.T, start, return_predecessors=False), dtype=np.int64)
