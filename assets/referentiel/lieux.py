"""Places: counters that people reach at one and the same door share a `lieu`.

A place is not a counter: a Caf desk inside a France services inside a post office are three services at one place.
"""

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pipeline.foundations.crs import epsg_expr, project
from pipeline.foundations.text import key

#: Counters of one commune this close are at one place, whatever their addresses say.
SAME_DOOR_M = 25.0
#: Counters of one commune with the same written address are at one place up to this far: geocoding scatters.
SAME_ADDRESS_M = 200.0


def group_places(counters: pl.DataFrame) -> pl.DataFrame:
    """Add `lieu_groupe` (Int64): equal for the counters at one place, independent of the order of rows.

    Args:
        counters: `lieu_code_insee, lieu_code_departement, lieu_longitude, lieu_latitude, lieu_adresse,
            type_structure`. A counter without a position shares a place only through its written address; a mobile
            service never shares one: it carries the point of its depot.
    """
    frame = counters.with_row_index("_i").with_columns(
        epsg_expr(pl.col("lieu_code_departement")).alias("_epsg"),
        pl.col("lieu_adresse").map_elements(key, return_dtype=pl.String).alias("_adresse"),
        pl.col("type_structure").eq_missing("Itinérance").alias("_mobile"),
    )
    still = frame.filter(~pl.col("_mobile"))
    pairs = np.concatenate([_same_door(still), _same_address(still)])
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(frame.height,) * 2)
    _, labels = connected_components(graph, directed=False)
    return counters.with_columns(pl.Series("lieu_groupe", labels, dtype=pl.Int64))


def _same_door(still: pl.DataFrame) -> np.ndarray:
    """Pairs of row numbers within `SAME_DOOR_M`, in one commune."""
    found = [np.empty((0, 2), dtype=np.int64)]
    placed = still.filter(pl.col("lieu_longitude").is_not_null() & pl.col("_epsg").is_not_null())
    communes = placed["lieu_code_insee"].rank("dense")
    for (epsg,), rows in placed.with_columns(communes.alias("_commune")).group_by("_epsg"):
        xy = np.column_stack(
            project(rows["lieu_longitude"].to_numpy(), rows["lieu_latitude"].to_numpy(), int(str(epsg)))
        )
        close = cKDTree(xy).query_pairs(SAME_DOOR_M, output_type="ndarray")
        commune, number = rows["_commune"].to_numpy(), rows["_i"].to_numpy()
        found.append(number[close[commune[close[:, 0]] == commune[close[:, 1]]]])
    return np.concatenate(found)


def _same_address(still: pl.DataFrame) -> np.ndarray:
    """Pairs of row numbers with the same address in one commune, unless both are placed far apart."""
    written = still.filter(pl.col("_adresse").str.len_chars() > 0)
    written = written.with_columns(_xy(written))
    by = ["lieu_code_insee", "_adresse"]
    shared = written.filter(pl.len().over(by) > 1).select("_i", "_x", "_y", *by)
    # An unplaced counter joins those of its address, unless they are far apart: then it could be at any of them.
    width, height = (pl.col(c).max() - pl.col(c).min() for c in ("_x", "_y"))
    shared = shared.with_columns(((width**2 + height**2).sqrt().over(by).fill_null(0)).alias("_span"))
    pairs = shared.join(shared.drop("_span"), on=by, suffix="_b").filter(pl.col("_i") < pl.col("_i_b"))
    gap = ((pl.col("_x") - pl.col("_x_b")) ** 2 + (pl.col("_y") - pl.col("_y_b")) ** 2).sqrt()
    near = pl.when(gap.is_null()).then(pl.col("_span")).otherwise(gap) <= SAME_ADDRESS_M
    return pairs.filter(near).select("_i", "_i_b").to_numpy().astype(np.int64)


def _xy(rows: pl.DataFrame) -> list[pl.Series]:
    x, y = np.full(rows.height, np.nan), np.full(rows.height, np.nan)
    for (epsg,), part in rows.with_row_index("_r").group_by("_epsg"):
        if epsg is None:
            continue
        at = part["_r"].to_numpy()
        px, py = project(part["lieu_longitude"].to_numpy(), part["lieu_latitude"].to_numpy(), int(str(epsg)))
        x[at], y[at] = px, py
    return [pl.Series("_x", x).fill_nan(None), pl.Series("_y", y).fill_nan(None)]
