"""The benchmark of the indicators runs on a tiny country, and by road finds what it finds as the crow flies."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from assets.tension.stage import compute
from tests.benchmarks import indicators_measures
from tests.benchmarks.access_measures import TINY, Bench
from tests.benchmarks.generated_territories import tables_of

pytestmark = pytest.mark.lent


def test_a_case_is_made_then_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSP_BENCH_DIR", str(tmp_path))
    bench = Bench(TINY)
    for by_road in ("", "_by_road"):
        assert list(indicators_measures.MEASURES[f"make_75k{by_road}"](bench)) == []
        (line,) = indicators_measures.MEASURES[f"measure_75k{by_road}"](bench)
        assert line["seconds"] >= 0
        assert "rows; " in line["remark"]


def test_times_of_straight_lines_give_the_same_indicators_by_road(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSP_BENCH_DIR", str(tmp_path))
    tables, measured = tables_of(TINY, 100, 1_000, by_road=True)
    today = date(2026, 1, 1)
    flies, road = compute(tables, [], today), compute(tables, measured, today)
    key = ["niveau", "territoire", "typologie", "indicateur"]
    for name in flies:
        a, b = flies[name], road[name]
        if name == "tension__indicateurs":
            a = a.with_columns(pl.col("indicateur").str.strip_suffix("_vol_oiseau")).sort(key)
        assert a.drop("mesure", strict=False).equals(b.drop("mesure", strict=False)), name
