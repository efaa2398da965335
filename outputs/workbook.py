"""One workbook for élus and their services: a page that says what it is, then the tables of `classeur.yml`.

Everything is a value: no formula, no link, and text stays text whatever it starts with. Rows go to the disk as they are
written, so memory does not grow with them. Complete tables are other products.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter  # type: ignore[import-untyped]
from pydantic import Field
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from outputs.flat import by_key
from pipeline.foundations.declared import Strict, load
from pipeline.foundations.errors import WrongUse
from quality.contract import Column, Contract

#: Rows and characters that a sheet, and a cell, can hold.
MOST_ROWS, LONGEST = 1_048_576, 32_767
README, COLUMNS = "Lisez-moi", "Colonnes"
_CUT = " […]"
_WIDEST, _NARROWEST = 60, 9
_LIST = ", "
# What XML cannot hold; a spreadsheet would not open the file.
_FORBIDDEN = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"

Tables = Mapping[str, tuple[Contract, pl.DataFrame]]


class Name(Strict):
    """A column put first: the `nom` of the row of `table` whose `code` is in the column `code`."""

    nom: str
    titre: str
    code: str
    table: str


class SheetSpec(Strict):
    """A sheet of `classeur.yml`."""

    titre: str = Field(min_length=1, max_length=31)
    table: str
    filtre: Mapping[str, str] = Field(default_factory=dict)
    noms: tuple[Name, ...] = ()
    colonnes: tuple[str, ...] = Field(min_length=1)
    tri: tuple[str, ...] = ()


class Workbook(Strict):
    """`classeur.yml`."""

    lisez_moi: tuple[str, ...]
    feuilles: tuple[SheetSpec, ...]

    @property
    def tables(self) -> set[str]:
        """Those it is made from."""
        return {sheet.table for sheet in self.feuilles} | {n.table for sheet in self.feuilles for n in sheet.noms}


@dataclass(frozen=True)
class Sheet:
    """A sheet ready to be written: its columns, whose names are those of `frame`."""

    title: str
    contract: Contract
    columns: tuple[Column, ...]
    frame: pl.DataFrame
    cut: int  # cells whose text was too long

    @property
    def fits(self) -> bool:
        """Whether a sheet can hold its rows and their titles."""
        return self.frame.height < MOST_ROWS


@cache
def declared() -> Workbook:
    """The project's own `classeur.yml`."""
    return load(Workbook, Path(__file__).with_name("classeur.yml"))


def sheets(tables: Tables, workbook: Workbook) -> list[Sheet]:
    """The sheets whose table is there and holds rows, in their order; same rows in any order, same sheets.

    Raises:
        WrongUse: a column is not the table's.
        QualityRefused: a frame does not follow its contract.
    """
    present = [spec for spec in workbook.feuilles if spec.table in tables]
    return [sheet for spec in present if not (sheet := _sheet(spec, tables)).frame.is_empty()]


def _sheet(spec: SheetSpec, tables: Tables) -> Sheet:
    contract, frame = tables[spec.table]
    try:
        columns = [contract.column(name) for name in spec.colonnes]
        names = [_named(name, contract.column(name.code)) for name in spec.noms]
        for name in {*spec.filtre, *spec.tri} - {n.name for n in names}:
            contract.column(name)
    except KeyError as error:
        raise WrongUse(
            f"sheet {spec.titre!r} of classeur.yml",
            expected=f"columns of {spec.table}",
            found=str(error),
            remedy="fix the file",
        ) from error
    rows = by_key(contract.conform(frame), contract)
    for column, value in spec.filtre.items():
        rows = rows.filter(pl.col(column) == value)
    for told in spec.noms:
        if told.table in tables:
            places = tables[told.table][1].select(pl.col("code"), pl.col("nom").alias(told.nom))
            rows = rows.join(places, left_on=told.code, right_on="code", how="left", maintain_order="left")
        else:
            rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(told.nom))
    shown = (*names, *columns)
    if spec.tri:
        rows = rows.sort(spec.tri, nulls_last=True, maintain_order=True)
    written, cut = _writable(rows, shown)
    return Sheet(spec.titre, contract, shown, written, cut)


