"""A scenario from a file to a folder of results: evaluated, then written aside and put in place by one rename."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.release.edition import edition_of
from assets.release.manifest import Manifest
from assets.release.notes import credit
from assets.release.versions import LATEST, find
from assets.scenarios.base import load_base
from assets.scenarios.edits import Scenario
from assets.scenarios.evaluate import Evaluation, evaluate
from assets.scenarios.folders import replaceable, replaced
from assets.scenarios.ground import ground_of
from assets.scenarios.read import read_scenario
from assets.scenarios.settings import settings
from outputs import layout
from outputs.scenario.document import Report
from outputs.scenario.products import write_products
from outputs.scenario.results import SUMMARY, Results, Summary, open_results
from outputs.sheet.document import Edition
from pipeline.foundations import fingerprint
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace


@dataclass(frozen=True)
class Written:
    """An evaluation, its report, and where they were written."""

    evaluation: Evaluation
    report: Report
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
    folder = replaceable(out or workspace.root.path / "scenarios" / (name or path.stem), SUMMARY)
    base = load_base(workspace, scenario.base)
    made = evaluate(workspace, scenario, base, ground_of(workspace, base))
    reporter().step("scénario : tables, cartes et rapport")
    report = write(made, find(workspace.root.releases, scenario.base), folder)
    return Written(made, report, folder)


def write(made: Evaluation, release: Path, folder: Path) -> Report:
    """Write every table, the summary, the report and the GeoPackage of an evaluation; gives the report.

    Args:
        release: folder of the base release.
    """
    with replaced(folder, SUMMARY) as aside:
        for name, frame in made.tables.items():
            if frame.width:
                frame.write_parquet(aside / f"{name}.parquet", compression="zstd")
        text = json.dumps(summary(made).model_dump(mode="json"), ensure_ascii=False, indent=2, sort_keys=True)
        (aside / SUMMARY).write_text(text + "\n", encoding="utf-8")
        manifest, results = made.base.manifest, open_results(aside)
        return write_products(
            results,
            release,
            aside,
            edition_on(manifest, release, [results]),
            date_reference=manifest.date_reference,
            said={
                "version": manifest.version,
                "licence": manifest.licence,
                "attribution": " ; ".join(credit(s) for s in manifest.sources if s.fichiers),
                "date_reference": manifest.date_reference.isoformat(),
                "fictif": "oui" if manifest.fictif else "non",
            },
        )


def edition_on(manifest: Manifest, release: Path, several: Sequence[Results]) -> Edition:
    """The base release as reports name it, with the credits of what they show."""
    summaries = [results.summary for results in several]
    departements = [d for s in summaries for d in s.departements_mesures]
    typologies = [t for s in summaries for t in s.trajets_par_an]
    counters = pl.scan_parquet(layout.geoparquet(release, "implantations"))
    shown = counters.filter(
        pl.col("lieu_code_departement").is_in(departements), pl.col("service_typologie").is_in(typologies)
    )
    listed = shown.select(pl.col("sources").str.split("|").explode()).collect()["sources"].drop_nulls()
    return edition_of(manifest, set(listed), roads=any(s.by_road for s in summaries))


def summary(made: Evaluation) -> Summary:
    """What the results are of, and the whole in a few numbers. The same scenario on the same base gives the same."""
    manifest, rule = made.base.manifest, settings()
    return Summary(
        nom=made.scenario.nom,
        description=made.scenario.description,
        version_base=manifest.version,
        empreinte_base=manifest.empreinte,
        empreinte_scenario=print_of(made.scenario),
        fictif=manifest.fictif,
        mesure=made.mesure,
        departements_mesures=made.departements,
        hors_reseau=made.off_road,
        trajets_par_an={t: rule.trajets_par_an.of(t) for t in made.typologies},
        seuils_min=rule.seuils_min,
        chiffres=made.figures,
        lignes={name: frame.height for name, frame in made.tables.items()},
    )


def print_of(scenario: Scenario) -> str:
    """The fingerprint of a scenario."""
    return fingerprint.of_values(scenario.model_dump(mode="json"))
