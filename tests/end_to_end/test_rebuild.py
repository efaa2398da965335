"""Building again: same snapshots, same bytes; nothing new, nothing done; something new, only what follows from it."""

import json
import os
import shutil

import pytest

from assets.raw.ingest import read_state
from assets.release.manifest import files_of, load_manifest
from assets.release.versions import latest, list_releases
from pipeline import run
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.tables import TableStore
from pipeline.instance import instance_of


def state_of(root):
    """Each table: when its file was written, and what is in it."""
    return {
        path.relative_to(root.tables).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.tables.rglob("*.parquet"))
    }


def contents(state):
    return {name: content for name, (_, content) in state.items()}


def written(before, after):
    """Tables written again, same bytes or not."""
    assert before.keys() == after.keys()
    return {name.partition(".parquet")[0] for name in after if after[name][0] != before[name][0]}


def decided(names):
    """Whether these are all decided with the memory of the last release, hence once more after each release."""
    return all(n.startswith("referentiel__") and "constats" not in n and n != "referentiel__groupes" for n in names)


@pytest.mark.lent
def test_same_snapshots_same_bytes(demo, csp_start, tmp_path):
    """Other folder, hash seed, locale, time zone, width and threads than the demo's: every file is the same."""
    root = DataRoot(tmp_path / "ailleurs")
    shutil.copytree(demo.root.snapshots, root.snapshots)
    shutil.copy(demo.root.fictional_mark, root.path)
    os.utime(root.snapshots / "dila" / "etat.json", (1, 1))
    variables = {"PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland", "LC_ALL": "C", "POLARS_MAX_THREADS": "1"}
    process = csp_start("build", "--mirror", demo.mirror, "--data", root.path, **variables, COLUMNS="60")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    release = root.releases / latest(root.releases)
    one, other = (
        dict(line.split("  ")[::-1] for line in (path / "SHA256SUMS").read_text().splitlines())
        for path in (demo.release, release)
    )
    assert len(one) > 40
    assert {name for name in {**one, **other} if one.get(name) != other.get(name)} == set()
    assert {p.relative_to(release).as_posix() for p in files_of(release)} == {*other, "SHA256SUMS"}


@pytest.mark.lent
def test_nothing_new_nothing_done(mine, csp_here, said):
    """The run after a release decides once more, now that ids have a past, and finds the same; then nothing at all."""
    before, releases = state_of(mine.root), sorted(p.name for p in mine.root.releases.iterdir())
    outcome = run.build(mine.root, "all", mirror=mine.mirror)
    assert (outcome.new, outcome.version) == (False, latest(mine.root.releases))
    after = state_of(mine.root)
    assert contents(after) == contents(before)
    assert decided(written(before, after))
    assert not {"territoires", "harmonisation des sources", "contrôle qualité"} & set(said.steps)
    spoken = csp_here("build", "--frozen", "--data", mine.root.path)
    assert spoken.code == 0, spoken.err
    assert f"Rien de nouveau : la version courante reste {outcome.version}" in spoken.out
    assert state_of(mine.root) == after
    assert sorted(p.name for p in mine.root.releases.iterdir()) == releases


@pytest.mark.lent
def test_nothing_new_after_a_release_made_with_the_memory_of_another(grown, tmp_path, said):
    mine = grown.copy(tmp_path / "donnees")
    before = state_of(mine.root)
    assert not run.build(mine.root, "all", mirror=mine.mirror).new
    assert state_of(mine.root) == before
    assert "référentiel des points d'accueil" not in said.steps


@pytest.mark.lent
def test_only_what_is_out_of_date_is_launched(mine):
    """No run over the départements when they are up to date; one of them when its distances are lost."""
    with instance_of(mine.root) as instance:
        former = {run.run_id for run in instance.get_runs()}

    def launched():
        with instance_of(mine.root) as instance:
            return [(r.job_name, r.tags) for r in instance.get_runs() if r.run_id not in former]

    run.build(mine.root, "all", frozen=True)
    assert sorted(name for name, _ in launched()) == ["actualiser", "publier"]
    lost = TableStore(mine.root.tables).read("territories__departements")["code"][0]
    TableStore(mine.root.tables).path("access__distances", lost).unlink()
    run.build(mine.root, "all", frozen=True)
    (tags,) = [tags for name, tags in launched() if name == "acces"]
    assert (tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]) == (lost, lost)