def _named(name: Name, code: Column) -> Column:
    described = {"title": name.titre, "description": f"Nom, d’après « {code.title} »."}
    return Column.model_validate({"name": name.nom, "type": "texte", **described})


def _writable(rows: pl.DataFrame, columns: Sequence[Column]) -> tuple[pl.DataFrame, int]:
    """Cells as the workbook holds them, and how many were cut: text, numbers and dates; lists and booleans are text."""
    cells = []
    for column in columns:
        cell = pl.col(column.name)
        match column.type:
            case "booleen":
                cell = pl.when(cell).then(pl.lit("oui")).when(~cell).then(pl.lit("non"))
            case "liste_texte":
                cell = cell.list.drop_nulls().list.join(_LIST)
            case "reel":
                cell = pl.when(cell.is_finite()).then(cell)
        if column.type in {"texte", "liste_texte"}:
            # A file keeps one kind of line end; nothing and empty are the same cell.
            cell = cell.str.replace_all("\r\n?", "\n").str.replace_all(_FORBIDDEN, "\ufffd").replace("", None)
        cells.append(cell.alias(column.name))
    frame = rows.select(cells)
    texts = [c.name for c in columns if c.type in {"texte", "liste_texte"}]
    # A spreadsheet counts in UTF-16: two for a character outside the basic plane.
    units = [pl.col(t).str.len_chars() + pl.col(t).str.count_matches("[\\x{10000}-\\x{10ffff}]") for t in texts]
    cut = int(frame.select(pl.sum_horizontal((u > LONGEST).sum() for u in units)).item()) if texts else 0
    if cut:
        shortened = [
            pl.when(u > LONGEST).then(pl.col(t).str.head(LONGEST // 2 - len(_CUT)) + _CUT).otherwise(pl.col(t)).alias(t)
            for t, u in zip(texts, units, strict=True)
        ]
        frame = frame.with_columns(shortened)
    return frame, cut


def write_workbook(
    found: Sequence[Sheet],
    path: Path,
    *,
    notice: Sequence[str],
    about: Mapping[str, str],
    date_reference: datetime,
) -> None:
    """Write the workbook; same sheets, same bytes.

    Args:
        found: what `sheets` made.
        path: file to write, replaced when it exists; its folder exists.
        notice: how to read it, a paragraph each (`Workbook.lisez_moi`).
        about: `publication`, `version`, `licence`, `attribution`, `perimetre`, `fictif`: said on the first page.
        date_reference: aware; in the place of the clock.
    """
    with tempfile.TemporaryDirectory() as aside:
        book = xlsxwriter.Workbook(
            path,
            {
                "constant_memory": True,
                "tmpdir": aside,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        book.set_properties(
            {
                "title": about.get("publication", ""),
                "comments": about.get("licence", ""),
                "created": date_reference.replace(tzinfo=None, microsecond=0),
            }
        )
        formats = _Formats(book)
        _readme(book.add_worksheet(README), formats, notice, found, about, date_reference)
        for sheet in found:
            if sheet.fits:
                _fill(book.add_worksheet(sheet.title), formats, sheet.columns, sheet.frame)
        _dictionary(book.add_worksheet(COLUMNS), formats, found)
        book.close()


class _Formats:
    """The few looks of a cell."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.warning = book.add_format({"bold": True, "font_color": "#ffffff", "bg_color": "#b3261e"})
        self.label = book.add_format({"bold": True, "valign": "top"})
        self.text = book.add_format({"text_wrap": True, "valign": "top"})
        self.header = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "vcenter", "bg_color": "#e6ebf0", "bottom": 1}
        )
        self.date = book.add_format({"num_format": "dd/mm/yyyy"})
        self._numbers = {
            shape: book.add_format({"num_format": shape}) for shape in ("#,##0", "#,##0.0", "0.00000", "0.00")
        }

    def number(self, column: Column) -> Any:
        """Whole, to one decimal, or as precise as a coordinate or a ratio asks."""
        if column.type == "entier" or column.unit in {"habitants", "m"}:
            return self._numbers["#,##0"]
        if column.unit == "°":
            return self._numbers["0.00000"]
        return self._numbers["#,##0.0" if column.unit else "0.00"]


def header(column: Column) -> str:
    """Title of a column, with its unit."""
    return f"{column.title} ({column.unit})" if column.unit else column.title


def _readme(
    page: Worksheet,
    formats: _Formats,
    notice: Sequence[str],
    found: Sequence[Sheet],
    about: Mapping[str, str],
    date_reference: datetime,
) -> None:
    page.set_column(0, 0, 22)
    page.set_column(1, 1, 110)
    page.hide_gridlines(2)
    page.write_string(0, 0, about.get("publication", ""), formats.title)
    row = 1
    if about.get("fictif") == "oui":
        page.write_string(row, 0, "DONNÉES FICTIVES", formats.warning)
        page.write_string(
            row, 1, "Tout ce que contient ce classeur est inventé, pour la démonstration.", formats.warning
        )
        row += 1
    lines = [
        ("Version", about.get("version", "")),
        ("Date des données", date_reference.strftime("%d/%m/%Y")),
        ("Périmètre", about.get("perimetre", "")),
        ("Licence", about.get("licence", "")),
        ("Sources", about.get("attribution", "")),
        *(("Comment lire" if i == 0 else "", text) for i, text in enumerate(notice)),
        *((f"Feuille « {s.title} »", _about(s)) for s in found),
    ]
    for label, text in lines:
        row += 1
        page.write_string(row, 0, label, formats.label)
        page.write_string(row, 1, text, formats.text)


def _about(sheet: Sheet) -> str:
    rows = f"{sheet.frame.height:,}".replace(",", "\u202f")
    if not sheet.fits:
        return (
            f"Absente : ses {rows} lignes sont plus qu’une feuille n’en tient ({MOST_ROWS:,}). "
            f"La table entière est dans geoparquet/{sheet.contract.layer}.parquet."
        ).replace(",", "\u202f")
    cut = f" {sheet.cut} textes trop longs pour une cellule sont coupés ({_CUT.strip()})." if sheet.cut else ""
    return f"{rows} lignes. {sheet.contract.description}{cut}"


def _fill(page: Worksheet, formats: _Formats, columns: Sequence[Column], frame: pl.DataFrame) -> None:
    """Titles, then rows: written in order, as constant memory asks."""
    page.freeze_panes(1, 1)
    for i, column in enumerate(columns):
        page.set_column(i, i, _width(column, frame[column.name]))
    page.set_row(0, 32)
    for i, column in enumerate(columns):
        page.write_string(0, i, header(column), formats.header)
    page.autofilter(0, 0, frame.height, len(columns) - 1)
    writers = [_writer(page, formats, column) for column in columns]
    for row, values in enumerate(frame.iter_rows(), start=1):
        for i, value in enumerate(values):
            if value is not None:
                writers[i](row, i, value)


def _writer(page: Worksheet, formats: _Formats, column: Column) -> Callable[[int, int, Any], Any]:
    match column.type:
        case "entier" | "reel":
            shape = formats.number(column)
            return lambda row, i, value: page.write_number(row, i, value, shape)
        case "date":
            return lambda row, i, value: page.write_datetime(row, i, value, formats.date)
        case _:
            return lambda row, i, value: page.write_string(row, i, value)


def _width(column: Column, values: pl.Series) -> float:
    """Room for nearly every value, and for the title on two lines."""
    title = -(-len(header(column)) // 2) + 3
    if column.type in {"entier", "reel", "date"}:
        return max(_NARROWEST, title, 12)
    usual = values.str.len_chars().quantile(0.95)
    return max(_NARROWEST, title, min(_WIDEST, float(usual or 0) + 2))


def _dictionary(page: Worksheet, formats: _Formats, found: Sequence[Sheet]) -> None:
    page.freeze_panes(1, 0)
    heads = (("Feuille", 28), ("Colonne", 34), ("Contenu", 90), ("Unité", 12), ("Nom dans les fichiers", 32))
    for i, (head, width) in enumerate(heads):
        page.set_column(i, i, width)
        page.write_string(0, i, head, formats.header)
    row = 0
    for sheet in found:
        for column in sheet.columns if sheet.fits else ():
            row += 1
            own = any(c.name == column.name for c in sheet.contract.columns)
            name = column.name if own else ""
            texts = (sheet.title, header(column), column.description, column.unit or "", name)
            for i, text in enumerate(texts):
                page.write_string(row, i, text, formats.text if i == 2 else None)
