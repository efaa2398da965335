"""A table published either as CSV or as a JSON array of objects -> named cells, whichever it is.

Several producers serve the same columns in both forms. Which columns are expected belongs to the readers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import clean
from sources.delimited import read_table, refuse_other_formats, utf8_chunks

_SNIFFED = 4_096  # bytes looked at to tell the form


@dataclass(frozen=True)
class Tabular:
    """Cells by column name. `columns` is the header, or every key met; `read` counts rows set aside too."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    read: int
    form: Literal["csv", "json", "parquet"]


def read_tabular(path: Path, subject: str, issues: IssueLog, *, separators: str = ";,") -> Tabular:
    """Read a UTF-8 CSV (every row as wide as its header) or a JSON array of objects, told apart by the first character.

    Rows that cannot be told apart are set aside as issues (`ligne-decalee`, `enregistrement-illisible`).

    Raises:
        SourceUnreadable: not UTF-8, a web page, empty, JSON of another shape, or quotes that never close.
    """
    with path.open("rb") as stream:
        head = stream.read(_SNIFFED).decode("utf-8", "ignore").removeprefix("\ufeff").lstrip()
    refuse_other_formats(head, subject, "a CSV file or a JSON array")
    if head[0] in "[{":
        return _objects(path, subject, issues)
    before = len(issues)
    with path.open("rb") as stream:
        table = read_table(utf8_chunks(stream, subject), subject, issues, separators=separators)
        rows = tuple(table.rows)
    return Tabular(table.header, rows, len(rows) + len(issues) - before, "csv")


def _objects(path: Path, subject: str, issues: IssueLog) -> Tabular:
    try:
        with path.open("rb") as stream:
            document = json.loads("".join(utf8_chunks(stream, subject)))
    except (ValueError, RecursionError) as error:
        raise SourceUnreadable(
            subject,
            expected="a JSON document",
            found=str(error),
            remedy="look at the snapshot: the download may be cut short; download it again",
        ) from error
    if not isinstance(document, list):
        raise SourceUnreadable(
            subject,
            expected="a JSON array of objects",
            found=f"an object with keys {', '.join(map(str, document))}"
            if isinstance(document, dict)
            else type(document).__name__,
            remedy="look at the snapshot: it may be an error message of the server",
        )
    rows: list[Mapping[str, Any]] = []
    columns: dict[str, None] = {}
    for number, item in enumerate(document, start=1):
        if isinstance(item, dict):
            rows.append(item)
            columns.update(dict.fromkeys(item))
            continue
        issues.add(
            record=f"enregistrement {number}",
            column="*",
            value=item,
            rule="enregistrement-illisible",
            reason="Enregistrement sans colonnes nommées : mis de côté.",
            severity="erreur",
        )
    return Tabular(tuple(columns), tuple(rows), len(document), "json")


def kept_text(value: Any) -> str | None:
    """A text as it was written, line breaks included, but for the spaces around it; a placeholder is null.

    For values another module parses (opening hours), where a line break is information.
    """
    if not isinstance(value, str) or clean(value) is None:
        return None
    return value.strip()


def joined(*parts: str | None) -> str | None:
    """The known parts, comma-separated, each once; null when there is none."""
    return ", ".join(dict.fromkeys(part for part in parts if part)) or None
