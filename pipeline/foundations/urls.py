"""URLs as names: how one is shown without its secrets, and which file of a mirror stands for it. No network here."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from pipeline.foundations.errors import SourceUnreadable

_SECRET_NAME = re.compile(r"key|token|secret|pass|pwd|auth|sig|cred|session|jwt", re.IGNORECASE)
_OPAQUE_VALUE = re.compile(r"(?=.*\d)[\w+/=%-]{24,}")  # what a token looks like, whatever its parameter is called
_LONGEST = 2000  # characters; a hostile redirection may be megabytes long


def safe_url(url: str) -> str:
    """The URL as it may be shown or stored: no user, password, fragment, token or control character."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "(unreadable URL)"
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc = f"{netloc}:{port}"
    query = "&".join(map(_masked, parts.query.split("&")))
    text = urlunsplit((parts.scheme, netloc, parts.path, query, ""))
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST])


def _masked(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    if equals and (_SECRET_NAME.search(name) or _OPAQUE_VALUE.fullmatch(value)):
        return f"{name}=***"
    return "***" if _OPAQUE_VALUE.fullmatch(name) else parameter


def mirror_file(mirror: Path, url: str) -> Path:
    """The file of `mirror` that stands for `url`: `mirror/<host>[:port]/<path>[?query]`.

    Percent-escapes of the path are decoded; a `/` of the query is written `%2F`. The file may not exist.

    Raises:
        SourceUnreadable: the URL names no file, or one outside the mirror (`..`, a link that leaves it).
    """
    root = mirror.resolve()
    file = _joined(root, url)
    if file is None or not file.resolve().is_relative_to(root):
        raise SourceUnreadable(
            safe_url(url),
            expected="a URL that names a file inside the mirror",
            found="a path that leaves it or names no file",
            remedy="correct the URL in the source's declaration, or the links inside the mirror",
        )
    return file


def _joined(root: Path, url: str) -> Path | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        names = [f"{host}:{parts.port}" if parts.port else host, *unquote(parts.path).lstrip("/").split("/")]
    except ValueError:
        return None
    if parts.query:
        names[-1] += "?" + parts.query.replace("/", "%2F")
    if any(name in {"", ".", ".."} or "\\" in name or "\0" in name for name in names):
        return None
    return root.joinpath(*names)
