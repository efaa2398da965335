"""The layers of the GeoPackage: one per table, and those that `styles/*.yml` declares over them.

A declared layer either merges outlines (it then has geometry of its own) or shows the geometry of another layer: rows
kept by a filter, figures joined by a key. A layer with nothing to show, its table absent or empty, is left out. No file
is written here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import shapely

from outputs import geometry
from outputs.flat import by_key
from outputs.style import LayerStyle
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Column, Contract

#: Number of a row of `Layer.frame` among those of its base layer, from 1, in the order of the base's key.
RANK = "fid"
_KEY = "cle jointe"  # no column of a contract has a space


@dataclass(frozen=True)
class Layer:
    """A layer as it is to be written.

    Attributes:
        contract: its name, titles, columns and geometry, as readers see them.
        frame: its rows. When it has a `base`, only the columns that are not the base's, beside `RANK`.
        base: the layer it takes geometry, and the columns of `borrowed`, from.
    """

    contract: Contract
    frame: pl.DataFrame
    base: str | None = None
    borrowed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the GeoPackage."""
        return self.contract.layer


def needed(contracts: Iterable[Contract], declared: Sequence[LayerStyle]) -> list[Contract]:
    """Those of the tables that layers are made from: the others need not be read."""
    figures = {d.donnees for d in declared if d.geometrie}
    return [contract for contract in contracts if contract.geopackage or contract.table in figures]


def layers_of(
    tables: Iterable[tuple[Contract, pl.DataFrame]], declared: Sequence[LayerStyle], *, suffix: str = ""
) -> list[Layer]:
    """One layer per table of the GeoPackage, in their order, then the declared ones.

    Args:
        tables: all those published; some are there only for the layers joined to them. Gone through once: of those, the
            rows that layers show are kept and the others let go.
        declared: those without `geometrie` are ignored. Merged outlines may serve others, whatever the order.
        suffix: added to the titles of the declared ones.

    Raises:
        QualityRefused: a frame does not follow its contract; rows of `donnees` share a key.
        WrongUse: a column is in no contract, a name is taken, the geometry is none.
    """
    made = sorted((d for d in declared if d.geometrie), key=lambda d: not d.fusion)
    figures: dict[str, list[LayerStyle]] = {}
    for declaration in made:
        if declaration.donnees:
            figures.setdefault(declaration.donnees, []).append(declaration)
    known = {
        contract.table: (contract, _rows(contract, frame, figures.get(contract.table, ())))
        for contract, frame in tables
        if contract.geopackage or contract.table in figures
    }
    layers = [Layer(contract, frame) for contract, frame in known.values() if contract.geopackage]
    for declaration in made:
        wanted = [name for name in (declaration.geometrie, declaration.donnees) if name]
        if any(name not in known or known[name][1].is_empty() for name in wanted):
            continue
        if any(layer.name == declaration.couche for layer in layers):
            raise _wrong(declaration, "a name of its own", "one that another layer has")
        if (layer := _declared(declaration, known, suffix)) is None:
            continue
        layers.append(layer)
        if declaration.fusion:
            known[declaration.couche] = (layer.contract, layer.frame)
    return layers


def _rows(contract: Contract, frame: pl.DataFrame, shown: Sequence[LayerStyle]) -> pl.DataFrame:
    """Rows of a layer in the order of its key; of figures, which may be millions, those that a layer shows."""
    frame = contract.conform(frame)
    if contract.geopackage:
        return by_key(frame, contract)
    return frame.filter(pl.any_horizontal(_kept(declaration, contract) for declaration in shown))


def whole(layer: Layer, layers: Sequence[Layer]) -> pl.DataFrame:
    """All the columns of a layer, geometry included, as a reader finds them.

    Args:
        layers: those it was made with (`layers_of`), its base among them.
    """
    if layer.base is None:
        return layer.frame
    base = next(b for b in layers if b.name == layer.base)
    shape = base.contract.geometry.column if base.contract.geometry else ""
    places = base.frame.with_row_index(RANK, offset=1).select(pl.col(RANK).cast(pl.Int64), *layer.borrowed, shape)
    return layer.contract.conform(
        layer.frame.join(places, on=RANK, how="left", maintain_order="left").select(
            layer.contract.polars_schema.names()
        )
    )


