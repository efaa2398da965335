"""What the pages people read have in common: the look, and a template environment that escapes everything.

The quality report, the release page and the dictionary are written with it; what they say is theirs.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from quality.results import number, plural

_COMMON = Path(__file__).parent / "templates" / "page.css"


def environment(templates: Path) -> Environment:
    """Templates of a folder: every value escaped, an unknown one refused; numbers and plurals as in French."""
    found = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["nombre"] = number
    found.globals["accord"] = plural
    found.globals["part"] = share
    return found


def style(own: Path) -> str:
    """The style sheet of a page: what is common, then its own."""
    return _COMMON.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")


def share(part: int, whole: int) -> int | None:
    """Whole percents, rounded down so that only everything is 100; None of nothing."""
    return 100 * part // whole if whole else None
