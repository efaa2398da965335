"""Times of `access__temps` as arrays by typology, where "no way there" and "unknown" are kept apart."""

import polars as pl

from assets.access.times_table import NO_WAY
from assets.tension.pairs import Floats


def times_by_typology(times: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Floats]]:
    """Origins, and seconds from each to its nearest counter of each typology.

    Args:
        times: `origine_id, code_insee, population, typologie, temps_route_s, statut` of `access__temps`; every origin
            has a row for every typology.

    Returns:
        `origine_id, code_insee, population` (n rows, sorted by id), and for each typology (n,) seconds: inf where the
        road network has no way to one, NaN where the time is unknown (no network, no position, no counter at all).
    """
    origins = times.select("origine_id", "code_insee", "population").unique("origine_id").sort("origine_id")
    no_way = (pl.col("statut") == NO_WAY) & pl.col("temps_route_s").is_null()
    second = pl.when(no_way).then(float("inf")).otherwise(pl.col("temps_route_s").cast(pl.Float64))
    rows = times.select("origine_id", "typologie", second.alias("s"))
    arrays = {}
    for (typology,), part in rows.group_by("typologie", maintain_order=True):
        joined = origins.join(part, on="origine_id", how="left", maintain_order="left")
        arrays[str(typology)] = joined["s"].fill_null(float("nan")).to_numpy().copy()
    return origins, arrays
