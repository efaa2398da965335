"""The tables of a release: cut to its perimeter, read when asked for and not before."""

import polars as pl
import pytest

from assets.release.scope import Released


def test_a_name_is_known_without_reading_its_table():
    read = []

    def reader(name):
        return lambda: read.append(name) or pl.DataFrame({"a": [1]})

    tables = Released({name: reader(name) for name in ("x", "y")})
    assert list(tables) == ["x", "y"]
    assert len(tables) == 2
    assert "x" in tables
    assert "z" not in tables
    assert read == []
    assert tables["y"].height == tables["y"].height == 1
    assert read == ["y", "y"], "a table is not kept"
    with pytest.raises(KeyError):
        tables["z"]
