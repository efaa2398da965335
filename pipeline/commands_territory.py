"""`csp territoire`: the sheet of a territory, in the terminal and as two files. The work is in `outputs.sheet`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pipeline.foundations.paths import DataRoot

_LEVELS = ("commune", "epci", "departement", "region", "arrondissement", "bassin_vie")
_out = Console()


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the command to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    territoire.callback = says_errors(territoire.callback)
    main.add_command(territoire)


@click.command("territoire")
@click.argument("territory", metavar="CODE_OR_NAME")
@click.option("--niveau", type=click.Choice(_LEVELS), help="Level, where a code or a name is of several.")
@click.option("--release", default="latest", show_default=True, help="Version the sheet is of.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    show_default=True,
    help="Folder of the files.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")
def territoire(territory: str, niveau: str | None, release: str, out: Path, data: Path | None) -> None:
    """The sheet of a territory: figures, access to services, zones de tension, map; printed, and as HTML and PDF.

    CODE_OR_NAME is a département (05), an EPCI (SIREN), a commune (Insee code), a région, or the name of one of them.
    An arrondissement or a bassin de vie needs --niveau.
    """
    from assets.release.edition import credits_of, edition_of
    from assets.release.manifest import load_manifest
    from assets.release.versions import find as find_release
    from outputs.sheet.content import content
    from outputs.sheet.document import document
    from outputs.sheet.html import render_html
    from outputs.sheet.layers import open_layers
    from outputs.sheet.map import draw_map
    from outputs.sheet.pdf import render_pdf
    from outputs.sheet.scheme import scheme
    from outputs.sheet.terminal import render_terminal
    from outputs.sheet.territory import find

    folder = find_release(DataRoot.resolve(data).releases, release)
    manifest, layers = load_manifest(folder), open_layers(folder)
    found = find(layers, territory, niveau, manifest.perimetre)
    known = content(layers, found, scheme(), manifest.perimetre)
    roads = known.mesure == "route"
    edition = edition_of(manifest, known.sources, roads=roads)
    sheet = document(known, edition, scheme())
    picture = draw_map(
        layers,
        found,
        mesure=known.mesure,
        typology=scheme().reference.typologie,
        credit=credits_of(manifest, known.sources, roads=roads).get("contours", ""),
        fictional=manifest.fictif,
    )
    _out.print(render_terminal(sheet))
    out.mkdir(parents=True, exist_ok=True)
    name = "-".join(("fiche", found.niveau.replace("_", "-"), found.code, manifest.version))
    (out / f"{name}.html").write_text(render_html(sheet, picture), encoding="utf-8")
    (out / f"{name}.pdf").write_bytes(render_pdf(sheet, picture))
    for extension in ("html", "pdf"):
        _out.print(str(out / f"{name}.{extension}"), soft_wrap=True, highlight=False, markup=False)
