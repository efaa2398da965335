"""Structures data·inclusion (schema v1), Parquet, CSV or JSON -> counter records.

It re-exports many feeds: `partenaire` and `partenaire_id` keep which one and under which id, so that nobody is counted
twice.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells, plain_text
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec
from sources.tabular import Tabular, kept_text, read_tabular

#: Code of a structure that no network carries.
UNTYPED = "structure"
_PARQUET = b"PAR1"


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the resource `structures`.

    `codes_type` holds `reseaux_porteurs` (`ccas-cias`, `france-travail`…), or `structure` when it is empty. E-mails are
    not read: many of them name a person.

    Raises:
        SourceUnreadable: none of the three formats, or an expected column is missing.
    """
    issues = IssueLog(spec.id)
    table = _table(files["structures"], spec, issues)
    check_columns(spec, "structures", spec.columns["structures"], table.columns, issues)
    records = records_frame(_record(row, issues) for row in table.rows)
    return ReadResult({"records": set_aside_duplicates(records, issues)}, issues.frame(), table.read, generation="v1")


def _table(path: Path, spec: SourceSpec, issues: IssueLog) -> Tabular:
    subject = f"source {spec.id} (structures)"
    with path.open("rb") as stream:
        magic = stream.read(len(_PARQUET))
    if magic != _PARQUET:
        return read_tabular(path, subject, issues)
    try:
        names = list(pl.read_parquet_schema(path))
        declared = spec.columns["structures"]
        wanted = [name for name in names if name in {*declared.expected, *declared.optional}]
        frame = pl.read_parquet(path, columns=wanted)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceUnreadable(
            subject,
            expected="a whole Parquet file",
            found=str(error).splitlines()[0],
            remedy="the download may be cut short: download it again",
        ) from error
    return Tabular(tuple(names), tuple(frame.iter_rows(named=True)), frame.height, "parquet")


def _record(row: Mapping[str, Any], issues: IssueLog) -> dict[str, Any]:
    identifier = plain_text(row.get("id"))
    cells = RecordCells(identifier or "?", issues)
    source = plain_text(row.get("source"))
    hours = kept_text(row.get("horaires_accueil"))
    day = row.get("date_maj")
    return {
        "id_source": identifier,
        "nom": plain_text(row.get("nom")),
        "codes_type": networks(row.get("reseaux_porteurs")) or [UNTYPED],
        "siret": plain_text(row.get("siret")),
        "adresse": plain_text(row.get("adresse")),
        "complement": plain_text(row.get("complement_adresse")),
        "code_postal": plain_text(row.get("code_postal")),
        "commune": plain_text(row.get("commune")),
        "code_insee": plain_text(row.get("code_insee")),
        "longitude": cells.decimal("longitude", row.get("longitude")),
        "latitude": cells.decimal("latitude", row.get("latitude")),
        "horaires": hours,
        "horaires_format": "osm" if hours else None,
        "telephone": plain_text(row.get("telephone")),
        "site_web": plain_text(row.get("site_web")),
        "date_maj": day if isinstance(day, date) else cells.day("date_maj", day),
        "partenaire": source,
        "partenaire_id": identifier.removeprefix(f"{source}--") if identifier and source else None,
    }


def networks(value: Any) -> list[str]:
    """`reseaux_porteurs` in any of its spellings (list, JSON array, `{a,b}`, `a|b`) -> codes, each once."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = re.split(r"[|,;]", value.strip(" {}[]"))
    items: Iterable[Any] = value if isinstance(value, list) else []
    return list(dict.fromkeys(code for item in items if (code := (plain_text(item) or "").strip(" \"'"))))
