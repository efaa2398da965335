"""Small releases for the tests of publication, written without the stages: a few files, a manifest, their sums."""

import json
import os
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from assets.release.announce import about
from assets.release.context import LICENCE_TITLE
from assets.release.manifest import (
    Code,
    Manifest,
    Source,
    SourceFile,
    SourceLicence,
    Table,
    Verdict,
    files_of,
    load_manifest,
    release_file,
    write_manifest,
    write_sums,
)
from assets.release.versions import list_releases
from outputs.facts import facts
from outputs.publish.archive import Archive
from outputs.publish.client import Client
from outputs.publish.datagouv import Outcome, Publication
from outputs.publish.faults import Patience
from outputs.publish.presentation import identifier
from outputs.publish.ressources import Declaration, declaration
from outputs.publish.state import StateFile
from outputs.publish.survey import Job, Survey, survey
from outputs.publish.target import Target
from outputs.publish.udata import FILE, Udata
from quality.contract import Contract
from quality.verdict import judge

if TYPE_CHECKING:
    from tests.udata.server import Site

V1, V2, V3 = "2026.09.01", "2026.10.01", "2026.11.01"
_WHEN = datetime(2026, 11, 1, 6, tzinfo=UTC)
#: Département codes and boxes (degrees) of the communes of these releases.
_COMMUNES = pl.DataFrame(
    {
        "code": ["05046", "36044"],
        "departement": ["05", "36"],
        "bbox": [
            {"xmin": 6.45, "ymin": 44.52, "xmax": 6.56, "ymax": 44.61},
            {"xmin": 1.63, "ymin": 46.77, "xmax": 1.75, "ymax": 46.85},
        ],
    }
)


def contract(table: str, licence: str = "lov2") -> Contract:
    """A contract of two columns."""
    columns = [
        {"name": name, "type": "texte", "title": name, "description": f"Colonne {name}."} for name in ("code", "source")
    ]
    head = {"table": table, "title": table.split("__")[1].capitalize(), "description": "D.", "licence": licence}
    return Contract.model_validate({**head, "key": ["code"], "columns": columns})


def source(identifier: str = "dila", licence: str = "lov2") -> Source:
    """A source used by a release."""
    file = SourceFile(
        ressource="tout",
        url="https://example.org/a",
        url_finale="https://example.org/a",
        sha256="ab" * 32,
        taille=3,
        date_telechargement=_WHEN,
        date_fichier=datetime(2026, 10, 20, tzinfo=UTC),
    )
    return Source(
        id=identifier,
        titre=identifier.upper(),
        producteur="P",
        page="https://example.org",
        licence=SourceLicence(id=licence, titre=licence.upper(), url="https://example.org"),
        attribution=f"Producteur de {identifier}",
        millesime=None,
        etat="à jour",
        motif=None,
        age_jours=1,
        lignes_lues=2,
        lignes_utilisables=2,
        fichiers=(file,),
    )


