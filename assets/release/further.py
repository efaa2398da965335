"""The products made beside the tables: workbook and tiles, for people who open no GIS and for web maps; the map that
shows the release.

Workbook and tiles are read again by another library; what they hold is declared in `outputs/classeur.yml` and
`outputs/tuiles.yml`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import polars as pl

from assets.release.context import LICENCE_TITLE, ReleaseContext
from assets.release.notes import credit
from outputs import layout, tiles, workbook
from outputs.carte import OVERVIEW, MapText, render_map
from outputs.joined import layers_of, needed
from outputs.reread_products import reread_tiles, reread_workbook
from outputs.style import look
from quality.contract import Contract


def further(
    tables: Mapping[str, pl.DataFrame],
    contracts: Mapping[str, Contract],
    context: ReleaseContext,
    about: Mapping[str, str],
) -> list[Callable[[Path], None]]:
    """Writers for `assemble.stage`.

    Args:
        about: what every product says of the release (`assemble.about`).
    """
    published = [contracts[name] for name in tables if contracts[name].published]

    def read(wanted: Iterable[Contract]) -> Iterator[tuple[Contract, pl.DataFrame]]:
        return ((contract, tables[contract.table]) for contract in wanted)

    def write_workbook(folder: Path) -> None:
        declared, path = workbook.declared(), layout.workbook(folder)
        told = (contract for contract in published if contract.table in declared.tables)
        sheets = workbook.sheets({c.table: (c, frame) for c, frame in read(told)}, declared)
        path.parent.mkdir()
        workbook.write_workbook(
            sheets, path, notice=declared.lisez_moi, about=about, date_reference=context.date_reference
        )
        reread_workbook(path, sheets)

    def write_tiles(folder: Path) -> None:
        declared, path = tiles.declared(), layout.tiles(folder)
        drawn = {source.couche for layer in declared.couches for source in layer.sources}
        shown = [d for d in look().couches if d.couche in drawn]
        layers = layers_of(read(needed(published, shown)), shown)
        path.parent.mkdir()
        tiles.write_tiles(layers, path, about=about, tiles=declared)
        reread_tiles(path, layers, declared)

    def write_map(folder: Path) -> None:
        path = folder / OVERVIEW
        path.parent.mkdir()
        credits = {source.id: credit(source) for source in context.sources if source.fichiers}
        render_map(
            path,
            communes=tables["territories__communes"],
            departements=tables["territories__departements"],
            distances=tables["access__distances"],
            implantations=tables["referentiel__implantations"],
            text=MapText(about["version"], LICENCE_TITLE, credits, fictional=context.fictif),
        )

    return [write_workbook, write_tiles, write_map]
