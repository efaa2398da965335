"""`csp`: each command a few lines over the jobs and the domain's calls.

Exit codes: 0 done, 1 refused by quality, 2 wrong use, 3 a source could not be read.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Column, Table

from pipeline import (
    commands_access,
    commands_docs,
    commands_link,
    commands_publish,
    commands_releases,
    commands_roads,
    commands_scenario,
    commands_territory,
    commands_verify,
)
from pipeline.console import ConsoleReporter
from pipeline.foundations.errors import CspError, ExitCode
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.progress import reporting

_out = Console()
_err = Console(stderr=True)
_F = TypeVar("_F", bound=Callable[..., Any])


def _says_errors(command: _F) -> _F:
    """Turn the project's errors into four readable lines and the exit code they carry."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except CspError as error:
            # A path is one line, however narrow the terminal.
            _err.print(f"[bold red]✗[/] {_plain(error.subject)}", soft_wrap=True)
            for label, text in (("attendu", error.expected), ("trouvé", error.found), ("remède", error.remedy)):
                _err.print(f"  [bold]{label:8}[/] {_plain(text)}", soft_wrap=True)
            sys.exit(error.exit_code)

    return run  # type: ignore[return-value]


def _plain(text: str) -> str:
    """Text from outside, shown as it is: its brackets are not the console's markup."""
    return text.replace("[", r"\[")


def _data_option(command: _F) -> _F:
    option = click.option(
        "--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).", show_default=False
    )
    return option(command)


