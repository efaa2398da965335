"""The workbook and the tiles read again by another library than their writer, and compared with what went in.

The same rule as `outputs.reread`: nothing is mended, one difference refuses the release.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import fastexcel
import polars as pl
import pyogrio

from outputs.joined import Layer
from outputs.tiles import Tiles, features
from outputs.workbook import COLUMNS, README, Sheet, header
from pipeline.foundations.errors import QualityRefused

_Kind = Literal["null", "int", "float", "string", "boolean", "datetime", "date", "duration"]
_PRECISION = 1e-14  # a workbook keeps fewer digits than a number has
_KINDS: dict[str, _Kind] = {"entier": "float", "reel": "float", "date": "date"}


def reread_workbook(path: Path, sheets: Sequence[Sheet]) -> None:
    """Read every sheet with calamine: names of the sheets, titles of the columns, every cell.

    Args:
        sheets: as they were written (`outputs.workbook.sheets`).

    Raises:
        QualityRefused: the first difference.
    """
    written = [sheet for sheet in sheets if sheet.fits]
    try:
        book = fastexcel.read_excel(path)
        _same(path, "sheets", [README, *(s.title for s in written), COLUMNS], book.sheet_names)
        for sheet in written:
            titles = [header(c) for c in sheet.columns]
            types: dict[str | int, _Kind] = {header(c): _KINDS.get(c.type, "string") for c in sheet.columns}
            found = book.load_sheet(sheet.title, dtypes=types).to_polars()
            _same(path, f"{sheet.title}, columns", titles, found.columns)
            _same(path, f"{sheet.title}, rows", sheet.frame.height, found.height)
            for column, title in zip(sheet.columns, titles, strict=True):
                wanted, cells = sheet.frame[column.name].cast(found.schema[title]), found[title]
                same = wanted.eq_missing(cells)
                if wanted.dtype == pl.Float64:
                    same |= ((wanted - cells).abs() <= _PRECISION * wanted.abs()).fill_null(False)
                if not same.all():
                    other = int((~same).sum())
                    raise _refused(path, f"{sheet.title}, {title}", "the values of the table", f"{other} others")
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
        raise _refused(path, "readable", "a workbook", str(error)) from error


def reread_tiles(path: Path, layers: Sequence[Layer], tiles: Tiles) -> None:
    """Read every layer with GDAL at the largest scale, where nothing may be missing: names of the layers, who is there.

    Raises:
        QualityRefused: the first difference.
    """
    by_name = {layer.name: layer for layer in layers}
    wanted = {t.nom: rows for t in tiles.couches if not (rows := features(t, by_name)).is_empty()}
    try:
        _same(path, "layers", sorted(wanted), sorted(pyogrio.list_layers(path)[:, 0].tolist()))
        for name, rows in wanted.items():
            first = rows.columns[0]
            _, table = pyogrio.read_arrow(path, layer=name, columns=[first], read_geometry=False)
            found = set(table.column(first).to_pylist())
            _same(path, f"{name}, {first} missing or unknown", [], sorted(set(rows[first]) ^ found)[:5])
    except pyogrio.errors.DataSourceError as error:
        raise _refused(path, "readable", "tiles GDAL reads", str(error)) from error


def _refused(path: Path, what: str, expected: object, found: object) -> QualityRefused:
    return QualityRefused(
        f"{path.name} ({what})",
        expected=str(expected),
        found=str(found),
        remedy="the release is not promoted: run again; if it persists, report it with this message",
    )


def _same(path: Path, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise _refused(path, what, expected, found)
