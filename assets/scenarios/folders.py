"""Folders of results: written aside, put in place whole by one rename."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.foundations.errors import WrongUse


def replaceable(folder: Path, mark: str) -> Path:
    """The folder itself, when results may take its place.

    Args:
        mark: a file that every folder of such results holds.

    Raises:
        WrongUse: it holds something else, which would be lost.
    """
    if folder.exists() and not (folder / mark).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        raise WrongUse(
            str(folder),
            expected=f"a new folder, or one of results to replace (with {mark})",
            found="something else",
            remedy="give another --out",
        )
    return folder


@contextmanager
def replaced(folder: Path, mark: str) -> Iterator[Path]:
    """A folder to write in; it takes the place of `folder`, and of the results there, when nothing failed.

    Raises:
        WrongUse: as `replaceable`.
    """
    replaceable(folder, mark)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
