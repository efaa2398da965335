"""What a territory's figure is compared with: the country, and the median, least and most of its level and class."""

from collections.abc import Sequence

import polars as pl

from assets.territories.levels import COMMUNE, FRANCE

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
    keys = ["niveau", "classe", "typologie", "mesure"]
    names = list(columns)
    values = pl.col(names).cast(pl.Float64)
    below = table.filter(pl.col("niveau") != FRANCE).select("niveau", "territoire", "typologie", "mesure", values)
    of_class = below.join(classes.rename({"classe_densite": "classe"}), on=["niveau", "territoire"]).drop_nulls(
        "classe"
    )
    country = table.filter(pl.col("niveau") == FRANCE).select("typologie", "mesure", values)
    parts = []
    for rows in (below.with_columns(pl.lit(ALL).alias("classe")), of_class):
        # Territories are named above communes only, where there are few: a row of each group is looked for.
        large = rows.filter(pl.col("niveau") != COMMUNE)
        ends = _long(large.group_by(keys).agg(_ends(name) for name in names), keys)
        parts.append(
            _long(rows.group_by(keys).agg(_middle(name) for name in names), keys)
            .filter(pl.col("territoires") > 0)
            .join(ends, on=[*keys, "indicateur"], how="left")
        )
    national = country.unpivot(
        columns, index=["typologie", "mesure"], variable_name="indicateur", value_name="valeur_france"
    )
    return (
        pl.concat(parts)
        .join(national, on=["typologie", "mesure", "indicateur"], how="left")
        .select(
            *keys,
            "indicateur",
            "valeur_france",
            "mediane",
            "minimum",
            "territoire_minimum",
            "maximum",
            "territoire_maximum",
            "territoires",
        )
        .sort(*keys, "indicateur")
    )


def _middle(name: str) -> pl.Expr:
    value = pl.col(name)
    return pl.struct(
        # Some values are of a millionth, some of millions.
        value.median().round_sig_figs(9).alias("mediane"),
        value.min().alias("minimum"),
        value.max().alias("maximum"),
        value.count().cast(pl.Int64).alias("territoires"),
    ).alias(name)


def _ends(name: str) -> pl.Expr:
    value, code = pl.col(name), pl.col("territoire")
    return pl.struct(
        code.filter(value == value.min()).min().alias("territoire_minimum"),
        code.filter(value == value.max()).min().alias("territoire_maximum"),
    ).alias(name)


def _long(groups: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """One row per group and column, what is said of it in columns."""
    return groups.unpivot(index=keys, variable_name="indicateur", value_name="_said").unnest("_said")
