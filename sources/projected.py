"""Columns of projected coordinates (Lambert-93, UTM) -> WGS84 degrees, as counter records want them.

Which reference system a row is written in belongs to the readers.
"""

import polars as pl

from pipeline.foundations.crs import unproject


def to_degrees(frame: pl.DataFrame, *, x: str, y: str, epsg: str) -> pl.DataFrame:
    """Add `longitude` and `latitude` (WGS84 degrees) to the frame, row order kept.

    Args:
        x, y: columns of metres (Float64).
        epsg: column of the EPSG code each row is written in; null where it is unknown.

    Returns:
        The frame with the two columns, null where x, y or the code is null or not finite.
    """
    numbered = frame.with_row_index("_row")
    complete = numbered.filter(pl.all_horizontal(pl.col(x, y, epsg).is_not_null()))
    parts = [pl.DataFrame(schema={"_row": numbered.schema["_row"], "longitude": pl.Float64, "latitude": pl.Float64})]
    for (code,), rows in complete.group_by(epsg, maintain_order=True):
        longitude, latitude = unproject(rows[x].to_numpy(), rows[y].to_numpy(), int(str(code)))
        parts.append(rows.select("_row", pl.Series("longitude", longitude), pl.Series("latitude", latitude)))
    degrees = pl.concat(parts).filter(pl.col("longitude").is_finite() & pl.col("latitude").is_finite())
    return numbered.join(degrees, on="_row", how="left", maintain_order="left").drop("_row")
