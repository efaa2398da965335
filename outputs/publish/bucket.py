"""A release copied into an S3 bucket: every file under its version, read back, then `latest.json` moved to it.

    <prefix>/versions/<version>/<path>     never changes
    <prefix>/latest.json                   which version is current; written last
    <prefix>/latest/<path>                 the current files under fixed names, when asked for

Credentials are those of the AWS environment; they are neither read nor shown here.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from outputs.publish.content import Content
from outputs.publish.faults import Patience, TargetRefused, TargetUnreachable
from outputs.publish.presentation import About
from outputs.publish.ressources import paths_of
from outputs.publish.target import is_local, require_tls
from pipeline.foundations.errors import QualityRefused, WrongUse
from pipeline.foundations.progress import reporter

POINTER = "latest.json"
#: Sent last: a version that has them is whole.
_LAST = ("manifest.json", "SHA256SUMS")
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "jsonld": "application/ld+json",
    "md": "text/markdown; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "pmtiles": "application/vnd.pmtiles",
    "png": "image/png",
    "txt": "text/plain; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
}
_FOREVER, _NOW = "public, max-age=31536000, immutable", "no-cache"
_PIECE = 8 << 20  # bytes of a part sent, and of a part read


@dataclass(frozen=True)
class Bucket:
    """Where to publish: a bucket, a prefix in it, and the service when it is not AWS."""

    name: str
    prefix: str
    endpoint: str | None

    @classmethod
    def parse(cls, url: str, endpoint: str | None) -> "Bucket":
        """`s3://bucket/prefix` and the address of the service.

        Raises:
            WrongUse: another form, or an endpoint without https other than this machine.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
            raise WrongUse(
                "--target",
                expected="s3://bucket/prefix; credentials come from the environment",
                found="another form",
                remedy="give the bucket and a prefix only",
            )
        if endpoint is not None:
            service = urlsplit(endpoint)
            require_tls(service.scheme, service.hostname or "", "--endpoint")
        return cls(parts.netloc, parts.path.strip("/"), endpoint)

    @property
    def trial(self) -> bool:
        """Whether it is on this machine."""
        return self.endpoint is not None and is_local(urlsplit(self.endpoint).hostname or "")

    def path(self, *names: str) -> str:
        """An object's path, bucket included."""
        return "/".join(n for n in (self.name, self.prefix, *names) if n)


@dataclass(frozen=True)
class Item:
    """One file of the release and what the bucket has of it."""

    path: str
    content: Content
    state: Literal["à envoyer", "présent"]


