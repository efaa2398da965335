"""Byte-exact dated copies of what upstream served, and the pointer to the last good one of each resource.

    <root>/<source>/<resource>/courant.json                              name of the current snapshot
    <root>/<source>/<resource>/<YYYYMMDDTHHMMSSZ>-<sha256[:12]>/         <filename> and manifest.json

Judging whether a snapshot is good belongs to readers and checks; here it is only remembered.

No lock is taken. Every visible change is one rename on one file system: a snapshot is completed under a temporary name
then renamed, a JSON file is written aside then renamed over the old one. Whatever the moment of a crash, or of another
process reading or writing, a name shows either the whole old thing or the whole new one; two processes that fetch the
same resource store two snapshots, and the pointer names the one accepted last.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pipeline.foundations import fingerprint
from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.http import (
    DEFAULT_TIMEOUTS,
    Download,
    PoliteSession,
    Progress,
    Timeouts,
    Validators,
    download,
)
from pipeline.foundations.urls import safe_url

_MANIFEST = "manifest.json"
_POINTER = "courant.json"
_TEMPORARY = ".tmp-"
_ABANDONED_S = 24 * 3600  # a temporary entry older than this is nobody's: far longer than any download may last
_ID = re.compile(r"[a-z0-9_]+")
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")


class ResourceLike(Protocol):
    """What the store needs of a declared resource (`sources.spec.Resource` fits)."""

    @property
    def id(self) -> str:
        """Identifier within its source, `[a-z0-9_]+`."""

    @property
    def url(self) -> str:
        """Where upstream serves it."""

    @property
    def filename(self) -> str:
        """Name given to the file."""

    @property
    def max_mb(self) -> int:
        """Largest download accepted, in millions of bytes."""

    @property
    def content_types(self) -> Sequence[str]:
        """Media types accepted; empty means any but HTML."""


class Snapshot(BaseModel):
    """One stored version of a resource. Its fields, `folder` excepted, are those of `manifest.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(exclude=True)
    source: str
    resource: str
    filename: str = Field(pattern=r"^[^/\\]+$")
    url: str  # without secrets, like final_url
    final_url: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(gt=0)  # bytes
    content_type: str | None
    etag: str | None
    last_modified: str | None
    dated: str | None = None  # Last-Modified when these bytes first came: the same bytes again are no newer
    fetched_at: AwareDatetime  # when these bytes first came
    checked_at: AwareDatetime  # when upstream was last asked and served, or confirmed, these bytes
    status: Literal["pending", "accepted", "refused"]
    judged_at: AwareDatetime | None = None
    reason: str | None = None  # why it was refused
    mirror: bool  # read from a mirror rather than from upstream

    @property
    def path(self) -> Path:
        """The file, byte for byte as it came."""
        return self.folder / self.filename


@dataclass(frozen=True)
class Candidate:
    """What `SnapshotStore.fetch` found, to be judged, then given to `accept` or `refuse`.

    `status` is "unchanged" when the bytes are those of the current snapshot. `refused_before` is the reason these very
    bytes were refused earlier; they may be judged again, since readers change.
    """

    snapshot: Snapshot
    status: Literal["new", "unchanged"]
    refused_before: str | None = None

    @property
    def path(self) -> Path:
        """The file to judge."""
        return self.snapshot.path


class _Pointer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    snapshot: str = Field(pattern=rf"^{_NAME.pattern}$")
    sha256: str


class SnapshotStore:
    """The snapshots under one folder (`DataRoot.snapshots`); the folder is made on first use."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def fetch(
        self,
        source_id: str,
        resource: ResourceLike,
        *,
        mirror: Path | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        attempts: int = 4,
        on_progress: Progress | None = None,
        session: PoliteSession | None = None,
    ) -> Candidate:
        """Ask upstream (or the mirror) for the resource and store what is new. The pointer does not move.

        Upstream is only asked for news (ETag, Last-Modified) of bytes that are still intact on disk. Bytes already
        held are never stored twice, whatever was thought of them.

        Raises:
            SourceUnreadable: the download failed, or the pointer or its snapshot's manifest is damaged.
            WrongUse: an identifier or the file name cannot be used.
        """
        home = self._home(source_id, resource.id)
        if resource.filename == _MANIFEST or resource.filename.startswith("."):
            raise WrongUse(
                f"resource {source_id}/{resource.id}",
                expected="a file name of its own",
                found=resource.filename,
                remedy="change filename in the source's declaration",
            )
        home.mkdir(parents=True, exist_ok=True)
        _sweep(home)
        current = self._last_good(home)
        if current and not _is_intact(current):
            current = None
        known = list(_readable(home))
        asked = None if mirror else _to_ask_about(known, resource)
        with _temporary(home) as partial:
            partial.mkdir()
            got = download(
                resource.url,
                partial,
                max_bytes=resource.max_mb * 1_000_000,
                content_types=resource.content_types,
                validators=Validators(asked.etag, asked.last_modified) if asked else None,
                mirror=mirror,
                timeouts=timeouts,
                attempts=attempts,
                on_progress=on_progress,
                session=session,
            )
            if asked and got.status == "unchanged":
                snapshot = _rewrite(asked, checked_at=got.fetched_at)
            elif held := _same_bytes(known, got):
                snapshot = _seen_again(held, got, from_mirror=mirror is not None)
            else:
                snapshot = _store(partial, home, source_id, resource, got, from_mirror=mirror is not None)
        if current and snapshot.folder == current.folder:
            return Candidate(snapshot, "unchanged")
        return Candidate(snapshot, "new", snapshot.reason if snapshot.status == "refused" else None)

    def accept(self, candidate: Candidate) -> Snapshot:
        """Mark the candidate as good and make it the current snapshot."""
        # The manifest first: killed in between, the pointer still names the previous good one.
        snapshot = _rewrite(candidate.snapshot, status="accepted", judged_at=_now(), reason=None)
        pointer = _Pointer(snapshot=snapshot.folder.name, sha256=snapshot.sha256)
        home = snapshot.folder.parent
        _write_json(home, home / _POINTER, pointer)
        return snapshot

    def refuse(self, candidate: Candidate, reason: str) -> Snapshot:
        """Mark the candidate as refused; it stays on disk for a steward to look at, and the pointer does not move.

        An "unchanged" candidate is returned untouched: it was good when it was accepted and remains the current one.
        """
        if candidate.status == "unchanged":
            return candidate.snapshot
        return _rewrite(candidate.snapshot, status="refused", judged_at=_now(), reason=reason)

    def current(self, source_id: str, resource_id: str) -> Snapshot | None:
        """The last good snapshot; None when none was ever accepted.

        A pointer that is missing or unreadable is replaced in thought by the snapshot accepted last, provided every
        manifest can be read and its bytes are intact. A snapshot the pointer names is never replaced by an older one.

        Raises:
            SourceUnreadable: the pointer or a manifest is damaged and falling back would not be safe.
        """
        home = self._home(source_id, resource_id)
        snapshot = self._last_good(home)
        if snapshot and _read_pointer(home) is None:
            self.verify(snapshot)
        return snapshot

    def history(self, source_id: str, resource_id: str) -> list[Snapshot]:
        """Every snapshot of the resource, whatever its status, the most recently fetched first.

        Raises:
            SourceUnreadable: a manifest is damaged.
        """
        return _history(self._home(source_id, resource_id))

    def verify(self, snapshot: Snapshot) -> None:
        """Hash the file again.

        Raises:
            SourceUnreadable: it is missing, or its bytes are no longer those that came.
        """
        if not _is_intact(snapshot):
            raise SourceUnreadable(
                str(snapshot.path),
                expected=f"the {snapshot.size} bytes of sha256 {snapshot.sha256}",
                found="other bytes" if snapshot.path.is_file() else "no such file",
                remedy="restore it from a backup, or fetch the source again",
            )

    def prune(self, source_id: str, resource_id: str, *, keep: int) -> list[Snapshot]:
        """Remove all but the `keep` (at least 1) snapshots seen upstream most recently; never the current one.

        Returns the removed snapshots.

        Raises:
            SourceUnreadable: a manifest is damaged; nothing is removed.
            WrongUse: `keep` is less than 1.
        """
        if keep < 1:
            raise WrongUse("prune", expected="keep of 1 or more", found=str(keep), remedy="keep at least one snapshot")
        current = self.current(source_id, resource_id)
        by_date = sorted(self.history(source_id, resource_id), key=lambda s: s.checked_at, reverse=True)
        removed = [s for s in by_date[keep:] if current is None or s.folder != current.folder]
        for snapshot in removed:
            # Out of sight first, so that a crash never leaves half a snapshot under its name.
            with _temporary(snapshot.folder.parent) as grave:
                snapshot.folder.rename(grave)
        return removed

    def forget(self, source_id: str, resource_id: str) -> list[Snapshot]:
        """Remove every snapshot of a resource, the current one included; returns them.

        Raises:
            SourceUnreadable: a manifest is damaged; nothing is removed.
        """
        home = self._home(source_id, resource_id)
        removed = _history(home)
        if home.is_dir():
            _sweep(home.parent)
            # Out of sight first and whole, so that a crash never leaves an older snapshot as the current one.
            with _temporary(home.parent) as grave:
                home.rename(grave)
        return removed

    def _last_good(self, home: Path) -> Snapshot | None:
        pointer = _read_pointer(home)
        if pointer is None:
            accepted = [s for s in _history(home) if s.status == "accepted"]
            return max(accepted, key=lambda s: s.judged_at or s.fetched_at, default=None)
        snapshot = _read_manifest(home / pointer.snapshot)
        if snapshot.sha256 != pointer.sha256:
            found = f"sha256 {snapshot.sha256}"
            raise _damaged(snapshot.folder / _MANIFEST, f"sha256 {pointer.sha256}, as {_POINTER} says", found)
        return snapshot

    def _home(self, source_id: str, resource_id: str) -> Path:
        for identifier in (source_id, resource_id):
            if not _ID.fullmatch(identifier):
                raise WrongUse(
                    f"identifier {identifier!r}",
                    expected="lower-case letters, digits and underscores",
                    found="something else",
                    remedy="rename the source or the resource",
                )
        return self.root / source_id / resource_id


def _to_ask_about(known: Sequence[Snapshot], resource: ResourceLike) -> Snapshot | None:
    """The snapshot whose ETag and date can be sent to upstream: the last one it served at this URL, if intact."""
    # A mirror's dates are those of its files, and another URL's say nothing of this one.
    served = [s for s in known if not s.mirror and s.url == safe_url(resource.url) and s.filename == resource.filename]
    last = max(served, key=lambda s: s.checked_at, default=None)
    return last if last and (last.etag or last.last_modified) and _is_intact(last) else None


def _same_bytes(known: Sequence[Snapshot], got: Download) -> Snapshot | None:
    same = (s for s in known if s.sha256 == got.sha256 and _is_intact(s))
    return max(same, key=lambda s: s.checked_at, default=None)


def _seen_again(held: Snapshot, got: Download, *, from_mirror: bool) -> Snapshot:
    return _rewrite(
        held,
        url=safe_url(got.url),
        final_url=safe_url(got.final_url),
        content_type=got.content_type,
        etag=got.etag,
        last_modified=got.last_modified,
        checked_at=got.fetched_at,
        mirror=from_mirror,
    )


def _store(
    partial: Path, home: Path, source_id: str, resource: ResourceLike, got: Download, *, from_mirror: bool
) -> Snapshot:
    """Complete the temporary folder, then give it its name."""
    name = f"{got.fetched_at:%Y%m%dT%H%M%SZ}-{got.sha256[:12]}"
    snapshot = Snapshot(
        folder=home / name,
        source=source_id,
        resource=resource.id,
        filename=resource.filename,
        url=safe_url(got.url),
        final_url=safe_url(got.final_url),
        sha256=got.sha256,
        size=got.size,
        content_type=got.content_type,
        etag=got.etag,
        last_modified=got.last_modified,
        dated=got.last_modified,
        fetched_at=got.fetched_at,
        checked_at=got.fetched_at,
        status="pending",
        mirror=from_mirror,
    )
    if got.path is None:
        raise ValueError("nothing was downloaded")
    got.path.rename(partial / resource.filename)
    _write_json(home, partial / _MANIFEST, snapshot)
    try:
        partial.rename(snapshot.folder)
    except OSError as error:
        if not snapshot.folder.exists():
            raise
        # Another process stored the same bytes within the same second.
        held = _read_manifest(snapshot.folder)
        if held.sha256 == got.sha256 and _is_intact(held):
            return held
        raise _damaged(snapshot.folder / _MANIFEST, f"sha256 {got.sha256}", "other bytes") from error
    _sync_folder(home)
    return snapshot


def _folders(home: Path) -> list[Path]:
    return sorted(f for f in home.iterdir() if _NAME.fullmatch(f.name)) if home.is_dir() else []


def _history(home: Path) -> list[Snapshot]:
    return sorted(map(_read_manifest, _folders(home)), key=lambda s: (s.fetched_at, s.folder.name), reverse=True)


def _readable(home: Path) -> Iterator[Snapshot]:
    """The snapshots whose manifest can be read: enough to recognise bytes already held."""
    for folder in _folders(home):
        with contextlib.suppress(SourceUnreadable):
            yield _read_manifest(folder)


def _read_manifest(folder: Path) -> Snapshot:
    path = folder / _MANIFEST
    try:
        fields = json.loads(path.read_bytes())
        return Snapshot.model_validate({**fields, "folder": folder})
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(path, "the manifest of a snapshot", _shown(error)) from error


def _read_pointer(home: Path) -> _Pointer | None:
    try:
        return _Pointer.model_validate_json((home / _POINTER).read_bytes())
    except (OSError, ValueError):
        return None


def _damaged(path: Path, expected: str, found: str) -> SourceUnreadable:
    folder = path.parent
    return SourceUnreadable(
        str(path),
        expected=expected,
        found=found,
        remedy=f"restore it from a backup; else delete {folder}, and {folder.parent / _POINTER} if it names that "
        "folder (the snapshot accepted before it then becomes the current one), and fetch the source again",
    )


def _shown(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"not a JSON object ({error})"


def _is_intact(snapshot: Snapshot) -> bool:
    try:
        return snapshot.path.stat().st_size == snapshot.size and fingerprint.of_file(snapshot.path) == snapshot.sha256
    except OSError:
        return False


def _rewrite(snapshot: Snapshot, **changes: object) -> Snapshot:
    """Change some fields of a manifest, starting from what is on disk now."""
    changed = _read_manifest(snapshot.folder).model_copy(update=changes)
    _write_json(snapshot.folder.parent, snapshot.folder / _MANIFEST, changed)
    return changed


def _write_json(home: Path, path: Path, content: BaseModel) -> None:
    """Replace `path` in one step; what is half written stays under a temporary name of `home`."""
    with _temporary(home) as draft:
        with draft.open("x", encoding="utf-8") as file:
            file.write(content.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names of a folder survive a power cut (a rename alone survives only a crash of the program)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _temporary(home: Path) -> Iterator[Path]:
    """A temporary name of `home` that says whose it is; whatever still bears it at the end is removed."""
    path = home / f"{_TEMPORARY}{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        yield path
    finally:
        _remove(path)


def _sweep(home: Path) -> None:
    """Remove what killed processes left under temporary names."""
    for entry in home.glob(f"{_TEMPORARY}*"):
        if _is_abandoned(entry):
            _remove(entry)


def _is_abandoned(entry: Path) -> bool:
    host, _, rest = entry.name.removeprefix(_TEMPORARY).rpartition("-")[0].rpartition("-")
    if host == socket.gethostname() and rest.isdigit() and not _is_running(int(rest)):
        return True
    try:  # another machine's, or a process number given again since
        return time.time() - entry.stat().st_mtime > _ABANDONED_S
    except OSError:
        return False


def _is_running(pid: int) -> bool:
    if os.name != "posix":  # there, os.kill ends the process instead of asking
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _now() -> datetime:
    return datetime.now(UTC)
