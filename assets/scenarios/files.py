"""Files a person gives: read whole as text, of a known form and a bounded size. Rows of a CSV.

What rows mean belongs to the readers.
"""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pipeline.foundations.errors import WrongUse

Read = TypeVar("Read")


def read_text(path: Path, readers: Mapping[str, Callable[[str, Path], Read]], most_bytes: int, subject: str) -> Read:
    """What the reader of its suffix makes of a UTF-8 file.

    Args:
        readers: by suffix.
        subject: what the file is, for messages.

    Raises:
        WrongUse: another suffix, too large, not readable, or what the reader refuses.
    """
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise _wrong(subject, f"a name in {', '.join(readers)}", path.suffix or "no suffix", "rename it")
    try:
        if (size := path.stat().st_size) > most_bytes:
            raise _wrong(subject, f"at most {most_bytes:,} bytes", f"{size:,}", "split it, or keep what is needed")
        return reader(path.read_text(encoding="utf-8-sig"), path)
    except (OSError, ValueError, yaml.YAMLError, csv.Error, RecursionError) as error:
        raise _wrong(subject, "a readable UTF-8 file", str(error), "correct the file") from error


def csv_rows(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of a CSV, separated by whichever of `;` and `,` its first line has more of."""
    first = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    return list(reader.fieldnames or ()), list(reader)


def _wrong(subject: str, expected: str, found: str, remedy: str) -> WrongUse:
    return WrongUse(subject, expected=expected, found=found, remedy=remedy)
