"""Calendar versions of releases and the looking up of one: `2026.03.15`, then `2026.03.15.1`… the same day.

Reading only; putting a release in place and moving `latest` is `promote`. A release newer than the one `latest` points
to has been withdrawn: the pointer goes forward by itself, and back only when somebody says so.
"""

import re
from datetime import date
from pathlib import Path

from assets.release.context import ReleaseContext
from assets.release.journal import sums_given
from assets.release.manifest import MANIFEST, Manifest, load_manifest, used_files
from pipeline.foundations.errors import WrongUse

LATEST = "latest"
_VERSION = re.compile(r"([0-9]{4})\.([0-9]{2})\.([0-9]{2})(?:\.([1-9][0-9]*))?")


def order(version: str) -> tuple[int, int, int, int]:
    """What versions are compared by: year, month, day, rank in the day.

    Raises:
        WrongUse: not a version.
    """
    match = _VERSION.fullmatch(version)
    try:
        if match is None:
            raise ValueError("another form")
        year, month, day = (int(g) for g in match.groups()[:3])
        date(year, month, day)
    except ValueError as error:
        raise WrongUse(
            f"version {version!r}",
            expected="YYYY.MM.DD, or YYYY.MM.DD.n for the n-th other release of a day",
            found=str(error),
            remedy="give a version of that form",
        ) from error
    return year, month, day, int(match.group(4) or 0)


def list_releases(releases: Path) -> list[str]:
    """Versions present, oldest first; an absent folder has none."""
    if not releases.is_dir():
        return []
    names = [p.name for p in releases.iterdir() if _is_version(p.name) and not p.is_symlink()]
    return sorted((n for n in names if (releases / n / MANIFEST).is_file()), key=order)


def latest(releases: Path) -> str | None:
    """The version `latest` points to; None without a pointer, or when what it points to has been removed."""
    pointer = releases / LATEST
    if not pointer.is_symlink():
        return None
    version = pointer.readlink().name
    return version if version in list_releases(releases) else None


def find(releases: Path, version: str) -> Path:
    """The folder of a release; `latest` follows the pointer.

    Raises:
        WrongUse: there is none of that version; those present are listed.
    """
    present = list_releases(releases)
    found = latest(releases) if version == LATEST else version
    if found not in present:
        raise WrongUse(
            f"release {version}",
            expected=f"one of those in {releases}",
            found=", ".join(present) or "no release at all",
            remedy="give one of these versions" if present else "make one with `csp build`",
        )
    return releases / found


def read_manifest(releases: Path, version: str = LATEST) -> Manifest:
    """The manifest of a release.

    Raises:
        WrongUse: there is no such release.
        QualityRefused: its manifest is unreadable.
    """
    return load_manifest(find(releases, version))


def previous(releases: Path, version: str) -> str | None:
    """The release that `version` follows: the current one, or the one it followed when it is the current one."""
    current = latest(releases)
    return read_manifest(releases, current).precedente if current == version else current


def withdrawn(releases: Path) -> list[str]:
    """Releases newer than the current one, oldest first."""
    current = latest(releases)
    return [v for v in list_releases(releases) if current is not None and order(v) > order(current)]


def already_made(releases: Path, context: ReleaseContext) -> str | None:
    """The release that has already been made from these inputs, when there is nothing new to publish.

    It is the current one; or one that was withdrawn, which must not come back by itself under another version. Of a
    withdrawn one, files, code and perimeter are compared: tables carry the memory of the release before them, which is
    no longer the same.
    """
    current = latest(releases)
    if current is None:
        return None
    if read_manifest(releases, current).empreinte == context.empreinte:
        return current
    for version in reversed(withdrawn(releases)):
        manifest = read_manifest(releases, version)
        same = (
            manifest.code.empreinte == context.code.empreinte
            and sorted(manifest.perimetre) == sorted(context.perimetre)
            and used_files(manifest.sources) == used_files(context.sources)
        )
        if same:
            return version
    return None


def next_version(releases: Path, day: date) -> str:
    """The first version of that day, or the next rank when that day already has releases, removed ones included.

    Raises:
        QualityRefused: the journal, which says which ones were removed, is unreadable.
    """
    given = {*list_releases(releases), *sums_given(releases)}
    ranks = [order(v)[3] for v in given if order(v)[:3] == (day.year, day.month, day.day)]
    base = f"{day:%Y.%m.%d}"
    return f"{base}.{max(ranks) + 1}" if ranks else base


def _is_version(name: str) -> bool:
    try:
        order(name)
    except WrongUse:
        return False
    return True
