"""Making an older release the current one again, and the warehouse that of it. What is withdrawn stays in its folder.

The next build follows the release pointed to: ids, movements and changes are told from it. As long as its inputs are
those of a withdrawn release it makes nothing (`versions.already_made`).
"""

from assets.release.manifest import load_manifest
from assets.release.promote import point_latest
from assets.release.versions import find
from assets.release.warehouse import follow
from pipeline.foundations.paths import DataRoot


def roll_back(root: DataRoot, version: str, reason: str | None) -> None:
    """Make `latest` point to `version`, say so in the journal, and write the warehouse again from its tables.

    Raises:
        WrongUse: there is no such release; those present are listed.
        QualityRefused: its manifest is unreadable.
    """
    load_manifest(find(root.releases, version))  # refused before the pointer moves
    point_latest(root.releases, version, reason)
    follow(root, version)
