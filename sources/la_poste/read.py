"""Points de contact de La Poste (CSV) -> counter records. Their opening hours are another feed, a calendar by day."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells, plain_text
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec
from sources.tabular import joined, read_tabular


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the resource `points_contact`.

    `codes_type` holds the value of `Caractéristique_du_site`. `groupe` is the id of the post office that an agency or
    a relay depends on.

    Raises:
        SourceUnreadable: not a CSV of that shape, or an expected column is missing.
    """
    issues = IssueLog(spec.id)
    table = read_tabular(files["points_contact"], f"source {spec.id} (points_contact)", issues, separators=";,")
    # The export begins its header with a comment mark; it is not part of the column's name.
    columns = [name.removeprefix("#") for name in table.columns]
    check_columns(spec, "points_contact", spec.columns["points_contact"], columns, issues)
    renamed = ({name.removeprefix("#"): value for name, value in row.items()} for row in table.rows)
    records = records_frame(_record(row, issues) for row in renamed)
    return ReadResult({"records": set_aside_duplicates(records, issues)}, issues.frame(), table.read)


def _record(row: Mapping[str, Any], issues: IssueLog) -> dict[str, Any]:
    identifier = plain_text(row["Identifiant_du_site"])
    cells = RecordCells(identifier or "?", issues)
    kind = plain_text(row["Caractéristique_du_site"])
    return {
        "id_source": identifier,
        "nom": plain_text(row["Libellé_du_site"]),
        "codes_type": [kind] if kind else None,
        "adresse": plain_text(row["Adresse"]),
        "complement": joined(plain_text(row["Complément_d_adresse"]), plain_text(row["Lieu_dit"])),
        "code_postal": plain_text(row["Code_postal"]),
        "commune": plain_text(row["Localité"]),
        "code_insee": plain_text(row["Code_INSEE"]),
        "longitude": cells.decimal("Longitude", row["Longitude"]),
        "latitude": cells.decimal("Latitude", row["Latitude"]),
        "precision_geo": plain_text(row.get("Précision_du_géocodage")),
        "telephone": plain_text(row.get("Numéro_de_téléphone")),
        "groupe": plain_text(row.get("Site_Acores_de_rattachement")),
    }
