import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.foundations import snapshots
from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.http import Timeouts
from pipeline.foundations.snapshots import Candidate, Snapshot, SnapshotStore
from sources.spec import Resource

ONE, TWO, THREE = b"id,nom\n1,Mairie\n", b"id,nom\n2,Poste\n", b"id,nom\n3,CAF\n"
FAST = Timeouts(connect=2, read=5, total=10, backoff=0.01)


@dataclass
class Upstream:
    """A resource served with an ETag, and the store that fetches it."""

    server: object
    store: SnapshotStore
    resource: Resource

    def publish(self, body: bytes, etag: str | None = None) -> None:
        def answer(handler):
            fresh = etag and handler.headers["If-None-Match"] == etag
            headers = {"ETag": etag} if etag else {}
            self.server.send(handler, b"" if fresh else body, status=304 if fresh else 200, **headers)

        self.server.routes["/f.csv"] = answer

    def fetch(self, body: bytes | None = None, etag: str | None = None, **options) -> Candidate:
        if body is not None:
            self.publish(body, etag)
        return self.store.fetch("caf", self.resource, timeouts=FAST, attempts=1, **options)

    def good(self, body: bytes, etag: str | None = None) -> Snapshot:
        return self.store.accept(self.fetch(body, etag))

    @property
    def current(self) -> Snapshot | None:
        return self.store.current("caf", "liste")

    @property
    def history(self) -> list[Snapshot]:
        return self.store.history("caf", "liste")

    @property
    def home(self) -> Path:
        return self.store.root / "caf" / "liste"

    def leftovers(self) -> list[Path]:
        return list(self.home.glob(".*"))


@pytest.fixture
def upstream(server, tmp_path):
    resource = Resource(id="liste", url=f"{server.url}/f.csv?token=s3cr3t", filename="liste.csv", max_mb=1)
    server.routes["/f.csv?token=s3cr3t"] = lambda handler: server.routes["/f.csv"](handler)
    return Upstream(server, SnapshotStore(tmp_path / "snapshots"), resource)


# The life of a snapshot


def test_a_first_fetch_is_a_candidate_until_accepted(upstream):
    candidate = upstream.fetch(ONE, '"v1"')
    assert (candidate.status, candidate.refused_before) == ("new", None)
    assert candidate.path.read_bytes() == ONE
    assert upstream.current is None
    accepted = upstream.store.accept(candidate)
    assert upstream.current == accepted
    assert accepted.status == "accepted"
    assert upstream.leftovers() == []


def test_what_is_written(upstream):
    snapshot = upstream.good(ONE, '"v1"')
    stamp = snapshot.fetched_at.strftime("%Y%m%dT%H%M%SZ")
    assert snapshot.path == upstream.home / f"{stamp}-{snapshot.sha256[:12]}" / "liste.csv"
    manifest = json.loads((snapshot.folder / "manifest.json").read_text())
    assert set(manifest) == set(Snapshot.model_fields) - {"folder"}
    assert manifest["source"] == "caf"
    assert manifest["size"] == len(ONE)
    assert manifest["etag"] == '"v1"'
    assert manifest["mirror"] is False
    assert "s3cr3t" not in str(manifest)
    pointer = json.loads((upstream.home / "courant.json").read_text())
    assert pointer == {"snapshot": snapshot.folder.name, "sha256": snapshot.sha256}


def test_nothing_new_upstream_by_its_etag(upstream):
    before = upstream.good(ONE, '"v1"')
    candidate = upstream.fetch()
    assert candidate.status == "unchanged"
    assert upstream.server.asked[-1][1]["If-None-Match"] == '"v1"'
    assert candidate.snapshot.checked_at > before.checked_at
    assert candidate.snapshot.fetched_at == before.fetched_at
    assert upstream.current == candidate.snapshot
    assert len(upstream.history) == 1


def test_nothing_new_upstream_by_its_bytes(upstream):
    upstream.good(ONE, '"v1"')
    candidate = upstream.fetch(ONE, '"v2"')
    assert candidate.status == "unchanged"
    assert candidate.snapshot.etag == '"v2"'
    assert len(upstream.history) == 1
    upstream.fetch()
    assert upstream.server.asked[-1][1]["If-None-Match"] == '"v2"'


