"""The benchmark of the atlas runs on a tiny country, as the crow flies and by road."""

from pathlib import Path

import pytest

from tests.benchmarks import atlas_measures
from tests.benchmarks.access_measures import TINY, Bench


@pytest.mark.lent
def test_the_atlas_is_made_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSP_BENCH_DIR", str(tmp_path))
    bench = Bench(TINY)
    assert list(atlas_measures.MEASURES["make"](bench)) == []
    for way in ("crow", "road"):
        (line,) = atlas_measures.MEASURES[way](bench)
        assert "fermetures" in line["remark"]
        assert not line["remark"].startswith("0 ")
