"""Ids stay with their records whatever feeds appear, disappear or reorder; nothing given is ever forgotten."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.referentiel.identity import (
    ACTIVE,
    GONE,
    MERGED,
    SERVICE,
    SERVICE_PREFIX,
    Memory,
    follow,
    identify,
)

DAY1, DAY2, DAY3 = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


def _run(groups, memory=None, today=DAY1, contents=None, towns=None):
    """groups: {number: [(source, id), …]} or with a third item (official id) and a fourth (former id)."""
    rows = []
    for group, records in groups.items():
        for record in records:
            source, name, official, former = (*record, None, None)[:4]
            rows.append((group, source, name, "mairie", official, former))
    schema = {
        "groupe": pl.Int64,
        "source": pl.String,
        "id_source": pl.String,
        "typologie": pl.String,
        "id_officiel": pl.String,
        "ancien_id": pl.String,
    }
    prints = pl.DataFrame(
        [(g, (contents or {}).get(g, "x"), "Mairie", (towns or {}).get(g, "05061")) for g in groups],
        schema={"groupe": pl.Int64, "empreinte": pl.String, "typologie": pl.String, "code_insee": pl.String},
        orient="row",
    )
    members = pl.DataFrame(rows, schema=schema, orient="row")
    return identify(
        members, prints, nature=SERVICE, prefix=SERVICE_PREFIX, memory=memory or Memory.empty(), today=today
    )


def _ids(result):
    return dict(result.ids.iter_rows())


def _memory(result):
    return Memory(result.registry, result.bridges)


def _state(result, name):
    return result.registry.row(by_predicate=pl.col("id") == name, named=True)


def test_same_records_same_ids_whatever_the_order_and_the_group_numbers():
    first = _run({0: [("dila", "a"), ("fs", "1")], 1: [("dila", "b")]})
    again = _run({7: [("dila", "b")], 3: [("fs", "1"), ("dila", "a")]}, _memory(first), DAY2)
    assert _ids(again)[3] == _ids(first)[0]
    assert _ids(again)[7] == _ids(first)[1]
    assert _state(again, _ids(first)[0])["premiere_vue"] == DAY1
    assert _state(again, _ids(first)[0])["derniere_vue"] == DAY2


def test_the_registry_says_where_a_counter_that_is_no_more_was_last():
    first = _run({0: [("dila", "a")], 1: [("dila", "b")]}, towns={0: "05061", 1: "05023"})
    moved = _run({0: [("dila", "a")], 1: [("dila", "b")]}, _memory(first), DAY2, towns={0: "05061", 1: "05046"})
    gone = _run({0: [("dila", "a")]}, _memory(moved), DAY3)
    row = _state(gone, _ids(first)[1])
    assert (row["etat"], row["derniere_vue"]) == (GONE, DAY2)
    assert (row["typologie"], row["code_insee"]) == ("Mairie", "05046")


def test_a_feed_that_disappears_and_comes_back_finds_its_ids():
    first = _run({0: [("dila", "a")], 1: [("fs", "1")]})
    gone = _run({0: [("dila", "a")]}, _memory(first), DAY2)
    assert _state(gone, _ids(first)[1])["etat"] == GONE
    assert _state(gone, _ids(first)[1])["derniere_vue"] == DAY1
    back = _run({0: [("dila", "a")], 1: [("fs", "1")]}, _memory(gone), DAY3)
    assert _ids(back) == _ids(first)
    assert _state(back, _ids(first)[1])["etat"] == ACTIVE
    assert _state(back, _ids(first)[1])["premiere_vue"] == DAY1


def test_the_leading_feed_may_vanish_without_changing_the_id():
    first = _run({0: [("dila", "a"), ("fs", "1")]})
    assert _ids(_run({0: [("fs", "1")]}, _memory(first), DAY2)) == _ids(first)


def test_merged_counters_redirect_to_the_one_that_stays():
    first = _run({0: [("dila", "a"), ("dila", "a2")], 1: [("fs", "1")]})
    merged = _run({0: [("dila", "a"), ("dila", "a2"), ("fs", "1")]}, _memory(first), DAY2)
    kept, lost = _ids(first)[0], _ids(first)[1]
    assert _ids(merged)[0] == kept
    assert _state(merged, lost)["etat"] == MERGED
    assert _state(merged, lost)["remplace_par"] == kept
    assert follow(merged.registry, lost) == kept
    # And it stays merged, even when nothing of it is seen again.
    later = _run({0: [("dila", "a")]}, _memory(merged), DAY3)
    assert _state(later, lost)["etat"] == MERGED


def test_a_split_counter_keeps_its_id_where_most_of_its_records_went():
    first = _run({0: [("dila", "a"), ("fs", "1"), ("caf", "9")]})
    split = _run({0: [("dila", "a")], 1: [("fs", "1"), ("caf", "9")]}, _memory(first), DAY2)
    assert _ids(split)[1] == _ids(first)[0]
    assert _ids(split)[0] != _ids(first)[0]
    assert _state(split, _ids(split)[0])["premiere_vue"] == DAY2


def test_an_official_id_is_taken_at_first_sight_and_bridged_afterwards():
    official = "SERVPUBL0000000000004433"
    first = _run({0: [("cartosp", official, official)]})
    assert _ids(first)[0] == official
    ours = _run({0: [("dila", "a")]})
    later = _run({0: [("dila", "a"), ("cartosp", official, official)]}, _memory(ours), DAY2)
    assert _ids(later) == _ids(ours)
    bridge = later.bridges.filter((pl.col("source") == "officiel") & (pl.col("id_source") == official))
    assert bridge["id"].to_list() == [_ids(ours)[0]]


def test_a_feed_that_renumbers_its_records_is_followed_by_the_former_id_it_gives():
    first = _run({0: [("dila", "msap-1", None, None)]})
    renamed = _run({0: [("dila", "uuid-1", None, "msap-1")]}, _memory(first), DAY2)
    assert _ids(renamed)[0] != _ids(first)[0]  # the first edition did not say so…
    first = _run({0: [("dila", "uuid-0", None, "msap-1")]})
    renamed = _run({0: [("dila", "uuid-1", None, "msap-1")]}, _memory(first), DAY2)
    assert _ids(renamed) == _ids(first)  # …this one does


def test_last_modified_moves_only_with_the_content():
    first = _run({0: [("dila", "a")]}, contents={0: "v1"})
    same = _run({0: [("dila", "a")]}, _memory(first), DAY2, contents={0: "v1"})
    changed = _run({0: [("dila", "a")]}, _memory(same), DAY3, contents={0: "v2"})
    name = _ids(first)[0]
    assert _state(same, name)["derniere_modification"] == DAY1
    assert _state(changed, name)["derniere_modification"] == DAY3


def test_running_twice_on_one_day_changes_nothing():
    groups = {0: [("dila", "a"), ("fs", "1")], 1: [("dila", "b")]}
    first = _run(groups)
    second = _run(groups, _memory(first))
    assert second.registry.equals(first.registry)
    assert second.bridges.equals(first.bridges)


_RECORDS = [(s, str(n)) for s in ("dila", "fs", "caf") for n in range(6)]
_PARTITION = st.lists(st.integers(-1, 5), min_size=len(_RECORDS), max_size=len(_RECORDS))


@settings(max_examples=40, deadline=None)
@given(st.lists(_PARTITION, min_size=1, max_size=5))
def test_over_any_history_ids_are_unique_and_never_forgotten(history):
    memory = Memory.empty()
    ever: set[str] = set()
    for month, partition in enumerate(history, start=1):
        groups: dict[int, list[tuple[str, str]]] = {}
        for record, group in zip(_RECORDS, partition, strict=True):
            if group >= 0:
                groups.setdefault(group, []).append(record)
        if not groups:
            continue
        result = _run(groups, memory, date(2026, month, 1))
        ids = _ids(result)
        assert len(set(ids.values())) == len(groups)
        ever |= set(ids.values())
        assert set(result.registry["id"]) == ever
        active = set(result.registry.filter(pl.col("etat") == ACTIVE)["id"])
        assert active == set(ids.values())
        heirs = result.registry.filter(pl.col("etat") == MERGED)["remplace_par"]
        assert heirs.null_count() == 0
        assert set(heirs) <= ever
        # Every record seen today is bridged to the id of its group, and only to it.
        for group, records in groups.items():
            for source, name in records:
                rows = result.bridges.filter((pl.col("source") == source) & (pl.col("id_source") == name))
                assert rows["id"].to_list() == [ids[group]]
        memory = _memory(result)


@settings(max_examples=20, deadline=None)
@given(_PARTITION, st.randoms(use_true_random=False))
def test_renumbering_and_shuffling_groups_keeps_every_id(partition, random):
    groups: dict[int, list[tuple[str, str]]] = {}
    for record, group in zip(_RECORDS, partition, strict=True):
        groups.setdefault(max(group, 0), []).append(record)
    first = _run(groups)
    numbers = list(groups)
    random.shuffle(numbers)
    shuffled = {n + 10: random.sample(groups[n], len(groups[n])) for n in numbers}
    again = _run(shuffled, _memory(first), DAY2)
    assert {n: _ids(again)[n + 10] for n in groups} == _ids(first)


@pytest.mark.parametrize("loop", [[("a", "b"), ("b", "a")]])
def test_a_registry_that_loops_does_not_hang(loop):
    registry = pl.DataFrame(loop, schema=["id", "remplace_par"], orient="row")
    assert follow(registry, "a") in {"a", "b"}
