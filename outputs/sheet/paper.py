"""Paper: A4 pages that bear their title, and what stands on them: tiles, tables, notes, pictures. Letters are embedded,
and the same story gives the same bytes.

What a document is made of, and in which order, belongs to its own module.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import matplotlib as mpl
from reportlab import rl_config
from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_CENTER, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, Image, PageTemplate, Paragraph, Spacer, TableStyle
from reportlab.platypus import Table as Grid

from outputs.sheet.document import FICTIONAL, FICTIONAL_NOTE, Link, Table, Tile
from outputs.sheet.words import NBSP, THIN

_MARGIN_X, _MARGIN_TOP, _MARGIN_BOTTOM = 10 * mm, 9 * mm, 11 * mm
#: Width of what stands on a page, and room between columns.
WIDTH = A4[0] - 2 * _MARGIN_X
GUTTER = 4 * mm
#: Room for a heading and some rows, without which a table starts on the next page.
FIRST_ROWS = 30 * mm
_INK, _GREY, _LINE, _SOFT, _BLUE, _ALERT = (
    HexColor(c) for c in ("#1b1f24", "#5b6570", "#d5dae0", "#f3f5f7", "#1f4e79", "#b3261e")
)
_PLAIN, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
#: Sizes tried in turn, relative to the full one.
_SCALES = (1.0, 0.96, 0.92, 0.88, 0.84, 0.8)


@dataclass(frozen=True)
class Heading:
    """What every page bears: the title and the edition, and that data is invented when it is."""

    title: str
    edition: str
    fictional: bool


def render(heading: Heading, pages: int, story: Callable[["Styles"], list[Flowable]]) -> bytes:
    """The PDF: laid out at full size, then a little smaller while it takes more pages than it may.

    Args:
        pages: how many it may take; the smallest size is kept when none fits.
        story: what stands on the pages, in the styles of a size.
    """
    _fonts()
    # Pictures as they are: written in ASCII they are a quarter larger, and take most of the time.
    rl_config.useA85 = 0
    content = b""
    for scale in _SCALES:
        content, taken = _lay_out(heading, story(Styles(scale)))
        if taken <= pages:
            break
    return content


@cache
def _fonts() -> None:
    """The letters shipped with matplotlib, which know French: the same everywhere."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    for name in (_PLAIN, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(_PLAIN, normal=_PLAIN, bold=_BOLD, italic=_PLAIN, boldItalic=_BOLD)


def _lay_out(heading: Heading, story: list[Flowable]) -> tuple[bytes, int]:
    """The file, and how many pages it takes."""
    written = io.BytesIO()
    file = BaseDocTemplate(
        written,
        pagesize=A4,
        title=printed(f"{heading.title} – {heading.edition}"),
        author="Carto Services Publics",
        lang="fr",
        invariant=1,
        leftMargin=_MARGIN_X,
        rightMargin=_MARGIN_X,
    )
    area = (_MARGIN_X, _MARGIN_BOTTOM, WIDTH, A4[1] - _MARGIN_TOP - _MARGIN_BOTTOM)
    frame = Frame(*area, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)

    def furniture(canvas: Canvas, laid: BaseDocTemplate) -> None:
        _furniture(canvas, laid.page, heading)

    file.addPageTemplates(PageTemplate(frames=[frame], onPage=furniture))
    file.build(story)
    return written.getvalue(), int(file.page)


