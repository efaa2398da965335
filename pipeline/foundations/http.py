"""Bring the bytes of a URL to a local file, or say plainly why not. Everything a server sends is hostile input.

Keeping the bytes (dates, manifests, last good version) belongs to `snapshots`; opening archives to `archives`;
understanding the content to each source's reader.
"""

import contextlib
import hashlib
import http.client
import os
import re
import secrets
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError, IncompleteRead, MaxRetryError, ReadTimeoutError

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.urls import mirror_file, safe_url

#: Called as bytes arrive with (bytes so far, bytes expected or None).
Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 20
_HEAD = 1024  # bytes looked at to recognise a web page
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_ANY_BYTES = frozenset({"", "application/octet-stream", "binary/octet-stream"})  # says nothing: the bytes will
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_HTML = re.compile(  # the possessive `*+` keeps a page made of comments from costing exponential time
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*+<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)


def _user_agent() -> str:
    try:
        version = metadata.version("carto-services-publics")
    except metadata.PackageNotFoundError:
        version = "0"
    return f"carto-services-publics/{version}"


@dataclass(frozen=True)
class Timeouts:
    """How long a server is waited for. Seconds, except `min_rate`.

    A server that drips bytes is abandoned: each `window` must bring `min_rate` bytes per second on average, first byte
    included, and the whole download, retries included, must end within `total`.
    """

    connect: float = 10
    read: float = 60  # longest silence
    total: float = 3600
    window: float = 60
    min_rate: float = 1024  # bytes per second
    pause: float = 120  # longest wait between two attempts
    backoff: float = 1  # base of the exponential backoff and width of its jitter


DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True)
class Validators:
    """What a server said of a version of the file, sent back to ask whether it has changed."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Download:
    """The outcome of a download. When `status` is "unchanged", `path` is None, `sha256` empty and `size` 0."""

    path: Path | None
    url: str
    final_url: str
    status: Literal["new", "unchanged"]
    sha256: str
    size: int  # bytes
    content_type: str | None
    etag: str | None
    last_modified: str | None  # as an HTTP date
    fetched_at: datetime  # UTC


class PoliteSession(requests.Session):
    """A `requests` session that names the project, retries nothing and follows nothing: `download` decides both.

    It knows the sockets it opened, so that a stalled one can be cut from another thread. Serves one download at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        # identity: a snapshot is byte-exact, and Content-Length then counts the bytes of the file.
        self.headers.update({"User-Agent": _user_agent(), "Accept": "*/*", "Accept-Encoding": "identity"})
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(self.sockets))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Never a redirection in the eyes of `requests`, which would read its whole body into memory."""


class _Adapter(HTTPAdapter):
    """An adapter whose connections declare their sockets."""

    def __init__(self, sockets: weakref.WeakSet[socket.socket]) -> None:
        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                sockets.add(self.sock)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                sockets.add(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self._pools = {"http": PlainPool, "https": SecurePool}
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # SOCKS needs connections of its own
            manager.pool_classes_by_scheme = self._pools
        return manager


class _Fault(Exception):
    """Why an attempt failed; becomes a SourceUnreadable once retrying is over."""

    def __init__(
        self, expected: str, found: str, remedy: str, *, transient: bool = False, retry_after: float = 0
    ) -> None:
        super().__init__(found)
        self.expected, self.found, self.remedy = expected, found, remedy
        self.transient, self.retry_after = transient, retry_after


_TRY_LATER = "try again later; if it lasts, ask the producer or update the URL in the source's declaration"
_CHECK_URL = "check the URL in the source's declaration: the file may have moved"


def download(
    url: str,
    dest_dir: Path,
    *,
    max_bytes: int,
    content_types: Collection[str] = (),
    validators: Validators | None = None,
    mirror: Path | None = None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    attempts: int = 4,
    on_progress: Progress | None = None,
    session: PoliteSession | None = None,
) -> Download:
    """Download `url` to a temporary file of `dest_dir`, which the caller then owns; nothing is left there on failure.

    Args:
        url: an http(s) URL; at most 5 redirections are followed, never from https to http.
        dest_dir: an existing folder.
        max_bytes: a larger body is refused, whether it is declared or not.
        content_types: media types accepted; none means any but HTML. A missing or meaningless type passes.
        validators: of the version already held; when the server says it is still current, status is "unchanged".
        mirror: read `mirror/<host>/<path>` instead of the network (see `urls.mirror_file`); always status "new".
        timeouts: how long to wait.
        attempts: at most this many requests for the file; only transient faults are tried again, from the start.
        on_progress: called as bytes arrive.
        session: a session to use and leave open, instead of a fresh one.

    Raises:
        SourceUnreadable: for every fault of the network, the server, its answer or the local disk.
    """
    accepted = frozenset(t.lower() for t in content_types)
    try:
        if mirror is not None:
            return _from_mirror(url, mirror, dest_dir, max_bytes, accepted, on_progress)
        with contextlib.ExitStack() as stack:
            session = session or stack.enter_context(PoliteSession())
            receive = _Receiver(session, dest_dir, max_bytes, accepted, validators, timeouts, on_progress)
            return _insist(lambda: receive(url), timeouts, attempts, receive.deadline)
    except _Fault as fault:
        raise SourceUnreadable(
            safe_url(url), expected=fault.expected, found=fault.found, remedy=fault.remedy
        ) from fault.__cause__


def _insist(attempt: Callable[[], Download], timeouts: Timeouts, attempts: int, deadline: float) -> Download:
    # urllib3's Retry counts the attempts and computes the pauses, driven from here rather than from the adapter: a
    # body that breaks midway is then counted in the same budget as a refused connection or a 503.
    retry = Retry(
        total=attempts - 1,
        backoff_factor=timeouts.backoff,
        backoff_jitter=timeouts.backoff,
        backoff_max=timeouts.pause,
    )
    while True:
        try:
            return attempt()
        except _Fault as fault:
            if not fault.transient:
                raise
            try:
                retry = retry.increment(error=fault)
            except MaxRetryError:
                if attempts > 1:
                    fault.found += f" ({attempts} attempts)"
                raise fault from fault.__cause__
            pause = max(fault.retry_after, retry.get_backoff_time())
            if fault.retry_after > timeouts.pause or time.monotonic() + pause > deadline:
                fault.found += f"; the next attempt would have to wait {pause:.0f} s"
                raise
            time.sleep(pause)


class _Watch:
    """Cuts the sockets of a download that is too slow or too long, wherever it blocks: headers, body, chunk sizes.

    Socket timeouts alone do not: each received byte starts them afresh.
    """

    def __init__(self, sockets: weakref.WeakSet[socket.socket], timeouts: Timeouts, deadline: float) -> None:
        self.received = 0
        self.verdict: str | None = None
        self._sockets, self._timeouts, self._deadline = sockets, timeouts, deadline
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="download-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        limits = self._timeouts
        since, before = time.monotonic(), 0
        while not self._done.wait(min(1.0, limits.window / 4, limits.total / 4)):
            now = time.monotonic()
            if now >= self._deadline:
                self.verdict = f"a download not finished after {limits.total:g} s"
            elif now - since >= limits.window:
                rate = (self.received - before) / (now - since)
                if rate < limits.min_rate:
                    self.verdict = f"{rate:.0f} bytes/s over {limits.window:g} s"
                since, before = now, self.received
            if self.verdict:
                # Again at each turn: the verdict may fall while a connection is still being opened.
                for opened in list(self._sockets):
                    with contextlib.suppress(OSError):
                        opened.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Turn what the network raises inside the block, and the verdict, into a `_Fault`."""
        try:
            yield
        except (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            self._judge(error)
            raise _network_fault(error, self._timeouts) from error
        self._judge(None)

    def _judge(self, cause: Exception | None) -> None:
        if self.verdict:
            raise _Fault(
                f"at least {self._timeouts.min_rate:g} bytes/s and an end within {self._timeouts.total:g} s",
                self.verdict,
                _TRY_LATER,
            ) from cause


class _Receiver:
    """One download over the network: what stays the same from one attempt to the next."""

    def __init__(
        self,
        session: PoliteSession,
        dest_dir: Path,
        max_bytes: int,
        accepted: frozenset[str],
        validators: Validators | None,
        timeouts: Timeouts,
        on_progress: Progress | None,
    ) -> None:
        self._session, self._dest_dir, self._max_bytes, self._accepted = session, dest_dir, max_bytes, accepted
        self._timeouts, self._on_progress = timeouts, on_progress
        self.deadline = time.monotonic() + timeouts.total
        self._headers: dict[str, str] = {}
        if validators and validators.etag:
            self._headers["If-None-Match"] = validators.etag
        if validators and validators.last_modified:
            self._headers["If-Modified-Since"] = validators.last_modified

    def __call__(self, url: str) -> Download:
        """One attempt, redirections included.

        Raises:
            _Fault: it failed; the message names the last hop when it is not `url`.
        """
        hop = url
        with _Watch(self._session.sockets, self._timeouts, self.deadline) as watch:
            try:
                for _ in range(_MAX_REDIRECTS + 1):
                    with self._get(hop, watch) as response:
                        if response.status_code not in _REDIRECTS:
                            return self._keep(url, hop, response, watch)
                        hop = _next_hop(hop, response.headers.get("Location"))
                raise _Fault(f"at most {_MAX_REDIRECTS} redirections", "one more", _CHECK_URL)
            except _Fault as fault:
                if hop != url:
                    fault.found += f", at {safe_url(hop)}"
                raise

    def _get(self, url: str, watch: _Watch) -> requests.Response:
        with watch.network():
            return self._session.get(
                url,
                headers=self._headers,
                stream=True,
                allow_redirects=False,
                timeout=(self._timeouts.connect, self._timeouts.read),
            )

    def _keep(self, url: str, final_url: str, response: requests.Response, watch: _Watch) -> Download:
        headers = response.headers
        told: dict[str, Any] = {
            "url": url,
            "final_url": final_url,
            "content_type": headers.get("Content-Type"),
            "etag": headers.get("ETag"),
            "last_modified": headers.get("Last-Modified"),
            "fetched_at": _now(),
        }
        if response.status_code == 304 and self._headers:
            return Download(path=None, status="unchanged", sha256="", size=0, **told)
        if response.status_code != 200:
            raise _status_fault(response)
        _check_type(headers.get("Content-Type"), self._accepted)
        declared = _declared_length(headers.get("Content-Length"))
        if declared is not None and declared > self._max_bytes:
            raise _too_large(self._max_bytes, f"{declared} bytes declared")
        encoded = "Content-Encoding" in headers and not _is_file_packing(final_url, headers)
        path, sha256, size = _write(
            _body(response, watch, decode=encoded),
            self._dest_dir,
            max_bytes=self._max_bytes,
            total=None if encoded else declared,
            accepted=self._accepted,
            on_progress=self._on_progress,
        )
        return Download(path=path, status="new", sha256=sha256, size=size, **told)


def _from_mirror(
    url: str,
    mirror: Path,
    dest_dir: Path,
    max_bytes: int,
    accepted: frozenset[str],
    on_progress: Progress | None,
) -> Download:
    source = mirror_file(mirror, url)
    try:
        if not source.is_file():
            raise _Fault(
                "a copy of it in the mirror, laid out as <host>/<path>",
                "no such file",
                "add the file to the mirror, or run without it",
            )
        about = source.stat()
        if about.st_size > max_bytes:
            raise _too_large(max_bytes, f"{about.st_size} bytes")
        with source.open("rb") as file:
            path, sha256, size = _write(
                iter(lambda: file.read(_CHUNK), b""),
                dest_dir,
                max_bytes=max_bytes,
                total=about.st_size,
                accepted=accepted,
                on_progress=on_progress,
            )
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise _Fault("a readable copy in the mirror", found, "check the mirror") from error
    return Download(
        path=path,
        url=url,
        final_url=url,
        status="new",
        sha256=sha256,
        size=size,
        content_type=None,
        etag=None,
        last_modified=format_datetime(datetime.fromtimestamp(about.st_mtime, UTC), usegmt=True),
        fetched_at=_now(),
    )


def _body(response: requests.Response, watch: _Watch, *, decode: bool) -> Generator[bytes, None, None]:
    """The body piece by piece as it arrives; a cut before the announced end is a fault."""
    while True:
        with watch.network():
            # read1, not iter_content: it returns what has come instead of waiting for a whole chunk.
            chunk: bytes = response.raw.read1(_CHUNK, decode_content=decode)
        if not chunk:
            return
        watch.received += len(chunk)
        yield chunk


def _write(
    chunks: Iterable[bytes],
    dest_dir: Path,
    *,
    max_bytes: int,
    total: int | None,
    accepted: frozenset[str],
    on_progress: Progress | None,
) -> tuple[Path, str, int]:
    """Write and hash `chunks` -> (file on disk, sha256, size). On any failure the file is removed."""
    path = dest_dir / f".{secrets.token_hex(8)}.part"
    digest, size, head = hashlib.sha256(), 0, b""
    with _local_disk(dest_dir):
        file = path.open("xb")
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes, f"more (stopped at {size} bytes)")
            if len(head) < _HEAD:
                head += chunk[: _HEAD - len(head)]
                if len(head) == _HEAD:
                    _check_head(head, accepted)
            digest.update(chunk)
            with _local_disk(dest_dir):
                file.write(chunk)
            if on_progress:
                on_progress(size, total)
        if not size:
            raise _Fault("a file", "an empty body", _TRY_LATER, transient=True)
        _check_head(head, accepted)
        with _local_disk(dest_dir):
            file.flush()
            os.fsync(file.fileno())
            file.close()
    except BaseException:
        with contextlib.suppress(OSError):  # closing writes what is buffered, which may fail again
            file.close()
        path.unlink(missing_ok=True)
        raise
    return path, digest.hexdigest(), size


