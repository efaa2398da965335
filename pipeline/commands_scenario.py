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

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    written = evaluate_file(workspace, file, release, out=out)
    made = written.evaluation
    _out.print(f"[bold]{made.scenario.nom}[/bold], sur la version {made.base.manifest.version} ({made.mesure})")
    for rank, text, alone in made.tables["modifications"].iter_rows():
        worth = "" if alone is None else f" : {_number(alone)} personnes-minutes seule"
        _out.print(f"  {rank}. {text}{worth}", soft_wrap=True, highlight=False)
    _out.print(_winners(made.tables["gagnants_perdants"]))
    for name, value in made.figures.items():
        _out.print(f"{name.replace('_', ' ')} : {_number(value)}", highlight=False)
    for ident in made.off_road:
        _out.print(f"! {ident} : trop loin d'une route, personne ne l'atteint", highlight=False)
    _out.print(str(written.folder), soft_wrap=True, highlight=False)


def _winners(frame: Any) -> Table:
    """People who win and lose, by département and group."""
    shown = Table("département", "typologie", "groupe", "gagnants", "perdants", "minutes gagnées", "minutes perdues")
    for row in frame.filter(frame["niveau"] == "departement").iter_rows(named=True):
        names = (row["territoire"], row["typologie"], row["groupe"].replace("_", " "))
        values = (row["gagnants"], row["perdants"], row["minutes_gagnees"], row["minutes_perdues"])
        shown.add_row(*names, *(_number(v) for v in values))
    return shown


def _number(value: float | None) -> str:
    return "non connu" if value is None else f"{value:,.0f}".replace(",", " ")
