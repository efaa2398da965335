"""`csp docs` and `csp map`: what people read, made from declarations and from a release. Only the two commands."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.foundations.errors import ExitCode, WrongUse
from pipeline.foundations.paths import DataRoot

_REPOSITORY = Path(__file__).parents[1]


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the two commands to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    for command in (docs, draw_map):
        command.callback = says_errors(command.callback)
        main.add_command(command)


def generated() -> dict[str, str]:
    """The generated documents: text by file name under `docs/`."""
    from outputs.dictionary import dictionary, sources_index
    from quality.contract import all_contracts
    from sources.registry import discover

    return {
        "dictionnaire.md": dictionary(all_contracts()),
        "sources.md": sources_index(discover(_REPOSITORY / "sources").values()),
    }


@click.command("docs")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a page is not up to date.")
def docs(check: bool) -> None:
    """Write docs/dictionnaire.md and docs/sources.md from the contracts and the source declarations."""
    folder = _REPOSITORY / "docs"
    if not folder.is_dir():
        raise WrongUse(
            str(folder), expected="the docs folder of a checkout", found="nothing", remedy="run it from a checkout"
        )
    stale = [
        name
        for name, text in generated().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    for name in stale:
        if not check:
            (folder / name).write_text(generated()[name], encoding="utf-8")
        click.echo(f"docs/{name} : {'périmé, lancer « csp docs »' if check else 'écrit'}")
    if not stale:
        click.echo("docs/ : à jour")
    elif check:
        sys.exit(ExitCode.REFUSED)


@click.command("map")
@click.argument("image", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")
@click.option("--release", default="latest", show_default=True, help="Version to draw.")
@click.option("--departements", default="all", show_default=True, help="`all` of the release, or codes: 05,36,59.")
@click.option("--typology", default="France services", show_default=True, help="As in column `typologie`.")
@click.option(
    "--measure", type=click.Choice(["distance", "temps"]), default="distance", show_default=True, help="What is drawn."
)
def draw_map(image: Path, data: Path | None, release: str, departements: str, typology: str, measure: str) -> None:
    """Draw a release as a PNG: distance or travel time to the nearest counter of a typology, commune by commune."""
    import polars as pl

    from assets.release.manifest import load_manifest
    from assets.release.notes import credit
    from assets.release.versions import find
    from outputs import layout
    from outputs.carte import MEASURES, MapText, render_map
    from pipeline.foundations.codes import parse_departements

    folder = find(DataRoot.resolve(data).releases, release)
    manifest = load_manifest(folder)
    chosen = parse_departements(departements, list(manifest.perimetre))
    tables = {
        name: pl.read_parquet(layout.geoparquet(folder, name))
        for name in ("communes", "departements", "distances", "acces_communes", "implantations")
    }
    render_map(
        image,
        communes=tables["communes"].filter(pl.col("departement").is_in(chosen)),
        departements=tables["departements"],
        distances=tables["acces_communes" if measure == "temps" else "distances"],
        implantations=tables["implantations"],
        text=MapText(
            version=manifest.version,
            licence=manifest.licence,
            credits={s.id: credit(s) for s in manifest.sources if s.fichiers},
            always=("cog", "contours", *(("bdtopo", "carreaux_200m", "carreaux_1km") if measure == "temps" else ())),
            fictional=manifest.fictif,
        ),
        typology=typology,
        measure=MEASURES[measure],
    )
    click.echo(str(image))
