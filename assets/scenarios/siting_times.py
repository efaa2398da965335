"""Times a siting problem is made of: to the counters that stay, to those that may close, to the candidates.

By road, or as the crow flies where there are no roads; the same rules as everywhere else. What is done with them is the
business of `siting`.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.access import places
from assets.access.network.bounded import reach
from assets.access.network.k_nearest import k_nearest
from assets.access.network.snap import Places
from assets.access.places import door_metres
from assets.access.settings import settings
from assets.access.times import seconds_of
from assets.scenarios.region import roads_of
from assets.scenarios.siting.problem import Problem
from assets.scenarios.siting_settings import settings as siting_settings
from assets.tension.crow import MEASURE as CROW
from assets.tension.crow import plane, straight_nearest, straight_pairs
from assets.tension.pairs import Bools, Floats, Ints, Pairs
from assets.tension.people import POPULATION, People
from assets.tension.travel import MEASURE as ROAD
from pipeline.foundations.crs import epsg_expr
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace


class Ways(Protocol):
    """How people go: times of one kind from the n origins of a territory to places (`longitude, latitude` and
    `code_departement`, all placed).
    """

    @property
    def mesure(self) -> str:
        """What the times are: `route`, `vol d'oiseau`."""

    @property
    def placed(self) -> Bools:
        """Origins from where one can go at all: (n,)."""

    def off(self, frame: pl.DataFrame) -> Bools:
        """Places nobody can reach: too far from a road, or where no system measures."""

    def nearest(self, frame: pl.DataFrame) -> tuple[Floats, Ints]:
        """Seconds to the nearest place (n,), inf without a way, and its row, -1 without any."""

    def pairs(self, frame: pl.DataFrame, below_s: Floats) -> Pairs:
        """Pairs of every origin with the places nearer than so many seconds of it (n,)."""


class RoadWays:
    """By road."""

    mesure = ROAD

    def __init__(self, workspace: Workspace, people: People) -> None:
        reporter().step("implantation : réseau routier")
        found = roads_of(workspace, people, pl.DataFrame(schema=places.COUNTER_SCHEMA))
        if found.graph is None or found.homes is None or found.attacher is None:
            raise ValueError("a territory without roads")
        self._graph, self._homes, self._attacher, self._epsg = found.graph, found.homes, found.attacher, found.epsg

    @property
    def placed(self) -> Bools:
        """As `Ways`."""
        return self._homes.on_road

    def off(self, frame: pl.DataFrame) -> Bools:
        """As `Ways`."""
        return np.asarray(~self._doors(frame).on_road)

    def nearest(self, frame: pl.DataFrame) -> tuple[Floats, Ints]:
        """As `Ways`."""
        found = k_nearest(self._graph, self._homes, self._doors(frame), 1)
        row = found.counter[:, 0]
        seconds = seconds_of(found.milliseconds[:, 0]).astype(np.float64)
        return np.where(row < 0, np.inf, seconds), row

    def pairs(self, frame: pl.DataFrame, below_s: Floats) -> Pairs:
        """As `Ways`."""
        doors = self._doors(frame)
        parts: list[tuple[Ints, Ints, Ints]] = []
        for part in reach(self._graph, self._homes, doors, _limit(below_s) * 1000 + 499):
            reporter().advance(int(part.door[-1]) + 1 if len(part.door) else 0, doors.number)
            seconds = seconds_of(part.milliseconds)
            kept = seconds < below_s[part.home]
            parts.append((part.home[kept], part.door[kept], seconds[kept]))
        none = np.zeros(0, dtype=np.int32)
        home, door, seconds = (np.concatenate([none, *(part[k] for part in parts)]) for k in range(3))
        return Pairs(home, door, seconds, self._homes.number, doors.number)

    def _doors(self, frame: pl.DataFrame) -> Places:
        xy = door_metres(frame, self._epsg)
        xy[
            (frame.select(epsg_expr(pl.col("code_departement"))).to_series() != self._epsg).fill_null(True).to_numpy()
        ] = np.nan
        return self._attacher.attach(*xy.T)


class CrowWays:
    """As the crow flies."""

    mesure = CROW

    def __init__(self, people: People) -> None:
        self._from = plane(people.frame)
        self._s_per_m = settings().vol_oiseau.seconds(1.0)

    @property
    def placed(self) -> Bools:
        """As `Ways`."""
        return np.asarray(np.isfinite(self._from).all(axis=1))

    def off(self, frame: pl.DataFrame) -> Bools:
        """As `Ways`."""
        return np.asarray(~np.isfinite(plane(frame)).all(axis=1))

    def nearest(self, frame: pl.DataFrame) -> tuple[Floats, Ints]:
        """As `Ways`."""
        seconds = np.full(len(self._from), np.inf)
        row = np.full(len(self._from), -1, dtype=np.int32)
        to, known = plane(frame), self.placed
        rows = np.append(np.flatnonzero(np.isfinite(to).all(axis=1)), -1)
        metres_to, found = straight_nearest(self._from[known], to[rows[:-1]])
        seconds[known] = np.rint(metres_to[:, 0] * self._s_per_m)
        row[known] = rows[found[:, 0]]
        return seconds, row

    def pairs(self, frame: pl.DataFrame, below_s: Floats) -> Pairs:
        """As `Ways`."""
        found = straight_pairs(self._from, plane(frame), self._s_per_m, _limit(below_s))
        kept = found.seconds < below_s[found.origin]
        return Pairs(found.origin[kept], found.counter[kept], found.seconds[kept], found.origins, found.counters)


def problem_of(
    ways: Ways,
    people: People,
    fixed: pl.DataFrame,
    closable: pl.DataFrame,
    candidates: pl.DataFrame,
    unplaced: pl.Series,
    closed: int,
) -> Problem:
    """The siting problem of a territory's people.

    Args:
        fixed, closable: placed counters of the typology: those that stay, those `closed` of which close.
        candidates: placed, and not `off`.
        unplaced: communes with a counter that nobody can place. There the nearest placed elsewhere would be a wrong
            answer: people are left out, as those who are near no road.
    """
    ceiling_s = siting_settings().ceiling_s
    base_s, stays = ways.nearest(fixed)
    near_s, leaves = ways.nearest(closable)
    there = np.where(base_s <= near_s, _communes(fixed, stays), _communes(closable, leaves))
    here = people.frame["code_insee"]
    doubt = here.is_in(unplaced.implode()).to_numpy() & (here.to_numpy() != there)
    base_s = np.where(doubt | ~ways.placed, np.nan, base_s)
    weights = people.groups[POPULATION]
    reporter().step(f"implantation : temps vers {closable.height} points d'accueil, {candidates.height} lieux")
    leaving = ways.pairs(closable, np.fmin(base_s, ceiling_s))
    shorter = Problem(weights, base_s, leaving, 0, ceiling_s).closing(closed)
    coming = ways.pairs(candidates, np.where(shorter.counted, shorter.base_s, 0.0))
    pairs = Pairs(
        np.concatenate([coming.origin, leaving.origin]),
        np.concatenate([coming.counter, leaving.counter + np.int32(candidates.height)]),
        np.concatenate([coming.seconds, leaving.seconds]),
        people.number,
        candidates.height + closable.height,
    )
    return Problem(weights, base_s, pairs, candidates.height, ceiling_s)


def _communes(frame: pl.DataFrame, row: Ints) -> npt.NDArray[np.object_]:
    """Commune of the counter of each row; None for -1."""
    return np.array([*frame["code_insee"], None], dtype=object)[row]


def _limit(below_s: Floats) -> int:
    """Whole seconds: no pair wanted is farther apart."""
    return int(np.max(below_s, initial=0, where=np.isfinite(below_s)))
