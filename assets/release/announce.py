"""What publication is told of a release: plain facts out of its manifest. Judging it is `publishable`."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from assets.release.manifest import Manifest
from assets.release.notes import credit
from outputs import layout
from outputs.publish.presentation import About, Box
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
        boxes=_boxes(folder, manifest),
        verdict=manifest.verdict.statut,
        tables={
            t.layer: TableText(
                t.titre, " ".join(contracts[t.table].description.split()) if t.table in contracts else "", t.lignes
            )
            for t in manifest.tables
        },
        credits=tuple(credit(s) for s in manifest.sources if s.fichiers),
    )


def _boxes(folder: Path, manifest: Manifest) -> tuple[Box, ...]:
    """The box of each département, from its communes; those of the layers when there are no communes."""
    communes = layout.geoparquet(folder, "communes")
    if not communes.is_file():
        return tuple(t.geometrie.emprise for t in manifest.tables if t.geometrie and t.geometrie.emprise)
    edge = {name: pl.col("bbox").struct.field(name) for name in ("xmin", "ymin", "xmax", "ymax")}
    found = (
        pl.scan_parquet(communes)
        .group_by("departement")
        .agg(edge["xmin"].min(), edge["ymin"].min(), edge["xmax"].max(), edge["ymax"].max())
        .drop_nulls()
        .sort("departement")
        .collect()
    )
    return tuple((w, s, e, n) for _, w, s, e, n in found.iter_rows())
