"""`releases/catalog.json`: the releases there are, the latest one named, for STAC readers.

A view of the folder, written again whenever a release comes, goes or becomes the current one.
"""

import os
from pathlib import Path

from assets.release.versions import latest, list_releases, read_manifest, withdrawn
from outputs.metadata import stac
from outputs.metadata.publication import publication

CATALOGUE = "catalog.json"


def write_catalogue(releases: Path) -> None:
    """Write the catalogue by one rename, without withdrawn releases; nothing while none has a collection."""
    current = latest(releases)
    hidden = withdrawn(releases)
    versions = [v for v in list_releases(releases) if v not in hidden and (releases / v / stac.PATH).is_file()]
    if not versions:
        return
    fictional = read_manifest(releases, versions[-1]).fictif
    declared = publication().imagined() if fictional else publication()
    temporary = releases / f".{CATALOGUE}.{os.getpid()}.tmp"
    temporary.write_text(stac.catalogue(declared, versions, current if current in versions else None), encoding="utf-8")
    temporary.replace(releases / CATALOGUE)
