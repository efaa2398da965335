"""Published workbooks of the State's "Cartographie des services publics" (xlsx) -> counter records.

One resource per workbook, `implantations_<dep>`, `permanences_<dep>` or `itinerances_<dep>`: the beginning of its id
says which table it is. Hour strings are kept as published, faults included: mending them belongs to the hours module.
"""

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fastexcel

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells, plain_text
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec
from sources.tabular import kept_text
from sources.workbook import refuse_oversized

Row = Mapping[str, Any]

_PLACEHOLDER = re.compile(r"id_temp_ign_\d+")
#: `10 Boulevard Georges Pompidou 05000 Gap` -> street, postcode, town.
_ADDRESS = re.compile(r"(?P<street>.*?)\s*\b(?P<postcode>\d{5})\s+(?P<town>.+)")
_COMMUNE_LOST_ZERO = re.compile(r"\d{4}")


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the workbooks present; one that could not be fetched is named in the notes.

    `codes_type` holds `service_typologie` (`permanence_typologie` for a permanence), `id_officiel` the official id.
    `id_source` adds to it what tells its places apart: the host of a permanence, the stop of a round. The rows of one
    permanence at one host are one record: their hours are joined. The weekly hours of the file are not read: they are
    0 where unknown, and wrong where the hour string is garbled.

    Raises:
        SourceUnreadable: no workbook at all, one that is truncated, or a missing column.
    """
    issues = IssueLog(spec.id)
    rows: list[dict[str, Any]] = []
    read, missing = 0, []
    for resource in spec.resources:
        kind = resource.id.partition("_")[0]
        if resource.id not in files:
            missing.append(resource.filename)
            continue
        table = _sheet(files[resource.id], resource.id, kind, spec, issues)
        read += len(table)
        records = [_READERS[kind](row, issues) for row in table]
        rows += _one_per_host(records, issues) if kind == "permanences" else records
    if len(missing) == len(spec.resources):
        raise SourceUnreadable(
            f"source {spec.id}", expected="at least one workbook", found="none", remedy="fetch the source again"
        )
    frame = set_aside_duplicates(records_frame(rows), issues)
    notes = (f"Classeurs absents : {', '.join(missing)}.",) if missing else ()
    return ReadResult({"records": frame}, issues.frame(), read, notes=notes)


def _sheet(path: Path, resource: str, kind: str, spec: SourceSpec, issues: IssueLog) -> list[dict[str, Any]]:
    """The rows of a workbook's one sheet, every cell as text."""
    subject = f"source {spec.id} ({resource})"
    try:
        data = path.read_bytes()
        refuse_oversized(data, subject)
        workbook = fastexcel.read_excel(data)
        names = workbook.sheet_names
        # A guessed type would turn 05061 into 5061.
        frame = workbook.load_sheet(0, header_row=0, dtypes="string").to_polars()
    except (zipfile.BadZipFile, fastexcel.FastExcelError) as error:
        raise SourceUnreadable(
            subject,
            expected="a whole XLSX workbook",
            found=str(error).splitlines()[0],
            remedy="the published file may be truncated: download it again, else remove the resource from source.yml",
        ) from error
    if len(names) != 1:
        raise SourceUnreadable(
            subject, expected="one sheet", found=f"sheets {', '.join(names)}", remedy="look at the workbook"
        )
    check_columns(spec, kind, spec.columns[kind], frame.columns, issues)
    return frame.rows(named=True)


# --- rows to records ---------------------------------------------------------------------------------------------


def _implantation(row: Row, issues: IssueLog) -> dict[str, Any]:
    identifier = plain_text(row["service_id"])
    cells = RecordCells(identifier or "?", issues)
    hours = kept_text(row["service_horaires_ouverture"])
    return {
        "id_source": identifier,
        "nom": plain_text(row["service_nom"]),
        "codes_type": _code(row["service_typologie"]),
        "type_structure": plain_text(row["type_structure"]),
        "siret": _known_id(row["service_siret"]),
        "horaires": hours,
        "horaires_format": "osm" if hours else None,
        "id_dila": _known_id(row["service_id_dila"]),
        "id_finess": _known_id(row["service_id_finess"]),
        "id_bpe": _known_id(row["service_id_bpe"]),
        "id_officiel": identifier,
        "modalite": plain_text(row["service_modalite_d_accueil"]),
        **_place(row, cells),
    }


