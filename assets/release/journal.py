"""`releases/journal.jsonl`: what was done to the releases and when, one JSON object a line, only ever added to.

It outlives the releases it speaks of: a version given once is never given to other content, even after the release was
removed. What is done is the business of `promote`, `rollback` and `retention`.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pipeline.foundations.errors import QualityRefused

JOURNAL = "journal.jsonl"

#: promotion: a release was put in place; pointeur: somebody made `latest` point to it; suppression: it was removed.
Action = Literal["promotion", "pointeur", "suppression"]


class Entry(BaseModel):
    """One line. `sommes` is the digest of the release's SHA256SUMS, `depuis` the version `latest` pointed to before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quand: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    action: Action
    version: str
    sommes: str | None = None
    depuis: str | None = None
    motif: str | None = None


def write_entry(releases: Path, entry: Entry) -> None:
    """Add a line, and have it on disk; what a killed process left of its own line is cut off first."""
    line = entry.model_dump_json(exclude_none=True) + "\n"
    with (releases / JOURNAL).open("a+b") as file:
        file.seek(0)
        written = file.read()
        file.truncate(written.rfind(b"\n") + 1)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read_journal(releases: Path) -> tuple[Entry, ...]:
    """Every line, oldest first; none when nothing was ever done. The unfinished line of a killed process is no line.

    Raises:
        QualityRefused: a line is not one of the journal's.
    """
    path = releases / JOURNAL
    if not path.is_file():
        return ()
    text = path.read_text(encoding="utf-8", errors="replace")
    entries = []
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), start=1):
        try:
            entries.append(Entry.model_validate_json(line))
        except ValidationError as error:
            raise QualityRefused(
                f"{JOURNAL}, line {number}",
                expected="one entry of the journal of releases",
                found=f"{line!r}: {error.errors()[0]['msg']}",
                remedy="restore the journal from a copy: it says which versions were given",
            ) from error
    return tuple(entries)


def sums_given(releases: Path) -> dict[str, str | None]:
    """The versions ever promoted there, and the digest of what each was."""
    return {e.version: e.sommes for e in read_journal(releases) if e.action == "promotion"}
