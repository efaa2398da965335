"""The DuckDB warehouse of the current release: written beside it, and made again from its files when it is of another.

How one is written belongs to `outputs.warehouse`.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from assets.release.manifest import load_manifest
from assets.release.versions import find
from outputs import layout
from outputs.warehouse import version_of, write_warehouse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.progress import reporter
from quality.contract import Contract, all_contracts


def warehouse(
    tables: Iterable[str], contracts: Mapping[str, Contract], version: str, path: Path
) -> Callable[[Path], None]:
    """Writer for `assemble.stage`: at `path`, from the GeoParquet files of the release being staged."""
    return lambda folder: write_warehouse(
        [(contracts[name], [layout.geoparquet(folder, contracts[name].layer)]) for name in tables], path, version
    )


def follow(root: DataRoot, version: str) -> None:
    """Make the warehouse that of a release of this data root; nothing when it already is.

    It is of another after a rollback, when it was removed, or when a build was killed between the release and it.

    Raises:
        WrongUse: there is no such release.
        QualityRefused: its manifest is unreadable.
    """
    if version_of(root.warehouse) == version:
        return
    reporter().step("entrepôt DuckDB de la version courante")
    folder = find(root.releases, version)
    contracts = all_contracts()
    tables = []
    for table in load_manifest(folder).tables:
        if (contract := contracts.get(table.table)) is not None:
            # As it was declared then: a column may have come since.
            held = {c.nom for c in table.colonnes}
            then = contract.model_copy(update={"columns": tuple(c for c in contract.columns if c.name in held)})
            tables.append((then, [layout.geoparquet(folder, table.layer)]))
    write_warehouse(tables, root.warehouse, version)