def _furniture(canvas: Canvas, page: int, heading: Heading) -> None:
    """What every page bears: what it is of, its number, and that invented data is."""
    canvas.saveState()
    canvas.setFont(_PLAIN, 5.8)
    canvas.setFillColor(_GREY)
    canvas.drawString(_MARGIN_X, 6 * mm, printed(f"{heading.title} · {heading.edition}"))
    canvas.drawRightString(A4[0] - _MARGIN_X, 6 * mm, f"page {page}")
    if heading.fictional:
        words = FICTIONAL.upper()
        width = pdfmetrics.stringWidth(words, _BOLD, 8) + 5 * mm
        # Beside the title; elsewhere a table may be there.
        x, y = (
            (A4[0] - _MARGIN_X - width, A4[1] - 14 * mm) if page == 1 else (A4[0] - _MARGIN_X - 14 * mm - width, 4 * mm)
        )
        canvas.setFillColor(_ALERT)
        canvas.rect(x, y, width, 6 * mm, stroke=0, fill=1)
        canvas.setFillColor(white)
        canvas.setFont(_BOLD, 8)
        canvas.drawCentredString(x + width / 2, y + 2 * mm, words)
    canvas.restoreState()


class Styles:
    """Paragraph styles of one size."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.text = self._style(6.7)
        self.strong = self._style(6.7, font=_BOLD)
        self.number = self._style(6.7, align=TA_RIGHT)
        self.strong_number = self._style(6.7, font=_BOLD, align=TA_RIGHT)
        self.head = self._style(5.6, colour=_GREY)
        self.head_number = self._style(5.6, colour=_GREY, align=TA_RIGHT)
        self.head_group = self._style(5.6, colour=_GREY, align=TA_CENTER)
        self.note = self._style(5.6, colour=_GREY)
        self.title = self._style(17, font=_BOLD, colour=_BLUE)
        self.subtitle = self._style(8)
        self.section = self._style(8.6, font=_BOLD, colour=_BLUE)
        self.value = self._style(14, font=_BOLD)

    def cell(self, *, number: bool, strong: bool) -> ParagraphStyle:
        """That of the cells of a column."""
        if strong:
            return self.strong_number if number else self.strong
        return self.number if number else self.text

    def _style(self, size: float, *, font: str = _PLAIN, colour: HexColor = _INK, align: int = 0) -> ParagraphStyle:
        points = size * self.scale
        return ParagraphStyle(
            f"{font}{size}",
            fontName=font,
            fontSize=points,
            leading=points * 1.22,
            textColor=colour,
            alignment=align,
            embeddedHyphenation=1,  # a long name is cut at its hyphens, not anywhere
        )


def paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """Text, whatever it holds."""
    return Paragraph(escape(printed(text)), style)


def printed(text: str) -> str:
    """Narrow no-break spaces become plain ones, at which lines are not broken here."""
    return text.replace(THIN, NBSP)


def tiled(tiles: Sequence[Tile], styles: Styles) -> Grid:
    """The essentials, side by side."""
    gap = 2.5 * mm
    width = (WIDTH - gap * (len(tiles) - 1)) / len(tiles)
    row: list[object] = []
    commands: list[tuple[object, ...]] = [("VALIGN", (0, 0), (-1, -1), "TOP")]
    for number, tile in enumerate(tiles):
        if number:
            row.append("")
        column = len(row)
        looks = ((tile.value, styles.value), (tile.words, styles.text), (tile.beside, styles.note))
        row.append([paragraph(words, look) for words, look in looks])
        commands += [
            ("BACKGROUND", (column, 0), (column, 0), _SOFT),
            ("LINEBEFORE", (column, 0), (column, 0), 2.4, _BLUE),
        ]
    widths = [width if number % 2 == 0 else gap for number in range(len(row))]
    grid = Grid([row], colWidths=widths)
    grid.setStyle(TableStyle([*commands, *_padding(2 * mm, 1.2 * mm)]))
    return grid


def _padding(x: float, y: float) -> list[tuple[object, ...]]:
    sides = (("LEFT", x), ("RIGHT", x), ("TOP", y), ("BOTTOM", y))
    return [(f"{side}PADDING", (0, 0), (-1, -1), room) for side, room in sides]


def side_by_side(left: list[Flowable], right: list[Flowable], width: float) -> Grid:
    """Two columns, the left one of that width."""
    grid = Grid([[left, "", right]], colWidths=[width, GUTTER, WIDTH - width - GUTTER])
    grid.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *_padding(0, 0)]))
    return grid


def titled(title: str, styles: Styles) -> list[Flowable]:
    """The heading of a section."""
    scale = styles.scale
    return [Spacer(0, 2.2 * mm * scale), paragraph(title, styles.section), Spacer(0, 0.8 * mm * scale)]


def section(table: Table, width: float, styles: Styles) -> list[Flowable]:
    """A heading, what leads, the rows and the notes of a table."""
    found = titled(table.title, styles)
    if table.lead:
        found.append(paragraph(table.lead, styles.text))
    if table.rows:
        found.append(_grid(table, width, styles))
    return [*found, *noted(table.notes, styles)]


def noted(notes: Sequence[str], styles: Styles) -> list[Flowable]:
    """Notes, one after the other."""
    return [paragraph(" ".join(notes), styles.note)] if notes else []


def image(picture: bytes, width: float) -> Image:
    """A PNG of that width, in its own proportions."""
    wide, high = ImageReader(io.BytesIO(picture)).getSize()
    return Image(io.BytesIO(picture), width=width, height=width * high / wide, hAlign="LEFT")


def last_words(sources: str, definitions: str, method: Link, styles: Styles, *, fictional: bool) -> list[Flowable]:
    """What ends a document: that its data is invented, its sources, its words, and where the method is."""
    words = escape(printed(method.words))
    if method.url is not None:
        words = f"<a href={quoteattr(method.url)}>{words}</a>"
    end = f"{escape(printed(definitions))} Méthode{NBSP}: {words}."
    invented = [paragraph(f"{FICTIONAL}. {FICTIONAL_NOTE}", styles.note)] if fictional else []
    return [Spacer(0, 2 * mm * styles.scale), *invented, paragraph(sources, styles.note), Paragraph(end, styles.note)]


def opening(heading: Heading, subtitle: str, measure: str, styles: Styles) -> list[Flowable]:
    """What starts a document."""
    scale = styles.scale
    return [
        paragraph(heading.title, styles.title),
        Spacer(0, 0.8 * mm * scale),
        paragraph(subtitle, styles.subtitle),
        paragraph(heading.edition, styles.note),
        paragraph(measure, styles.strong),
        Spacer(0, 1.6 * mm * scale),
    ]


def _grid(table: Table, width: float, styles: Styles) -> Grid:
    whole = sum(c.width for c in table.columns)
    head = [paragraph(c.title, styles.head_number if c.number else styles.head) for c in table.columns]
    rows: list[list[object]] = [list(head)]
    commands: list[tuple[object, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        *_padding(0.8 * mm, 0.5 * mm * styles.scale),
    ]
    start = 0
    if any(c.group for c in table.columns):
        above: list[object] = []
        for group, columns in groupby(table.columns, key=lambda c: c.group):
            size = len(list(columns))
            above += [paragraph(group, styles.head_group) if group else "", *[""] * (size - 1)]
            commands.append(("SPAN", (start, 0), (start + size - 1, 0)))
            if group:
                commands.append(("LINEBELOW", (start, 0), (start + size - 1, 0), 0.4, _LINE))
            start += size
        rows.insert(0, above)
    for number, (before, after) in enumerate(pairwise(table.columns), start=1):
        if before.number and not after.number:  # or the two would touch
            commands.append(("LEFTPADDING", (number, 0), (number, -1), 3 * mm))
    last = len(rows) - 1
    commands += [
        ("VALIGN", (0, 0), (-1, last), "BOTTOM"),
        ("LINEBELOW", (0, last), (-1, last), 0.5, _GREY),
        ("LINEBELOW", (0, last + 1), (-1, -1), 0.3, _LINE),
    ]
    looks = [styles.cell(number=c.number, strong=c.strong) for c in table.columns]
    rows += [[paragraph(cell, look) for cell, look in zip(row, looks, strict=True)] for row in table.rows]
    grid = Grid(rows, colWidths=[width * c.width / whole for c in table.columns], repeatRows=last + 1)
    grid.setStyle(TableStyle(commands))
    return grid
