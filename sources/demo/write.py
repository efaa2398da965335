"""Writing the fictional France: a mirror tree laid out by URL, and the facts that tests hold against it."""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.foundations.urls import mirror_file
from sources.demo import (
    grid,
    quirks,
    roads,
    wire_caf,
    wire_cog,
    wire_context,
    wire_dila,
    wire_france_services,
    wire_lists,
)
from sources.demo.geography import World, build_world
from sources.demo.months import Changes, edition_date, evolve
from sources.demo.society import society
from sources.demo.supply import Counter, Supply, build_supply
from sources.registry import discover
from sources.spec import SourceSpec

_SOURCES = Path(__file__).parents[1]

Ids = Mapping[str, tuple[str, ...]]  # feed -> ids of its records


@dataclass(frozen=True)
class DemoFacts:
    """What is true of a demo that was written: the ground truth of tests.

    `records`: rows written, by feed. `types`: counters of the directory by type code, before any fault. `quirks`: ids
    (in their feed) of the records that bear each documented fault. `opened` … `rescheduled`: ids of the records changed
    since the edition of the month before, by feed. Ids: the UUID for `dila`, `id_fs` for `france_services`,
    `<commune>-<rank>` for `caf`, the value of its id column for a departmental list. `files`: paths under the root.
    """

    departements: tuple[str, ...]
    communes: int
    population: int
    epci: int
    records: Mapping[str, int]
    types: Mapping[str, int]
    quirks: Ids
    opened: Ids
    closed: Ids
    moved: Ids
    renamed: Ids
    rescheduled: Ids
    files: tuple[str, ...]


def write_mirror(
    root: Path,
    *,
    departements: int = 2,
    communes_per_departement: int = 60,
    seed: int = 20260101,
    month: int = 0,
) -> DemoFacts:
    """Write the feeds of a fictional France under `root`, as `<host>/<path>` of their real URL.

    The same arguments write the same bytes.

    Args:
        root: created if need be; files of an earlier edition are overwritten.
        departements: 1 or 2 (codes 96, 20), or up to 96 (codes 01…95, 96).
        communes_per_departement: 12 to 900; 368 with 95 départements is the size of France (68 M inhabitants).
        month: later editions of the same world: counters opened, closed, moved, renamed, with other hours.

    Raises:
        WrongUse: a size out of those bounds.
    """
    world = build_world(departements, communes_per_departement, seed)
    first = build_supply(world, seed)
    lists = wire_lists.lists(discover(_SOURCES).values())
    assigned = _assign(lists, world)
    plan = quirks.plan(world, first, {s.id: _listed(s, world, first, assigned) for s in lists}, seed)
    supply, changes, previous = evolve(world, first, seed, month, plan.protected)
    writer = _Writer(root, world, seed, month, plan)
    writer.directory(supply)
    writer.france_services(supply)
    writer.caf(supply)
    for spec in lists:
        writer.list(spec, _listed(spec, world, supply, assigned))
    writer.reference()
    writer.cells()
    writer.context()
    keys = {**quirks.structural(world, supply), **plan.keys}
    feeds = {q.id: q.feed for q in quirks.QUIRKS} | {name: feed for name, (feed, _) in quirks.STRUCTURAL.items()}
    return DemoFacts(
        tuple(d.code for d in world.departements),
        len(world.communes),
        sum(c.population for c in world.communes),
        len(world.epci),
        dict(writer.counts),
        dict(sorted(Tally(c.type for c in supply.directory).items())),
        {name: tuple(writer.ids[feeds[name]][key] for key in found) for name, found in keys.items()},
        *_changes(changes, supply, previous, seed),
        tuple(sorted(writer.files)),
    )


def _assign(lists: Iterable[SourceSpec], world: World) -> dict[str, str]:
    """The département of each list: its own code when the fictional France has it, else one in turn."""
    codes = [d.code for d in world.departements]
    return {
        spec.id: next((c for c in wire_lists.departements_of(spec) if c in codes), codes[rank % len(codes)])
        for rank, spec in enumerate(lists)
    }


