"""Reader of the verification workbooks: one archive of XLSX files -> what people in the field correct, cell by cell.

Only the form of what was typed is judged here; whether it applies to the counter as it is now belongs to
`assets.referentiel.terrain`. Comments are for whoever imports the workbook: they are not in the result.
"""

import io
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells
from sources.personal import names_of_people
from sources.reading import ReadResult
from sources.remontees_terrain import layout
from sources.remontees_terrain.layout import canonical
from sources.spec import SourceSpec
from sources.workbook import refuse_oversized

#: A workbook of a whole département weighs 2 MB.
MAX_WORKBOOK_MB = 30
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_MARKUP = re.compile(r"<\s*[a-zA-Z/!?]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PHONE = re.compile(r"(?:\+[0-9]{8,14}|0[0-9]{9}|3[0-9]{3}|11[0-9]{1,4}|1[0-9]{1,2})")
_SITE = re.compile(r"https?://[^\s<>\"']+\.[^\s<>\"']+")
_REMEDY = "export a fresh workbook with `csp verify export`, and fill it without changing its sheets or headings"


@dataclass(frozen=True)
class Workbook:
    """What one workbook says. `corrections` is in `CORRECTION_SCHEMA`; `comments` are (id, row, text)."""

    organisation: str
    date: date
    departement: str
    version: str
    rows: int
    corrections: pl.DataFrame
    comments: tuple[tuple[str, int, str], ...] = field(repr=False)


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """The archive of workbooks -> `corrections`, in `CORRECTION_SCHEMA`.

    Raises:
        SourceUnreadable: not an archive, or one of its workbooks is not one of ours.
    """
    issues = IssueLog(spec.id)
    path = files[spec.resources[0].id]
    corrections, read = [pl.DataFrame(schema=layout.CORRECTION_SCHEMA)], 0
    for name, data in workbooks(path):
        workbook = read_workbook(data, name, issues)
        corrections.append(workbook.corrections)
        read += workbook.rows
    return ReadResult({"corrections": pl.concat(corrections)}, issues.frame(), read)


def workbooks(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each workbook of the archive, by name.

    Raises:
        SourceUnreadable: not an archive, or it holds something that is too large to be a workbook.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.infolist(), key=lambda m: m.filename):
                if member.file_size > MAX_WORKBOOK_MB * 1_000_000:
                    raise _too_large(member.filename, member.file_size)
                yield member.filename, archive.read(member)
    except (zipfile.BadZipFile, OSError) as error:
        raise SourceUnreadable(
            str(path), expected="the archive of imported workbooks", found=str(error), remedy="import them again"
        ) from error


def read_workbook(data: bytes, name: str, issues: IssueLog) -> Workbook:
    """One workbook -> its corrections; cells that cannot be used are set aside as issues.

    Raises:
        SourceUnreadable: not a verification workbook, or one that states neither who checked nor when.
    """
    subject = f"classeur {name}"
    points, guide, mark = _sheets(data, subject)
    if mark.get(layout.MARK_FORMAT) != layout.FORMAT or not mark.get(layout.MARK_DEPARTEMENT):
        raise SourceUnreadable(
            subject,
            expected=f"a verification workbook of format {layout.FORMAT}",
            found=f"format {mark.get(layout.MARK_FORMAT)!r}",
            remedy=_REMEDY,
        )
    organisation, day = _author(guide, mark, subject)
    missing = [heading for heading in _headings() if heading not in points.columns]
    if missing:
        raise SourceUnreadable(
            f"{subject}, sheet « {layout.POINTS} »",
            expected="the headings of the export, unchanged",
            found=f"no column {', '.join(f'« {m} »' for m in missing)}",
            remedy=_REMEDY,
        )
    corrections: list[dict[str, Any]] = []
    comments = []
    rows, seen = 0, set()
    for number, row in enumerate(points.iter_rows(named=True), start=2):
        identifier = canonical(row[layout.ID])
        if identifier is None:
            continue
        rows += 1
        cells = RecordCells(identifier, issues)
        comment = canonical(row[layout.COMMENT])
        if comment:
            comments.append((identifier, number, comment[:500]))
        said = list(_said(row, cells))
        if not said:
            continue
        shown = [canonical(row[heading]) for heading in _shown()]
        if canonical(row[layout.FINGERPRINT]) != layout.fingerprint(identifier, shown):
            cells.issue(
                "*",
                f"ligne {number}",
                "ligne-alteree",
                "L’identifiant ou les valeurs actuelles de la ligne ne sont plus celles de l’export (cellules "
                "modifiées ou tri partiel) : la ligne est mise de côté.",
                "erreur",
            )
            continue
        if identifier in seen:
            cells.issue("*", f"ligne {number}", "ligne-double", "Ligne déjà lue : mise de côté.", "erreur")
            continue
        seen.add(identifier)
        exported = {**dict(zip(layout.VALUES, shown, strict=True)), layout.POSITION: _position(shown)}
        for champ, value in said:
            whole = champ in (layout.CLOSED, layout.CHECKED)
            corrections.append(
                {
                    "point_accueil_id": identifier,
                    "champ": champ,
                    "exporte": canonical(row[layout.FINGERPRINT]) if whole else exported[champ],
                    "corrige": value,
                    "organisation": organisation,
                    "date": day,
                    "classeur": name,
                    "ligne": number,
                }
            )
    return Workbook(
        organisation,
        day,
        str(mark[layout.MARK_DEPARTEMENT]),
        mark.get(layout.MARK_VERSION) or "",
        rows,
        pl.DataFrame(corrections, schema=layout.CORRECTION_SCHEMA, orient="row"),
        tuple(comments),
    )


def _sheets(data: bytes, subject: str) -> tuple[pl.DataFrame, dict[str, str | None], dict[str, str | None]]:
    """The rows of counters, and what the guide and the hidden sheet say, by label."""
    if len(data) > MAX_WORKBOOK_MB * 1_000_000:
        raise _too_large(subject, len(data))
    try:
        refuse_oversized(data, subject)
        _refuse_live_content(data, subject)
        workbook = fastexcel.read_excel(data)
        absent = [s for s in (layout.GUIDE, layout.POINTS, layout.MARK) if s not in workbook.sheet_names]
        if absent:
            raise SourceUnreadable(
                subject,
                expected=f"the sheets « {layout.GUIDE} », « {layout.POINTS} » and the hidden « {layout.MARK} »",
                found=f"no sheet {', '.join(f'« {a} »' for a in absent)}",
                remedy=_REMEDY,
            )
        points = workbook.load_sheet(layout.POINTS, header_row=0, dtypes="string").to_polars()
        return points, _labels(workbook, layout.GUIDE), _labels(workbook, layout.MARK)
    except (zipfile.BadZipFile, fastexcel.FastExcelError) as error:
        raise SourceUnreadable(
            subject, expected="a whole XLSX workbook", found=str(error).splitlines()[0], remedy=_REMEDY
        ) from error


def _labels(workbook: fastexcel.ExcelReader, sheet: str) -> dict[str, str | None]:
    frame = workbook.load_sheet(sheet, header_row=None, dtypes="string").to_polars()
    if frame.width < 2:
        return {}
    return {canonical(row[0]) or "": canonical(row[1]) for row in frame.iter_rows()}


def _refuse_live_content(data: bytes, subject: str) -> None:
    """Nothing of what is read may be computed by the file itself."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.namelist():
            lower = member.lower()
            live = "vbaproject" in lower or (
                lower.startswith("xl/worksheets/") and _FORMULA.search(archive.read(member)) is not None
            )
            if live:
                raise SourceUnreadable(
                    f"{subject}, {member}",
                    expected="typed values only",
                    found="a formula or a macro",
                    remedy="replace the formulas by their values (copy, then paste as values), save as .xlsx",
                )


def _author(guide: Mapping[str, str | None], mark: Mapping[str, str | None], subject: str) -> tuple[str, date]:
    """The organisation and the day it checked, both stated in the guide sheet."""
    organisation = guide.get(layout.ORGANISATION)
    cells = RecordCells("*", IssueLog(layout.SOURCE))
    day = cells.day("date", guide.get(layout.DAY))
    exported = cells.day("date", mark.get(layout.MARK_DAY))
    fault = None
    if organisation is None or len(organisation) > 150 or _MARKUP.search(organisation):
        fault = ("the name of the organisation that checked", "nothing usable")
    elif "@" in organisation or names_of_people(organisation):
        fault = ("the name of an organisation", "what looks like the name or the e-mail of a person")
    elif day is None:
        fault = ("the day of the verification, DD/MM/YYYY", guide.get(layout.DAY) or "nothing")
    elif exported is not None and day < exported:
        fault = (f"a verification made since the export of {exported}", f"{day}")
    if fault or organisation is None or day is None:
        expected, found = fault or ("an author", "none")
        raise SourceUnreadable(
            f"{subject}, sheet « {layout.GUIDE} »",
            expected=expected,
            found=found,
            remedy=f"fill in « {layout.ORGANISATION} » and « {layout.DAY} », then import the workbook again",
        )
    return organisation, day


def _headings() -> list[str]:
    typed = [f.corrige for f in (*layout.FIELDS, layout.LONGITUDE, layout.LATITUDE)]
    return [layout.ID, *_shown(), *typed, layout.CLOSED_TITLE, layout.CHECKED_TITLE, layout.COMMENT, layout.FINGERPRINT]


def _shown() -> list[str]:
    return [f.actuel for f in (*layout.FIELDS, layout.LONGITUDE, layout.LATITUDE)]


def _position(shown: list[str | None]) -> str | None:
    longitude, latitude = shown[-2:]
    return f"{longitude} {latitude}" if longitude and latitude else None


def _said(row: Mapping[str, Any], cells: RecordCells) -> Iterator[tuple[str, str | None]]:
    """(field, typed value) of each usable cell of a row; the others become issues."""
    for spec in layout.FIELDS:
        text = canonical(row[spec.corrige])
        if text is None:
            continue
        if text.lower() == layout.CLEAR and spec.effacable:
            yield spec.champ, None
        elif (value := _form(spec, text, cells)) is not None:
            yield spec.champ, value
    position = _typed_position(row, cells)
    if position:
        yield layout.POSITION, position
    for champ, heading in ((layout.CLOSED, layout.CLOSED_TITLE), (layout.CHECKED, layout.CHECKED_TITLE)):
        text = (canonical(row[heading]) or layout.NO).lower()
        if text == layout.YES:
            yield champ, layout.YES
        elif text != layout.NO:
            cells.issue(champ, text, "valeur-inconnue", "Ni « oui » ni « non » : la cellule est mise de côté.")


def _form(spec: layout.Field, text: str, cells: RecordCells) -> str | None:
    """What was typed in the form its field has; None, and an issue, when it has not."""
    if len(text) > spec.longueur:
        reason = f"Plus de {spec.longueur} caractères : la cellule est mise de côté."
        cells.issue(spec.champ, text, "trop-long", reason)
        return None
    if _MARKUP.search(text):
        cells.issue(spec.champ, text, "balise", "Balise ou caractère de contrôle : la cellule est mise de côté.")
        return None
    if spec.valeurs:
        for value in spec.valeurs:
            if value.lower() == text.lower():
                return value
        expected = ", ".join(spec.valeurs)
        cells.issue(spec.champ, text, "valeur-inconnue", f"Valeur hors de la liste ({expected}) : mise de côté.")
        return None
    if spec.champ == "telephone" and not _PHONE.fullmatch(re.sub(r"[\s.()\-]", "", text.replace("(0)", ""))):
        cells.issue(spec.champ, text, "telephone-illisible", "Ce n’est pas un numéro de téléphone : mis de côté.")
        return None
    if spec.champ == "site_web" and not _SITE.fullmatch(text):
        cells.issue(
            spec.champ, text, "site-illisible", "Une adresse de site commence par http:// ou https:// : mis de côté."
        )
        return None
    return text


def _typed_position(row: Mapping[str, Any], cells: RecordCells) -> str | None:
    typed = [canonical(row[f.corrige]) for f in (layout.LONGITUDE, layout.LATITUDE)]
    if typed == [None, None]:
        return None
    if None in typed:
        cells.issue(
            "position", " ".join(t or "?" for t in typed), "coordonnee-seule", "Une seule coordonnée : mise de côté."
        )
        return None
    longitude, latitude = (cells.decimal("position", text) for text in typed)
    if longitude is None or latitude is None:
        return None
    if not (math.fabs(longitude) <= 180 and math.fabs(latitude) <= 90):
        cells.issue(
            "position", f"{longitude} {latitude}", "hors-territoire", "Ce ne sont pas des degrés : mis de côté."
        )
        return None
    return f"{layout.degrees(longitude)} {layout.degrees(latitude)}"


def _too_large(subject: str, size: int) -> SourceUnreadable:
    return SourceUnreadable(
        subject,
        expected=f"a workbook of at most {MAX_WORKBOOK_MB} MB",
        found=f"{size} bytes",
        remedy="do not open the file; ask where it comes from",
    )
