"""What must be found again in every product of a table: rows, columns, key, geometry, and a checksum of the values.

The facts are taken from the frame before writing and kept in the release's manifest; `outputs.reread` compares.
"""

from typing import Literal

import polars as pl
import shapely
from pydantic import BaseModel, ConfigDict

from outputs import geometry
from outputs.checksum import of_frame
from outputs.flat import join_lists
from outputs.metadata.formats import has_csv
from quality.contract import Contract

ColumnType = Literal["texte", "entier", "reel", "booleen", "date", "liste_texte", "geometrie"]


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
    controle: str  # of the values, geometry excepted: `outputs.checksum`


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
        controle=of_frame(join_lists(frame, contract), columns),
    )
