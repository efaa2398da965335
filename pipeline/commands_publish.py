"""`csp publish`: a release on a data.gouv.fr site or in a bucket. Only the command; the work is `outputs.publish`."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from pipeline.console import ConsoleReporter
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.lock import exclusive
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.progress import reporting

if TYPE_CHECKING:
    from outputs.publish.presentation import About

_out = Console()


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the command to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    publish.callback = says_errors(publish.callback)
    main.add_command(publish)


@click.command()
@click.argument("version")
@click.option("--target", required=True, metavar="URL", help="https://www.data.gouv.fr…, or s3://bucket/prefix.")
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@click.option("--organisation", metavar="ID", help="data.gouv.fr: the organisation that publishes.")
@click.option("--base-url", metavar="URL", help="data.gouv.fr: where releases are served as URL/<version>/<path>.")
@click.option("--remove-old", is_flag=True, help="data.gouv.fr: delete the resources no longer in the release.")
@click.option("--endpoint", metavar="URL", help="Bucket: the service, when it is not AWS.")
@click.option("--latest-copies", is_flag=True, help="Bucket: also put the files under latest/.")
@click.option("--fictif", is_flag=True, help="Let invented data go to a real site.")
@click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")
def publish(
    version: str,
    target: str,
    dry_run: bool,
    organisation: str | None,
    base_url: str | None,
    remove_old: bool,
    endpoint: str | None,
    latest_copies: bool,
    fictif: bool,
    data: Path | None,
) -> None:
    """Publish a release (VERSION, or `latest`) on a data.gouv.fr site or in an S3 bucket, and read it back.

    The key of the site is read in CSP_DATAGOUV_CLE, those of the bucket in the AWS variables. After a failure, run it
    again: what is already there is not sent twice.
    """
    root = DataRoot.resolve(data)
    for_site = {"--organisation": organisation, "--base-url": base_url, "--remove-old": remove_old}
    for_bucket = {"--endpoint": endpoint, "--latest-copies": latest_copies}
    in_bucket = target.startswith("s3:")
    _refuse(for_site if in_bucket else for_bucket, target="a bucket" if in_bucket else "a data.gouv.fr site")
    with ConsoleReporter(Console(stderr=True)) as reporter, reporting(reporter):
        if in_bucket:
            lines = _to_bucket(root, version, target, endpoint, latest_copies, dry_run=dry_run, fictif=fictif)
        else:
            lines = _to_site(
                root, version, target, organisation, base_url, remove_old=remove_old, dry_run=dry_run, fictif=fictif
            )
    for line in lines:
        _out.print(line, markup=False, highlight=False, soft_wrap=True)


def _to_site(
    root: DataRoot,
    version: str,
    target: str,
    organisation: str | None,
    base_url: str | None,
    *,
    remove_old: bool,
    dry_run: bool,
    fictif: bool,
) -> list[str]:
    from assets.release.versions import list_releases
    from outputs.publish import telling
    from outputs.publish.archive import Archive
    from outputs.publish.client import Client
    from outputs.publish.datagouv import Publication
    from outputs.publish.presentation import identifier
    from outputs.publish.ressources import declaration
    from outputs.publish.state import StateFile
    from outputs.publish.survey import Job, survey
    from outputs.publish.target import KEY_VARIABLE, Target, key_from_environment
    from outputs.publish.udata import Udata

    site = Target.parse(target)
    key = key_from_environment()
    if key is None and not dry_run:
        raise WrongUse(
            KEY_VARIABLE,
            expected="the API key of the account that publishes",
            found="nothing",
            remedy="export it; --dry-run does without, for what is public",
        )
    folder, about = _publishable(root, version, trial=site.trial, fictif=fictif)
    here, declared = root.path / "publication", declaration()
    file = StateFile(here / f"{site.name}.json", target=site.base, mark=identifier(declared.jeu, about))
    with tempfile.TemporaryDirectory(prefix="csp-publication-") as scratch, Client(site, key) as client:
        udata = Udata(client)
        if key is not None:
            udata.check_key()
        job = Job(
            udata=udata,
            release=folder,
            about=about,
            declared=declared,
            file=file,
            organisation=organisation,
            base_url=base_url,
            remove_old=remove_old,
            look_for=key is not None,
        )
        if dry_run:
            return [*telling.of_survey(job, survey(job, Path(scratch))), "rien n’a été écrit (--dry-run)"]
        with exclusive(here):
            seen = survey(job, Path(scratch))
            held = {v: root.releases / v for v in list_releases(root.releases)}
            done = Publication(job, seen, Archive(held, declared, here / "archives" / site.name)).run()
        return telling.of_outcome(job, seen, done)


def _to_bucket(
    root: DataRoot, version: str, target: str, endpoint: str | None, copies: bool, *, dry_run: bool, fictif: bool
) -> list[str]:
    from outputs.publish.bucket import Bucket, BucketPublication

    bucket = Bucket.parse(target, endpoint)
    folder, about = _publishable(root, version, trial=bucket.trial, fictif=fictif)
    publication = BucketPublication(bucket, folder, about)
    items = publication.survey()
    before = publication.current()
    lines = [f"s3://{bucket.path('versions', about.version)} : {len(items)} fichiers"]
    lines += [f"  {'+' if i.state == 'à envoyer' else '='} {i.path} : {i.state}" for i in items]
    if dry_run:
        return [*lines, f"latest.json : {before or 'aucun'} → {about.version}", "rien n’a été écrit (--dry-run)"]
    with exclusive(root.path / "publication"):
        sent = publication.run(items, copies=copies)
    return [*lines, f"{sent} fichiers envoyés, tout relu ; latest.json : {before or 'aucun'} → {about.version}"]


def _publishable(root: DataRoot, version: str, *, trial: bool, fictif: bool) -> tuple[Path, "About"]:
    """The folder of a release that may be published there, and what is said of it."""
    from assets.release.announce import about
    from assets.release.manifest import load_manifest
    from assets.release.publishable import require_publishable
    from assets.release.versions import find
    from quality.contract import all_contracts

    folder = find(root.releases, version)
    manifest, contracts = load_manifest(folder), all_contracts()
    require_publishable(root.releases, folder, manifest, contracts, trial=trial, fictional_allowed=fictif)
    return folder, about(folder, manifest, contracts)


def _refuse(options: dict[str, Any], *, target: str) -> None:
    if given := [name for name, value in options.items() if value]:
        raise WrongUse(
            ", ".join(given),
            expected=f"options of {target}",
            found="options of another target",
            remedy="leave them out",
        )
