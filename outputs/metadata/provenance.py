"""`metadonnees/provenance.json`: what a release was made from and by what, to make it again or to dispute a figure.

Every source file with its address, its dates and its digest; the code; the perimeter and whatever else changes the
result. What is in the release is the manifest's.
"""

import json
from typing import Any

from outputs.metadata.publication import Publication
from outputs.metadata.release import Download, Release, Source

PATH = "metadonnees/provenance.json"


def provenance(release: Release, publication: Publication) -> str:
    """The record; the same facts give the same text."""
    record = {
        "identifiant": publication.uri(release.version),
        "version": release.version,
        "fictif": release.fictional,
        "date_reference": release.reference.isoformat(),
        "genealogie": publication.genealogie,
        "code": {
            "nom": publication.identifiant,
            "version": release.code_version,
            "empreinte": release.code_fingerprint,
            "depot": publication.depot,
        },
        "empreinte_entrees": release.fingerprint,
        "perimetre": list(release.departements),
        "parametres": release.parameters,
        "sources": [_source(s) for s in release.sources],
    }
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def _source(source: Source) -> dict[str, Any]:
    return {
        "id": source.id,
        "titre": source.title,
        "producteur": source.producer,
        "page": source.page,
        "licence": {"id": source.licence_id, "titre": source.licence_title, "url": source.licence_url},
        "mention": source.credit if source.files else None,
        "millesime": source.vintage,
        "etat": source.state,
        "motif": source.reason,
        "enregistrements_lus": source.rows_read,
        "enregistrements_utilisables": source.rows_usable,
        "fichiers": [_download(f) for f in source.files],
    }


def _download(file: Download) -> dict[str, Any]:
    return {
        "ressource": file.resource,
        "url": file.url,
        "url_finale": file.final_url,
        "sha256": file.sha256,
        "octets": file.size,
        "date_fichier": file.dated.isoformat(),
        "date_telechargement": file.fetched.isoformat(),
    }