def _listed(spec: SourceSpec, world: World, supply: Supply, assigned: Mapping[str, str]) -> list[Counter]:
    """The counters of a departmental list: the directory's of those types, and some that only the list knows."""
    types = wire_lists.types_of(spec)
    return [
        c
        for c in (*supply.directory, *supply.social)
        if c.type in types and world.communes[c.commune].departement == assigned[spec.id]
    ]


def _changes(changes: Changes, supply: Supply, previous: Supply, seed: int) -> tuple[Ids, Ids, Ids, Ids, Ids]:
    def ids(keys: frozenset[str], where: Supply) -> Ids:
        return {
            "dila": tuple(sorted(wire_dila.identifier(c.key, seed) for c in where.directory if c.key in keys)),
            "france_services": tuple(str(c.numero) for c in where.france_services if c.key in keys),
            "caf": tuple(wire_caf.key_of(c) for c in where.caf if c.key in keys),
        }

    return (
        ids(changes.opened, supply),
        ids(changes.closed, previous),
        ids(changes.moved, supply),
        ids(changes.renamed, supply),
        ids(changes.rescheduled, supply),
    )


@dataclass(frozen=True)
class TerritoryFacts:
    """What `write_territory` wrote: the files, and their totals."""

    grid_200m: Path
    grid_1km: Path
    roads: Path
    persons: float
    cells: int
    segments: int


def write_territory(
    folder: Path, *, departements: int = 2, communes_per_departement: int = 60, seed: int = 20260101
) -> TerritoryFacts:
    """Write the population grid (Parquet, 200 m and 1 km) and the roads (GeoPackage) of the same fictional France.

    The files are named in `folder`, not laid out by URL. Arguments and errors are those of `write_mirror`.
    """
    world = build_world(departements, communes_per_departement, seed)
    cells = grid.grid_200m(world, seed)
    network = roads.segments(world, seed)
    facts = TerritoryFacts(
        folder / "carreaux_200m.parquet",
        folder / "carreaux_1km.parquet",
        folder / "troncon_de_route.gpkg",
        float(cells["ind"].sum()),
        len(cells),
        len(network),
    )
    grid.write_grid(facts.grid_200m, cells)
    grid.write_grid(facts.grid_1km, grid.grid_1km(cells))
    roads.write_roads(facts.roads, world, network)
    return facts


def quirk_table(facts: DemoFacts) -> str:
    """The documented faults as a Markdown table: fault, feed, what it is, records that bear it."""
    told = {q.id: (q.feed, q.what) for q in quirks.QUIRKS}
    lines = ["| id | feed | what | records |", "|---|---|---|---|"]
    for name, (feed, what) in {**quirks.STRUCTURAL, **told}.items():
        ids = facts.quirks.get(name, ())
        shown = ", ".join(f"`{i}`" for i in ids[:3]) + (f" … ({len(ids)})" if len(ids) > 3 else "")
        lines.append(f"| `{name}` | {feed} | {what} | {shown or 'none at this size'} |")
    return "\n".join(lines)


