"""What the site shows, compared with what was sent: the bytes behind an address, every word. No writing."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outputs.publish.content import Content
from outputs.publish.faults import TargetUnreachable
from outputs.publish.plan import Plan, Wanted, described, differences, schema_of, undescribed
from outputs.publish.udata import Dataset
from pipeline.foundations.errors import CspError, QualityRefused
from pipeline.foundations.http import download
from pipeline.foundations.progress import reporter

_SHOWN = 10  # differences named


def check_files(dataset: Dataset, planned: Plan, ids: Mapping[str, str | None]) -> None:
    """Compare what the site says of each file, and the file behind its permanent address, with those of the release.

    Args:
        ids: of the resources, by parcel.

    Raises:
        QualityRefused: a file is not there, or has other bytes.
        TargetUnreachable: a permanent address does not answer.
    """
    reporter().step("relecture de chaque fichier par son lien permanent")
    for n, step in enumerate(planned.steps):
        reporter().advance(n, len(planned.steps))
        wanted, content = step.wanted, step.wanted.content
        live = dataset.resource(ids.get(wanted.key))
        digest = content.sha1 if wanted.url is None else content.sha256
        held = live.checksum.value if live and live.checksum else "nothing"
        if live is None or held != digest:
            raise other_bytes(f"{wanted.key} on the site", digest, held)
        check_bytes(live.latest, content, f"the file {wanted.key} of the release")


def check_bytes(url: str, content: Content, expected: str) -> None:
    """Download an address, without the key, and compare.

    Raises:
        QualityRefused: other bytes.
        TargetUnreachable: it does not answer, or with something longer.
    """
    with tempfile.TemporaryDirectory(prefix="csp-relecture-") as scratch:
        try:
            found = download(url, Path(scratch), max_bytes=max(content.size, 1))
        except CspError as error:
            if not content.size and "empty body" in error.found:
                return
            raise TargetUnreachable(
                error.subject, expected=expected, found=error.found, remedy="run the same command again later"
            ) from error
        if found.sha256 != content.sha256:
            raise other_bytes(url, content.sha256, found.sha256)


def check_words(
    dataset: Dataset,
    planned: Plan,
    ids: Mapping[str, str | None],
    metadata: Mapping[str, Any],
    extras: Mapping[str, str],
    version: str,
    *,
    schemas: bool,
) -> None:
    """Compare all the metadata: those of the dataset, its extras, those of each resource, and their order.

    Raises:
        QualityRefused: some are not what was sent.
    """
    faults = [f"dataset, {name}" for name in differences(metadata, dataset)]
    faults += [f"dataset, {name}" for name, value in extras.items() if dataset.extras.get(name) != value]
    live = {s.wanted.key: dataset.resource(ids.get(s.wanted.key)) for s in planned.steps}
    there = {key: resource for key, resource in live.items() if resource is not None}

    def wrong(wanted: Wanted) -> list[str]:
        if wanted.key not in there:
            return ["not there"]
        words = described(wanted, version, schema_of(wanted, there), schemas=schemas)
        return undescribed(there[wanted.key], *words)

    faults += [f"{s.wanted.key}, {name}" for s in planned.steps for name in wrong(s.wanted)]
    order = [r.id for r in there.values()]
    if [r.id for r in dataset.resources if r.id in order] != order:
        faults.append("order of the resources")
    if faults:
        raise QualityRefused(
            f"dataset {dataset.id}, read back",
            expected="what was sent",
            found="; ".join(faults[:_SHOWN]) + (f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""),
            remedy="run the same command again; if it lasts, the site changes what it is given: look at it there",
        )


def other_bytes(subject: str, expected: str, found: str) -> QualityRefused:
    """The error of a file that is not the one sent; digests are given."""
    return QualityRefused(
        subject,
        expected=f"the bytes of the release ({expected})",
        found=found,
        remedy="run the same command again; if it lasts, something on the way changes the files",
    )
