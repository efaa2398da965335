"""A web server of this machine, as well or as badly behaved as a test wants."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

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
