"""The nearest implantation of one typology by road, edit after edit, with counters named by id and edits undone.

Exactly what a new search gives: the repair is `access.network.repair`'s.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from assets.access.network.repair import LiveNearest
from assets.access.network.snap import Places
from assets.access.places import HELD_ALL_WEEK, Territory, door_metres
from assets.access.times import seconds_of
from assets.scenarios.supply import Change
from assets.tension.pairs import Bools, Floats
from pipeline.foundations.errors import WrongUse


class Answer(NamedTuple):
    """For each origin (n,): seconds and metres to the nearest, inf without a way; whether it is in another département.

    What is unknown to `access` for other reasons (off the network, an unplaced counter) is the caller's to withhold.
    """

    seconds: Floats
    metres: Floats
    outside: Bools


@dataclass(frozen=True)
class Done:
    """What a change did, to be undone in the other direction.

    Attributes:
        steps: (closed or opened, row of the network, id, row the id named before).
        whole: every counter it closes was there: it stands on no other edit.
        off_road: ids it opens too far from any road.
    """

    steps: tuple[tuple[bool, int, str, int | None], ...]
    whole: bool
    off_road: tuple[str, ...]


class LiveTypology:
    """The nearest implantation of one typology while edits are done and undone.

    Args:
        territory: origins and the counters of `base`, on a graph.
        base: counters in the order of the territory's.
    """

    def __init__(self, territory: Territory, base: pl.DataFrame, typology: str) -> None:
        if territory.graph is None or territory.homes is None or territory.attacher is None:
            raise WrongUse(
                "scenario by road", expected="a territory with roads", found="none", remedy="csp roads import FILE"
            )
        self._wanted = (pl.col("typologie") == typology) & (pl.col("type_structure") == HELD_ALL_WEEK)
        held = base.with_row_index("_r").filter(self._wanted & pl.col("longitude").is_not_null())
        self._attacher, self._epsg = territory.attacher, territory.epsg
        self._net = LiveNearest(territory.graph, territory.homes, territory.counters_at(held["_r"].to_numpy()))
        self._rows: dict[str, int] = {i: k for k, i in enumerate(held["point_accueil_id"])}
        # Ids of this typology that are in no search: held from time to time, off the road, not placed.
        self._elsewhere = set(base["point_accueil_id"]) - set(self._rows)
        self._homes = territory.homes
        self._from = territory.origins["code_departement"].to_numpy()
        self._departements: list[str | None] = held["code_departement"].to_list()

    def read(self) -> Answer:
        """The answer now."""
        found = self._net.result
        reached = found.counter[:, 0] >= 0
        seconds = np.where(reached, seconds_of(found.milliseconds[:, 0]).astype(np.float64), np.inf)
        length = np.where(reached, (found.centimetres[:, 0].astype(np.int64) + 50) // 100, np.inf)
        there = np.array([*self._departements, None], dtype=object)[found.counter[:, 0]]
        return Answer(seconds, length, np.asarray(reached & (there != self._from)))

    def do(self, change: Change) -> Done:
        """Do a change, as far as implantations of this typology go."""
        steps: list[tuple[bool, int, str, int | None]] = []
        off_road = []
        present = all(i in self._rows or i in self._elsewhere for i in change.closed)
        for ident in change.closed:
            row = self._rows.get(ident)
            if row is not None and self._net.is_open[row]:
                self._net.close(row)
                steps.append((False, row, ident, row))
        for counter in change.opened.filter(self._wanted).iter_rows(named=True):
            ident = str(counter["point_accueil_id"])
            place = self._placed(counter)
            if not place.on_road[0]:
                off_road.append(ident)
                continue
            row, _ = self._net.open(place)
            steps.append((True, row, ident, self._rows.get(ident)))
            self._rows[ident] = row
            self._departements.append(counter["code_departement"])
        return Done(tuple(steps), present, tuple(off_road))

    def undo(self, done: Done) -> None:
        """Come back to what was before a change, the last one done."""
        for opened, row, ident, before in reversed(done.steps):
            if not opened:
                self._net.reopen(row)
                continue
            self._net.close(row)
            if before is None:
                del self._rows[ident]
            else:
                self._rows[ident] = before

    def _placed(self, counter: dict[str, object]) -> Places:
        point = pl.DataFrame({"longitude": [counter["longitude"]], "latitude": [counter["latitude"]]})
        return self._attacher.attach(*door_metres(point, self._epsg).T)
