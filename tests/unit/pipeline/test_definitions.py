"""The code location: it loads, its jobs cover the assets, its schedules and sensor ask for what they say."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from assets.release.assets import CONTRACT_CHECK, JUDGED
from assets.territories.assets import DEPARTEMENTS
from pipeline.build import build_defs, column_schema
from pipeline.foundations.errors import WrongUse
from pipeline.resources import workspace
from pipeline.schedules import DAILY_CHECK, monthly_release
from quality.contract import all_contracts
from sources.registry import all_sources

ROOT = Path(__file__).parents[3]
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@pytest.fixture(scope="module")
def defs():
    return build_defs()


@pytest.fixture(scope="module")
def specs(defs):
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def names(job):
    return {key.to_user_string() for key in job.asset_layer.executable_asset_keys}


def test_it_is_what_dagster_validates(defs):
    dg.Definitions.validate_loadable(defs)


def test_what_dagster_dev_loads():
    from pipeline.definitions import defs as loaded

    dg.Definitions.validate_loadable(loaded)


def test_every_source_is_an_asset_and_every_contract_a_described_one(specs):
    assert {f"raw__{source}" for source in all_sources()} <= set(specs)
    for table, contract in all_contracts().items():
        if table.startswith("release__"):  # a file that tells releases, made while one is staged
            continue
        schema = specs[table].metadata["dagster/column_schema"]
        assert [c.name for c in schema.columns] == [c.name for c in contract.columns]
    assert all(spec.description and spec.group_name for spec in specs.values())


def test_no_asset_hangs_in_the_air(specs):
    """Each dependency is an asset of the location, none is a name mistyped."""
    for spec in specs.values():
        assert {d.asset_key.to_user_string() for d in spec.deps} <= set(specs), spec.key


def test_the_contract_is_shown_with_its_constraints():
    contract = all_contracts()["referentiel__implantations"]
    columns = {c.name: c for c in column_schema(contract).columns}
    assert columns["service_id"].constraints.nullable is False
    assert columns["service_id"].constraints.unique is contract.column("service_id").unique
    assert contract.column("service_nom").title in columns["service_nom"].description


def test_the_jobs_cover_every_asset(defs, specs):
    jobs = {job.name: job for job in defs.resolve_all_job_defs()}
    assert {"actualiser", "acces", "publier", "construire"} <= set(jobs)
    assert names(jobs["scenario"]) == {"scenarios__evaluation"}
    built = set(specs) - names(jobs["scenario"])  # a project is evaluated on a release that is there
    assert names(jobs["construire"]) == built
    pieces = [names(jobs[name]) for name in ("actualiser", "acces", "publier")]
    assert set.union(*pieces) == built
    assert sum(map(len, pieces)) == len(built)  # no asset is made twice by one `csp build`


def test_checks_belong_to_the_jobs_that_make_their_results(defs):
    def checks(name):
        layer = defs.resolve_job_def(name).asset_layer
        keys = {k for data in layer.data for k in layer.get_selected_entity_keys_for_node(data.node_handle)}
        return {(k.asset_key.to_user_string(), k.name) for k in keys if isinstance(k, dg.AssetCheckKey)}

    contracts = {(table, CONTRACT_CHECK) for table in JUDGED}
    sources = {(f"raw__{s}", "derniere_version_utilisable") for s in all_sources()}
    assert sources <= checks("actualiser")
    assert not contracts & checks("actualiser")
    assert contracts <= checks("publier")
    assert contracts | sources <= checks("construire")
    assert not checks("acces")


def test_the_command_line_does_not_wait_for_the_retries_of_the_daemon():
    def policies(defs):
        graph = defs.resolve_asset_graph()
        return [graph.get(k).assets_def.op.retry_policy for k in graph.materializable_asset_keys if "raw__" in str(k)]

    assert all(policies(build_defs()))
    assert not any(policies(build_defs(retries=False)))


# --- schedules and sensor ---------------------------------------------------------------------------------------------


def tick(schedule, instance):
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2026, 12, 2, 6, tzinfo=ZoneInfo("Europe/Paris"))
    )
    return schedule.evaluate_tick(context)


def test_the_monthly_release_waits_for_the_departements():
    with dg.instance_for_test() as instance:
        asked = tick(monthly_release, instance)
        assert not asked.run_requests
        assert "actualiser" in asked.skip_message


def test_the_monthly_release_is_of_the_whole_country_in_one_run():
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions(DEPARTEMENTS.name, ["01", "05", "2A", "971"])
        (request,) = tick(monthly_release, instance).run_requests
        assert (request.tags[START], request.tags[END]) == ("01", "971")
        with partition_loading_context(dynamic_partitions_store=instance):
            keys = DEPARTEMENTS.get_partition_keys_in_range(dg.PartitionKeyRange("01", "971"))
        assert list(keys) == ["01", "05", "2A", "971"]


def test_the_daily_check_runs_without_configuration():
    with dg.instance_for_test() as instance:
        (request,) = tick(DAILY_CHECK, instance).run_requests
        assert not request.run_config


def test_when_they_run(defs):
    schedules = {s.name: s for s in defs.schedules}
    assert schedules["version_mensuelle"].cron_schedule == "0 6 2 * *"
    assert {s.execution_timezone for s in schedules.values()} == {"Europe/Paris"}
    assert all(s.description for s in schedules.values())


def test_the_sensor_asks_for_one_publication_per_run(defs):
    (sensor,) = defs.sensors
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    job = defs.resolve_job_def("publier")
    with dg.instance_for_test() as instance:
        run = instance.create_run_for_job(job)
        event = dg.DagsterEvent("PIPELINE_SUCCESS", job_name="acces")
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor.name, dagster_event=event, dagster_instance=instance, dagster_run=run
        )
        assert sensor(context).run_key == run.run_id


# --- the workspace of a run -------------------------------------------------------------------------------------------


def workspace_of(**config):
    return workspace(dg.build_init_resource_context(config=config))


def test_the_environment_is_read_when_a_run_starts(monkeypatch, tmp_path):
    monkeypatch.setenv("CSP_DATA", str(tmp_path / "a"))
    assert workspace_of().root.path == tmp_path / "a"
    (tmp_path / "m").mkdir()
    monkeypatch.setenv("CSP_DATA", str(tmp_path / "b"))
    monkeypatch.setenv("CSP_MIRROR", str(tmp_path / "m"))
    made = workspace_of()
    assert (made.root.path, made.mirror) == (tmp_path / "b", tmp_path / "m")
    assert workspace_of(data_dir=str(tmp_path / "c")).root.path == tmp_path / "c"


def test_a_mirror_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("CSP_MIRROR", str(tmp_path / "absent"))
    with pytest.raises(WrongUse, match="no such folder"):
        workspace_of()


def test_invented_data_is_told_by_the_root(monkeypatch, tmp_path):
    """A run of the daemon on the demo's folder says so too, and asks no real producer."""
    monkeypatch.delenv("CSP_MIRROR", raising=False)
    assert workspace_of(data_dir=str(tmp_path)).fictional is False
    (tmp_path / "DONNEES-FICTIVES.txt").touch()
    with pytest.raises(WrongUse, match="invented data"):
        workspace_of(data_dir=str(tmp_path))
    assert workspace_of(data_dir=str(tmp_path), frozen=True).fictional is True
