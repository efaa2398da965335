"""A build killed at any moment (kill -9): `latest` shows a whole release, and the next run ends well."""

import time

import pytest

from assets.release.manifest import check_sums, load_manifest
from assets.release.versions import latest, list_releases
from pipeline import run
from pipeline.foundations.lock import exclusive
from pipeline.foundations.tables import TableStore


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
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed(mine, edition, csp_start, moment):
    root, look = mine.root, MOMENTS[moment]
    former, start = latest(root.releases), look(root)
    process = csp_start("build", "--data", root.path, "--mirror", edition(1).mirror)
    until = time.monotonic() + 200
    while look(root) == start and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    assert process.poll() is None, "the build ended before its moment came"
    process.kill()
    process.wait()

    current = latest(root.releases)
    assert current in list_releases(root.releases)
    if current != former:
        assert moment in {"when the release appears", "while the warehouse is written"}
    for version in list_releases(root.releases):
        check_sums(root.releases / version)

    outcome = run.build(root, "all", mirror=edition(1).mirror)
    assert latest(root.releases) == outcome.version != former
    assert list_releases(root.releases) == [former, outcome.version]
    check_sums(root.releases / outcome.version)
    assert {s.etat for s in load_manifest(outcome.path).sources} == {"à jour", "absente"}
    assert not list(root.releases.glob(".*"))
    assert not list(root.snapshots.rglob(".tmp-*"))
    distances = TableStore(root.tables).read_all("access__distances", load_manifest(outcome.path).perimetre)
    assert distances.height == {t.layer: t.lignes for t in load_manifest(outcome.path).tables}["distances"]
    assert root.warehouse.is_file()


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
