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
    people = pl.col("population").fill_null(0.0).clip(0)
    weight = pl.when(people.sum().over(by) > 0).then(people).otherwise(1.0).alias("_w")
    road, crow = pl.col("temps_route_s"), pl.col("distance_vol_oiseau_m")
    detour = pl.when((crow >= suspect.distance_min_m) & road.is_not_null()).then(pl.col("distance_route_m") / crow)
    # A mean over no road at all is unknown; over a part of the people, it says which part.
    frame = times.with_columns(weight, detour.alias("_detour")).sort(*by, "temps_route_s", maintain_order=True)
    reached = pl.when(road.is_not_null()).then(pl.col("_w"))
    total = pl.col("_w").sum()
    return (
        frame.group_by(by, maintain_order=True)
        .agg(
            pl.col("type_origine").first(),
            pl.len().cast(pl.Int64).alias("nb_origines"),
            pl.col("population").sum().alias("population"),
            (_mean(road) / 60).round(2).alias("temps_moyen_min"),
            *((_quantile(q) / 60).round(2).alias(f"temps_q{q}_min") for q in _QUANTILES),
            (100 * (1 - reached.sum().fill_null(0) / total)).round(2).alias("sans_temps_pct"),
            *(_share(road.le(60 * m), road, total).alias(f"a_moins_de_{m}_min_pct") for m in thresholds_min),
            _share(pl.col("hors_departement"), road, total).alias("hors_departement_pct"),
            _mean(crow).round(0).alias("distance_vol_oiseau_m"),
            (_mean(pl.col("temps_estime_vol_oiseau_s")) / 60).round(2).alias("temps_estime_vol_oiseau_min"),
            pl.col("_detour").median().round(2).alias("detour_median"),
            pl.col("statut").mode().sort().first().alias("statut_principal"),
            (pl.when(pl.col("statut") == NO_WAY).then(pl.col("_w")).sum() / total).alias("_no_way"),
        )
        .sort("code_insee", pl.col("typologie").cast(pl.Enum(list(typologies))))
        .with_columns(
            pl.when(pl.col("population") > 0).then("population").alias("population"),
            # Long detours tell of a network cut somewhere; no way out at all, of one cut around the commune.
            (
                (pl.col("detour_median").fill_null(0) > suspect.detour) | (pl.col("_no_way") > suspect.sans_itineraire)
            ).alias("reseau_suspect"),
        )
        .drop("_no_way")
    )


def _mean(value: pl.Expr) -> pl.Expr:
    """Mean over the people whose value is known; null where none is."""
    weight = pl.when(value.is_not_null()).then(pl.col("_w")).sum()
    return pl.when(weight > 0).then((value * pl.col("_w")).sum() / weight)


def _quantile(percent: int) -> pl.Expr:
    """Time that this share of the people who have one do not exceed: rows are sorted by time, unknown ones first."""
    weight = pl.when(pl.col("temps_route_s").is_not_null()).then(pl.col("_w")).otherwise(0.0)
    reached = weight.cum_sum() >= weight.sum() * percent / 100 - 1e-9
    time = pl.col("temps_route_s").filter(reached & pl.col("temps_route_s").is_not_null()).first()
    return pl.when(weight.sum() > 0).then(time)


def _share(holds: pl.Expr, known: pl.Expr, total: pl.Expr) -> pl.Expr:
    """Share of all people, those without a time counted as not reached; null where nobody has one."""
    people = pl.when(holds.fill_null(False)).then(pl.col("_w")).sum().fill_null(0)
    return pl.when(known.is_not_null().any()).then((100 * people / total).round(2))
