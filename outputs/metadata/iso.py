"""`metadonnees/iso19139.xml`: the release as an ISO 19115 record in ISO/TS 19139:2007 XML, as INSPIRE asks for datasets
(technical guidance 2): identifier, theme, extent, reference system, lineage, conformity, constraints.

Written from a template of our own: the one of pygeometa has no resource identifier, no conformity, no INSPIRE theme
and escapes only part of its values.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from outputs.metadata.formats import format_of
from outputs.metadata.publication import Publication
from outputs.metadata.release import Release, verdict_sentence
from quality.page import environment

PATH = "metadonnees/iso19139.xml"

_TEMPLATES = Path(__file__).parent / "templates"
#: Characters that XML 1.0 cannot hold, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FREQUENCIES = {
    "quotidienne": "daily",
    "hebdomadaire": "weekly",
    "mensuelle": "monthly",
    "trimestrielle": "quarterly",
    "annuelle": "annually",
    "irrégulière": "irregular",
}


def iso19139(release: Release, publication: Publication) -> str:
    """The XML text; the same facts give the same text."""
    pages = environment(_TEMPLATES)
    pages.finalize = _legal
    formats = [f for f in dict.fromkeys(format_of(file.path) for file in release.files) if f.role == "données"]
    online = [
        (publication.link(release.version, quote(file.path), up=1), found)
        for file in release.files
        if (found := format_of(file.path)).role in ("données", "documents")
    ]
    return pages.get_template("iso19139.xml.j2").render(
        release=release,
        publication=publication,
        licence=publication.licences[release.licence],
        uri=publication.uri(release.version),
        frequency=_FREQUENCIES[publication.frequence],
        formats=formats,
        online=online,
        page=publication.link(release.version, "index.html", up=1),
        picture=publication.link(release.version, "carte/apercu.png", up=1),
        accepted=release.verdict == "accepté",
        verdict=verdict_sentence(release),
    )


def _legal(value: Any) -> Any:
    # What a macro made is markup, already gone through here.
    return _FORBIDDEN.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value