def test_a_refused_snapshot_is_kept_and_moves_nothing(upstream):
    good = upstream.good(ONE)
    refused = upstream.store.refuse(upstream.fetch(TWO), "vide à moitié")
    assert (refused.status, refused.reason) == ("refused", "vide à moitié")
    assert refused.path.read_bytes() == TWO
    assert upstream.current == good
    assert [s.status for s in upstream.history] == ["refused", "accepted"]


@pytest.mark.parametrize("etag", [None, '"v2"'])
def test_bytes_refused_before_are_known_again_and_can_be_judged_again(upstream, etag):
    upstream.good(ONE)
    refused = upstream.store.refuse(upstream.fetch(TWO, etag), "colonne inconnue")
    again = upstream.fetch()
    assert (again.status, again.refused_before) == ("new", "colonne inconnue")
    assert again.snapshot.folder == refused.folder
    assert len(upstream.history) == 2
    accepted = upstream.store.accept(again)
    assert (accepted.status, accepted.reason) == ("accepted", None)
    assert upstream.current == accepted


def test_upstream_going_back_to_an_older_version(upstream):
    first, second = upstream.good(ONE), upstream.good(TWO)
    assert upstream.current.folder == second.folder
    candidate = upstream.fetch(ONE)
    assert (candidate.status, candidate.snapshot.folder) == ("new", first.folder)
    upstream.store.accept(candidate)
    assert upstream.current.folder == first.folder
    assert len(upstream.history) == 2


def test_refusing_what_is_unchanged_does_not_take_the_good_one_away(upstream):
    good = upstream.good(ONE, '"v1"')
    assert upstream.store.refuse(upstream.fetch(), "lecteur trop strict").status == "accepted"
    assert upstream.current.folder == good.folder


def test_a_failed_download_changes_nothing(upstream):
    good = upstream.good(ONE)
    upstream.server.serve("/f.csv", status=500)
    with pytest.raises(SourceUnreadable, match="HTTP 500"):
        upstream.fetch()
    assert upstream.current == good
    assert upstream.leftovers() == []


def test_a_file_larger_than_declared_is_refused(upstream):
    with pytest.raises(SourceUnreadable, match="at most 1000000 bytes"):
        upstream.fetch(b"x" * 1_000_001)
    assert upstream.history == []


def test_bytes_lost_on_disk_are_fetched_again(upstream):
    damaged = upstream.good(ONE, '"v1"')
    upstream.store.verify(damaged)
    damaged.path.write_bytes(b"x" * len(ONE))
    with pytest.raises(SourceUnreadable, match="found other bytes"):
        upstream.store.verify(damaged)
    time.sleep(1.01)  # folders are named by the second
    candidate = upstream.fetch()
    assert "If-None-Match" not in upstream.server.asked[-1][1]
    assert candidate.status == "new"
    assert candidate.path.read_bytes() == ONE
    upstream.store.verify(upstream.store.accept(candidate))
    damaged.path.unlink()
    with pytest.raises(SourceUnreadable, match="found no such file"):
        upstream.store.verify(damaged)


def test_another_url_or_a_mirror_says_nothing_of_upstream(upstream, tmp_path):
    host, _, _ = upstream.server.url.removeprefix("http://").partition("/")
    mirrored = tmp_path / "mirror" / host / "f.csv?token=s3cr3t"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(ONE)
    from_mirror = upstream.store.accept(upstream.fetch(mirror=tmp_path / "mirror"))
    assert from_mirror.mirror
    assert from_mirror.last_modified.endswith("GMT")
    assert upstream.fetch(mirror=tmp_path / "mirror").status == "unchanged"
    candidate = upstream.fetch(ONE, '"v1"')
    assert not {"If-None-Match", "If-Modified-Since"} & set(upstream.server.asked[-1][1])
    assert (candidate.status, candidate.snapshot.mirror) == ("unchanged", False)
    upstream.server.routes["/g.csv"] = upstream.server.routes["/f.csv"]
    upstream.resource = upstream.resource.model_copy(update={"url": f"{upstream.server.url}/g.csv"})
    assert upstream.fetch().status == "unchanged"
    assert "If-None-Match" not in upstream.server.asked[-1][1]


def test_history_is_the_latest_first(upstream):
    bodies = [upstream.fetch(body).snapshot.sha256 for body in (ONE, TWO, THREE)]
    assert [s.sha256 for s in upstream.history] == bodies[::-1]
    assert SnapshotStore(upstream.store.root).history("caf", "autre") == []


# Pruning


