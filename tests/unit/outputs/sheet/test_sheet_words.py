"""Numbers and sentences as French readers write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outputs.sheet.words import NBSP, THIN, UNKNOWN, count, figure, listed, rate, share, typeset


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ((1234567.8, 1, "€"), f"1{THIN}234{THIN}567,8{NBSP}€"),
        ((-3.04, 1, "%"), f"−3,0{NBSP}%"),
        ((-0.2, 0, None), "0"),
        ((12, 0, "hab/km²"), "12"),
        ((None, 0, "%"), UNKNOWN),
        ((float("nan"), 0, "%"), UNKNOWN),
        ((0, 0, "%"), f"0{NBSP}%"),
    ],
)
def test_figures(given, written):
    assert figure(*given) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (0.2, f"<{NBSP}1"),
        (0.5, f"<{NBSP}1"),
        (0.51, "1"),
        (1.4, "1"),
        (99.4, "99"),
        (99.8, f">{NBSP}99"),
        (100.0, "100"),
    ],
)
def test_a_share_never_says_all_nor_none_when_it_is_not(value, written):
    assert share(value) == f"{written}{NBSP}%"
    assert share(value, sign="") == written


def test_an_unknown_share_bears_no_sign():
    assert share(None) == UNKNOWN
    assert share(float("nan"), unknown="?") == "?"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12), st.integers(0, 4))
def test_a_figure_reads_back_as_the_rounded_value_and_never_breaks(value, decimals):
    written = figure(value, decimals, "%")
    assert not re.search(r"[ .]", written)
    back = written.removesuffix(f"{NBSP}%").replace(THIN, "").replace(",", ".").replace("−", "-")
    assert float(back) == pytest.approx(round(value, decimals), abs=10**-decimals / 2 if abs(value) > 1e10 else 1e-9)


def test_rates_keep_a_second_decimal_below_one():
    assert (rate(0.456), rate(3.21), rate(0.0), rate(None)) == ("0,46", "3,2", "0,0", UNKNOWN)


def test_counts_and_lists():
    assert (count(1, "commune"), count(2, "lieu", "lieux")) == (f"1{NBSP}commune", f"2{NBSP}lieux")
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a et b", "a, b et c"]


def test_sentences_get_their_no_break_spaces_and_apostrophes():
    said = typeset("L'offre : 12 % à 20 min, 31 h « ou » plus ; 65 ans (20 min) ?").replace(NBSP, "_")
    assert said == "L’offre_: 12_% à 20_min, 31_h «_ou_» plus_; 65_ans (20_min)_?"


@given(st.text())
def test_typesetting_changes_spaces_and_apostrophes_only(sentence):
    assert typeset(sentence).replace(NBSP, " ").replace("’", "'") == sentence.replace(NBSP, " ").replace("’", "'")
