"""Agences France Travail -> counter records: the API's JSON, or the CSV of November 2019 (Pôle emploi)."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells, plain_text
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec
from sources.tabular import joined, read_tabular

#: Directions départementales and régionales: offices, not counters.
DIRECTIONS = frozenset({"DDA", "DRA"})

_DAYS = {1: "lundi", 2: "mardi", 3: "mercredi", 4: "jeudi", 5: "vendredi", 6: "samedi", 7: "dimanche"}
_POSTCODE_TOWN = re.compile(r"\d{5}\s+(.+)")


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the resource `agences`, whichever generation it is (`api` or `csv_2019`).

    `codes_type` holds `type` (API) or `TYPE_SITE` (CSV). Directions are set aside as issues. Hours (API only) are
    those without appointment, in the `jours` notation; the slots by appointment are described in `horaires_note`.

    Raises:
        SourceUnreadable: neither CSV nor a JSON array, or an expected column is missing.
    """
    issues = IssueLog(spec.id)
    table = read_tabular(files["agences"], f"source {spec.id} (agences)", issues)
    generation = "api" if table.form == "json" else "csv_2019"
    check_columns(spec, generation, spec.columns[generation], table.columns, issues)
    if generation == "api":
        address_keys = dict.fromkeys(key for row in table.rows for key in _object(row.get("adressePrincipale")))
        check_columns(spec, "api_adresse", spec.columns["api_adresse"], address_keys, issues)
    record_of = _from_api if generation == "api" else _from_csv
    records = records_frame(record for row in table.rows if (record := _counter(record_of(row, issues), issues)))
    return ReadResult(
        {"records": set_aside_duplicates(records, issues)}, issues.frame(), table.read, generation=generation
    )


def _counter(record: dict[str, Any], issues: IssueLog) -> dict[str, Any] | None:
    if not DIRECTIONS.intersection(record["codes_type"] or ()):
        return record
    issues.add(
        record=record["id_source"] or "?",
        column="codes_type",
        value=record["codes_type"][0],
        rule="pas-un-guichet",
        reason="Direction départementale ou régionale : elle ne reçoit pas le public, mise de côté.",
        severity="info",
    )
    return None


def _from_csv(row: Mapping[str, Any], issues: IssueLog) -> dict[str, Any]:
    identifier = plain_text(row["REFERENCE_PE"])
    cells = RecordCells(identifier or "?", issues)
    kind = plain_text(row["TYPE_SITE"])
    return {
        "id_source": identifier,
        "nom": plain_text(row["NOM"]),
        "codes_type": [kind] if kind else None,
        "adresse": plain_text(row["ADRESSE"]),
        "complement": joined(plain_text(row["COMPLEMENT_ADRESSE"]), plain_text(row["DC_COMPLEMENTADRSITEPHYSIQUE"])),
        "code_postal": plain_text(row["CODE_POSTAL"]),
        "commune": plain_text(row["COMMUNE"]),
        # This generation writes every coordinate with a decimal comma: nothing to repair.
        "longitude": cells.decimal("DN_LONGITUDE", row["DN_LONGITUDE"].replace(",", ".")),
        "latitude": cells.decimal("DN_LATITUDE", row["DN_LATITUDE"].replace(",", ".")),
    }


def _from_api(row: Mapping[str, Any], issues: IssueLog) -> dict[str, Any]:
    identifier = plain_text(row.get("code"))
    cells = RecordCells(identifier or "?", issues)
    kind = plain_text(row.get("type"))
    address, contact = _object(row.get("adressePrincipale")), _object(row.get("contact"))
    town = plain_text(address.get("ligne6"))
    named = _POSTCODE_TOWN.fullmatch(town) if town else None
    hours = _hours(row.get("horaires"), cells)
    return {
        "id_source": identifier,
        "nom": plain_text(row.get("libelleEtendu")) or plain_text(row.get("libelle")),
        "codes_type": [kind] if kind else None,
        "siret": plain_text(row.get("siret")),
        "adresse": plain_text(address.get("ligne4")),
        "complement": joined(plain_text(address.get("ligne3")), plain_text(address.get("ligne5"))),
        "code_postal": plain_text(address.get("bureauDistributeur")),
        "commune": named[1] if named else town,
        "code_insee": plain_text(address.get("communeImplantation")),
        "longitude": cells.decimal("gpsLon", address.get("gpsLon")),
        "latitude": cells.decimal("gpsLat", address.get("gpsLat")),
        "telephone": plain_text(contact.get("telephonePublic")),
        "courriel": plain_text(contact.get("email")),
        **hours,
    }


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _hours(value: Any, cells: RecordCells) -> dict[str, str | None]:
    """`horaires[]` -> hours without appointment by day, slots by appointment as a note, and the reception mode."""
    free: dict[str, str] = {}
    booked: dict[str, str] = {}
    for slot in value if isinstance(value, list) else []:
        if not isinstance(slot, dict) or (day := _DAYS.get(slot.get("jour", 0))) is None:
            cells.issue("horaires", slot, "jour-inconnu", "Horaire sans jour reconnu (1 = lundi) : mis de côté.")
            continue
        if text := _day_text(slot, "", cells):
            free[day] = text
        if text := _day_text(slot, "RDV", cells):
            booked[day] = text
    open_booked = {day: text for day, text in booked.items() if text != _CLOSED}
    open_free = any(text != _CLOSED for text in free.values())
    note = " ; ".join(f"{day} {text}" for day, text in open_booked.items())
    return {
        "horaires": json.dumps(free, ensure_ascii=False) if open_free else None,
        "horaires_format": "jours" if open_free else None,
        "horaires_note": f"Sur rendez-vous : {note}" if note else None,
        "modalite": _MODES[open_free, bool(note)],
    }


_CLOSED = "Fermé"
#: (open without appointment, open by appointment) -> official reception mode.
_MODES = {
    (True, True): "Avec et sans rendez-vous",
    (True, False): "Sans rendez-vous",
    (False, True): "Avec rendez-vous",
    (False, False): None,
}


def _day_text(slot: Mapping[str, Any], suffix: str, cells: RecordCells) -> str | None:
    """One day of one mode, in French text; null when the slot says nothing of it."""
    if plain_text(slot.get(f"horaireFerme{suffix}")) == "O":
        return _CLOSED

    def at(name: str) -> str | None:
        return plain_text(slot.get(f"{name}{suffix}"))

    morning = (at("ouvertureMatin"), at("fermetureMatin"))
    afternoon = (at("ouvertureApresMidi"), at("fermetureApresMidi"))
    ranges = [(morning[0], afternoon[1])] if at("horaireEnContinu") == "O" else [morning, afternoon]
    known = [f"{start} - {end}" for start, end in ranges if start and end]
    if any((start is None) != (end is None) for start, end in ranges):
        reason = f"Plage à laquelle manque le début ou la fin ({_DAYS[slot['jour']]}) : non lue."
        cells.issue("horaires", ranges, "demi-plage", reason)
    return " / ".join(known) or None
