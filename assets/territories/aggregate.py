"""Indicators of communes -> the same for every territory they belong to, and how much of it is not known.

Σ numerators / Σ denominators over the communes whose value is known; the formulas themselves are `context`'s.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from assets.territories.context import Pairs
from assets.territories.indicators import Indicator, Objects
from assets.territories.levels import COMMUNE
from assets.territories.zones import Members

#: Columns of `territories__contexte_zones`.
SCHEMA = pl.Schema(
    {
        "niveau": pl.String(),
        "code": pl.String(),
        "indicateur": pl.String(),
        "valeur": pl.Float64(),
        "unite": pl.String(),
        "agregation": pl.String(),
        "millesime": pl.String(),
        "source": pl.String(),
        "part_inconnue": pl.Float64(),
    }
)
#: How the value of a commune comes from that of communes.
OWN = "valeur de la commune"
_SHARE_DECIMALS = 6


def indicators_of_zones(
    told: pl.DataFrame,
    indicators: tuple[Indicator, ...],
    members: Iterable[Members],
    population: pl.DataFrame,
    objects: Mapping[str, Pairs],
) -> pl.DataFrame:
    """One row per territory and indicator, in `SCHEMA`, sorted by its key: communes themselves are a level.

    Args:
        told: `context.SCHEMA`, one row per commune and indicator.
        members: of each level, `code, code_insee`.
        population: `code_insee, population`, null where unknown.
        objects: by what `objets` names: a territory counts distinct ones.

    `valeur` is null where no commune is known. `part_inconnue` is the share of the population whose commune has no
    value; a commune of unknown population weighs as the mean of the others, and all weigh the same when nobody lives
    there or none is known.
    """
    levels = (_level(level, told, indicators, population, objects) for level in members)
    return pl.concat([_communes(told), *levels]).sort("niveau", "code", "indicateur")


def _communes(told: pl.DataFrame) -> pl.DataFrame:
    return told.select(
        pl.lit(COMMUNE).alias("niveau"),
        pl.col("code_insee").alias("code"),
        "indicateur",
        "valeur",
        "unite",
        pl.lit(OWN).alias("agregation"),
        "millesime",
        pl.when(pl.col("valeur").is_not_null()).then("source").alias("source"),
        pl.col("valeur").is_null().cast(pl.Float64).alias("part_inconnue"),
    )


def _level(
    level: Members,
    told: pl.DataFrame,
    indicators: tuple[Indicator, ...],
    population: pl.DataFrame,
    objects: Mapping[str, Pairs],
) -> pl.DataFrame:
    weights = level.frame.join(population, on="code_insee", how="left").with_columns(_weight())
    # A value nobody can weigh stays the commune's own.
    known = pl.col("valeur").is_not_null() & pl.col("numerateur").is_not_null()
    sums = (
        weights.join(told, on="code_insee", how="inner", maintain_order="left_right")
        .group_by("code", "indicateur", maintain_order=True)  # else sums of floats would change from a run to the next
        .agg(
            *(_total(name, known) for name in ("numerateur", "denominateur")),
            (pl.col("_weight").filter(~known).sum() / pl.col("_weight").sum()).alias("part_inconnue"),
            *(_all_told(name, known) for name in ("millesime", "source")),
        )
    )
    facts = pl.DataFrame(
        {
            "indicateur": [i.code for i in indicators],
            "unite": [i.unite for i in indicators],
            "agregation": [i.agregation for i in indicators],
            "_factor": [i.facteur for i in indicators],
            "_decimals": [i.decimales for i in indicators],
        },
        schema_overrides={"_factor": pl.Float64},
    )
    valued = sums.join(facts, on="indicateur", how="inner").with_columns(
        (pl.col("_factor") * pl.col("numerateur") / pl.col("denominateur").fill_null(1.0)).alias("_value")
    )
    counted = _counted(level, indicators, objects)
    value = pl.when(pl.col("_value").is_finite()).then(pl.coalesce("_count", "_value"))
    decimals = sorted({i.decimales for i in indicators})
    rounded = pl.coalesce(pl.when(pl.col("_decimals") == d).then(pl.col("valeur").round(d)) for d in decimals)
    return (
        valued.join(counted, on=["code", "indicateur"], how="left")
        .with_columns(value.alias("valeur"))
        .select(
            pl.lit(level.niveau).alias("niveau"),
            "code",
            "indicateur",
            rounded.alias("valeur"),
            "unite",
            "agregation",
            "millesime",
            "source",
            pl.col("part_inconnue").round(_SHARE_DECIMALS),
        )
    )


def _weight() -> pl.Expr:
    """People of a commune; the mean of its territory where unknown; 1 for all where that gives nothing."""
    people = pl.col("population").cast(pl.Float64)
    mean = people.mean().over("code")
    return pl.when(mean > 0).then(people.fill_null(mean)).otherwise(1.0).alias("_weight")


def _total(name: str, known: pl.Expr) -> pl.Expr:
    told = pl.col(name).filter(known)
    return pl.when(told.count() > 0).then(told.sum()).alias(name)


def _all_told(name: str, known: pl.Expr) -> pl.Expr:
    """What the known communes say, each word once: a commune may say several already."""
    told = pl.col(name).filter(known).drop_nulls().unique().str.split(", ").explode().unique().sort()
    return pl.when(told.count() > 0).then(told.str.join(", ")).alias(name)


def _counted(level: Members, indicators: tuple[Indicator, ...], objects: Mapping[str, Pairs]) -> pl.DataFrame:
    """`code, indicateur, _count`: distinct objects of each territory; one that straddles two communes counts once."""
    parts = [pl.DataFrame(schema={"code": pl.String, "indicateur": pl.String, "_count": pl.Float64})]
    for indicator in indicators:
        formula = indicator.formules[0]
        if isinstance(formula, Objects) and formula.objets in objects:
            touching = level.frame.join(
                objects[formula.objets].frame, left_on="code_insee", right_on="commune", how="left"
            )
            parts.append(
                touching.group_by("code")
                .agg(pl.col("objet").drop_nulls().n_unique().cast(pl.Float64).alias("_count"))
                .select("code", pl.lit(indicator.code).alias("indicateur"), "_count")
            )
    return pl.concat(parts)
