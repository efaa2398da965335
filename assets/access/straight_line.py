"""Straight-line distance from each commune to its nearest counter of each typology.

As the crow flies, and named so: `distance_vol_oiseau_m`, and the time that a detour and a mean speed make of it.
Distances are measured in the projected system of the territory, and counters beyond a département's border
count. Road times are another module's job and never share a column with these.
"""

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from assets.access.settings import settings
from pipeline.foundations.crs import epsg_expr, project

DISTANCE_SCHEMA = pl.Schema(
    {
        "code_insee": pl.String(),
        "code_departement": pl.String(),
        "typologie": pl.String(),
        "distance_vol_oiseau_m": pl.Float64(),
        "temps_estime_vol_oiseau_min": pl.Float64(),
        "service_id": pl.String(),
        "departement_du_service": pl.String(),
        "hors_departement": pl.Boolean(),
        "origine": pl.String(),
        "statut": pl.String(),
    }
)


def origins(communes: pl.DataFrame, counters: pl.DataFrame) -> pl.DataFrame:
    """The point people of a commune start from: its mairie, else a point inside its outline.

    The mairie is where the village is; the middle of a mountain commune is a mountain.

    Args:
        communes: `code, departement, longitude, latitude` (a point inside the outline; null without one).
        counters: every counter, with `service_typologie, lieu_code_insee, lieu_longitude, lieu_latitude, service_id`.

    Returns:
        `code_insee, code_departement, longitude, latitude, origine` (`mairie`, `point intérieur`, null when unknown).
    """
    halls = (
        counters.filter((pl.col("service_typologie") == "Mairie") & pl.col("lieu_longitude").is_not_null())
        # Annexes and mairies déléguées carry longer names; the shortest is the mairie itself.
        .sort("lieu_code_insee", pl.col("service_nom").str.len_chars(), "service_id")
        .unique("lieu_code_insee", keep="first", maintain_order=True)
        .select(
            pl.col("lieu_code_insee").alias("code"),
            pl.col("lieu_longitude").alias("_x"),
            pl.col("lieu_latitude").alias("_y"),
        )
    )
    by_hall = pl.col("_x").is_not_null()
    return (
        communes.join(halls, on="code", how="left")
        .sort("code")
        .select(
            pl.col("code").alias("code_insee"),
            pl.col("departement").alias("code_departement"),
            pl.coalesce("_x", "longitude").alias("longitude"),
            pl.coalesce("_y", "latitude").alias("latitude"),
            pl.when(by_hall)
            .then(pl.lit("mairie"))
            .when(pl.col("longitude").is_not_null())
            .then(pl.lit("point intérieur"))
            .alias("origine"),
        )
    )


