"""What every reader returns, and the strict check of a file's columns.

Format-specific parsing belongs to the readers.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.record import RECORD_SCHEMA
from sources.spec import Columns, SourceSpec


@dataclass(frozen=True)
class ReadResult:
    """What a reader made of a feed's files.

    `tables` maps a table name to a frame: counter feeds return one, named "records", in `RECORD_SCHEMA`; reference
    feeds name their own. `read` is the number of records met in the file, usable or not. `millesime` is the vintage
    found inside the file, when there is one.
    """

    tables: Mapping[str, pl.DataFrame]
    issues: pl.DataFrame
    read: int
    generation: str | None = None
    millesime: str | None = None
    notes: tuple[str, ...] = field(default=())


#: A reader: the snapshot file of each resource id, and the declaration -> what they say.
Reader = Callable[[Mapping[str, Path], SourceSpec], ReadResult]


def check_columns(spec: SourceSpec, part: str, declared: Columns, found: Collection[str], issues: IssueLog) -> None:
    """Hold the columns of a file against its declaration.

    Columns that are neither expected, optional nor ignored are logged (`colonne-inconnue`).

    Raises:
        SourceUnreadable: an expected column is missing; the message proposes the unknown columns as its new name.
    """
    missing = [c for c in declared.expected if c not in found]
    known = {*declared.expected, *declared.optional, *declared.ignored}
    unknown = [c for c in found if c not in known]
    if missing:
        raise SourceUnreadable(
            f"source {spec.id} ({part})",
            expected=f"column(s) {', '.join(missing)}",
            found=f"unknown column(s) {', '.join(unknown)}" if unknown else "no column that could replace them",
            remedy=f"if the producer renamed them, update columns.{part} of source {spec.id} and its reader",
        )
    for column in unknown:
        issues.add(
            record="*",
            column=column,
            value="",
            rule="colonne-inconnue",
            reason="Colonne absente de la déclaration de la source : elle n’est pas lue. "
            "La déclarer (attendue ou ignorée) dans source.yml.",
        )


def records_frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows (mappings holding any subset of the record columns) -> frame in `RECORD_SCHEMA`; absent means null."""
    names = RECORD_SCHEMA.names()
    data: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        if unknown := row.keys() - RECORD_SCHEMA.keys():
            raise KeyError(f"not a record column: {sorted(unknown)}")
        for name in names:
            data[name].append(row.get(name))
    return pl.DataFrame(data, schema=RECORD_SCHEMA)


def set_aside_duplicates(records: pl.DataFrame, issues: IssueLog) -> pl.DataFrame:
    """Keep the first record of each `id_source`; later ones and those without an id become issues."""
    nameless = records.filter(pl.col("id_source").is_null())
    for nom in nameless["nom"]:
        issues.add(
            record="?",
            column="id_source",
            value=nom,
            rule="identifiant-absent",
            reason="Enregistrement sans identifiant : mis de côté.",
            severity="erreur",
        )
    named = records.filter(pl.col("id_source").is_not_null())
    issues.add_rows(
        named.filter(~pl.col("id_source").is_first_distinct()),
        record="id_source",
        column="id_source",
        rule="identifiant-double",
        reason="Identifiant déjà vu dans le fichier : seul le premier enregistrement est gardé.",
        severity="erreur",
    )
    return named.unique("id_source", keep="first", maintain_order=True)
