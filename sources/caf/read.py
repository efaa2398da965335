"""Reader of the Cnaf's list of Caf sites (`organisation des sites géographiques`): CSV -> counter records.

The feed has neither address nor hours: placing a site in its commune belongs to the referentiel.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import key
from sources.cells import RecordCells, plain_text
from sources.delimited import read_table, utf8_chunks
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec

_PART = "sites"
_RANK = "RANG"


class _Options(BaseModel):
    """The reader's settings in `source.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    noms_du_rang: tuple[str, ...]
    structures: dict[str, Literal["Implantation", "Permanence"]]  # first word of STRACCUE -> type of structure


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """The list -> one record per site that receives the public, in `RECORD_SCHEMA`.

    Args:
        files: snapshot file by resource id; the first declared resource is read.
        spec: the declaration.

    Raises:
        SourceUnreadable: not UTF-8, not CSV, a column is missing, or no row.
        WrongUse: the options of the declaration are not the reader's.
    """
    try:
        options = _Options.model_validate(spec.options)
    except ValidationError as error:
        raise WrongUse(
            f"options of source {spec.id}",
            expected="the settings of its reader",
            found=str(error),
            remedy="fix source.yml",
        ) from error
    issues = IssueLog(spec.id)
    path = files[spec.resources[0].id]
    subject = f"source {spec.id} ({path.name})"
    with path.open("rb") as stream:
        table = read_table(utf8_chunks(stream, subject), subject, issues)
        names = {column: _name(column, options) for column in table.header}
        check_columns(spec, _PART, spec.columns[_PART], list(names.values()), issues)
        rows = [{names[column]: cell for column, cell in row.items()} for row in table.rows]
    if not rows:
        raise SourceUnreadable(
            subject, expected="at least one site", found="a header alone", remedy="download it again, then ask the Cnaf"
        )
    misshapen = int(issues.frame()["regle"].is_in(["ligne-decalee"]).sum())
    structures = {key(word): kind for word, kind in options.structures.items()}
    records = records_frame(record for row in rows if (record := _record(row, structures, issues)))
    return ReadResult(
        {"records": set_aside_duplicates(records, issues)}, issues.frame(), len(rows) + misshapen, generation=_PART
    )


def _name(column: str, options: _Options) -> str:
    upper = column.upper()
    return _RANK if upper in options.noms_du_rang else upper


def _record(row: Mapping[str, str], structures: Mapping[str, str], issues: IssueLog) -> dict[str, Any] | None:
    said = {name: plain_text(cell) for name, cell in row.items()}
    commune, rank = said["NUMCOMSI"], said[_RANK]
    identifier = f"{_five(commune)}-{rank}" if commune and rank else None
    cells = RecordCells(identifier or "?", issues)
    if said["TOPACCPH"] not in {"0", "1", None}:
        cells.issue("TOPACCPH", said["TOPACCPH"], "indicateur-illisible", "Ni 0 ni 1 : valeur mise de côté.")
    if said["TOPACCPH"] == "0":
        cells.issue(
            "TOPACCPH",
            said["LIBSITE"],
            "sans-accueil-physique",
            "Site sans accueil physique des allocataires : ce n’est pas un guichet.",
            "erreur",
        )
        return None
    if commune and _five(commune) != commune:
        cells.issue("NUMCOMSI", commune, "zero-perdu", "Code de commune sans son zéro initial : rétabli.", "info")
    return {
        "id_source": identifier,
        "nom": said["LIBSITE"],
        "codes_type": ["caf"],
        "type_structure": _structure(said["STRACCUE"], structures, cells),
        "code_insee": _five(commune),
        "horaires": said["TYPOUVSI"],
        "horaires_format": "motif" if said["TYPOUVSI"] else None,
        "rang": said["STRACCUE"],
    }


def _five(commune: str | None) -> str | None:
    """`1004` -> `01004`: a spreadsheet took the code for a number."""
    return f"0{commune}" if commune and len(commune) == 4 and commune.isdigit() else commune


def _structure(stated: str | None, structures: Mapping[str, str], cells: RecordCells) -> str | None:
    if stated is None:
        return None
    found = structures.get(key(stated).partition(" ")[0])
    if found is None:
        cells.issue(
            "STRACCUE", stated, "structure-inconnue", "Type de site inconnu : le type de structure n’est pas déduit."
        )
    return found
