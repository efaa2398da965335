"""Scenarios side by side: folders of results, or files evaluated first when their results are not there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.release.versions import LATEST, find, read_manifest
from assets.scenarios.folders import replaceable, replaced
from assets.scenarios.read import read_scenario
from assets.scenarios.results import edition_on, evaluate_file, print_of
from outputs.scenario.comparison import Comparison
from outputs.scenario.document import Report
from outputs.scenario.products import COMPARED, write_comparison
from outputs.scenario.results import Results, open_results
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace

_LONGEST = 80  # characters of a folder's name


@dataclass(frozen=True)
class Compared:
    """The report of a comparison and where it was written."""

    report: Report
    folder: Path


def compare(
    workspace: Workspace, given: Sequence[Path], version: str | None = None, *, out: Path | None = None
) -> Compared:
    """Set scenarios side by side, and write it in a folder, whole.

    Args:
        given: folders of results, or scenario files.
        version: base of the files that name none.
        out: another folder than `comparaisons/` of the data root.

    Raises:
        WrongUse: a fault of one of them, or they are not on one release of this data root.
    """
    folder = out or workspace.root.path / "comparaisons" / "-".join(path.resolve().stem for path in given)[:_LONGEST]
    replaceable(folder, COMPARED[-1])
    found = [_results(workspace, path, version) for path in given]
    compared = Comparison(tuple(found))
    base = compared.several[0].summary
    release = find(workspace.root.releases, base.version_base)
    manifest = read_manifest(workspace.root.releases, release.name)
    if manifest.empreinte != base.empreinte_base:
        raise WrongUse(
            "comparison of scenarios",
            expected=f"results on the release {base.version_base} of this data root ({manifest.empreinte[:12]})",
            found=f"results on another of that name ({base.empreinte_base[:12]})",
            remedy="evaluate the scenarios again here",
        )
    reporter().step("scénarios : côte à côte")
    with replaced(folder, COMPARED[-1]) as aside:
        report = write_comparison(compared, release, aside, edition_on(manifest, release, compared.several))
    return Compared(report, folder)


def _results(workspace: Workspace, path: Path, version: str | None) -> Results:
    """Those of a folder; of a file, those of its evaluation, done unless it is there for the same file and release."""
    if path.is_dir():
        return open_results(path)
    if version == LATEST:
        version = find(workspace.root.releases, LATEST).name
    scenario = read_scenario(path, version)
    try:
        there = open_results(workspace.root.path / "scenarios" / path.stem)
    except WrongUse:
        there = None
    wanted = read_manifest(workspace.root.releases, find(workspace.root.releases, scenario.base).name).empreinte
    if there and (there.summary.empreinte_scenario, there.summary.empreinte_base) == (print_of(scenario), wanted):
        return there
    return open_results(evaluate_file(workspace, path, version).folder)
