import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources import delimited
from sources.delimited import read_table, utf8_chunks


class Dribble(io.BytesIO):
    """A stream that gives a few bytes at a time, whatever is asked."""

    def __init__(self, content: bytes, width: int) -> None:
        super().__init__(content)
        self.width = width

    def read(self, _size: int | None = -1, /) -> bytes:
        return super().read(self.width)


@given(st.text(), st.integers(1, 7), st.booleans())
def test_text_comes_out_whole_wherever_the_bytes_are_cut(text: str, width: int, mark: bool) -> None:
    content = ("\ufeff" if mark else "").encode() + text.encode()
    assert "".join(utf8_chunks(Dribble(content, width), "file")) == (text if mark else text.removeprefix("\ufeff"))


@given(st.text(), st.sampled_from([b"\xff", b"\xc3(", b"\xe2\x82"]), st.integers(1, 7))
def test_the_first_bad_byte_is_named(before: str, bad: bytes, width: int) -> None:
    with pytest.raises(SourceUnreadable, match=f"at byte {len(before.encode())},"):
        list(utf8_chunks(Dribble(before.encode() + bad, width), "file"))


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=3, max_size=3)),
    st.sampled_from(";,"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_rows_come_out_as_they_were_written(rows: list[list[str]], separator: str, end: str) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    issues = IssueLog("x")
    table = read_table(utf8_chunks(io.BytesIO(buffer.getvalue().encode()), "file"), "file", issues)
    assert (table.header, table.separator) == (("a", "b", "c"), separator)
    assert list(table.rows) == [dict(zip("abc", row, strict=True)) for row in rows if any(row)]
    assert len(issues) == 0


def test_rows_of_another_width_are_set_aside_with_their_line() -> None:
    issues = IssueLog("x")
    rows = list(read_table(iter(["a;b\n1;2\n3\n\n4;5;6\n7;8"]), "file", issues).rows)
    assert rows == [{"a": "1", "b": "2"}, {"a": "7", "b": "8"}]
    assert issues.frame().select("id_source", "valeur").rows() == [
        ("ligne 3", "1 cellules pour 2 colonnes"),
        ("ligne 5", "3 cellules pour 2 colonnes"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "found an empty file"),
        (" \n", "found an empty file"),
        ("<!DOCTYPE html>\n<html>", "a web page"),
        ("<?xml version='1.0'?><html xmlns='x'>", "a web page"),
        ("a;b;a\n", "twice: a"),
        ('a;b\n1;"2\n', "line 2: unexpected end of data"),
        ("a;b\n1;" + "2" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_what_is_not_a_table_is_refused(content: str, message: str) -> None:
    with pytest.raises(SourceUnreadable, match=message):
        list(read_table(iter([content]), "file", IssueLog("x")).rows)


def test_a_line_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_MAX_LINE", 1000)
    with pytest.raises(SourceUnreadable, match="a line above 1000 characters"):
        list(read_table(iter(["a;b\n"] + ["x" * 100] * 100), "file", IssueLog("x")).rows)
