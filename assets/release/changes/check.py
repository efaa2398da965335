"""Whether a diff is trusted: applied to the release before, it gives the release after, table by table, cell by cell.

Rows that no line speaks of must be the same in both; those that lines speak of are rebuilt from them. Making the diff
is `diff`; refusing a release for it, `promote`.
"""

from pathlib import Path

import polars as pl

from assets.release.changes.compare import ADDED, LINK_SCHEMA, REMOVED, RENAMED, State, apply, compare, written
from assets.release.changes.diff import TABLE, comparable
from assets.release.changes.edition import Edition
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
    rows = told.filter(pl.col("identifiant").is_not_null())
    spoken = pl.concat(
        [rows["identifiant"], *rows.filter(pl.col("changement") == RENAMED).select("avant", "apres").get_columns()]
    ).unique()
    old, new = (_split(state, spoken) for state in (before, after))
    still = compare(old[1], new[1], pl.DataFrame(schema=LINK_SCHEMA))
    faults = [
        f"{name}: {n} rows {what} without a line"
        for n, what in ((len(still.removed), "left"), (len(still.added), "came"))
        if n
    ]
    faults += [f"{name}.{column}: {f.height} cells changed without a line" for column, f in still.cells.items()]
    columns = [c.nom for c in before.columns if c.nom in after.frame.columns]
    rebuilt, wanted = apply(old[0], rows, columns), written(new[0], columns)
    if not rebuilt["identifiant"].equals(wanted["identifiant"]):
        return [*faults, f"{name}: the lines give other rows"]
    for column in columns:
        wrong = rebuilt["identifiant"].filter(rebuilt[column].ne_missing(wanted[column]))
        if len(wrong):
            faults.append(f"{name}.{column}: {len(wrong)} cells rebuilt otherwise, {wrong[0]} among them")
    return faults


def _split(state: State, spoken: pl.Series) -> tuple[State, State]:
    """The rows that lines speak of, and the others."""
    told = state.ids["identifiant"].is_in(spoken.implode())
    return (
        State(state.frame.filter(told), state.key, state.columns),
        State(state.frame.filter(~told), state.key, state.columns),
    )
