"""`metadonnees/methode.html`: the written method, as a page of the release it explains. Its words are those of
`docs/methode.md`.
"""

from pathlib import Path

from outputs.metadata import dictionary
from outputs.metadata.markdown import to_html
from outputs.metadata.release import Release
from quality.page import environment, style

PATH = "metadonnees/methode.html"

_TEMPLATES = Path(__file__).parent / "templates"
#: What the method links to that a release holds; the rest is in the code.
_LINKS = {"dictionnaire.md": dictionary.PATH.rpartition("/")[2]}


def method_html(text: str, release: Release) -> str:
    """The page.

    Args:
        text: the method, in Markdown.
    """
    return (
        environment(_TEMPLATES)
        .get_template("methode.html.j2")
        .render(release=release, body=to_html(text, links=_LINKS), style=style(_TEMPLATES / "methode.css"))
    )
