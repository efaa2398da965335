import errno
import gzip
import hashlib
import io
import os
import pickle
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations import http
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.http import Download, PoliteSession, Timeouts, Validators, download
from pipeline.foundations.urls import mirror_file, safe_url

CSV = b"id,nom\n1,Mairie\n"
FAST = Timeouts(connect=2, read=2, total=5, window=1, min_rate=0, pause=1, backoff=0.01)
IMPATIENT = Timeouts(connect=1, read=1, total=10, window=0.4, min_rate=1000, pause=1, backoff=0.01)


def get(url: str, folder: Path, **options) -> Download:
    return download(url, folder, **{"max_bytes": 1_000_000, "timeouts": FAST, "attempts": 2} | options)


def refused(url: str, folder: Path, **options) -> SourceUnreadable:
    """The error of a download that must fail, and leave nothing behind."""
    with pytest.raises(SourceUnreadable) as caught:
        get(url, folder, **options)
    error = caught.value
    assert list(folder.iterdir()) == []
    assert all((error.subject, error.expected, error.found, error.remedy))
    return error


def test_a_file_arrives_whole_with_what_was_said_of_it(server, tmp_path):
    body = os.urandom(3_000_000)
    url = server.serve("/f.csv", body, Content_Type="text/csv; charset=utf-8", ETag='"v1"', Last_Modified="yesterday")
    seen = []
    got = get(url, tmp_path, max_bytes=3_000_000, content_types=["text/csv"], on_progress=lambda *p: seen.append(p))
    assert got.path is not None
    assert got.path.read_bytes() == body
    assert got.path.parent == tmp_path
    assert got.sha256 == hashlib.sha256(body).hexdigest()
    assert (got.size, got.status, got.final_url) == (3_000_000, "new", url)
    assert (got.content_type, got.etag, got.last_modified) == ("text/csv; charset=utf-8", '"v1"', "yesterday")
    assert got.fetched_at.utcoffset().total_seconds() == 0
    assert seen[-1] == (3_000_000, 3_000_000)
    assert seen == sorted(seen)
    headers = server.asked[0][1]
    assert headers["User-Agent"].startswith("carto-services-publics/")
    assert headers["Accept-Encoding"] == "identity"


def test_the_file_is_readable_by_whom_the_umask_says(server, tmp_path):
    got = get(server.serve("/f", CSV), tmp_path)
    (tmp_path / "other").touch()
    assert got.path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_unchanged_upstream_downloads_nothing(server, tmp_path):
    def answer(handler):
        fresh = handler.headers["If-None-Match"] == '"v1"' and handler.headers["If-Modified-Since"] == "yesterday"
        server.send(handler, status=304 if fresh else 200, ETag='"v1"')

    server.routes["/f"] = answer
    got = get(server.url + "/f", tmp_path, validators=Validators('"v1"', "yesterday"))
    assert (got.status, got.path, got.size, got.etag) == ("unchanged", None, 0, '"v1"')
    assert list(tmp_path.iterdir()) == []


def test_a_304_nobody_asked_for_is_refused(server, tmp_path):
    assert "304" in refused(server.serve("/f", status=304), tmp_path).found


# Faults of the network


def test_server_down(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/f"
        error = refused(url, tmp_path)
    assert "Connection refused" in error.found
    assert "(2 attempts)" in error.found


def test_silent_server(server, tmp_path):
    server.routes["/f"] = lambda _: server.stopping.wait(5)
    limits = Timeouts(connect=1, read=0.3, total=5, min_rate=0, backoff=0.01)
    assert refused(server.url + "/f", tmp_path, timeouts=limits).found == "nothing received for 0.3 s (2 attempts)"


def drip(server, handler, start: bytes) -> None:
    handler.wfile.write(start)
    for _ in range(100):
        if server.stopping.wait(0.05):
            return
        handler.wfile.write(b"1")
        handler.wfile.flush()


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="body of unknown length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Endless: ", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", id="chunk size"),
    ],
)
def test_a_server_that_drips_is_abandoned(server, tmp_path, start):
    server.routes["/f"] = lambda handler: drip(server, handler, start)
    error = refused(server.url + "/f", tmp_path, timeouts=IMPATIENT)
    assert "bytes/s over 0.4 s" in error.found
    assert len(server.asked) == 1


def test_a_download_has_an_end(server, tmp_path):
    server.routes["/f"] = lambda handler: drip(server, handler, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    limits = Timeouts(connect=1, read=1, total=0.4, min_rate=0)
    assert "not finished after 0.4 s" in refused(server.url + "/f", tmp_path, timeouts=limits).found


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nid,nom", id="shorter than declared"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nid,\r\n", id="no last chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30\r\nid,\r\n", id="chunk cut"),
    ],
)
def test_a_truncated_body_is_refused(server, tmp_path, answer):
    server.routes["/f"] = lambda handler: handler.wfile.write(answer)
    error = refused(server.url + "/f", tmp_path)
    assert "cut short" in error.found
    assert len(server.asked) == 2


