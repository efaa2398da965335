"""The official panel's counts: points of each typology in each territory, per inhabitant, lost, and their weekly hours.

The mean of hours follows the official rule: shown only where at least half of the implantations have theirs known; the
share is published beside. How far people are from them belongs to `summaries`.
"""

from collections.abc import Sequence

import polars as pl

from assets.referentiel.hours import weekly_hours
from assets.territories.levels import COMMUNE, COUNTRY, FRANCE, LEVELS

#: Share of the implantations whose hours must be known for their mean to be said.
KNOWN_MIN = 0.5
#: Counters that disappeared of late; how many months, `tension.yml` says.
LOST = "nb_disparitions_24_mois"
_KINDS = {
    "Implantation": "nb_implantations",
    "Permanence": "nb_permanences",
    "Itinérance": "nb_itinerances",
}


def supply_table(
    counters: pl.DataFrame,
    membership: pl.DataFrame,
    population: pl.DataFrame,
    typologies: Sequence[str],
    lost: pl.DataFrame | None,
) -> pl.DataFrame:
    """Rows of `tension__offre`: every typology some feed gives, of every territory; of communes, those held or lost.

    Args:
        counters: `access.places.COUNTER_SCHEMA`.
        membership: `territories__appartenance`.
        population: `niveau, territoire, population` of every territory.
        lost: rows of `closures.lost_counters`; None when no earlier version says what there was.
    """
    hours = pl.col("horaires").map_elements(weekly_hours, return_dtype=pl.Float64)
    texts = counters.select(pl.col("horaires").unique().drop_nulls()).with_columns(hours.alias("_h"))
    held = counters["type_structure"] == "Implantation"
    placed = (
        counters.with_columns(held.alias("_held"))
        .join(texts, on="horaires", how="left", maintain_order="left")
        .filter(pl.col("typologie").is_in(list(typologies)))
        .select("code_insee", "typologie", "type_structure", pl.when("_held").then("_h").alias("_h"))
        .join(membership.select(*LEVELS.values()), left_on="code_insee", right_on="code", how="inner")
        .rename({"code_insee": "code"})
    )
    # That there is none of a typology is said only where a feed tells where they are.
    given = set(counters["typologie"].to_list())
    every = pl.DataFrame({"typologie": [t for t in typologies if t in given]}, schema={"typologie": pl.String})
    gone = pl.DataFrame(schema={"code_insee": pl.String, "typologie": pl.String}) if lost is None else lost
    gone = (
        gone.filter(pl.col("typologie").is_in(every["typologie"].to_list()))
        .join(membership.select(*LEVELS.values()), left_on="code_insee", right_on="code", how="inner")
        .rename({"code_insee": "code"})
    )
    parts = []
    for niveau, column in [*LEVELS.items(), (FRANCE, None)]:
        territory = pl.col(column) if column else pl.lit(COUNTRY)
        counts = (
            placed.select(territory.alias("territoire"), "typologie", "type_structure", "_h")
            .drop_nulls("territoire")
            .group_by("territoire", "typologie")
            .agg(
                *((pl.col("type_structure") == kind).sum().cast(pl.Int64).alias(name) for kind, name in _KINDS.items()),
                pl.col("_h").count().cast(pl.Int64).alias("_known"),
                pl.col("_h").mean().alias("_mean"),
            )
        )
        left = (
            gone.select(territory.alias("territoire"), "typologie")
            .drop_nulls("territoire")
            .group_by("territoire", "typologie")
            .agg(pl.len().cast(pl.Int64).alias(LOST))
        )
        counts = counts.join(left, on=["territoire", "typologie"], how="full", coalesce=True)
        territories = population.filter(pl.col("niveau") == niveau).select("territoire", "population")
        if niveau == COMMUNE:
            rows = counts.join(territories, on="territoire", how="left")
        else:
            rows = territories.join(every, how="cross").join(counts, on=["territoire", "typologie"], how="left")
        said = pl.lit(None, dtype=pl.Int64) if lost is None else pl.col(LOST).fill_null(0)
        parts.append(rows.select(pl.lit(niveau).alias("niveau"), *_columns(), said.alias(LOST)))
    order = pl.col("typologie").cast(pl.Enum(list(typologies)))
    return pl.concat(parts).sort(pl.col("niveau").cast(pl.Enum([*LEVELS, FRANCE])), "territoire", order)


def _columns() -> list[pl.Expr]:
    kinds = [pl.col(name).fill_null(0).alias(name) for name in _KINDS.values()]
    points = pl.sum_horizontal(kinds)
    # Of implantations alone: a permanence is open by nature a few hours.
    share = pl.col("_known") / pl.col("nb_implantations")
    known = pl.when(pl.col("nb_implantations") > 0).then(share)
    return [
        pl.col("territoire"),
        pl.col("typologie"),
        pl.col("population"),
        *kinds,
        points.alias("nb_points_accueil"),
        pl.when(pl.col("population") > 0)
        .then(1e5 * points / pl.col("population"))
        .round(3)
        .alias("points_accueil_pour_100000"),
        pl.when(known >= KNOWN_MIN).then("_mean").round(2).alias("heures_hebdo_moyennes"),
        (100 * known).round(2).alias("part_horaires_connus_pct"),
    ]
