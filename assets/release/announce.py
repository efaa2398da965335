"""What publication is told of a release: plain facts out of its manifest. Judging it is `publishable`."""

from collections.abc import Mapping
from pathlib import Path

from assets.release.extent import boxes
from assets.release.manifest import Manifest
from assets.release.notes import credit
from outputs.publish.presentation import About
from outputs.publish.ressources import TableText
from quality.contract import Contract

_MAINLAND = frozenset(f"{n:02}" for n in range(1, 96) if n != 20) | {"2A", "2B"}
_COUNTRY = _MAINLAND | {"971", "972", "973", "974", "976"}


def about(folder: Path, manifest: Manifest, contracts: Mapping[str, Contract]) -> About:
    """The facts.

    Args:
        folder: the release.
        contracts: by table name.
    """
    dates = [f.date_fichier.date() for s in manifest.sources for f in s.fichiers]
    until = manifest.date_reference.date()
    whole = set(manifest.perimetre) >= _COUNTRY
    return About(
        version=manifest.version,
        fictional=manifest.fictif,
        since=min([*dates, until]),
        until=until,
        departements=manifest.perimetre,
        zones=("country:fr",) if whole else tuple(f"fr:departement:{code}" for code in manifest.perimetre),
        boxes=boxes(folder, manifest),
        verdict=manifest.verdict.statut,
        tables={
            t.layer: TableText(
                t.titre, " ".join(contracts[t.table].description.split()) if t.table in contracts else "", t.lignes
            )
            for t in manifest.tables
        },
        credits=tuple(credit(s) for s in manifest.sources if s.fichiers),
    )
