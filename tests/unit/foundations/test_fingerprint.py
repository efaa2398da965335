"""Fingerprints of frames: every cell counts, and so does its absence."""

import polars as pl
import pytest

from pipeline.foundations.fingerprint import of_frame

_FRAME = pl.DataFrame({"a": ["x", None, ""], "b": [1, 2, None]})


def test_the_same_frame_however_it_is_held():
    assert of_frame(_FRAME) == of_frame(pl.concat([_FRAME[:1], _FRAME[1:]], rechunk=False))


@pytest.mark.parametrize(
    "other",
    [
        _FRAME.with_columns(a=pl.Series(["x", "", None])),
        _FRAME.with_columns(b=pl.Series([1, 2, 0])),
        _FRAME.rename({"a": "c"}),
        _FRAME.reverse(),
        _FRAME[:2],
    ],
)
def test_any_difference_shows(other):
    assert of_frame(other) != of_frame(_FRAME)
