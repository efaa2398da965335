"""`metadonnees/dcat.jsonld`: the release as a DCAT-AP dataset, for data.gouv.fr, data.europa.eu and other catalogues.

JSON-LD with its context inside, so that it is read without network. While the publisher has given no address, links
are relative to this file and identifiers are URNs.
"""

import json
from typing import Any
from urllib.parse import quote

from outputs.metadata.formats import Standard, format_of
from outputs.metadata.publication import Publication
from outputs.metadata.release import Box, File, Release, Source

PATH = "metadonnees/dcat.jsonld"

_CONTEXT = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_EUROPE = "http://publications.europa.eu/resource/authority/"
_MEDIA = "https://www.iana.org/assignments/media-types/"
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_FREQUENCIES = {
    "quotidienne": "DAILY",
    "hebdomadaire": "WEEKLY",
    "mensuelle": "MONTHLY",
    "trimestrielle": "QUARTERLY",
    "annuelle": "ANNUAL",
    "irrégulière": "IRREG",
}

Node = dict[str, Any]


def dcat(release: Release, publication: Publication) -> str:
    """The JSON-LD text; the same facts give the same text."""
    uri = publication.uri(release.version)
    catalogue = {
        "@id": f"{uri}#catalogue",
        "@type": "dcat:Catalog",
        "dct:title": _fr(f"Catalogue de la version {release.version}"),
        "dct:description": _fr("La seule fiche du jeu de données de cette version."),
        "dct:publisher": {"@id": f"{uri}#diffuseur"},
        "dcat:dataset": {"@id": uri},
    }
    distributions = [
        _distribution(file, release, publication) for file in release.files if format_of(file.path).role == "données"
    ]
    graph = [catalogue, _dataset(release, publication, distributions), _publisher(uri, publication), *distributions]
    return json.dumps({"@context": _CONTEXT, "@graph": graph}, ensure_ascii=False, indent=2) + "\n"


def _dataset(release: Release, publication: Publication, distributions: list[Node]) -> Node:
    uri = publication.uri(release.version)
    themes = publication.themes
    licence = publication.licences[release.licence]
    return {
        "@id": uri,
        "@type": "dcat:Dataset",
        "dct:identifier": uri,
        "dct:title": _fr(release.title),
        "dct:description": _fr(f"{release.description}\n\n{publication.presentation}"),
        "dct:publisher": {"@id": f"{uri}#diffuseur"},
        "dcat:contactPoint": _contact(publication),
        "dcat:theme": [*(_id(f"{_EUROPE}data-theme/{t}") for t in themes.europeens), _id(themes.inspire.uri)],
        "dcat:keyword": [_fr(word) for word in publication.mots_cles],
        "dct:spatial": [_place(release), *(_box(box) for box in release.boxes)],
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _typed(release.since.isoformat(), "date"),
            "dcat:endDate": _typed(release.until.isoformat(), "date"),
        },
        "dct:accrualPeriodicity": _id(f"{_EUROPE}frequency/{_FREQUENCIES[publication.frequence]}"),
        "dct:issued": _typed(release.reference.isoformat(), "dateTime"),
        "dct:modified": _typed(release.reference.isoformat(), "dateTime"),
        "dct:language": _id(f"{_EUROPE}language/FRA"),
        "dct:accessRights": _id(f"{_EUROPE}access-right/PUBLIC"),
        "dct:license": _licence(licence.url, licence.titre),
        "dct:conformsTo": _standard(Standard(titre="WGS 84 (CRS84)", url=_CRS84)),
        "dct:provenance": {"@type": "dct:ProvenanceStatement", "rdfs:label": _fr(publication.genealogie)},
        "prov:wasDerivedFrom": [_source(s) for s in release.used],
        "dcat:version": release.version,
        "dcat:isVersionOf": _id(publication.uri()),
        "dcat:landingPage": _page(publication.link(release.version, "index.html", up=1)),
        "foaf:page": [
            _page(publication.link(release.version, quote(f.path), up=1))
            for f in release.files
            if format_of(f.path).role == "documents" and format_of(f.path).media == "text/html"
        ],
        "dcat:distribution": [{"@id": d["@id"]} for d in distributions],
    }


