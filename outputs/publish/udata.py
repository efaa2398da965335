"""What a data.gouv.fr (udata) site is asked, and its answers read strictly: datasets, resources, vocabularies.

One function per request or two, no order between them: that is `datagouv`. Traps of the server are told where they are
avoided.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from outputs.publish.client import Client
from outputs.publish.content import Content
from outputs.publish.faults import TargetRefused, TargetUnreachable, insist
from outputs.publish.multipart import Multipart, OnSent

IDENTIFIER, FILE, VERSION, SHA256, WITHDRAWN = (
    "csp:identifiant",
    "csp:fichier",
    "csp:version",
    "csp:sha256",
    "csp:retire",
)
#: Bytes of a part: larger files are sent in several, which proxies let through, and shown only once whole.
PART = 8 << 20
_AT_ONCE, _PAGES = 50, 1000
_ID = r"^[0-9a-f]{24}$"
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Checksum(_Answer):
    """Digest of a file, as the server computed it (sha1), or was told it for a remote one."""

    type: str
    value: str


class Resource(_Answer):
    """One file of a dataset."""

    id: str = Field(pattern=_UUID)
    title: str | None = None
    description: str | None = None
    type: str = "other"
    filetype: str = "file"
    url: str
    latest: str  # permanent address
    format: str | None = None
    filesize: int | None = None
    checksum: Checksum | None = None
    table_schema: dict[str, Any] | None = Field(None, alias="schema")
    extras: dict[str, Any] = {}

    @property
    def file_name(self) -> str:
        """The last part of its address."""
        return self.url.rpartition("/")[2]

    @property
    def sha1(self) -> str | None:
        """Digest of a hosted file."""
        return self.checksum.value if self.checksum and self.checksum.type == "sha1" else None


class Organisation(_Answer):
    """Who publishes."""

    id: str = Field(pattern=_ID)


class Dataset(_Answer):
    """A dataset with its resources, in the order shown."""

    id: str = Field(pattern=_ID)
    title: str
    description: str | None = None
    description_short: str | None = None
    license: str | None = None
    frequency: str | None = None
    tags: list[str] = []
    temporal_coverage: dict[str, Any] | None = None
    spatial: dict[str, Any] | None = None
    private: bool | None = False
    deleted: str | None = None
    archived: str | None = None
    last_update: str | None = None
    extras: dict[str, Any] = {}
    resources: list[Resource] = []
    permissions: dict[str, bool] = {}
    organization: Organisation | None = None
    page: str | None = None
    uri: str | None = None
    quality: dict[str, Any] = {}

    def resource(self, identifier: str | None) -> Resource | None:
        """The resource of that id, if it is there."""
        return next((r for r in self.resources if r.id == identifier), None)


class Vocabulary(_Answer):
    """What the site knows: extensions it hosts, ids of licences, frequencies, resource types."""

    extensions: frozenset[str]
    licences: frozenset[str]
    frequencies: frozenset[str]
    types: frozenset[str]
    schemas: bool  # whether its catalogue of schemas answers; when it does not, naming a schema makes it fail


class _Me(_Answer):
    id: str = Field(pattern=_ID)
    organizations: list[Organisation] = []


class _Brief(_Answer):
    id: str = Field(pattern=_ID)
    deleted: str | None = None
    extras: dict[str, Any] | None = None


class _Page(_Answer):
    data: list[_Brief]
    next_page: str | None = None


class _Id(_Answer):
    id: str


_T = TypeVar("_T")
_DATASET, _RESOURCE, _PAGE, _ME = TypeAdapter(Dataset), TypeAdapter(Resource), TypeAdapter(_Page), TypeAdapter(_Me)
_IDS = TypeAdapter(list[_Id])
_EXTENSIONS = TypeAdapter(list[str])


class Udata:
    """The API of a site through a client. Every method raises `TargetUnreachable` or `TargetRefused`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.patience = client.patience

    def vocabulary(self) -> Vocabulary:
        """What the site knows."""
        extensions = self._understood(_EXTENSIONS, self._client.get("1/datasets/extensions/"))
        lists = {
            name: frozenset(x.id for x in self._understood(_IDS, self._client.get(f"1/datasets/{path}/")))
            for name, path in (("licences", "licenses"), ("frequencies", "frequencies"), ("types", "resource_types"))
        }
        try:
            schemas = isinstance(self._client.get("1/datasets/schemas/"), list)
        except TargetUnreachable as error:
            if error.status is None:
                raise
            schemas = False
        return Vocabulary(extensions=frozenset(extensions), schemas=schemas, **lists)

    def check_key(self) -> None:
        """See that the key opens an account."""
        self._me()

    def zones_known(self, zones: Collection[str]) -> bool:
        """Whether the site knows all these zones (`country:fr`, `fr:departement:05`)."""
        try:
            self._client.get(f"1/spatial/zones/{','.join(zones)}/")
        except TargetRefused as error:
            if error.status in {400, 404}:
                return False
            raise
        return True

    def dataset(self, identifier: str) -> Dataset:
        """A dataset by its id, deleted or not when the key may see it."""
        return self._understood(_DATASET, self._client.get(f"1/datasets/{identifier}/"))

    def find(self, mark: str, organisation: str | None) -> Dataset | None:
        """The dataset whose extra `csp:identifiant` is `mark`, among those of an organisation.

        Args:
            organisation: its id; without it, the datasets of the account and of its organisations are looked at.

        Raises:
            TargetRefused: there are several.
        """
        if organisation is not None:
            owners = [("organization", organisation)]
        else:
            me = self._me()
            owners = [("owner", me.id), *(("organization", o.id) for o in me.organizations)]
        found = {b.id for kind, who in owners for b in self._all(kind, who) if (b.extras or {}).get(IDENTIFIER) == mark}
        if len(found) > 1:
            raise TargetRefused(
                f"datasets of {self._client.target.base} marked {mark}",
                expected="one",
                found=", ".join(sorted(found)),
                remedy=f"on the site, delete those that are not the right one, or their extra {IDENTIFIER}",
            )
        return self.dataset(found.pop()) if found else None

    def create(self, content: Mapping[str, Any], mark: str) -> Dataset:
        """Create a dataset that bears `mark`; after a doubtful answer, the one made all the same is found again."""
        organisation = content.get("organization")

        def attempt() -> Dataset:
            sent = {**content, "extras": {IDENTIFIER: mark}}
            return self._understood(_DATASET, self._client.post("1/datasets/", sent))

        return insist(attempt, self.patience, lambda: self.find(mark, organisation))

    def update(self, dataset: str, content: Mapping[str, Any]) -> None:
        """Write the metadata of a dataset, all of them: the server empties `tags` and `temporal_coverage` when absent.

        `resources` is never sent: the server deletes those a list omits.
        """
        self._client.put(f"1/datasets/{dataset}/", content)

    def dataset_extras(self, dataset: str, extras: Mapping[str, str]) -> None:
        """Merge extras into those of the dataset."""
        self._client.put(f"2/datasets/{dataset}/extras/", extras)

    def describe(self, dataset: str, resource: str, content: Mapping[str, Any]) -> None:
        """Write some metadata of a resource; the others keep their value."""
        self._client.put(f"1/datasets/{dataset}/resources/{resource}/", content)

    def resource_extras(self, dataset: str, resource: str, extras: Mapping[str, str | None]) -> None:
        """Merge extras into those of a resource; None removes one. Version 1 of the API would replace them all."""
        self._client.put(f"2/datasets/{dataset}/resources/{resource}/extras/", extras)

    def reorder(self, dataset: str, resources: list[str]) -> None:
        """Show the resources in that order; all must be there."""
        self._client.put(f"1/datasets/{dataset}/resources/", resources)

    def delete_resource(self, dataset: str, resource: str) -> None:
        """Remove a resource and its file."""
        self._client.delete(f"1/datasets/{dataset}/resources/{resource}/")

    def create_remote(self, dataset: str, content: Mapping[str, Any], key: str) -> Resource:
        """A new resource whose file is elsewhere; `content` has its extra `csp:fichier`, equal to `key`."""

        def attempt() -> Resource:
            return self._understood(_RESOURCE, self._client.post(f"1/datasets/{dataset}/resources/", content))

        def already() -> Resource | None:
            there = self.dataset(dataset).resources
            return next((r for r in there if r.filetype == "remote" and r.extras.get(FILE) == key), None)

        return insist(attempt, self.patience, already)

    def stage(self, dataset: str, content: Content, name: str, sent: OnSent) -> str:
        """Send the parts of a large file; nothing of it is shown before `upload`.

        Returns:
            What names the parts; the server keeps them a day.
        """
        uuid, total = str(uuid4()), parts(content)
        for index in range(total):
            start = index * PART
            size = min(PART, content.size - start)
            fields: dict[str, str | int] = {
                "uuid": uuid,
                "filename": name,
                "partindex": index,
                "totalparts": total,
                "chunksize": size,
            }
            self._send_part(dataset, fields, (content.path, name, start, size), partial(_after, sent, start))
        return uuid

    def _send_part(
        self, dataset: str, fields: Mapping[str, str | int], file: tuple[Path, str, int, int], sent: OnSent
    ) -> None:
        doubtful = False

        def attempt() -> None:
            nonlocal doubtful
            try:
                self._client.send(f"1/datasets/{dataset}/upload/", Multipart(fields, file, sent))
            except TargetUnreachable as error:
                # A part already there is a 500; it is whole, since the server compares its size with `chunksize`.
                if not (doubtful and error.status == 500):
                    doubtful = True
                    raise

        insist(attempt, self.patience)

    def upload(
        self,
        dataset: str,
        content: Content,
        name: str,
        *,
        replaces: str | None,
        known: Collection[str],
        sent: OnSent,
        staged: str | None = None,
    ) -> Resource:
        """Send a file as a new resource, or as the new content of one, which keeps its id and permanent address.

        After a doubtful answer the dataset is looked at before anything is sent again. The server fails (500) when two
        files of one name come within a second: the pause before another attempt is longer.

        Args:
            replaces: id of the resource whose file it replaces.
            known: ids of the resources there before.
            staged: parts already sent by `stage`, when the file is large.
        """
        path = f"1/datasets/{dataset}/" + (f"resources/{replaces}/upload/" if replaces else "upload/")
        large = parts(content) > 1

        def attempt() -> Resource:
            nonlocal staged
            if not large:
                body = Multipart({}, (content.path, name, 0, content.size), sent)
            else:
                fields: dict[str, str | int] = {
                    "uuid": staged or self.stage(dataset, content, name, sent),
                    "filename": name,
                    "totalparts": parts(content),
                }
                staged = None  # used up: after a failure, parts are sent again
                body = Multipart(fields, None)
            return self._understood(_RESOURCE, self._client.send(path, body))

        def already() -> Resource | None:
            there = [r for r in self.dataset(dataset).resources if r.sha1 == content.sha1]
            return next((r for r in there if (r.id == replaces if replaces else r.id not in known)), None)

        return insist(attempt, self.patience, already)

    def _me(self) -> _Me:
        return self._understood(_ME, self._client.get("1/me/", mask="id,organizations{id}"))

    def _all(self, kind: str, who: str) -> Iterator[_Brief]:
        """The datasets of an owner that are not deleted."""
        for number in range(1, _PAGES + 1):
            params: dict[str, str | int] = {kind: who, "page": number, "page_size": _AT_ONCE, "sort": "created"}
            mask = "data{id,deleted,extras},next_page"
            page = self._understood(_PAGE, self._client.get("1/datasets/", params=params, mask=mask))
            yield from (b for b in page.data if b.deleted is None)
            if not page.next_page:
                return

    def _understood(self, model: TypeAdapter[_T], answer: Any) -> _T:
        try:
            return model.validate_python(answer)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise TargetUnreachable(
                f"answer of {self._client.target.base}",
                expected="what the API of data.gouv.fr answers",
                found=f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}",
                remedy="check the address given as --target; the API may have changed",
            ) from None


def _after(sent: OnSent, start: int, done: int) -> None:
    sent(start + done)


def parts(content: Content) -> int:
    """In how many requests a file is sent."""
    return max(1, -(-content.size // PART))
