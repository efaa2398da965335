"""What a publication will change, from what is wanted and what the site shows. No request, nothing written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outputs.publish.content import Content
from outputs.publish.ressources import Parcel
from outputs.publish.state import Sent
from outputs.publish.udata import FILE, SHA256, VERSION, WITHDRAWN, Dataset, Resource
from pipeline.foundations.errors import WrongUse


@dataclass(frozen=True)
class Wanted:
    """A resource to publish: hosted by the site, or elsewhere at `url`."""

    parcel: Parcel
    content: Content
    url: str | None = None

    @property
    def key(self) -> str:
        """What names it from one version to the next."""
        return self.parcel.key


@dataclass(frozen=True)
class Step:
    """What becomes of one wanted resource."""

    wanted: Wanted
    live: Resource | None  # None: to be created
    moves: bool  # its content, or the address of it, is to be sent
    fields: tuple[str, ...]  # metadata to write

    @property
    def word(self) -> str:
        """In a word, for people."""
        if self.live is None:
            return "créée"
        return "remplacée" if self.moves else "à décrire" if self.fields else "inchangée"


@dataclass(frozen=True)
class Plan:
    """What a publication will change."""

    dataset: Dataset | None  # None: to be created
    steps: tuple[Step, ...]  # in the order to show them
    withdrawn: tuple[Resource, ...]  # ours, no longer in the release
    doubles: tuple[Resource, ...]  # left by a cut upload: the file of another resource, never described
    foreign: tuple[Resource, ...]  # somebody else's: left as they are, last
    skipped: tuple[tuple[str, str], ...]  # parcels the site does not take, and why
    unlisted: tuple[str, ...]  # paths that follow no rule
    changes: tuple[str, ...]  # metadata of the dataset to write

    @property
    def first(self) -> bool:
        """Whether no version was ever announced there: the dataset is then hidden until it is whole."""
        return self.dataset is None or VERSION not in self.dataset.extras


def plan(
    wanted: Sequence[Wanted],
    version: str,
    dataset: Dataset | None,
    known: Mapping[str, Sent],
    metadata: Mapping[str, Any],
    *,
    skipped: Sequence[tuple[Parcel, str]],
    unlisted: Sequence[str],
    schemas: bool,
) -> Plan:
    """Compare.

    Args:
        known: what the state file says was sent, by parcel.
        skipped: parcels that cannot be published there, and why.
        schemas: whether table schemas can be named on this site.

    Raises:
        WrongUse: a resource of the site cannot become what is wanted (hosted there or elsewhere is for good), or is
            live and would be abandoned for want of an address.
    """
    there = list(dataset.resources) if dataset else []
    matched = match(wanted, there, known)
    for parcel, why in skipped:
        live = _by_key(parcel.key, there, known)
        if live is not None:
            raise WrongUse(
                f"resource {parcel.key} of the site",
                expected="a way to publish its new version: it is there, and readers rely on it",
                found=why,
                remedy="give --base-url as for the version that put it there; or delete the resource on the site",
            )
    steps = tuple(_step(w, version, matched, schemas=schemas) for w in wanted)
    ids = {r.id for r in matched.values()}
    left = [r for r in there if r.id not in ids]
    digests = {w.content.sha1 for w in wanted}
    doubles = tuple(r for r in left if r.sha1 in digests and untouched(r))
    withdrawn = tuple(r for r in left if _ours(r, known) and r not in doubles)
    foreign = tuple(r for r in left if r not in doubles and r not in withdrawn)
    return Plan(
        dataset=dataset,
        steps=steps,
        withdrawn=withdrawn,
        doubles=doubles,
        foreign=foreign,
        skipped=tuple((p.key, why) for p, why in skipped),
        unlisted=tuple(unlisted),
        changes=tuple(differences(metadata, dataset)) if dataset else tuple(metadata),
    )


def match(wanted: Sequence[Wanted], there: Sequence[Resource], known: Mapping[str, Sent]) -> dict[str, Resource]:
    """The resource of the site that each wanted one is already, by key.

    By the id remembered, else by the extra `csp:fichier`, else by its content: a resource never described whose sha1 is
    that of a file that was about to be sent when everything stopped, or is to be sent now.
    """
    found = {w.key: live for w in wanted if (live := _by_key(w.key, there, known))}
    for w in wanted:
        if w.key in found or w.url is not None:
            continue
        digests = {w.content.sha1, *([known[w.key].sha1] if w.key in known else [])}
        taken = {r.id for r in found.values()}
        orphan = next((r for r in there if r.id not in taken and r.sha1 in digests and untouched(r)), None)
        if orphan is not None:
            found[w.key] = orphan
    return found


def schema_of(wanted: Wanted, matched: Mapping[str, Resource]) -> str | None:
    """The permanent address of the Table Schema of a file, when it is published beside it."""
    model = matched.get(wanted.parcel.model or "")
    return model.latest if model else None


def described(
    wanted: Wanted, version: str, schema: str | None, *, schemas: bool
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """The metadata and the extras a resource must have; None is what must not be there.

    Args:
        schemas: whether the site lets schemas be named; when it does not, they are left alone.
    """
    parcel = wanted.parcel
    metadata: dict[str, Any] = {
        "title": parcel.title,
        "description": parcel.description,
        "type": parcel.rule.type,
    }
    if schemas:
        metadata["schema"] = {"url": schema} if schema else None
    return metadata, {FILE: wanted.key, VERSION: version, SHA256: wanted.content.sha256, WITHDRAWN: None}


def undescribed(live: Resource, metadata: Mapping[str, Any], extras: Mapping[str, str | None]) -> list[str]:
    """Names of the metadata and extras of a resource that are not as wanted."""
    held = {
        "title": live.title,
        "description": (live.description or "").strip(),
        "type": live.type,
        "schema": {"url": _schema(live)} if _schema(live) else None,
    }
    return [n for n, v in metadata.items() if held[n] != v] + [n for n, v in extras.items() if live.extras.get(n) != v]


def differences(metadata: Mapping[str, Any], dataset: Dataset) -> list[str]:
    """Names of the metadata of the dataset that are not as wanted. Tags added on the site are none."""
    held = dataset.model_dump()
    spatial = dataset.spatial or {}
    wished = metadata["spatial"]
    same = {
        "description": (dataset.description or "").strip() == metadata["description"],
        "tags": set(metadata["tags"]) <= set(dataset.tags),
        "spatial": spatial.get("granularity") == wished["granularity"]
        and _zones(spatial) == sorted(wished.get("zones", []))
        and (spatial.get("geom") or None) == wished.get("geom"),
    }
    return [name for name, value in metadata.items() if not same.get(name, held.get(name) == value)]


def untouched(resource: Resource) -> bool:
    """Whether nobody described it since it was sent: no extra, no description, the title the server gave it."""
    return not resource.extras and not resource.description and resource.title == resource.file_name


def _step(wanted: Wanted, version: str, matched: Mapping[str, Resource], *, schemas: bool) -> Step:
    live = matched.get(wanted.key)
    if live is None:
        return Step(wanted, None, moves=True, fields=())
    kind = "file" if wanted.url is None else "remote"
    if live.filetype != kind:
        raise WrongUse(
            f"resource {wanted.key} of the site",
            expected="a file hosted there" if kind == "file" else "a file hosted elsewhere, at --base-url",
            found="the contrary, which the site does not let change",
            remedy="publish it as the first time (with or without --base-url), or delete the resource on the site",
        )
    held = live.checksum.value if live.checksum else None
    if wanted.url is None:
        moves = held != wanted.content.sha1
    else:
        moves = live.url != wanted.url or held != wanted.content.sha256
    metadata, extras = described(wanted, version, schema_of(wanted, matched), schemas=schemas)
    return Step(wanted, live, moves=moves, fields=tuple(undescribed(live, metadata, extras)))


def _by_key(key: str, there: Sequence[Resource], known: Mapping[str, Sent]) -> Resource | None:
    remembered = known[key].id if key in known else None
    by_id = next((r for r in there if r.id == remembered), None)
    return by_id or next((r for r in there if r.extras.get(FILE) == key), None)


def _ours(resource: Resource, known: Mapping[str, Sent]) -> bool:
    return FILE in resource.extras or any(s.id == resource.id for s in known.values())


def _schema(resource: Resource) -> str | None:
    found = (resource.table_schema or {}).get("url")
    return found if isinstance(found, str) else None


def _zones(spatial: Mapping[str, Any]) -> list[str]:
    """Zones as ids, whether the site answers ids or whole zones."""
    return sorted(z["id"] if isinstance(z, dict) else str(z) for z in spatial.get("zones") or [])