def _wrong(declaration: LayerStyle, expected: str, found: str) -> WrongUse:
    return WrongUse(
        f"layer {declaration.couche} of outputs/styles",
        expected=expected,
        found=found,
        remedy="fix the file that declares it",
    )


def _column(declaration: LayerStyle, contract: Contract, name: str | None) -> Column:
    try:
        return contract.column(name or "")
    except KeyError:
        raise _wrong(declaration, f"a column of {contract.table}", repr(name)) from None


def _declared(declaration: LayerStyle, known: Mapping[str, tuple[Contract, pl.DataFrame]], suffix: str) -> Layer | None:
    base, frame = known[declaration.geometrie or ""]
    if base.geometry is None or not base.geopackage:
        raise _wrong(declaration, "geometrie: a layer of the GeoPackage with geometry", base.table)
    shape = base.column(base.geometry.column)
    places = frame.with_row_index(RANK, offset=1).with_columns(pl.col(RANK).cast(pl.Int64))
    if declaration.donnees is None:
        places = places.filter(_kept(declaration, base))
    if declaration.fusion:
        places = _merged(declaration, base, places)
    source, figures = None, None
    if declaration.donnees is not None:
        source = known[declaration.donnees][0]
        figures = _figures(declaration, *known[declaration.donnees])
    if places.is_empty() or (figures is not None and figures.is_empty()):
        return None
    wanted = declaration.colonnes or tuple(c.name for c in base.columns if c != shape)
    # The key is the place's: a place without figures has it too.
    own = [n for n in wanted if source and n != declaration.cle and any(c.name == n for c in source.columns)]
    if declaration.fusion and (lost := set(wanted) - {*own, declaration.cle}):
        raise _wrong(declaration, "colonnes: the key, and columns of donnees", ", ".join(sorted(lost)))
    columns = [_column(declaration, source if source and n in own else base, n) for n in wanted]
    contract = Contract.model_validate(
        {
            "table": f"couches__{declaration.couche}",
            "title": declaration.titre + suffix,
            "description": declaration.description,
            "key": (),
            "licence": base.licence,
            "geometry": base.geometry,
            "columns": (*columns, shape),
        }
    )
    if figures is not None:
        key = _column(declaration, base, declaration.cle).name
        places = places.select(RANK, key, *((shape.name,) if declaration.fusion else ())).join(
            figures.select(_KEY, *own), left_on=key, right_on=_KEY, how="left", maintain_order="left"
        )
    if declaration.fusion:
        return Layer(contract, contract.conform(places.select(contract.polars_schema.names())))
    return Layer(contract, places.select(RANK, *own), base.layer, tuple(n for n in wanted if n not in own))


def _kept(declaration: LayerStyle, contract: Contract) -> pl.Expr:
    kept = pl.lit(True)
    for name, wanted in declaration.filtre.items():
        column = pl.col(_column(declaration, contract, name).name)
        kept &= column.is_in(list(wanted)) if isinstance(wanted, tuple) else column == wanted
    return kept


def _figures(declaration: LayerStyle, contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows kept by the filter, one per value of the key, which is in a column of its own too."""
    name = _column(declaration, contract, declaration.cle_donnees).name
    rows = frame.filter(_kept(declaration, contract)).drop_nulls(name)
    if doubled := int(rows.get_column(name).is_duplicated().sum()):
        raise QualityRefused(
            f"layer {declaration.couche} of outputs/styles",
            expected=f"one row of {contract.table} at most for each {name}, once filtered",
            found=f"{doubled} rows that share theirs",
            remedy="add to `filtre` what tells them apart",
        )
    return rows.with_columns(pl.col(name).alias(_KEY))


def _merged(declaration: LayerStyle, base: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """One outline per value of `cle`, in its order; places without outline, or of no group, are in none."""
    key = _column(declaration, base, declaration.cle).name
    if base.geometry is None or base.geometry.type != "MultiPolygon":
        raise _wrong(declaration, "geometrie: outlines, to merge them", base.table)
    shape = base.geometry.column
    groups = frame.drop_nulls([key, shape]).group_by(key).agg(shape).sort(key)
    outlines = [geometry.merge(shapely.from_wkb(group.to_list())) for group in groups[shape]]
    merged = pl.Series(shape, geometry.to_wkb(np.array(outlines, dtype=object)), dtype=pl.Binary)
    return groups.select(key).with_columns(merged).with_row_index(RANK, offset=1)
