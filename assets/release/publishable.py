"""Whether a release may be published on somebody else's server. Only the judgement; sending is `outputs.publish`.

A promoted release was already accepted once; here it is judged again as it lies on disk, with what publishing adds: the
change log readers need, licences, and invented data that must deceive nobody.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from assets.release.changes.check import DIFF
from assets.release.context import LICENCE, LICENCE_TITLE
from assets.release.manifest import Manifest, check_sums
from assets.release.versions import list_releases, order
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import Contract
from quality.verdict import read_verdict

#: Licences that follow what is made from a database: nothing under Licence Ouverte may come from one.
_SHARE_ALIKE = frozenset({"odc-odbl", "cc-by-sa"})
_SOURCE_COLUMN = re.compile(r"sources?(_[a-z]+)?")
_ACCEPTED = "accepté"


def require_publishable(
    releases: Path,
    folder: Path,
    manifest: Manifest,
    contracts: Mapping[str, Contract],
    *,
    trial: bool,
    fictional_allowed: bool,
) -> None:
    """Let through only what may be published.

    Args:
        releases: the folder of all releases: one older than this makes its change log necessary.
        folder: the release.
        contracts: by table name.
        trial: the target is this machine or a site made for tests.
        fictional_allowed: the person who publishes knows that the data are invented.

    Raises:
        WrongUse: invented data towards a real site.
        QualityRefused: bytes that changed, no accepted verdict, no change log, or a licence that forbids it.
    """
    if manifest.fictif and not (trial or fictional_allowed):
        raise WrongUse(
            f"release {manifest.version}",
            expected="real data, on a site that people read",
            found="invented data",
            remedy="publish it on this machine or on demo.data.gouv.fr; with --fictif it goes there all the same",
        )
    check_sums(folder)
    _require_verdict(folder, manifest)
    _require_changes(releases, folder, manifest)
    _require_licences(folder, manifest, contracts)


def _require_verdict(folder: Path, manifest: Manifest) -> None:
    stored = read_verdict(folder / "qualite" / "verdict.json")
    if (stored.statut, stored.cle) != (_ACCEPTED, manifest.verdict.cle) or manifest.verdict.statut != _ACCEPTED:
        raise QualityRefused(
            f"release {manifest.version}",
            expected=f"the verdict « {_ACCEPTED} », the same in manifest.json and qualite/verdict.json",
            found=f"« {manifest.verdict.statut} » and « {stored.statut} »"
            + ("" if stored.cle == manifest.verdict.cle else ", on other inputs"),
            remedy="make the release again: csp build",
        )


def _require_changes(releases: Path, folder: Path, manifest: Manifest) -> None:
    older = [v for v in list_releases(releases) if order(v) < order(manifest.version)]
    listed = {f.chemin for f in manifest.fichiers}
    if older and not (DIFF in listed and (folder / DIFF).is_file()):
        raise QualityRefused(
            f"release {manifest.version}",
            expected=f"{DIFF}: what changed since {older[-1]}",
            found="a release that does not say it",
            remedy="make it again with today's code: csp build",
        )


def _require_licences(folder: Path, manifest: Manifest, contracts: Mapping[str, Contract]) -> None:
    faults = [f"the release is under {manifest.licence}"] if manifest.licence != LICENCE_TITLE else []
    for table in manifest.tables:
        contract = contracts.get(table.table)
        held = {table.licence, contract.licence if contract else "(no contract)"}
        faults += [f"table {table.table} under {licence}" for licence in sorted(held - {LICENCE})]
    sharing = {s.id: s.licence.titre for s in manifest.sources if s.licence.id in _SHARE_ALIKE}
    for table in manifest.tables if sharing else ():
        files = [folder / f.chemin for f in table.fichiers if f.chemin.endswith(".parquet")]
        faults += [
            f"table {table.table} holds data of {source} ({sharing[source]})"
            for source in sorted(sharing.keys() & _named(files))
        ]
    if faults:
        raise QualityRefused(
            f"release {manifest.version}",
            expected=f"tables under {LICENCE_TITLE}, made from sources that allow it",
            found="; ".join(faults),
            remedy="publish these tables in files of their own, under their licence",
        )


def _named(files: Iterable[Path]) -> set[str]:
    """Ids of sources that the rows name, in the columns that say where values come from."""
    found: set[str] = set()
    for file in files:
        for name, kind in pl.read_parquet_schema(file).items():
            if not _SOURCE_COLUMN.fullmatch(name) or kind not in (pl.String, pl.List(pl.String)):
                continue
            column = pl.col(name) if kind == pl.String else pl.col(name).explode()
            values = pl.scan_parquet(file).select(column.drop_nulls().unique()).collect().to_series()
            for value in values:
                found.update(re.split(r"[|:]", value))
    return found