def test_a_body_that_breaks_once_is_asked_again_from_the_start(server, tmp_path):
    def answer(handler):
        if len(server.asked) == 1:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nid,")
        else:
            server.send(handler, CSV)

    server.routes["/f"] = answer
    got = get(server.url + "/f", tmp_path)
    assert got.path.read_bytes() == CSV
    assert list(tmp_path.iterdir()) == [got.path]


# Answers


def test_a_passing_error_is_tried_again(server, tmp_path):
    server.routes["/f"] = lambda h: server.send(h, CSV) if len(server.asked) == 3 else server.send(h, status=500)
    assert get(server.url + "/f", tmp_path, attempts=3).size == len(CSV)


def test_a_lasting_error_is_told_after_the_last_attempt(server, tmp_path):
    assert refused(server.serve("/f", status=500), tmp_path).found == "HTTP 500 Internal Server Error (2 attempts)"
    assert len(server.asked) == 2


def test_retry_after_is_honoured(server, tmp_path):
    times = []

    def answer(handler):
        times.append(time.monotonic())
        server.send(handler, CSV) if len(times) == 2 else server.send(handler, status=503, Retry_After="1")

    server.routes["/f"] = answer
    get(server.url + "/f", tmp_path)
    assert times[1] - times[0] >= 1


@pytest.mark.parametrize("wait", ["7200", "9" * 5000, "Fri, 31 Dec 2199 23:59:59 GMT"])
def test_a_server_that_asks_for_too_long_a_wait_is_left(server, tmp_path, wait):
    error = refused(server.serve("/f", status=503, Retry_After=wait), tmp_path)
    assert "503" in error.found


def test_not_found_is_not_tried_again(server, tmp_path):
    error = refused(server.serve("/f", status=404), tmp_path)
    assert error.found == "HTTP 404 Not Found"
    assert "URL" in error.remedy
    assert len(server.asked) == 1


def test_a_forbidden_file_calls_for_the_producer(server, tmp_path):
    assert "ask the producer" in refused(server.serve("/f", status=403), tmp_path).remedy


def test_partial_content_is_refused(server, tmp_path):
    assert "206" in refused(server.serve("/f", CSV, status=206), tmp_path).found


@pytest.mark.parametrize("declared", [True, False])
def test_oversize(server, tmp_path, declared):
    url = server.serve("/f", b"x" * 5000, declare=declared)
    error = refused(url, tmp_path, max_bytes=4999)
    assert error.expected == "at most 4999 bytes"
    assert "declared" in error.found if declared else "stopped" in error.found
    assert get(url, tmp_path, max_bytes=5000).size == 5000


def test_an_endless_body_is_stopped(server, tmp_path):
    def answer(handler):
        server.send(handler, declare=False)
        while not server.stopping.is_set():
            handler.wfile.write(b"x" * 100_000)

    server.routes["/f"] = answer
    assert "stopped at" in refused(server.url + "/f", tmp_path).found


def test_an_empty_body_is_refused(server, tmp_path):
    assert refused(server.serve("/f"), tmp_path).found.startswith("an empty body")


PAGE = b"<html><body>Le fichier a d\xc3\xa9m\xc3\xa9nag\xc3\xa9</body></html>"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PAGE, "text/html; charset=utf-8"),
        (CSV, "text/html"),
        (PAGE, "text/csv"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE HTML PUBLIC>" + PAGE, "application/octet-stream"),
        (b'<?xml version="1.0"?>\n<!-- a -->\n<!-- b --><!doctype html>', "text/csv"),
        (PAGE + b" " * 5000, "text/csv"),
    ],
)
def test_a_web_page_is_not_a_data_file(server, tmp_path, body, content_type):
    error = refused(server.serve("/f", body, Content_Type=content_type), tmp_path, content_types=["text/csv"])
    assert error.found == "a web page (HTML)"
    assert "browser" in error.remedy


def test_a_web_page_is_accepted_where_it_is_declared(server, tmp_path):
    url = server.serve("/f", PAGE, Content_Type="text/html")
    assert get(url, tmp_path, content_types=["text/html"]).size == len(PAGE)


def test_xml_is_not_a_web_page(server, tmp_path):
    assert get(server.serve("/f", b"<?xml version='1.0'?><htmlish/>"), tmp_path).status == "new"


def test_recognising_a_page_ends_whatever_it_holds():
    assert not http._HTML.match(b"<!---->" * 146 + b"x")
    assert not http._HTML.match(b"<!--" * 256)


