"""The isochrones a person asks for: from a point, to a counter, to a typology; and the people they cover.

Those published with a release are in `areas`.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from assets.access.areas import in_degrees
from assets.access.network.graph import RoadGraph
from assets.access.network.isochrones import isochrones_from
from assets.access.network.nearest import label_nodes, read_homes
from assets.access.network.profile import Profiles
from assets.access.network.search import Arcs, Labels
from assets.access.network.snap import Attacher, Places
from assets.access.places import COUNTER_SCHEMA, HELD_ALL_WEEK, metres
from assets.access.times import seconds_of
from pipeline.foundations.crs import epsg_expr
from pipeline.foundations.errors import WrongUse

#: departure: what is reached from the point. arrival: from where the point is reached (home -> counter).
Direction = Literal["departure", "arrival"]


class Isochrone(NamedTuple):
    """One area: minutes, polygons (WGS84), people within by the origins' own times; null where nobody counted them."""

    minutes: float
    geometry: shapely.MultiPolygon
    population: float | None


def isochrones(
    graph: RoadGraph,
    rules: Profiles,
    points: pl.DataFrame,
    minutes: Sequence[float],
    origins: pl.DataFrame,
    *,
    direction: Direction,
    step_m: float,
    tolerance_m: float,
) -> list[Isochrone]:
    """Areas around one or several points, one per time, in the order given.

    Args:
        points: `longitude, latitude`; with several, the nearest one counts, and the direction is `arrival`.
        origins: `ORIGIN_SCHEMA`: where people are.

    Raises:
        WrongUse: no point near a road; several points with `departure`.
    """
    attacher = Attacher(graph, rules.access(graph.meta["profil"]))
    places = attacher.attach(*metres(points, graph.epsg).T)
    if not places.on_road.any():
        raise WrongUse(
            f"{points.height} point(s)",
            expected=f"a place within {rules.rattachement.maximum_m:g} m of a road of this network",
            found="none",
            remedy="check the coordinates (longitude, then latitude), or import the roads of that territory",
        )
    if direction == "departure" and points.height > 1:
        raise WrongUse("several points", expected="one to leave from", found=str(points.height), remedy="give one")
    places = places.take(np.flatnonzero(places.on_road))
    here = origins.filter(epsg_expr(pl.col("code_departement")) == graph.epsg)
    seconds = _times(graph, places, attacher.attach(*metres(here, graph.epsg).T), direction, max(minutes))
    towards = direction == "arrival"
    areas = isochrones_from(graph, attacher, places, minutes, step_m=step_m, tolerance_m=tolerance_m, towards=towards)
    people = here["population"].fill_null(0.0).to_numpy()
    counted = bool(here["population"].is_not_null().any())
    return [
        Isochrone(m, in_degrees(area, graph.epsg), float(people[seconds <= m * 60].sum()) if counted else None)
        for m, area in zip(minutes, areas, strict=True)
    ]


def points_of(counters: pl.DataFrame, *, counter: str | None = None, typology: str | None = None) -> pl.DataFrame:
    """Positions of one counter, or of every placed implantation of a typology.

    Args:
        counters: `COUNTER_SCHEMA`.

    Raises:
        WrongUse: no such counter or typology, or it has no position.
    """
    if counter is not None:
        chosen = counters.filter((pl.col("point_accueil_id") == counter) | (pl.col("service_id") == counter)).head(1)
        known = "an identifier of the référentiel (point_accueil_id)"
    else:
        chosen = counters.filter((pl.col("typologie") == typology) & (pl.col("type_structure") == HELD_ALL_WEEK))
        known = f"one of {', '.join(counters['typologie'].unique().drop_nulls().sort())}"
    if chosen.is_empty():
        raise WrongUse(repr(counter or typology), expected=known, found="no counter", remedy="copy it from a release")
    placed = chosen.filter(pl.col("longitude").is_not_null())
    if placed.is_empty():
        raise WrongUse(repr(counter or typology), expected="a position", found="none", remedy="correct it: csp verify")
    return placed.select(COUNTER_SCHEMA.names())


def _times(
    graph: RoadGraph, places: Places, homes: Places, direction: Direction, limit: float
) -> npt.NDArray[np.float64]:
    """Whole seconds between each home and the places; infinite where there is no way."""
    towards = direction == "arrival"
    labels, seen = Labels.empty(graph.nodes), places if towards else places.turned()
    arcs = Arcs.arriving(graph) if towards else Arcs.leaving(graph)
    label_nodes(graph, seen, labels, arcs=arcs, limit_ms=round(limit * 60_000) + 60_000)
    found = seconds_of(read_homes(homes if towards else homes.turned(), seen, labels).milliseconds[:, 0])
    return np.where(found < 0, np.inf, found)
