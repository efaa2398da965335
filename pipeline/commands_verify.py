"""`csp verify`: the verification workbook, out to the field and back. Only the commands; the work is in `terrain`."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import polars as pl
from rich.console import Console
from rich.table import Table

from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.urls import mirror_file
from pipeline.foundations.workspace import Workspace

_out = Console()
_THREE = ("referentiel__implantations", "referentiel__permanences", "referentiel__itinerances")
_SHOWN = 40  # lines of each list printed


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the group to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    for command in verify.commands.values():
        command.callback = says_errors(command.callback)
    main.add_command(verify)


@click.group()
def verify() -> None:
    """Have counters verified in the field: write the workbook, read it back, see what is left to do."""


_data = click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")
_departement = click.option("--departement", required=True, help="Code: 05, 2A, 971…")


@verify.command("export")
@_departement
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write (.xlsx).")
@_data
def export(departement: str, out: Path | None, data: Path | None) -> None:
    """Write the workbook of a département: every counter, the most doubtful first, with cells to correct it."""
    from assets.referentiel.score import criteria, score
    from assets.referentiel.terrain import Edition, write_workbook
    from assets.release.versions import latest
    from pipeline.foundations.codes import parse_departements

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    tables = workspace.tables
    departements = tables.read("territories__departements")
    (code,) = parse_departements(departement, departements["code"].to_list())
    today = datetime.now(UTC).date()
    # Scored among all, so that what a typology's other feeds know counts; then cut to the département.
    everything = _counters(workspace)
    scores = score(everything, tables.read("referentiel__conflits"), criteria(), today)
    edition = Edition(
        departement=code,
        nom=departements.filter(pl.col("code") == code)["nom"][0],
        version=latest(workspace.root.releases) or "aucune version publiée",
        day=today,
        fictif=workspace.fictional,
    )
    counters = everything.filter(pl.col("lieu_code_departement") == code)
    path = out or Path(f"verification-{code}-{today:%Y-%m-%d}.xlsx")
    path.write_bytes(write_workbook(counters, scores, tables.read("territories__communes"), edition))
    _say(f"{path} : {counters.height} points d'accueil à vérifier ({edition.nom}, version {edition.version}).")


@verify.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Check and show; store nothing.")
@_data
def import_(file: Path, dry_run: bool, data: Path | None) -> None:
    """Check a filled workbook, show what was understood, and keep it for the next build."""
    from assets.referentiel.terrain import apply_corrections, bundle, member_name
    from pipeline.foundations.issues import IssueLog
    from pipeline.foundations.lock import exclusive
    from sources.remontees_terrain.layout import SOURCE
    from sources.remontees_terrain.read import read_workbook

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    issues = IssueLog(SOURCE)
    content = file.read_bytes()
    workbook = read_workbook(content, file.name, issues)
    if workbook.date > (today := datetime.now(UTC).date()):
        raise WrongUse(
            str(file),
            expected=f"a verification made by today, {today}",
            found=f"{workbook.date}",
            remedy="correct the date in the first sheet",
        )
    name = member_name(workbook.date, content)
    known = _stored(workspace)
    new = read_workbook(content, name, IssueLog(SOURCE)).corrections
    others = [read_workbook(b, n, IssueLog(SOURCE)).corrections for n, b in known.items() if n != name]
    # What is published already holds the corrections applied at the last build: start again from the feeds' values.
    base, gone = _before_corrections(workspace)
    communes = workspace.tables.read("territories__communes")
    outcome = apply_corrections(base, pl.concat([*others, new]), communes)
    settled = pl.concat([outcome.applied, outcome.conflicts, outcome.obsolete])
    mine = settled.filter(pl.col("classeur") == name).sort("ligne", "champ")
    _say(f"{file} — {workbook.organisation}, {workbook.date:%d/%m/%Y}, département {workbook.departement}")
    aside = issues.frame().filter(pl.col("gravite") != "info")
    counts = f"{new.height} corrections, {len(workbook.comments)} commentaires, {aside.height} mises de côté"
    _say(f"  {workbook.rows} lignes, {counts}")
    _show_hours(mine)
    for status, rows in sorted(mine.partition_by("statut", as_dict=True).items()):
        _show(str(status[0]), rows, gone)
    _show_set_aside(aside)
    for identifier, line, text in workbook.comments[:_SHOWN]:
        _say(f"  commentaire, ligne {line} ({identifier}) : {text}")
    if dry_run:
        _say("Rien n'a été gardé (--dry-run).")
        return
    with exclusive(workspace.root.path):
        _store(workspace, bundle({**known, name: content}))
    _say(f"Gardé sous le nom {name}. Les corrections s'appliqueront au prochain `csp build` (ou `csp build --frozen`).")


@verify.command("list")
@_data
def list_(data: Path | None) -> None:
    """The imported workbooks, and what became of their corrections at the last build."""
    from pipeline.foundations.issues import IssueLog
    from sources.remontees_terrain.layout import SOURCE
    from sources.remontees_terrain.read import read_workbook

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    outcomes = _outcomes(workspace)
    table = Table("classeur", "organisation", "date", "corrections", "au dernier build")
    for name, content in _stored(workspace).items():
        workbook = read_workbook(content, name, IssueLog(SOURCE))
        counts = outcomes.filter(pl.col("classeur") == name)["statut"].value_counts().sort("statut").rows()
        became = ", ".join(f"{status} : {n}" for status, n in counts)
        table.add_row(
            name, _plain(workbook.organisation), f"{workbook.date:%d/%m/%Y}", str(workbook.corrections.height), became
        )
    _out.print(table)


@verify.command("remove")
@click.argument("name")
@_data
def remove(name: str, data: Path | None) -> None:
    """Take back an imported workbook, NAME in `csp verify list`: its corrections stop applying at the next build."""
    from assets.referentiel.terrain import bundle
    from pipeline.foundations.lock import exclusive

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    known = _stored(workspace)
    if name not in known:
        raise WrongUse(
            f"workbook {name!r}",
            expected="the name of an imported workbook",
            found=f"only {', '.join(known) or 'none'}",
            remedy="csp verify list",
        )
    with exclusive(workspace.root.path):
        _store(workspace, bundle({n: b for n, b in known.items() if n != name}))
    _say(f"{name} ne compte plus. Relancer `csp build --frozen`.")


@verify.command("todo")
@_departement
@click.option("--limit", default=20, show_default=True, help="Lines shown.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the whole list as CSV.")
@_data
def todo(departement: str, limit: int, out: Path | None, data: Path | None) -> None:
    """The records to look at in a département, those that matter to most people first."""
    from outputs.csv_tables import write_csv
    from pipeline.foundations.codes import parse_departements
    from quality.contract import all_contracts

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    codes = workspace.tables.read("territories__departements")["code"].to_list()
    (code,) = parse_departements(departement, codes)
    frame = workspace.tables.read("referentiel__a_traiter").filter(pl.col("lieu_code_departement") == code)
    if out:
        write_csv(frame, all_contracts()["referentiel__a_traiter"], out)
        _say(f"{out} : {frame.height} fiches.")
    table = Table("rang", "note", "habitants", "nom", "commune", "problèmes")
    for row in frame.sort("rang").head(limit).iter_rows(named=True):
        people = "?" if row["population_concernee"] is None else str(row["population_concernee"])
        problems = " ; ".join(row["problemes"])
        table.add_row(
            str(row["rang"]), f"{row['score']:.2f}", people, _plain(row["nom"]), _plain(row["commune"]), problems
        )
    _out.print(table)


# --- what the commands share -------------------------------------------------------------------------------------


def _counters(workspace: Workspace) -> pl.DataFrame:
    from assets.referentiel.terrain import gather

    return gather(*(workspace.tables.read(name) for name in _THREE))


def _outcomes(workspace: Workspace) -> pl.DataFrame:
    """What became of each correction at the last build; empty before the first one."""
    from assets.referentiel.terrain import OUTCOME_SCHEMA

    built = workspace.tables.state("referentiel__corrections") is not None
    return workspace.tables.read("referentiel__corrections") if built else pl.DataFrame(schema=OUTCOME_SCHEMA)


def _before_corrections(workspace: Workspace) -> tuple[pl.DataFrame, dict[str, str]]:
    """The published counters with the feeds' values put back, and by whom the counters that left were closed."""
    from assets.referentiel.terrain import restore

    done = _outcomes(workspace).filter(pl.col("statut") == "appliquée")
    closed = done.filter(pl.col("champ") == "ferme")
    who = {
        row["point_accueil_id"]: f"fermé d'après {row['organisation']} ({row['date']:%d/%m/%Y}) : à départager"
        for row in closed.iter_rows(named=True)
    }
    return restore(_counters(workspace), done), who


