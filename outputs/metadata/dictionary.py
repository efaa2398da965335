"""`metadonnees/dictionnaire.html`: every table and column of a release in French, to read, print or search.

The same declarations as the Markdown dictionary (`outputs.dictionary`), for people. A few lines of script hide what
does not match the search; without them the page is whole.
"""

import base64
import hashlib
from pathlib import Path

from outputs.dictionary import INLINE_VALUES, TYPES, constraint
from outputs.metadata.publication import Publication
from outputs.metadata.release import Release
from quality.page import environment, style

PATH = "metadonnees/dictionnaire.html"

_TEMPLATES = Path(__file__).parent / "templates"


def dictionary_html(release: Release, publication: Publication) -> str:
    """The page; the same facts give the same text."""
    script = (_TEMPLATES / "dictionnaire.js").read_text(encoding="utf-8")
    pages = environment(_TEMPLATES)
    pages.globals["constraint"] = constraint
    layers = {t.contract.table: t.contract.layer for t in release.tables}
    return pages.get_template("dictionnaire.html.j2").render(
        release=release,
        contracts=[t.contract for t in release.tables],
        layers=layers,
        licences=publication.licences,
        types=TYPES,
        inline_values=INLINE_VALUES,
        style=style(_TEMPLATES / "dictionnaire.css"),
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
