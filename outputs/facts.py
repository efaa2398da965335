"""What must be found again in every product of a table: rows, columns, key, geometry, and a checksum of the values.

The facts are taken from the frame before writing and kept in the release's manifest; `outputs.reread` compares.
The checksum is the same whatever the format, the row order and the reader: values are first put in one written form.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

import polars as pl
import shapely
from pydantic import BaseModel, ConfigDict

from outputs import geometry
from outputs.csv_tables import neutralise
from outputs.flat import join_lists
from outputs.metadata.formats import has_csv
from quality.contract import Contract

ColumnType = Literal["texte", "entier", "reel", "booleen", "date", "liste_texte", "geometrie"]

_ABSENT = "\x00"
_BETWEEN, _AFTER = "\x1f", "\x1e"
_AT_ONCE = 100_000  # rows written out together: some tens of megabytes


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnFacts(_Strict):
    """One column, as the contract declares it."""

    nom: str
    type: ColumnType


class GeometryFacts(_Strict):
    """The geometry column: how many rows have one, and the box of them all (`xmin, ymin, xmax, ymax`)."""

    colonne: str
    type: str
    crs: str
    nombre: int
    emprise: tuple[float, float, float, float] | None


class TableFacts(_Strict):
    """One published table."""

    layer: str
    table: str
    titre: str
    lignes: int
    cle: tuple[str, ...]
    colonnes: tuple[ColumnFacts, ...]
    geometrie: GeometryFacts | None
    geopackage: bool = True  # whether the table is a layer of the GeoPackage
    csv: bool = True  # whether the table has a CSV
    controle: str  # sha256 of the values, geometry excepted: `checksum`


def facts(frame: pl.DataFrame, contract: Contract) -> TableFacts:
    """The facts of a frame that follows its contract.

    Raises:
        QualityRefused: it does not, or its geometry is not the declared one.
    """
    frame = contract.conform(frame)
    columns = tuple(ColumnFacts(nom=c.name, type=c.type) for c in contract.columns)
    shape = None
    if contract.geometry is not None:
        geometries = geometry.decode(frame, contract)
        shape = GeometryFacts(
            colonne=contract.geometry.column,
            type=contract.geometry.type,
            crs=contract.geometry.crs,
            nombre=int((~shapely.is_missing(geometries)).sum()),
            emprise=geometry.extent(geometries),
        )
    return TableFacts(
        layer=contract.layer,
        table=contract.table,
        geopackage=contract.geopackage,
        csv=has_csv(frame.height),
        titre=contract.title,
        lignes=frame.height,
        cle=contract.key,
        colonnes=columns,
        geometrie=shape,
        controle=checksum(join_lists(frame, contract), columns),
    )


def checksum(frame: pl.DataFrame, columns: Sequence[ColumnFacts]) -> str:
    """sha256 of the values of `columns` (geometry excepted), whatever the order of the rows.

    Lists are already joined (`outputs.flat.join_lists`). Differences that some format cannot keep do not count: empty
    text and null, not-a-number and null, minus zero and zero, the apostrophe CSV puts before a formula.
    """
    written = [_written(c).fill_null(_ABSENT) for c in columns if c.type != "geometrie"]
    rows = frame.select(pl.concat_str(written, separator=_BETWEEN).alias("") if written else pl.lit("").alias(""))
    digest = hashlib.sha256()
    for part in rows.sort("").iter_slices(_AT_ONCE):
        digest.update((part.to_series().str.join(_AFTER).item() + _AFTER).encode())
    return digest.hexdigest()


def _written(column: ColumnFacts) -> pl.Expr:
    value = pl.col(column.nom)
    match column.type:
        case "texte" | "liste_texte":
            return neutralise(value.replace("", None))
        case "reel":
            return pl.when(value == 0).then(0.0).otherwise(value.fill_nan(None)).cast(pl.String)
        case "date":
            return value.dt.to_string("%Y-%m-%d")
        case _:
            return value.cast(pl.String)
