"""The benchmark of the road graph runs, and its peers find our times, on a tiny country."""

from pathlib import Path

import pytest

from tests.benchmarks import access_measures, access_peers
from tests.benchmarks.access_measures import TINY, Bench

pytestmark = pytest.mark.lent


def test_every_measure_runs_and_every_peer_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSP_BENCH_DIR", str(tmp_path))
    bench = Bench(TINY)
    for name in ("generate", "build", "load", "snap", "nearest_one_thread", "repair"):
        lines = list(access_measures.MEASURES[name](bench))
        assert lines, name
        assert all(line["seconds"] >= 0 and line["measure"] for line in lines), name
    assert next(access_peers.ours(bench))["seconds"] >= 0
    for peer in (access_peers.scipy_contracted, access_peers.scipy_plain, access_peers.igraph, access_peers.per_source):
        (line,) = peer(bench)
        assert line["difference"] < 0.001, line["peer"]
