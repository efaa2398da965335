"""The release described by itself: what `outputs.metadata` writes from its manifest, once its products are there.

Gathering the plain facts those writers take, and writing what they return; what the files say is theirs.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from assets.release.context import LICENCE, ReleaseContext
from assets.release.extent import boxes
from assets.release.manifest import MANIFEST, NOTES, SUMS, Manifest, ReleaseFile, Source, release_file
from assets.release.notes import credit
from outputs.dictionary import dictionary
from outputs.metadata import datapackage, dcat, index, iso, method, provenance, stac
from outputs.metadata import dictionary as dictionary_page
from outputs.metadata import release as facts
from outputs.metadata.publication import Publication, publication
from outputs.publish.presentation import apart
from quality.contract import Contract

DICTIONARY = "metadonnees/dictionnaire.md"
CHANGES = "changements/notes.md"

_DECIMALS = 5  # of a degree: a metre

Writer = Callable[[facts.Release, Publication], str]


def describe(folder: Path, manifest: Manifest, contracts: Sequence[Contract], context: ReleaseContext) -> Manifest:
    """Write the page of the release, its dictionary, its method and its catalogue records.

    Args:
        folder: the staged release, its products written.
        manifest: what describes them.
        contracts: those of its tables, in their order.
        context: what the release says of itself.

    Returns:
        The manifest with the files written here.
    """
    declared = publication().imagined() if manifest.fictif else publication()
    known = _facts(folder, manifest, contracts, context)
    written: list[ReleaseFile] = []
    for path, writer in _writers(contracts, context).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(writer(known, declared), encoding="utf-8")
        written.append(release_file(folder, target))
        known = replace(known, files=(*known.files, _file(written[-1])))
    files = sorted([*manifest.fichiers, *written], key=lambda f: f.chemin)
    return manifest.model_copy(update={"fichiers": tuple(files)})


def _writers(contracts: Sequence[Contract], context: ReleaseContext) -> dict[str, Writer]:
    """What is written, by path; each sees the files of those before it."""
    text = context.methode
    page: dict[str, Writer] = {}
    if text is not None:
        page[method.PATH] = lambda known, _: method.method_html(text, known)
    return {
        DICTIONARY: lambda _, __: dictionary({c.table: c for c in contracts}),
        dictionary_page.PATH: dictionary_page.dictionary_html,
        **page,
        provenance.PATH: provenance.provenance,
        datapackage.PATH: datapackage.datapackage,
        dcat.PATH: dcat.dcat,
        iso.PATH: iso.iso19139,
        stac.PATH: stac.collection,
        index.PATH: lambda known, declared: index.index(known, declared, later=(NOTES, MANIFEST, SUMS)),
    }


def _facts(folder: Path, manifest: Manifest, contracts: Sequence[Contract], context: ReleaseContext) -> facts.Release:
    changes = folder / CHANGES
    files = [*manifest.fichiers, *(f for table in manifest.tables for f in table.fichiers)]
    return facts.Release(
        version=manifest.version,
        title=manifest.titre,
        description=context.description,
        fictional=manifest.fictif,
        departements=manifest.perimetre,
        reference=manifest.date_reference,
        licence=LICENCE,
        code_version=manifest.code.version,
        code_fingerprint=manifest.code.empreinte,
        fingerprint=manifest.empreinte,
        verdict=manifest.verdict.statut,
        counts=manifest.verdict.comptes,
        coverage=context.couverture,
        sources=tuple(_source(s) for s in manifest.sources),
        tables=tuple(
            facts.Table(contract=contract, title=table.titre, rows=table.lignes)
            for contract, table in zip(contracts, manifest.tables, strict=True)
        ),
        boxes=tuple(_rounded(box) for box in apart(boxes(folder, manifest))),
        files=tuple(_file(f) for f in sorted(files, key=lambda f: f.chemin)),
        changes=changes.read_text(encoding="utf-8") if changes.is_file() else None,
        parameters=context.parameters,
    )


def _file(file: ReleaseFile) -> facts.File:
    return facts.File(path=file.chemin, size=file.octets, sha256=file.sha256)


def _rounded(box: facts.Box) -> facts.Box:
    west, south, east, north = (round(v, _DECIMALS) for v in box)
    return west, south, east, north


def _source(source: Source) -> facts.Source:
    return facts.Source(
        id=source.id,
        title=source.titre,
        producer=source.producteur,
        page=source.page,
        licence_id=source.licence.id,
        licence_title=source.licence.titre,
        licence_url=source.licence.url,
        credit=credit(source),
        vintage=source.millesime,
        state=source.etat,
        reason=source.motif,
        rows_read=source.lignes_lues,
        rows_usable=source.lignes_utilisables,
        files=tuple(
            facts.Download(
                resource=f.ressource,
                url=f.url,
                final_url=f.url_finale,
                sha256=f.sha256,
                size=f.taille,
                fetched=f.date_telechargement,
                dated=f.date_fichier,
            )
            for f in source.fichiers
        ),
    )