def nearest_counters(starts: pl.DataFrame, counters: pl.DataFrame, typologies: list[str]) -> pl.DataFrame:
    """Nearest counter of each typology from each start, in `DISTANCE_SCHEMA`, sorted by commune then typology order.

    Args:
        starts: output of `origins`, of the communes wanted.
        counters: counters of the whole country, with a position, `service_typologie, service_id,
            lieu_code_departement, lieu_longitude, lieu_latitude`.
        typologies: labels to compute; one without any counter gives null distances.

    `statut` says why a distance is null: the start has no position, the territory has no counter of that type, or the
    commune has one of its own that no feed places: the nearest placed counter would then be a wrong answer.
    """
    unplaced = counters.filter(pl.col("lieu_longitude").is_null()).select(
        pl.col("lieu_code_insee").alias("code_insee"), pl.col("service_typologie").alias("typologie")
    )
    placed = counters.filter(pl.col("lieu_longitude").is_not_null()).sort("service_id")
    placed = placed.with_columns(epsg_expr(pl.col("lieu_code_departement")).alias("_epsg"))
    starts = starts.with_columns(epsg_expr(pl.col("code_departement")).alias("_epsg"))
    parts = []
    for (epsg,), group in starts.group_by("_epsg", maintain_order=True):
        system = None if epsg is None else int(str(epsg))
        here = placed.filter(pl.col("_epsg") == (system or -1))
        from_xy = np.column_stack(project(group["longitude"].to_numpy(), group["latitude"].to_numpy(), system))
        known = np.isfinite(from_xy).all(axis=1)
        for typology in typologies:
            of_type = here.filter(pl.col("service_typologie") == typology)
            distance = np.full(group.height, np.nan)
            index = np.zeros(group.height, dtype=np.int64)
            if of_type.height and known.any():
                to_xy = project(of_type["lieu_longitude"].to_numpy(), of_type["lieu_latitude"].to_numpy(), system)
                distance[known], index[known] = cKDTree(np.column_stack(to_xy)).query(from_xy[known])
            found = np.isfinite(distance)
            chosen = of_type[["service_id", "lieu_code_departement"]][index] if of_type.height else None
            parts.append(_rows(group, typology, distance, found, chosen))
    frame = pl.concat(parts) if parts else pl.DataFrame(schema=DISTANCE_SCHEMA)
    frame = _withhold(frame, placed, unplaced.unique())
    order = pl.col("typologie").replace_strict({t: i for i, t in enumerate(typologies)}, return_dtype=pl.Int64)
    return frame.sort("code_insee", order)


def _rows(
    group: pl.DataFrame, typology: str, distance: np.ndarray, found: np.ndarray, chosen: pl.DataFrame | None
) -> pl.DataFrame:
    nothing = pl.Series([None] * group.height, dtype=pl.String)
    keep = pl.Series(found)
    frame = group.select("code_insee", "code_departement", "origine").with_columns(
        pl.lit(typology).alias("typologie"),
        pl.Series("distance_vol_oiseau_m", distance).fill_nan(None).round(0),
        (pl.Series("temps_estime_vol_oiseau_min", distance) * settings().vol_oiseau.seconds(1 / 60))
        .fill_nan(None)
        .round(1),
        (chosen["service_id"] if chosen is not None else nothing).alias("service_id"),
        (chosen["lieu_code_departement"] if chosen is not None else nothing).alias("departement_du_service"),
    )
    frame = frame.with_columns(pl.when(keep).then(pl.col(c)).alias(c) for c in ("service_id", "departement_du_service"))
    return frame.with_columns(
        (pl.col("departement_du_service") != pl.col("code_departement")).alias("hors_departement"),
        pl.when(pl.col("service_id").is_not_null())
        .then(pl.lit("calculée"))
        .when(pl.col("origine").is_null())
        .then(pl.lit("départ sans position"))
        .otherwise(pl.lit("aucun service de ce type"))
        .alias("statut"),
    ).select(DISTANCE_SCHEMA.names())


def _withhold(frame: pl.DataFrame, placed: pl.DataFrame, unplaced: pl.DataFrame) -> pl.DataFrame:
    """Null where the commune has an unplaced counter of the typology, unless a placed one stands there too."""
    there = placed.select("service_id", pl.col("lieu_code_insee").alias("_commune"))
    marked = unplaced.with_columns(pl.lit(True).alias("_unplaced"))
    frame = frame.join(there, on="service_id", how="left", maintain_order="left").join(
        marked, on=["code_insee", "typologie"], how="left", maintain_order="left"
    )
    doubt = pl.col("_unplaced").fill_null(False) & pl.col("_commune").ne_missing(pl.col("code_insee"))
    facts = (
        "distance_vol_oiseau_m",
        "temps_estime_vol_oiseau_min",
        "service_id",
        "departement_du_service",
        "hors_departement",
    )
    return frame.with_columns(
        *(pl.when(~doubt).then(pl.col(c)).alias(c) for c in facts),
        pl.when(doubt & (pl.col("statut") == "calculée"))
        .then(pl.lit("service de la commune sans position"))
        .otherwise("statut")
        .alias("statut"),
    ).select(DISTANCE_SCHEMA.names())
