"""Requests to a site: what a server may answer, what it may do to us, where the key goes. The server is a fake one."""

import contextlib
import io
import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outputs.publish.client import Client
from outputs.publish.content import Content
from outputs.publish.faults import Patience, TargetRefused, TargetUnreachable, insist
from outputs.publish.multipart import Multipart
from outputs.publish.target import KEY_VARIABLE, Target, key_from_environment
from outputs.publish.udata import Udata
from pipeline.foundations.errors import CspError, WrongUse

KEY = "udata_a-key-that-nobody-may-see"
QUICK = Patience(connect=1, read=0.3, total=0.6, attempts=3, pause=0.01)


class Fake:
    """Answers every request with `answer(handler)`, and remembers them."""

    def __init__(self):
        self.answer = lambda handler: self.send(handler, b"{}")
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.asked.append((self.command, self.path, dict(self.headers), body))
                self.close_connection = True
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    outer.answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 (names of the library)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @staticmethod
    def send(handler, body, status=200, **headers):
        handler.send_response_only(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **named}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def says(self, body, status=200, **headers):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = lambda handler: self.send(handler, text, status, **headers)

    def close(self):
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def fake():
    running = Fake()
    yield running
    running.close()


@pytest.fixture
def client(fake):
    with Client(Target.parse(fake.url), KEY, QUICK) as opened:
        yield opened


class TestTheAddress:
    @pytest.mark.parametrize(
        ("given_", "base", "name"),
        [
            ("https://www.data.gouv.fr", "https://www.data.gouv.fr", "www.data.gouv.fr"),
            ("https://demo.data.gouv.fr/api/1/", "https://demo.data.gouv.fr", "demo.data.gouv.fr"),
            ("http://localhost:7000/", "http://localhost:7000", "localhost-7000"),
            ("http://[::1]:7000", "http://[::1]:7000", "1-7000"),
        ],
    )
    def test_of_a_site(self, given_, base, name):
        target = Target.parse(given_)
        assert (target.base, target.name) == (base, name)

    def test_only_this_machine_and_the_site_for_tests_are_for_trials(self):
        assert Target.parse("https://demo.data.gouv.fr").trial
        assert Target.parse("http://127.0.0.1:1").trial
        assert not Target.parse("https://www.data.gouv.fr").trial
        assert not Target.parse("https://demo.data.gouv.fr.example.org").trial

    def test_that_would_show_the_key_is_refused(self):
        with pytest.raises(WrongUse, match="the key goes with each request"):
            Target.parse("http://www.data.gouv.fr")

    @pytest.mark.parametrize(
        "bad",
        ["", "data.gouv.fr", "ftp://x.fr", "https://", "https://x.fr/datasets", "https://x.fr?k=1", "https://[::1"],
    )
    def test_of_another_form_is_refused(self, bad):
        with pytest.raises(WrongUse, match="the address of a site"):
            Target.parse(bad)

    def test_with_a_secret_is_refused_without_showing_it(self):
        with pytest.raises(WrongUse) as caught:
            Target.parse("https://me:hidden@www.data.gouv.fr")
        assert "hidden" not in str(caught.value)

    @settings(deadline=None)
    @given(st.text(max_size=60))
    def test_any_text_is_a_site_or_a_wrong_use(self, text):
        with contextlib.suppress(WrongUse):
            target = Target.parse(text)
            assert target.base.startswith(("https://", "http://localhost", "http://127.0.0.1", "http://[::1]"))
            assert "/" not in target.name
            assert not target.name.startswith(".")


