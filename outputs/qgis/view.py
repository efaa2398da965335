"""Where the maps of a release look: the territory that holds most of it, in its legal projection."""

from collections.abc import Iterable

import numpy as np
import shapely

from outputs.geometry import Geometries
from pipeline.foundations.crs import Box, Floats, epsg_around, project

_FRANCE: Box = (70_000.0, 6_020_000.0, 1_250_000.0, 7_120_000.0)  # where there is nothing to look at
_MARGIN = 0.03


def view_of(layers: Iterable[Geometries]) -> tuple[int, Box]:
    """EPSG code and box, in its metres, around what lies in that territory; a small margin is added.

    Args:
        layers: WGS84 geometries of each layer, some of them null.
    """
    found: Floats = np.vstack([np.empty((0, 4)), *(shapely.bounds(g[~shapely.is_missing(g)]) for g in layers)])
    xmin, ymin, xmax, ymax = found.T
    epsg, inside = epsg_around((xmin + xmax) / 2, (ymin + ymax) / 2)
    if not inside.any():
        return epsg, _FRANCE
    corners = ((xmin, ymin), (xmin, ymax), (xmax, ymin), (xmax, ymax))
    x, y = np.hstack([project(a[inside], b[inside], epsg) for a, b in corners])
    margin = _MARGIN * max(np.ptp(x), np.ptp(y), 1_000.0)
    return epsg, (
        float(x.min() - margin),
        float(y.min() - margin),
        float(x.max() + margin),
        float(y.max() + margin),
    )
