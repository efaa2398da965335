"""`formats.yml`: what each file of a release is, by its path. Only the declaration and the finding of a file's rule."""

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field

from pipeline.foundations import declared
from pipeline.foundations.declared import Strict

_FILE = Path(__file__).with_name("formats.yml")


class Standard(Strict):
    """A specification a file follows."""

    titre: str
    url: str


class Format(Strict):
    """One kind of file: how it is called, how it is opened, and its names in the registers of media types."""

    motif: str
    role: Literal["données", "documents", "fiches", "interne"]
    titre: str
    couche: bool = False  # the stem of the file is the layer of its table
    lignes_max: Annotated[int, Field(gt=0)] | None = None  # a table of more rows has no such file
    phrase: str = ""
    ouvrir: str = ""
    media: str = Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")
    europe: str | None = None
    norme: Standard | None = None

    def layer(self, path: str) -> str | None:
        """Layer of the table that a file holds; None when it holds no single one."""
        return PurePosixPath(path).stem if self.couche else None


def load(path: Path = _FILE) -> tuple[Format, ...]:
    """Read a declaration.

    Raises:
        WrongUse: not YAML, or not a list of formats; every fault is listed.
    """
    return declared.load(tuple[Format, ...], path)


@cache
def formats() -> tuple[Format, ...]:
    """The declaration of this project."""
    return load()


def has_csv(rows: int) -> bool:
    """Whether a table of that many rows has a CSV: longer ones are published as Parquet only."""
    most = format_of("csv/table.csv").lignes_max
    return most is None or rows <= most


def format_of(path: str) -> Format:
    """What the file at that path of a release is; one that no rule knows is a document under its own path."""
    for found in formats():
        if fnmatchcase(path, found.motif):
            return found
    return Format(motif=path, role="documents", titre=path, media="application/octet-stream")
