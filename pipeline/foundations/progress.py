"""What long work says while it runs. Silent unless a door (the command line) installs a reporter."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Reporter(Protocol):
    """Receives the progress of a run."""

    def step(self, title: str) -> None:
        """A new piece of work begins."""

    def advance(self, done: int, total: int | None) -> None:
        """The current piece of work has done so much (bytes, rows) of a total, when the total is known."""

    def note(self, text: str) -> None:
        """Something a person should read even after the run."""


class _Silent:
    def step(self, title: str) -> None: ...

    def advance(self, done: int, total: int | None) -> None: ...

    def note(self, text: str) -> None: ...


_current: ContextVar[Reporter | None] = ContextVar("csp_reporter", default=None)


def reporter() -> Reporter:
    """The reporter installed for this run, or a silent one."""
    return _current.get() or _Silent()


@contextmanager
def reporting(to: Reporter) -> Iterator[None]:
    """Install a reporter for the duration of a block."""
    token = _current.set(to)
    try:
        yield
    finally:
        _current.reset(token)
