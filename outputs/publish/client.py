"""Requests to the API of a data.gouv.fr (udata) site: one at a time, bounded, each refusal turned into a message.

No redirection is followed, so the key goes nowhere but where it was sent. What is asked is `udata`.
"""

import http.client
import json
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

import requests
from urllib3.exceptions import HTTPError

from outputs.publish.faults import Patience, TargetRefused, TargetUnreachable, insist
from outputs.publish.multipart import Multipart
from outputs.publish.target import KEY_VARIABLE, Target
from pipeline.foundations.http import PoliteSession
from pipeline.foundations.urls import safe_url

_LONGEST = 64 << 20  # bytes of an answer: a dataset of thousands of resources is a few megabytes
_PIECE = 1 << 16
_SHOWN = 500  # characters of the server's own words
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LATER = "run the same command again later: what is already there is not sent twice"
_REMEDIES = {
    400: "correct what it names",
    401: f"check the key in {KEY_VARIABLE} (page of your account on the site)",
    403: f"use in {KEY_VARIABLE} the key of a member of the organisation that owns the dataset",
    404: "check the address given as --target, and that the dataset is still there",
    410: "restore it on the site, or remove this site's file from `publication/` of the data root to begin a new one",
    413: "in ressources.yml, put this file under `hebergement: distant` and give --base-url",
    415: "in ressources.yml, put this file in an archive",
}


class _Endless(Exception):
    """An answer that does not end, or not soon enough."""


class Client(AbstractContextManager["Client"]):
    """A connection to one site. Every method raises `TargetUnreachable` or `TargetRefused`.

    Args:
        key: of the account that publishes; without it only what is public can be read.
    """

    def __init__(self, target: Target, key: str | None, patience: Patience | None = None) -> None:
        self.target, self.patience = target, patience or Patience()
        self.has_key = key is not None
        self._key = key
        self._session = PoliteSession()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def get(self, path: str, *, params: Mapping[str, str | int] | None = None, mask: str | None = None) -> Any:
        """Read `path`, insisting. `mask` is udata's `X-Fields`, which shrinks the answer."""
        headers = {"X-Fields": mask} if mask else {}
        return insist(lambda: self._ask("GET", path, params=params, headers=headers), self.patience)

    def put(self, path: str, content: Any) -> Any:
        """Write `path`, insisting: the same content twice is the same as once."""
        return insist(lambda: self._ask("PUT", path, content=content), self.patience)

    def delete(self, path: str) -> None:
        """Remove `path`, insisting; what is no longer there is removed."""
        try:
            insist(lambda: self._ask("DELETE", path), self.patience)
        except TargetRefused as error:
            if error.status != 404:
                raise

    def post(self, path: str, content: Any) -> Any:
        """Ask once: after a fault, the caller finds out whether it was done."""
        return self._ask("POST", path, content=content)

    def send(self, path: str, body: Multipart) -> Any:
        """Send a form with its file, once."""
        return self._ask("POST", path, stream=body, headers={"Content-Type": body.content_type})

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: Any = None,
        stream: Multipart | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        url = f"{self.target.base}/api/{path}"
        sent = {**(headers or {}), **({"X-API-KEY": self._key} if self._key else {})}
        body: Any = stream
        if content is not None:
            body, sent["Content-Type"] = json.dumps(content).encode(), "application/json"
        try:
            response = self._session.request(
                method,
                url,
                params=params,
                data=body,
                headers=sent,
                timeout=(self.patience.connect, self.patience.read),
                stream=True,
                allow_redirects=False,
            )
            with response:
                answer = self._receive(response)
        except (requests.RequestException, HTTPError, http.client.HTTPException, OSError, _Endless) as error:
            raise self._silent(method, path, error) from None  # their text may quote the request
        finally:
            if stream is not None:
                stream.close()
        status = response.status_code
        if 200 <= status < 300:
            return self._read(method, path, status, answer)
        raise self._refusal(method, path, response, answer)

    def _receive(self, response: requests.Response) -> bytes:
        limit, received = time.monotonic() + self.patience.total, bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            received += piece
            if len(received) > _LONGEST:
                raise _Endless(f"an answer of more than {_LONGEST} bytes")
            if time.monotonic() > limit:
                raise _Endless(f"an answer not finished after {self.patience.total:g} s")
        return bytes(received)

    def _read(self, method: str, path: str, status: int, answer: bytes) -> Any:
        if status == 204:
            return None
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            raise TargetUnreachable(
                self._subject(method, path),
                expected="an answer of the API of data.gouv.fr (JSON)",
                found=self._words(answer) or "an empty answer",
                remedy="check the address given as --target; if it is right, run the same command again later",
            ) from None

    def _refusal(
        self, method: str, path: str, response: requests.Response, answer: bytes
    ) -> TargetUnreachable | TargetRefused:
        status = response.status_code
        subject = self._subject(method, path)
        words = self._words(answer)
        found = f"HTTP {status} {http.client.responses.get(status, '')}".rstrip() + (f" ({words})" if words else "")
        if status in _PASSING or status == 423 or status >= 500:
            return TargetUnreachable(
                subject,
                expected="the server to do it",
                found=found,
                remedy="the site is read only for now: " + _LATER if status == 423 else _LATER,
                passing=status in _PASSING,
                status=status,
                retry_after=_seconds(response.headers.get("Retry-After")),
            )
        if 300 <= status < 400:
            there = safe_url(response.headers.get("Location", ""))
            return TargetRefused(
                subject,
                expected="an answer from the address given",
                found=f"{found}, a redirection to {self._scrub(there)}",
                remedy="if that is where you publish, give its address as --target",
                status=status,
            )
        return TargetRefused(
            subject,
            expected="the server to accept it",
            found=found,
            remedy=_REMEDIES.get(status, "see what the server says"),
            status=status,
        )

    def _silent(self, method: str, path: str, error: Exception) -> TargetUnreachable:
        patience, passing = self.patience, True
        match error:
            case requests.exceptions.SSLError():
                found, passing = "a TLS certificate that is not valid", False
            case requests.ConnectTimeout():
                found = f"no connection within {patience.connect:g} s"
            case requests.ReadTimeout():
                found = f"no answer within {patience.read:g} s"
            case _Endless():
                found, passing = str(error), False
            case requests.exceptions.InvalidURL() | requests.exceptions.InvalidHeader():
                found, passing = type(error).__name__, False
            case _:
                found = "a connection refused or cut"
        return TargetUnreachable(
            self._subject(method, path),
            expected="an answer",
            found=self._scrub(found),
            remedy=_LATER,
            passing=passing,
        )

    def _subject(self, method: str, path: str) -> str:
        return f"{method} {self.target.base}/api/{path}"

    def _words(self, answer: bytes) -> str:
        """What the server says of a refusal, whichever of its forms it uses."""
        text = answer[: _PIECE * 4].decode("utf-8", "replace")
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return "a web page" if "<html" in text.lower() else self._scrub(text.strip())
        if isinstance(said, dict):
            parts = [said.get("message"), said.get("error"), said.get("errors")]
            said = "; ".join(p if isinstance(p, str) else json.dumps(p, ensure_ascii=False) for p in parts if p)
        return self._scrub(str(said))

    def _scrub(self, text: str) -> str:
        """Bounded, and without the key, which a server may send back."""
        return (text.replace(self._key, "***") if self._key else text)[:_SHOWN]


def _seconds(header: str | None) -> float:
    return float(header) if header and header.isascii() and header.isdigit() and len(header) < 6 else 0
