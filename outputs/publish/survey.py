"""The site looked at before anything changes: what it takes, what is there, what would become of each file.

Nothing is written, here or there. Doing what is planned is `datagouv`; comparing is `plan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from outputs.publish import criteres
from outputs.publish.content import Content
from outputs.publish.faults import TargetRefused
from outputs.publish.plan import Plan, Wanted, plan
from outputs.publish.presentation import About, identifier, metadata
from outputs.publish.readback import check_bytes
from outputs.publish.ressources import Declaration, Parcel, parcels, paths_of
from outputs.publish.state import StateFile
from outputs.publish.udata import Dataset, Udata, Vocabulary
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.progress import reporter


@dataclass(frozen=True)
class Job:
    """One release to publish on one site.

    Attributes:
        release: its folder.
        organisation: id of the organisation that publishes; None: the account itself, or whoever owns the dataset.
        base_url: where the releases are served as `<base_url>/<version>/<path>`, for files the site does not host.
        remove_old: delete resources no longer in the release, rather than say they are no longer updated.
        look_for: without a state file, look for the dataset on the site, which needs a key.
    """

    udata: Udata
    release: Path
    about: About
    declared: Declaration
    file: StateFile
    organisation: str | None = None
    base_url: str | None = None
    remove_old: bool = False
    look_for: bool = True

    @property
    def version(self) -> str:
        """The version published."""
        return self.about.version

    @property
    def mark(self) -> str:
        """How the dataset is marked on the site."""
        return identifier(self.declared.jeu, self.about)


@dataclass(frozen=True)
class Survey:
    """What was seen and is wanted.

    Attributes:
        metadata: of the dataset, as the API takes them.
        criteria: the quality criteria, as they will be.
        schemas: whether table schemas can be named on this site.
    """

    plan: Plan
    metadata: Mapping[str, Any]
    criteria: Mapping[str, bool]
    schemas: bool


def survey(job: Job, scratch: Path) -> Survey:
    """Look at the site and plan.

    Args:
        scratch: a folder for the archives to send, which lasts as long as the survey is used.

    Raises:
        TargetUnreachable, TargetRefused: see `client`.
        WrongUse: the declaration does not fit the site, or what is there cannot become what is wanted.
        QualityRefused: a file served at `base_url` is not that of the release.
    """
    reporter().step("lecture du site")
    vocabulary = job.udata.vocabulary()
    _check_words(job.declared, vocabulary)
    dataset = _dataset(job)
    zones = job.about.zones
    wished = metadata(job.declared.jeu, job.about, zones_known=bool(zones) and job.udata.zones_known(zones))
    reporter().step("empreintes des fichiers")
    found, unlisted = parcels(paths_of(job.release), job.declared, job.about.tables)
    wanted: list[Wanted] = []
    skipped: list[tuple[Parcel, str]] = []
    for parcel in found:
        url, why = _host(parcel, job, vocabulary)
        if why:
            skipped.append((parcel, why))
        else:
            wanted.append(Wanted(parcel, Content.of(parcel.pack(job.release, scratch)), url))
    whole = plan(
        wanted,
        job.version,
        dataset,
        job.file.state.ressources,
        wished,
        skipped=skipped,
        unlisted=unlisted,
        schemas=vocabulary.schemas,
    )
    for step in whole.steps:
        if step.wanted.url and step.moves:
            check_bytes(step.wanted.url, step.wanted.content, "the file of the release, served at --base-url")
    return Survey(whole, wished, _criteria(whole, wished), vocabulary.schemas)


def _check_words(declared: Declaration, vocabulary: Vocabulary) -> None:
    """See that the site knows the words of the declaration: an unknown licence would silently become none."""
    text = declared.jeu
    faults = [f"licence {text.licence}"] if text.licence not in vocabulary.licences else []
    faults += [f"frequence {text.frequence}"] if text.frequence not in vocabulary.frequencies else []
    faults += [f"type {t}" for t in sorted({r.type for r in declared.ressources} - vocabulary.types)]
    if faults:
        raise WrongUse(
            "ressources.yml",
            expected="words of the vocabularies of the site",
            found=", ".join(faults),
            remedy="take words from its lists: /api/1/datasets/licenses/, frequencies/, resource_types/",
        )


def _dataset(job: Job) -> Dataset | None:
    """The dataset of this publication, when there is one that may be changed."""
    known = job.file.state.jeu
    if known is not None:
        dataset: Dataset | None = job.udata.dataset(known)
    else:
        dataset = job.udata.find(job.mark, job.organisation) if job.look_for else None
    if dataset is None:
        return None
    if dataset.deleted is not None:
        raise TargetRefused(
            f"dataset {dataset.id}",
            expected="the dataset published before",
            found=f"deleted on the site on {dataset.deleted[:10]}",
            remedy=f"restore it on the site, or remove {job.file.path} to begin a new one",
            status=410,
        )
    owner = dataset.organization.id if dataset.organization else None
    if job.organisation not in {None, owner}:
        raise WrongUse(
            f"--organisation {job.organisation}",
            expected=f"the owner of dataset {dataset.id}: {owner or 'an account, no organisation'}",
            found="another",
            remedy="leave --organisation out, or transfer the dataset on the site first",
        )
    return dataset


def _host(parcel: Parcel, job: Job, vocabulary: Vocabulary) -> tuple[str | None, str | None]:
    """The address of a file to be hosted elsewhere; why it cannot be published, when it cannot."""
    if parcel.rule.hebergement == "serveur" and parcel.extension in vocabulary.extensions:
        return None, None
    if parcel.rule.archive is None and job.base_url:
        return f"{job.base_url.rstrip('/')}/{quote(f'{job.version}/{parcel.members[0]}')}", None
    if parcel.rule.hebergement == "distant":
        return None, "déclaré « distant » : donner --base-url"
    return None, f"le site n’héberge pas les fichiers .{parcel.extension} : donner --base-url"


def _criteria(planned: Plan, wished: Mapping[str, Any]) -> dict[str, bool]:
    now = datetime.now(UTC)
    stamp = planned.dataset.last_update if planned.dataset else None
    moving = any(s.moves for s in planned.steps)
    shown = [s.wanted.parcel for s in planned.steps]
    return criteres.criteria(
        wished,
        [criteres.Described(p.extension, p.rule.type, p.description) for p in shown],
        last_update=now if moving or stamp is None else datetime.fromisoformat(stamp),
        now=now,
    )
