"""`csp roads`: the road files travel times are computed on. Only the commands; the work is in `assets.raw.roads`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import polars as pl
from rich.console import Console
from rich.table import Column, Table

from pipeline.foundations.errors import WrongUse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace
from sources.reading import ReadResult

_out = Console()
_SHOWN = 40  # lines of problems printed


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the group to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    for command in roads.commands.values():
        command.callback = says_errors(command.callback)
    main.add_command(roads)


@click.group()
def roads() -> None:
    """Road files (BD TOPO, OpenStreetMap): bring them, see them, take them back."""


_data = click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")


@roads.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True), metavar="FILE_OR_FOLDER")
@click.option("--departement", help="Code of the département it covers (05, 2A, 971…), when its name does not say it.")
@click.option("--france", is_flag=True, help="It covers the whole country.")
@click.option("--epsg", type=int, help="Projected system of shapefiles that do not say theirs (2154…).")
@_data
def import_(path: Path, departement: str | None, france: bool, epsg: int | None, data: Path | None) -> None:
    """Read a road file through, show what was understood, and keep it for the next build.

    A BD TOPO file is a GeoPackage, IGN's 7z, a ZIP, or a folder of shapefiles; an OpenStreetMap one ends with .osm.pbf.
    """
    from assets.raw.roads import import_roads, target_of
    from pipeline.foundations.lock import exclusive

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    target = target_of(path, departement=departement, france=france)
    with exclusive(workspace.root.path):
        result = import_roads(workspace, path, target, epsg=epsg)
    _say(f"{path} → {target.source} {target.resource}" + (f", {result.generation}" if result.generation else ""))
    _show(result)
    _say("Gardé pour le prochain `csp build` (ou `csp build --frozen`).")


@roads.command("list")
@_data
def list_(data: Path | None) -> None:
    """The road files kept, and what the last build read in them."""
    from assets.raw.roads import SOURCES
    from sources.registry import all_sources

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    table = Table(Column("source", no_wrap=True), "ressource", "Mo", "importé le", "tronçons", "km")
    for spec in (s for name, s in all_sources().items() if name in SOURCES):
        read = _last_read(workspace, spec.id)
        for resource in spec.resources:
            snapshot = workspace.snapshots.current(spec.id, resource.id)
            if snapshot is None:
                continue
            rows = read.filter(pl.col("ressource") == resource.id)
            counts = _totals(rows) if rows.height else ("", "")
            size = f"{snapshot.size / 1e6:.1f}"
            table.add_row(spec.id, resource.id, size, f"{snapshot.fetched_at:%d/%m/%Y}", *counts)
    _out.print(table)


@roads.command("remove")
@click.argument("resource")
@click.option("--source", default="bdtopo", show_default=True, help="Source it belongs to, as `csp roads list` shows.")
@_data
def remove(resource: str, source: str, data: Path | None) -> None:
    """Delete a road file and its earlier versions, RESOURCE in `csp roads list`."""
    from assets.raw.roads import SOURCES
    from pipeline.foundations.lock import exclusive
    from sources.registry import get_source

    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    known = [r.id for r in get_source(source).resources] if source in SOURCES else []
    if resource not in known or workspace.snapshots.current(source, resource) is None:
        raise WrongUse(
            f"road file {source} {resource}",
            expected="the resource of a road file that was imported",
            found="none of that name",
            remedy="csp roads list",
        )
    with exclusive(workspace.root.path):
        gone = workspace.snapshots.forget(source, resource)
    freed = sum(s.size for s in gone) / 1e6
    _say(f"{source} {resource} ne compte plus ({freed:.1f} Mo effacés). Relancer `csp build --frozen`.")


def _last_read(workspace: Workspace, source: str) -> pl.DataFrame:
    """What the last build counted in the files of a road source; empty before the first one."""
    name = f"raw__{source}_bilan"
    if workspace.tables.state(name) is None:
        return pl.DataFrame(schema={"ressource": pl.String, "troncons": pl.Int64, "longueur_km": pl.Float64})
    return workspace.tables.read(name)


def _show(result: ReadResult) -> None:
    read = result.tables["bilan"]
    _say("  {} tronçons, {} km".format(*_totals(read)))
    by_nature = read.group_by("nature").agg(pl.col("troncons", "longueur_km").sum())
    for nature, count, length in by_nature.sort("longueur_km", "nature", descending=[True, False]).iter_rows():
        _say(f"  {nature or '(nature inconnue)':28} {_number(count):>12} tronçons {_number(length):>10} km")
    issues = result.issues
    if issues.height:
        _out.print(f"[bold]problèmes[/] : {issues.height}", highlight=False)
    for row in issues.head(_SHOWN).iter_rows(named=True):
        value = f" « {row['valeur']} »" if row["valeur"] else ""
        _say(f"  {row['gravite']}, {row['colonne']}{value} — {row['motif']}")


def _totals(read: pl.DataFrame) -> tuple[str, str]:
    """Segments and kilometres of some rows of `bilan`."""
    count, length = read.select(pl.col("troncons", "longueur_km").sum()).row(0)
    return _number(count), _number(length)


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\u202f")


def _say(text: str) -> None:
    _out.print(text, markup=False, highlight=False, soft_wrap=True)
