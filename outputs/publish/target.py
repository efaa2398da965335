"""Where a release is published: the address given on the command line, checked before anything is sent there.

The key that opens it comes from the environment only, and is shown to nobody.
"""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.foundations.errors import WrongUse
from pipeline.foundations.urls import safe_url

KEY_VARIABLE = "CSP_DATAGOUV_CLE"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_TRIAL = frozenset({"demo.data.gouv.fr"})  # open to everybody's tests, erased now and then


@dataclass(frozen=True)
class Target:
    """A data.gouv.fr site."""

    base: str  # scheme://host[:port]
    host: str
    name: str  # host, and port when there is one: names its files in the data root

    @classmethod
    def parse(cls, url: str) -> "Target":
        """The site at `url`, given with or without its `/api/1`.

        Raises:
            WrongUse: not an address of a site, or one that would show the key to the network.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise _not_a_site(url) from None
        plain = parts.path.rstrip("/") in {"", "/api", "/api/1"} and not (parts.query or parts.fragment or "@" in url)
        if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[A-Za-z0-9.:-]+", host) or not plain:
            raise _not_a_site(url)
        require_tls(parts.scheme, host, "--target")
        shown = f"[{host}]" if ":" in host else host
        address = f"{shown}:{port}" if port else shown
        return cls(
            base=f"{parts.scheme}://{address}", host=host, name=re.sub(r"[^a-z0-9.]+", "-", address.lower()).strip("-")
        )

    @property
    def trial(self) -> bool:
        """Whether what is published there deceives nobody: this machine, or the site made for tests."""
        return self.host in _LOCAL | _TRIAL


def require_tls(scheme: str, host: str, option: str) -> None:
    """Let credentials out only over https, this machine excepted.

    Raises:
        WrongUse: they would be readable on the way.
    """
    if scheme != "https" and host not in _LOCAL:
        raise WrongUse(
            f"{option} {host}",
            expected="an https address: the key goes with each request",
            found=f"{scheme}://",
            remedy="give its https address",
        )


def is_local(host: str) -> bool:
    """Whether that host is this machine."""
    return host in _LOCAL


def key_from_environment() -> str | None:
    """The API key; None when there is none.

    Raises:
        WrongUse: it cannot be one (a copy with its line end, a sentence…); it is not quoted.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if key and not re.fullmatch(r"[\x21-\x7e]+", key):
        raise WrongUse(
            KEY_VARIABLE,
            expected="an API key: letters, digits and signs in one word",
            found="spaces or other characters",
            remedy="copy it again from the page of your account",
        )
    return key or None


def _not_a_site(url: str) -> WrongUse:
    return WrongUse(
        f"--target {safe_url(url)}",
        expected="the address of a site, such as https://demo.data.gouv.fr, or s3://bucket/prefix",
        found="another form",
        remedy="give scheme and host only; the key goes in the environment, never in an address",
    )
