"""The release a scenario is on: its counters, and the proof that the tables at hand are those it was made from.

A release holds neither cells nor roads: evaluations read them from the data root, which must not have moved on since.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.access import places
from assets.access.tables import COUNTERS
from assets.release.manifest import Manifest
from assets.release.versions import find, read_manifest
from assets.scenarios.supply import SUPPLY_SCHEMA
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.workspace import Workspace

_COMPARED = ["point_accueil_id", "typologie", "longitude", "latitude", "horaires"]


@dataclass(frozen=True)
class Base:
    """A release and the counters of the country when it was made.

    Attributes:
        counters: `SUPPLY_SCHEMA`, sorted by id.
        aliases: service and official ids -> ids of the counters that bear them.
    """

    manifest: Manifest
    counters: pl.DataFrame
    aliases: Mapping[str, tuple[str, ...]]


def load_base(workspace: Workspace, version: str) -> Base:
    """Read the base of a scenario.

    Raises:
        WrongUse: there is no such release, or the data root holds other counters than it was made from.
    """
    folder = find(workspace.root.releases, version)
    manifest = read_manifest(workspace.root.releases, folder.name)
    frames = [workspace.tables.read(name) for name in COUNTERS]
    mine = places.counters(*frames)
    here = mine.filter(pl.col("code_departement").is_in(list(manifest.perimetre))).select(_COMPARED)
    released = _released(folder).select(_COMPARED)
    if not here.sort("point_accueil_id").equals(released.sort("point_accueil_id")):
        raise WrongUse(
            f"base release {manifest.version}",
            expected="a data root whose counters are those it was made from",
            found=f"{here.height} counters in its perimeter, {released.height} in the release, not the same",
            remedy="give the current release as base, or evaluate where that one was made",
        )
    named = pl.concat(
        [
            frame.select("point_accueil_id", pl.col(name).alias("nom"), "lieu_id", "id_officiel")
            for frame, name in zip(frames, ("service_nom", "permanence_nom", "service_nom"), strict=True)
        ]
    )
    counters = mine.join(named, on="point_accueil_id", how="left", maintain_order="left")
    other_ids = pl.concat(
        [counters.select("point_accueil_id", pl.col(c).alias("autre")) for c in ("service_id", "id_officiel")]
    )
    aliases = (
        other_ids.drop_nulls()
        .filter(pl.col("autre") != pl.col("point_accueil_id"))
        .group_by("autre")
        .agg(pl.col("point_accueil_id").unique().sort())
    )
    return Base(
        manifest,
        counters.select(SUPPLY_SCHEMA.names()).sort("point_accueil_id"),
        {other: tuple(ids) for other, ids in aliases.iter_rows()},
    )


def _released(folder: Path) -> pl.DataFrame:
    """The counters of the release, in the columns of access."""
    layers = [folder / "geoparquet" / f"{name.split('__')[1]}.parquet" for name in COUNTERS]
    return places.counters(*(pl.read_parquet(layer) for layer in layers))