class TestTheKey:
    def test_comes_from_the_environment(self, monkeypatch):
        monkeypatch.setenv(KEY_VARIABLE, f" {KEY}\n")
        assert key_from_environment() == KEY
        monkeypatch.delenv(KEY_VARIABLE)
        assert key_from_environment() is None

    def test_that_is_none_is_refused_without_showing_it(self, monkeypatch):
        monkeypatch.setenv(KEY_VARIABLE, "two words\r\nX-Evil: 1")
        with pytest.raises(WrongUse) as caught:
            key_from_environment()
        assert "Evil" not in str(caught.value)

    def test_goes_in_its_header_only(self, client, fake):
        client.get("1/me/")
        ((_, path, headers, _),) = fake.asked
        assert headers["X-API-KEY"] == KEY
        assert KEY not in path
        assert [n for n, v in headers.items() if KEY in v] == ["X-API-KEY"]

    def test_does_not_follow_a_redirection(self, client, fake):
        elsewhere = Fake()
        fake.says(b"", 302, Location=f"{elsewhere.url}/api/1/me/?token={'a1' * 20}")
        with pytest.raises(TargetRefused, match="a redirection to") as caught:
            client.get("1/me/")
        assert elsewhere.asked == []
        assert "a1a1" not in str(caught.value)
        elsewhere.close()

    @pytest.mark.parametrize("body", [{"message": f"bad key {KEY}"}, {"errors": {"key": [KEY]}}, f"<p>{KEY}</p>"])
    def test_sent_back_by_the_server_is_not_shown(self, client, fake, body):
        fake.says(body, 401)
        with pytest.raises(TargetRefused) as caught:
            client.get("1/me/")
        assert KEY not in str(caught.value)
        assert "***" in caught.value.found

    def test_is_in_no_log_and_no_traceback(self, client, fake, caplog):
        caplog.set_level(logging.DEBUG)
        fake.says({"message": "no"}, 500)
        with pytest.raises(TargetUnreachable) as caught:
            client.get("1/me/")
        assert caplog.records
        assert KEY not in caplog.text + repr(caught.value) + repr(client.__dict__.get("target"))
        assert caught.value.__cause__ is None


class TestWhatServersSay:
    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"message": "Non."}, "Non."),
            ({"errors": {"title": ["Ce champ est requis."]}}, "Ce champ est requis."),
            ({"errors": {"checksum": {"type": ["N'est pas un choix."]}}}, "N'est pas un choix."),
            ({"errors": {"Content-Type": "expecting"}, "message": "m"}, 'm; {"Content-Type": "expecting"}'),
            ({"success": False, "error": "Chunk size mismatch", "message": ""}, "Chunk size mismatch"),
            (b"", "HTTP 400 Bad Request"),
            (b"<!DOCTYPE html><html><h1>413", "a web page"),
            (b"[" * 100_000, "[["),
            (b"\xff\xfe\x00", "\ufffd"),
            (b"x" * 5000, "x" * 400),
        ],
    )
    def test_is_in_the_message_whatever_its_form(self, client, fake, body, said):
        fake.says(body, 400)
        with pytest.raises(TargetRefused) as caught:
            client.post("1/datasets/", {})
        assert said in caught.value.found
        assert len(caught.value.found) < 700

    @pytest.mark.parametrize(
        "body",
        [b"<html>Maintenance</html>", b"", b"\x00\x01", b"[" * 200_000, b'{"a":'],
        ids=["page", "nothing", "bytes", "depths", "cut"],
    )
    def test_garbage_as_an_answer_is_a_server_that_cannot_be_reached(self, client, fake, body):
        fake.says(body)
        with pytest.raises(TargetUnreachable, match=r"an answer of the API of data\.gouv\.fr") as caught:
            client.get("1/me/")
        assert caught.value.exit_code == 3
        assert len(fake.asked) == 1

    @pytest.mark.parametrize(
        "body",
        [
            [],
            {"id": "../../x"},
            {"id": 1},
            None,
            {"id": "0" * 24, "title": "t", "resources": [{"id": "../..", "url": "u", "latest": "l"}]},
        ],
    )
    def test_json_of_another_form_is_no_answer(self, client, fake, body):
        fake.says(body)
        with pytest.raises(TargetUnreachable, match=r"what the API of data\.gouv\.fr answers"):
            Udata(client).dataset("0" * 24)

    def test_an_answer_without_end_is_left(self, client, fake, monkeypatch):
        monkeypatch.setattr("outputs.publish.client._LONGEST", 1 << 16)
        fake.says(b" " * (1 << 20))
        with pytest.raises(TargetUnreachable, match="an answer of more than"):
            client.get("1/me/")
        assert len(fake.asked) == 1

    def test_a_silent_server_is_left(self, client, fake):
        fake.answer = lambda _: time.sleep(1)
        with pytest.raises(TargetUnreachable, match=r"no answer within 0\.3 s"):
            client.post("1/datasets/", {})
        assert len(fake.asked) == 1

    def test_a_server_that_drips_is_left(self, client, fake):
        def drip(handler):
            handler.send_response_only(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            for _ in range(20):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.1)

        fake.answer = drip
        with pytest.raises(TargetUnreachable, match=r"not finished after 0\.6 s"):
            client.post("1/x/", {})

    def test_a_body_cut_short_is_not_an_answer(self, client, fake):
        fake.answer = lambda handler: Fake.send(handler, b'{"a": 1}', Content_Length="100")
        with pytest.raises(TargetUnreachable, match="a connection refused or cut"):
            client.post("1/x/", {})

    def test_nobody_listens(self):
        with (
            Client(Target.parse("http://127.0.0.1:9"), KEY, QUICK) as client,
            pytest.raises(TargetUnreachable) as caught,
        ):
            client.get("1/me/")
        assert "a connection refused or cut" in caught.value.found


