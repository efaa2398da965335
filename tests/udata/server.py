"""The real udata for tests, and a relay in front of it that makes the network fail. `Site.start()` gives both."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ENVIRONMENT = ROOT / ".udata"


def install() -> Path:
    """The interpreter of udata's own environment, installed from the lock once; several test processes may ask."""
    own = ROOT / ".uv" / "bin" / "uv"
    uv = str(own) if own.is_file() else shutil.which("uv")
    if uv is None:
        pytest.skip("uv absent: run `make setup`, which brings it (see tests/udata/README.md)")
    python = ENVIRONMENT / "bin" / "python"
    lock = HERE / "requirements.txt"
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / ".installed").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if file.read() != lock.read_text() or not python.is_file():
            quick = {**os.environ, "UV_COMPILE_BYTECODE": "0"}  # only what starts is compiled, by whoever starts first
            for command in (
                [uv, "venv", "-q", "--allow-existing", "-p", sys.executable, ENVIRONMENT],
                [uv, "pip", "sync", "-q", "--require-hashes", "-p", python, lock],
            ):
                subprocess.run([str(c) for c in command], check=True, timeout=600, env=quick)
            file.truncate(0)
            file.write(lock.read_text())
    return python


def free_port() -> int:
    """A port nobody listens to for now."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


class Relay:
    """Passes bytes between clients and the server, and misbehaves on demand.

    Attributes:
        down: connections are closed as soon as opened.
        cut_after: bytes of a request after which its connection is cut, once; None: never.
        hold: uploads after which the next one is stopped half-way; `held` is then set, and nothing more passes of it.
        mute: the answer to the next request that holds this text is not passed: the server did it, nobody knows.
        seen: first line of each request.
    """

    def __init__(self, port: int) -> None:
        self.to = port
        self.down = False
        self.cut_after: int | None = None
        self.hold: int | None = None
        self.held = threading.Event()
        self.mute: bytes | None = None
        self.seen: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def uploads(self) -> list[str]:
        """Requests that send a file."""
        return [line for line in self.seen if line.startswith("POST") and "/upload/" in line]

    def writes(self) -> list[str]:
        """Requests that change something."""
        return [line for line in self.seen if not line.startswith("GET")]

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.down:
                    client.close()
                else:
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.to)) as server:
            muted = threading.Event()
            threading.Thread(target=self._back, args=(server, client, muted), daemon=True).start()
            passed = 0
            while piece := client.recv(1 << 16):
                if piece.split(b" ", 1)[0] in {b"GET", b"POST", b"PUT", b"DELETE"}:
                    passed = 0
                    self.seen.append(piece.split(b"\r\n", 1)[0].decode("latin-1"))
                    if self.mute and self.mute in piece:
                        self.mute = None
                        muted.set()
                    if self.hold is not None and b"/upload/" in piece.split(b"\r\n", 1)[0]:
                        self.hold -= 1
                        if self.hold < 0:
                            self.hold = None
                            server.sendall(piece[: len(piece) // 2])
                            self.held.set()
                            while client.recv(1 << 16):
                                pass
                            return
                passed += len(piece)
                if self.down or (self.cut_after is not None and passed > self.cut_after):
                    self.cut_after = None
                    return
                server.sendall(piece)

    @staticmethod
    def _back(server: socket.socket, client: socket.socket, muted: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(1 << 16):
                if muted.is_set():
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(piece)
            client.shutdown(socket.SHUT_RDWR)


class Site:
    """A running udata behind its relay."""

    def __init__(self, folder: Path) -> None:
        python, port, self._control = install(), free_port(), free_port()
        self.relay = Relay(port)
        self.base = f"http://127.0.0.1:{self.relay.port}"
        self.api = f"{self.base}/api/1"
        state, log = folder / "state.json", folder / "server.log"
        environment = {
            **{k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}},
            "UDATA_SERVER_NAME": f"127.0.0.1:{self.relay.port}",
            "UDATA_FS_ROOT": str(folder / "files"),
        }
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [python, HERE / "serve.py", str(port), str(self._control), state],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
        for _ in range(600):
            if state.is_file():
                break
            if self._process.poll() is not None:
                pytest.fail(f"udata did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)
        else:
            self.close()
            pytest.fail("udata did not start within a minute")
        self.keys: dict[str, str] = json.loads(state.read_text())

    def organisation(self, key: str = "editor") -> str:
        """A new one, whose only member is the account of that key."""
        body = {"name": f"Organisation {secrets.token_hex(4)}", "description": "Pour un test."}
        answer = self.ask("POST", "1/organizations/", key=key, json=body)
        answer.raise_for_status()
        return answer.json()["id"]

    @contextlib.contextmanager
    def settings(self, **values: object) -> Iterator[None]:
        """Settings of the running server, for the duration of a block."""
        url = f"http://127.0.0.1:{self._control}/"
        requests.post(url, json=values, timeout=10).raise_for_status()
        try:
            yield
        finally:
            requests.post(url, json=dict.fromkeys(values), timeout=10).raise_for_status()

    def ask(self, method: str, path: str, *, key: str = "editor", **more: object) -> requests.Response:
        """A request straight to the API."""
        headers = {"X-API-KEY": self.keys[key]}
        return requests.request(method, f"{self.base}/api/{path}", headers=headers, timeout=30, **more)

    def dataset(self, identifier: str) -> dict:
        """A dataset as the editor sees it."""
        answer = self.ask("GET", f"1/datasets/{identifier}/")
        answer.raise_for_status()
        return answer.json()

    def datasets(self, organisation: str) -> list[dict]:
        """Those of an organisation that are not deleted."""
        found = self.ask("GET", "1/datasets/", params={"organization": organisation, "page_size": 50}).json()["data"]
        return [d for d in found if not d["deleted"]]

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self.relay.close()