def test_wrong_content_type(server, tmp_path):
    error = refused(server.serve("/f", b"{}", Content_Type="application/json"), tmp_path, content_types=["text/csv"])
    assert error.expected == "content of type text/csv"
    assert error.found == "type 'application/json'"


@pytest.mark.parametrize("headers", [{}, {"Content_Type": "application/octet-stream"}, {"Content_Type": "TEXT/CSV"}])
def test_a_type_that_says_nothing_passes(server, tmp_path, headers):
    assert get(server.serve("/f", CSV, **headers), tmp_path, content_types=["text/csv"]).size == len(CSV)


def test_content_encoding_is_undone_but_a_packed_file_stays_packed(server, tmp_path):
    packed = gzip.compress(CSV)
    plain = get(server.serve("/f.csv", packed, Content_Encoding="gzip"), tmp_path)
    assert plain.path.read_bytes() == CSV
    kept = get(server.serve("/f.csv.gz", packed, Content_Encoding="gzip"), tmp_path)
    assert kept.path.read_bytes() == packed


def test_a_bomb_in_content_encoding_is_stopped(server, tmp_path):
    bomb = gzip.compress(b"\0" * 20_000_000)
    assert "stopped at" in refused(server.serve("/f", bomb, Content_Encoding="gzip"), tmp_path).found


def test_a_false_content_encoding_is_told(server, tmp_path):
    error = refused(server.serve("/f", CSV * 10, Content_Encoding="gzip"), tmp_path)
    assert "Content-Encoding" in error.found


# Redirections


def test_redirections_are_followed(server, tmp_path):
    server.serve("/a", b"x" * 100, status=302, Location="/b")
    server.serve("/b", status=308, Location=server.serve("/c", CSV))
    got = get(server.url + "/a", tmp_path)
    assert got.url == server.url + "/a"
    assert got.final_url == server.url + "/c"
    assert got.size == len(CSV)


def test_a_redirection_loop_ends(server, tmp_path):
    error = refused(server.serve("/a", status=301, Location="/a"), tmp_path)
    assert error.expected == "at most 5 redirections"
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://example.org/f", "gopher://x/", "http://", "http://[x"]
)
def test_a_redirection_out_of_the_web_is_refused(server, tmp_path, location):
    error = refused(server.serve("/a", status=302, Location=location), tmp_path)
    assert "redirection" in error.expected


def test_a_redirection_without_destination(server, tmp_path):
    assert "without Location" in refused(server.serve("/a", status=302), tmp_path).found


def test_the_body_of_a_redirection_is_never_read(server, tmp_path):
    def answer(handler):
        server.send(handler, declare=False, status=302, Location="/b")
        while not server.stopping.is_set():
            handler.wfile.write(b"x" * 100_000)

    server.routes["/a"] = answer
    server.serve("/b", CSV)
    assert get(server.url + "/a", tmp_path).size == len(CSV)


class SecureStub(requests.adapters.BaseAdapter):
    """Stands for an https server, which a test cannot have without a certificate."""

    def __init__(self, outcome) -> None:
        super().__init__()
        self.outcome = outcome

    def send(self, request, **_):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        response = requests.Response()
        response.status_code, response.headers["Location"], response.request = 302, self.outcome, request
        response.raw = io.BytesIO()
        return response

    def close(self) -> None:
        pass


def test_https_never_falls_back_to_http(server, tmp_path):
    session = PoliteSession()
    session.mount("https://", SecureStub(server.serve("/f", CSV)))
    error = refused("https://example.org/f", tmp_path, session=session)
    assert error.expected == "a redirection that stays on https"
    assert server.asked == []


def test_a_bad_certificate_is_told_and_not_tried_again(tmp_path):
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "certificate has expired"
    failure = requests.exceptions.SSLError("x")
    failure.__cause__ = cause
    session = PoliteSession()
    session.mount("https://", SecureStub(failure))
    error = refused("https://example.org/f", tmp_path, session=session)
    assert error.expected == "a valid TLS certificate"
    assert error.found == "certificate has expired"


# Messages, local faults


def test_no_secret_in_messages(server, tmp_path):
    address = server.url.replace("http://", "http://jeanne:motdepasse@")
    server.serve("/f?apikey=s3cr3t&page=2", status=302, Location=f"{address}/g?X-Amz-Signature=s3cr3t")
    server.serve("/g?X-Amz-Signature=s3cr3t", status=404)
    told = str(refused(f"{address}/f?apikey=s3cr3t&page=2", tmp_path))
    assert "s3cr3t" not in told
    assert "motdepasse" not in told
    assert "page=2" in told
    assert "/g?X-Amz-Signature=***" in told


def test_no_secret_in_the_messages_of_the_network(tmp_path):
    told = str(refused("http://u:motdepasse@127.0.0.1:1/f?token=s3cr3t", tmp_path, attempts=1))
    assert "s3cr3t" not in told
    assert "motdepasse" not in told


