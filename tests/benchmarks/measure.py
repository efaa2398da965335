"""Wall time, processor time and peak memory of a command as a whole process, and the median time of a call."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REAL_DATA = Path(os.environ.get("CSP_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))


def csp(*arguments: str) -> tuple[float, float, float, int]:
    """Run `csp`; returns wall seconds, processor seconds (user and system), peak resident gigabytes, exit code."""
    return module("pipeline.cli", *arguments, stderr=subprocess.DEVNULL)


def module(name: str, *arguments: str, stderr: int | None = None) -> tuple[float, float, float, int]:
    """Run a module as a process of its own; returns as `csp` does."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", name, *arguments], stdout=subprocess.DEVNULL, stderr=stderr)
    _, status, usage = os.wait4(process.pid, 0)
    per_unit = 1024**2 if sys.platform == "linux" else 1024**3  # kilobytes on Linux, bytes on macOS
    wall = time.perf_counter() - started
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / per_unit, os.waitstatus_to_exitcode(status)


def median_seconds(call: Callable[[], Any], runs: int = 3) -> float:
    """Median wall time of a few calls, after none to warm up."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells) + " |")
