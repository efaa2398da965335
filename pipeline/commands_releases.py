"""`csp releases`, `csp diff` and `csp rollback`: the releases of a data root. Only the commands; the work is in
`assets.release`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import polars as pl
from rich.console import Console
from rich.table import Column, Table

from pipeline.foundations.errors import WrongUse
from pipeline.foundations.lock import exclusive
from pipeline.foundations.paths import DataRoot

if TYPE_CHECKING:
    from assets.release.changes.edition import Edition

_out = Console()
_SHOWN = 20  # lines of a table's changes printed


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the commands to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    for command in (releases, *releases.commands.values(), diff, rollback):
        command.callback = says_errors(command.callback)
    for command in (releases, diff, rollback):
        main.add_command(command)


_data = click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@_data
@click.pass_context
def releases(context: click.Context, as_json: bool, data: Path | None) -> None:
    """The releases held: version, date, perimeter, verdict, rows, size; which one is current, which were withdrawn."""
    if context.invoked_subcommand is not None:
        return
    rows = [_described(DataRoot.resolve(data).releases, version) for version in _held(DataRoot.resolve(data))]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if not rows:
        _say("Aucune version publiée : lancer « csp build » (ou « csp demo »).")
        return
    numbers = [Column(name, justify="right") for name in ("dép.", "points", "lignes", "Mo")]
    table = Table(Column("version", no_wrap=True), Column("données au", no_wrap=True), *numbers, "verdict", "")
    for row in rows:
        table.add_row(
            row["version"],
            row["date_reference"][:10],
            str(len(row["departements"])),
            str(row["points_d_accueil"]),
            str(row["lignes"]),
            f"{row['octets'] / 1e6:.0f}",
            row["verdict"],
            row["etat"],
        )
    _out.print(table)


@releases.command("prune")
@click.option("--keep", type=int, required=True, help="How many of the newest releases stay.")
@click.option("--yes", is_flag=True, help="Remove them; without it, they are only named.")
@_data
def prune(keep: int, yes: bool, data: Path | None) -> None:
    """Remove old releases; never the current one nor the one it follows. Without --yes, only say which."""
    from assets.release.retention import prunable, remove, sweep

    root = DataRoot.resolve(data)
    with exclusive(root.path):
        old = prunable(root.releases, keep)
        if yes:
            sweep(root.releases)
            for version in old:
                remove(root.releases, version)
    if not old:
        _say("Rien à supprimer.")
    for version in old:
        _say(f"{version} : {'supprimée' if yes else 'à supprimer'}")
    if old and not yes:
        _say("Rien n'a été fait : relancer avec --yes.")


@releases.command("verify")
@click.argument("version", default="latest")
@_data
def verify(version: str, data: Path | None) -> None:
    """Check a release (VERSION, or the current one): its bytes, its products, its changes."""
    from assets.release.verify import verify as check

    for line in check(DataRoot.resolve(data).releases, version):
        _say(f"✓ {line}")


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B", default="latest")
@click.option("--table", "only", help="One table: implantations, distances…")
@click.option("--json", "as_json", is_flag=True, help="Counts by table, change, column and reason, for machines.")
@click.option("--parquet", type=click.Path(path_type=Path, dir_okay=False), help="Write every line to a file.")
@_data
def diff(before: str, after: str, only: str | None, as_json: bool, parquet: Path | None, data: Path | None) -> None:
    """What changed from release A to release B (the current one by default), and why."""
    from assets.release.changes.diff import differences
    from assets.release.changes.edition import Edition
    from assets.release.changes.write import tell, write_lines
    from assets.release.versions import find

    held = DataRoot.resolve(data).releases
    old, new = (Edition.promoted(find(held, version)) for version in (before, after))
    name = _table_named(only, old, new)
    lines = differences(old, new)
    if name:
        lines = lines.filter(pl.col("table") == name)
    if parquet:
        write_lines(lines, parquet, old, new)
    if as_json:
        counts = lines.group_by("table", "changement", "colonne", "raison", maintain_order=True).agg(
            pl.col("lignes").sum()
        )
        told = {"de": old.version, "a": new.version, "changements": counts.to_dicts()}
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    elif name:
        _show(lines)
    else:
        _say(tell(old, new, lines)[0])
    if parquet and not as_json:
        _say(f"{parquet} : {lines.height} lignes.")


@click.command()
@click.argument("version")
@click.option("--reason", help="Why: a sentence that the journal keeps.")
@_data
def rollback(version: str, reason: str | None, data: Path | None) -> None:
    """Make release VERSION the current one again. The newer ones are withdrawn; none is deleted."""
    from assets.release.promote import settle
    from assets.release.rollback import roll_back
    from assets.release.versions import withdrawn

    root = DataRoot.resolve(data)
    with exclusive(root.path):
        settle(root.releases)
        roll_back(root, version, reason)
    _say(f"Version courante : {version}.")
    for name in withdrawn(root.releases):
        _say(f"{name} est retirée : elle ne reviendra pas d'elle-même tant que les fichiers et le code sont les mêmes.")


# --- what the commands share -------------------------------------------------------------------------------------


def _held(root: DataRoot) -> list[str]:
    from assets.release.versions import list_releases

    return list_releases(root.releases)


def _described(folder: Path, version: str) -> dict[str, Any]:
    from assets.release.manifest import files_of
    from assets.release.versions import latest, read_manifest, withdrawn

    manifest = read_manifest(folder, version)
    rows = {t.layer: t.lignes for t in manifest.tables}
    current = "courante" if latest(folder) == version else ""
    return {
        "version": version,
        "etat": "retirée" if version in withdrawn(folder) else current,
        "precedente": manifest.precedente,
        "date_reference": manifest.date_reference.isoformat(),
        "departements": list(manifest.perimetre),
        "verdict": manifest.verdict.statut,
        "fictif": manifest.fictif,
        "points_d_accueil": sum(rows.get(name, 0) for name in ("implantations", "permanences", "itinerances")),
        "lignes": sum(rows.values()),
        "octets": sum(path.stat().st_size for path in files_of(folder / version)),
    }


def _table_named(only: str | None, *editions: "Edition") -> str | None:
    """The full name of a table given by its layer, or by its full name."""
    if only is None:
        return None
    layers = {shape.layer: name for edition in editions for name, shape in edition.tables.items()}
    if only not in {*layers, *layers.values()}:
        raise WrongUse(
            f"table {only!r}",
            expected="one of " + ", ".join(sorted(layers)),
            found="no such table in these releases",
            remedy="give one of them",
        )
    return layers.get(only, only)


def _show(lines: pl.DataFrame) -> None:
    """The changes of one table: counts, then the first lines."""
    counts = Table("changement", "colonne", "raison", Column("lignes", justify="right"))
    summed = lines.group_by("changement", "colonne", "raison").agg(pl.col("lignes").sum())
    for change, column, reason, n in summed.sort(-pl.col("lignes"), "changement", "colonne", "raison").iter_rows():
        counts.add_row(change, column or "", reason, str(n))
    _out.print(counts)
    for row in lines.filter(pl.col("changement") != "ajouté").head(_SHOWN).iter_rows(named=True):
        cell = f"{row['colonne']} : {_cut(row['avant'])} → {_cut(row['apres'])}" if row["colonne"] else ""
        _say(f"{row['identifiant'] or ''} {row['changement']} {cell} — {row['raison']} ({row['detail'] or ''})")


def _cut(text: str | None) -> str:
    text = "(vide)" if text is None else text
    return text if len(text) <= 60 else text[:59] + "…"


def _say(text: str) -> None:
    _out.print(text, markup=False, highlight=False, soft_wrap=True)
