"""A sheet on paper: A4 PDF, letters embedded, the same bytes for the same sheet.

Laid out at full size, then a little smaller while it takes more pages than it may.
"""

import io
from collections.abc import Sequence
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import matplotlib as mpl
from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_CENTER, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Table as Grid

from outputs.sheet import map as drawing
from outputs.sheet.document import FICTIONAL, FICTIONAL_NOTE, Document, Table, Tile
from outputs.sheet.words import NBSP, THIN

_MARGIN_X, _MARGIN_TOP, _MARGIN_BOTTOM = 10 * mm, 9 * mm, 11 * mm
_WIDTH = A4[0] - 2 * _MARGIN_X
_MAP, _GUTTER = 88 * mm, 4 * mm
_FIRST_ROWS = 30 * mm  # room for a heading and some rows, without which a table starts on the next page
_INK, _GREY, _LINE, _SOFT, _BLUE, _ALERT = (
    HexColor(c) for c in ("#1b1f24", "#5b6570", "#d5dae0", "#f3f5f7", "#1f4e79", "#b3261e")
)
_PLAIN, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
#: Sizes tried in turn, relative to the full one.
_SCALES = (1.0, 0.96, 0.92, 0.88, 0.84, 0.8)


def render_pdf(sheet: Document, picture: bytes | None) -> bytes:
    """The PDF.

    Args:
        picture: the map, a PNG; None when there is none, and the page says so.
    """
    _fonts()
    content, pages = b"", 0
    for scale in _SCALES:
        content, pages = _lay_out(sheet, picture, scale)
        if pages <= sheet.pages:
            break
    return content


