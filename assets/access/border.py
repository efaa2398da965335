"""Départements beyond the border of those asked for, whose people share the counters there.

Supply against demand cut at a border counts a counter's users twice too few. Only départements with roads of their own
matter: without roads the whole country is measured anyway, as the crow flies.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from assets.access.places import metres
from assets.access.settings import settings
from pipeline.foundations.crs import epsg_expr

#: As fast as one goes, on average, to a counter: pairs are never farther apart.
_FASTEST_KMH = 90


def beyond_the_border(communes: pl.DataFrame, selected: Sequence[str], with_roads: Sequence[str]) -> list[str]:
    """Those of `with_roads`, not selected, that have a commune within the reach of pairs of a selected one; sorted.

    Args:
        communes: `departement, longitude, latitude`.
    """
    reach = settings().couples_max_min / 60 * _FASTEST_KMH * 1000
    candidates = sorted(set(with_roads) - set(selected))
    if not candidates:
        return []
    placed = communes.filter(pl.col("longitude").is_not_null()).with_columns(
        epsg_expr(pl.col("departement")).alias("_epsg")
    )
    found = []
    for epsg in placed["_epsg"].drop_nulls().unique().sort():
        here = placed.filter(pl.col("_epsg") == epsg)
        asked = here.filter(pl.col("departement").is_in(list(selected)))
        others = here.filter(pl.col("departement").is_in(candidates))
        if not asked.height or not others.height:
            continue
        distance, _ = cKDTree(metres(asked, epsg)).query(metres(others, epsg), distance_upper_bound=reach)
        found += others.filter(pl.Series(np.isfinite(distance)))["departement"].unique().to_list()
    return sorted(found)
