"""Fingerprints: of values, of files, and of the code itself. They decide what has to be computed again."""

import hashlib
import json
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl

_PACKAGES = ("pipeline", "assets", "sources", "quality", "outputs")
_SUFFIXES = {".py", ".yml", ".json", ".sql", ".html", ".j2", ".css", ".js"}
# Libraries whose version can change the bytes of a table.
_LIBRARIES = (
    "polars",
    "duckdb",
    "pyarrow",
    "shapely",
    "pyproj",
    "scipy",
    "numba",
    "contourpy",
    "osmium",
    "opening-hours-py",
    "great-expectations",
    "rapidfuzz",
    "splink",
    "matplotlib",
)


def of_values(*parts: Any) -> str:
    """Hex digest of JSON-able values, independent of the order of mappings' keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False).encode()).hexdigest()


def of_file(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_frame(frame: pl.DataFrame) -> str:
    """Digest of the columns and rows of a frame, in their order; flat columns only (CSV tells null from empty)."""
    return hashlib.sha256(frame.write_csv().encode()).hexdigest()


@cache
def of_code() -> str:
    """Digest of the project's code, configuration and the libraries that shape its results.

    One digest for the whole code base: after any change of code everything is computed again. It is coarse on purpose;
    a finer one would have to be proved right for every helper shared between stages.
    """
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in _SUFFIXES and path.is_file() and "sources/demo" not in path.as_posix():
                digest.update(path.relative_to(root).as_posix().encode())
                digest.update(path.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library}={metadata.version(library)}".encode())
    return digest.hexdigest()
