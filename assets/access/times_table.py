"""Travel times as rows of `access__temps`: what was found, and why where nothing was.

Finding belongs to `times` and `choice`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.access.places import HELD_ALL_WEEK, Territory
from assets.access.settings import Settings
from assets.access.times import Times

Array = npt.NDArray[Any]

_CALCULATED, _NO_ROAD, _OFF, NO_WAY, _NO_SERVICE, _NOWHERE, _UNPLACED = (
    "calculé",
    "sans réseau routier",
    "hors réseau",
    "aucun itinéraire",
    "aucun service de ce type",
    "origine sans position",
    "service de la commune sans position",
)


def times_table(
    territory: Territory, times: Times, typologies: Sequence[str], settings: Settings, origins: npt.NDArray[np.int64]
) -> pl.DataFrame:
    """The rows of `access__temps` for some origins (rows of the territory), sorted by origin, then typology order."""
    t, h = len(typologies), len(origins)
    counters = territory.counters.select("service_id", "code_departement")
    repeated = territory.origins[np.repeat(origins, t)]

    def flat(array: Array) -> Array:
        return array[:, origins].swapaxes(0, 1).reshape(t * h, *array.shape[2:])

    def whole(name: str, array: Array) -> pl.Series:
        values = pl.Series(name, flat(array)).cast(pl.Int64)
        return values.set(values < 0, None)

    def named(array: Array, column: str, name: str) -> pl.Series:
        rows = pl.Series(flat(array)).cast(pl.Int64)
        return counters[column].gather(rows.set(rows < 0, None)).alias(name) if counters.height else pl.Series(
            name, [None] * (t * h), dtype=pl.String
        )  # fmt: skip

    crow = flat(times.crow_metres)
    estimate = settings.vol_oiseau.seconds(1.0)
    within = flat(times.within)
    # From where no road is reached, how many are near is unknown, not 0.
    off = np.ones(territory.origins.height, dtype=np.bool_) if territory.homes is None else ~territory.homes.on_road
    off = np.repeat(off[origins], t)
    frame = repeated.select("origine_id", "type_origine", "code_insee", "code_departement", "population").with_columns(
        pl.Series("typologie", np.tile(np.array(typologies, dtype=object), h), dtype=pl.String),
        whole("temps_route_s", times.seconds),
        whole("distance_route_m", times.metres),
        named(times.counter, "service_id", "service_id"),
        named(times.counter, "code_departement", "departement_du_service"),
        whole("temps_autre_departement_s", times.other_seconds),
        named(times.other_counter, "service_id", "service_autre_departement_id"),
        pl.Series("temps_moyen_proches_s", flat(times.mean)).cast(pl.Float64).fill_nan(None).round(1),
        *(
            pl.Series(f"nb_{m}_min", within[:, i]).cast(pl.Int64).set(pl.Series(off), None)
            for i, m in enumerate(settings.seuils_min)
        ),
        pl.Series("distance_vol_oiseau_m", crow).fill_nan(None).round(0),
        named(times.crow_counter, "service_id", "service_vol_oiseau_id"),
        pl.Series("temps_estime_vol_oiseau_s", np.rint(crow * estimate)).fill_nan(None).cast(pl.Int64),
    )
    return _with_status(frame, territory, off, typologies)


def _with_status(
    frame: pl.DataFrame, territory: Territory, off: npt.NDArray[np.bool_], typologies: Sequence[str]
) -> pl.DataFrame:
    """Why a road time is null. An unplaced counter in the commune makes the nearest placed one a wrong answer."""
    placed = territory.counters.filter(pl.col("longitude").is_not_null() & (pl.col("type_structure") == HELD_ALL_WEEK))
    unplaced = (
        territory.counters.filter(pl.col("longitude").is_null() & (pl.col("type_structure") == HELD_ALL_WEEK))
        .select("code_insee", "typologie", pl.lit(True).alias("_unplaced"))
        .unique()
    )
    there = placed.select("service_id", pl.col("code_insee").alias("_there")).unique("service_id")
    known = pl.Series("typologie", sorted(set(placed["typologie"].to_list()) & set(typologies)), dtype=pl.String)
    frame = (
        frame.with_columns(pl.Series("_off", off), pl.coalesce("service_id", "service_vol_oiseau_id").alias("_nearest"))
        .join(unplaced, on=["code_insee", "typologie"], how="left", maintain_order="left")
        .join(there.rename({"service_id": "_nearest"}), on="_nearest", how="left", maintain_order="left")
    )
    doubt = pl.col("_unplaced").fill_null(False) & pl.col("_there").ne_missing(pl.col("code_insee"))
    status = (
        pl.when(pl.col("distance_vol_oiseau_m").is_null() & pl.col("typologie").is_in(known.implode()))
        .then(pl.lit(_NOWHERE))
        .when(~pl.col("typologie").is_in(known.implode()))
        .then(pl.lit(_NO_SERVICE))
        .when(doubt)
        .then(pl.lit(_UNPLACED))
        .when(pl.lit(territory.graph is None))
        .then(pl.lit(_NO_ROAD))
        .when(pl.col("_off"))
        .then(pl.lit(_OFF))
        .when(pl.col("temps_route_s").is_null())
        .then(pl.lit(NO_WAY))
        .otherwise(pl.lit(_CALCULATED))
        .alias("statut")
    )
    withheld = ("temps_route_s", "distance_route_m", "service_id", "departement_du_service", "temps_moyen_proches_s",
                "distance_vol_oiseau_m", "service_vol_oiseau_id", "temps_estime_vol_oiseau_s")  # fmt: skip
    frame = frame.with_columns(status, *(pl.when(~doubt).then(pl.col(c)).alias(c) for c in withheld))
    return frame.with_columns(
        (pl.col("departement_du_service") != pl.col("code_departement")).alias("hors_departement")
    ).drop("_off", "_unplaced", "_nearest", "_there")
