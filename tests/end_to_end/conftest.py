"""The demo, built once for the whole suite by the command itself, and copies of it for the tests that change things.

Workers of pytest-xdist share it: the first one to come builds, the others wait for it.
"""

import bz2
import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assets.release.versions import find
from pipeline.cli import main
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.urls import mirror_file
from sources.registry import get_source

ROOT = Path(__file__).parents[2]
_OURS = {"CSP_DATA", "CSP_MIRROR", "DAGSTER_HOME"}


@dataclass(frozen=True)
class Spoken:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """The environment of a person who has set nothing of ours."""
    return {**{k: v for k, v in os.environ.items() if k not in _OURS}, **more}


def csp(*arguments: object, **more: str) -> Spoken:
    """Run the command in a process of its own, as a person does."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
        cwd=ROOT,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Spoken(done.returncode, done.stdout, done.stderr)


@pytest.fixture(name="csp", scope="session")
def csp_fixture() -> Callable[..., Spoken]:
    """`csp("build", "--data", folder)` in a process of its own; further keywords are environment variables."""
    return csp


@pytest.fixture
def csp_start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """The same, started and not waited for; killed at the end of the test when it still runs."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
            cwd=ROOT,
            env=environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def csp_here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Spoken]:
    """The same in this process: what was imported once is not imported again."""
    for name in _OURS:
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Spoken:
        done = CliRunner().invoke(main, [str(a) for a in arguments])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Spoken(done.exit_code, done.stdout, done.stderr)

    return call


@dataclass(frozen=True)
class Built:
    """A data root that holds a build, and what the command said while making it."""

    root: DataRoot
    said: Spoken

    @property
    def mirror(self) -> Path:
        """The fictional feeds it was made from."""
        return self.root.path / "miroir"

    @property
    def release(self) -> Path:
        """Its current release."""
        return find(self.root.releases, "latest").resolve()

    def copy(self, to: Path) -> "Built":
        """A data root of one's own, dates and links included."""
        shutil.copytree(self.root.path, to, symlinks=True)
        return Built(DataRoot(to), self.said)


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Spoken]) -> Built:
    """`make` called on a folder by one worker only; a failure is everyone's."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, record = shared / name, shared / f"{name}.json"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.is_file():
            record.write_text(json.dumps(asdict(make(folder))), encoding="utf-8")
    return Built(DataRoot(folder), Spoken(**json.loads(record.read_text(encoding="utf-8"))))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """`csp demo`. Shared: read it, or take a copy."""
    return _once(tmp_path_factory, "demo", lambda folder: csp("demo", "--data", folder))


@pytest.fixture(scope="session")
def grown(demo: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The same a month later, `csp demo --month 1` over the first. Shared: read it, or take a copy."""

    def make(folder: Path) -> Spoken:
        demo.copy(folder)
        return csp("demo", "--data", folder, "--month", 1)

    return _once(tmp_path_factory, "demo-mois-suivant", make)


@pytest.fixture
def mine(demo: Built, tmp_path: Path) -> Built:
    """A copy of the demo to change at will."""
    return demo.copy(tmp_path / "donnees")


class Feeds:
    """Hands on the files of a mirror."""

    def __init__(self, mirror: Path) -> None:
        self.mirror = mirror

    def path(self, source: str) -> Path:
        """The file of a source's first resource."""
        return mirror_file(self.mirror, get_source(source).resources[0].url)

    def edit(self, source: str, change: Callable[[str], str]) -> None:
        """Change a text file."""
        path = self.path(source)
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    def directory(self) -> list[dict[str, Any]]:
        """The services of the DILA."""
        with tarfile.open(self.path("dila")) as archive:
            name = next(n for n in archive.getnames() if n.endswith("data.gouv_local.json"))
            member = archive.extractfile(name)
            assert member is not None
            return list(json.loads(member.read())["service"])

    def write_directory(self, services: list[dict[str, Any]]) -> None:
        """Replace the services of the DILA."""
        content = json.dumps({"service": services}, ensure_ascii=False).encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            header = tarfile.TarInfo("20261122_000000-data.gouv_local.json")
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
        self.path("dila").write_bytes(bz2.compress(packed.getvalue()))


@pytest.fixture
def feeds() -> Callable[[Path], Feeds]:
    """`feeds(mirror)`: hands on its files."""
    return Feeds
