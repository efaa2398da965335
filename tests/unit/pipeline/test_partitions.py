"""Ranges of partitions: contiguous, smallest in number, covering exactly what was asked."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.partitions import contiguous_ranges

KNOWN = ["01", "02", "2A", "2B", "05", "36", "59", "971"]


@given(st.lists(st.text("0123456789AB", min_size=2, max_size=3), unique=True, max_size=12), st.data())
def test_ranges_cover_exactly_the_selection(known, data):
    selected = data.draw(st.lists(st.sampled_from(known), unique=True)) if known else []
    ranges = contiguous_ranges(selected, known)
    covered = [code for first, last in ranges for code in known[known.index(first) : known.index(last) + 1]]
    assert sorted(covered) == sorted(selected)
    assert covered == [code for code in known if code in selected]
    # As few as possible: two ranges never touch.
    for (_, last), (first, _) in pairwise(ranges):
        assert known.index(first) > known.index(last) + 1


def test_the_whole_country_is_one_range_and_nothing_is_none():
    assert contiguous_ranges(KNOWN, KNOWN) == [("01", "971")]
    assert contiguous_ranges([], KNOWN) == []
    assert contiguous_ranges(["05", "36", "59"], KNOWN) == [("05", "59")]
    assert contiguous_ranges(["59", "01"], KNOWN) == [("01", "01"), ("59", "59")]


def test_a_code_nobody_knows_is_in_no_range():
    assert contiguous_ranges(["99", "36"], KNOWN) == [("36", "36")]
