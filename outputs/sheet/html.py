"""A sheet as one self-contained page: no script, no network, every value escaped. Printed, one or two A4 pages.

Reports are pages of the same kind (`page`).
"""

import base64
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from outputs.sheet.document import FICTIONAL, FICTIONAL_NOTE, Column, Document

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(sheet: Document, picture: bytes | None) -> str:
    """The page.

    Args:
        picture: the map, a PNG; None when there is none, and the page says so.
    """
    return page("fiche.html.j2", sheet=sheet, image=None if picture is None else embedded(picture))


def page(template: str, **values: object) -> str:
    """A page of the folder of templates, with the style they share."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"runs": runs, "embedded": embedded}
    return environment.get_template(template).render(
        style=(_TEMPLATES / "fiche.css").read_text(encoding="utf-8"),
        fictional=FICTIONAL,
        fictional_note=FICTIONAL_NOTE,
        **values,
    )


def embedded(picture: bytes) -> str:
    """A PNG as text, to stand in a page."""
    return base64.b64encode(picture).decode()


def runs(columns: Sequence[Column]) -> list[tuple[str, list[Column]]]:
    """Neighbouring columns of a group, with its name; those of none are together."""
    return [(group, list(columns)) for group, columns in groupby(columns, key=lambda c: c.group)]
