"""The edition a page is of: what sheets and reports say of the release they are made from. Words only."""

from collections.abc import Iterable

from assets.release.manifest import Manifest
from assets.release.notes import credit
from outputs.metadata.method import PATH as METHOD
from outputs.metadata.publication import publication
from outputs.sheet.document import Edition, Link
from sources.registry import all_sources

_ROADS = "bdtopo"


def edition_of(manifest: Manifest, counters: Iterable[str], *, roads: bool) -> Edition:
    """The edition of a release.

    Args:
        counters: ids of the sources the counters shown come from.
        roads: times by road are shown.
    """
    address = None if manifest.fictif else publication().adresse
    return Edition(
        version=manifest.version,
        day=manifest.date_reference.date(),
        licence=manifest.licence,
        credits=tuple(dict.fromkeys(credits_of(manifest, counters, roads=roads).values())),
        method=Link(f"{METHOD} de la version", address and f"{address}/{manifest.version}/{METHOD}"),
        fictional=manifest.fictif,
    )


def credits_of(manifest: Manifest, counters: Iterable[str], *, roads: bool) -> dict[str, str]:
    """Credit lines by source: those its counters come from, and those everything rests on."""
    kinds = {name: spec.kind for name, spec in all_sources().items()}
    wanted = set(counters)
    return {
        s.id: credit(s)
        for s in manifest.sources
        if s.fichiers and (roads or s.id != _ROADS) and (s.id in wanted or kinds.get(s.id) != "counters")
    }
