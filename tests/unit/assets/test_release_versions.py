"""Calendar versions: their order, the next one, and the errors of who asks for one that is not there."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.release.manifest import MANIFEST
from assets.release.versions import find, latest, list_releases, next_version, order, read_manifest
from pipeline.foundations.errors import QualityRefused, WrongUse


@pytest.fixture
def releases(tmp_path):
    """Three releases and things that are not."""
    for version in ("2026.01.31", "2026.01.31.2", "2026.01.31.10"):
        (tmp_path / version).mkdir()
        (tmp_path / version / MANIFEST).write_text("{}")
    (tmp_path / "2026.02.01").mkdir()  # no manifest: not a release
    (tmp_path / ".staging-2026.02.02-1").mkdir()
    (tmp_path / "brouillon").mkdir()
    (tmp_path / "latest").symlink_to("2026.01.31.10")
    return tmp_path


def test_releases_are_listed_oldest_first_by_number_not_by_letter(releases):
    assert list_releases(releases) == ["2026.01.31", "2026.01.31.2", "2026.01.31.10"]
    assert latest(releases) == "2026.01.31.10"


def test_an_absent_folder_has_no_release(tmp_path):
    assert list_releases(tmp_path / "none") == []
    assert latest(tmp_path / "none") is None
    assert next_version(tmp_path / "none", date(2026, 3, 5)) == "2026.03.05"


def test_next_version_takes_the_next_rank_of_the_day(releases):
    assert next_version(releases, date(2026, 1, 31)) == "2026.01.31.11"
    assert next_version(releases, date(2026, 2, 1)) == "2026.02.01"


def test_a_pointer_to_a_removed_release_points_to_nothing(releases):
    (releases / "2026.01.31.10" / MANIFEST).unlink()
    assert latest(releases) is None


def test_unknown_version_lists_those_present(releases, tmp_path):
    with pytest.raises(WrongUse, match=r"2026\.01\.31, 2026\.01\.31\.2, 2026\.01\.31\.10"):
        find(releases, "2025.12.01")
    with pytest.raises(WrongUse, match="no release at all"):
        find(tmp_path / "none", "latest")
    with pytest.raises(WrongUse):
        find(releases, "../elsewhere")


def test_an_unreadable_manifest_is_refused(releases):
    with pytest.raises(QualityRefused, match=r"manifest\.json"):
        read_manifest(releases, "2026.01.31")


@pytest.mark.parametrize(
    "text", ["2026.1.31", "2026.02.30", "2026.01.31.0", "2026.01.31.01", "latest", "", "2026.01.31\n", "٢٠٢٦.01.31"]
)
def test_other_forms_are_refused(text):
    with pytest.raises(WrongUse, match=r"YYYY\.MM\.DD"):
        order(text)


@given(st.dates(min_value=date(1000, 1, 1)), st.integers(1, 999))
def test_a_rank_comes_after_its_day_and_before_the_next(day, rank):
    base = f"{day:%Y.%m.%d}"
    assert order(base) < order(f"{base}.{rank}") < order(f"{base}.{rank + 1}")
    if day < date.max:
        assert order(f"{base}.{rank}") < order(f"{date.fromordinal(day.toordinal() + 1):%Y.%m.%d}")
