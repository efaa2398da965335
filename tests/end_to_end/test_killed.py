"""A build killed at any moment (kill -9): `latest` shows a whole release, and the next run ends well."""

import time

import pytest

from assets.release.manifest import check_sums, load_manifest
from assets.release.versions import latest, list_releases
from outputs.warehouse import version_of
from pipeline import run
from pipeline.foundations.lock import exclusive


def modified(path):
    return path.stat().st_mtime_ns if path.exists() else None


def count(folder, pattern):
    return len(list(folder.glob(pattern)))


#: Each moment: what to look at in the data root; the build is killed as soon as it is no longer what it was.
MOMENTS = {
    "while feeds come in": lambda root: count(root.snapshots / "dila" / "locale", "*"),
    "among the tables": lambda root: modified(root.tables / "referentiel__constats.parquet"),
    "among the départements": lambda root: (
        count(root.tables / "access__distances", "*.tmp")
        + sum(modified(p) for p in (root.tables / "access__distances").glob("*.parquet"))
    ),
    "once judged": lambda root: modified(root.quality / "verdict.json"),
    "while the release is written": lambda root: count(root.releases, ".staging-*/geoparquet/*"),
    "when the release appears": lambda root: count(root.releases, "[0-9]*"),
    "while the warehouse is written": lambda root: modified(root.warehouse),
}


@pytest.mark.lent
def test_killed_at_every_moment_in_turn(mine, grown, edition, csp_start):
    """Each build goes on from what the killed one left; the last gives the release of a build that nobody killed."""
    root = mine.root
    former = latest(root.releases)
    for moment, look in MOMENTS.items():
        if moment == "while the warehouse is written":
            root.warehouse.unlink()
        kill_when(csp_start("build", "--data", root.path, "--mirror", edition(1).mirror), moment, root, look)
        current = latest(root.releases)
        assert current in list_releases(root.releases), moment
        if current != former:
            assert moment in {"when the release appears", "while the warehouse is written"}
        for version in list_releases(root.releases):
            check_sums(root.releases / version)

    outcome = run.build(root, "all", mirror=edition(1).mirror)
    assert latest(root.releases) == outcome.version != former
    assert list_releases(root.releases) == [former, outcome.version]
    check_sums(outcome.path)
    assert {s.etat for s in load_manifest(outcome.path).sources} == {"à jour", "absente"}
    assert not list(root.releases.glob(".*"))
    assert not list(root.snapshots.rglob(".tmp-*"))
    assert version_of(root.warehouse) == outcome.version
    ours, theirs = (
        {table.layer: table.lignes for table in load_manifest(path).tables} for path in (outcome.path, grown.release)
    )
    assert ours == theirs
    for path in sorted((grown.release / "csv").glob("*.csv")):
        assert (outcome.path / "csv" / path.name).read_bytes() == path.read_bytes(), path.name


def kill_when(process, moment, root, look):
    """Kill a build as soon as what it is looked at for moves."""
    start = look(root)
    while look(root) == start and process.poll() is None:
        time.sleep(0.002)
    assert process.poll() is None, f"{moment}: the build ended before that: {process.communicate()}"
    process.kill()
    process.wait()


def test_a_build_holds_its_data_root(mine, csp_here):
    """The second of two at once is refused before it touches anything."""
    before = sorted(mine.root.path.rglob("*"))
    with exclusive(mine.root.path):
        for command in (["build", "--frozen"], ["sources", "check", "caf"], ["demo"]):
            said = csp_here(*command, "--data", mine.root.path)
            assert said.code == 2, command
            assert "no other build running on it" in said.err
    assert sorted(mine.root.path.rglob("*")) == before
    assert csp_here("sources", "check", "caf", "--data", mine.root.path).code == 0
