"""`datapackage.json`: the release for Frictionless tools. It lies at the root of the release: a Data Package may not
point above its own folder.

CSV files are tabular resources with their Table Schema; the other products are plain resources, and a table too long
for a CSV is described by the schema all the same. The schemas themselves are written with the CSV files; references
between tables, which they cannot hold, are added here.
"""

import json
from typing import Any

from outputs.metadata.formats import Format, format_of
from outputs.metadata.publication import Publication
from outputs.metadata.release import File, Release, Source, Table
from outputs.table_schema import references, table_schema

PATH = "datapackage.json"

_DIALECT = {"delimiter": ",", "quoteChar": '"', "doubleQuote": True, "lineTerminator": "\r\n", "header": True}


def datapackage(release: Release, publication: Publication) -> str:
    """The descriptor; the same facts give the same text."""
    descriptor = {
        "profile": "data-package",
        "name": publication.identifiant,
        "id": publication.uri(release.version),
        "title": release.title,
        "description": release.description,
        "version": release.version,
        "created": release.reference.isoformat(),
        "homepage": publication.root(release.version),
        "keywords": list(publication.mots_cles),
        "image": "carte/apercu.png" if release.has("carte/apercu.png") else None,
        "licenses": [_licence(release.licence, publication)],
        "contributors": _contributors(release, publication),
        "sources": [_source(s) for s in release.used],
        "resources": [
            _resource(file, found, release, publication)
            for file in release.files
            if (found := format_of(file.path)).role == "données"
        ],
    }
    return json.dumps(_known(descriptor), ensure_ascii=False, indent=2) + "\n"


def _resource(file: File, found: Format, release: Release, publication: Publication) -> dict[str, Any]:
    layer = found.layer(file.path)
    table = release.table(layer) if layer else None
    stem, _, suffix = file.path.rpartition("/")[2].rpartition(".")
    described: dict[str, Any] = {
        # Schemas point to each other by these names.
        "name": stem if suffix == "csv" else f"{stem}-{suffix}",
        # Left to themselves, readers take Parquet for a table and stumble on its lists and geometries.
        "type": "file",
        "path": file.path,
        "title": f"{table.title} ({found.titre})" if table else found.titre,
        "description": table.contract.description if table else found.phrase,
        "format": suffix,
        "mediatype": found.media,
        "bytes": file.size,
        "hash": f"sha256:{file.sha256}",
        "licenses": [_licence(table.contract.licence if table else release.licence, publication)],
    }
    if suffix == "csv":
        described |= {"encoding": "utf-8", "dialect": _DIALECT}
    if table and release.has(f"csv/{layer}.schema.json"):
        if suffix == "csv":
            described |= {"type": "table", "profile": "tabular-data-resource", "schema": _schema(table, release)}
        elif not release.has(f"csv/{layer}.csv"):
            described["schema"] = f"csv/{layer}.schema.json"
    return described


def _schema(table: Table, release: Release) -> str | dict[str, Any]:
    """The file of the schema; the schema itself when its table refers to others."""
    written = {t.contract.table for t in release.tables if release.has(f"csv/{t.contract.layer}.csv")}
    if not (keys := references(table.contract, written)):
        return f"csv/{table.contract.layer}.schema.json"
    return {**table_schema(table.contract), "title": table.title, "foreignKeys": keys}


def _licence(identifier: str, publication: Publication) -> dict[str, str]:
    text = publication.licences[identifier]
    return {"name": text.spdx, "path": text.url, "title": text.titre}


def _contributors(release: Release, publication: Publication) -> list[dict[str, Any]]:
    """Who publishes, when it is known, then the producers of the sources, once each."""
    named = publication.diffuseur
    first = [{"title": named.nom, "path": named.page, "role": "publisher"}] if named.nom else []
    return [*first, *({"title": p, "role": "contributor"} for p in dict.fromkeys(s.producer for s in release.used))]


def _source(source: Source) -> dict[str, Any]:
    return {"title": source.credit, "path": source.page}


def _known(value: Any) -> Any:
    """Without what is not known."""
    if isinstance(value, dict):
        return {k: _known(v) for k, v in value.items() if v is not None}
    return [_known(v) for v in value] if isinstance(value, list) else value
