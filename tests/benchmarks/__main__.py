"""Measure the project: `make bench`, or `python -m tests.benchmarks NAME…`. Prints Markdown for docs/benchmarks.md.

Each benchmark is a module of this folder with a `main()`; ratios are against a peer measured in the same run. Nothing
here is an assertion: times depend on the machine.
"""

import sys
from importlib import import_module

NAMES = (
    "pipeline",
    "pieces",
    "access",
    "andorra",
    "indicators",
    "atlas",
    "siting",
    "scenario",
    "bbox",
    "products",
    "country_release",
)

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        print(f"\n## {name}\n")
        import_module(f"tests.benchmarks.{name}").main()
