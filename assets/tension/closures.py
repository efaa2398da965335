"""Counters that no feed knows any more: where they were, and how many each territory lost of late.

A counter that moved, was renamed or merged keeps an id, so it is not among them. A feed that stops naming a counter and
a counter that closes look the same from here: the word published is « disparu ». The registry is `identity`'s.
"""

from datetime import date

import polars as pl

from assets.referentiel.identity import ACTIVE, GONE, SERVICE
from assets.tension.supply_counts import LOST


def lost_counters(registry: pl.DataFrame, passage: pl.DataFrame, reference: date, months: int) -> pl.DataFrame | None:
    """`code_insee, typologie`: one row for each counter last seen in the months before, none known since.

    Args:
        registry: `referentiel__registre`.
        passage: `territories__passage`: a commune merged since is the one it became; of one that was split nobody knows
            which part the counter was in, and it is in none.
        reference: date of the counters of today.

    Returns:
        None when nothing was published before, or by a version that did not keep where counters were: what disappeared
        is then not known.
    """
    services = registry.filter(pl.col("nature") == SERVICE)
    earlier = (pl.col("premiere_vue") < reference) | (pl.col("etat") != ACTIVE)
    since = pl.lit(reference).dt.offset_by(f"-{months}mo")
    gone = services.filter(pl.col("etat") == GONE, pl.col("derniere_vue") >= since).select("code_insee", "typologie")
    if services.filter(earlier).is_empty() or gone["code_insee"].null_count():
        return None
    became = passage.select(pl.col("code_ancien").alias("code_insee"), "code", pl.lit(value=True).alias("_former"))
    return (
        gone.join(became, on="code_insee", how="left", maintain_order="left")
        .select(pl.when("_former").then("code").otherwise("code_insee").alias("code_insee"), "typologie")
        .drop_nulls()
    )


def lost_share(offer: pl.DataFrame, niveau: str, column: str) -> pl.DataFrame:
    """`territoire` and `column`: of 100 counters of the time or of today, how many disappeared; null without
    history, and where there was none.

    Args:
        offer: `tension__offre`: a territory without a row there has no counter and lost none.
    """
    lost, held = pl.col(LOST), pl.col("nb_points_accueil")
    counts = (
        offer.filter(pl.col("niveau") == niveau)
        .group_by("territoire")
        .agg(pl.when(lost.is_not_null().all()).then(lost.sum()).alias("_lost"), held.sum().alias("_held"))
    )
    known = pl.col("_lost") + pl.col("_held")
    return counts.select("territoire", pl.when(known > 0).then(100 * pl.col("_lost") / known).round(2).alias(column))
