"""A sheet in a terminal: the same tables without their details, and without the map.

Text from the data is never read as the console's markup.
"""

from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from outputs.sheet.document import FICTIONAL, FICTIONAL_NOTE, Document, Table, Tile

_NAMES = 24  # characters a first column keeps, however narrow the terminal


def render_terminal(sheet: Document) -> RenderableType:
    """What `rich` prints."""
    parts = front(sheet.title, sheet.subtitle, sheet.edition, sheet.measure, sheet.tiles, fictional=sheet.fictional)
    for table in (sheet.figures, sheet.services, sheet.tension, sheet.baskets, sheet.places, sheet.border):
        parts += section(table)
    parts += [Text(note, "dim") for note in sheet.picture.notes]
    return Group(*parts)


def front(
    title: str, subtitle: str, edition: str, measure: str, tiles: Iterable[Tile], *, fictional: bool
) -> list[RenderableType]:
    """What a document starts with: its titles, and its essentials."""
    parts: list[RenderableType] = [Text(title, "bold"), Text(subtitle), Text(edition, "dim")]
    if fictional:
        parts.append(Text(f"{FICTIONAL.upper()} – {FICTIONAL_NOTE}", "bold red"))
    parts += [Text(measure, "italic"), Text("")]
    for tile in tiles:
        parts.append(Text.assemble((tile.value, "bold cyan"), " ", tile.words, (f" – {tile.beside}", "dim")))
    return parts


def section(table: Table) -> list[RenderableType]:
    """A table with its title, its lead and its notes."""
    parts: list[RenderableType] = [Text(""), Text(table.title, "bold")]
    if table.lead:
        parts.append(Text(table.lead))
    if table.rows:
        grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        shown = [number for number, column in enumerate(table.columns) if not column.detail]
        widest = max(len(row[0]) for row in table.rows)
        for number in shown:
            column = table.columns[number]
            heading = Text("\n".join(part for part in (column.group, column.title) if part))
            grid.add_column(
                heading,
                justify="right" if column.number else "left",
                style="bold" if column.strong else "",
                no_wrap=number == 0 and widest <= _NAMES,
            )
        for row in table.rows:
            grid.add_row(*(Text(row[number]) for number in shown))
        parts.append(grid)
    if table.notes:
        parts.append(Text(" ".join(table.notes), "dim"))
    return parts
