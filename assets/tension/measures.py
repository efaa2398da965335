"""What is measured at each origin for one typology: time to the nearest, opening within reach, supply against demand.

Times and pairs come from a source (by road, or as the crow flies); sums over territories belong to `summaries`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import polars as pl

from assets.referentiel.hours import WeeklySlot, intervals, weekly_hours
from assets.tension.catchments import Catchment, catchment
from assets.tension.decay import seconds as whole_seconds
from assets.tension.demand import Demand, potential_users
from assets.tension.methods import Method, Methods
from assets.tension.opening import Opening, Week, opening
from assets.tension.pairs import Bools, Floats, Ints, Pairs
from assets.tension.people import People


class Source(Protocol):
    """Times of one kind, from n origins to the counters of the country."""

    @property
    def mesure(self) -> str:
        """What the times are: `route`, `vol d'oiseau`."""

    @property
    def people(self) -> People:
        """The origins."""

    def nearest(self, typology: str) -> tuple[Floats, Bools]:
        """Seconds to the nearest implantation (n,): inf without a way, NaN where unknown; and whether it is in another
        département.
        """

    def pairs(self, typology: str) -> tuple[Pairs, Ints]:
        """Pairs with the counters of every kind of a typology, and the rows of those counters."""


@dataclass(frozen=True)
class Faster:
    """Another source, where everybody goes `factor` times as fast: how far an index depends on speeds.

    What the source left out for being too far stays out: pairs are complete up to its limit over `factor`.
    """

    source: Source
    factor: float

    @property
    def mesure(self) -> str:
        """As the source."""
        return self.source.mesure

    @property
    def people(self) -> People:
        """As the source."""
        return self.source.people

    def nearest(self, typology: str) -> tuple[Floats, Bools]:
        """As the source, sooner."""
        seconds, outside = self.source.nearest(typology)
        return np.rint(seconds / self.factor), outside

    def pairs(self, typology: str) -> tuple[Pairs, Ints]:
        """As the source, sooner."""
        pairs, rows = self.source.pairs(typology)
        sooner = np.rint(pairs.seconds / self.factor).astype(np.int32)
        return Pairs(pairs.origin, pairs.counter, sooner, pairs.origins, pairs.counters), rows


@dataclass(frozen=True)
class Measured:
    """One typology seen from n origins.

    Attributes:
        seconds, outside: of the nearest implantation, as the source gives them.
        rows: of its counters.
        pairs: with its counters.
        opening: within `reach_s`.
        demand: its potential users.
        supply: by code of method.
    """

    typology: str
    seconds: Floats
    outside: Bools
    rows: Ints
    pairs: Pairs
    opening: Opening
    demand: Demand
    supply: Mapping[str, Catchment]


def measure(
    source: Source, typology: str, counters: pl.DataFrame, methods: Methods, chosen: Sequence[Method], reach_min: float
) -> Measured:
    """Measure one typology.

    Args:
        counters: the counters the source knows, with `horaires`.
        chosen: catchment methods to run.
        reach_min: minutes within which opening times are united.
    """
    seconds, outside = source.nearest(typology)
    pairs, rows = source.pairs(typology)
    slots = [slots_of(text) for text in counters["horaires"].gather(rows)]
    hours = np.array([sum(s.weight * (s.end - s.start) for s in mine) / 60 if mine else np.nan for mine in slots])
    demand = potential_users(source.people.frame, methods.public_of(typology))
    return Measured(
        typology=typology,
        seconds=seconds,
        outside=outside,
        rows=rows,
        pairs=pairs,
        opening=opening(pairs, Week.of(slots), whole_seconds(reach_min)),
        demand=demand,
        supply={m.code: catchment(m, pairs, demand.users, hours.astype(np.float64)) for m in chosen},
    )


@cache
def slots_of(text: str | None) -> tuple[WeeklySlot, ...]:
    """Weekly slots of an OSM string; none when its hours are not known, be it for one day."""
    return tuple(intervals(text)) if weekly_hours(text) is not None else ()
