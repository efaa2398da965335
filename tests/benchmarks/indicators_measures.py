"""What the indicators of the whole country cost, case by case; the country is that of `generated_territories`.

Each case is meant for a process of its own, started by `indicators`: making the tables is one, so that neither its time
nor its memory counts in those that read them.
"""

import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial

from assets.tension.stage import compute
from pipeline.foundations.progress import reporting
from tests.benchmarks.access_measures import Bench, Clock, Line, answer
from tests.benchmarks.generated_territories import tables_of

#: Cells of the whole country, and their side in metres.
CASES = {"75k": (75_000, 1_000), "150k": (150_000, 1_000), "300k": (300_000, 1_000), "2300k": (2_300_000, 200)}
_REFERENCE = date(2026, 1, 1)


class Steps:
    """Wall seconds of each step of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._now, self._since = "", time.perf_counter()

    def step(self, title: str) -> None:
        self.seconds[self._now] = self.seconds.get(self._now, 0.0) + time.perf_counter() - self._since
        self._now, self._since = title.removeprefix("indicateurs").strip(" :"), time.perf_counter()

    def advance(self, done: int, total: int | None) -> None: ...

    def note(self, text: str) -> None: ...

    def told(self) -> str:
        self.step("")
        return ", ".join(f"{title} {seconds:.1f} s" for title, seconds in self.seconds.items() if title)


def _make(bench: Bench, cells: int, side_m: int, *, by_road: bool) -> Iterator[Line]:
    tables_of(bench.nodes, cells, side_m, by_road=by_road)
    yield from ()


def _measure(bench: Bench, cells: int, side_m: int, *, by_road: bool) -> Iterator[Line]:
    tables, measured = tables_of(bench.nodes, cells, side_m, by_road=by_road)
    steps = Steps()
    with Clock() as clock, reporting(steps):
        made = compute(tables, measured, _REFERENCE)
    rows = sum(frame.height for frame in made.values())
    how = "by road" if by_road else "as the crow flies"
    line = clock.line(f"{cells:,} cells of {side_m} m, {how}", f"{rows:,} rows; {steps.told()}")
    yield line | {"cells": cells}


MEASURES: dict[str, Callable[[Bench], Iterator[Line]]] = {
    f"{verb}_{name}{'_by_road' * by_road}": partial(measure, cells=cells, side_m=side_m, by_road=by_road)
    for name, (cells, side_m) in CASES.items()
    for by_road in (False, True)
    for verb, measure in (("make", _make), ("measure", _measure))
}

if __name__ == "__main__":
    answer(MEASURES)
