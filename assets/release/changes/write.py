"""`changements/`: what changed since the release before, written in a release being staged, or between any two.

diff.parquet       every line, with its reason; absent from a first release
notes.md           the same for a person
registre.parquet   every id ever given and what became of it, as in geoparquet/
ponts.parquet      the records each id stands for, as in geoparquet/
"""

import shutil
from pathlib import Path

import polars as pl

from assets.release.changes import notes
from assets.release.changes.check import DIFF, FOLDER
from assets.release.changes.diff import TABLE, differences
from assets.release.changes.edition import BRIDGES, REGISTRY, Edition
from assets.release.changes.evidence import Evidence
from assets.release.changes.settings import note_settings, reason_settings
from assets.release.changes.summary import Summary
from outputs import layout
from outputs.geoparquet import write_geoparquet
from quality.contract import all_contracts
from quality.results import RuleResult
from quality.variation import load_thresholds
from quality.verdict import read_verdict

NOTES = f"{FOLDER}/notes.md"
_VERDICT = Path("qualite") / "verdict.json"


def write_changes(before: Edition | None, after: Edition) -> str:
    """Write `changements/` in the folder of `after`.

    Args:
        before: the release it follows; None for a first one.

    Returns:
        What `NOTES.md` is to say of it.

    Raises:
        QualityRefused: two rows of a table share their key.
    """
    folder = after.folder / FOLDER
    folder.mkdir(exist_ok=True)
    for name in (REGISTRY, BRIDGES):
        if name in after.tables:
            layer = after.tables[name].layer
            shutil.copyfile(layout.geoparquet(after.folder, layer), folder / f"{layer}.parquet")
    if before is None:
        (after.folder / NOTES).write_text(notes.FIRST, encoding="utf-8")
        return notes.FIRST
    lines = differences(before, after)
    write_lines(lines, after.folder / DIFF, before, after)
    full, short = tell(before, after, lines)
    (after.folder / NOTES).write_text(full, encoding="utf-8")
    return short


def write_lines(lines: pl.DataFrame, path: Path, before: Edition, after: Edition) -> None:
    """Write the lines of a diff as one Parquet file, described; its folder exists."""
    about = {"version": after.version, "version_precedente": before.version}
    write_geoparquet(lines, all_contracts()[TABLE], path, metadata=about)


def tell(before: Edition, after: Edition, lines: pl.DataFrame) -> tuple[str, str]:
    """The lines of a diff in words: the whole account, and its short form."""
    summary = Summary(before, after, lines, note_settings())
    evidence = Evidence(before, after, reason_settings(), load_thresholds())
    return notes.full(summary, evidence, _accepted(after.folder)), notes.short(summary)


def _accepted(folder: Path) -> tuple[RuleResult, ...]:
    return read_verdict(folder / _VERDICT).acceptes if (folder / _VERDICT).is_file() else ()
