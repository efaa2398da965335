"""Projected coordinates: each row from its own system, unknowns left unknown."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.crs import project
from sources.projected import to_degrees

_FRANCE = st.tuples(st.floats(-4.5, 8.0), st.floats(42.5, 51.0), st.just(2154))
_ANTILLES = st.tuples(st.floats(-62.0, -60.8), st.floats(14.3, 16.6), st.just(5490))
_REUNION = st.tuples(st.floats(55.2, 55.9), st.floats(-21.4, -20.8), st.just(2975))


@given(st.lists(st.one_of(_FRANCE, _ANTILLES, _REUNION, st.none()), min_size=1, max_size=12))
def test_projecting_then_converting_gives_the_point_back(points: list[tuple[float, float, int] | None]) -> None:
    metres = [project(p[0], p[1], p[2]) if p else (None, None) for p in points]  # type: ignore[arg-type]
    frame = pl.DataFrame(
        {
            "rang": list(range(len(points))),
            "x": [None if x is None else float(x) for x, _ in metres],
            "y": [None if y is None else float(y) for _, y in metres],
            "epsg": [p[2] if p else None for p in points],
        },
        schema={"rang": pl.Int64, "x": pl.Float64, "y": pl.Float64, "epsg": pl.Int64},
    )
    found = to_degrees(frame, x="x", y="y", epsg="epsg")
    assert found["rang"].to_list() == frame["rang"].to_list()
    for point, longitude, latitude in zip(points, found["longitude"], found["latitude"], strict=True):
        if point is None:
            assert (longitude, latitude) == (None, None)
        else:
            assert longitude == pytest.approx(point[0], abs=1e-6)
            assert latitude == pytest.approx(point[1], abs=1e-6)


def test_a_point_that_is_nowhere_is_unknown() -> None:
    frame = pl.DataFrame({"x": [float("inf"), None], "y": [float("inf"), 1.0], "epsg": [2154, 2154]})
    assert to_degrees(frame, x="x", y="y", epsg="epsg")["longitude"].to_list() == [None, None]


def test_no_row() -> None:
    frame = pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64, "epsg": pl.Int64})
    assert to_degrees(frame, x="x", y="y", epsg="epsg").schema["latitude"] == pl.Float64
