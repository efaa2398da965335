"""Pieces of the main job against a named peer doing the same work on the same data."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import ijson
import numpy as np
import polars as pl

from assets.access.straight_line import nearest_counters
from pipeline.foundations.archives import open_single
from sources.dila.flavours import open_directory
from sources.registry import get_source
from tests.benchmarks.measure import REAL_DATA, median_seconds, row

_DILA = "mirror/lecomarquage.service-public.gouv.fr/donnees_locales_v4/all_latest.tar.bz2"


def main() -> None:
    """Print one row per piece: our seconds, the peer's, and how many times faster ours is."""
    row("piece", "ours (s)", "peer", "peer (s)", "ratio")
    row("---", "---:", "---", "---:", "---:")
    _nearest()
    if REAL_DATA.is_dir():
        _directory(REAL_DATA / _DILA)


def _line(name: str, ours: Callable[[], object], peer_name: str, peer: Callable[[], object]) -> None:
    mine, theirs = median_seconds(ours), median_seconds(peer)
    row(name, mine, peer_name, theirs, theirs / mine)


def _nearest() -> None:
    """35,000 starts to 44 typologies of 2,000 counters, against geopandas' spatial index."""
    rng = np.random.default_rng(1)
    starts = pl.DataFrame(
        {
            "code_insee": [f"{i:05d}" for i in range(35_000)],
            "code_departement": "05",
            "longitude": rng.uniform(-1, 7, 35_000),
            "latitude": rng.uniform(43, 50, 35_000),
            "origine": "mairie",
        }
    )
    names = [f"typologie {i}" for i in range(44)]
    n = 2_000 * len(names)
    counters = pl.DataFrame(
        {
            "service_id": [f"S{i:06d}" for i in range(n)],
            "service_typologie": np.repeat(names, 2_000),
            "lieu_code_insee": "05001",
            "lieu_code_departement": "05",
            "lieu_longitude": rng.uniform(-1, 7, n),
            "lieu_latitude": rng.uniform(43, 50, n),
        }
    )

    def peer() -> None:
        left = gpd.GeoDataFrame(geometry=gpd.points_from_xy(starts["longitude"], starts["latitude"]), crs=4326).to_crs(
            2154
        )
        for name in names:
            part = counters.filter(pl.col("service_typologie") == name)
            right = gpd.GeoDataFrame(
                geometry=gpd.points_from_xy(part["lieu_longitude"], part["lieu_latitude"]), crs=4326
            ).to_crs(2154)
            left.sjoin_nearest(right, distance_col="d")

    _line(
        "nearest counter, 35,000 × 44",
        lambda: nearest_counters(starts, counters, names),
        "geopandas sjoin_nearest",
        peer,
    )


def _directory(path: Path) -> None:
    """Cutting the directory's dump into records, against ijson and against loading it whole."""
    spec = get_source("dila")
    cap = 1_000_000_000

    def ours() -> None:
        from pipeline.foundations.issues import IssueLog

        with open_directory(path, spec.id, IssueLog(spec.id), max_unpacked=cap) as directory:
            for _ in directory.services:
                pass

    def streamed() -> None:
        with open_single(path, suffix="data.gouv_local.json", max_unpacked=cap) as stream:
            for _ in ijson.items(stream, "service.item"):
                pass

    def whole() -> None:
        with tarfile.open(path) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            assert member is not None
            json.load(member)

    _line("DILA dump, archive to records (bounded memory)", ours, "ijson", streamed)
    _line("DILA dump, archive to records", ours, "json.load of the whole file", whole)
