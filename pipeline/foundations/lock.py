"""One build at a time on a data root: an advisory lock that the system releases when its holder dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.foundations.errors import WrongUse


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold the data root for the duration of a block.

    Raises:
        WrongUse: another process holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".verrou").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WrongUse(
                f"data root {root}",
                expected="no other build running on it",
                found="its lock is held by another process",
                remedy="wait for that build to end, or give another --data",
            ) from error
        yield