@contextlib.contextmanager
def _local_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _Fault(
            f"room and permission to write in {folder}",
            error.strerror or type(error).__name__,
            "free some space or mend the folder's permissions, then run again",
        ) from error


def _next_hop(url: str, location: str | None) -> str:
    """The URL a redirection leads to.

    Raises:
        _Fault: no destination, another scheme than http(s), or a downgrade from https to http.
    """
    if not location:
        raise _Fault("the destination of a redirection", "a redirection without Location", _CHECK_URL)
    try:
        # Servers send raw UTF-8 here; http.client gives it as Latin-1.
        with contextlib.suppress(UnicodeError):
            location = location.encode("latin-1").decode("utf-8")
        target = urljoin(url, location)
        scheme, host = urlsplit(target).scheme, urlsplit(target).hostname
    except ValueError as error:
        raise _Fault("the destination of a redirection", "an unreadable URL", _CHECK_URL) from error
    if scheme not in {"http", "https"} or not host:
        raise _Fault("a redirection to http or https", f"one to {safe_url(target)}", _CHECK_URL)
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise _Fault("a redirection that stays on https", f"one to {safe_url(target)}", _CHECK_URL)
    return target


def _check_type(header: str | None, accepted: frozenset[str]) -> None:
    media_type = (header or "").partition(";")[0].strip().lower()
    if media_type in accepted or media_type in _ANY_BYTES:
        return
    if media_type in _HTML_TYPES:
        raise _web_page()
    if accepted:
        raise _Fault(
            f"content of type {', '.join(sorted(accepted))}",
            f"type {media_type[:80]!r}",
            "if the new type is right, add it to content_types in the source's declaration; else check the URL",
        )


