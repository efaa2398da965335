"""Where a release is: the boxes of its départements, read in the communes it publishes."""

from pathlib import Path

import polars as pl

from assets.release.manifest import Manifest
from outputs import layout

#: West, south, east, north, in degrees.
Box = tuple[float, float, float, float]


def boxes(folder: Path, manifest: Manifest) -> tuple[Box, ...]:
    """The box of each département, from its communes; those of the layers when there are no communes."""
    communes = layout.geoparquet(folder, "communes")
    if not communes.is_file() or "bbox" not in pl.read_parquet_schema(communes):
        return tuple(t.geometrie.emprise for t in manifest.tables if t.geometrie and t.geometrie.emprise)
    edge = {name: pl.col("bbox").struct.field(name) for name in ("xmin", "ymin", "xmax", "ymax")}
    found = (
        pl.scan_parquet(communes)
        .group_by("departement")
        .agg(edge["xmin"].min(), edge["ymin"].min(), edge["xmax"].max(), edge["ymax"].max())
        .drop_nulls()
        .sort("departement")
        .collect()
    )
    return tuple((w, s, e, n) for _, w, s, e, n in found.iter_rows())
