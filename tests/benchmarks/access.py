"""The road graph at the size of France, on a generated country: times, peak memory, and peers on the same graph.

`CSP_BENCH_NODES` makes the country smaller, `CSP_BENCH_DIR` is where what is made is kept. Each row is a process of its
own. What is measured is in `access_measures` and `access_peers`; here is only the order and the tables.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.access_measures import TINY
from tests.benchmarks.generated_france import NODES
from tests.benchmarks.measure import module, row

OURS = (
    "generate", "build", "load", "snap", "nearest_one_thread", "nearest_two_threads", "nearest_200m", "three_nearest",
    "pairs", "isochrones", "repair",
)  # fmt: skip
PEERS = ("scipy_contracted", "scipy_plain", "igraph", "per_source", "pandana")


def main() -> None:
    """Print what each measure costs, then the ratios to the peers."""
    nodes = int(os.environ.get("CSP_BENCH_NODES", NODES))
    run("warm", "access_measures", TINY)
    row("measure", "seconds", "of processor", "peak GB", "remark")
    row("---", "---:", "---:", "---:", "---")
    known = {}
    for name in OURS:
        found, peak = run(name, "access_measures", nodes)
        for line in found:
            row(line["measure"], line["seconds"], line["processor"], peak, line["remark"])
        known[name] = sum(line["seconds"] for line in found)
    print()
    reference, _ = run("ours", "access_peers", nodes)
    (ours,) = reference
    row("peer", "build (s)", "search (s)", "ours (s)", "ratio", "peak GB", "largest difference (s)", "remark")
    row("---", "---:", "---:", "---:", "---:", "---:", "---:", "---")
    for name in PEERS:
        found, peak = run(name, "access_peers", nodes)
        for line in found:
            mine = ours["seconds"] if line["compared"] == "searches" else known["build"] + known["nearest_two_threads"]
            theirs = line["search"] + (0 if line["compared"] == "searches" else line["build"])
            row(
                line["peer"],
                line["build"],
                line["search"],
                mine,
                theirs / mine,
                peak,
                line["difference"],
                line["remark"],
            )


def run(name: str, where: str, nodes: int) -> tuple[list[dict[str, Any]], float]:
    """Run one measure in a process of its own; returns the lines it found and its peak memory (GB)."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        _, _, peak, code = module(f"tests.benchmarks.{where}", name, str(nodes), str(answer))
        if code:
            raise RuntimeError(f"{where}.{name} ended with {code}")
        return json.loads(answer.read_text(encoding="utf-8")), peak
