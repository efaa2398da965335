"""The tension index of communes and EPCI, robustness and reasons included: rows of `tension__tension`.

How it is computed belongs to `index`; here its columns are brought together from access, supply and context.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from assets.tension.index import REFERENCES, component_ranks, indicator_ranks, tension_table
from assets.tension.reasons import reasons
from assets.tension.robustness import robustness
from assets.tension.scheme import Scheme

#: Levels that have an index. EPCI are ranked in the density class most of their people live in.
LEVELS = ("commune", "epci")
#: What the index takes from supply: its columns, and where `tension__acces` and `tension__demande` have them.
SUPPLY = ("habitants_au_dela_pct", "heures_accessibles_semaine", "minutes_pour_100")
#: What it takes from the registry, through `tension__offre`.
LOST_SHARE = "points_accueil_disparus_pct"


def supply_columns(access: pl.DataFrame, supply: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """`niveau, territoire, mesure` and the columns of `SUPPLY`, for the reference service.

    Args:
        access, supply: rows of `tension__acces` and `tension__demande`.
    """
    keys = ["niveau", "territoire", "mesure"]
    mine = (pl.col("typologie") == scheme.reference.typologie) & pl.col("niveau").is_in(LEVELS)
    share = f"population_{scheme.reference.seuil_min:g}_min_pct"
    reached = access.filter(mine).select(
        *keys, (100 - pl.col(share)).round(2).alias(SUPPLY[0]), pl.col("heures_accessibles_semaine").alias(SUPPLY[1])
    )
    served = supply.filter(mine).select(*keys, pl.col("offre_minutes_pour_100").alias(SUPPLY[2]))
    return reached.join(served, on=keys, how="left", maintain_order="left")


def tension_rows(
    territories: pl.DataFrame, supply: pl.DataFrame, variants: Sequence[pl.DataFrame], scheme: Scheme
) -> pl.DataFrame:
    """Rows of one level and one measure, sorted by territory.

    Args:
        territories: `territoire, population, classe_densite` and the columns of context the scheme names.
        supply: rows of `supply_columns` of that level and measure.
        variants: the same, at other speeds.
    """

    def whole(columns: pl.DataFrame) -> pl.DataFrame:
        """The territories that the base case has, with the supply of a case."""
        held = territories.join(supply.select("territoire"), on="territoire", how="semi")
        return held.join(columns.drop("niveau", "mesure"), on="territoire", how="left").sort("territoire")

    base = whole(supply)
    table = tension_table(base, scheme)
    cases = [component_ranks(indicator_ranks(whole(v), scheme, "national"), scheme) for v in (supply, *variants)]
    ranked = table["tension_national"].is_not_null()
    sure = robustness(cases, ranked.to_numpy(), scheme)
    table = table.with_columns(*places(), *(reasons(table, scheme, reference) for reference in REFERENCES))
    named = {f"{c.code}_{r}": f"composante_{c.code.lower()}_{r}" for c in scheme.composantes for r in REFERENCES}
    wide = pl.concat([table.rename(named), sure], how="horizontal")
    real = [name for name, kind in wide.schema.items() if kind == pl.Float64 or kind == pl.Float32]
    first = supply.select("niveau", "mesure").row(0) if supply.height else ("", "")
    return wide.with_columns(pl.col(real).cast(pl.Float64).round(4)).select(
        pl.lit(first[0]).alias("niveau"), "territoire", pl.lit(first[1]).alias("mesure"), pl.exclude("territoire")
    )


def places() -> tuple[pl.Expr, ...]:
    """Where a territory stands, among all those of a table and among those of its density class.

    `rang_national, rang_classe`: 1 for the most tense; equal ones share the first. `centile_national, centile_classe`:
    percentage of territories at most as tense, which maps are drawn from.
    """
    national, of_class = pl.col("tension_national"), pl.col("tension_classe")
    return (
        _rank(national).alias("rang_national"),
        _rank(of_class).over("classe_densite").alias("rang_classe"),
        _centile(national).alias("centile_national"),
        _centile(of_class).over("classe_densite").alias("centile_classe"),
    )


def _rank(tension: pl.Expr) -> pl.Expr:
    return tension.rank("min", descending=True).cast(pl.Int64)


def _centile(tension: pl.Expr) -> pl.Expr:
    return 100 * tension.rank("max") / tension.count()


def density_class(membership: pl.DataFrame, niveau: str) -> pl.DataFrame:
    """`territoire, classe_densite`: that of a commune; of an EPCI, the one most of its people live in."""
    if niveau == "commune":
        return membership.select(pl.col("code").alias("territoire"), "classe_densite")
    return (
        membership.drop_nulls([niveau, "classe_densite"])
        .group_by(pl.col(niveau).alias("territoire"), "classe_densite")
        .agg(pl.col("population").sum().alias("_p"))
        .sort("territoire", "_p", "classe_densite", descending=[False, True, False])
        .unique("territoire", keep="first", maintain_order=True)
        .select("territoire", "classe_densite")
    )


def context_columns(context: pl.DataFrame, niveau: str, scheme: Scheme) -> pl.DataFrame:
    """`territoire` and the columns of context the scheme names, null where nobody publishes one.

    Args:
        context: `territories__contexte_zones`.
    """
    wanted = [i.colonne for i in scheme.indicators if i.colonne not in (*SUPPLY, LOST_SHARE)]
    here = context.filter((pl.col("niveau") == niveau) & pl.col("indicateur").is_in(wanted))
    wide = here.pivot("indicateur", index="code", values="valeur").rename({"code": "territoire"})
    empty: Mapping[str, pl.Expr] = {n: pl.lit(None, dtype=pl.Float64).alias(n) for n in wanted if n not in wide.columns}
    return wide.with_columns(*empty.values()).select("territoire", *wanted)
