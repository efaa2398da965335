"""What changes in the fictional world from one edition to the next: openings, closures, moves, new names, new hours."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from sources.demo import names
from sources.demo.geography import World
from sources.demo.supply import RULES, Counter, Maker, Supply, hours_of

_FIRST_EDITION = date(2026, 10, 5)

# Shares of the counters touched each month (at least one of each).
_CLOSED, _OPENED, _MOVED, _RENAMED, _RESCHEDULED = 0.008, 0.008, 0.008, 0.006, 0.03
# These neither close nor open from a month to the next.
_LASTING = {"mairie", "ccas", "epci", *(rule.type for rule in RULES if rule.seats)}


@dataclass(frozen=True)
class Changes:
    """Keys of the counters changed since the edition of the month before."""

    opened: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()
    renamed: frozenset[str] = frozenset()
    rescheduled: frozenset[str] = frozenset()


def edition_date(month: int) -> date:
    """Day of the edition of that month."""
    months = _FIRST_EDITION.month - 1 + month
    return _FIRST_EDITION.replace(year=_FIRST_EDITION.year + months // 12, month=months % 12 + 1)


def evolve(
    world: World, supply: Supply, seed: int, months: int, protected: Collection[str]
) -> tuple[Supply, Changes, Supply]:
    """The supply `months` later: (supply, changes of the last month, supply of the month before).

    Counters whose key is in `protected` never change, so that what is documented about them stays true.
    """
    changes, previous = Changes(), supply
    for month in range(1, months + 1):
        previous = supply
        supply, changes = _next_month(world, supply, seed, month, protected)
    return supply, changes, previous


def _next_month(
    world: World, supply: Supply, seed: int, month: int, protected: Collection[str]
) -> tuple[Supply, Changes]:
    rng = np.random.default_rng([seed, 4, month])
    everyone = {c.key: c for c in (*supply.directory, *supply.france_services)}
    # A bus stays at its depot, what shares premises stays together: neither moves alone.
    points: dict[tuple[float, float], int] = {}
    for counter in everyone.values():
        points[counter.x, counter.y] = points.get((counter.x, counter.y), 0) + 1
    free = [key for key, c in everyone.items() if key not in protected and points[c.x, c.y] == 1]
    order = [free[int(i)] for i in rng.permutation(len(free))]

    def draw(share: float, *, lasting: bool) -> list[str]:
        wanted = max(1, round(share * len(everyone)))
        chosen = [k for k in order if lasting or everyone[k].type not in _LASTING][:wanted]
        for key in chosen:
            order.remove(key)
        return chosen

    closed = draw(_CLOSED, lasting=False)
    moved = draw(_MOVED, lasting=False)
    renamed = draw(_RENAMED, lasting=True)
    rescheduled = [k for k in draw(_RESCHEDULED, lasting=True) if everyone[k].hours]
    maker = Maker(world, rng)
    changed: dict[str, Counter] = {}
    for key in moved:
        old, commune = everyone[key], world.communes[everyone[key].commune]
        tries = [maker.spot(commune, 900) for _ in range(5)]
        x, y = max(tries, key=lambda spot: np.hypot(spot[0] - old.x, spot[1] - old.y))
        changed[key] = replace(everyone[key], x=x, y=y, adresse=names.street(rng), day=0)
    for key in renamed:
        changed[key] = replace(everyone[key], nom=f"{everyone[key].nom} (nouvelle dénomination)", day=0)
    for key in rescheduled:
        hours = everyone[key].hours
        new = hours_of("office", rng)
        changed[key] = replace(everyone[key], hours=new if new != hours else new[:1], day=0)
    opened = [_open(world, maker, month) for _ in range(max(1, round(_OPENED * len(everyone))))]
    last = max(c.numero for c in supply.france_services)
    opened = [replace(c, numero=last + i) if c.type == "france_services" else c for i, c in enumerate(opened, start=1)]

    def updated(counters: tuple[Counter, ...]) -> tuple[Counter, ...]:
        return tuple(
            replace(changed[c.key], numero=c.numero, rang=c.rang, format=c.format) if c.key in changed else c
            for c in counters
            if c.key not in set_closed
        )

    set_closed = frozenset(closed)
    later = Supply(
        (*updated(supply.directory), *opened),
        (*updated(supply.france_services), *(c for c in opened if c.type == "france_services")),
        updated(supply.caf),
        supply.social,
    )
    return later, Changes(
        frozenset(c.key for c in opened),
        set_closed,
        frozenset(moved),
        frozenset(renamed),
        frozenset(rescheduled),
    )


def _open(world: World, maker: Maker, month: int) -> Counter:
    """A new counter of some type, in a commune that has inhabitants."""
    rules = [r for r in RULES if not r.seats and r.per <= 100_000]
    choice = int(maker.rng.integers(len(rules) + 3))
    while True:
        commune = world.communes[int(maker.rng.integers(len(world.communes)))]
        if commune.population:
            break
    counter = maker.new_france_services(commune) if choice >= len(rules) else maker.counter(rules[choice], commune)
    stem = counter.key.rsplit("-", 1)
    return replace(counter, key=f"{stem[0]}-m{month}-{stem[1]}", day=0)
