"""The atlas of marginal value at the size of France: what closing each counter costs, what opening one anywhere gains.

`CSP_BENCH_NODES` makes the country smaller, `CSP_BENCH_DIR` is where what is made is kept. What is measured is in
`atlas_measures`; here is only the order and the table.
"""

import os

from tests.benchmarks.access import run
from tests.benchmarks.generated_france import NODES
from tests.benchmarks.measure import row


def main() -> None:
    """Print what the atlas costs as the crow flies and by road; the steps are in wall seconds."""
    nodes = int(os.environ.get("CSP_BENCH_NODES", NODES))
    run("make", "atlas_measures", nodes)
    row("case", "seconds", "of processor", "peak GB", "remark")
    row("---", "---:", "---:", "---:", "---")
    for name in ("crow", "road"):
        (line,), peak = run(name, "atlas_measures", nodes)
        row(line["measure"], line["seconds"], line["processor"], peak, line["remark"])
