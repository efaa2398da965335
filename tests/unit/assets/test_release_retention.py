"""Old releases go, never the current one nor the one it follows; whole or not at all; and their versions stay given."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from assets.release import retention
from assets.release.journal import read_journal
from assets.release.promote import point_latest, promote, settle
from assets.release.retention import prunable, remove
from assets.release.versions import latest, list_releases, next_version, withdrawn
from pipeline.foundations.errors import QualityRefused, WrongUse
from tests.unit.assets.test_release_promote import staged

ROOT = Path(__file__).parents[3]
V1, V2, V3, V4 = "2026.01.31", "2026.02.15", "2026.02.15.1", "2026.03.01"


@pytest.fixture
def releases(tmp_path):
    """Four releases, each following the one before."""
    folder = tmp_path / "releases"
    for version in (V1, V2, V3, V4):
        promote(staged(folder, version, version), folder, version)
    return folder


def test_the_newest_stay_with_the_current_one_and_the_one_it_follows(releases):
    assert prunable(releases, 4) == []
    assert prunable(releases, 2) == [V1, V2]
    assert prunable(releases, 1) == [V1, V2]
    point_latest(releases, V2)
    assert withdrawn(releases) == [V3, V4]
    assert prunable(releases, 1) == [V3]
    with pytest.raises(WrongUse, match="--keep: expected 1 or more; found 0"):
        prunable(releases, 0)


def test_without_pointer_the_newest_stays(releases):
    (releases / "latest").unlink()
    assert prunable(releases, 1) == [V1, V2, V3]


def test_when_the_one_it_follows_is_gone_the_one_before_stays(releases):
    import shutil

    shutil.rmtree(releases / V3)
    assert prunable(releases, 1) == [V1]


def test_a_release_removed_is_gone_and_written_down(releases):
    remove(releases, V1)
    assert list_releases(releases) == [V2, V3, V4]
    assert latest(releases) == V4
    last = read_journal(releases)[-1]
    assert (last.action, last.version) == ("suppression", V1)
    assert last.sommes
    assert not list(releases.glob(".*"))


@pytest.mark.parametrize("version", [V4, V3, "latest"])
def test_the_current_one_and_the_one_it_follows_are_not_removed(releases, version):
    with pytest.raises(WrongUse, match="neither the current one nor the one it follows"):
        remove(releases, version)
    assert list_releases(releases) == [V1, V2, V3, V4]


def test_a_version_given_once_is_never_given_to_another_content(releases):
    point_latest(releases, V2)
    remove(releases, V3)
    assert next_version(releases, date(2026, 2, 15)) == "2026.02.15.2"
    with pytest.raises(QualityRefused, match=r"2026\.02\.15\.1: expected a version not used yet.*removed since"):
        promote(staged(releases, V3, "autre"), releases, V3)


def test_killed_while_removing_the_release_is_there_or_gone(releases):
    code = (
        "import os, shutil, signal, sys; from pathlib import Path\n"
        "from assets.release import retention\n"
        "shutil.rmtree = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL) if not k else None\n"
        "retention.remove(Path(sys.argv[1]), sys.argv[2])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(releases), V1], cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert list_releases(releases) == [V2, V3, V4]
    assert len(list(releases.glob(f"{retention._REMOVED}*"))) == 1
    settle(releases)
    assert not list(releases.glob(".*"))