def make_release(
    releases: Path,
    version: str,
    *,
    fictional: bool = False,
    accepted: bool = True,
    changes: bool = True,
    licence: str = LICENCE_TITLE,
    contracts: tuple[Contract, ...] = (contract("referentiel__implantations"), contract("territories__communes")),
    sources: tuple[Source, ...] = (source(),),
    rows_from: str = "dila",
    files: dict[str, bytes | None] | None = None,
) -> Path:
    """Write `releases/<version>`.

    Args:
        changes: whether it has a change log.
        rows_from: what the column `source` of its tables says.
        files: more files, others than usual, or None for a file left out.
    """
    folder = releases / version
    text = f"version {version}\n".encode()
    content: dict[str, bytes | None] = {
        "carto-services-publics.gpkg": b"GPKG " + text,
        "metadonnees/dictionnaire.md": b"# Dictionnaire\n",  # the same in every version
        "qualite/rapport.html": b"<!doctype html><html>" + text,
        "qualite/data_docs/index.html": b"<html>regles",
        "qualite/data_docs/regles/a.html": b"<html>a",
        "qualite/issues.csv": b"source,motif\n",
        "carte/apercu.png": b"\x89PNG " + text,
        "interne/inconnu.bin": b"no rule speaks of it",
        "csv/implantations.schema.json": b'{"fields": []}\n',
        **({"changements/diff.parquet": b"PAR1 " + text} if changes else {}),
        **(files or {}),
    }
    verdict = judge("cle", [])
    if accepted:
        content.setdefault("qualite/verdict.json", verdict.model_dump_json().encode())
    for name, held in content.items():
        if held is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(held)
    tables, own = [], set()
    for known in contracts:
        frame = pl.DataFrame({"code": ["05046", "36044"], "source": [rows_from, "référentiel"]})
        paths = [folder / "csv" / f"{known.layer}.csv", folder / "geoparquet" / f"{known.layer}.parquet"]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        frame.with_columns(version=pl.lit(version)).write_csv(paths[0])
        joined = frame.join(_COMMUNES, on="code") if known.layer == "communes" else frame
        joined.with_columns(version=pl.lit(version)).write_parquet(paths[1])
        own.update(paths)
        described = tuple(release_file(folder, p) for p in paths)
        tables.append(Table(**dict(facts(frame, known)), licence=known.licence, fichiers=described))
    manifest = Manifest(
        version=version,
        titre="Carto Services Publics",
        fictif=fictional,
        perimetre=("05", "36"),
        date_reference=_WHEN,
        licence=licence,
        code=Code(version="0", empreinte="c0de"),
        empreinte="e" * 64,
        verdict=Verdict(statut="accepté" if accepted else "refusé", cle=verdict.cle, comptes={}),
        sources=sources,
        tables=tuple(tables),
        comptages={},
        fichiers=tuple(release_file(folder, p) for p in files_of(folder) if p not in own),
    )
    write_manifest(folder, manifest)
    (folder / "NOTES.md").write_text(f"# Version {version}\n", encoding="utf-8")
    write_sums(folder)
    return folder


class Publisher:
    """Publishes releases of one data root, as one organisation that has no dataset yet, without waiting long."""

    QUICK = Patience(connect=3, read=5, total=20, attempts=3, pause=0.3)

    def __init__(self, site: "Site", root: Path) -> None:
        self.site, self.root, self.organisation = site, root, site.organisation()
        self.releases = root / "releases"
        self.seen: Survey | None = None

    def publish(
        self,
        version: str,
        *,
        key: str | None = None,
        declared: Declaration | None = None,
        client: type[Client] = Client,
        patience: Patience = QUICK,
        dry: bool = False,
        **options: Any,
    ) -> Outcome | None:
        """What `csp publish` does, its gate left out; the survey stays in `seen`."""
        folder, target = self.releases / version, Target.parse(self.site.base)
        manifest = load_manifest(folder)
        facts = about(folder, manifest, {})
        rules = declared or declaration()
        here = self.root / "publication"
        file = StateFile(here / f"{target.name}.json", target=target.base, mark=identifier(rules.jeu, facts))
        with (
            tempfile.TemporaryDirectory() as scratch,
            client(target, key or self.site.keys["editor"], patience) as opened,
        ):
            options = {"organisation": self.organisation, **options}
            job = Job(udata=Udata(opened), release=folder, about=facts, declared=rules, file=file, **options)
            self.seen = survey(job, Path(scratch))
            if dry:
                return None
            held = {v: self.releases / v for v in list_releases(self.releases)}
            return Publication(job, self.seen, Archive(held, rules, here / "archives")).run()

    def dataset(self) -> dict:
        """The only dataset of the organisation."""
        (found,) = self.site.datasets(self.organisation)
        return self.site.dataset(found["id"])

    def resources(self) -> dict[str, dict]:
        """Its resources, by the file of the release they show."""
        return {r["extras"].get(FILE): r for r in self.dataset()["resources"]}

    def words(self) -> Counter[str]:
        """How many resources become what, in the last survey."""
        assert self.seen is not None
        return Counter(s.word for s in self.seen.plan.steps)

    def environment(self) -> dict[str, str]:
        """That of a `csp` process with the key of the editor."""
        return {**os.environ, "CSP_DATAGOUV_CLE": self.site.keys["editor"], "CSP_DATA": str(self.root)}

    def command(self, version: str, *more: str) -> list[str]:
        """The command line of a `csp` process."""
        options = ["--target", self.site.base, "--organisation", self.organisation, *more]
        return [sys.executable, "-m", "pipeline.cli", "publish", version, *options]


def state_of(root: Path) -> dict:
    """The only state file of a data root."""
    (path,) = (root / "publication").glob("*.json")
    return json.loads(path.read_text(encoding="utf-8"))
