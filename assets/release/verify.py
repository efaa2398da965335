"""Holding a promoted release against all that it says of itself, years later or after a copy. Reading only."""

from pathlib import Path

from assets.release.changes.check import check_changes, read_changes
from assets.release.changes.edition import Edition
from assets.release.manifest import check_sums, files_of, load_manifest
from assets.release.versions import find, list_releases
from outputs.reread import reread
from quality.results import plural


def verify(releases: Path, version: str) -> list[str]:
    """Check the bytes of a release, read its products again, and apply its changes to the release it follows.

    Returns:
        What was found right, one French line each.

    Raises:
        WrongUse: there is no such release.
        QualityRefused: something is not as its manifest, its sums or its changes say.
    """
    folder = find(releases, version)
    check_sums(folder)
    manifest = load_manifest(folder)
    reread(folder, manifest.tables)
    done = [
        f"{plural(len(files_of(folder)), 'fichier')}, octet pour octet ceux de SHA256SUMS",
        f"{plural(len(manifest.tables), 'table')}, relues par d'autres lecteurs dans chaque format",
    ]
    before = manifest.precedente
    if before is None:
        done.append("première version : elle n'en suit aucune")
    elif before in list_releases(releases):
        lines = read_changes(folder)
        check_changes(Edition.promoted(releases / before), Edition.promoted(folder), lines)
        done.append(f"{plural(lines.height, 'changement')} : appliqués à la version {before}, ils donnent celle-ci")
    else:
        done.append(f"changements non vérifiés : la version {before}, qu'elle suit, n'est plus gardée")
    return done
