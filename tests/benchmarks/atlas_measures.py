"""What the atlas of the whole country costs, on the tables of `generated_territories` and the road graph of `access`.

Each measure is meant for a process of its own, started by `atlas`: making what it reads is another one.
"""

from collections.abc import Callable, Iterator
from functools import partial

from assets.scenarios.atlas_stage import atlas
from pipeline.foundations.crs import MAINLAND
from pipeline.foundations.progress import reporting
from tests.benchmarks.access_measures import Bench, Clock, Line, answer, build
from tests.benchmarks.generated_territories import tables_of
from tests.benchmarks.indicators_measures import CASES, Steps

_CELLS, _SIDE_M = CASES["300k"]


def make(bench: Bench) -> Iterator[Line]:
    """The tables, and the graph unless it was kept from an earlier run."""
    tables_of(bench.nodes, _CELLS, _SIDE_M, by_road=False)
    if not (bench.folder / "graph").exists():
        for _ in build(bench):
            pass
    yield from ()


def measure(bench: Bench, *, by_road: bool) -> Iterator[Line]:
    """Closings of every counter and openings in every commune, one after the other."""
    tables, _ = tables_of(bench.nodes, _CELLS, _SIDE_M, by_road=False)
    everywhere = sorted(tables.read("territories__appartenance")["departement"].unique())
    graphs, measured = ({MAINLAND: bench.graph}, everywhere) if by_road else ({}, [])
    steps = Steps()
    with Clock() as clock, reporting(steps):
        made = atlas(tables, graphs, measured)
    rows = ", ".join(f"{frame.height:,} {name.partition('__')[2]}" for name, frame in made.items())
    yield clock.line(f"{_CELLS:,} cells, {'by road' if by_road else 'as the crow flies'}", f"{rows}; {steps.told()}")


MEASURES: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "make": make,
    "crow": partial(measure, by_road=False),
    "road": partial(measure, by_road=True),
}

if __name__ == "__main__":
    answer(MEASURES)