def _stop(row: Row, issues: IssueLog) -> dict[str, Any]:
    """A stop of a mobile service: the same official id at every stop, told apart by the place."""
    record = _implantation(row, issues)
    where = record["id_ban"] or f"{record['longitude']},{record['latitude']}"
    return {**record, "id_source": f"{record['id_officiel']}@{where}" if record["id_officiel"] else None}


def _permanence(row: Row, issues: IssueLog) -> dict[str, Any]:
    """The SIRET and the other ids of the row are the host's: they are not those of the permanence."""
    identifier, host = plain_text(row["permanence_id"]), plain_text(row["service_id"])
    known = f"{identifier}@{host or plain_text(row['lieu_id_ban'])}" if identifier else None
    cells = RecordCells(known or "?", issues)
    hours = kept_text(row["permanence_horaires"])
    return {
        "id_source": known,
        "nom": plain_text(row["permanence_nom"]),
        "codes_type": _code(row["permanence_typologie"]),
        "type_structure": plain_text(row["type_structure"]),
        "horaires": hours,
        "horaires_format": "osm" if hours else None,
        "id_officiel": identifier,
        "hote_id": host,
        "hote_nom": plain_text(row["service_nom"]),
        "modalite": plain_text(row["permanence_modalite_d_accueil"]),
        **_place(row, cells),
    }


_READERS: dict[str, Callable[[Row, IssueLog], dict[str, Any]]] = {
    "implantations": _implantation,
    "permanences": _permanence,
    "itinerances": _stop,
}


def _one_per_host(records: list[dict[str, Any]], issues: IssueLog) -> list[dict[str, Any]]:
    """Join the rows of one permanence at one host: each holds part of its hours."""
    merged: dict[str, dict[str, Any]] = {}
    alone: list[dict[str, Any]] = []
    for record in records:
        identifier = record["id_source"]
        first = merged.get(identifier) if identifier else None
        if identifier is None:
            alone.append(record)
        elif first is None:
            merged[identifier] = dict(record)
        else:
            hours = [text for text in (first["horaires"], record["horaires"]) if text]
            first["horaires"] = "; ".join(dict.fromkeys(hours)) or None
            first["horaires_format"] = "osm" if hours else None
            issues.add(
                record=identifier,
                column="permanence_horaires",
                value=record["horaires"],
                rule="permanence-en-plusieurs-lignes",
                reason="La même permanence au même lieu sur plusieurs lignes : leurs horaires sont réunis.",
                severity="info",
            )
    return [*merged.values(), *alone]


def _place(row: Row, cells: RecordCells) -> dict[str, Any]:
    text = plain_text(row["lieu_adresse"])
    parts = _ADDRESS.fullmatch(text) if text else None
    return {
        "adresse": (parts["street"] or None) if parts else text,
        "code_postal": parts["postcode"] if parts else None,
        "commune": parts["town"] if parts else None,
        "code_insee": _commune(row["lieu_code_insee"], cells),
        "longitude": cells.decimal("lieu_longitude", row["lieu_longitude"]),
        "latitude": cells.decimal("lieu_latitude", row["lieu_latitude"]),
        "id_ban": plain_text(row["lieu_id_ban"]),
        "date_maj": cells.day("date_maj", row["date_maj"]),
        "partenaire": plain_text(row["source_semantique"]),
    }


def _code(value: Any) -> list[str] | None:
    label = plain_text(value)
    return [label] if label else None


def _commune(value: Any, cells: RecordCells) -> str | None:
    code = plain_text(value)
    if code is None or not _COMMUNE_LOST_ZERO.fullmatch(code):
        return code
    cells.issue("lieu_code_insee", code, "zero-initial-perdu", "Zéro initial perdu dans le classeur : rendu.", "info")
    return code.zfill(5)


def _known_id(value: Any) -> str | None:
    """`DILA:a2314dda-…` -> `a2314dda-…`; a placeholder of the producer (`id_temp_ign_667579`) is null."""
    text = (plain_text(value) or "").rpartition(":")[2]
    return None if not text or _PLACEHOLDER.fullmatch(text) else text
