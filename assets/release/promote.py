"""Putting a finished release in place: complete or absent, whatever the moment of a crash.

    releases/.staging-<version>-<pid>/   being written
    releases/.latest-<version>           intention: once <version> is there, `latest` is to point to it
    releases/<version>/                  promoted, files read-only
    releases/latest -> <version>         relative symbolic link
    releases/journal.jsonl               what was done, and when (`journal`)
    releases/catalog.json                the releases there are, for STAC readers (`catalogue`)

Every visible change is one rename on one file system, after the bytes are on disk. The intention is made before the
release appears: a process killed between the two is caught up by the next `settle`. Files are made read-only so that
no editor changes them by mistake; folders stay writable, so an old release is removed with an ordinary `rm -r`.

One process at a time works on a releases folder (`pipeline.foundations.lock`); staging and promotion of a release
happen in the same process.
"""

import os
import shutil
import stat
import time
from pathlib import Path

from assets.release.catalogue import write_catalogue
from assets.release.changes.check import check_changes, read_changes
from assets.release.changes.edition import Edition
from assets.release.journal import Entry, sums_given, write_entry
from assets.release.manifest import SUMS, Manifest, check_sums, files_of, load_manifest
from assets.release.retention import sweep
from assets.release.versions import LATEST, find, latest, list_releases, order, previous
from pipeline.foundations import fingerprint
from pipeline.foundations.errors import QualityRefused, WrongUse

_STAGING = ".staging-"
_INTENTION = ".latest-"
_ABANDONED_S = 24 * 3600  # a folder older than this is nobody's, even if its process number has been given again


def staging_folder(releases: Path, version: str) -> Path:
    """A new empty folder to write the release in; what this process left there before is removed.

    Raises:
        WrongUse: not a version.
    """
    order(version)
    folder = releases / f"{_STAGING}{version}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def promote(staging: Path, releases: Path, version: str) -> Path:
    """Make the staged folder the release `version`, and `latest` point to it unless it points to a newer one.

    Promoting again the same bytes under the same version changes nothing.

    Returns:
        The folder of the release.

    Raises:
        QualityRefused: the folder is not intact, is of another version, does not tell truly what changed since the
            current release, or another release has, or once had, that version.
        WrongUse: the folder is not in `releases`, or `latest` is not a symbolic link.
    """
    order(version)
    _check_place(staging, releases)
    check_sums(staging)
    manifest = load_manifest(staging)
    if manifest.version != version:
        raise QualityRefused(
            f"release folder {staging.name}",
            expected=f"a manifest of version {version}",
            found=manifest.version,
            remedy="promote it under its own version, or stage it again",
        )
    target = releases / version
    if target.exists():
        return _same_again(staging, releases, version)
    if sums_given(releases).get(version, _sums(staging)) != _sums(staging):
        raise _taken(version, "one of other content, removed since")
    _check_story(staging, releases, manifest)
    _seal(staging)
    _intend(releases, version)
    try:
        staging.rename(target)
    except OSError as error:
        (releases / f"{_INTENTION}{version}").unlink(missing_ok=True)
        if target.exists():
            raise _taken(version, "a release put there meanwhile") from error
        raise
    _sync(releases)
    _fulfil(releases, version)
    write_entry(releases, Entry(action="promotion", version=version, sommes=_sums(target)))
    return target


def settle(releases: Path) -> list[str]:
    """Finish or remove what killed processes left. Call it before staging anything.

    Returns:
        What was done, one line each (French, for the journal of the run).
    """
    done: list[str] = []
    if not releases.is_dir():
        return done
    for link in sorted(releases.glob(f"{_INTENTION}*")):
        version = link.name.removeprefix(_INTENTION)
        if version in list_releases(releases):
            _fulfil(releases, version)
            done.append(f"publication {version} : promotion interrompue, achevée")
        else:
            link.unlink(missing_ok=True)
    for folder in sorted(releases.glob(f"{_STAGING}*")):
        if _abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            done.append(f"{folder.name} : travail interrompu, effacé")
    sweep(releases)
    given = sums_given(releases)
    for version in list_releases(releases):
        if version not in given:
            write_entry(releases, Entry(action="promotion", version=version, sommes=_sums(releases / version)))
            done.append(f"publication {version} : inscrite au journal")
    write_catalogue(releases)
    return done