@cache
def _fonts() -> None:
    """The letters shipped with matplotlib, which know French: the same everywhere."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    for name in (_PLAIN, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(_PLAIN, normal=_PLAIN, bold=_BOLD, italic=_PLAIN, boldItalic=_BOLD)


def _lay_out(sheet: Document, picture: bytes | None, scale: float) -> tuple[bytes, int]:
    """The file at one size, and how many pages it takes."""
    written = io.BytesIO()
    styles = _Styles(scale)
    file = BaseDocTemplate(
        written,
        pagesize=A4,
        title=_printed(f"{sheet.title} – {sheet.edition}"),
        author="Carto Services Publics",
        lang="fr",
        invariant=1,
        leftMargin=_MARGIN_X,
        rightMargin=_MARGIN_X,
    )
    area = (_MARGIN_X, _MARGIN_BOTTOM, _WIDTH, A4[1] - _MARGIN_TOP - _MARGIN_BOTTOM)
    frame = Frame(*area, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)

    def furniture(canvas: Canvas, laid: BaseDocTemplate) -> None:
        _furniture(canvas, laid.page, sheet)

    file.addPageTemplates(PageTemplate(frames=[frame], onPage=furniture))
    file.build(_story(sheet, picture, styles))
    return written.getvalue(), int(file.page)


def _furniture(canvas: Canvas, page: int, sheet: Document) -> None:
    """What every page bears: which sheet it is of, its number, and that invented data is."""
    canvas.saveState()
    canvas.setFont(_PLAIN, 5.8)
    canvas.setFillColor(_GREY)
    canvas.drawString(_MARGIN_X, 6 * mm, _printed(f"{sheet.title} · {sheet.edition}"))
    canvas.drawRightString(A4[0] - _MARGIN_X, 6 * mm, f"page {page}")
    if sheet.fictional:
        words = FICTIONAL.upper()
        width = pdfmetrics.stringWidth(words, _BOLD, 8) + 5 * mm
        # Beside the title; elsewhere a table may be there.
        x, y = (A4[0] - _MARGIN_X - width, A4[1] - 14 * mm) if page == 1 else ((A4[0] - width) / 2, 4 * mm)
        canvas.setFillColor(_ALERT)
        canvas.rect(x, y, width, 6 * mm, stroke=0, fill=1)
        canvas.setFillColor(white)
        canvas.setFont(_BOLD, 8)
        canvas.drawCentredString(x + width / 2, y + 2 * mm, words)
    canvas.restoreState()


class _Styles:
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


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(_printed(text)), style)


def _printed(text: str) -> str:
    """Narrow no-break spaces become plain ones, at which lines are not broken here."""
    return text.replace(THIN, NBSP)


def _story(sheet: Document, picture: bytes | None, styles: _Styles) -> list[Flowable]:
    scale = styles.scale
    story: list[Flowable] = [
        _paragraph(sheet.title, styles.title),
        Spacer(0, 0.8 * mm * scale),
        _paragraph(sheet.subtitle, styles.subtitle),
        _paragraph(sheet.edition, styles.note),
        _paragraph(sheet.measure, styles.strong),
        Spacer(0, 1.6 * mm * scale),
        _tiles(sheet.tiles, styles),
        _pair(sheet, picture, styles),
    ]
    story.append(KeepTogether(_section(sheet.services, _WIDTH, styles)))
    # The longest: cut where the page ends.
    story += [CondPageBreak(_FIRST_ROWS), *_section(sheet.tension, _WIDTH, styles)]
    story.append(KeepTogether(_section(sheet.baskets, _WIDTH, styles)))
    wide = 0.66 * _WIDTH
    rest = _WIDTH - wide - _GUTTER
    story.append(_side_by_side(_section(sheet.places, wide, styles), _section(sheet.border, rest, styles), wide))
    story.append(Spacer(0, 2 * mm * scale))
    if sheet.fictional:
        story.append(_paragraph(f"{FICTIONAL}. {FICTIONAL_NOTE}", styles.note))
    method = escape(_printed(sheet.method.words))
    if sheet.method.url is not None:
        method = f"<a href={quoteattr(sheet.method.url)}>{method}</a>"
    last = f"{escape(_printed(sheet.definitions))} Méthode{NBSP}: {method}."
    return [*story, _paragraph(sheet.sources, styles.note), Paragraph(last, styles.note)]


def _tiles(tiles: Sequence[Tile], styles: _Styles) -> Grid:
    gap = 2.5 * mm
    width = (_WIDTH - gap * (len(tiles) - 1)) / len(tiles)
    row: list[object] = []
    commands: list[tuple[object, ...]] = [("VALIGN", (0, 0), (-1, -1), "TOP")]
    for number, tile in enumerate(tiles):
        if number:
            row.append("")
        column = len(row)
        looks = ((tile.value, styles.value), (tile.words, styles.text), (tile.beside, styles.note))
        row.append([_paragraph(words, look) for words, look in looks])
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


def _pair(sheet: Document, picture: bytes | None, styles: _Styles) -> Grid:
    """Key figures and the map, side by side."""
    wide = _MAP * styles.scale
    left = _WIDTH - wide - _GUTTER
    drawn: Flowable = _paragraph("Aucun contour n’est connu : pas de carte.", styles.text)
    if picture is not None:
        drawn = Image(io.BytesIO(picture), width=wide, height=wide * drawing.HEIGHT / drawing.WIDTH, hAlign="LEFT")
    right = [*_heading(sheet.picture.title, styles), drawn, *_notes(sheet.picture, styles)]
    return _side_by_side(_section(sheet.figures, left, styles), right, left)


def _side_by_side(left: list[Flowable], right: list[Flowable], width: float) -> Grid:
    """Two columns, the left one of that width."""
    grid = Grid([[left, "", right]], colWidths=[width, _GUTTER, _WIDTH - width - _GUTTER])
    grid.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *_padding(0, 0)]))
    return grid


def _heading(title: str, styles: _Styles) -> list[Flowable]:
    scale = styles.scale
    return [Spacer(0, 2.2 * mm * scale), _paragraph(title, styles.section), Spacer(0, 0.8 * mm * scale)]


def _section(table: Table, width: float, styles: _Styles) -> list[Flowable]:
    found = _heading(table.title, styles)
    if table.lead:
        found.append(_paragraph(table.lead, styles.text))
    if table.rows:
        found.append(_grid(table, width, styles))
    return [*found, *_notes(table, styles)]


def _notes(table: Table, styles: _Styles) -> list[Flowable]:
    return [_paragraph(" ".join(table.notes), styles.note)] if table.notes else []


def _grid(table: Table, width: float, styles: _Styles) -> Grid:
    whole = sum(c.width for c in table.columns)
    head = [_paragraph(c.title, styles.head_number if c.number else styles.head) for c in table.columns]
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
            above += [_paragraph(group, styles.head_group) if group else "", *[""] * (size - 1)]
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
    rows += [[_paragraph(cell, look) for cell, look in zip(row, looks, strict=True)] for row in table.rows]
    grid = Grid(rows, colWidths=[width * c.width / whole for c in table.columns], repeatRows=last + 1)
    grid.setStyle(TableStyle(commands))
    return grid
