"""What the site is about to lose, kept: before a file is replaced or removed there, its bytes must be held here.

A release in the data root is the archive of what was published from it; anything else is downloaded first.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from outputs.publish.content import Content
from outputs.publish.faults import TargetUnreachable
from outputs.publish.ressources import Declaration, Parcel, parcels, paths_of
from outputs.publish.udata import FILE, VERSION, Resource
from pipeline.foundations.errors import CspError
from pipeline.foundations.http import download

_ROOM = 1 << 20  # bytes allowed beyond the size the site declares


class Archive:
    """The releases held, and a folder for what none of them holds.

    Args:
        releases: folder by version.
        folder: `publication/archives/<site>` of the data root.
    """

    def __init__(self, releases: Mapping[str, Path], declared: Declaration, folder: Path) -> None:
        self._releases, self._declared, self._folder = releases, declared, folder
        self._parcels: dict[str, dict[str, Parcel]] = {}  # by version, then key

    def holder(self, resource: Resource, key: str | None = None) -> str | None:
        """The version of a release that holds the very bytes of a hosted resource; None when none does.

        Args:
            key: its parcel; what the extra of the resource says when not given.
        """
        key = key or resource.extras.get(FILE)
        said = resource.extras.get(VERSION)
        for version in sorted(self._releases, key=lambda v: v != said):
            if key and self._holds(version, key, resource):
                return version
        return None

    def keep(self, resource: Resource, key: str | None = None) -> Path | None:
        """Make sure the bytes of a hosted resource are held here.

        Returns:
            The file downloaded (or already kept); None when a release holds them.

        Raises:
            TargetUnreachable: they could not be downloaded, or are not what the site says they are.
        """
        if self.holder(resource, key) is not None:
            return None
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", resource.file_name).lstrip(".-")[-100:] or "fichier"
        target = self._folder / resource.id / (resource.sha1 or "sans-empreinte") / name
        if target.is_file() and Content.of(target).sha1 == resource.sha1:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            found = download(resource.url, target.parent, max_bytes=(resource.filesize or 0) + _ROOM)
        except CspError as error:
            raise _lost(resource, error.found) from error
        if found.path is None:
            raise _lost(resource, "no content")
        if resource.sha1 is not None and Content.of(found.path).sha1 != resource.sha1:
            found.path.unlink()
            raise _lost(resource, "other bytes than those it declares")
        found.path.replace(target)
        return target

    def _holds(self, version: str, key: str, resource: Resource) -> bool:
        release = self._releases[version]
        if version not in self._parcels:
            found, _ = parcels(paths_of(release), self._declared, {})
            self._parcels[version] = {p.key: p for p in found}
        if (parcel := self._parcels[version].get(key)) is None:
            return False
        with tempfile.TemporaryDirectory() as scratch:
            file = parcel.pack(release, Path(scratch))
            return file.stat().st_size == resource.filesize and Content.of(file).sha1 == resource.sha1


def _lost(resource: Resource, found: str) -> TargetUnreachable:
    return TargetUnreachable(
        f"{resource.url}, about to be replaced",
        expected="to be downloaded and kept first: no release here holds it",
        found=found,
        remedy="run the same command again; if it lasts, keep a copy yourself and delete the resource on the site",
    )
