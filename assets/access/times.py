"""Travel times of every origin to every typology: nearest, k nearest, in another département; as the crow flies.

Direction home -> counter, to implantations. Searching belongs to `network`, rows of tables to `times_table`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.spatial import cKDTree

from assets.access.network.k_nearest import k_nearest_each
from assets.access.network.nearest import nearest_each
from assets.access.places import HELD_ALL_WEEK, Territory
from assets.access.settings import Settings
from pipeline.foundations.progress import reporter

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


class Times(NamedTuple):
    """What was found for h origins and t typologies: (t, h) arrays, -1 where there is none.

    Times in seconds, lengths in metres; `…counter` are rows of the territory's counters. `mean` is that of the k
    nearest (NaN with fewer). `within` (t, h, thresholds) counts counters.
    """

    seconds: Ints
    metres: Ints
    counter: Ints
    other_seconds: Ints
    other_counter: Ints
    mean: npt.NDArray[np.float32]
    within: npt.NDArray[np.uint16]
    crow_metres: Floats
    crow_counter: Ints


def seconds_of(milliseconds: Ints) -> Ints:
    """Whole seconds, the nearest; -1 stays."""
    return np.where(milliseconds < 0, -1, (milliseconds.astype(np.int64) + 500) // 1000).astype(np.int32)


def rows_by_typology(territory: Territory, typologies: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    """Rows of the placed implantations of each typology."""
    usable = territory.counters.select(
        (pl.col("type_structure") == HELD_ALL_WEEK) & pl.col("longitude").is_not_null(), "typologie"
    )
    kept, names = usable["type_structure"].to_numpy(), usable["typologie"].to_numpy()
    return [np.flatnonzero(kept & (names == t)) for t in typologies]


def measure(territory: Territory, typologies: Sequence[str], settings: Settings) -> Times:
    """Everything but slots and pairs, for every origin of a territory."""
    rows = rows_by_typology(territory, typologies)
    shape = (len(typologies), territory.origins.height)
    crow_metres, crow_counter = _crow(territory, rows)
    none = np.full(shape, -1, dtype=np.int32)
    times = Times(
        none,
        none.copy(),
        none.copy(),
        none.copy(),
        none.copy(),
        np.full(shape, np.nan, dtype=np.float32),
        np.zeros((*shape, len(settings.seuils_min)), dtype=np.uint16),
        crow_metres,
        crow_counter,
    )
    if territory.graph is None or territory.homes is None:
        return times
    graph, homes = territory.graph, territory.homes
    sets = [territory.counters_at(r) for r in rows]
    reporter().step("temps par la route : les plus proches")
    for t, found in enumerate(nearest_each(graph, homes, sets, done=reporter().advance)):
        times.seconds[t] = seconds_of(found.milliseconds[:, 0])
        times.metres[t] = np.where(found.centimetres[:, 0] < 0, -1, (found.centimetres[:, 0] + 50) // 100)
        times.counter[t] = counter_rows(rows[t], found.counter[:, 0])
    if settings.voisins > 1:
        reporter().step(f"temps par la route : les {settings.voisins} plus proches")
        for t, found in enumerate(k_nearest_each(graph, homes, [(s, None) for s in sets], settings.voisins)):
            complete = (found.milliseconds >= 0).all(axis=1)
            means = seconds_of(found.milliseconds).mean(axis=1)
            times.mean[t] = np.where(complete, means, np.nan)
    _other_departement(territory, rows, times)
    return times


def counter_rows(rows: npt.NDArray[np.int64], found: Ints) -> Ints:
    """Rows of a set -> rows of the territory's counters."""
    if not len(rows):
        return np.full(len(found), -1, dtype=np.int32)
    return np.where(found < 0, -1, rows[np.maximum(found, 0)]).astype(np.int32)


def _other_departement(territory: Territory, rows: list[npt.NDArray[np.int64]], times: Times) -> None:
    """Nearest counter of another département than the origin's: among the two nearest départements, the other."""
    if territory.graph is None or territory.homes is None or not territory.counters.height:
        return
    codes = pl.concat([territory.counters["code_departement"], territory.origins["code_departement"]])
    ranks = codes.rank("dense").to_numpy().astype(np.int32)
    of_counter, of_origin = ranks[: territory.counters.height], ranks[territory.counters.height :]
    reporter().step("temps par la route : les plus proches d'un autre département")
    sets = [(territory.counters_at(r), of_counter[r]) for r in rows]
    for t, found in enumerate(k_nearest_each(territory.graph, territory.homes, sets, 2)):
        counter = np.column_stack([counter_rows(rows[t], found.counter[:, k]) for k in range(2)])
        other = (counter >= 0) & (of_counter[np.maximum(counter, 0)] != of_origin[:, None])
        column = np.where(other[:, 0], 0, 1)
        line = np.arange(len(column))
        exists = other[line, column]
        times.other_seconds[t] = np.where(exists, seconds_of(found.milliseconds[line, column]), -1)
        times.other_counter[t] = np.where(exists, counter[line, column], -1)


def _crow(territory: Territory, rows: list[npt.NDArray[np.int64]]) -> tuple[Floats, Ints]:
    """Straight line to the nearest counter of each typology: metres (NaN: none) and rows of counters."""
    metres = np.full((len(rows), territory.origins.height), np.nan)
    counter = np.full(metres.shape, -1, dtype=np.int32)
    known = np.isfinite(territory.origin_xy).all(axis=1)
    for t, chosen in enumerate(rows):
        chosen = chosen[np.isfinite(territory.counter_xy[chosen]).all(axis=1)]
        if len(chosen) and known.any():
            tree = cKDTree(territory.counter_xy[chosen])
            metres[t, known], index = tree.query(territory.origin_xy[known], workers=-1)
            counter[t, known] = chosen[index]
    return metres, counter
