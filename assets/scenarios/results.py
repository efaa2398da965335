"""A scenario from a file to a folder of results: evaluated, then written aside and put in place by one rename."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.release.versions import LATEST, find
from assets.scenarios.base import load_base
from assets.scenarios.evaluate import Evaluation, evaluate
from assets.scenarios.ground import ground_of
from assets.scenarios.read import read_scenario
from pipeline.foundations import fingerprint
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace

#: What a folder of results says of itself.
SUMMARY = "scenario.json"


@dataclass(frozen=True)
class Written:
    """An evaluation and where it was written."""

    evaluation: Evaluation
    folder: Path


def evaluate_file(
    workspace: Workspace, path: Path, version: str | None = None, *, name: str | None = None, out: Path | None = None
) -> Written:
    """Read a scenario, evaluate it, write its results; results of the same name are replaced once the new are whole.

    Args:
        version: base release, where the file names none; `latest` follows the pointer.
        name: of the folder under `scenarios/` of the data root; that of the file when not said.
        out: another folder.

    Raises:
        WrongUse: a fault of the file, of an edit, or of the base.
    """
    if version == LATEST:
        version = find(workspace.root.releases, LATEST).name
    scenario = read_scenario(path, version)
    base = load_base(workspace, scenario.base)
    made = evaluate(workspace, scenario, base, ground_of(workspace, base))
    folder = out or workspace.root.path / "scenarios" / (name or path.stem)
    reporter().step("scénario : écriture")
    write(made, folder)
    return Written(made, folder)


def write(made: Evaluation, folder: Path) -> None:
    """Write every table and the summary of an evaluation."""
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        for name, frame in made.tables.items():
            if frame.width:
                frame.write_parquet(aside / f"{name}.parquet", compression="zstd")
        text = json.dumps(summary(made), ensure_ascii=False, indent=2, sort_keys=True)
        (aside / SUMMARY).write_text(text + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def summary(made: Evaluation) -> dict[str, object]:
    """What the results are of, and the whole in a few numbers. The same scenario on the same base gives the same."""
    manifest = made.base.manifest
    return {
        "nom": made.scenario.nom,
        "description": made.scenario.description,
        "version_base": manifest.version,
        "empreinte_base": manifest.empreinte,
        "fictif": manifest.fictif,
        "empreinte_scenario": fingerprint.of_values(made.scenario.model_dump(mode="json")),
        "mesure": made.mesure,
        "departements_mesures": list(made.departements),
        "hors_reseau": list(made.off_road),
        "chiffres": dict(made.figures),
        "lignes": {name: frame.height for name, frame in made.tables.items()},
    }


def read_table(folder: Path, name: str) -> pl.DataFrame:
    """A table of results; empty when the scenario has none."""
    path = folder / f"{name}.parquet"
    return pl.read_parquet(path) if path.is_file() else pl.DataFrame()
