"""Reader of the ANCT's list of France services: CSV (or the GeoJSON of 2020) of any generation -> counter records.

The generation is told by the header; what each one calls things is data (`source.yml`, `columns` and `options`). What
the hours mean belongs to the referentiel.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import key
from sources.cells import RecordCells, encodable, plain_text
from sources.delimited import read_table, refuse_other_formats, utf8_chunks
from sources.personal import is_personal_mail
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import SourceSpec

_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi")  # no Sunday in this feed
_E_MAIL = re.compile(r"[^\s;,/|<>()]+@[^\s;,/|<>()]+")
_AROUND_AT = re.compile(r"\s*@\s*")
_SPACES = re.compile(r"\s+")
_REMEDY = "look at the snapshot: the producer changed its format, or the download is not the file"


class _Options(BaseModel):
    """The reader's settings in `source.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    correspondances: dict[str, dict[str, str]]  # generation -> what is read -> column
    formats_itinerants: tuple[str, ...]
    formats_fixes: tuple[str, ...]


@dataclass(frozen=True)
class _Reading:
    """What it takes to read one row."""

    columns: Mapping[str, str]  # of the generation met
    mobile: frozenset[str]
    fixed: frozenset[str]
    issues: IssueLog


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """The list -> one record per site, in `RECORD_SCHEMA`.

    Args:
        files: snapshot file by resource id; the first declared resource is read.
        spec: the declaration; `columns` has one part per generation.

    Raises:
        SourceUnreadable: not UTF-8, not a table of France services, or a column of its generation is missing.
        WrongUse: the options of the declaration are not the reader's.
    """
    options = _options(spec)
    issues = IssueLog(spec.id)
    path = files[spec.resources[0].id]
    header, rows = _open(path, f"source {spec.id} ({path.name})", issues)
    generation = _generation(header, spec)
    check_columns(spec, generation, spec.columns[generation], header, issues)
    reading = _Reading(
        columns=options.correspondances[generation],
        mobile=frozenset(map(key, options.formats_itinerants)),
        fixed=frozenset(map(key, options.formats_fixes)),
        issues=issues,
    )
    records = set_aside_duplicates(records_frame(_record(row, reading) for row in rows), issues)
    misshapen = issues.frame()["regle"].is_in(["ligne-decalee"]).sum()
    return ReadResult({"records": records}, issues.frame(), len(rows) + int(misshapen), generation=generation)


def _options(spec: SourceSpec) -> _Options:
    try:
        options = _Options.model_validate(spec.options)
    except ValidationError as error:
        raise WrongUse(
            f"options of source {spec.id}",
            expected="the settings of its reader",
            found=str(error),
            remedy="fix source.yml",
        ) from error
    if options.correspondances.keys() != spec.columns.keys():
        raise WrongUse(
            f"source {spec.id}",
            expected=f"options.correspondances for the generations {', '.join(spec.columns)}",
            found=", ".join(options.correspondances),
            remedy="describe each generation in both places",
        )
    return options


def _open(path: Path, subject: str, issues: IssueLog) -> tuple[tuple[str, ...], list[Mapping[str, Any]]]:
    """Header and rows of the CSV, or of the properties of the GeoJSON."""
    with path.open("rb") as stream:
        chunks = utf8_chunks(stream, subject)
        head = next(chunks, "")
        refuse_other_formats(head, subject, "the list of France services, in CSV or GeoJSON")
        if head.lstrip().startswith("{"):
            return _geojson("".join(chain([head], chunks)), subject)
        table = read_table(chain([head], chunks), subject, issues)
        rows: list[Mapping[str, Any]] = list(table.rows)
    if not rows:
        raise SourceUnreadable(subject, expected="at least one site", found="a header alone", remedy=_REMEDY)
    return table.header, rows


def _geojson(text: str, subject: str) -> tuple[tuple[str, ...], list[Mapping[str, Any]]]:
    try:
        rows: list[Mapping[str, Any]] = [dict(feature["properties"]) for feature in json.loads(text)["features"]]
    except (ValueError, RecursionError) as error:
        raise SourceUnreadable(subject, expected="well-formed JSON", found=str(error), remedy=_REMEDY) from error
    except (KeyError, TypeError) as error:
        raise SourceUnreadable(
            subject, expected="a GeoJSON with features and properties", found="other JSON", remedy=_REMEDY
        ) from error
    if not rows:
        raise SourceUnreadable(subject, expected="at least one site", found="no feature", remedy=_REMEDY)
    return tuple(dict.fromkeys(encodable(name) for row in rows for name in row)), rows


