"""Departmental lists of CCAS, CIAS and maisons des solidarités -> records, each list by its own mapping.

One reader for all: what differs from one list to the next is data (`listes/*.yml`, described in this folder's README).
Values keep the feed's words; only the forms that carry the reading (codes, coordinates, dates) are checked here.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.foundations.codes import COMMUNE_PATTERN
from pipeline.foundations.crs import unproject
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog, Severity
from pipeline.foundations.text import clean, key
from sources.ccas.formats import Row, Table, read_table
from sources.ccas.mapping import DAYS, CodeRule, ListMapping, mapping_of
from sources.reading import ReadResult, check_columns, records_frame, set_aside_duplicates
from sources.spec import Columns, SourceSpec

_WGS84 = 4326
_NUMBER = {".": re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?"), ",": re.compile(r"[+-]?\d+(,\d*)?")}
_SEVERAL_NUMBERS = re.compile(r"[^\s,;]+")
_CODES = {"code_postal": re.compile(r"\d{5}"), "code_insee": re.compile(COMMUNE_PATTERN)}
_LOCATION = ("commune", "code_postal", "code_insee", "longitude")
#: Fields that hold no space of their own, whatever the spaces of the feed.
_SOLID = frozenset({"siret", "code_postal", "code_insee", "longitude", "latitude"})
_EMPTY_URL = re.compile(r"https?://", re.IGNORECASE)


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read one departmental list.

    Args:
        files: snapshot file of each resource; several are the pages of one list.
        spec: the list's declaration; its `options` are a `sources.ccas.mapping.ListMapping`.

    Returns:
        One table, "records", in `RECORD_SCHEMA`.

    Raises:
        WrongUse: the options are not a mapping this reader understands.
        SourceUnreadable: a file is not in the declared format, or lacks a column the mapping reads.
    """
    mapping = mapping_of(spec)
    issues = IssueLog(spec.id)
    found: list[dict[str, Any]] = []
    reader = _Reader(spec, mapping, issues)
    read_count = 0
    for resource in spec.resources:
        path = files[resource.id]
        table = read_table(path, mapping, f"source {spec.id}, file {path.name}", issues)
        _check_columns(spec, mapping, table, issues)
        found += [record for row in table.rows if (record := reader.record(row)) is not None]
        read_count += table.read
    records = set_aside_duplicates(records_frame(reader.located(found)), issues)
    return ReadResult({"records": records}, issues.frame(), read_count, notes=reader.notes())


def _check_columns(spec: SourceSpec, mapping: ListMapping, table: Table, issues: IssueLog) -> None:
    if not table.rows:
        return  # nothing to read from; the bounds of the list judge an empty file
    expected = [name for name in mapping.used if name not in mapping.optional]
    silent = (*mapping.ignored, *spec.personal_data)
    ignored = [c for c in table.columns if any(c == name or c.startswith(f"{name}.") for name in silent)]
    unknown = [c for c in table.columns if c not in mapping.used and c not in ignored]
    if missing := [name for name in expected if name not in table.columns]:
        raise SourceUnreadable(
            f"source {spec.id}",
            expected=f"column(s) {', '.join(missing)}",
            found=f"unknown column(s) {', '.join(unknown)}" if unknown else "no column that could replace them",
            remedy="if the producer renamed them, update `options.columns` of the list; if the file may lack them, "
            "name them in `options.optional`",
        )
    declared = Columns(expected=tuple(expected), optional=mapping.optional, ignored=tuple(ignored))
    check_columns(spec, "options", declared, table.columns, issues)


