import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells, encodable, plain_text


@pytest.fixture
def issues() -> IssueLog:
    return IssueLog("x")


@pytest.fixture
def cells(issues: IssueLog) -> RecordCells:
    return RecordCells("42", issues)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", None),
        ("  Gap\u00a0Cedex ", "Gap Cedex"),
        ("0null", None),
        (None, None),
        (True, "true"),
        (1200.0, "1200"),
        (5.25, "5.25"),
        (7, "7"),
        (math.nan, "nan"),
        (["a"], None),
        ({"a": 1}, None),
        ("é\ud83d", "é?"),
    ],
)
def test_plain_text(value: Any, text: str | None) -> None:
    assert plain_text(value) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_that_utf8_can_hold_is_left_alone(text: str) -> None:
    assert encodable(text) == text


@pytest.mark.parametrize(
    ("value", "number", "rules"),
    [
        ("44.55", 44.55, []),
        ("-1.778E-4", -1.778e-4, []),
        (6.07, 6.07, []),
        ("5,7145", 5.7145, ["virgule-decimale"]),
        ("est", None, ["nombre-illisible"]),
        ("1_000", None, ["nombre-illisible"]),
        ("1e999", None, ["nombre-illisible"]),
        (math.inf, None, ["nombre-illisible"]),
        ("", None, []),
        (None, None, []),
    ],
)
def test_decimal(cells: RecordCells, issues: IssueLog, value: Any, number: float | None, rules: list[str]) -> None:
    assert cells.decimal("latitude", value) == number
    assert issues.frame()["regle"].to_list() == rules


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_comes_back(number: float) -> None:
    assert RecordCells("42", IssueLog("x")).decimal("latitude", repr(number)) == number


@given(st.dates(), st.sampled_from(["%d/%m/%Y", "%d/%m/%Y 08:30:00", "%Y-%m-%d", "%Y-%m-%dT08:30:00+02:00"]))
def test_every_day_comes_back(day: date, notation: str) -> None:
    text = notation.replace("%Y", f"{day.year:04d}").replace("%m", f"{day.month:02d}").replace("%d", f"{day.day:02d}")
    assert RecordCells("42", IssueLog("x")).day("date_maj", text) == day


@pytest.mark.parametrize("value", ["31/02/2024", "2024-13-01", "01/01/0000", "3/5/2024", "hier", "2024"])
def test_what_is_not_a_day(cells: RecordCells, issues: IssueLog, value: str) -> None:
    assert cells.day("date_maj", value) is None
    assert issues.frame().row(0)[1:5] == ("42", "date_maj", value, "date-illisible")
