"""The journal of releases: only added to, on disk, and truthful after a crash."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.release.journal import JOURNAL, Entry, read_journal, sums_given, write_entry
from pipeline.foundations.errors import QualityRefused


def test_what_is_written_is_read_in_order(tmp_path):
    assert read_journal(tmp_path) == ()
    entries = [
        Entry(action="promotion", version="2026.01.31", sommes="ab"),
        Entry(action="pointeur", version="2026.01.31", depuis="2026.02.15", motif="carte fausse"),
        Entry(action="suppression", version="2026.02.15", sommes="cd"),
    ]
    for entry in entries:
        write_entry(tmp_path, entry)
    assert read_journal(tmp_path) == tuple(entries)
    assert sums_given(tmp_path) == {"2026.01.31": "ab"}
    assert all(entry.quand.utcoffset().total_seconds() == 0 for entry in entries)


@settings(max_examples=30)
@given(cut=st.integers(1, 200))
def test_an_unfinished_line_is_no_line_and_the_next_one_replaces_it(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("journal")
    first, second = (Entry(action="promotion", version=f"2026.01.0{i}", sommes="é") for i in (1, 2))
    write_entry(folder, first)
    whole = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(whole + (whole * 2)[:cut].replace(b"\n", b""))
    assert read_journal(folder) == (first,)
    write_entry(folder, second)
    assert read_journal(folder) == (first, second)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rien", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"quand":"2026-01-01T00:00:00Z","action":"effacement","version":"v"}', "Input should be 'promotion'"),
        ('{"quand":"2026-01-01T00:00:00","action":"promotion","version":"v"}', "timezone"),
        ('{"quand":"2026-01-01T00:00:00Z","action":"promotion"}', "Field required"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    write_entry(tmp_path, Entry(action="promotion", version="2026.01.31"))
    with (tmp_path / JOURNAL).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(QualityRefused, match=r"journal\.jsonl, line 2") as caught:
        read_journal(tmp_path)
    assert message in caught.value.found
