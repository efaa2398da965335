"""Lieux de médiation numérique (standard LaMednum), CSV or JSON, v1 and v0 -> counter records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.mednum import generation_of, place_record, several
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec
from sources.tabular import read_tabular

#: Code of a place whose `typologie` says nothing.
UNTYPED = "lieu_mediation"


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read whichever resources could be fetched; where a place is in several, the first resource declared wins.

    `codes_type` holds each code of `typologie` (`RFS`, `CCAS`, `MUNI`…), or `lieu_mediation` when it is empty.

    Raises:
        SourceUnreadable: no file, one that is neither CSV nor a JSON array, or a missing column.
    """
    issues = IssueLog(spec.id)
    rows: list[dict[str, Any]] = []
    read, generations = 0, set()
    for resource in spec.resources:
        if resource.id not in files:
            continue
        table = read_tabular(files[resource.id], f"source {spec.id} ({resource.id})", issues)
        generation = generation_of(table.columns)
        check_columns(spec, generation, spec.columns[generation], table.columns, issues)
        generations.add(generation)
        read += table.read
        records = (place_record(row, several(row.get("typologie")) or [UNTYPED], issues) for row in table.rows)
        rows += [record for record in records if record is not None]
    if not generations:
        raise SourceUnreadable(
            f"source {spec.id}",
            expected="at least one of its resources",
            found="none",
            remedy="fetch the source again, or give --mirror a folder that holds one",
        )
    records_read = set_aside_duplicates(records_frame(rows), issues)
    return ReadResult({"records": records_read}, issues.frame(), read, generation=", ".join(sorted(generations)))