def test_errors_cross_processes(server, tmp_path):
    error = refused(server.serve("/f", status=404), tmp_path)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301


def test_a_full_disk_is_told_as_such(server, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    error = refused(server.serve("/f", CSV), tmp_path)
    assert "room and permission to write" in error.expected
    assert error.found == "No space left on device"
    assert len(server.asked) == 1


def test_a_missing_folder_is_told_as_such(server, tmp_path):
    with pytest.raises(SourceUnreadable, match="room and permission to write"):
        get(server.serve("/f", CSV), tmp_path / "absent")


def test_an_interruption_leaves_nothing(server, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server.serve("/f", CSV), tmp_path, on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://", "http://[::1", "nothing", "http://127.0.0.1:99999/f", "http://.../f"])
def test_an_unusable_url(tmp_path, url):
    refused(url, tmp_path, attempts=1)


# Mirror


@pytest.fixture
def mirror(tmp_path):
    root = tmp_path / "mirror"
    file = root / "data.example.fr" / "a b" / "f.csv?where=x%2Fy"
    file.parent.mkdir(parents=True)
    file.write_bytes(CSV)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    return root


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "folder"
    made.mkdir()
    return made


def test_a_mirror_stands_for_the_network(mirror, folder):
    url = "https://data.example.fr/a%20b/f.csv?where=x/y"
    got = get(url, folder, mirror=mirror, content_types=["text/csv"])
    assert got.path.read_bytes() == CSV
    assert got.path.parent == folder
    assert (got.url, got.final_url, got.status) == (url, url, "new")
    assert parsedate_to_datetime(got.last_modified).timestamp() == 1_700_000_000


def test_a_mirror_without_the_file(mirror, folder):
    error = refused("https://data.example.fr/other.csv?token=s3cr3t", folder, mirror=mirror)
    assert error.found == "no such file"
    assert "s3cr3t" not in str(error)


def test_a_mirrored_file_is_checked_like_any_other(mirror, folder):
    (mirror / "data.example.fr" / "page.csv").write_bytes(PAGE)
    (mirror / "data.example.fr" / "empty.csv").touch()
    (mirror / "data.example.fr" / "big.csv").write_bytes(b"x" * 11)
    address = "https://data.example.fr/"
    assert "web page" in refused(address + "page.csv", folder, mirror=mirror).found
    assert "empty" in refused(address + "empty.csv", folder, mirror=mirror).found
    assert "at most 10" in refused(address + "big.csv", folder, mirror=mirror, max_bytes=10).expected
    assert refused(address + "a%20b", folder, mirror=mirror).found == "no such file"


@pytest.mark.parametrize(
    "url",
    [
        "https://data.example.fr/../../secret",
        "https://data.example.fr/%2e%2e/%2E%2E/secret",
        "https://data.example.fr/..%2f..%2fsecret",
        "https://../secret",
        "https://data.example.fr/a\\..\\secret",
        "https://data.example.fr/link/secret",
        "https://data.example.fr/x%00",
        "https://data.example.fr/",
        "https:///secret",
    ],
)
def test_a_mirror_is_never_left(mirror, folder, tmp_path, url):
    (tmp_path / "secret").write_text("secret")
    (mirror / "data.example.fr" / "link").symlink_to(tmp_path)
    assert "a file inside the mirror" in refused(url, folder, mirror=mirror).expected


@given(st.text(alphabet="./\\%2eEfF?#@:[]a\0 é", max_size=30))
def test_whatever_the_path_a_mirror_file_is_inside(tmp_path_factory, path):
    root = tmp_path_factory.getbasetemp().resolve() / "mirror"
    try:
        file = mirror_file(root, f"https://h/{path}")
    except SourceUnreadable:
        return
    assert file.resolve().is_relative_to(root)
    assert file != root


# URLs as shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h.fr/a?b=c&d=e", "https://h.fr/a?b=c&d=e"),
        ("https://u:p@h.fr:8443/a#frag", "https://h.fr:8443/a"),
        ("https://h.fr/a?API_KEY=x&id=3", "https://h.fr/a?API_KEY=***&id=3"),
        ("https://h.fr/a?v=eyJhbGciOiJIUzI1NiIsInR5cCI6", "https://h.fr/a?v=***"),
        ("https://h.fr/a?eyJhbGciOiJIUzI1NiIsInR5cCI6", "https://h.fr/a?***"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("http://[::1/a", "(unreadable URL)"),
        ("https://h.fr/\x1b[31m\u202e", "https://h.fr/?[31m?"),
    ],
)
def test_urls_are_shown_without_secrets(url, shown):
    assert safe_url(url) == shown


@given(st.text(max_size=80))
def test_any_text_can_be_shown(text):
    assert safe_url(text).isprintable()
