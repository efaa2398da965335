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
    return lambda folder: _write(folder, (contracts[name] for name in tables), path, version)


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
    declared = []
    for table in load_manifest(folder).tables:
        if (contract := contracts.get(table.table)) is not None:
            # As it was declared then: a column may have come since.
            held = {c.nom for c in table.colonnes}
            columns = tuple(c for c in contract.columns if c.name in held)
            declared.append(contract.model_copy(update={"columns": columns}))
    _write(folder, declared, root.warehouse, version)


def _write(folder: Path, contracts: Iterable[Contract], path: Path, version: str) -> None:
    write_warehouse([(c, [layout.geoparquet(folder, c.layer)]) for c in contracts], path, version)
