"""Promotion: one rename, a pointer that only moves to complete releases, and nothing broken by a kill -9 anywhere."""

import itertools
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from assets.release import promote as module
from assets.release.changes.check import DIFF, FOLDER
from assets.release.changes.diff import TABLE
from assets.release.journal import JOURNAL, read_journal
from assets.release.manifest import Code, Manifest, Verdict, check_sums, write_manifest, write_sums
from assets.release.promote import point_latest, promote, settle, staging_folder
from assets.release.versions import latest, list_releases, previous
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import all_contracts

ROOT = Path(__file__).parents[3]
V1, V2, V3 = "2026.01.31", "2026.02.15", "2026.02.15.1"


def staged(releases, version, content="contenu", **more):
    """A small finished staging folder, which says truly that nothing changed since the current release."""
    folder = staging_folder(releases, version)
    (folder / "csv").mkdir()
    (folder / "csv" / "t.csv").write_text(content)
    before = previous(releases, version)
    if before is not None:
        (folder / FOLDER).mkdir()
        pl.DataFrame(schema=all_contracts()[TABLE].polars_schema).write_parquet(folder / DIFF)
    write_manifest(
        folder,
        Manifest(
            version=version,
            titre="T",
            fictif=True,
            perimetre=("05",),
            date_reference=datetime(2026, 1, 31, tzinfo=UTC),
            licence="Licence Ouverte 2.0",
            code=Code(version="0", empreinte="c"),
            empreinte="e",
            verdict=Verdict(statut="conforme", cle="k", comptes={}),
            sources=(),
            tables=(),
            comptages={},
            fichiers=(),
            **{"precedente": before, **more},
        ),
    )
    write_sums(folder)
    return folder


@pytest.fixture
def releases(tmp_path):
    """A folder with one release."""
    folder = tmp_path / "releases"
    promote(staged(folder, V1), folder, V1)
    return folder


def test_a_release_is_in_place_read_only_and_pointed_to(releases):
    assert latest(releases) == V1
    assert (releases / "latest").readlink() == Path(V1)  # relative: the folder can be moved or mounted elsewhere
    assert (releases / "latest" / "csv" / "t.csv").read_text() == "contenu"
    assert all(p.stat().st_mode & 0o222 == 0 for p in (releases / V1).rglob("*") if p.is_file())
    check_sums(releases / V1)
    assert sorted(p.name for p in releases.iterdir()) == [V1, JOURNAL, "latest"]


def test_sums_are_those_of_the_common_tool(releases):
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=releases / V1, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_promoting_the_same_bytes_again_changes_nothing(releases):
    before = (releases / V1 / "manifest.json").stat()
    promote(staged(releases, V1), releases, V1)
    assert (releases / V1 / "manifest.json").stat().st_ino == before.st_ino
    assert sorted(p.name for p in releases.iterdir()) == [V1, JOURNAL, "latest"]


def test_other_content_under_the_same_version_is_refused(releases):
    folder = staged(releases, V1, "autre")
    with pytest.raises(QualityRefused, match="a release never changes"):
        promote(folder, releases, V1)
    assert (releases / V1 / "csv" / "t.csv").read_text() == "contenu"


def test_a_release_appearing_meanwhile_is_not_overwritten(releases, monkeypatch):
    folder = staged(releases, V2, "le mien")
    monkeypatch.setattr(module, "_seal", lambda _: shutil.copytree(releases / V1, releases / V2))
    with pytest.raises(QualityRefused, match="meanwhile"):
        promote(folder, releases, V2)
    assert (releases / V2 / "csv" / "t.csv").read_text() == "contenu"
    assert latest(releases) == V1


def test_an_older_release_does_not_take_the_pointer_back(releases):
    promote(staged(releases, V3), releases, V3)
    promote(staged(releases, V2), releases, V2)
    assert latest(releases) == V3
    assert list_releases(releases) == [V1, V2, V3]


def test_a_faulty_release_is_withdrawn_and_the_next_one_takes_over(releases):
    promote(staged(releases, V2), releases, V2)
    point_latest(releases, V1)
    assert latest(releases) == V1
    assert settle(releases) == []
    assert latest(releases) == V1
    promote(staged(releases, V3), releases, V3)
    assert latest(releases) == V3
    with pytest.raises(WrongUse, match=V1):
        point_latest(releases, "2020.01.01")


def test_the_journal_says_what_was_done(releases):
    promote(staged(releases, V2), releases, V2)
    point_latest(releases, V1, "carte fausse")
    done = [(e.action, e.version, e.depuis, e.motif) for e in read_journal(releases)]
    assert done == [
        ("promotion", V1, None, None),
        ("promotion", V2, None, None),
        ("pointeur", V1, V2, "carte fausse"),
    ]


def test_a_release_put_there_without_a_line_gets_one(releases):
    (releases / JOURNAL).unlink()
    assert settle(releases) == [f"publication {V1} : inscrite au journal"]
    assert settle(releases) == []
    assert [e.version for e in read_journal(releases)] == [V1]