class _Writer:
    """Writes each feed of one edition, faults included; counts records and remembers their ids."""

    def __init__(self, root: Path, world: World, seed: int, month: int, plan: quirks.Plan) -> None:
        self.root, self.world, self.seed, self.month, self.plan = root, world, seed, month, plan
        self.edition = edition_date(month)
        self.counts: dict[str, int] = {}
        self.ids: dict[str, dict[str, str]] = {}
        self.files: list[str] = []

    def path(self, url: str) -> Path:
        """Where a URL is in the mirror."""
        path = mirror_file(self.root, url)
        self.files.append(path.relative_to(self.root.resolve()).as_posix())
        return path

    def _order(self, counters: Iterable[Counter]) -> list[Counter]:
        """Feeds do not keep the order of their records from an edition to the next."""
        kept = list(counters)
        if self.month == 0:
            return kept
        order = np.random.default_rng([self.seed, 7, self.month]).permutation(len(kept))
        return [kept[int(i)] for i in order]

    def directory(self, supply: Supply) -> None:
        """The DILA directory."""
        counters = self._order(supply.directory)
        self.ids["dila"] = {c.key: wire_dila.identifier(c.key, self.seed) for c in counters}
        twice = set(self.plan.keys.get("identifiant-double", ()))
        self.counts["dila"] = len(counters) + len(twice)

        def services() -> Iterable[wire_dila.Record]:
            written = wire_dila.records(self.world, counters, self.seed, self.edition)
            for counter, record in zip(counters, written, strict=True):
                yield self.plan.apply("dila", counter.key, record)
                if counter.key in twice:
                    yield record

        competences = wire_dila.competences(self.world, supply.directory, self.seed)
        wire_dila.write(self.path(wire_dila.URL), services(), competences, self.edition)

    def france_services(self, supply: Supply) -> None:
        """The list of France services."""
        counters = self._order(supply.france_services)
        self.ids["france_services"] = {c.key: str(c.numero) for c in counters}
        rows = [
            self.plan.apply("france_services", counter.key, row)
            for counter, row in zip(counters, wire_france_services.rows(self.world, counters), strict=True)
        ]
        self.counts["france_services"] = len(rows)
        split = {self.ids["france_services"][key] for key in self.plan.keys.get("fs-ligne-decalee", ())}
        wire_france_services.write(self.path(wire_france_services.URL), rows, split)

    def caf(self, supply: Supply) -> None:
        """The sites of the Caf."""
        spec = discover(_SOURCES)["caf"]
        counters = self._order(supply.caf)
        self.ids["caf"] = {c.key: wire_caf.key_of(c) for c in counters}
        rows = [self.plan.apply("caf", c.key, row) for c, row in zip(counters, wire_caf.rows(counters), strict=True)]
        self.counts["caf"] = len(rows)
        wire_caf.write(self.path(spec.resources[0].url), rows, spec)

    def list(self, spec: SourceSpec, counters: list[Counter]) -> None:
        """One departmental list."""
        rows = wire_lists.rows(spec, counters, self.edition)
        column = spec.options["id"] if isinstance(spec.options["id"], str) else spec.options["id"][0]
        self.ids[spec.id] = {c.key: str(row[column]) for c, row in zip(counters, rows, strict=True)}
        rows = [self.plan.apply(spec.id, c.key, row) for c, row in zip(counters, rows, strict=True)]
        self.counts[spec.id] = len(rows)
        shifted = set(self.plan.keys.get("liste-decalee", ()))
        wire_lists.write(self.path(spec.resources[0].url), rows, spec, [c.key in shifted for c in counters])

    def reference(self) -> None:
        """The official geographic code and the contours."""
        for name, items in wire_cog.tables(self.world).items():
            wire_cog.write_table(self.path(wire_cog.COG_URL.format(name=name)), items)
        wire_cog.write_contours(self.path(wire_cog.CONTOURS_URL), self.world)

    def cells(self) -> None:
        """The inhabited cells, which do not change from month to month."""
        specs = discover(_SOURCES)
        small = grid.grid_200m(self.world, self.seed)
        for size, cells in (("200m", small), ("1km", grid.grid_1km(small))):
            url = specs[f"carreaux_{size}"].resource("france").url
            grid.write_delivery(self.path(url), f"carreaux_{size}_met.csv", cells)

    def context(self) -> None:
        """The tables of context and the quartiers prioritaires, which do not change from month to month either."""
        specs = discover(_SOURCES)
        wire_context.write_context(specs.values(), self.world, society(self.world, self.seed), self.path)
        wire_context.write_quarters(specs["qpv"], self.world, self.path)
