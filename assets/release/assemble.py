"""Writing a whole release aside: every product of every table, read again, then described and summed.

What comes out is ready for `promote`. Choosing the version, judging the verdict and making the tables belong elsewhere.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import polars as pl

from assets.release.changes.edition import Edition
from assets.release.changes.write import write_changes
from assets.release.context import LICENCE, LICENCE_TITLE, ReleaseContext
from assets.release.describe import describe
from assets.release.manifest import (
    MANIFEST,
    NOTES,
    SUMS,
    Manifest,
    Table,
    files_of,
    release_file,
    write_manifest,
    write_sums,
)
from assets.release.notes import credit, notes
from assets.release.promote import staging_folder
from assets.release.versions import previous
from outputs import layout
from outputs.csv_tables import write_csv
from outputs.facts import TableFacts, facts
from outputs.flat import FICTIONAL
from outputs.geopackage import write_geopackage
from outputs.geoparquet import write_geoparquet
from outputs.joined import needed, whole
from outputs.metadata.formats import has_csv
from outputs.reread import reread
from outputs.style import PLAIN, Look
from outputs.table_schema import write_table_schema
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Contract

#: Products in the making at a time: each holds a table in memory, and the longest alone takes half the time.
_AT_ONCE = 2


def stage(
    releases: Path,
    version: str,
    tables: Mapping[str, pl.DataFrame],
    contracts: Mapping[str, Contract],
    context: ReleaseContext,
    *,
    files: Mapping[str, Path | bytes | str] | None = None,
    products: Sequence[Callable[[Path], None]] = (),
    look: Look = PLAIN,
) -> Path:
    """Write the release in a staging folder of `releases`, read it again with other readers, and tell what changed
    since the release it follows.

    Args:
        releases: the releases folder, made when absent (`promote.settle` is called on it first).
        version: the version it will have.
        tables: frame by table name, in the order layers are listed; those whose contract says `published: false` are
            left out. Asked for again by each product, so that they need not be held together.
        contracts: contract by table name.
        context: what the release says of itself.
        files: other content by path inside the release (`qualite/verdict.json`…): bytes, text, or a file or folder to
            copy.
        products: writers of further products, each called with the folder, in a thread of its own, once tables and
            `files` are there.
        look: layers, styles and maps of the GeoPackage beside the tables.

    Returns:
        The staging folder, to be given to `promote` by the same process.

    Raises:
        QualityRefused: a frame does not follow its contract, or a product read again differs from its table.
        WrongUse: no table to publish, a table without contract or under another licence, a path that leaves the
            release or that it writes itself.
    """
    published = _published(tables, contracts)
    if context.fictif:
        published = [_fictional(contract) for contract in published]
    folder = staging_folder(releases, version)
    try:
        known, declared = _write(folder, version, published, tables, context, look)
        for name, content in (files or {}).items():
            _put(folder, name, content)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # Tables are read again while the others are made.
            further = [pool.submit(product, folder) for product in products]
            reread(folder, known, declared)
            for product in further:
                product.result()
        # Once the products are read again: two releases side by side take as much memory.
        before = previous(releases, version)
        after = Edition.staged(folder, version, context, published)
        changes = write_changes(Edition.promoted(releases / before) if before else None, after)
        manifest = _describe(folder, version, published, known, context, before)
        manifest = describe(folder, manifest, [contracts[t.table] for t in manifest.tables], context)
        write_manifest(folder, manifest)
        (folder / NOTES).write_text(notes(manifest, changes), encoding="utf-8")
        write_sums(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _published(tables: Mapping[str, pl.DataFrame], contracts: Mapping[str, Contract]) -> list[Contract]:
    faults = [f"no contract for {name}" for name in tables if name not in contracts]
    kept = [contracts[name] for name in tables if name in contracts and contracts[name].published]
    faults += [f"{c.table} under {c.licence}" for c in kept if c.licence != LICENCE]
    if faults or not kept:
        raise WrongUse(
            "tables of the release",
            expected=f"tables with a contract, published under {LICENCE}",
            found="; ".join(faults) or "none to publish",
            remedy="write the contract; publish a table of another licence in files of its own",
        )
    return kept


def _fictional(contract: Contract) -> Contract:
    """The contract whose title says so."""
    return contract.model_copy(update={"title": contract.title + FICTIONAL})


def about(version: str, context: ReleaseContext) -> dict[str, str]:
    """What every product says of the release, in itself."""
    return {
        "publication": context.titre,
        "version": version,
        "licence": LICENCE_TITLE,
        "attribution": " ; ".join(credit(s) for s in context.sources if s.fichiers),
        "date_reference": context.date_reference.isoformat(),
        "perimetre": ", ".join(sorted(context.perimetre)),
        "fictif": "oui" if context.fictif else "non",
    }


def _write(
    folder: Path,
    version: str,
    published: Sequence[Contract],
    tables: Mapping[str, pl.DataFrame],
    context: ReleaseContext,
    look: Look,
) -> tuple[list[TableFacts], list[TableFacts]]:
    """Every product of every table; what must be found in them, and in the layers the GeoPackage has beside them."""
    said = about(version, context)
    for path in (layout.geoparquet(folder, ""), layout.csv(folder, "")):
        path.parent.mkdir(exist_ok=True)

    def write_table(contract: Contract) -> TableFacts:
        frame = tables[contract.table]
        write_geoparquet(frame, contract, layout.geoparquet(folder, contract.layer), metadata=said)
        if has_csv(frame.height):
            write_csv(frame, contract, layout.csv(folder, contract.layer))
        write_table_schema(contract, layout.table_schema(folder, contract.layer))
        return facts(frame, contract)

    def write_layers() -> list[TableFacts]:
        made = needed(published, look.couches)
        layers = write_geopackage(
            ((contract, tables[contract.table]) for contract in made),
            layout.geopackage(folder),
            title=context.titre,
            description=context.description,
            date_reference=context.date_reference,
            metadata=said,
            look=look,
        )
        own = {contract.table for contract in published}
        return [facts(whole(layer, layers), layer.contract) for layer in layers if layer.contract.table not in own]

    # GDAL, Arrow and polars work outside the interpreter's lock. The GeoPackage, the longest, comes first.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        declared = pool.submit(write_layers)
        return list(pool.map(write_table, published)), declared.result()


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
    folder: Path,
    version: str,
    published: Sequence[Contract],
    known: Sequence[TableFacts],
    context: ReleaseContext,
    before: str | None,
) -> Manifest:
    own: set[Path] = set()
    tables = []
    for contract, table in zip(published, known, strict=True):
        products = (layout.geoparquet, *((layout.csv,) if table.csv else ()), layout.table_schema)
        paths = [where(folder, contract.layer) for where in products]
        own.update(paths)
        tables.append(
            Table(
                **dict(table),
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
        precedente=before,
        sources=context.sources,
        tables=tuple(tables),
        comptages=dict(sorted(context.comptages.items())),
        fichiers=tuple(release_file(folder, p) for p in files_of(folder) if p not in own),
    )
