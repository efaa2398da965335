"""A release as plain facts: what every module of `outputs.metadata` is given. Gathering them is the release stage's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from quality.contract import Contract
from quality.coverage import Coverage
from quality.results import plural

#: West, south, east, north, in degrees.
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class File:
    """One file of the release, by its path inside it."""

    path: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Download:
    """One file of a source, as it was downloaded."""

    resource: str
    url: str
    final_url: str
    sha256: str
    size: int  # bytes
    fetched: datetime
    dated: datetime  # what the server says, else the download


@dataclass(frozen=True)
class Source:
    """One source. `credit` is the line to copy, with vintage and date; `files` is empty when nothing could be used."""

    id: str
    title: str
    producer: str
    page: str
    licence_id: str
    licence_title: str
    licence_url: str
    credit: str
    vintage: str | None
    state: str
    reason: str | None  # why a newer version was not used, or why there is none
    rows_read: int | None
    rows_usable: int | None
    files: tuple[Download, ...]

    @property
    def dated(self) -> date | None:
        """The day of the oldest file used."""
        return min((f.dated.date() for f in self.files), default=None)


@dataclass(frozen=True)
class Table:
    """One published table. `title` is what its files bear: away from the release, invented data say so."""

    contract: Contract
    title: str
    rows: int


@dataclass(frozen=True)
class Release:
    """One release.

    Attributes:
        reference: aware; the date everything refers to, and that of the release.
        departements: codes of the perimeter.
        boxes: what is covered, as boxes that do not touch.
        files: every file there is when it is described; those written afterwards (manifest, notes, sums) are not here.
        changes: what changed since the last release, as Markdown; None when nothing says it.
        parameters: JSON-able, what else the result depends on.
    """

    version: str
    title: str
    description: str
    fictional: bool
    departements: tuple[str, ...]
    reference: datetime
    licence: str  # identifier, as in contracts
    code_version: str
    code_fingerprint: str
    fingerprint: str
    verdict: str
    counts: Mapping[str, int]  # rules, and how many block, alert, are accepted
    coverage: tuple[Coverage, ...]
    sources: tuple[Source, ...]
    tables: tuple[Table, ...]
    boxes: tuple[Box, ...]
    files: tuple[File, ...]
    changes: str | None = None
    parameters: Any = None

    @property
    def until(self) -> date:
        """The day everything refers to."""
        return self.reference.date()

    @property
    def since(self) -> date:
        """The day of the oldest file used."""
        return min([*(s.dated for s in self.used if s.dated), self.until])

    @property
    def used(self) -> tuple[Source, ...]:
        """Sources that gave something."""
        return tuple(s for s in self.sources if s.files)

    @property
    def box(self) -> Box | None:
        """The box of everything."""
        if not self.boxes:
            return None
        west, south, east, north = zip(*self.boxes, strict=True)
        return min(west), min(south), max(east), max(north)

    def table(self, layer: str) -> Table | None:
        """The table of that layer."""
        return next((t for t in self.tables if t.contract.layer == layer), None)

    def has(self, path: str) -> bool:
        """Whether the release holds that file."""
        return any(f.path == path for f in self.files)


def verdict_sentence(release: Release) -> str:
    """`Verdict accepté : 595 règles contrôlées, 0 blocage, 11 alertes, 0 écart accepté.`"""
    counts = release.counts
    parts = (
        plural(counts.get("regles", 0), "règle contrôlée", "règles contrôlées"),
        plural(counts.get("blocages", 0), "blocage"),
        plural(counts.get("alertes", 0), "alerte"),
        plural(counts.get("acceptes", 0), "écart accepté", "écarts acceptés"),
    )
    return f"Verdict {release.verdict} : {', '.join(parts)}."
