"""A sheet on paper: A4 PDF, one or two pages, the same bytes for the same sheet."""

from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether
from reportlab.platypus import Table as Grid

from outputs.sheet.document import Document
from outputs.sheet.paper import (
    FIRST_ROWS,
    GUTTER,
    WIDTH,
    Heading,
    Styles,
    image,
    last_words,
    noted,
    opening,
    paragraph,
    render,
    section,
    side_by_side,
    tiled,
    titled,
)

_MAP = 88 * mm


def render_pdf(sheet: Document, picture: bytes | None) -> bytes:
    """The PDF.

    Args:
        picture: the map, a PNG; None when there is none, and the page says so.
    """
    heading = Heading(sheet.title, sheet.edition, sheet.fictional)
    return render(heading, sheet.pages, lambda styles: _story(sheet, heading, picture, styles))


def _story(sheet: Document, heading: Heading, picture: bytes | None, styles: Styles) -> list[Flowable]:
    story: list[Flowable] = [
        *opening(heading, sheet.subtitle, sheet.measure, styles),
        tiled(sheet.tiles, styles),
        _pair(sheet, picture, styles),
        KeepTogether(section(sheet.services, WIDTH, styles)),
    ]
    # The longest: cut where the page ends.
    story += [CondPageBreak(FIRST_ROWS), *section(sheet.tension, WIDTH, styles)]
    story.append(KeepTogether(section(sheet.baskets, WIDTH, styles)))
    wide = 0.66 * WIDTH
    rest = WIDTH - wide - GUTTER
    story.append(side_by_side(section(sheet.places, wide, styles), section(sheet.border, rest, styles), wide))
    return story + last_words(sheet.sources, sheet.definitions, sheet.method, styles, fictional=sheet.fictional)


def _pair(sheet: Document, picture: bytes | None, styles: Styles) -> Grid:
    """Key figures and the map, side by side."""
    wide = _MAP * styles.scale
    left = WIDTH - wide - GUTTER
    drawn: Flowable = paragraph("Aucun contour n’est connu : pas de carte.", styles.text)
    if picture is not None:
        drawn = image(picture, wide)
    right = [*titled(sheet.picture.title, styles), drawn, *noted(sheet.picture.notes, styles)]
    return side_by_side(section(sheet.figures, left, styles), right, left)