@pytest.mark.lent
def test_the_same_bytes_dated_anew_are_nothing_new(mine):
    for path in mine.mirror.rglob("*"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
    before = state_of(mine.root)
    assert not run.build(mine.root, "all", mirror=mine.mirror).new
    assert not run.build(mine.root, "all", mirror=mine.mirror).new
    assert contents(state_of(mine.root)) == contents(before)


@pytest.mark.lent
def test_one_feed_changed_recomputes_what_follows_from_it(mine, feeds, edition, said):
    before, version = state_of(mine.root), latest(mine.root.releases)
    source = feeds(mine.mirror)
    source.path("france_services").write_bytes(feeds(edition(1).mirror).path("france_services").read_bytes())
    outcome = run.build(mine.root, "all", mirror=mine.mirror)
    assert outcome.new
    assert list_releases(mine.root.releases) == [version, outcome.version]
    moved = written(before, state_of(mine.root))
    assert {"raw__france_services", "referentiel__constats", "referentiel__implantations"} <= moved
    assert any(name.startswith("access__distances/") for name in moved)
    still = {name for name in moved if name.startswith(("territories__", "raw__"))}
    assert still == {"raw__france_services", "raw__france_services_issues"}
    assert "territoires" not in said.steps
    assert [s for s in said.steps if "harmonisation" in s] == [
        "harmonisation des sources",
        "france_services : harmonisation",
    ]
    told = {s.id: s for s in load_manifest(outcome.path).sources}
    former = {s.id: s for s in load_manifest(mine.root.releases / version).sources}
    assert {n for n in told if told[n].fichiers != former[n].fichiers} == {"france_services"}


@pytest.mark.lent
def test_a_month_later(grown, demo):
    """A second release beside the first, which has not moved; what did not change kept its identifier."""
    assert grown.said.code == 0, grown.said.err
    first, second = list_releases(grown.root.releases)
    assert latest(grown.root.releases) == second
    for path in files_of(demo.release):
        copied = grown.root.releases / first / path.relative_to(demo.release)
        assert copied.read_bytes() == path.read_bytes()
    one, two = (TableStore(b.root.tables).read("referentiel__implantations") for b in (demo, grown))
    kept = set(one["service_id"]) & set(two["service_id"])
    assert 0.9 < len(kept) / one.height < 1
    assert two.height - len(kept) >= 1


@pytest.mark.lent
def test_another_perimeter_is_another_version(mine):
    """The tables stay national: only the cut changes."""
    before = state_of(mine.root)
    (one, _) = load_manifest(mine.release).perimetre
    outcome = run.build(mine.root, one, frozen=True)
    assert outcome.new
    assert contents(state_of(mine.root)) == contents(before)
    manifest = load_manifest(outcome.path)
    assert manifest.perimetre == (one,)
    rows = {t.layer: t.lignes for t in manifest.tables}
    assert rows["departements"] == 1
    assert 0 < rows["communes"] < 120
    assert run.build(mine.root, "all", frozen=True).new


@pytest.mark.lent
def test_a_table_damaged_on_disk_is_made_again(mine):
    before = state_of(mine.root)
    path = mine.root.tables / "referentiel__implantations.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    path.with_name("territories__communes.json").write_text("{")
    outcome = run.build(mine.root, "all", frozen=True)
    assert not outcome.new
    after = state_of(mine.root)
    assert contents(after) == contents(before)


@pytest.mark.lent
def test_invented_data_stays_invented(mine, csp_here):
    """The demo's folder, built again by the ordinary command, still says so; real feeds never come in."""
    (mine.root.tables / "referentiel__implantations.json").unlink()
    shutil.rmtree(mine.root.releases)
    spoken = csp_here("build", "--frozen", "--data", mine.root.path)
    assert spoken.code == 0, spoken.err
    assert load_manifest(mine.root.releases / latest(mine.root.releases)).fictif is True
    spoken = csp_here("build", "--data", mine.root.path)
    assert spoken.code == 2
    assert "invented data" in spoken.err


def test_the_demo_refuses_a_folder_of_real_data(demo, csp_here, tmp_path):
    shutil.copytree(demo.root.snapshots, tmp_path / "snapshots")
    before = sorted(tmp_path.rglob("*"))
    spoken = csp_here("demo", "--data", tmp_path)
    assert spoken.code == 2
    assert "snapshots of real feeds" in spoken.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.lent
def test_a_smaller_country_than_before(mine, tmp_path):
    """Départements that no longer exist are nobody's partition any more."""
    from pipeline.partitions import known_departements
    from sources.demo.write import write_mirror

    facts = write_mirror(tmp_path / "petit", departements=1)
    (code,) = facts.departements
    with pytest.raises(Exception, match="verdict"):  # half of everything is gone: the movements are refused
        run.build(mine.root, "all", mirror=tmp_path / "petit")
    with instance_of(mine.root) as instance:
        assert known_departements(instance) == [code]
    assert read_state(mine.root.snapshots, "cog").etat == "à jour"
    assert json.loads((mine.root.quality / "verdict.json").read_text())["statut"] == "refusé"
