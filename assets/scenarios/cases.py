"""Times before and after: the two sources `tension.measures` reads, for the typologies a scenario touches.

By road, the nearest counter is kept up to date edit after edit by local repair; pairs are those `access` wrote, less
the counters that close, plus what is found from the doors that open. As the crow flies, both are measured anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.access.network.bounded import reach
from assets.access.places import Territory, door_metres
from assets.access.settings import settings
from assets.access.times import seconds_of
from assets.scenarios.live import Answer, LiveTypology
from assets.scenarios.supply import Change, Supply
from assets.tension.crow import CrowTimes
from assets.tension.measures import Source
from assets.tension.pairs import Bools, Floats, Ints, Pairs
from assets.tension.people import POPULATION, People
from assets.tension.travel import RoadTimes


@dataclass(frozen=True)
class Case:
    """One side of a scenario: a source of times, and how far its nearest counters are.

    Attributes:
        counters: the counters in force, that `rows` of pairs speak of.
        seconds, outside, length_m: by typology touched, (n,) each: time to the nearest, whether it is in another
            département, length of the trip.
    """

    source: Source
    counters: pl.DataFrame
    seconds: Mapping[str, Floats]
    outside: Mapping[str, Bools]
    length_m: Mapping[str, Floats]
    edited: Mapping[str, tuple[Pairs, Ints]]

    @property
    def mesure(self) -> str:
        """As the source."""
        return self.source.mesure

    @property
    def people(self) -> People:
        """As the source."""
        return self.source.people

    def nearest(self, typology: str) -> tuple[Floats, Bools]:
        """Of the typologies touched, as they are in this case; of others, as the source has them."""
        if typology in self.seconds:
            return self.seconds[typology], self.outside[typology]
        return self.source.nearest(typology)

    def pairs(self, typology: str) -> tuple[Pairs, Ints]:
        """Same."""
        return self.edited[typology] if typology in self.edited else self.source.pairs(typology)


@dataclass(frozen=True)
class Cases:
    """Before and after, and what each edit is worth alone.

    Attributes:
        alone: person-minutes each edit takes away from trips when done alone on the base; NaN where it stands on
            another edit. Positive when trips get shorter.
        off_road: ids of counters that open too far from any road to be reached.
    """

    before: Case
    after: Case
    alone: tuple[float, ...]
    off_road: tuple[str, ...]


def touched(base: pl.DataFrame, changes: Sequence[Change]) -> list[str]:
    """Typologies of the counters that close or open, sorted."""
    ids = [c for change in changes for c in change.closed]
    gone = base.filter(pl.col("point_accueil_id").is_in(ids))["typologie"]
    return sorted({*gone.to_list(), *(t for change in changes for t in change.opened["typologie"])})


def crow_cases(people: People, base: pl.DataFrame, supply: Supply, typologies: Sequence[str]) -> Cases:
    """Both cases as the crow flies; an edit alone is the base with that edit."""
    rule, limit = settings().vol_oiseau, settings().couples_max_min * 60

    today = CrowTimes(people, base, rule, limit)

    def case(source: CrowTimes, counters: pl.DataFrame) -> Case:
        found = {t: source.nearest(t) for t in typologies}
        speed = rule.vitesse_kmh / 3.6
        return Case(
            source,
            counters,
            {t: s for t, (s, _) in found.items()},
            {t: o for t, (_, o) in found.items()},
            {t: s * speed for t, (s, _) in found.items()},
            {},
        )

    before, after = case(today, base), case(today.with_counters(supply.counters), supply.counters)
    concerned = base.filter(pl.col("typologie").is_in(list(typologies)))
    ids = set(base["point_accueil_id"])
    alone = []
    for change in supply.changes:
        if not set(change.closed) <= ids:
            alone.append(float("nan"))
            continue
        counters = Supply(concerned).done(change).counters
        only = case(today.with_counters(counters), counters)
        alone.append(sum(gain(people, before.seconds[t], only.seconds[t]) for t in typologies))
    return Cases(before, after, tuple(alone), ())


def road_cases(
    source: RoadTimes, territory: Territory, base: pl.DataFrame, supply: Supply, typologies: Sequence[str]
) -> Cases:
    """Both cases by road.

    Args:
        source: times and pairs of the base, for the typologies touched at least.
        territory: the same origins and the counters of `base`, on the graph.
    """
    people = source.people
    nets = {t: LiveTypology(territory, base, t) for t in typologies}
    first = {t: net.read() for t, net in nets.items()}
    alone = []
    for change in supply.changes:
        worth = 0.0
        for t, net in nets.items():
            done = net.do(change)
            worth += gain(people, first[t].seconds, net.read().seconds) if done.whole else float("nan")
            net.undo(done)
        alone.append(worth)
    off_road: list[str] = []
    for change in supply.changes:
        for net in nets.values():
            off_road += net.do(change).off_road
    last = {t: net.read() for t, net in nets.items()}
    unknown = {t: np.isnan(source.nearest(t)[0]) for t in typologies}

    def case(counters: pl.DataFrame, found: Mapping[str, Answer], edited: Mapping[str, tuple[Pairs, Ints]]) -> Case:
        return Case(
            source,
            counters,
            {t: np.where(unknown[t], np.nan, found[t].seconds) for t in typologies},
            {t: found[t].outside & ~unknown[t] for t in typologies},
            {t: np.where(unknown[t], np.nan, found[t].metres) for t in typologies},
            edited,
        )

    pairs = {t: pairs_after(source, territory, base, supply, t) for t in typologies}
    return Cases(case(base, first, {}), case(supply.counters, last, pairs), tuple(alone), tuple(off_road))


def pairs_after(
    source: RoadTimes, territory: Territory, base: pl.DataFrame, supply: Supply, typology: str
) -> tuple[Pairs, Ints]:
    """Pairs with the counters of a typology once every edit is done, and their rows in `supply.counters`.

    Those of counters that no edit touched are the base's; those of the others are searched from their doors.
    """
    pairs, before = source.pairs(typology)
    rows = np.flatnonzero((supply.counters["typologie"] == typology).to_numpy()).astype(np.int32)
    ids = supply.counters["point_accueil_id"].gather(rows)
    local = {ident: k for k, ident in enumerate(ids)}
    edited = {i for change in supply.changes for i in (*change.closed, *change.opened["point_accueil_id"])}
    known = base["point_accueil_id"].gather(before)
    renumbered = np.array([-1 if i in edited else local.get(i, -1) for i in known], dtype=np.int32)
    kept = renumbered[pairs.counter] >= 0 if len(known) else np.zeros(0, dtype=np.bool_)
    origin, counter, seconds = [pairs.origin[kept]], [renumbered[pairs.counter[kept]]], [pairs.seconds[kept]]
    new = [k for k, i in enumerate(ids) if i in edited]
    graph, homes, attacher = territory.graph, territory.homes, territory.attacher
    if new and graph is not None and homes is not None and attacher is not None:
        doors = attacher.attach(*door_metres(supply.counters[rows[new].tolist()], territory.epsg).T)
        limit = settings().couples_max_min * 60
        for part in reach(graph, homes, doors, limit * 1000 + 499):
            origin.append(part.home)
            counter.append(np.array(new, dtype=np.int32)[part.door])
            seconds.append(seconds_of(part.milliseconds))
    o, c, s = (np.concatenate(parts).astype(np.int32) for parts in (origin, counter, seconds))
    order = np.lexsort((o, c))
    return Pairs(o[order], c[order], s[order], source.people.number, len(rows)), rows


def gain(people: People, before: Floats, after: Floats) -> float:
    """Person-minutes taken away from trips; people without a time on one side are left out."""
    both = np.isfinite(before) & np.isfinite(after)
    return float(np.nansum(people.groups[POPULATION][both] * (before[both] - after[both])) / 60)
