"""`csp link`: estimate the linking model, and measure the links against judged pairs and withheld ids."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import polars as pl
from rich.console import Console
from rich.table import Table

from pipeline.foundations.paths import DataRoot
from pipeline.foundations.tables import TableStore

_CONSTATS = "referentiel__constats"
_out = Console()
_data = click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the group to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    for command in link.commands.values():
        command.callback = says_errors(command.callback)
    main.add_command(link)


@click.group()
def link() -> None:
    """Same counter or not: the linking model and its measures (docs/appariement.md)."""


@link.command()
@_data
@click.option("--output", type=click.Path(path_type=Path), help="File to write; the project's model by default.")
def estimate(data: Path | None, output: Path | None) -> None:
    """Learn the weights of the model anew from the constats of a data root; no label is read."""
    from assets.referentiel.link.estimation import estimate_from
    from assets.referentiel.link.model import MODEL_FILE, linking_model, save_model

    model = estimate_from(_constats(data), linking_model().seuils)
    save_model(model, output or MODEL_FILE)
    _show(model.weights(), "Poids du modèle")
    _out.print(f"Écrit : {output or MODEL_FILE}", highlight=False, soft_wrap=True)


@link.command()
@_data
@click.option(
    "--pairs",
    type=click.Path(path_type=Path),
    default=Path("tests/fixtures/link/paires_jugees.csv"),
    show_default=True,
    help="CSV of judged pairs.",
)
@click.option("--earlier", type=click.Path(path_type=Path), help="Data root of an earlier edition of the feeds.")
def evaluate(data: Path | None, pairs: Path, earlier: Path | None) -> None:
    """Print precision and recall: judged pairs, exact keys withheld, and the ids of an earlier edition."""
    from assets.referentiel.link import link as link_constats
    from assets.referentiel.link.evaluate import across_editions, judge, read_judged, scores, withheld_keys

    constats, judged = _constats(data), read_judged(pairs)
    met = judge(judged, link_constats(constats).constats)
    feeds = pl.concat_str("source_a", pl.lit(" ~ "), "source_b").alias("sources")
    _out.print(f"Paires jugées : {judged.height}, dont les deux fiches sont là : {met.height}.", highlight=False)
    _show(scores(met, ["usage"]), "Paires jugées")
    control = met.filter(pl.col("usage") == "contrôle").with_columns(feeds)
    _show(scores(control, ["sources"]), "Paires de contrôle, par sources")
    _show(withheld_keys(constats), "Clés exactes cachées au modèle")
    if earlier is not None:
        _show(across_editions(constats, _constats(earlier)), "Deux éditions, identifiants cachés")


def _constats(data: Path | None) -> pl.DataFrame:
    return TableStore(DataRoot.resolve(data).tables).read(_CONSTATS)


def _show(frame: pl.DataFrame, title: str) -> None:
    table = Table(*frame.columns, title=title, title_justify="left")
    for row in frame.iter_rows():
        table.add_row(*("" if v is None else f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    _out.print(table)
