"""Tables are computed only when what they are made from changed, and a half-written one counts as absent."""

import polars as pl
import pytest

from pipeline.foundations.errors import CspError
from pipeline.foundations.tables import TableStore


def _make(store, inputs, calls):
    def compute():
        calls.append(1)
        return {"a__x": pl.DataFrame({"v": [1, 2]}), "a__y": pl.DataFrame({"v": ["é"]})}

    return store.make(["a__x", "a__y"], inputs=inputs, compute=compute, facts=lambda: {"lu": 3})


def test_second_make_with_same_inputs_computes_nothing(tmp_path):
    calls: list[int] = []
    first = _make(TableStore(tmp_path), {"i": "1"}, calls)
    second = _make(TableStore(tmp_path), {"i": "1"}, calls)
    assert len(calls) == 1
    assert [computed for _, computed in first.values()] == [True, True]
    assert [computed for _, computed in second.values()] == [False, False]
    assert second["a__x"][0].facts == {"lu": 3}


def test_made_from_is_all_of_that_very_recipe_or_nothing(tmp_path):
    store, names = TableStore(tmp_path), ["a__x", "a__y"]
    assert store.made_from(names, inputs={"i": "1"}) == {}
    _make(store, {"i": "1"}, [])
    assert store.made_from(names, inputs={"i": "1"}).keys() == set(names)
    assert store.made_from(names, inputs={"i": "2"}) == {}
    assert store.made_from(names, inputs={"i": "1"}, parameters=1) == {}
    store.path("a__y").unlink()
    assert TableStore(tmp_path).made_from(names, inputs={"i": "1"}) == {}


def test_changed_input_computes_again_with_same_bytes(tmp_path):
    calls: list[int] = []
    before = _make(TableStore(tmp_path), {"i": "1"}, calls)["a__x"][0]
    after = _make(TableStore(tmp_path), {"i": "2"}, calls)["a__x"][0]
    assert len(calls) == 2
    assert before.content == after.content  # downstream, nothing has to be computed again
    assert before.recipe != after.recipe


@pytest.mark.parametrize("damage", ["bytes", "record", "no-record"])
def test_a_file_that_is_not_the_recorded_one_counts_as_absent(tmp_path, damage):
    calls: list[int] = []
    store = TableStore(tmp_path)
    _make(store, {"i": "1"}, calls)
    path = store.path("a__x")
    if damage == "bytes":
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    elif damage == "record":
        path.with_suffix(".json").write_text("{", encoding="utf-8")
    else:
        path.with_suffix(".json").unlink()
    fresh = TableStore(tmp_path)
    with pytest.raises(CspError, match="a table made by an earlier stage"):
        fresh.read("a__x")
    _make(fresh, {"i": "1"}, calls)
    assert len(calls) == 2
    assert fresh.read("a__x")["v"].to_list() == [1, 2]


def test_partitions_are_separate_files(tmp_path):
    store = TableStore(tmp_path)
    for code in ("05", "2A"):
        store.write("b__z", pl.DataFrame({"d": [code]}), recipe="r", departement=code)
    assert store.read_all("b__z", ["2A", "05"])["d"].to_list() == ["2A", "05"]
    assert store.state("b__z", "36") is None