def _stored(workspace: Workspace) -> dict[str, bytes]:
    """The imported workbooks, by name."""
    from sources.registry import get_source
    from sources.remontees_terrain.layout import SOURCE
    from sources.remontees_terrain.read import workbooks

    snapshot = workspace.snapshots.current(SOURCE, get_source(SOURCE).resources[0].id)
    return {} if snapshot is None else dict(workbooks(snapshot.path))


def _store(workspace: Workspace, archive: bytes) -> None:
    """Keep the archive as a new dated snapshot, read it, and make it the current one."""
    from assets.raw.ingest import ingest
    from sources.registry import get_source
    from sources.remontees_terrain.layout import SOURCE

    spec = get_source(SOURCE)
    with tempfile.TemporaryDirectory() as folder:
        file = mirror_file(Path(folder), spec.resources[0].url)
        file.parent.mkdir(parents=True)
        file.write_bytes(archive)
        here = spec.model_copy(update={"imported": False})  # asked for once, in the folder it was just written to
        state = ingest(here, snapshots=workspace.snapshots, tables=workspace.tables, mirror=Path(folder))
    if state.refus:
        raise SourceUnreadable(
            "the imported workbooks",
            expected="an archive its reader accepts",
            found=state.refus,
            remedy="csp verify list",
        )


