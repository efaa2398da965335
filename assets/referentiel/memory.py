"""Read what the last promoted release remembers of ids. Giving them is `identity`."""

from pathlib import Path

import polars as pl

from assets.referentiel.identity import BRIDGE_SCHEMA, Memory, registry_of
from pipeline.foundations.errors import QualityRefused

_REGISTRY = Path("geoparquet") / "registre.parquet"
_BRIDGES = Path("geoparquet") / "ponts.parquet"


def last_memory(releases: Path) -> Memory:
    """Registry and bridges of the release `latest` points to; empty before the first one.

    Raises:
        QualityRefused: that release lost its registry: giving new ids to everything would break every link to it.
    """
    latest = releases / "latest"
    if not latest.exists():
        return Memory.empty()
    try:
        registry = registry_of(pl.scan_parquet(latest / _REGISTRY))
        bridges = pl.read_parquet(latest / _BRIDGES, columns=BRIDGE_SCHEMA.names())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise QualityRefused(
            "registry of the last release",
            expected=f"{_REGISTRY} and {_BRIDGES} in the release `latest` points to",
            found=str(error).splitlines()[0],
            remedy="restore that release from a copy, or point `latest` to an older one that is whole",
        ) from error
    return Memory(registry, bridges.cast(BRIDGE_SCHEMA))