@dataclass
class _Reader:
    """Applies a mapping to rows, one at a time; remembers what the whole file says about its coordinates."""

    spec: SourceSpec
    mapping: ListMapping
    issues: IssueLog
    _skipped: Counter[str] = field(default_factory=Counter)
    _unreadable: list[str] = field(default_factory=list)  # coordinates that are no numbers in the declared notation
    _readable: int = 0

    def record(self, row: Row) -> dict[str, Any] | None:
        """The record of a row, its coordinates still in the feed's system; None when it is set aside."""
        parts = [clean(row.cells.get(name)) for name in self.mapping.id]
        values: dict[str, Any] = {
            "id_source": "|".join(part or "" for part in parts) if any(parts) else None,
            "type_structure": self.mapping.type_structure,
        }
        place = values["id_source"] or row.place
        codes = self._codes(row, place)
        if codes is None:
            return None
        values["codes_type"] = list(codes)
        for name, columns in self.mapping.columns.items():
            values[name] = self._value(name, columns, row, place)
        if self.mapping.point and (text := clean(row.cells.get(self.mapping.point))):
            values["latitude"], values["longitude"] = self._pair(self.mapping.point, text, place)
        values["horaires"] = self._hours(row)
        if values["horaires"] and self.mapping.hours:
            values["horaires_format"] = "jours" if self.mapping.hours.days else self.mapping.hours.format
        return values

    def _add(self, place: str, column: str, value: Any, rule: str, reason: str, severity: Severity) -> None:
        self.issues.add(record=place, column=column, value=value, rule=rule, reason=reason, severity=severity)

    def _codes(self, row: Row, place: str) -> tuple[str, ...] | None:
        rule = self.mapping.code
        if not isinstance(rule, CodeRule):
            return rule
        value = clean(row.cells.get(rule.column))
        for told, codes in sorted(rule.values.items(), key=lambda item: -len(key(item[0]))):
            if _told(value, told, rule):
                return codes
        if any(_told(value, told, rule) for told in rule.skip):
            self._skipped[f"{rule.column} : {value}"] += 1
            return None
        self._add(
            place,
            rule.column,
            value,
            "type-inconnu",
            "Type de lieu absent de la liste des types déclarés : enregistrement mis de côté. Le déclarer dans la "
            "fiche de la liste (options.code, `values` ou `skip`).",
            "erreur",
        )
        return None

    def _value(self, name: str, columns: tuple[str, ...], row: Row, place: str) -> Any:
        texts = [text for column in columns if (text := clean(row.cells.get(column)))]
        if not texts:
            return None
        text = ("" if name in _SOLID else " ").join(texts)
        if name in _SOLID:
            text = text.replace(" ", "")
        if "\ufffd" in text:
            self._add(
                place,
                name,
                text,
                "caracteres-perdus",
                "Le fichier contient des caractères perdus (�) avant sa publication : valeur gardée telle quelle.",
                "avertissement",
            )
        if name in ("longitude", "latitude"):
            return self._number(name, text, place)
        if name in _CODES:
            return self._code(name, text.upper(), place)
        if name == "date_maj":
            return self._date(text, place)
        if name == "site_web" and _EMPTY_URL.fullmatch(text):
            return None
        return text

    def _pair(self, column: str, text: str, place: str) -> tuple[float | None, float | None]:
        parts = _SEVERAL_NUMBERS.findall(text)
        if len(parts) != 2:
            self._not_a_number(column, text, place)
            return None, None
        return self._number(column, parts[0], place), self._number(column, parts[1], place)

    def _number(self, column: str, text: str, place: str) -> float | None:
        if _NUMBER[self.mapping.decimal].fullmatch(text):
            self._readable += 1
            return float(text.replace(",", "."))
        self._not_a_number(column, text, place)
        return None

    def _not_a_number(self, column: str, text: str, place: str) -> None:
        self._unreadable.append(text)
        self._add(
            place,
            column,
            text,
            "coordonnee-illisible",
            "Coordonnée qui n’est pas un nombre : elle n’est pas lue.",
            "avertissement",
        )

    def _code(self, name: str, text: str, place: str) -> str | None:
        padded = f"0{text}"
        if len(text) == 4 and text.isdigit() and padded[:2] in self.mapping.departements:
            # A spreadsheet made a number of it.
            self._add(
                place, name, text, "zero-initial-retabli", f"Code lu comme un nombre : rétabli en {padded}.", "info"
            )
            text = padded
        if not _CODES[name].fullmatch(text):
            self._add(
                place,
                name,
                text,
                "code-illisible",
                "Code qui n’a pas cinq caractères : il n’est pas lu.",
                "avertissement",
            )
            return None
        if name == "code_insee" and not text.startswith(self.mapping.departements):
            reason = f"Commune hors de {', '.join(self.mapping.departements)} : gardée telle quelle."
            self._add(place, name, text, "hors-departement", reason, "avertissement")
        return text

    def _date(self, text: str, place: str) -> date | None:
        try:
            if self.mapping.date_format == "iso":
                return date.fromisoformat(text[:10])
            if self.mapping.date_format == "epoch_ms":
                return datetime.fromtimestamp(int(text) / 1000, UTC).date()
            return datetime.strptime(text, self.mapping.date_format).date()
        except (ValueError, OverflowError, OSError):
            reason = f"Date qui n’est pas au format déclaré ({self.mapping.date_format}) : elle n’est pas lue."
            self._add(place, "date_maj", text, "date-illisible", reason, "avertissement")
            return None

    def _hours(self, row: Row) -> str | None:
        hours = self.mapping.hours
        if hours is None:
            return None
        if hours.column is not None:
            return clean(row.cells.get(hours.column))
        ordered = [(day, hours.days[day]) for day in DAYS if day in hours.days]
        days = {day: [t for c in columns if (t := clean(row.cells.get(c)))] for day, columns in ordered}
        told = {day: " / ".join(texts) for day, texts in days.items() if texts}
        return json.dumps(told, ensure_ascii=False) if told else None

    def located(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Bring coordinates to WGS84 and set aside the records that say nothing of where they are.

        Raises:
            SourceUnreadable: no coordinate of the file is a number in the declared notation, or none falls on Earth.
        """
        subject = f"source {self.spec.id}"
        other = "," if self.mapping.decimal == "." else "."
        foreign = next((text for text in self._unreadable if _NUMBER[other].fullmatch(text)), None)
        if foreign is not None and not self._readable:
            raise SourceUnreadable(
                subject,
                expected=f"coordinates written with {self.mapping.decimal!r}",
                found=repr(foreign),
                remedy=f'write `decimal: "{other}"` in the list\'s options',
            )
        placed = [r for r in records if r.get("longitude") is not None and r.get("latitude") is not None]
        for record in records:
            if record.get("longitude") is None or record.get("latitude") is None:
                record["longitude"] = record["latitude"] = None
        x = np.array([r["longitude"] for r in placed], dtype=np.float64)
        y = np.array([r["latitude"] for r in placed], dtype=np.float64)
        longitude, latitude = (x, y) if self.mapping.crs == _WGS84 else unproject(x, y, self.mapping.crs)
        on_earth = (np.abs(longitude) <= 180) & (np.abs(latitude) <= 90)
        if placed and not on_earth.any():
            raise SourceUnreadable(
                subject,
                expected=f"coordinates in EPSG:{self.mapping.crs}",
                found=f"{placed[0]['longitude']}, {placed[0]['latitude']}",
                remedy="write their reference system in the list's options (`crs: 2154` for Lambert-93)",
            )
        for record, lon, lat, inside in zip(placed, longitude.tolist(), latitude.tolist(), on_earth, strict=True):
            if not inside:
                self._add(
                    record["id_source"] or "?",
                    "longitude",
                    f"{record['longitude']}, {record['latitude']}",
                    "coordonnees-hors-bornes",
                    f"Coordonnées impossibles dans le système EPSG:{self.mapping.crs} : elles ne sont pas lues.",
                    "avertissement",
                )
            record["longitude"], record["latitude"] = (lon, lat) if inside else (None, None)
        return [record for record in records if self._is_somewhere(record)]

    def _is_somewhere(self, record: dict[str, Any]) -> bool:
        if any(record.get(name) is not None for name in _LOCATION):
            return True
        self._add(
            record["id_source"] or "?",
            "commune",
            record.get("nom"),
            "lieu-absent",
            "Ni commune, ni code, ni coordonnées (ligne vide ou décalée) : enregistrement mis de côté.",
            "erreur",
        )
        return False

    def notes(self) -> tuple[str, ...]:
        """French remarks on the reading: how many records were out of scope, by type."""
        return tuple(f"{count} enregistrement(s) hors champ ({told})" for told, count in sorted(self._skipped.items()))


def _told(value: str | None, told: str, rule: CodeRule) -> bool:
    found, wanted = key(value), key(told)
    return found.startswith(wanted) if rule.match == "prefix" else found == wanted
