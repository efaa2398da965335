"""The same graph as people who open Dagster launch it: one job, one partition, checks with their severities."""

import dagster as dg
import polars as pl
import pytest

from assets.release.assets import CONTRACT_CHECK, JUDGED, RELEASE
from assets.release.manifest import load_manifest
from assets.release.versions import latest, list_releases
from pipeline.build import build_defs
from pipeline.foundations.tables import TableStore
from pipeline.instance import instance_of
from pipeline.partitions import known_departements
from pipeline.resources import workspace

START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@pytest.fixture
def launch(mine, monkeypatch):
    """`launch(job, …)` on a copy of the demo; gives the run and its check evaluations by (asset, check)."""
    for name in ("CSP_DATA", "CSP_MIRROR", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)

    def run(job, *, mirror=None, **options):
        config = {"data_dir": str(mine.root.path), "mirror": str(mirror or ""), "frozen": mirror is None}
        defs = build_defs(resources={"workspace": workspace.configured(config)}, retries=False)
        with instance_of(mine.root) as instance:
            done = defs.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False, **options)
        checks = {(c.asset_key.to_user_string(), c.check_name): c for c in done.get_asset_check_evaluations()}
        return done, checks

    return run


def tamper(root, table, change):
    """Change a stored table as if it had been made so: nothing computes it again."""
    store = TableStore(root.tables)
    store.write(table, change(store.read(table)), recipe=store.state(table).recipe)


@pytest.mark.lent
def test_one_job_from_feeds_to_release(mine, launch, edition):
    """What the monthly schedule asks for: the whole country, one range, one run."""
    with instance_of(mine.root) as instance:
        known = known_departements(instance)
    former = latest(mine.root.releases)
    done, checks = launch("construire", mirror=edition(1).mirror, tags={START: known[0], END: known[-1]})
    assert done.success
    assert latest(mine.root.releases) != former
    assert set(load_manifest(mine.release).perimetre) == set(known)
    assert {(table, CONTRACT_CHECK) for table in JUDGED} <= set(checks)
    assert checks["raw__dila", "derniere_version_utilisable"].passed
    absent = checks["raw__bpe", "derniere_version_utilisable"]
    assert (absent.passed, absent.severity) == (False, dg.AssetCheckSeverity.WARN)
    made = {e.asset_key.to_user_string(): e.materialization for e in done.get_asset_materialization_events()}
    assert made[RELEASE].metadata["version"].value == latest(mine.root.releases)
    assert made["referentiel__implantations"].metadata["dagster/row_count"].value > 200
    assert "|" in made["referentiel__implantations"].metadata["aperçu"].value


@pytest.mark.lent
def test_a_table_that_breaks_its_contract_stops_the_release(mine, launch):
    """Its check fails as an error, those of the others pass, and nothing is published."""
    former = list_releases(mine.root.releases)
    tamper(mine.root, "territories__departements", lambda frame: pl.concat([frame, frame.head(1)]))
    done, checks = launch("publier")
    assert not done.success
    broken = checks["territories__departements", CONTRACT_CHECK]
    assert (broken.passed, broken.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "unique" in broken.metadata["détail"].value
    passed = {table for table in JUDGED if checks[table, CONTRACT_CHECK].passed}
    assert passed >= {"referentiel__permanences", "territories__epci"}
    failed = {e.step_key for e in done.all_events if e.is_step_failure}
    assert failed == {RELEASE}
    assert list_releases(mine.root.releases) == former
    assert not list(mine.root.releases.glob(".staging*"))
    # Later runs do not go through either: the verdict is stored.
    done, _ = launch("publier")
    assert not done.success
    assert list_releases(mine.root.releases) == former


def test_one_departement_alone(mine, launch):
    """Computed again alone, the same bytes; the others are not touched."""
    folder = mine.root.tables / "access__distances"
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.glob("*.parquet")}
    lost = sorted(before)[0]
    code = lost.removeprefix("departement=").removesuffix(".parquet")
    (folder / lost).unlink()
    done, _ = launch("acces", partition_key=code)
    assert done.success
    after = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.glob("*.parquet")}
    assert {n: b for n, (_, b) in after.items()} == {n: b for n, (_, b) in before.items()}
    assert {n for n in after if after[n][0] != before[n][0]} == {lost}
    # Asked again, nothing is computed.
    assert launch("acces", partition_key=code)[0].success
    assert {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.glob("*.parquet")} == after


def test_a_departement_that_does_not_exist(launch):
    with pytest.raises(dg.DagsterUnknownPartitionError):
        launch("acces", partition_key="99")