def _show_hours(mine: pl.DataFrame) -> None:
    """What was understood of the hours, and what was not."""
    from assets.referentiel.hours import interpret

    typed = mine.filter((pl.col("champ") == "horaires") & pl.col("corrige").is_not_null())
    for row in typed.head(_SHOWN).iter_rows(named=True):
        left = "".join(f" (non traduit : {remark})" for remark in interpret(row["corrige"], "texte").remarques)
        _say(f"  horaires, ligne {row['ligne']} : « {row['corrige']} » → {row['valeur'] or 'NON COMPRIS'}{left}")


def _show(status: str, rows: pl.DataFrame, gone: dict[str, str]) -> None:
    _out.print(f"[bold]{status}[/] : {rows.height}", highlight=False)
    if status == "appliquée":
        counts = rows["champ"].value_counts().sort("champ").rows()
        _say("  " + ", ".join(f"{champ} : {n}" for champ, n in counts))
        return
    for row in rows.head(_SHOWN).iter_rows(named=True):
        why = gone.get(row["point_accueil_id"], row["motif"])
        _say(f"  ligne {row['ligne']}, {row['champ']} = {row['corrige'] or '(aucun)'} — {why}")


def _show_set_aside(issues: pl.DataFrame) -> None:
    if issues.height:
        _out.print(f"[bold]mises de côté[/] : {issues.height}", highlight=False)
    for row in issues.head(_SHOWN).iter_rows(named=True):
        _say(f"  {row['id_source']}, {row['colonne']} « {row['valeur']} » — {row['motif']}")


def _say(text: str) -> None:
    _out.print(text, markup=False, highlight=False, soft_wrap=True)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
