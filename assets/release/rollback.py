"""Making an older release the current one again, and the warehouse that of it. What is withdrawn stays in its folder.

The next build follows the release pointed to: ids, movements and changes are told from it. As long as its inputs are
those of a withdrawn release it makes nothing (`versions.already_made`).
"""

from assets.release.manifest import load_manifest
from assets.release.promote import point_latest
from assets.release.versions import find
from outputs import layout
from outputs.warehouse import write_warehouse
from pipeline.foundations.paths import DataRoot
from quality.contract import all_contracts


def roll_back(root: DataRoot, version: str, reason: str | None) -> None:
    """Make `latest` point to `version`, say so in the journal, and write the warehouse again from its tables.

    Raises:
        WrongUse: there is no such release; those present are listed.
        QualityRefused: its manifest is unreadable.
    """
    folder = find(root.releases, version)
    contracts = all_contracts()
    tables = []
    for table in load_manifest(folder).tables:
        if (contract := contracts.get(table.table)) is not None:
            # As it was declared then: a column may have come since.
            held = {c.nom for c in table.colonnes}
            then = contract.model_copy(update={"columns": tuple(c for c in contract.columns if c.name in held)})
            tables.append((then, [layout.geoparquet(folder, table.layer)]))
    point_latest(root.releases, version, reason)
    write_warehouse(tables, root.warehouse)
