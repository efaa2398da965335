"""Same counter or not: put the constats of one counter in one group.

Two constats are linked when an exact key says so, or when they have the same typology and commune and either nearly
the same place, or no rival: each feed lists a single counter of that typology in the commune. Constats of one feed are
never linked together by place: a feed that lists two counters side by side means two counters. Which constat to
believe is `decide`.
"""

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.foundations.crs import epsg_of_departement, project
from pipeline.foundations.text import key

#: Two constats of one typology this close, in one commune and from two feeds, are one counter.
SAME_PLACE_M = 150.0
#: The only one of its typology in its commune for both feeds: one counter, unless they place it this far apart.
ALONE_M = 5_000.0


def link(constats: pl.DataFrame) -> pl.DataFrame:
    """Add `groupe_id` (Int64): equal for the constats of one counter.

    Args:
        constats: frame in `harmonise.CONSTAT_COLUMNS`; its order does not change the groups.
    """
    frame = constats.with_row_index("_i")
    pairs = pl.concat([_by_partner(frame), _by_place(frame)])
    n = frame.height
    left, right = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    return frame.with_columns(pl.Series("groupe_id", labels, dtype=pl.Int64)).drop("_i")


def _by_partner(frame: pl.DataFrame) -> pl.DataFrame:
    """The directory's copy names the record it was copied from (`partenaire`, `partenaire_id`)."""
    feed_of = {"france_service": "france_services", "france_services": "france_services"}
    copies = frame.filter(pl.col("partenaire").is_in(list(feed_of))).with_columns(
        pl.col("partenaire").replace_strict(feed_of, return_dtype=pl.String).alias("_feed")
    )
    return copies.join(
        frame.select("source", "id_source", "typologie", pl.col("_i").alias("b")),
        left_on=["_feed", "partenaire_id", "typologie"],
        right_on=["source", "id_source", "typologie"],
        how="inner",
    ).select(pl.col("_i").alias("a"), "b")


def _by_place(frame: pl.DataFrame) -> pl.DataFrame:
    """Nearest pair of two feeds, same typology and commune, within `SAME_PLACE_M`; without a position, same name."""
    side = frame.filter(pl.col("type_structure").ne_missing("Itinérance")).select(
        "_i",
        "source",
        "typologie",
        "lieu_code_insee",
        "lieu_code_departement",
        "lieu_longitude",
        "lieu_latitude",
        pl.col("service_nom").map_elements(key, return_dtype=pl.String).alias("_nom"),
    )
    shared = (
        side.group_by("typologie", "lieu_code_insee")
        .agg(pl.col("source").n_unique().alias("_n"))
        .filter(pl.col("_n") > 1)
    )
    side = side.join(shared.drop("_n"), on=["typologie", "lieu_code_insee"])
    pairs = side.join(side, on=["typologie", "lieu_code_insee"], suffix="_b").filter(
        pl.col("source") < pl.col("source_b")
    )
    if pairs.is_empty():
        return pl.DataFrame(schema={"a": pl.UInt32, "b": pl.UInt32})
    pairs = pairs.with_columns(_metres(pairs))
    unplaced = pl.col("_metres").is_null()
    alone = (pl.len().over("typologie", "lieu_code_insee", "source", "source_b") == 1) & (
        unplaced | (pl.col("_metres") <= ALONE_M)
    )
    close = pl.col("_metres") <= SAME_PLACE_M
    same_name = unplaced & (pl.col("_nom") == pl.col("_nom_b"))
    candidates = pairs.filter(close | same_name | alone).sort(pl.col("_metres").fill_null(1e9), "_i", "_i_b")
    # One-to-one: each constat takes its nearest counterpart in each other feed, and only if the choice is mutual.
    first_a = pl.col("_i_b").first().over("_i", "source_b")
    first_b = pl.col("_i").first().over("_i_b", "source")
    mutual = candidates.filter((pl.col("_i_b") == first_a) & (pl.col("_i") == first_b))
    return mutual.select(pl.col("_i").alias("a"), pl.col("_i_b").alias("b"))


def _metres(pairs: pl.DataFrame) -> pl.Series:
    out = np.full(pairs.height, np.nan)
    for (departement,), rows in pairs.with_row_index("_r").group_by("lieu_code_departement"):
        epsg = epsg_of_departement(str(departement))
        xa, ya = project(rows["lieu_longitude"].to_numpy(), rows["lieu_latitude"].to_numpy(), epsg)
        xb, yb = project(rows["lieu_longitude_b"].to_numpy(), rows["lieu_latitude_b"].to_numpy(), epsg)
        out[rows["_r"].to_numpy()] = np.hypot(xa - xb, ya - yb)
    return pl.Series("_metres", np.where(np.isfinite(out), out, np.nan)).fill_nan(None)
