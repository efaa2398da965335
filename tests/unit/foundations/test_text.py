"""Plain text: every kind of space collapsed, placeholders of nothing."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.text import PLACEHOLDERS, clean

_SPACES = re.compile(r"[\s\u00a0\u2007\u202f\u200b\ufeff]+")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, None),
        (" \t", None),
        ("N/D", None),
        ("a\u00a0\u202f b", "a b"),
        ("\ufeffa\u200bb", "a b"),
        ("e\u0301 \x1c\x85x", "é x"),
    ],
)
def test_spaces_and_nothing(raw, expected):
    assert clean(raw) == expected


@given(st.text(st.sampled_from("aé\u0301 \t\n\x0b\x1c\x1f\x85\u00a0\u1680\u2007\u2028\u202f\u200b\u3000\ufeff-")))
def test_as_one_regular_expression_says(text):
    collapsed = _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()
    assert clean(text) == (None if collapsed.lower() in PLACEHOLDERS else collapsed)