class BucketPublication:
    """One release towards one bucket.

    Raises (every method):
        TargetUnreachable: the service does not answer, or fails.
        TargetRefused: no credentials, no right, no such bucket.
    """

    def __init__(self, bucket: Bucket, release: Path, about: About, patience: Patience | None = None) -> None:
        import s3fs

        waited = patience or Patience()
        self._bucket, self._release, self._about = bucket, release, about
        self._store: Any = s3fs.S3FileSystem(
            endpoint_url=bucket.endpoint,
            config_kwargs={
                "connect_timeout": waited.connect,
                "read_timeout": waited.read,
                "retries": {"max_attempts": waited.attempts - 1, "mode": "standard"},
            },
            max_concurrency=4,
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        self._store.retries = waited.attempts

    def survey(self) -> list[Item]:
        """Each file and whether it is already there, in the order to send them. Nothing is written.

        Raises:
            QualityRefused: this version is there with other bytes: a version never changes.
        """
        reporter().step("lecture du dépôt")
        held = self._held("versions", self._about.version)
        return [self._item(path, held) for path in _order(paths_of(self._release))]

    def current(self) -> str | None:
        """The version `latest.json` names; None when there is none, or one that cannot be read."""
        with self._speaking(POINTER):
            if not self._store.exists(self._bucket.path(POINTER)):
                return None
            try:
                said = json.loads(self._store.cat_file(self._bucket.path(POINTER)))
                return str(said["version"])
            except (ValueError, KeyError, TypeError):
                return None

    def run(self, items: list[Item], *, copies: bool = False) -> int:
        """Send what is missing, read everything back, then move the pointer.

        Args:
            items: from `survey`.
            copies: also put the files under `latest/`; readers may see two versions mixed while they are replaced.

        Returns:
            Files sent.

        Raises:
            QualityRefused: an object read back is not the file of the release.
        """
        version = self._about.version
        missing = [item for item in items if item.state == "à envoyer"]
        for n, item in enumerate(missing, 1):
            reporter().step(f"envoi {n}/{len(missing)} : {item.path} ({item.content.weight})")
            self._put(item, _FOREVER, "versions", version)
        reporter().step("relecture de chaque fichier")
        for n, item in enumerate(items):
            reporter().advance(n, len(items))
            self._check(item, "versions", version)
        if copies:
            self._copy(items)
        reporter().step(POINTER)
        self._point(items)
        return len(missing)

    def _item(self, path: str, held: dict[str, int]) -> Item:
        content = Content.of(self._release / path)
        if path not in held:
            return Item(path, content, "à envoyer")
        if held[path] != content.size or not self._same(content, "versions", self._about.version, path):
            raise QualityRefused(
                self._bucket.path("versions", self._about.version, path),
                expected="the file of the release: a version never changes once published",
                found="an object with other bytes",
                remedy="publish under the next version; or remove this version from the bucket, if nobody uses it",
            )
        return Item(path, content, "présent")

    def _same(self, content: Content, *names: str) -> bool:
        """By the digest kept beside the object, else by its bytes."""
        with self._speaking("/".join(names)):
            said = self._store.metadata(self._bucket.path(*names)).get("sha256")
        return said == content.sha256 or self._digest(*names) == content.sha256

    def _held(self, *names: str) -> dict[str, int]:
        """Size in bytes of each object under a folder, by its path there."""
        folder = self._bucket.path(*names)
        with self._speaking(folder):
            found = self._store.find(folder, detail=True)
        return {name.removeprefix(f"{folder}/"): entry["size"] for name, entry in found.items()}

    def _put(self, item: Item, cache: str, *names: str) -> None:
        from fsspec.callbacks import Callback

        class Advance(Callback):  # type: ignore[misc]
            def call(self, *_: Any, **__: Any) -> None:
                reporter().advance(self.value, item.content.size)

        with self._speaking(item.path):
            self._store.put_file(
                str(item.content.path),
                self._bucket.path(*names, item.path),
                callback=Advance(),
                chunksize=_PIECE,
                ContentType=content_type(item.path),
                CacheControl=cache,
                Metadata={"sha256": item.content.sha256},
            )

    def _check(self, item: Item, *names: str) -> None:
        found = self._digest(*names, item.path)
        if found != item.content.sha256:
            raise QualityRefused(
                self._bucket.path(*names, item.path),
                expected=f"the bytes of the release ({item.content.sha256})",
                found=found,
                remedy="remove this object and run the same command again",
            )

    def _digest(self, *names: str) -> str:
        digest = hashlib.sha256()
        with (
            self._speaking("/".join(names)),
            self._store.open(self._bucket.path(*names), "rb", block_size=_PIECE, cache_type="readahead") as file,
        ):
            while piece := file.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def _copy(self, items: list[Item]) -> None:
        held = self._held("latest")
        for item in items:
            if held.get(item.path) != item.content.size or not self._same(item.content, "latest", item.path):
                reporter().step(f"latest/{item.path}")
                self._put(item, _NOW, "latest")
                self._check(item, "latest")
        for path in held.keys() - {item.path for item in items}:
            with self._speaking(path):
                self._store.rm_file(self._bucket.path("latest", path))

    def _point(self, items: list[Item]) -> None:
        version = self._about.version
        sums = next((i.content.sha256 for i in items if i.path == _LAST[-1]), None)
        said = {
            "version": version,
            "date": self._about.until.isoformat(),
            "fictif": self._about.fictional,
            "chemin": f"versions/{version}/",
            "sha256sums": sums,
        }
        text = (json.dumps(said, ensure_ascii=False, indent=1) + "\n").encode()
        with self._speaking(POINTER):
            path = self._bucket.path(POINTER)
            self._store.pipe_file(path, text, ContentType=content_type(POINTER), CacheControl=_NOW)
            if self._store.cat_file(path) != text:
                raise QualityRefused(
                    path, expected="what was just written", found="something else", remedy="run the command again"
                )

    @contextmanager
    def _speaking(self, subject: str) -> Iterator[None]:
        """Turn what the libraries raise into the project's errors, without their text, which may quote requests."""
        from botocore.exceptions import (  # type: ignore[import-untyped]
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            PartialCredentialsError,
        )

        where = f"s3://{self._bucket.name} ({subject})"
        try:
            yield
        except (NoCredentialsError, PartialCredentialsError, PermissionError) as error:
            raise TargetRefused(
                where,
                expected="credentials that may read and write there",
                found="none" if isinstance(error, BotoCoreError) else "a refusal",
                remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile; look at the bucket's policy",
            ) from None
        except FileNotFoundError:
            raise TargetRefused(
                where,
                expected="an existing bucket",
                found="no such bucket, or no such object",
                remedy="create the bucket, or check --target and --endpoint",
            ) from None
        except (TimeoutError, BotoCoreError, ClientError, OSError) as error:
            raise TargetUnreachable(
                where,
                expected="the service to answer",
                found=type(error).__name__,
                remedy="run the same command again later: what is already there is not sent twice",
                passing=True,
            ) from None


def content_type(path: str) -> str:
    """The media type served with a file."""
    if path.rpartition("/")[2] == _LAST[-1]:
        return _TYPES["txt"]
    return _TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream")


def _order(paths: list[str]) -> list[str]:
    def rank(path: str) -> tuple[int, str]:
        return (_LAST.index(path) + 1 if path in _LAST else 0, path)

    return sorted(paths, key=rank)
