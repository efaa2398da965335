"""Writing a whole release aside: every product of every table, read again, then described and summed.

What comes out is ready for `promote`. Choosing the version, judging the verdict and making the tables belong elsewhere.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from assets.raw.ingest import SourceState
from assets.release.manifest import (
    MANIFEST,
    NOTES,
    SUMS,
    Code,
    Manifest,
    Source,
    SourceFile,
    SourceLicence,
    Table,
    Verdict,
    files_of,
    inputs_fingerprint,
    release_file,
    write_manifest,
    write_sums,
)
from assets.release.notes import credit, notes
from assets.release.promote import staging_folder
from outputs import layout
from outputs.csv_tables import write_csv
from outputs.facts import facts
from outputs.geopackage import write_geopackage
from outputs.geoparquet import write_geoparquet
from outputs.reread import reread
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Contract
from sources.spec import SourceSpec

#: The licence of every file of a release; a table under another licence is published apart.
LICENCE = "lov2"
LICENCE_TITLE = "Licence Ouverte 2.0 (Etalab)"


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


def stage(
    releases: Path,
    version: str,
    tables: Mapping[str, pl.DataFrame],
    contracts: Mapping[str, Contract],
    context: ReleaseContext,
    *,
    files: Mapping[str, Path | bytes | str] | None = None,
    products: Sequence[Callable[[Path], None]] = (),
) -> Path:
    """Write the release in a staging folder of `releases` and read it again with other readers.

    Args:
        releases: the releases folder, made when absent (`promote.settle` is called on it first).
        version: the version it will have.
        tables: frame by table name, in the order layers are listed; those whose contract says `published: false` are
            left out.
        contracts: contract by table name.
        context: what the release says of itself.
        files: other content by path inside the release (`qualite/verdict.json`…): bytes, text, or a file or folder to
            copy.
        products: writers of further products, called in order with the folder once tables and `files` are there.

    Returns:
        The staging folder, to be given to `promote` by the same process.

    Raises:
        QualityRefused: a frame does not follow its contract, or a product read again differs from its table.
        WrongUse: no table to publish, a table without contract or under another licence, a path that leaves the
            release or that it writes itself.
    """
    published = _published(tables, contracts)
    if context.fictif:
        published = [(_fictional(contract), frame) for contract, frame in published]
    folder = staging_folder(releases, version)
    try:
        _write(folder, version, published, context)
        for name, content in (files or {}).items():
            _put(folder, name, content)
        for product in products:
            product(folder)
        manifest = _describe(folder, version, published, context)
        reread(folder, manifest.tables)
        write_manifest(folder, manifest)
        (folder / NOTES).write_text(notes(manifest), encoding="utf-8")
        write_sums(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _published(
    tables: Mapping[str, pl.DataFrame], contracts: Mapping[str, Contract]
) -> list[tuple[Contract, pl.DataFrame]]:
    faults = [f"no contract for {name}" for name in tables if name not in contracts]
    kept = [(contracts[n], frame) for n, frame in tables.items() if n in contracts and contracts[n].published]
    faults += [f"{c.table} under {c.licence}" for c, _ in kept if c.licence != LICENCE]
    if faults or not kept:
        raise WrongUse(
            "tables of the release",
            expected=f"tables with a contract, published under {LICENCE}",
            found="; ".join(faults) or "none to publish",
            remedy="write the contract; publish a table of another licence in files of its own",
        )
    return kept


def _fictional(contract: Contract) -> Contract:
    """The contract whose title says so: layers are copied and opened away from the rest of the release."""
    return contract.model_copy(update={"title": f"{contract.title} (données fictives)"})


def _write(
    folder: Path, version: str, published: Sequence[tuple[Contract, pl.DataFrame]], context: ReleaseContext
) -> None:
    about = {
        "publication": context.titre,
        "version": version,
        "licence": LICENCE_TITLE,
        "attribution": " ; ".join(credit(s) for s in context.sources if s.fichiers),
        "date_reference": context.date_reference.isoformat(),
        "fictif": "oui" if context.fictif else "non",
    }
    for contract, frame in published:
        for path in (layout.geoparquet(folder, contract.layer), layout.csv(folder, contract.layer)):
            path.parent.mkdir(exist_ok=True)
        write_geoparquet(frame, contract, layout.geoparquet(folder, contract.layer), metadata=about)
        write_csv(frame, contract, layout.csv(folder, contract.layer))
    write_geopackage(
        [(contract, frame) for contract, frame in published if contract.geopackage],
        layout.geopackage(folder),
        title=context.titre,
        description=context.description,
        date_reference=context.date_reference,
        metadata=about,
    )


def _put(folder: Path, name: str, content: Path | bytes | str) -> None:
    parts = PurePosixPath(name).parts
    target = folder.joinpath(*parts)
    taken = {MANIFEST, SUMS, NOTES}
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or name in taken or target.exists():
        raise WrongUse(
            f"file {name!r} of the release",
            expected="a relative path inside the release, other than those it writes itself",
            found="one that leaves it" if ".." in parts else "one that is empty, absolute or already taken",
            remedy="give another path",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        if not content.exists():
            raise QualityRefused(
                f"file {name!r} of the release",
                expected=f"{content} to copy",
                found="nothing there",
                remedy="run the stage that writes it",
            )
        if content.is_dir():
            shutil.copytree(content, target)
        else:
            shutil.copyfile(content, target)
    else:
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def _describe(
    folder: Path, version: str, published: Sequence[tuple[Contract, pl.DataFrame]], context: ReleaseContext
) -> Manifest:
    own: set[Path] = set()
    tables = []
    for contract, frame in published:
        paths = [layout.geoparquet(folder, contract.layer), layout.csv(folder, contract.layer)]
        own.update(paths)
        tables.append(
            Table(
                **dict(facts(frame, contract)),
                licence=contract.licence,
                fichiers=tuple(release_file(folder, p) for p in paths),
            )
        )
    return Manifest(
        version=version,
        titre=context.titre,
        fictif=context.fictif,
        perimetre=tuple(sorted(context.perimetre)),
        date_reference=context.date_reference,
        licence=LICENCE_TITLE,
        code=context.code,
        empreinte=context.empreinte,
        verdict=context.verdict,
        sources=context.sources,
        tables=tuple(tables),
        comptages=dict(sorted(context.comptages.items())),
        fichiers=tuple(release_file(folder, p) for p in files_of(folder) if p not in own),
    )
