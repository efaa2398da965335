"""Quartiers prioritaires and the communes of today they are in: those the file names, else those their outline touches.

Reading outlines belongs to their source; counting quartiers, to `context` and `aggregate`.
"""

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from pipeline.foundations.issues import IssueLog

#: Below that share of its surface, a quartier only brushes a commune: outlines of communes are simplified.
_SHARE = 0.05


def quarters(told: pl.DataFrame, communes: pl.DataFrame, passage: pl.DataFrame, issues: IssueLog) -> pl.DataFrame:
    """`code, nom, communes, millesime, geometrie` of every quartier, sorted by code.

    Args:
        told: the `qpv` table of the source: `code, nom, communes` (codes of its vintage), `geometrie, millesime`.
        communes: `code, geometrie`.
        passage: `code_ancien, code`.

    `communes` are codes in force, sorted; a quartier in none is kept with an empty list, and told.
    """
    heirs = passage.filter(pl.col("code").is_not_null()).select(pl.col("code_ancien").alias("commune"), "code")
    named = (
        told.select(pl.col("code").alias("qpv"), pl.col("communes").alias("commune"))
        .explode("commune")
        .join(heirs, on="commune", how="left")
        .with_columns(
            pl.when(pl.col("commune").is_in(communes["code"].implode()))
            .then("commune")
            .otherwise("code")
            .alias("commune")
        )
        .select("qpv", "commune")
        .drop_nulls()
    )
    nameless = told.join(named, left_on="code", right_on="qpv", how="anti")
    pairs = pl.concat([named, _touched(nameless, communes)])
    lists = pairs.group_by(pl.col("qpv").alias("code")).agg(pl.col("commune").unique().sort().alias("communes"))
    placed = (
        told.drop("communes")
        .join(lists, on="code", how="left", maintain_order="left")
        .with_columns(pl.col("communes").fill_null([]))
        .select("code", "nom", "communes", "millesime", "geometrie")
        .sort("code")
    )
    issues.add_rows(
        placed.filter(pl.col("communes").list.len() == 0),
        record="code",
        column="nom",
        rule="qpv-sans-commune",
        reason="Quartier dont la commune n’est ni dite ni trouvée par son contour : il n’est compté nulle part.",
    )
    return placed


def _touched(nameless: pl.DataFrame, communes: pl.DataFrame) -> pl.DataFrame:
    """`qpv, commune`: the communes that hold more than a brush of each quartier, or the one that holds the most."""
    outlined = communes.filter(pl.col("geometrie").is_not_null())
    shapes: npt.NDArray[np.object_] = shapely.from_wkb(nameless["geometrie"].to_numpy())
    outlines: npt.NDArray[np.object_] = shapely.from_wkb(outlined["geometrie"].to_numpy())
    quarter, commune = shapely.STRtree(outlines).query(shapes, predicate="intersects")
    # Shares of one small surface: degrees tell them as metres would.
    common = shapely.area(shapely.intersection(shapes[quarter], outlines[commune])) / shapely.area(shapes[quarter])
    shares = pl.DataFrame(
        {
            "qpv": nameless["code"].gather(quarter),
            "commune": outlined["code"].gather(commune),
            "_share": common,
        }
    ).sort("qpv", "_share", "commune", descending=[False, True, False])
    largest = pl.col("_share") == pl.col("_share").max().over("qpv")
    return shares.filter((pl.col("_share") > _SHARE) | largest).select("qpv", "commune")
