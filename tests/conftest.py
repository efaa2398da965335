"""Fixtures shared by the whole suite."""

import os
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
_REAL = Path(os.environ.get("CSP_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of small files written for the tests."""
    return FIXTURES


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real open data; tests that need it skip, with the reason, where it is absent."""
    if not _REAL.is_dir():
        pytest.skip("real data folder absent: set CSP_REAL_DATA (see CONTRIBUTING.md)")
    return _REAL
