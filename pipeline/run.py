"""Launch the jobs from a process: what `csp build` and the tests call. What a stage does is the assets' business."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from assets.access.tables import departements_with_roads, stale_departements
from assets.release.assets import RELEASE, VERDICT
from assets.release.versions import latest
from pipeline.build import build_defs
from pipeline.foundations.codes import parse_departements
from pipeline.foundations.errors import CspError
from pipeline.foundations.lock import exclusive
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.snapshots import SnapshotStore
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import declare_fictional
from pipeline.instance import instance_of
from pipeline.partitions import contiguous_ranges, known_departements
from pipeline.resources import workspace
from quality.acceptances import load_acceptances

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Outcome:
    """What a build left: the current version, and whether this build made it."""

    version: str
    path: Path
    new: bool


def build(
    root: DataRoot,
    departements: str,
    *,
    mirror: Path | None = None,
    frozen: bool = False,
    geocode: bool = False,
    fictional: bool = False,
) -> Outcome:
    """From feeds to a promoted release, on one data root.

    Args:
        departements: `all`, or codes separated by commas.
        fictional: the feeds are invented, and the data root is theirs from now on.

    Raises:
        CspError: with the exit code that says why (see `ExitCode`).
    """
    if fictional:
        declare_fictional(root)
    load_acceptances(root.acceptances)  # badly written, they are refused before any work
    defs = _defs(root, mirror, frozen=frozen, geocode=geocode)
    with exclusive(root.path), instance_of(root) as instance:
        before = latest(root.releases)
        if (root.tables / "territories__departements.json").is_file():
            # Refuse a wrong code before any work when the départements are already known.
            parse_departements(departements, _known(root))
        _execute(defs, "actualiser", instance)
        selected = parse_departements(departements, _known(root))
        # Those that are up to date are left alone: for each partition of a run Dagster writes a dozen rows of its log.
        tables = TableStore(root.tables)
        around = _around(tables, selected, departements_with_roads(SnapshotStore(root.snapshots)))
        stale = stale_departements(tables, [*selected, *around])
        for first, last in contiguous_ranges(stale, known_departements(instance)):
            tags = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
            _execute(defs, "acces", instance, tags=tags)
        perimeter = {"config": {"departements": selected}}
        _execute(defs, "publier", instance, run_config={"ops": {VERDICT: perimeter, RELEASE: perimeter}})
        now = latest(root.releases)
    if now is None:
        raise CspError(
            f"data root {root.path}", expected="a promoted release", found="none", remedy="look at the run in `csp dev`"
        )
    return Outcome(now, root.releases / now, new=now != before)


def refresh(root: DataRoot, sources: Sequence[str], *, mirror: Path | None = None, frozen: bool = False) -> None:
    """Bring only some sources up to date, without going further.

    Raises:
        CspError: a required source has no usable version.
    """
    defs = _defs(root, mirror, frozen=frozen)
    keys = [dg.AssetKey(f"raw__{name}") for name in sources]
    with exclusive(root.path), instance_of(root) as instance:
        _execute(defs, "actualiser", instance, asset_selection=keys)


def _defs(root: DataRoot, mirror: Path | None, *, frozen: bool, geocode: bool = False) -> dg.Definitions:
    config = {"data_dir": str(root.path), "mirror": str(mirror or ""), "frozen": frozen, "geocode": geocode}
    return build_defs(resources={"workspace": workspace.configured(config)}, retries=False)


def _around(tables: TableStore, selected: list[str], with_roads: list[str]) -> list[str]:
    """Départements beyond the border of those selected whose people share their counters, among those with roads."""
    if set(with_roads) <= set(selected):
        return []
    # Late: a run of départements without roads does without SciPy.
    from assets.access.border import beyond_the_border

    return beyond_the_border(tables.read("territories__communes"), selected, with_roads)


def _known(root: DataRoot) -> list[str]:
    return TableStore(root.tables).read("territories__departements")["code"].to_list()


def _execute(defs: dg.Definitions, job: str, instance: dg.DagsterInstance, **options: Any) -> None:
    options["run_config"] = {**_QUIET, **options.get("run_config", {})}
    try:
        defs.resolve_job_def(job).execute_in_process(instance=instance, **options)
    except Exception as error:
        raise _cause(error) from error


def _cause(error: BaseException) -> BaseException:
    """The project's own error inside Dagster's, when there is one: it carries the message and the exit code."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, CspError):
            return inner
        inner = getattr(inner, "user_exception", None) or inner.__cause__
    return error
