"""Removing old releases: which ones may go, and making one disappear whole or not at all.

    releases/.supprimee-<version>/       a release being removed: no longer one, whatever becomes of the process

The current release and the one it follows always stay: readers have the one, and the other is what its changes are
told from. Putting releases in place is `promote`.
"""

import shutil
from pathlib import Path

from assets.release.catalogue import write_catalogue
from assets.release.journal import Entry, sums_given, write_entry
from assets.release.versions import find, latest, list_releases, order, read_manifest
from pipeline.foundations.errors import WrongUse

_REMOVED = ".supprimee-"


def prunable(releases: Path, keep: int) -> list[str]:
    """The versions that may be removed when the `keep` newest are to stay, oldest first.

    Raises:
        WrongUse: nothing would be kept.
        QualityRefused: the manifest of the current release is unreadable.
    """
    if keep < 1:
        raise WrongUse("--keep", expected="1 or more", found=str(keep), remedy="give how many releases are to stay")
    present = list_releases(releases)
    stay = {*present[-keep:], *_protected(releases)}
    return [version for version in present if version not in stay]


def remove(releases: Path, version: str) -> None:
    """Remove a release: out of sight by one rename, then deleted, and written in the journal.

    Raises:
        WrongUse: there is no such release, or it is the current one or the one it follows.
    """
    folder = find(releases, version)
    if folder.name in _protected(releases):
        raise WrongUse(
            f"release {folder.name}",
            expected="a release that is neither the current one nor the one it follows",
            found="one of these two",
            remedy="make `latest` point elsewhere first: csp rollback",
        )
    aside = releases / f"{_REMOVED}{folder.name}"
    shutil.rmtree(aside, ignore_errors=True)
    sums = sums_given(releases).get(folder.name)
    folder.rename(aside)
    write_entry(releases, Entry(action="suppression", version=folder.name, sommes=sums))
    write_catalogue(releases)
    shutil.rmtree(aside)


def sweep(releases: Path) -> None:
    """Delete what a killed removal left."""
    for folder in releases.glob(f"{_REMOVED}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _protected(releases: Path) -> set[str]:
    """The current release and the one it follows: the one its manifest names, else the one before it."""
    present, current = list_releases(releases), latest(releases)
    if current is None:
        return set(present[-1:])
    named = read_manifest(releases, current).precedente
    older = [v for v in present if order(v) < order(current)][-1:]
    return {current, *([named] if named in present else older)}
