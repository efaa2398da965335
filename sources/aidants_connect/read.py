"""Organisations habilitées Aidants Connect -> counter records.

Numbers carry thousands separators, postcodes lost their leading zero, and the town is only found where the address ends
with it. There are no coordinates and no hours.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells, plain_text
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec
from sources.tabular import read_tabular

CODE = "aidants_connect"
#: `6 avenue Pasteur 33270 Floirac`, `Route Royale - 20600 Bastia` -> street, postcode, town.
_ENDS_WITH_TOWN = re.compile(r"(?P<street>.*?)[\s,\-–]*\b(?P<postcode>\d{5})\s+(?P<town>[^\d,]+)")
_PLACEHOLDER_SIRET = "1"


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the resource `organisations`; every record has the one type code `aidants_connect`.

    Raises:
        SourceUnreadable: neither CSV nor a JSON array, or an expected column is missing.
    """
    issues = IssueLog(spec.id)
    table = read_tabular(files["organisations"], f"source {spec.id} (organisations)", issues)
    check_columns(spec, "organisations", spec.columns["organisations"], table.columns, issues)
    records = records_frame(_record(row, issues) for row in table.rows)
    return ReadResult({"records": set_aside_duplicates(records, issues)}, issues.frame(), table.read)


def _record(row: Mapping[str, Any], issues: IssueLog) -> dict[str, Any]:
    identifier = _digits(row["Data pass ID"])
    cells = RecordCells(identifier or "?", issues)
    siret = _digits(row["SIRET"])
    street, postcode, town = split_address(plain_text(row["Adresse"]))
    stated = _digits(row["Code postal"])
    return {
        "id_source": identifier,
        "nom": plain_text(row["Name"]),
        "codes_type": [CODE],
        "siret": None if siret == _PLACEHOLDER_SIRET else siret,
        "adresse": street,
        "code_postal": postcode or (stated.zfill(5) if stated else None),
        "commune": plain_text(row.get("commune")) or town,
        "date_maj": cells.day("date_maj", row["date_maj"]),
    }


def _digits(value: Any) -> str | None:
    """`39 838 971 800 014` (thin spaces), `398389718` or 5000 -> digits alone."""
    return re.sub(r"\D", "", plain_text(value) or "") or None


def split_address(text: str | None) -> tuple[str | None, str | None, str | None]:
    """An address on one line -> (street, postcode, town); the last two are null when it does not end with them."""
    if text is None:
        return None, None, None
    if found := _ENDS_WITH_TOWN.fullmatch(text):
        return found["street"] or None, found["postcode"], found["town"].strip()
    return text, None, None
