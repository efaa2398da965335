"""Which commune points are in, from the outlines of communes: what coordinates given by a person are held against."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import shapely

from assets.tension.pairs import Ints


class Outlines:
    """The communes that have an outline.

    Args:
        communes: `code, departement, geometrie` (WKB, WGS84), other columns kept.

    Attributes:
        communes: those with an outline, without it, in the order given.
    """

    def __init__(self, communes: pl.DataFrame) -> None:
        outlined = communes.filter(pl.col("geometrie").is_not_null())
        self.communes = outlined.drop("geometrie")
        self._tree = shapely.STRtree(shapely.from_wkb(outlined["geometrie"].to_numpy()))

    def at(self, longitude: Sequence[float], latitude: Sequence[float]) -> Ints:
        """Row of the commune each point is in, (n,): the first on a border between two, -1 for none."""
        row, commune = self._tree.query(shapely.points(longitude, latitude), predicate="intersects")
        found = np.full(len(longitude), self.communes.height, dtype=np.int32)
        np.minimum.at(found, row, commune.astype(np.int32))
        return np.where(found == self.communes.height, -1, found).astype(np.int32)

    def nearest(self, longitude: float, latitude: float) -> int:
        """Row of the commune nearest to a point."""
        return int(self._tree.nearest(shapely.Point(longitude, latitude)))