def _publisher(uri: str, publication: Publication) -> Node:
    agent: Node = {"@id": f"{uri}#diffuseur", "@type": "foaf:Agent", "foaf:name": _fr(publication.publisher)}
    if publication.diffuseur.page:
        agent["foaf:homepage"] = _page(publication.diffuseur.page)
    return agent


def _contact(publication: Publication) -> Node:
    contact = publication.contact
    card: Node = {"@type": "vcard:Organization", "vcard:fn": _fr(contact.nom or publication.publisher)}
    if contact.courriel:
        card["vcard:hasEmail"] = _id(f"mailto:{contact.courriel}")
    if contact.page:
        card["vcard:hasURL"] = _id(contact.page)
    return card


def _distribution(file: File, release: Release, publication: Publication) -> Node:
    found = format_of(file.path)
    layer = found.layer(file.path)
    table = release.table(layer) if layer else None
    licence = publication.licences[table.contract.licence if table else release.licence]
    node: Node = {
        "@id": f"{publication.uri(release.version)}#{quote(file.path)}",
        "@type": "dcat:Distribution",
        "dct:title": _fr(f"{table.title} ({found.titre})" if table else found.titre),
        "dct:description": _fr(table.contract.description if table else found.phrase),
        "dcat:accessURL": _id(publication.link(release.version, "index.html", up=1)),
        "dcat:downloadURL": _id(publication.link(release.version, quote(file.path), up=1)),
        "dct:license": _licence(licence.url, licence.titre),
        "dcat:mediaType": _id(_MEDIA + found.media),
        "dcat:byteSize": _typed(str(file.size), "nonNegativeInteger"),
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": _id("http://spdx.org/rdf/terms#checksumAlgorithm_sha256"),
            "spdx:checksumValue": _typed(file.sha256, "hexBinary"),
        },
        "dct:modified": _typed(release.reference.isoformat(), "dateTime"),
    }
    if found.europe:
        node["dct:format"] = _id(f"{_EUROPE}file-type/{found.europe}")
    if found.norme:
        node["dct:conformsTo"] = _standard(found.norme)
    return node


def _source(source: Source) -> Node:
    """Not a `dcat:Dataset`: a catalogue that harvests this one must not take the sources for ours."""
    node: Node = {
        "@type": "prov:Entity",
        "dct:title": _fr(source.title),
        "dct:creator": {"@type": "foaf:Agent", "foaf:name": _fr(source.producer)},
        "dct:rights": {"@type": "dct:RightsStatement", "rdfs:label": _fr(source.credit)},
        "dct:license": _licence(source.licence_url, source.licence_title),
        "foaf:page": _page(source.page),
    }
    if source.dated:
        node["dct:modified"] = _typed(source.dated.isoformat(), "date")
    if source.vintage:
        node["dcat:version"] = source.vintage
    return node


def _place(release: Release) -> Node:
    return {"@type": "dct:Location", "rdfs:label": _fr("Départements : " + ", ".join(release.departements))}


def _box(box: Box) -> Node:
    west, south, east, north = box
    ring = f"{west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}"
    return {
        "@type": "dct:Location",
        "dcat:bbox": {"@value": f"POLYGON(({ring}))", "@type": "geo:wktLiteral"},
    }


def _licence(url: str, title: str) -> Node:
    return {"@id": url, "@type": "dct:LicenseDocument", "dct:title": _fr(title)}


def _standard(standard: Standard) -> Node:
    return {"@id": standard.url, "@type": "dct:Standard", "dct:title": _fr(standard.titre)}


def _page(url: str) -> Node:
    return {"@id": url, "@type": "foaf:Document"}


def _id(uri: str) -> Node:
    return {"@id": uri}


def _fr(text: str) -> Node:
    return {"@value": text.strip(), "@language": "fr"}


def _typed(value: str, kind: str) -> Node:
    return {"@value": value, "@type": f"xsd:{kind}"}