def _check_head(head: bytes, accepted: frozenset[str]) -> None:
    if not accepted & _HTML_TYPES and _HTML.match(head):
        raise _web_page()


def _web_page() -> _Fault:
    remedy = "open the URL in a browser: the file may have moved or need a login"
    return _Fault("a data file", "a web page (HTML)", remedy)


def _too_large(max_bytes: int, found: str) -> _Fault:
    return _Fault(
        f"at most {max_bytes} bytes", found, "if the file really has grown, raise max_mb in the source's declaration"
    )


def _declared_length(header: str | None) -> int | None:
    return int(header) if header and header.isascii() and header.isdigit() and len(header) < 20 else None


def _is_file_packing(url: str, headers: Any) -> bool:
    """True when Content-Encoding describes the file itself (a `.gz` served as such), which is then kept packed."""
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type in {"application/gzip", "application/x-gzip"} or urlsplit(url).path.endswith((".gz", ".tgz"))


def _status_fault(response: requests.Response) -> _Fault:
    status = response.status_code
    found = f"HTTP {status} {http.client.responses.get(status, '')}".rstrip()
    if status in _TRANSIENT:
        wait = _retry_after(response.headers.get("Retry-After"))
        return _Fault("HTTP 200", found, _TRY_LATER, transient=True, retry_after=wait)
    remedy = "the file now needs a permission: ask the producer" if status in {401, 403} else _CHECK_URL
    return _Fault("HTTP 200", found, remedy)


def _retry_after(header: str | None) -> float:
    try:
        return Retry().parse_retry_after(header) if header else 0
    except (HTTPError, ValueError, OverflowError):
        return 0


def _network_fault(error: Exception, timeouts: Timeouts) -> _Fault:
    """Say what happened without quoting the libraries' messages, which repeat the whole URL."""
    causes = list(_causes(error))

    def first(*kinds: type[BaseException]) -> Any:
        return next((c for c in causes if isinstance(c, kinds)), None)

    if first(requests.ConnectTimeout):
        found = f"no connection within {timeouts.connect:g} s"
    elif first(requests.ReadTimeout, ReadTimeoutError):
        found = f"nothing received for {timeouts.read:g} s"
    elif certificate := first(ssl.SSLCertVerificationError):
        return _Fault(
            "a valid TLS certificate",
            certificate.verify_message,
            "tell the producer; behind a company proxy, set REQUESTS_CA_BUNDLE to its authority",
        )
    elif cut := first(IncompleteRead, http.client.IncompleteRead):
        missing = cut.expected
        found = f"a body cut short ({missing} bytes missing)" if missing else "a body cut short"
    elif first(DecodeError, requests.exceptions.ContentDecodingError):
        found = "a body that does not follow its Content-Encoding"
    elif first(requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        return _Fault("an http or https URL", "one that cannot be requested", _CHECK_URL)
    else:
        system = next((c for c in causes if isinstance(c, OSError) and c.strerror), None)
        found = f"a failed connection ({system.strerror if system else type(causes[-1]).__name__})"
    return _Fault("a complete answer", found, _TRY_LATER, transient=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _now() -> datetime:
    return datetime.now(UTC)
