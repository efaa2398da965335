"""Permanences des conseillers numériques (places in the v0 standard, advisers nested in each) -> counter records.

The advisers (`aidants`: names, e-mails, mobile numbers) are never read; neither are the places' mobile numbers, which
are those of advisers too.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.foundations.issues import IssueLog
from sources.mednum import place_record
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec
from sources.tabular import read_tabular

CODE = "conseiller_numerique"
_MOBILE = re.compile(r"(?:\+33|0033|0)[67]")


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the resource `permanences`; every place has the one type code `conseiller_numerique`.

    Raises:
        SourceUnreadable: neither CSV nor a JSON array, or an expected column is missing.
    """
    issues = IssueLog(spec.id)
    table = read_tabular(files["permanences"], f"source {spec.id} (permanences)", issues)
    check_columns(spec, "permanences", spec.columns["permanences"], table.columns, issues)
    rows = (place_record(row, [CODE], issues) for row in table.rows)
    records = records_frame(_without_people(row) for row in rows if row is not None)
    return ReadResult({"records": set_aside_duplicates(records, issues)}, issues.frame(), table.read)


def _without_people(row: dict[str, Any]) -> dict[str, Any]:
    telephone = re.sub(r"[\s.\-]", "", row["telephone"] or "")
    # `source` names the feed itself: it is not a partner.
    hidden = {"partenaire": None, "partenaire_id": None}
    return {**row, **hidden, "telephone": None if _MOBILE.match(telephone) else row["telephone"]}
