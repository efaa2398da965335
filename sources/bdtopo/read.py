"""BD TOPO files -> how many road segments they hold, of which kinds, and what could not be used.

The segments themselves are too many for a table: whoever builds the road graph takes them from `segments`.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipeline.foundations.issues import IssueLog
from sources.bdtopo.account import Account
from sources.bdtopo.segments import lengths, segments
from sources.reading import ReadResult
from sources.spec import SourceSpec

#: Table `bilan`: one row per resource, nature and importance (null where the producer gives none).
SCHEMA = pl.Schema(
    {
        "ressource": pl.String(),
        "nature": pl.String(),
        "importance": pl.Int8(),
        "troncons": pl.Int64(),
        "longueur_km": pl.Float64(),
    }
)
_KINDS = ["nature", "importance"]
_MEGABYTE = 1_000_000


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read every file through, batch by batch.

    Args:
        files: any of the resources: a GeoPackage, a zip or a 7z each.

    Returns:
        One table, "bilan", in `SCHEMA`. Its issues count, by file, what was set aside or not understood.

    Raises:
        SourceUnreadable: see `segments`.
    """
    log = IssueLog(spec.id)
    tables = [pl.DataFrame(schema=SCHEMA)]
    generations: list[str] = []
    total = 0
    for resource in spec.resources:
        if resource.id not in files:
            continue
        account = Account(log)
        limit = (resource.max_unpacked_mb or resource.max_mb) * _MEGABYTE
        parts = [
            batch.frame.select(*_KINDS, pl.Series("longueur_km", lengths(batch) / 1000))
            .group_by(_KINDS)
            .agg(pl.len().cast(pl.Int64).alias("troncons"), pl.col("longueur_km").sum())
            for batch in segments(files[resource.id], resource.id, max_unpacked=limit, account=account)
        ]
        account.settle(resource.id)
        total += account.read
        generations += [g.partition("_")[0] for g in account.generations]
        whole = pl.concat(parts).group_by(_KINDS).agg(pl.col("troncons", "longueur_km").sum())
        named = whole.with_columns(pl.lit(resource.id).alias("ressource"), pl.col("longueur_km").round(3))
        tables.append(named.select(SCHEMA.names()).sort(_KINDS))
    return ReadResult(
        {"bilan": pl.concat(tables)}, log.frame(), read=total, generation=" + ".join(sorted(set(generations))) or None
    )
