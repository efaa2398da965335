"""Access of a commune to a typology: means, quantiles and shares of its people, from the times of its origins.

Every mean is weighted by people; those whom no time is known for are left out of it and counted beside.
"""

from collections.abc import Sequence

import polars as pl

from assets.access.settings import Suspect
from assets.access.times_table import NO_WAY

_QUANTILES = (10, 50, 90)


def commune_table(
    times: pl.DataFrame, typologies: Sequence[str], thresholds_min: Sequence[int], suspect: Suspect
) -> pl.DataFrame:
    """Rows of `access__acces_communes`, sorted by commune, then in the order of `typologies`.

    Where nobody is known to live at any origin of a commune, its origins weigh the same: a commune whose only origin is
    its mairie always has a time.

    Args:
        times: rows of `access__temps`, whole communes.
        thresholds_min: minutes of the coverage columns.
        suspect: when a network looks cut.
    """
    by = ["code_insee", "code_departement", "typologie"]
    ordered = times.sort(*by, "temps_route_s", maintain_order=True).with_columns(pl.struct(by).rle_id().alias("_g"))
    rows = _weighted(ordered, thresholds_min, suspect)
    # Sums, means and firsts of plain columns only: anything cleverer inside a group costs a call for each of them.
    frame = rows.group_by("_g", maintain_order=True).agg(
        pl.col(*by, "type_origine").first(),
        pl.len().cast(pl.Int64).alias("nb_origines"),
        pl.col("population").sum(),
        pl.col("_detour").median(),
        pl.col("^_w.*$").sum(),
    )
    for percent in _QUANTILES:
        frame = frame.join(_quantile(rows, percent), on="_g", how="left", maintain_order="left")
    frame = frame.join(_most_frequent_status(rows), on="_g", how="left", maintain_order="left")
    on_road, everyone = pl.col("_w_road"), pl.col("_w")
    percent_of_all = {f"a_moins_de_{m}_min_pct": f"_w_{m}" for m in thresholds_min}
    percent_of_all["hors_departement_pct"] = "_w_hors"
    detour = pl.col("_detour").round(2)
    return frame.sort("code_insee", pl.col("typologie").cast(pl.Enum(list(typologies)))).select(
        *by,
        "type_origine",
        "nb_origines",
        pl.when(pl.col("population") > 0).then("population").alias("population"),
        _ratio("_w_x_road", "_w_road", 60).round(2).alias("temps_moyen_min"),
        *((pl.col(f"_q{q}") / 60).round(2).alias(f"temps_q{q}_min") for q in _QUANTILES),
        (100 * (1 - on_road / everyone)).round(2).alias("sans_temps_pct"),
        # Those without a time count as not reached; nothing is said where nobody has one.
        *(
            pl.when(pl.col("_w_known") > 0).then((100 * pl.col(c) / everyone).round(2)).alias(name)
            for name, c in percent_of_all.items()
        ),
        _ratio("_w_x_crow", "_w_crow", 1).round(0).alias("distance_vol_oiseau_m"),
        _ratio("_w_x_estimate", "_w_estimate", 60).round(2).alias("temps_estime_vol_oiseau_min"),
        detour.alias("detour_median"),
        pl.col("_statut").alias("statut_principal"),
        # Long detours tell of a network cut somewhere; no way out at all, of one cut around the commune.
        ((detour.fill_null(0) > suspect.detour) | (pl.col("_w_no_way") / everyone > suspect.sans_itineraire)).alias(
            "reseau_suspect"
        ),
    )


def _weighted(rows: pl.DataFrame, thresholds_min: Sequence[int], suspect: Suspect) -> pl.DataFrame:
    """The rows of groups `_g` with people in columns.

    `_w` is the people of an origin (1 where nobody is known to live at any origin of the group); `_w_…` those of whom
    something holds; `_w_x_…` is `_w` times a value.
    """
    people = pl.col("population").fill_null(0.0).clip(0)
    road, crow = pl.col("temps_route_s"), pl.col("distance_vol_oiseau_m")
    estimate, weight = pl.col("temps_estime_vol_oiseau_s"), pl.col("_w")

    def where(holds: pl.Expr) -> pl.Expr:
        return pl.when(holds.fill_null(False)).then(weight).otherwise(0.0)

    def times_value(value: pl.Expr) -> pl.Expr:
        return pl.when(value.is_not_null()).then(weight * value).otherwise(0.0)

    long_enough = (crow >= suspect.distance_min_m) & road.is_not_null()
    somebody = people.sum().over("_g") > 0
    return rows.with_columns(pl.when(somebody).then(people).otherwise(1.0).alias("_w")).with_columns(
        pl.when(long_enough).then(pl.col("distance_route_m") / crow).alias("_detour"),
        road.is_not_null().cast(pl.Int64).alias("_w_known"),  # origins, not people: some may have none
        where(road.is_not_null()).alias("_w_road"),
        times_value(road).alias("_w_x_road"),
        *(where(road <= 60 * m).alias(f"_w_{m}") for m in thresholds_min),
        where(pl.col("hors_departement")).alias("_w_hors"),
        where(crow.is_not_null()).alias("_w_crow"),
        times_value(crow).alias("_w_x_crow"),
        where(estimate.is_not_null()).alias("_w_estimate"),
        times_value(estimate).alias("_w_x_estimate"),
        where(pl.col("statut") == NO_WAY).alias("_w_no_way"),
    )


def _ratio(total: str, people: str, divisor: float) -> pl.Expr:
    """Mean over the people whose value is known; null where none is."""
    return pl.when(pl.col(people) > 0).then(pl.col(total) / pl.col(people) / divisor)


def _quantile(rows: pl.DataFrame, percent: int) -> pl.DataFrame:
    """`_q<percent>` of each group: seconds that this share of the people who have a time do not exceed.

    Rows come group by group, by time.
    """
    before, total = pl.col("_w").cum_sum().over("_g"), pl.col("_w").sum().over("_g")
    return (
        rows.select("_g", "_w", "temps_route_s")
        .filter(pl.col("temps_route_s").is_not_null())
        .filter((before >= total * percent / 100 - 1e-9) & (total > 0))
        .unique("_g", keep="first", maintain_order=True)
        .select("_g", pl.col("temps_route_s").alias(f"_q{percent}"))
    )


def _most_frequent_status(rows: pl.DataFrame) -> pl.DataFrame:
    """`_statut` of most origins of each group; the first in alphabetical order among equals."""
    counts = rows.group_by("_g", "statut").len()
    best = counts.sort("_g", "len", "statut", descending=[False, True, False])
    return best.unique("_g", keep="first", maintain_order=True).select("_g", pl.col("statut").alias("_statut"))