def point_latest(releases: Path, version: str, reason: str | None = None) -> None:
    """Make `latest` point to a release already there, older ones included (to withdraw a faulty one).

    Args:
        reason: why, for those who read the journal.

    Raises:
        WrongUse: there is no such release; those present are listed.
    """
    version = find(releases, version).name
    _check_pointer(releases)
    since = latest(releases)
    _intend(releases, version)
    (releases / f"{_INTENTION}{version}").replace(releases / LATEST)
    _sync(releases)
    write_entry(releases, Entry(action="pointeur", version=version, depuis=since, motif=reason))
    write_catalogue(releases)


def _check_place(staging: Path, releases: Path) -> None:
    if staging.parent.resolve() != releases.resolve():
        raise WrongUse(
            f"staging folder {staging}",
            expected=f"a folder of {releases}: a rename works within one file system",
            found=str(staging.parent),
            remedy="stage the release in the releases folder",
        )
    _check_pointer(releases)


def _check_pointer(releases: Path) -> None:
    pointer = releases / LATEST
    if pointer.exists() and not pointer.is_symlink():
        raise WrongUse(
            str(pointer),
            expected="a symbolic link to a release",
            found="a folder or a file (a copy that followed links?)",
            remedy="remove it: the next promotion makes the link again",
        )


def _check_story(staging: Path, releases: Path, manifest: Manifest) -> None:
    """A release that follows another says which one, and what changed; both are held against its tables."""
    current = previous(releases, manifest.version)
    if manifest.precedente != current:
        raise QualityRefused(
            f"release folder {staging.name}",
            expected=f"a release that follows {current}, the current one" if current else "a first release",
            found=f"one that follows {manifest.precedente or 'none'}",
            remedy="stage it again: what it says of changes is not about the release it would replace",
        )
    if current is not None:
        before, after = Edition.promoted(find(releases, current)), Edition.promoted(staging)
        check_changes(before, after, read_changes(staging))


def _same_again(staging: Path, releases: Path, version: str) -> Path:
    target = releases / version
    if (target / SUMS).read_bytes() != (staging / SUMS).read_bytes():
        raise _taken(version, "a release of other content")
    check_sums(target)
    shutil.rmtree(staging, ignore_errors=True)
    _intend(releases, version)
    _fulfil(releases, version)
    return target


def _sums(folder: Path) -> str:
    return fingerprint.of_file(folder / SUMS)


def _taken(version: str, found: str) -> QualityRefused:
    return QualityRefused(
        f"release {version}",
        expected="a version not used yet: a release never changes",
        found=found,
        remedy="take the next version of the day (`next_version`)",
    )


def _seal(folder: Path) -> None:
    """Files read-only, then every byte and every name on disk."""
    for path in files_of(folder):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
        _sync(path)
    for sub in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        _sync(sub)
    _sync(folder)


def _intend(releases: Path, version: str) -> None:
    link = releases / f"{_INTENTION}{version}"
    link.unlink(missing_ok=True)
    link.symlink_to(version)
    _sync(releases)


def _fulfil(releases: Path, version: str) -> None:
    """Move `latest` forward to `version`; a newer release stays the current one."""
    link = releases / f"{_INTENTION}{version}"
    current = latest(releases)
    if current is None or order(version) >= order(current):
        link.replace(releases / LATEST)
    else:
        link.unlink(missing_ok=True)
    _sync(releases)
    write_catalogue(releases)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _abandoned(folder: Path) -> bool:
    """Its process is dead, or is this one (which stages nothing yet), or the folder is too old to be in use."""
    try:
        pid = int(folder.name.rpartition("-")[2])
        if pid == os.getpid() or time.time() - folder.stat().st_mtime > _ABANDONED_S:
            return True
        os.kill(pid, 0)
    except (ValueError, ProcessLookupError):
        return True
    except PermissionError:
        return False  # alive, someone else's
    except FileNotFoundError:
        return False  # removed meanwhile
    return False
