"""Whether a diff is trusted: applied to the release before, it gives the release after, table by table, cell by cell.

Rows that no line speaks of must be the same in both; those that lines speak of are rebuilt from them. Making the diff
is `diff`; refusing a release for it, `promote`.
"""

from pathlib import Path

import polars as pl

from assets.release.changes.compare import ADDED, LINK_SCHEMA, REMOVED, RENAMED, apply, compare
from assets.release.changes.diff import TABLE, comparable
from assets.release.changes.edition import Edition
from assets.release.changes.state import State
from pipeline.foundations.errors import QualityRefused
from quality.contract import all_contracts

FOLDER = "changements"
DIFF = f"{FOLDER}/diff.parquet"
_SHOWN = 5  # faults named in the message


def read_changes(folder: Path) -> pl.DataFrame:
    """The diff of a release, in the columns of its contract.

    Raises:
        QualityRefused: there is none, or it is not one.
    """
    contract = all_contracts()[TABLE]
    try:
        return contract.conform(pl.read_parquet(folder / DIFF))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise QualityRefused(
            f"release folder {folder.name}",
            expected=f"{DIFF}: a release tells what changed since the one before",
            found=str(error).splitlines()[0],
            remedy="make the release again",
        ) from error


def check_changes(before: Edition, after: Edition, lines: pl.DataFrame) -> None:
    """Hold a diff against the two releases it is between.

    Args:
        lines: in the columns of the contract `release__diff`.

    Raises:
        QualityRefused: it does not lead from one to the other; the first tables and columns at fault are named.
    """
    faults = [f"table {name}, in neither" for name in lines["table"].unique().sort() if not _known(name, before, after)]
    for name in {**before.tables, **after.tables}:
        told = lines.filter(pl.col("table") == name)
        if not comparable(name, before, after) or told["identifiant"].null_count() > _declared(told):
            faults += _count(name, before, after, told)
        else:
            faults += _cells(name, before.state(name), after.state(name), told)
    if faults:
        raise QualityRefused(
            f"changes from {before.version} to {after.version}",
            expected="lines that, applied to the one, give the other",
            found="; ".join(faults[:_SHOWN]) + (f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""),
            remedy="make the release again; if it was already promoted, restore both from copies",
        )


def _known(name: str, before: Edition, after: Edition) -> bool:
    return name in before.tables or name in after.tables


def _declared(told: pl.DataFrame) -> int:
    """Lines that speak of a column that came or left."""
    return told.filter(pl.col("lignes") == 0).height


def _count(name: str, before: Edition, after: Edition, told: pl.DataFrame) -> list[str]:
    """A table told in sums, or not told: its number of rows."""
    if name in before.tables and name in after.tables and told.is_empty():
        return []
    rows = told.filter(pl.col("colonne").is_null())
    balance = sum(
        sign * int(rows.filter(pl.col("changement") == word)["lignes"].sum())
        for word, sign in ((ADDED, 1), (REMOVED, -1))
    )
    was, now = (edition.height(name) if name in edition.tables else 0 for edition in (before, after))
    if RENAMED in rows["changement"] or was + balance == now:
        return []
    return [f"{name}: {was} rows and {balance:+} are not {now}"]


def _cells(name: str, before: State, after: State, told: pl.DataFrame) -> list[str]:
    """A table told row by row: what differs without a line, then what the lines give."""
    rows = told.filter(pl.col("identifiant").is_not_null())
    links = rows.filter(pl.col("changement") == RENAMED)
    spoken = pl.concat([rows["identifiant"], links["avant"], links["apres"]]).unique()
    found = compare(before, after, pl.DataFrame(schema=LINK_SCHEMA))

    def untold(state: State, numbers: pl.Series) -> int:
        return int((~state.identifiers(numbers).is_in(spoken.implode())).sum()) if len(numbers) else 0

    silent = {
        f"{name}: {{}} rows left": untold(before, found.removed),
        f"{name}: {{}} rows came": untold(after, found.added),
        **{f"{name}.{c}: {{}} cells changed": untold(after, pairs["_a"]) for c, pairs in found.cells.items()},
    }
    faults = [f"{text.format(count)} without a line" for text, count in silent.items() if count]
    columns = [c for c in before.names if c in after.names]
    held, wanted = (state.find(spoken).drop_nulls() for state in (before, after))
    rebuilt, given = apply(before, held, rows, columns), after.written(wanted, columns)
    if not rebuilt["identifiant"].equals(given["identifiant"]):
        return [*faults, f"{name}: the lines give other rows"]
    for column in columns:
        wrong = rebuilt["identifiant"].filter(rebuilt[column].ne_missing(given[column]))
        if len(wrong):
            faults.append(f"{name}.{column}: {len(wrong)} cells rebuilt otherwise, {wrong[0]} among them")
    return faults
