"""How many counters are near: every pair (door, origin) within the bounds, counted by typology as it streams by.

The pairs themselves go to whoever asked: they are what catchment methods stand on.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numba import njit

from assets.access.network.bounded import Reached, reach
from assets.access.places import HELD_ALL_WEEK, Territory
from assets.access.settings import Settings
from assets.access.times import Times, seconds_of
from pipeline.foundations.progress import reporter


def pairs(territory: Territory, typologies: Sequence[str], settings: Settings, times: Times) -> Iterator[Reached]:
    """Stream every pair (door, origin) within the last threshold, counting in `times.within` on the way.

    `Reached.door` is a row of the territory's doors, `Reached.home` one of its origins.
    """
    if territory.graph is None or territory.homes is None or territory.doors is None:
        return
    rank = {t: i for i, t in enumerate(typologies)}
    held = (territory.counters["type_structure"] == HELD_ALL_WEEK).to_numpy()
    ranks = territory.counters["typologie"].replace_strict(rank, default=-1, return_dtype=pl.Int32).to_numpy()
    counted = np.flatnonzero(held & (ranks >= 0))
    counted = counted[np.argsort(territory.door[counted], kind="stable")]
    pointer = np.searchsorted(territory.door[counted], np.arange(territory.doors.number + 1))
    limits = np.array(settings.seuils_min, dtype=np.int32) * 60
    reporter().step(f"couples à moins de {settings.seuils_min[-1]} minutes")
    last = settings.seuils_min[-1] * 60_000 + 499
    for part in reach(territory.graph, territory.homes, territory.doors, last):
        _count(part.door, part.home, seconds_of(part.milliseconds), pointer, ranks[counted], limits, times.within)
        reporter().advance(int(part.door[-1]) + 1 if len(part.door) else 0, territory.doors.number)
        yield part
    times.within[:] = np.cumsum(times.within, axis=2)


@njit(cache=True, nogil=True)
def _count(door, home, seconds, pointer, typology, limits, within):  # type: ignore[no-untyped-def]
    """Count each counter in the first threshold it is within."""
    for i in range(len(door)):
        band = 0
        while band < len(limits) and seconds[i] > limits[band]:
            band += 1
        if band < len(limits):
            for k in range(pointer[door[i]], pointer[door[i] + 1]):
                within[typology[k], home[i], band] += 1