def test_pruning_keeps_the_current_one_and_the_latest(upstream):
    good = upstream.good(ONE)
    for body in (TWO, THREE, b"x"):
        upstream.store.refuse(upstream.fetch(body), "non")
    removed = upstream.store.prune("caf", "liste", keep=1)
    assert len(removed) == 2
    assert not any(s.folder.exists() for s in removed)
    assert upstream.current == good
    assert len(upstream.history) == 2
    assert upstream.leftovers() == []
    assert upstream.store.prune("caf", "liste", keep=1) == []


def test_pruning_everything_is_a_mistake(upstream):
    with pytest.raises(WrongUse, match="keep"):
        upstream.store.prune("caf", "liste", keep=0)


# Damages


def test_a_corrupt_manifest_is_named_with_its_remedy(upstream):
    good = upstream.good(ONE)
    (good.folder / "manifest.json").write_text("{")
    for ask in (lambda: upstream.current, lambda: upstream.history, upstream.fetch):
        with pytest.raises(SourceUnreadable) as caught:
            ask()
        assert caught.value.subject == str(good.folder / "manifest.json")
        assert "not a JSON object" in caught.value.found
        assert "courant.json" in caught.value.remedy


@pytest.mark.parametrize("content", ["[]", "null", '{"size": 0}', '{"filename": "../x"}', "\xff"])
def test_a_manifest_that_says_something_else(upstream, content):
    good = upstream.good(ONE)
    (good.folder / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(SourceUnreadable, match=r"manifest\.json"):
        upstream.current  # noqa: B018


def test_a_current_snapshot_is_never_silently_replaced_by_an_older_one(upstream):
    upstream.good(ONE)
    second = upstream.good(TWO)
    second.path.unlink()
    (second.folder / "manifest.json").unlink()
    second.folder.rmdir()
    with pytest.raises(SourceUnreadable, match="delete"):
        upstream.current  # noqa: B018


def test_the_remedy_works(upstream):
    first, second = upstream.good(ONE), upstream.good(TWO)
    (second.folder / "manifest.json").write_text("{")
    for file in (second.path, second.folder / "manifest.json", upstream.home / "courant.json"):
        file.unlink()
    second.folder.rmdir()
    assert upstream.current.folder == first.folder
    assert upstream.good(TWO).sha256 == second.sha256


def test_a_corrupt_old_manifest_stops_neither_reading_nor_fetching(upstream):
    old, good = upstream.good(ONE), upstream.good(TWO)
    (old.folder / "manifest.json").write_text("{")
    assert upstream.current == good
    assert upstream.fetch(THREE).status == "new"


@pytest.mark.parametrize("pointer", [None, "{", '{"snapshot": "../../x", "sha256": ""}'])
def test_without_a_pointer_the_last_accepted_one_is_current(upstream, pointer):
    upstream.good(ONE)
    good = upstream.good(TWO)
    upstream.store.refuse(upstream.fetch(THREE), "non")
    (upstream.home / "courant.json").unlink()
    if pointer:
        (upstream.home / "courant.json").write_text(pointer)
    assert upstream.current == good


def test_without_a_pointer_nothing_doubtful_is_current(upstream):
    upstream.good(ONE)
    last = upstream.good(TWO)
    (upstream.home / "courant.json").unlink()
    last.path.write_bytes(b"?")
    with pytest.raises(SourceUnreadable, match="other bytes"):
        upstream.current  # noqa: B018
    (last.folder / "manifest.json").write_text("{")
    with pytest.raises(SourceUnreadable, match=r"manifest\.json"):
        upstream.current  # noqa: B018


def test_a_pointer_and_a_manifest_that_disagree(upstream):
    good = upstream.good(ONE)
    manifest = json.loads((good.folder / "manifest.json").read_text())
    (good.folder / "manifest.json").write_text(json.dumps(manifest | {"sha256": "0" * 64}))
    with pytest.raises(SourceUnreadable, match=r"courant\.json says"):
        upstream.current  # noqa: B018


@pytest.mark.parametrize("bad", ["", "..", "A", "a/b"])
def test_identifiers_cannot_leave_the_root(upstream, bad):
    with pytest.raises(WrongUse):
        upstream.store.current(bad, "liste")
    with pytest.raises(WrongUse):
        upstream.store.history("caf", bad)


def test_a_file_cannot_take_the_manifests_name(upstream):
    upstream.resource = upstream.resource.model_copy(update={"filename": "manifest.json"})
    with pytest.raises(WrongUse, match="file name"):
        upstream.fetch(ONE)


# Crashes


class Crash(BaseException):
    """Stands for kill -9: no handler may tidy up after it."""


STEPS = 17


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_crash_between_any_two_steps_keeps_the_good_one(upstream, monkeypatch, at):
    good = upstream.good(ONE, '"v1"')
    upstream.publish(TWO, '"v2"')
    calls = 0

    def crashing(original):
        def step(*args):
            nonlocal calls
            calls += 1
            if calls >= at:  # once dead, the process does nothing more
                raise Crash
            return original(*args)

        return step

    for name in ("_sync_folder", "_write_json", "_remove"):
        monkeypatch.setattr(snapshots, name, crashing(getattr(snapshots, name)))
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, crashing(getattr(Path, name)))
    try:
        second = upstream.store.accept(upstream.fetch())
    except Crash:
        second = None
    monkeypatch.undo()
    assert (second is None) == (at < STEPS), "STEPS is the number of steps, and one more to survive them all"

    now = upstream.current
    assert now is not None
    assert now.sha256 in {good.sha256, second.sha256 if second else _sha(TWO)}
    upstream.store.verify(now)
    for entry in upstream.leftovers():  # as if they were those of a process that no longer runs
        entry.rename(entry.with_name(entry.name.replace(f"-{os.getpid()}-", "-4194999-")))
    assert upstream.store.accept(upstream.fetch()).sha256 == _sha(TWO)
    assert upstream.leftovers() == []
    assert {s.sha256 for s in upstream.history} == {good.sha256, _sha(TWO)}
    assert len(upstream.history) == 2


