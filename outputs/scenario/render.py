"""A report as a self-contained page, on paper, and in a terminal: the look of the sheets of territories."""

from reportlab.platypus import CondPageBreak, Flowable, KeepTogether
from rich.console import Group, RenderableType

from outputs.scenario.document import Block, Picture, Report
from outputs.sheet import paper, terminal
from outputs.sheet.document import Table
from outputs.sheet.html import page

_SHORT = 14  # rows of a table that is not cut by the end of a page


def render_html(report: Report) -> str:
    """The page: no script, no network, every value escaped."""
    return page("rapport.html.j2", report=report)


def render_pdf(report: Report) -> bytes:
    """The PDF: the same bytes for the same report."""
    heading = paper.Heading(report.title, report.edition, report.fictional)

    def story(styles: paper.Styles) -> list[Flowable]:
        parts = paper.opening(heading, report.subtitle, report.measure, styles)
        if report.tiles:
            parts.append(paper.tiled(report.tiles, styles))
        for block in report.blocks:
            parts += _block(block, styles)
        return parts + paper.last_words(
            report.sources, report.definitions, report.method, styles, fictional=report.fictional
        )

    return paper.render(heading, report.pages, story)


def _block(block: Block, styles: paper.Styles) -> list[Flowable]:
    if isinstance(block, Picture):
        drawn = paper.image(block.image, paper.WIDTH)
        return [KeepTogether([*paper.titled(block.title, styles), drawn, *paper.noted(block.notes, styles)])]
    section = paper.section(block, paper.WIDTH, styles)
    if len(block.rows) <= _SHORT:
        return [KeepTogether(section)]
    return [CondPageBreak(paper.FIRST_ROWS), *section]


def render_terminal(report: Report) -> RenderableType:
    """What `rich` prints: the same tables, without their details and the maps."""
    parts = terminal.front(
        report.title, report.subtitle, report.edition, report.measure, report.tiles, fictional=report.fictional
    )
    for block in report.blocks:
        if isinstance(block, Table):
            parts += terminal.section(block)
    return Group(*parts)
