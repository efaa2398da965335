"""Progress of a run on a terminal: one line per step with its time, a bar where the total is known."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class ConsoleReporter:
    """Shows the steps of a run; on something that is not a terminal, prints a line when each step ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = None if not console.is_terminal else self._progress.add_task("", total=None, visible=False)
        self._title: str | None = None
        self._began = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(failed=error is not None)
        self._progress.stop()

    def step(self, title: str) -> None:
        """End the current step and begin another."""
        self._close()
        self._title, self._began = title, time.monotonic()
        if self._task is not None:
            self._progress.reset(self._task, description=title, total=None, visible=True)

    def advance(self, done: int, total: int | None) -> None:
        """Bytes or rows done in the current step."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def note(self, text: str) -> None:
        """A line that stays on screen."""
        self._console.print("! " + text, markup=False, highlight=False, style="yellow", soft_wrap=True)

    def _close(self, *, failed: bool = False) -> None:
        if self._title is None:
            return
        mark = "✗" if failed else "·"
        seconds = time.monotonic() - self._began
        self._console.print(f"{mark} {self._title} ({seconds:.1f} s)", markup=False, highlight=False)
        self._title = None