def _generation(header: tuple[str, ...], spec: SourceSpec) -> str:
    """The generation whose declared columns are nearest to the header; the newest of equals."""
    met = set(header)

    def distance(generation: str) -> int:
        declared = spec.columns[generation]
        known = {*declared.expected, *declared.optional, *declared.ignored}
        return len(set(declared.expected) - met) + len(met - known)

    nearest = min(spec.columns, key=distance)
    if len(met.intersection(spec.columns[nearest].expected)) * 2 < len(spec.columns[nearest].expected):
        raise SourceUnreadable(
            f"source {spec.id}",
            expected=f"the columns of one of its generations ({', '.join(spec.columns)})",
            found=f"columns {', '.join(header)[:200]}",
            remedy="if the producer changed them, describe the new generation in columns and options of source.yml",
        )
    return nearest


def _record(row: Mapping[str, Any], reading: _Reading) -> dict[str, Any]:
    said = {name: plain_text(row.get(column)) for name, column in reading.columns.items()}
    cells = RecordCells(said["id"] or "?", reading.issues)
    hours = {day: _hours_text(row.get(f"h_{day}")) for day in _DAYS}
    stated = any(hours.values())
    return {
        "id_source": said["id"],
        "nom": said["nom"],
        "codes_type": ["france_services"],
        "type_structure": _structure(said.get("format"), said.get("itinerance"), cells, reading),
        "adresse": said["adresse"],
        "complement": said["complement"],
        "code_postal": _postcode(said["code_postal"], cells),
        "commune": said["commune"],
        "code_insee": _commune(row.get(reading.columns["code_insee"]), said["departement"], cells),
        "longitude": cells.decimal("longitude", said["longitude"]),
        "latitude": cells.decimal("latitude", said["latitude"]),
        "horaires": json.dumps(hours, ensure_ascii=False) if stated else None,
        "horaires_format": "jours" if stated else None,
        "horaires_note": said.get("horaires_note"),
        "telephone": said["telephone"],
        "courriel": _e_mail(said, cells),
        "groupe": said.get("groupe"),
        "rang": said.get("rang"),
    }


def _hours_text(value: Any) -> str:
    """A day as written, placeholders included: `-` and `00:00 - 00:00` are for whoever reads hours to judge."""
    return encodable(_SPACES.sub(" ", value).strip()) if isinstance(value, str) else ""


def _structure(stated: str | None, itinerance: str | None, cells: RecordCells, reading: _Reading) -> str | None:
    kind = key(stated)
    if kind and kind not in reading.mobile | reading.fixed:
        cells.issue(
            "format", stated, "format-inconnu", "Format de site inconnu : le type de structure n’est pas déduit."
        )
        return None
    if key(itinerance) not in {"", "oui", "non"}:
        cells.issue("itinerance", itinerance, "itinerance-inconnue", "Ni Oui ni Non : valeur mise de côté.")
    if kind in reading.mobile and key(itinerance) == "non":
        cells.issue(
            "itinerance",
            f"{stated} / {itinerance}",
            "itinerance-contradictoire",
            "Format mobile mais itinérance « Non » : lu comme une itinérance.",
            "info",
        )
    return "Itinérance" if kind in reading.mobile or key(itinerance) == "oui" else "Implantation"


def _postcode(stated: str | None, cells: RecordCells) -> str | None:
    if stated is None or not re.fullmatch(r"[0-9]{4}", stated):
        return stated
    cells.issue("code_postal", stated, "zero-perdu", "Code postal sans son zéro initial : rétabli.", "info")
    return f"0{stated}"


def _commune(raw: Any, departement: str | None, cells: RecordCells) -> str | None:
    code = plain_text(raw)
    if code is None:
        if isinstance(raw, str) and raw.strip():
            cells.issue("insee_com", raw, "code-insee-absent", "Ce n’est pas un code de commune : mis de côté.")
        return None
    if departement and not code.startswith(departement.zfill(2)):
        cells.issue(
            "insee_com",
            f"{code} / département {departement}",
            "departement-divergent",
            "Le code de la commune n’est pas du département indiqué : le code de la commune est gardé.",
        )
    return code


def _e_mail(said: Mapping[str, str | None], cells: RecordCells) -> str | None:
    """The first e-mail of an office; what names a person is dropped, and never written in the issues."""
    stated = said["courriel"]
    if stated is None:
        return None
    found = _E_MAIL.findall(_AROUND_AT.sub("@", stated))
    around = " ".join(said[name] or "" for name in ("nom", "commune", "adresse", "complement"))
    kept = [address for address in found if not is_personal_mail(address, around)]
    if not found:
        cells.issue(
            "courriel", stated.rpartition("@")[2], "courriel-illisible", "Ce n’est pas un courriel : mis de côté."
        )
    for address in found:
        if address not in kept:
            hidden = f"…@{address.rpartition('@')[2]}"
            cells.issue(
                "courriel", hidden, "courriel-nominatif", "Le courriel semble nommer une personne : il n’est pas gardé."
            )
    if len(kept) > 1:
        cells.issue(
            "courriel", " - ".join(kept), "courriels-multiples", "Plusieurs courriels : le premier est gardé.", "info"
        )
    return kept[0] if kept else None
