"""`manifest.json` and `SHA256SUMS`: what a release contains, what it was made from, and whether its bytes are intact.

Only the record and its checking; writing the products is `assemble`, putting a release in place is `promote`.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from assets.raw.ingest import Status
from outputs.facts import TableFacts
from pipeline.foundations import fingerprint
from pipeline.foundations.errors import QualityRefused

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
NOTES = "NOTES.md"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceFile(_Strict):
    """One downloaded file of a source."""

    ressource: str
    url: str
    url_finale: str
    sha256: str
    taille: int  # bytes
    date_telechargement: AwareDatetime
    date_fichier: AwareDatetime  # Last-Modified when the server gave one, else the download
    date_derniere_verification: AwareDatetime | None = None  # when upstream last served, or confirmed, these bytes


class SourceLicence(_Strict):
    """Licence of a source, as its publisher states it."""

    id: str
    titre: str
    url: str


class Source(_Strict):
    """One source: what it is, which bytes were used, how old they are, what was made of them."""

    id: str
    titre: str
    producteur: str
    page: str
    licence: SourceLicence
    attribution: str
    millesime: str | None
    etat: Status
    motif: str | None  # why a newer version was not used, or why there is none
    age_jours: int | None  # from the oldest file used to the date of reference
    lignes_lues: int | None
    lignes_utilisables: int | None
    fichiers: tuple[SourceFile, ...]


class ReleaseFile(_Strict):
    """One file of the release, by its path inside it."""

    chemin: str
    octets: int
    sha256: str


class Table(TableFacts):
    """One published table and the files that hold only it."""

    licence: str
    fichiers: tuple[ReleaseFile, ...]


class Verdict(_Strict):
    """The stored quality verdict this release was allowed by."""

    statut: str
    cle: str
    comptes: Mapping[str, int]


class Code(_Strict):
    """The code that made the release."""

    version: str
    empreinte: str


class Manifest(_Strict):
    """`manifest.json`. `fichiers` are those shared by several tables or by none; with `tables[].fichiers`, `NOTES.md`,
    `SHA256SUMS` and itself they are the whole release.
    """

    format: Literal[1] = 1
    version: str
    titre: str
    fictif: bool
    perimetre: tuple[str, ...]  # département codes
    date_reference: AwareDatetime
    licence: str
    code: Code
    empreinte: str  # `inputs_fingerprint`
    verdict: Verdict
    precedente: str | None = None  # the version it follows, that `changements/` compares it with
    sources: tuple[Source, ...]
    tables: tuple[Table, ...]
    comptages: Mapping[str, int]
    fichiers: tuple[ReleaseFile, ...]


def inputs_fingerprint(
    *, code: str, sources: Iterable[Source], perimetre: Iterable[str], parameters: Any = None
) -> str:
    """Digest of all a release is made from: two runs that share it make the same tables.

    Dates of download and of verification do not count: the same bytes fetched again are nothing new.

    Args:
        code: fingerprint of the code (`pipeline.foundations.fingerprint.of_code`).
        parameters: anything else JSON-able that changes the result (acceptances, options).
    """
    return fingerprint.of_values(code, used_files(sources), sorted(perimetre), parameters)


def used_files(sources: Iterable[Source]) -> dict[str, list[tuple[str, str]]]:
    """By source, the resource and digest of each file used."""
    return {s.id: sorted((f.ressource, f.sha256) for f in s.fichiers) for s in sources}


def release_file(folder: Path, path: Path) -> ReleaseFile:
    """The entry of one file of the release in `folder`."""
    return ReleaseFile(
        chemin=path.relative_to(folder).as_posix(), octets=path.stat().st_size, sha256=fingerprint.of_file(path)
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`; the same manifest gives the same bytes."""
    text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def load_manifest(folder: Path) -> Manifest:
    """Read `manifest.json`.

    Raises:
        QualityRefused: absent, or not a manifest.
    """
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise QualityRefused(
            str(path),
            expected="the manifest of a release",
            found=str(error),
            remedy="restore the release from a copy, or make it again from its snapshots",
        ) from error


def files_of(folder: Path) -> list[Path]:
    """Every file under the folder, sorted by path."""
    return sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.relative_to(folder).as_posix())


def write_sums(folder: Path) -> None:
    """Write `SHA256SUMS` of every other file, in the form `sha256sum --check` reads."""
    lines = [
        f"{fingerprint.of_file(p)}  {p.relative_to(folder).as_posix()}\n"
        for p in files_of(folder)
        if p != folder / SUMS
    ]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> None:
    """Compare every file with `SHA256SUMS`.

    Raises:
        QualityRefused: a file is missing, not listed, or has other bytes.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise _broken(folder, [f"no {SUMS} ({error})"]) from error
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    present = {p.relative_to(folder).as_posix(): p for p in files_of(folder) if p != folder / SUMS}
    faults = [f"{name} missing" for name in listed if name not in present]
    faults += [f"{name} not listed" for name in present if name not in listed]
    faults += [
        f"{name} has other bytes"
        for name, path in present.items()
        if name in listed and fingerprint.of_file(path) != listed[name]
    ]
    if faults:
        raise _broken(folder, faults)


def _broken(folder: Path, faults: list[str]) -> QualityRefused:
    return QualityRefused(
        f"release folder {folder.name}",
        expected=f"exactly the files of {SUMS}, byte for byte",
        found="; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else ""),
        remedy="make the release again; if it was already promoted, restore it from a copy",
    )
