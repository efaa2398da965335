"""`metadonnees/stac/collection.json` and the `catalog.json` beside releases: the same data for STAC readers.

A collection is one version, with its files as assets; the catalogue lists the versions and names the latest one, as
Overture's does. STAC 1.1, with the File and Table extensions.
"""

import json
from collections.abc import Sequence
from typing import Any

from outputs.metadata.formats import Format, format_of
from outputs.metadata.publication import Publication
from outputs.metadata.release import File, Release, Table

PATH = "metadonnees/stac/collection.json"

_VERSION = "1.1.0"
_FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
_TABLE_EXTENSION = "https://stac-extensions.github.io/table/v1.2.0/schema.json"
_SHA256 = "1220"  # multihash: the function, then the length of the digest
_TYPES = {
    "texte": "string",
    "entier": "int64",
    "reel": "double",
    "booleen": "boolean",
    "date": "date",
    "liste_texte": "list<string>",
    "geometrie": "geometry",
}


def collection(release: Release, publication: Publication) -> str:
    """The collection of a version; the same facts give the same text."""
    licence = publication.licences[release.licence]
    shown = [(f, format_of(f.path)) for f in release.files if format_of(f.path).role in ("données", "documents")]
    record = {
        "type": "Collection",
        "stac_version": _VERSION,
        "stac_extensions": [_FILE_EXTENSION, _TABLE_EXTENSION],
        "id": f"{publication.identifiant}-{release.version}",
        "title": f"{release.title}, version {release.version}",
        "description": f"{release.description}\n\n{publication.presentation}".strip(),
        "keywords": list(publication.mots_cles),
        "license": licence.spdx,
        "providers": _providers(release, publication),
        "extent": {
            "spatial": {"bbox": _boxes(release)},
            "temporal": {"interval": [[_start(release), release.reference.isoformat()]]},
        },
        "summaries": {"version": [release.version], "departements": list(release.departements)},
        "assets": {file.path: _asset(file, found, release, publication) for file, found in shown},
        "links": [
            {"rel": "license", "href": licence.url, "title": licence.titre},
            {
                "rel": "about",
                "href": publication.link(release.version, "index.html", up=2),
                "type": "text/html",
                "title": "Page de la version",
            },
            *({"rel": "derived_from", "href": s.page, "title": s.credit, "type": "text/html"} for s in release.used),
        ],
    }
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def catalogue(publication: Publication, versions: Sequence[str], latest: str | None) -> str:
    """The catalogue of releases kept side by side, for the folder that holds them.

    Args:
        versions: those that hold a collection, oldest first.
        latest: the current one; None when there is none.
    """
    record: dict[str, Any] = {
        "type": "Catalog",
        "stac_version": _VERSION,
        "id": publication.identifiant,
        "title": publication.titre,
        "description": publication.resume,
        "links": [
            {"rel": "root", "href": "./catalog.json", "type": "application/json", "title": publication.titre},
            *(
                {
                    "rel": "child",
                    "href": f"./{version}/{PATH}",
                    "type": "application/json",
                    "title": f"Version {version}",
                    **({"latest": True} if version == latest else {}),
                }
                for version in reversed(versions)
            ),
        ],
    }
    if latest is not None:
        record["latest"] = latest
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def _start(release: Release) -> str:
    return f"{release.since.isoformat()}T00:00:00+00:00"


def _boxes(release: Release) -> list[list[float]]:
    """The box of everything, then its parts; the world when nothing has a position, for STAC wants one."""
    whole = release.box or (-180.0, -90.0, 180.0, 90.0)
    return [list(whole), *(list(box) for box in release.boxes if len(release.boxes) > 1)]


def _providers(release: Release, publication: Publication) -> list[dict[str, Any]]:
    named = publication.diffuseur
    first: list[dict[str, Any]] = []
    if named.nom:
        page = {"url": named.page} if named.page else {}
        first = [{"name": named.nom, "roles": ["processor", "host"], **page}]
    producers = dict.fromkeys(s.producer for s in release.used)
    return [*first, *({"name": name, "roles": ["producer"]} for name in producers)]


def _asset(file: File, found: Format, release: Release, publication: Publication) -> dict[str, Any]:
    layer = found.layer(file.path)
    table = release.table(layer) if layer else None
    described: dict[str, Any] = {
        "href": publication.link(release.version, file.path, up=2),
        "title": f"{table.title} ({found.titre})" if table else found.titre,
        "type": found.media,
        "roles": ["data" if found.role == "données" else "overview" if found.media == "image/png" else "metadata"],
        "file:size": file.size,
        "file:checksum": _SHA256 + file.sha256,
    }
    if phrase := (table.contract.description if table else found.phrase):
        described["description"] = phrase
    return described | (_columns(table, found) if table else {})


def _columns(table: Table, found: Format) -> dict[str, Any]:
    """What the Table extension says of the file of a table; CSV has no geometry and no list."""
    contract = table.contract
    csv = found.media == "text/csv"
    types = _TYPES | ({"liste_texte": "string"} if csv else {})
    columns = [
        {"name": c.name, "description": f"{c.title}. {c.description}", "type": types[c.type]}
        for c in contract.columns
        if not (csv and c.type == "geometrie")
    ]
    primary = {"table:primary_geometry": contract.geometry.column} if contract.geometry and not csv else {}
    return {"table:columns": columns, "table:row_count": table.rows, **primary}
