"""Reader of the directory of the DILA (`annuaire de l'administration`, local services): its file -> counter records.

Here only the walk of the file: counting, strict columns, what is out of scope. Flavours of file are `flavours`, the
meaning of one service is `service`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.cells import encodable, plain_text
from sources.dila.flavours import Directory, open_directory
from sources.dila.service import Row, record_of
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import Columns, SourceSpec

_NATIONAL = "SI"  # `categorie` of the national services


@dataclass
class _Tally:
    """What was met along the file."""

    read: int = 0
    national: int = 0
    fields: Counter[str] = field(
        default_factory=Counter
    )  # undeclared fields, with the number of records that have them
    declared: set[str] = field(default_factory=set)


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """The directory's file -> one record per local service, in `RECORD_SCHEMA`.

    Args:
        files: snapshot file by resource id; the first declared resource is read.
        spec: the declaration; `columns` has one part for the JSON and CSV flavours (`services`), one for the XML.

    Raises:
        SourceUnreadable: damaged or foreign file, no service at all, or a field read is in no service.
    """
    issues = IssueLog(spec.id)
    resource = spec.resources[0]
    path = files[resource.id]
    subject = f"source {spec.id} ({path.name})"
    tally = _Tally()
    with open_directory(
        path, subject, issues, max_unpacked=(resource.max_unpacked_mb or resource.max_mb) << 20
    ) as found:
        part = "xml" if found.flavour == "xml" else "services"
        declared = spec.columns[part]
        records = records_frame(_rows(found, declared, tally, issues))
    if not tally.read:
        raise SourceUnreadable(
            subject,
            expected="at least one service",
            found="an empty list",
            remedy="download it again, then ask the DILA",
        )
    _check_fields(spec, part, declared, tally, issues)
    _note_whole_file(found, tally, issues)
    records = set_aside_duplicates(records, issues)
    return ReadResult({"records": records}, issues.frame(), tally.read, generation=found.flavour)


def _rows(found: Directory, declared: Columns, tally: _Tally, issues: IssueLog) -> Iterator[Row]:
    known = {*declared.expected, *declared.optional, *declared.ignored}
    for fields, service in found.services:
        tally.read += 1
        for name in fields:
            if name in known:
                tally.declared.add(name)
            else:
                tally.fields[encodable(name)] += 1
        if service.get("categorie") == _NATIONAL:
            tally.national += 1
        elif row := _record(service, issues):
            yield row


def _record(service: Mapping[str, Any], issues: IssueLog) -> Row | None:
    try:
        return record_of(service, issues)
    except RecursionError:  # values nested a thousand deep can be decoded, not written again
        issues.add(
            record=plain_text(service.get("id")) or "?",
            column="*",
            value="",
            rule="enregistrement-illisible",
            reason="Valeurs imbriquées sur trop de niveaux : fiche mise de côté.",
            severity="erreur",
        )
        return None


def _check_fields(spec: SourceSpec, part: str, declared: Columns, tally: _Tally, issues: IssueLog) -> None:
    """Strict reading over the whole file: a field is missing only when no service has it."""
    check_columns(spec, part, declared, [*tally.declared, *tally.fields], IssueLog(spec.id))
    for name, count in sorted(tally.fields.items()):
        issues.add(
            record="*",
            column=name,
            value=f"{count} fiches",
            rule="colonne-inconnue",
            reason="Champ absent de la déclaration de la source : il n’est pas lu. "
            "Le déclarer (attendu ou ignoré) dans source.yml.",
        )


def _note_whole_file(found: Directory, tally: _Tally, issues: IssueLog) -> None:
    if tally.national:
        issues.add(
            record="*",
            column="categorie",
            value=f"{tally.national} fiches",
            rule="service-national",
            reason="Services nationaux (catégorie SI) : hors du champ des guichets, non lus.",
            severity="info",
        )
    if found.announced is not None and found.announced > tally.read:
        issues.add(
            record="*",
            column="total_count",
            value=f"{tally.read} fiches sur {found.announced}",
            rule="reponse-incomplete",
            reason="La réponse ne contient pas toutes les fiches annoncées : prendre l’export, pas l’API paginée.",
        )
