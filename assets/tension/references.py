"""What a territory's figure is compared with: the country, and the median, least and most of its level and class."""

from collections.abc import Sequence

import polars as pl

#: All territories of a level together.
ALL = "ensemble"


def reference_rows(table: pl.DataFrame, columns: Sequence[str], classes: pl.DataFrame) -> pl.DataFrame:
    """Rows of `tension__reperes`: for each level, class, typology, measure and column.

    Columns: `niveau, classe, typologie, mesure, indicateur, valeur_france, mediane, minimum, territoire_minimum,
    maximum, territoire_maximum, territoires` (how many have a value). Territories of least and most are named above
    communes; the first code among equals.

    Args:
        table: `niveau, territoire, typologie, mesure` and the columns, one row of level `france` at most for each pair.
        classes: `niveau, territoire, classe_densite`.
    """
    if not table.height:
        return pl.DataFrame()
    keys = ["niveau", "classe", "typologie", "mesure"]
    parts = table.filter(pl.col("niveau") != "france").with_columns(pl.lit(ALL).alias("classe"))
    by_class = (
        parts.drop("classe")
        .join(classes, on=["niveau", "territoire"], how="inner")
        .drop_nulls("classe_densite")
        .rename({"classe_densite": "classe"})
    )
    both = pl.concat([parts, by_class.select(parts.columns)])
    rows = []
    for name in columns:
        value = pl.col(name)
        measured = both.select(*keys, "territoire", value.cast(pl.Float64).alias("_v")).drop_nulls("_v")
        large = measured.filter(pl.col("niveau") != "commune").sort("_v", "territoire")
        ends = large.group_by(keys, maintain_order=True).agg(
            pl.col("territoire").first().alias("territoire_minimum"),
            # The first code of those that share the most.
            pl.col("territoire").filter(pl.col("_v") == pl.col("_v").max()).first().alias("territoire_maximum"),
        )
        country = table.filter(pl.col("niveau") == "france").select(
            "typologie", "mesure", value.cast(pl.Float64).alias("valeur_france")
        )
        rows.append(
            measured.group_by(keys)
            .agg(
                # Some values are of a millionth, some of millions.
                pl.col("_v").median().round_sig_figs(9).alias("mediane"),
                pl.col("_v").min().alias("minimum"),
                pl.col("_v").max().alias("maximum"),
                pl.len().cast(pl.Int64).alias("territoires"),
            )
            .join(ends, on=keys, how="left")
            .join(country, on=["typologie", "mesure"], how="left")
            .select(
                *keys,
                pl.lit(name).alias("indicateur"),
                "valeur_france",
                "mediane",
                "minimum",
                "territoire_minimum",
                "maximum",
                "territoire_maximum",
                "territoires",
            )
        )
    return pl.concat(rows).sort(*keys, "indicateur")
