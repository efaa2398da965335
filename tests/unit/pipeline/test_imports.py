"""What a run with nothing to compute never loads: a second or more each, at every start."""

import subprocess
import sys

import pytest

_HEAVY = ("great_expectations", "matplotlib", "geopandas", "pandas", "splink", "scipy", "sklearn", "numba")


@pytest.mark.parametrize("module", ["pipeline.cli", "pipeline.run"])
def test_heavy_libraries_are_imported_late(module):
    code = f"import sys, {module}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {*_HEAVY} & {*done.stdout.split()}
