"""Fixtures shared by the whole suite: small files, real data, the fictional feeds, and a web server of this machine."""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from pipeline.foundations.progress import reporting
from sources.demo.write import DemoFacts, write_mirror

if TYPE_CHECKING:
    from tests.udata.server import Site

# How long an example takes depends on what else the machine does: no test fails for that. A change is judged on the
# same examples each time; who works on it meets others at every run.
settings.register_profile("csp", deadline=None, derandomize="CSP_NO_SKIP" in os.environ)
settings.load_profile("csp")

FIXTURES = Path(__file__).parent / "fixtures"
_REAL = Path(os.environ.get("CSP_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of small files written for the tests."""
    return FIXTURES


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real open data; tests that need it skip, with the reason, where it is absent."""
    if not _REAL.is_dir():
        pytest.skip("real data folder absent: set CSP_REAL_DATA (see CONTRIBUTING.md)")
    return _REAL


class Edition:
    """The fictional feeds of one month, laid out as a mirror; shared, hence never changed: take a `copy`."""

    def __init__(self, mirror: Path, month: int) -> None:
        self.mirror, self.month = mirror, month
        self.facts: DemoFacts = write_mirror(mirror, month=month)

    def copy(self, to: Path) -> Path:
        """A mirror of one's own, with the same dates."""
        return shutil.copytree(self.mirror, to)


@pytest.fixture(scope="session")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Edition]:
    """`edition(month)`: two départements of sixty communes, as `csp demo` writes them."""
    written: dict[int, Edition] = {}

    def of(month: int = 0) -> Edition:
        if month not in written:
            written[month] = Edition(tmp_path_factory.mktemp("edition") / f"mois-{month}", month)
        return written[month]

    return of


class Said:
    """Remembers what a run says."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.notes: list[str] = []

    def step(self, title: str) -> None:
        self.steps.append(title)

    def advance(self, done: int, total: int | None) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def said() -> Iterator[Said]:
    """What the run says to the person who watches it."""
    listener = Said()
    with reporting(listener):
        yield listener


Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers each path with what `routes` says, keeps the headers of the requests, and never outlives its test."""

    def __init__(self) -> None:
        self.routes: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self) -> None:
                outer.asked.append((self.path, dict(self.headers)))
                self.close_connection = True
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client left: often the point
                    outer.routes[self.path](self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def serve(self, path: str, body: bytes = b"", *, status: int = 200, declare: bool = True, **headers: str) -> str:
        """Answer `path` with `body`; header names take `_` for `-`. Gives the URL."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            self.send(handler, body, status=status, declare=declare, **headers)

        self.routes[path] = answer
        return self.url + path

    @staticmethod
    def send(
        handler: BaseHTTPRequestHandler, body: bytes = b"", *, status: int = 200, declare: bool = True, **headers: str
    ) -> None:
        handler.send_response_only(status)
        if declare and "Content_Length" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def close(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture(scope="session")
def datagouv(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Site"]:
    """The real server of data.gouv.fr, behind a relay that fails on demand; installed when absent (tests/udata)."""
    from tests.udata.server import Site

    site = Site(tmp_path_factory.mktemp("udata"))
    yield site
    site.close()


_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is installed (CSP_NO_SKIP, set by `.ci/run`), a skipped test is a failure."""
    on_a_worker = hasattr(session.config, "workerinput")
    if _skipped and not on_a_worker and os.environ.get("CSP_NO_SKIP"):
        print("\nskipped where nothing may be:\n  " + "\n  ".join(_skipped))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