def test_a_release_that_does_not_tell_its_changes_is_refused(releases):
    folder = staged(releases, V2)
    (folder / DIFF).unlink()
    write_sums(folder)
    with pytest.raises(QualityRefused, match=r"changements/diff\.parquet: a release tells what changed"):
        promote(folder, releases, V2)
    with pytest.raises(QualityRefused, match=r"a release that follows 2026\.01\.31, the current one; found one.*none"):
        promote(staged(releases, V2, precedente=None), releases, V2)
    with pytest.raises(QualityRefused, match=r"found one that follows 2025\.12\.31"):
        promote(staged(releases, V2, precedente="2025.12.31"), releases, V2)
    assert list_releases(releases) == [V1]


def test_a_release_that_tells_false_changes_is_refused(releases):
    folder = staged(releases, V2)
    line = {"table": "t__t", "changement": "ajouté", "raison": "offre", "lignes": 1}
    schema = all_contracts()[TABLE].polars_schema
    pl.DataFrame([dict.fromkeys(schema) | line], schema=schema, orient="row").write_parquet(folder / DIFF)
    write_sums(folder)
    with pytest.raises(QualityRefused, match=r"changes from 2026\.01\.31 to 2026\.02\.15: expected lines that"):
        promote(folder, releases, V2)


def test_a_release_staged_before_another_came_is_staged_again(releases):
    early = staged(releases, V3)
    promote(staged(releases, V2), releases, V2)
    early = early.rename(early.with_name(f"{early.name}0"))
    with pytest.raises(QualityRefused, match="stage it again"):
        promote(early, releases, V3)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "csv" / "t.csv").write_text("x"), "csv/t.csv has other bytes"),
        (lambda f: (f / "csv" / "t.csv").unlink(), "csv/t.csv missing"),
        (lambda f: (f / "csv" / "u.csv").write_text(""), "csv/u.csv not listed"),
        (lambda f: (f / "SHA256SUMS").unlink(), "no SHA256SUMS"),
    ],
)
def test_a_folder_that_is_not_intact_is_refused(releases, damage, message):
    folder = staged(releases, V2)
    damage(folder)
    with pytest.raises(QualityRefused, match=message):
        promote(folder, releases, V2)
    assert latest(releases) == V1
    assert list_releases(releases) == [V1]


def test_wrong_places_and_versions_are_explained(releases, tmp_path):
    with pytest.raises(QualityRefused, match=r"manifest of version 2026\.02\.15\.1"):
        promote(staged(releases, V2), releases, V3)
    with pytest.raises(WrongUse, match="one file system"):
        promote(staged(tmp_path / "elsewhere", V2), releases, V2)
    (releases / "latest").unlink()
    (releases / "latest").mkdir()
    with pytest.raises(WrongUse, match="symbolic link"):
        promote(staged(releases, V2), releases, V2)


def test_leftovers_of_dead_processes_are_swept_and_those_of_live_ones_kept(releases):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (releases / f".staging-{V2}-{int(dead.stdout)}" / "csv").mkdir(parents=True)
    live = releases / f".staging-{V2}-{os.getppid()}"
    live.mkdir()
    assert len(settle(releases)) == 1
    assert [p for p in releases.iterdir() if p.name.startswith(".")] == [live]
    os.utime(live, (0, 0))  # so old that the process number must have been given again
    settle(releases)
    assert not live.exists()


# Run apart: a fork is killed with SIGKILL before the n-th call that touches the disk, for every n.
_KILLER = """
import itertools, os, shutil, signal, sys
from pathlib import Path
from assets.release.promote import promote

base, out, version = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
for point in itertools.count():
    releases = out / str(point)
    shutil.copytree(base, releases, symlinks=True)
    child = os.fork()
    if child == 0:
        calls = itertools.count()
        def deadly(real):
            def call(*args, **kwargs):
                if next(calls) == point:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)
            return call
        for name in ("rename", "replace", "symlink", "unlink", "remove", "chmod", "fsync"):
            setattr(os, name, deadly(getattr(os, name)))
        promote(next(releases.glob(".staging-*")), releases, version)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
"""


@pytest.mark.lent
def test_killed_anywhere_the_pointer_shows_a_complete_release_and_the_next_run_succeeds(releases, tmp_path):
    staged(releases, V2, "nouveau")
    out = tmp_path / "points"
    out.mkdir()
    command = [sys.executable, "-c", _KILLER, str(releases), str(out), V2]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    points = sorted(out.iterdir(), key=lambda p: int(p.name))
    seen = []
    for folder in points:
        present, current = list_releases(folder), latest(folder)
        seen.append((len(present), current))
        assert current in present
        for version in present:
            check_sums(folder / version)
        settle(folder)
        assert latest(folder) == present[-1]  # a release that got in place is the current one after the next start
        assert [e.version for e in read_journal(folder)] == present
        # The next run: the same version if it never appeared, another otherwise.
        following = V3 if V2 in present else V2
        promote(staged(folder, following, "suivant"), folder, following)
        assert latest(folder) == following
        assert sorted(p.name for p in folder.iterdir()) == sorted([*present, following, JOURNAL, "latest"])
    # The three situations were met, in that order: before the rename, between rename and pointer, after.
    assert [k for k, _ in itertools.groupby(seen)] == [(1, V1), (2, V1), (2, V2)]
