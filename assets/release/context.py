"""What a release says of itself beside its tables: title, perimeter, sources, code, verdict.

Plain facts, without the libraries that write products: whether there is anything new to publish is known from here.
Writing is `assemble`; gathering the facts is `gate`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.raw.ingest import SourceState
from assets.release.manifest import Code, Source, SourceFile, SourceLicence, Verdict, inputs_fingerprint
from quality.coverage import Coverage
from sources.spec import SourceSpec

#: The licence of every file of a release; a table under another licence is published apart.
LICENCE = "lov2"
LICENCE_TITLE = "Licence Ouverte 2.0 (Etalab)"
#: The written method, which a release carries; an installation without the docs folder does without.
METHOD = Path(__file__).parents[2] / "docs" / "methode.md"


@dataclass(frozen=True)
class ReleaseContext:
    """What a release says of itself beside its tables.

    `date_reference` is aware and comes from the data (never the clock), so that the same inputs give the same bytes.
    """

    titre: str
    description: str
    fictif: bool
    perimetre: tuple[str, ...]  # département codes
    date_reference: datetime
    code: Code
    sources: tuple[Source, ...]
    verdict: Verdict
    comptages: Mapping[str, int] = field(default_factory=dict)
    couverture: tuple[Coverage, ...] = ()  # of the counters, by département
    methode: str | None = None  # the written method, in Markdown
    parameters: Any = None  # JSON-able: what else changes the result (acceptances, options)

    @property
    def empreinte(self) -> str:
        """Digest of the inputs, to compare with that of the current release before staging anything."""
        return inputs_fingerprint(
            code=self.code.empreinte, sources=self.sources, perimetre=self.perimetre, parameters=self.parameters
        )


def describe_source(
    spec: SourceSpec,
    state: SourceState,
    *,
    date_reference: datetime,
    verified: Mapping[str, datetime] | None = None,
) -> Source:
    """A source as the manifest tells it.

    Args:
        date_reference: aware; the age of the source is counted up to it, in whole days.
        verified: by resource, when upstream last served or confirmed the bytes used.
    """
    verified = verified or {}
    oldest = state.date_fichier
    return Source(
        id=spec.id,
        titre=spec.title,
        producteur=spec.producer,
        page=spec.dataset_page,
        licence=SourceLicence(id=spec.licence.id, titre=spec.licence.title, url=spec.licence.url),
        attribution=spec.licence.attribution,
        millesime=state.millesime,
        etat=state.etat,
        motif=state.refus,
        age_jours=None if oldest is None else (date_reference - oldest).days,
        lignes_lues=state.lignes_lues,
        lignes_utilisables=state.lignes_utilisables,
        fichiers=tuple(
            SourceFile(
                ressource=f.ressource,
                url=f.url,
                url_finale=f.url_finale,
                sha256=f.sha256,
                taille=f.octets,
                date_telechargement=f.date_telechargement,
                date_fichier=f.date_fichier,
                date_derniere_verification=verified.get(f.ressource),
            )
            for f in state.fichiers
        ),
    )