class TestTryingAgain:
    def test_reading_and_writing_the_same_twice(self, client, fake):
        fails = [503, 500]

        def answer(handler):
            status = fails.pop() if fails else 200
            Fake.send(handler, b'{"ok": true}', status)

        fake.answer = answer
        assert client.get("1/me/") == {"ok": True}
        fails.append(502)
        assert client.put("1/datasets/x/", {}) == {"ok": True}
        assert len(fake.asked) == 5

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 423, 501])
    def test_not_what_will_not_pass(self, client, fake, status):
        fake.says({"message": "no"}, status)
        with pytest.raises(CspError):
            client.get("1/me/")
        assert len(fake.asked) == 1

    def test_never_a_creation_by_itself(self, client, fake):
        fake.says({"message": "no"}, 503)
        with pytest.raises(TargetUnreachable):
            client.post("1/datasets/", {})
        assert len(fake.asked) == 1

    def test_what_was_done_all_the_same_is_found_before_doing_it_again(self):
        done = []

        def attempt():
            done.append(1)
            raise TargetUnreachable("x", expected="", found="", remedy="", passing=True)

        assert insist(attempt, QUICK, lambda: "there" if done else None) == "there"
        assert len(done) == 1

    def test_a_wait_too_long_is_not_waited(self, client, fake):
        fake.says({}, 503, Retry_After="3600")
        with pytest.raises(TargetUnreachable):
            client.get("1/me/")
        assert len(fake.asked) == 1

    def test_deleting_what_is_gone(self, client, fake):
        fake.says({"message": "Resource does not exist"}, 404)
        client.delete("1/datasets/x/resources/y/")


class TestAForm:
    @settings(deadline=None)
    @given(st.binary(max_size=300), st.integers(1, 70), st.data())
    def test_is_what_was_declared_whatever_the_pieces(self, tmp_path_factory, content, piece, data):
        path = tmp_path_factory.mktemp("form") / "f.bin"
        path.write_bytes(content)
        start = data.draw(st.integers(0, len(content)))
        size = data.draw(st.integers(0, len(content) - start))
        told = []
        form = Multipart({"uuid": "u", "partindex": 0}, (path, "f.bin", start, size), told.append)
        declared, read = len(form), b""
        while got := form.read(piece):
            assert len(got) <= piece
            read += got
        assert len(read) == declared
        head, _, tail = read.partition(b"octet-stream\r\n\r\n")
        assert b'name="uuid"\r\n\r\nu\r\n' in head
        assert tail.rpartition(b"\r\n--")[0].startswith(content[start : start + size])
        assert told[-1] == size

    def test_is_read_by_a_server_as_a_form(self, client, fake, tmp_path):
        path = tmp_path / "a.csv"
        path.write_bytes(b"code\n05046\n")
        client.send("1/datasets/x/upload/", Multipart({}, (path, "a.csv", 0, 11)))
        ((_, _, headers, body),) = fake.asked
        from email.parser import BytesParser

        whole = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body
        (part,) = BytesParser().parse(io.BytesIO(whole)).get_payload()
        assert part.get_filename() == "a.csv"
        assert part.get_payload(decode=True) == b"code\n05046\n"


def test_a_file_is_measured(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    content = Content.of(path)
    assert content.sha1 == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert content.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert [Content(path, n, "", "").weight for n in (3, 1500, 2_500_000)] == ["3 octets", "1,5 ko", "2,5 Mo"]
