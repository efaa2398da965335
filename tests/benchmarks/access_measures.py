"""What each operation on the generated country costs. A measure yields its lines; the peers are in `access_peers`."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from assets.access.network.bounded import reach
from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph, load_graph, save_graph
from assets.access.network.isochrones import Grid, isochrones_to
from assets.access.network.k_nearest import k_nearest_each
from assets.access.network.nearest import nearest_each
from assets.access.network.profile import profiles
from assets.access.network.repair import LiveNearest
from assets.access.network.snap import Attacher, Places
from tests.benchmarks.generated_france import TYPOLOGIES, bench_folder, france

Line = dict[str, Any]

FREQUENT, MEDIUM, RARE = 0, TYPOLOGIES // 2, TYPOLOGIES - 1
_DOORS, _EDITS, _LIMIT_MIN = 2_000, 200, 20  # half of the edits close, half open
_GRID_M, _TOLERANCE_M, _MINUTES = 500, 100, (20, 30)
#: What a measure runs on first, so that loading compiled code is not measured.
TINY = 2_000


@dataclass
class Clock:
    """Wall and processor seconds of what runs inside it."""

    seconds: float = 0.0
    processor: float = 0.0
    _started: tuple[float, float] = field(default=(0.0, 0.0), repr=False)

    def __enter__(self) -> "Clock":
        self._started = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.processor = time.perf_counter() - self._started[0], time.process_time() - self._started[1]

    def line(self, measure: str, remark: str = "") -> Line:
        """The line of a table."""
        return {"measure": measure, "seconds": self.seconds, "processor": self.processor, "remark": remark}


@dataclass(frozen=True)
class Bench:
    """What the measures of one size share, on disk."""

    nodes: int

    @cached_property
    def folder(self) -> Path:
        """Where it is kept."""
        return bench_folder(self.nodes)

    @cached_property
    def graph(self) -> RoadGraph:
        """The graph, memory-mapped."""
        return load_graph(self.folder / "graph")

    def places(self, name: str) -> Places:
        """Places attached by `snap`: `cells_1000`, `cells_200`, `counters`."""
        stored = np.load(self.folder / f"{name}.npz")
        return Places(**{column: stored[column] for column in Places._fields})

    def sets(self) -> list[Places]:
        """Counters of each typology, the most frequent first."""
        counters, typology = self.places("counters"), france(self.nodes).counters()[1]
        return [counters.take(typology == number) for number in range(TYPOLOGIES)]


def warm(bench: Bench) -> Iterator[Line]:
    """Everything, one after the other: on a tiny country, it compiles what the measures need."""
    for name, measure in MEASURES.items():
        if name != "warm":
            yield from measure(bench)


def generate(bench: Bench) -> Iterator[Line]:
    if (bench.folder / "france").exists():
        return  # kept from an earlier run
    with Clock() as clock:
        country = france(bench.nodes)
    remark = f"{len(country.xy):,} nodes, {len(country.start):,} segments; not ours to speed up"
    yield clock.line("generating the country", remark)


def build(bench: Bench) -> Iterator[Line]:
    country = france(bench.nodes)
    with Clock() as reading:
        for _ in country.batches():
            pass
    with Clock() as clock:
        graph = build_graph(country.batches(), profiles(), "voiture")
    tally = graph.meta["bilan"]
    yield clock.line(
        "graph: build",
        f"{tally['noeuds']:,} nodes, {tally['troncons']:,} segments -> {graph.nodes:,} nodes, {graph.edges:,} edges, "
        f"{len(graph.out_arcs):,} arcs; {reading.seconds:.1f} s of it spent generating the batches",
    )
    shutil.rmtree(bench.folder / "graph", ignore_errors=True)
    save_graph(graph, bench.folder / "graph")


def load(bench: Bench) -> Iterator[Line]:
    graph = load_graph(bench.folder / "graph", mapped=False)
    copy = bench.folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    with Clock() as clock:
        save_graph(graph, copy)
    yield clock.line("graph: save", f"{sum(f.stat().st_size for f in copy.iterdir()) / 1e9:.2f} GB")
    with Clock() as clock:
        load_graph(copy)
    yield clock.line("graph: load, memory-mapped", "pages are read when touched")
    shutil.rmtree(copy)


def snap(bench: Bench) -> Iterator[Line]:
    attacher, country = Attacher(bench.graph, profiles().rattachement), france(bench.nodes)
    with Clock() as clock:
        attacher.attach(np.empty(0), np.empty(0))
    yield clock.line("snapping: index of the segments", "once")
    for name, xy in {
        "cells_1000": country.cells(1_000),
        "cells_200": country.cells(200),
        "counters": country.counters()[0],
    }.items():
        with Clock() as clock:
            places = attacher.attach(xy[:, 0], xy[:, 1])
        yield clock.line(f"snapping: {len(xy):,} {name.replace('_', ' ')}", f"{places.on_road.mean():.2%} on the road")
        np.savez(bench.folder / f"{name}.npz", **places._asdict())


def nearest_one_thread(bench: Bench) -> Iterator[Line]:
    yield _nearest(bench, "cells_1000", 1)


def nearest_two_threads(bench: Bench) -> Iterator[Line]:
    yield _nearest(bench, "cells_1000", 2)


def nearest_200m(bench: Bench) -> Iterator[Line]:
    yield _nearest(bench, "cells_200", 2)


def _nearest(bench: Bench, homes: str, threads: int) -> Line:
    graph, sets, cells = bench.graph, bench.sets(), bench.places(homes)
    with Clock() as clock:
        found = nearest_each(graph, cells, sets, threads=threads)
    reached = np.mean([(one.counter >= 0).mean() for one in found])
    measure = f"nearest: {cells.number:,} cells, {len(sets)} typologies, {threads} thread{'s' * (threads > 1)}"
    return clock.line(measure, f"processor / wall {clock.processor / clock.seconds:.2f}; {reached:.1%} reached")


def three_nearest(bench: Bench) -> Iterator[Line]:
    graph, sets, cells = bench.graph, bench.sets(), bench.places("cells_1000")
    with Clock() as clock:
        k_nearest_each(graph, cells, [(one, None) for one in sets], 3)
    measure = f"3 nearest: {cells.number:,} cells, {len(sets)} typologies, 2 threads"
    yield clock.line(measure, f"processor / wall {clock.processor / clock.seconds:.2f}")


def pairs(bench: Bench) -> Iterator[Line]:
    graph, counters, cells = bench.graph, bench.places("counters"), bench.places("cells_1000")
    rng = np.random.default_rng(0)
    doors = counters.take(rng.choice(counters.number, min(_DOORS, counters.number), replace=False))
    with Clock() as clock:
        found = sum(len(part.home) for part in reach(graph, cells, doors, _LIMIT_MIN * 60_000))
    whole = counters.number / doors.number
    yield clock.line(
        f"pairs within {_LIMIT_MIN} min: {doors.number:,} doors drawn from {counters.number:,}, 2 threads",
        f"{found:,} pairs, {found / clock.seconds / 1e6:.2f} M/s; all doors: {found * whole / 1e6:,.0f} M pairs in "
        f"{clock.seconds * whole:,.0f} s (extrapolé)",
    )


def isochrones(bench: Bench) -> Iterator[Line]:
    graph, counters = bench.graph, bench.sets()[MEDIUM]
    attacher = Attacher(graph, profiles().rattachement)
    attacher.attach(np.empty(0), np.empty(0))
    x, y = np.asarray(graph.node_x) / 100, np.asarray(graph.node_y) / 100
    with Clock() as clock:
        grid = Grid.over(attacher, (x.min(), y.min(), x.max(), y.max()), _GRID_M)
    yield clock.line(f"isochrones: grid of {_GRID_M} m over the country", f"{grid.places.number:,} points, once")
    for minutes in _MINUTES:
        with Clock() as clock:
            (area,) = isochrones_to(graph, counters, grid, [minutes], tolerance_m=_TOLERANCE_M)
        measure = f"isochrones: {counters.number:,} counters, {minutes} min"
        yield clock.line(measure, f"{len(area.geoms):,} polygons, {area.area / 1e6:,.0f} km²")


def repair(bench: Bench) -> Iterator[Line]:
    cells, sets, rng = bench.places("cells_1000"), bench.sets(), np.random.default_rng(0)
    for number in (RARE, MEDIUM, FREQUENT):
        live = LiveNearest(bench.graph, cells, sets[number])
        spots = rng.permutation(np.flatnonzero(cells.on_road))[: _EDITS // 2]
        times: dict[str, list[float]] = {"closing": [], "opening": []}
        with Clock() as clock:
            for spot in spots:
                closed, place = int(rng.choice(np.flatnonzero(live.is_open))), cells.take(np.array([spot]))
                times["closing"].append(_milliseconds(live.close, closed))
                times["opening"].append(_milliseconds(live.open, place))
        remark = "; ".join(f"{word} {_spread(taken)}" for word, taken in times.items())
        yield clock.line(f"repair: {sets[number].number:,} counters, {2 * len(spots)} edits", remark)


def _milliseconds(call: Callable[[Any], object], what: object) -> float:
    started = time.perf_counter()
    call(what)
    return (time.perf_counter() - started) * 1_000


def _spread(times: list[float]) -> str:
    middle, high = np.quantile(times, [0.5, 0.95])
    return f"median {middle:.2f}, p95 {high:.2f}, max {max(times):.2f} ms"


MEASURES: dict[str, Callable[[Bench], Iterator[Line]]] = {
    one.__name__: one
    for one in (
        warm, generate, build, load, snap, nearest_one_thread, nearest_two_threads, nearest_200m, three_nearest, pairs,
        isochrones, repair,
    )
}  # fmt: skip


def answer(measures: dict[str, Callable[[Bench], Iterator[Line]]]) -> None:
    """Run the measure named on the command line for a number of nodes; its lines go to the file named last."""
    name, nodes, path = sys.argv[1:]
    list(measures[name](Bench(TINY)))
    lines = list(measures[name](Bench(int(nodes))))
    Path(path).write_text(json.dumps(lines, default=float), encoding="utf-8")


if __name__ == "__main__":
    answer(MEASURES)