_mirror = click.option(
    "--mirror",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder read as DIR/<host>/<path> instead of the network.",
)
_frozen = click.option("--frozen", is_flag=True, help="Do not ask the producers; use the last good snapshots.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="carto-services-publics")
def main() -> None:
    """Carto Services Publics: from the feeds of French public services to a checked, versioned open data release."""
    # Dagster's beta warnings and version check speak to its developers, not to the person who builds.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    warnings.filterwarnings("ignore", message=".*currently in (beta|preview).*")


@main.command()
@_data_option
@click.option("--departements", default=2, show_default=True, help="Number of fictional départements (up to 95).")
@click.option("--seed", default=20260101, show_default=True, help="Same seed, same world.")
@click.option("--month", default=0, show_default=True, help="A later edition of the same world.")
@_says_errors
def demo(data: Path | None, departements: int, seed: int, month: int) -> None:
    """Run the whole pipeline on a fictional département written in every feed's own format."""
    from assets.raw.roads import import_roads, target_of
    from pipeline import run
    from pipeline.foundations.lock import exclusive
    from pipeline.foundations.workspace import Workspace, declare_fictional
    from sources.demo.write import write_mirror, write_territory

    root = DataRoot.resolve(data or os.environ.get("CSP_DATA") or "data-demo")
    declare_fictional(root)  # before anything is written: it refuses a folder of real data
    mirror = root.path / "miroir"
    started = time.monotonic()
    with _reporter() as reporter, reporting(reporter):
        reporter.step("écriture des flux fictifs")
        write_mirror(mirror, departements=departements, seed=seed, month=month)
        reporter.step("écriture et import des routes fictives")
        territory = write_territory(root.path / "territoire", departements=departements, seed=seed)
        with exclusive(root.path):
            import_roads(Workspace(root, mirror=mirror), territory.roads, target_of(territory.roads))
        outcome = run.build(root, "all", mirror=mirror)
    _tell(outcome, time.monotonic() - started)


@main.command()
@_data_option
@_mirror
@_frozen
@click.option("--geocode", is_flag=True, help="Ask the Géoplateforme for the positions that no feed gives.")
@click.option("--departements", default="all", show_default=True, help="`all`, or codes: 05,36,59 (2A, 971…).")
@_says_errors
def build(data: Path | None, mirror: Path | None, frozen: bool, geocode: bool, departements: str) -> None:
    """Feeds to release: ask the producers, harmonise, check, measure, publish a version on disk."""
    from pipeline import run

    root = DataRoot.resolve(data)
    started = time.monotonic()
    with _reporter() as reporter, reporting(reporter):
        outcome = run.build(root, departements, mirror=mirror and mirror.resolve(), frozen=frozen, geocode=geocode)
    _tell(outcome, time.monotonic() - started)


@main.group()
def sources() -> None:
    """The feeds: what they are, fetch them, check them."""


@sources.command("list")
@_says_errors
def sources_list() -> None:
    """Every declared source: producer, cadence, licence, address."""
    from sources.registry import all_sources

    table = Table(Column("source", no_wrap=True), "titre", "producteur", "cadence", "licence", "obligatoire")
    for spec in all_sources().values():
        table.add_row(spec.id, spec.title, spec.producer, spec.cadence, spec.licence.id, "oui" if spec.required else "")
    _out.print(table)


@sources.command("fetch")
@click.argument("ids", nargs=-1)
@_data_option
@_mirror
@_says_errors
def sources_fetch(ids: tuple[str, ...], data: Path | None, mirror: Path | None) -> None:
    """Download the sources named (all by default), read them, and keep the good versions."""
    from pipeline import run
    from sources.registry import all_sources, get_source

    wanted = [get_source(name).id for name in ids] or list(all_sources())
    root = DataRoot.resolve(data)
    with _reporter() as reporter, reporting(reporter):
        run.refresh(root, wanted, mirror=mirror and mirror.resolve())
    if _show_states(root, wanted):
        sys.exit(ExitCode.SOURCE_UNREADABLE)


@sources.command("check")
@click.argument("ids", nargs=-1)
@_data_option
@_says_errors
def sources_check(ids: tuple[str, ...], data: Path | None) -> None:
    """Hash the current snapshots again and read them with today's code; nothing is downloaded."""
    from pipeline import run
    from pipeline.foundations.snapshots import SnapshotStore
    from sources.registry import all_sources, get_source

    wanted = [get_source(name) for name in ids] or list(all_sources().values())
    root = DataRoot.resolve(data)
    store = SnapshotStore(root.snapshots)
    for spec in wanted:
        for resource in spec.resources:
            snapshot = store.current(spec.id, resource.id)
            if snapshot is not None:
                store.verify(snapshot)
    with _reporter() as reporter, reporting(reporter):
        run.refresh(root, [s.id for s in wanted], frozen=True)
    if _show_states(root, [s.id for s in wanted]):
        sys.exit(ExitCode.SOURCE_UNREADABLE)


@main.command()
@_data_option
@_says_errors
def status(data: Path | None) -> None:
    """Where things stand: sources and their age, last verdict, releases."""
    from assets.release.versions import latest, list_releases, read_manifest
    from sources.registry import all_sources

    root = DataRoot.resolve(data)
    _out.print(f"Données : {root.path}", highlight=False, soft_wrap=True)
    _show_states(root, list(all_sources()))
    current = latest(root.releases)
    if current is None:
        _out.print("Aucune version publiée : lancer `csp build` (ou `csp demo`).")
        return
    manifest = read_manifest(root.releases, current)
    _out.print(f"Version courante : [bold]{current}[/] — {manifest.titre}", highlight=False)
    _out.print(f"  départements : {len(manifest.perimetre)} ; verdict : {manifest.verdict.statut}", highlight=False)
    for table in manifest.tables:
        _out.print(f"  {table.titre} : {table.lignes:,} lignes".replace(",", " "), highlight=False)
    _out.print("Versions : " + ", ".join(list_releases(root.releases)), highlight=False)


@main.command()
@click.argument("rule")
@click.option("--source", required=True, help="Source the breach speaks of.")
@click.option("--reason", required=True, help="Why it is real: a sentence others will read.")
@click.option("--author", required=True, help="Organisation that answers for it (no personal name).")
@_data_option
@_says_errors
def accept(rule: str, source: str, reason: str, author: str, data: Path | None) -> None:
    """Accept a breach after explaining it; only for the snapshot it was found in. RULE is the id the report shows."""
    from assets.release.gate import judged_snapshot
    from quality.acceptances import Acceptance, append_acceptance
    from sources.registry import get_source

    root = DataRoot.resolve(data)
    empreinte = judged_snapshot(root, get_source(source).id, rule)
    append_acceptance(
        root.acceptances,
        Acceptance(
            regle=rule,
            source=source,
            empreinte=empreinte,
            motif=reason,
            organisation=author,
            date=datetime.now(UTC).date(),
        ),
    )
    _out.print(f"Accepté pour {source} : {rule}. Relancer `csp build --frozen`.", highlight=False)


@main.command()
@_data_option
@_mirror
@click.option("--port", default=3000, show_default=True)
@_says_errors
def dev(data: Path | None, mirror: Path | None, port: int) -> None:
    """Open the Dagster interface (graph, runs, schedules) on the data root."""
    from pipeline.instance import home_of

    root = DataRoot.resolve(data)
    environment = {**os.environ, "CSP_DATA": str(root.path), "DAGSTER_HOME": str(home_of(root))}
    if mirror:
        environment["CSP_MIRROR"] = str(mirror.resolve())
    command = [sys.executable, "-m", "dagster", "dev", "-m", "pipeline.definitions", "-p", str(port)]
    os.execvpe(command[0], command, environment)  # noqa: S606 (fixed arguments, no shell)


def _reporter() -> ConsoleReporter:
    return ConsoleReporter(_err)


def _show_states(root: DataRoot, ids: list[str]) -> bool:
    """Print the state of the sources; whether one of them could not be refreshed or read."""
    from assets.raw.ingest import read_state

    table = Table(Column("source", no_wrap=True), "état", "fichier du", "lignes", "motif")
    trouble = False
    for name in ids:
        state = read_state(root.snapshots, name)
        # A frozen source was not asked: what it was last refused for is told, and is not news.
        trouble |= state.refus is not None and state.etat != "gelée"
        day = f"{state.date_fichier:%d/%m/%Y}" if state.date_fichier else ""
        rows = "" if state.lignes_utilisables is None else str(state.lignes_utilisables)
        table.add_row(name, state.etat, day, rows, _plain((state.refus or "")[:200]))
    _out.print(table)
    return trouble


def _tell(outcome: Any, seconds: float) -> None:
    word = "Nouvelle version" if outcome.new else "Rien de nouveau : la version courante reste"
    _out.print(f"\n[bold green]✓[/] {word} [bold]{outcome.version}[/] ({seconds:.0f} s)", highlight=False)
    _out.print(f"  {outcome.path}", highlight=False, soft_wrap=True)
    _out.print("Ouvrir :", highlight=False)
    for what, name in (
        ("QGIS", "carto-services-publics.gpkg"),
        ("rapport qualité", "qualite/rapport.html"),
        ("DuckDB", "geoparquet/implantations.parquet"),
    ):
        _out.print(f"  {what:16} {outcome.path / name}", highlight=False, soft_wrap=True)


commands_access.register(main, _says_errors)
commands_docs.register(main, _says_errors)
commands_link.register(main, _says_errors)
commands_publish.register(main, _says_errors)
commands_releases.register(main, _says_errors)
commands_roads.register(main, _says_errors)
commands_scenario.register(main, _says_errors)
commands_territory.register(main, _says_errors)
commands_verify.register(main, _says_errors)

if __name__ == "__main__":
    main()