def _sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


FETCH = """
import sys
from pathlib import Path
from pipeline.foundations.snapshots import SnapshotStore
from sources.spec import Resource
resource = Resource(id="liste", url=sys.argv[2], filename="liste.csv", max_mb=1)
SnapshotStore(Path(sys.argv[1])).fetch("caf", resource)
"""


def test_a_process_killed_while_downloading(upstream):
    good = upstream.good(ONE)

    def endless(handler):
        upstream.server.send(handler, b"x" * 100_000, declare=False)
        upstream.server.stopping.wait(20)

    upstream.server.routes["/f.csv"] = endless
    child = subprocess.Popen(
        [sys.executable, "-c", FETCH, str(upstream.store.root), upstream.resource.url],
        cwd=Path(__file__).parents[3],
    )
    try:
        deadline = time.monotonic() + 20
        while not any(upstream.home.glob(".tmp-*/.*.part")) and time.monotonic() < deadline:
            time.sleep(0.02)
        upstream.fetch(THREE)
        assert upstream.leftovers(), "another fetch leaves what a running process writes alone"
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait(10)

    assert upstream.leftovers(), "killed: it had no chance to tidy up"
    assert upstream.current == good
    upstream.store.verify(good)
    candidate = upstream.fetch(TWO)
    assert upstream.leftovers() == []
    assert upstream.store.accept(candidate).path.read_bytes() == TWO


def test_what_others_are_still_writing_is_left_alone(upstream):
    upstream.home.mkdir(parents=True)
    mine = upstream.home / f".tmp-{snapshots.socket.gethostname()}-{os.getpid()}-00"
    elsewhere = upstream.home / ".tmp-another-host-1-00"
    forgotten = upstream.home / ".tmp-another-host-1-01"
    for entry in (mine, elsewhere, forgotten):
        entry.mkdir()
    long_ago = time.time() - timedelta(days=2).total_seconds()
    os.utime(forgotten, (long_ago, long_ago))
    upstream.fetch(ONE)
    assert sorted(upstream.leftovers()) == sorted([mine, elsewhere])


def test_two_processes_storing_the_same_bytes_at_once(upstream, monkeypatch):
    first = upstream.fetch(ONE)
    monkeypatch.setattr(snapshots, "_readable", lambda _: [])  # neither sees the other's
    original = snapshots.download

    def at_the_same_second(*args, **options):
        return replace(original(*args, **options), fetched_at=first.snapshot.fetched_at)

    monkeypatch.setattr(snapshots, "download", at_the_same_second)
    assert upstream.fetch().snapshot == first.snapshot
    assert upstream.leftovers() == []
    assert len(upstream.history) == 1
