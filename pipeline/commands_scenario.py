"""`csp scenario`: evaluate projects, compare them, propose where. The work is in `assets.scenarios`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace

_out = Console()
#: Columns of a proposal that the terminal shows; the others are in what it returns.
_SHOWN = {
    "nom",
    "commune",
    "usagers",
    "personnes_minutes_seul",
    "personnes_minutes_ensemble",
    "indicateur",
    "avant",
    "apres",
    "ouvertures",
    "fermetures",
    "temps_moyen_min",
    "pire_temps_min",
    "ecart_pct",
    "prouve",
}
_data = click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the group to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    for command in scenario.commands.values():
        command.callback = says_errors(command.callback)
    main.add_command(scenario)


@click.group()
def scenario() -> None:
    """Projects before they are decided: open, close, move, merge, add permanences; what it changes, for whom."""


@scenario.command("evaluer")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--release", metavar="VERSION", help="Base release, when the file names none (latest: the current one).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder (else <data>/scenarios/<name>).")
@_data
def evaluate(file: Path, release: str | None, out: Path | None, data: Path | None) -> None:
    """What a scenario FILE (YAML, GeoJSON, CSV) changes, for whom: printed, and written in a folder."""
    from assets.scenarios.results import evaluate_file
    from outputs.scenario.products import PRODUCTS
    from outputs.scenario.render import render_terminal

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    written = evaluate_file(workspace, file, release, out=out)
    _out.print(render_terminal(written.report))
    for name in ("", *PRODUCTS):
        _out.print(str(written.folder / name), soft_wrap=True, highlight=False, markup=False)


@scenario.command("comparer")
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--release", metavar="VERSION", help="Base release of the files that name none (latest: the current one)."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder (else <data>/comparaisons/…).")
@_data
def compare(scenarios: tuple[Path, ...], release: str | None, out: Path | None, data: Path | None) -> None:
    """SCENARIOS side by side: folders of results, or files (evaluated first); printed, and written in a folder.

    All must be on the same base release.
    """
    from assets.scenarios.compare import compare as compared
    from outputs.scenario.products import COMPARED
    from outputs.scenario.render import render_terminal

    written = compared(Workspace(DataRoot.resolve(data), frozen=True), scenarios, release, out=out)
    _out.print(render_terminal(written.report))
    for name in COMPARED:
        _out.print(str(written.folder / name), soft_wrap=True, highlight=False, markup=False)


@scenario.command("proposer")
@click.option("--typologie", required=True, metavar="LABEL", help="Which service.")
@click.option("--territoire", required=True, metavar="CODE", help="Département, EPCI or commune whose people count.")
@click.option("--nombre", type=int, default=0, show_default=True, help="Openings, at most.")
@click.option("--fermer", type=int, default=0, show_default=True, help="Closings, exactly.")
@click.option("--objectif", required=True, type=click.Choice(["p-median", "couverture", "pire-temps"]))
@click.option("--seuil", type=int, help="Minutes of --objectif couverture.")
@click.option("--pire-temps-max", type=float, help="Equity: nobody left farther, in minutes.")
@click.option("--candidats", type=click.Path(path_type=Path, dir_okay=False), help="Points beside public places.")
@click.option("--release", default="latest", show_default=True, metavar="VERSION", help="Base release.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Scenario file to write (.yml).")
@_data
def propose(
    typologie: str,
    territoire: str,
    nombre: int,
    fermer: int,
    objectif: str,
    seuil: int | None,
    pire_temps_max: float | None,
    candidats: Path | None,
    release: str,
    out: Path | None,
    data: Path | None,
) -> None:
    """Where to open, what to close: the places that serve the people of a territory best."""
    from assets.scenarios.siting_proposal import write_scenario
    from assets.scenarios.siting_stage import Request
    from assets.scenarios.siting_stage import propose as proposed

    request = Request.of(
        typologie=typologie,
        territoire=territoire,
        objectif=objectif,
        nombre=nombre,
        fermer=fermer,
        seuil_min=seuil,
        pire_temps_max_min=pire_temps_max,
        candidats=candidats,
    )
    found = proposed(Workspace(DataRoot.resolve(data), frozen=True), request, release)
    _out.print(f"{found.typologie}, {found.territoire} ({found.mesure}), version {found.base.manifest.version}")
    for frame in (found.ouvertures, found.fermetures, found.chiffres, found.front):
        if frame.height:
            _out.print(_table(frame.select(c for c in frame.columns if c in _SHOWN)))
    if found.issues.height:
        _out.print(f"! {found.issues.height} lieux mis de côté (sans position, ou trop loin d'une route)")
    if out is not None:
        write_scenario(found, out)
        _out.print(str(out), soft_wrap=True, highlight=False)


def _table(frame: Any) -> Table:
    shown = Table(*(name.replace("_", " ") for name in frame.columns))
    for row in frame.iter_rows():
        shown.add_row(*(_cell(value) for value in row))
    return shown


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "oui" if value else "non"
    return _number(value) if isinstance(value, int | float) else str(value or "")


def _number(value: float | None) -> str:
    return "non connu" if value is None else f"{value:,.0f}".replace(",", " ")
