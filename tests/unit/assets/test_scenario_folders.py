"""Folders of results: replaced whole, or left as they were."""

import pytest

from assets.scenarios.folders import replaced
from pipeline.foundations.errors import WrongUse

MARK = "scenario.json"


def fill(folder, text):
    with replaced(folder, MARK) as aside:
        (aside / MARK).write_text(text, encoding="utf-8")


def test_results_take_the_place_of_those_before(tmp_path):
    folder = tmp_path / "a" / "projet"
    fill(folder, "un")
    (folder / "ancien.parquet").touch()
    fill(folder, "deux")
    assert [p.name for p in folder.iterdir()] == [MARK]
    assert (folder / MARK).read_text(encoding="utf-8") == "deux"
    assert [p.name for p in folder.parent.iterdir()] == ["projet"]


def test_a_failure_leaves_what_was_there(tmp_path):
    folder = tmp_path / "projet"
    fill(folder, "un")
    with pytest.raises(RuntimeError), replaced(folder, MARK):
        raise RuntimeError
    assert (folder / MARK).read_text(encoding="utf-8") == "un"
    assert [p.name for p in tmp_path.iterdir()] == ["projet"]


def test_what_is_not_results_is_never_deleted(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    fill(folder, "un")  # an empty folder may be given
    other = tmp_path / "photos"
    other.mkdir()
    (other / "vacances.jpg").touch()
    with pytest.raises(WrongUse, match="give another --out"):
        fill(other, "deux")
    with pytest.raises(WrongUse, match="give another --out"):
        fill(other / "vacances.jpg", "deux")
    assert (other / "vacances.jpg").exists()
