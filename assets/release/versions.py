"""Calendar versions of releases and the looking up of one: `2026.03.15`, then `2026.03.15.1`… the same day.

Reading only; putting a release in place and moving `latest` is `promote`.
"""

import re
from datetime import date
from pathlib import Path

from assets.release.manifest import MANIFEST, Manifest, load_manifest
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


def unchanged_since(releases: Path, empreinte: str) -> str | None:
    """The current release when it is made from the very same inputs: there is nothing new to publish."""
    current = latest(releases)
    return current if current and read_manifest(releases, current).empreinte == empreinte else None


def next_version(releases: Path, day: date) -> str:
    """The first version of that day, or the next rank when that day already has releases."""
    ranks = [order(v)[3] for v in list_releases(releases) if order(v)[:3] == (day.year, day.month, day.day)]
    base = f"{day:%Y.%m.%d}"
    return f"{base}.{max(ranks) + 1}" if ranks else base


def _is_version(name: str) -> bool:
    try:
        order(name)
    except WrongUse:
        return False
    return True
