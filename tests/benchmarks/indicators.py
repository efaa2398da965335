"""The indicators of the whole country, as the crow flies and by road, for more and more cells.

`CSP_BENCH_NODES` makes the country smaller, `CSP_BENCH_DIR` is where what is made is kept. Each row is a process of its
own. What is measured is in `indicators_measures`; here is only the order and the table.
"""

import os

from tests.benchmarks.access import run
from tests.benchmarks.generated_france import NODES
from tests.benchmarks.indicators_measures import CASES
from tests.benchmarks.measure import row


def main() -> None:
    """Print what each case costs: wall and processor seconds, processor time per cell, peak memory."""
    nodes = int(os.environ.get("CSP_BENCH_NODES", NODES))
    row("case", "seconds", "of processor", "µs of processor a cell", "peak GB", "remark")
    row("---", "---:", "---:", "---:", "---:", "---")
    for name in CASES:
        for by_road in ("", "_by_road"):
            run(f"make_{name}{by_road}", "indicators_measures", nodes)
            (line,), peak = run(f"measure_{name}{by_road}", "indicators_measures", nodes)
            each = 1e6 * line["processor"] / line["cells"]
            row(line["measure"], line["seconds"], line["processor"], each, peak, line["remark"])
