"""Searches on random networks against another library, and the properties any travel time has."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.network.bounded import reach
from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph, load_graph, save_graph
from assets.access.network.k_nearest import k_nearest, k_nearest_each
from assets.access.network.nearest import nearest, nearest_each
from assets.access.network.repair import LiveNearest
from assets.access.network.search import Arcs
from pipeline.foundations.errors import WrongUse
from tests.networks import Oracle, attach, random_network, rules

SEEDS = st.integers(0, 10_000)


def some_places(seed: int, count: int, box: float = 8_000) -> np.ndarray:
    return np.round(np.random.default_rng(seed).uniform(0, box, (count, 2)), 1)


def _case(seed: int, homes: int = 25, counters: int = 12) -> tuple[RoadGraph, np.ndarray, np.ndarray, np.ndarray]:
    """A network whose one-way traps are set aside, so that the oracle and the graph speak of the same roads."""
    batch = random_network(seed)
    graph = build_graph([batch], rules(composante_minimale=1), "voiture")
    h, c = some_places(seed + 1, homes), some_places(seed + 2, counters)
    c[-1] = [20_300, 300]  # one on the island
    return graph, h, c, Oracle(batch).seconds(h, c)


@settings(max_examples=12, deadline=None)
@given(SEEDS)
def test_nearest_is_what_another_library_finds(seed: int) -> None:
    _same_as_the_oracle(seed)


@pytest.mark.lent
@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_nearest_is_what_another_library_finds_on_many_networks(seed: int) -> None:
    _same_as_the_oracle(seed)


def _same_as_the_oracle(seed: int) -> None:
    graph, homes, counters, expected = _case(seed)
    found = nearest(graph, attach(graph, homes), attach(graph, counters))
    best = expected.min(axis=1)
    reached = np.isfinite(best)
    assert (found.milliseconds[:, 0] >= 0).tolist() == reached.tolist()
    np.testing.assert_allclose(found.milliseconds[reached, 0] / 1000, best[reached], atol=0.05)
    chosen = expected[reached, found.counter[reached, 0]]
    np.testing.assert_allclose(chosen, best[reached], atol=0.05)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(1, 5))
def test_k_nearest_are_those_another_library_finds(seed: int, k: int) -> None:
    graph, homes, counters, expected = _case(seed)
    found = k_nearest(graph, attach(graph, homes), attach(graph, counters), k)
    ordered = np.sort(expected, axis=1)[:, :k]
    seconds = np.where(found.milliseconds < 0, np.inf, found.milliseconds / 1000)
    np.testing.assert_allclose(seconds, ordered, atol=0.05)
    for row in found.counter:
        assert len(set(row[row >= 0])) == (row >= 0).sum()


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_nearest_of_each_group(seed: int) -> None:
    graph, homes, counters, expected = _case(seed)
    groups = (np.arange(len(counters)) % 3).astype(np.int32)
    found = k_nearest(graph, attach(graph, homes), attach(graph, counters), 3, groups)
    by_group = np.sort(np.column_stack([expected[:, groups == g].min(axis=1) for g in range(3)]), axis=1)
    seconds = np.where(found.milliseconds < 0, np.inf, found.milliseconds / 1000)
    np.testing.assert_allclose(seconds, by_group, atol=0.05)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(60, 1500))
def test_pairs_within_a_bound_are_all_those_another_library_finds(seed: int, bound: int) -> None:
    graph, homes, counters, expected = _case(seed)
    pairs = np.full(expected.shape, np.inf)
    for part in reach(graph, attach(graph, homes), attach(graph, counters), bound * 1000, chunk=5):
        pairs[part.home, part.door] = part.milliseconds / 1000
    surely = expected <= bound - 0.05
    possibly = expected <= bound + 0.05
    assert (np.isfinite(pairs) >= surely).all()
    assert (np.isfinite(pairs) <= possibly).all()
    np.testing.assert_allclose(pairs[np.isfinite(pairs)], expected[np.isfinite(pairs)], atol=0.05)


@settings(max_examples=12, deadline=None)
@given(SEEDS, st.lists(st.tuples(st.booleans(), st.integers(0, 10_000)), min_size=1, max_size=14))
def test_repair_gives_exactly_what_a_new_search_gives(seed: int, edits: list[tuple[bool, int]]) -> None:
    graph, homes, counters, _ = _case(seed)
    at_home = attach(graph, homes)
    live = LiveNearest(graph, at_home, attach(graph, counters))
    for opens, number in edits:
        before = live.result.milliseconds.copy()
        if opens or not live.is_open.any():
            place = attach(graph, some_places(number, 1))
            if not place.on_road[0]:
                continue
            _, change = live.open(place)
        else:
            change = live.close(int(np.flatnonzero(live.is_open)[number % live.is_open.sum()]))
        off = live.counters.take(np.arange(len(live.is_open)))
        closed = off._replace(segment=np.where(live.is_open, off.segment, -1).astype(np.int32),
                              edge=np.where(live.is_open, off.edge, -1).astype(np.int32))  # fmt: skip
        again = nearest(graph, at_home, closed)
        for mine, new in zip(live.result, again, strict=True):
            np.testing.assert_array_equal(mine, new)
        unchanged = np.setdiff1d(np.arange(len(homes)), change.homes)
        np.testing.assert_array_equal(before[unchanged], live.result.milliseconds[unchanged])
        np.testing.assert_array_equal(before[change.homes], change.before.milliseconds)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_closing_what_was_opened_gives_the_base_back(seed: int) -> None:
    graph, homes, counters, _ = _case(seed)
    live = LiveNearest(graph, attach(graph, homes), attach(graph, counters))
    base = [array.copy() for array in live.result]
    row, _ = live.open(attach(graph, [[4_000, 4_000]]))
    live.close(row)
    first = int(np.flatnonzero(live.is_open)[0])
    live.close(first)
    live.reopen(first)
    for mine, before in zip(live.result, base, strict=True):
        np.testing.assert_array_equal(mine, before)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_triangle_and_symmetry(seed: int) -> None:
    """By way of another place is never shorter; without one-way streets, there is as long as back."""
    batch = random_network(seed)
    two_way = replace(batch, frame=batch.frame.with_columns(sens=batch.frame["sens"] * 0))
    graph = build_graph([two_way], rules(), "voiture")
    xy = some_places(seed, 8)
    places = attach(graph, xy)
    times = np.full((8, 8), np.inf)
    for part in reach(graph, places, places, 10**8):
        times[part.home, part.door] = part.milliseconds
    np.testing.assert_allclose(times, times.T, atol=4)
    for middle in range(8):
        via = times[:, [middle]] + times[[middle], :]
        assert (times <= via + 4).all()


def test_a_set_has_the_same_answer_alone_and_among_others() -> None:
    graph, homes, counters, _ = _case(3, counters=20)
    at_home, at_counter = attach(graph, homes), attach(graph, counters)
    parts = [at_counter.take(np.arange(i, 20, 4)) for i in range(4)]
    told = []
    together = nearest_each(graph, at_home, parts, threads=2, done=lambda n, of: told.append((n, of)))
    for one, all_ in zip(parts, together, strict=True):
        for a, b in zip(nearest(graph, at_home, one), all_, strict=True):
            np.testing.assert_array_equal(a, b)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    twice = k_nearest_each(graph, at_home, [(p, None) for p in parts], 1)
    for one, all_ in zip(twice, together, strict=True):
        np.testing.assert_array_equal(one.milliseconds, all_.milliseconds)


def test_no_counter_reaches_nobody() -> None:
    graph, homes, _, _ = _case(1)
    nobody = attach(graph, np.empty((0, 2)))
    assert (nearest(graph, attach(graph, homes), nobody).counter == -1).all()
    assert list(reach(graph, attach(graph, homes), nobody, 1000)) == []
    assert (k_nearest(graph, attach(graph, homes), nobody, 2).milliseconds == -1).all()


def test_the_graph_read_from_disk_gives_the_same_answers(tmp_path) -> None:
    graph, homes, counters, _ = _case(5)
    save_graph(graph, tmp_path / "graphe")
    mapped = load_graph(tmp_path / "graphe")
    assert mapped.meta == graph.meta
    for a, b in zip(
        nearest(graph, attach(graph, homes), attach(graph, counters)),
        nearest(mapped, attach(mapped, homes), attach(mapped, counters)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_a_counter_off_the_network_cannot_be_opened_and_none_is_closed_twice() -> None:
    graph, homes, counters, _ = _case(2)
    live = LiveNearest(graph, attach(graph, homes), attach(graph, counters))
    with pytest.raises(WrongUse, match="off the network"):
        live.open(attach(graph, [[500_000, 0]]))
    live.close(0)
    with pytest.raises(WrongUse, match="already closed"):
        live.close(0)
    with pytest.raises(WrongUse, match="no such counter"):
        live.close(99)


def test_one_home_to_many_doors_gives_the_same_pairs_as_many_homes_to_one_door() -> None:
    graph, homes, counters, _ = _case(4)
    at_home, at_counter = attach(graph, homes), attach(graph, counters)
    towards = {(d, h, t, c) for p in reach(graph, at_home, at_counter, 900_000) for d, h, t, c in zip(*p, strict=True)}
    arcs = Arcs.leaving(graph)
    leaving = {
        (d, h, t, c)
        for p in reach(graph, at_counter.turned(), at_home.turned(), 900_000, arcs=arcs)
        for h, d, t, c in zip(*p, strict=True)
    }
    assert towards == leaving
    assert len(towards) > 20
