"""Bringing one source up to date: its states, what is computed again, what is kept when upstream goes wrong."""

import os
import shutil
from datetime import UTC, datetime

import pytest

from assets.raw import ingest as module
from assets.raw.ingest import SourceState, ingest, issues_table, read_state, table_names
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.snapshots import SnapshotStore
from pipeline.foundations.tables import TableStore
from pipeline.foundations.urls import mirror_file
from quality.variation import SourceStatus, check_sources
from sources.registry import get_source
from sources.spec import Bounds

FS = get_source("france_services").imagined()
CAF = get_source("caf").imagined()
COG = get_source("cog").imagined()


class Bench:
    """One data root and a mirror of one's own."""

    def __init__(self, folder, edition):
        self.mirror = edition(0).copy(folder / "miroir")
        self.later = edition(1).mirror
        self.snapshots, self.root = SnapshotStore(folder / "snapshots"), folder / "tables"

    def __call__(self, spec, **options):
        # A new store each time, as each run has: nothing is remembered but what is on disk.
        self.tables = TableStore(self.root)
        return ingest(spec, snapshots=self.snapshots, tables=self.tables, **{"mirror": self.mirror, **options})

    def file(self, spec, resource=0):
        return mirror_file(self.mirror, spec.resources[resource].url)

    def next_month(self, spec):
        self.file(spec).write_bytes(mirror_file(self.later, spec.resources[0].url).read_bytes())

    def stored(self, spec):
        names = [*table_names(spec).values(), issues_table(spec)]
        return {n: (self.tables.path(n).stat().st_mtime_ns, self.tables.content(n)) for n in names}


@pytest.fixture
def bench(tmp_path, edition):
    return Bench(tmp_path, edition)


def test_a_first_version_is_read_kept_and_told(bench, edition):
    state = bench(FS)
    facts = edition(0).facts
    assert (state.etat, state.refus, state.sous_minimum) == ("à jour", None, None)
    assert state.lignes_lues == facts.records["france_services"]
    assert state.lignes_utilisables == bench.tables.read("raw__france_services").height > 0
    assert state.generation == "2024"
    (used,) = state.fichiers
    assert used.octets == bench.file(FS).stat().st_size
    assert state.empreinte == used.sha256
    assert read_state(bench.snapshots.root, "france_services") == state


def test_a_reference_source_gives_its_own_tables_and_the_dates_of_all_its_files(bench):
    state = bench(COG)
    assert {f.ressource for f in state.fichiers} == {r.id for r in COG.resources}
    assert state.date_fichier == min(f.date_fichier for f in state.fichiers)
    assert state.millesime == "2026"
    assert all(bench.tables.read(name).height for name in ("raw__cog_communes", "raw__cog_epci"))


def test_nothing_new_recomputes_nothing(bench, monkeypatch):
    bench(FS)
    before = bench.stored(FS)
    monkeypatch.setattr(module, "reader_of", lambda _: pytest.fail("the file was read again"))
    state = bench(FS)
    assert state.etat == "à jour"
    assert bench.stored(FS) == before


def test_the_same_bytes_served_again_are_no_newer(bench):
    """Some servers date a file anew each night: nothing downstream may move for that."""
    first = bench(FS)
    os.utime(bench.file(FS), (2_000_000_000, 2_000_000_000))
    second, third = bench(FS), bench(FS)
    assert first == second == third
    bench.next_month(FS)
    os.utime(bench.file(FS), (1_500_000_000, 1_500_000_000))
    assert bench(FS).date_fichier == datetime.fromtimestamp(1_500_000_000, UTC)


def test_a_new_version_replaces_the_tables_and_the_former_one_stays_on_disk(bench):
    first = bench(FS)
    before = bench.stored(FS)
    bench.next_month(FS)
    second = bench(FS)
    assert second.etat == "à jour"
    assert second.empreinte != first.empreinte
    assert bench.stored(FS)["raw__france_services"] != before["raw__france_services"]
    history = bench.snapshots.history("france_services", "liste")
    assert {s.sha256 for s in history} == {second.empreinte, first.empreinte}
    assert {s.status for s in history} == {"accepted"}


def test_frozen_asks_nobody(bench, said):
    bench(FS)
    bench.next_month(FS)
    state = bench(FS, frozen=True, mirror=None)
    assert state.etat == "gelée"
    assert state.refus is None
    assert said.notes == []


def test_frozen_before_any_version(bench, said):
    assert bench(FS, frozen=True).etat == "absente"
    assert said.notes == ["france_services : absente, continue sans elle (jamais obtenue)"]
    with pytest.raises(SourceUnreadable, match="no snapshot yet"):
        bench(COG, frozen=True)


def test_below_the_declared_minimum_the_last_good_version_stays(bench, said):
    good = bench(FS)
    before = bench.stored(FS)
    bench.next_month(FS)
    strict = FS.model_copy(update={"bounds": Bounds(min=5000, max=9000)})
    # The declaration is part of the recipe: the last good version is read again, never judged again.
    state = bench(strict)
    assert state.etat == "dernière bonne version"
    assert state.empreinte == good.empreinte
    assert state.sous_minimum is not None
    assert 0 < state.sous_minimum < 5000
    assert "at least 5000 usable rows (bounds.min)" in state.refus
    assert bench.stored(FS)["raw__france_services"][1] == before["raw__france_services"][1]
    assert any("bounds.min" in note and note.startswith("france_services (dernière bonne") for note in said.notes)
    newest = next(s for s in bench.snapshots.history("france_services", "liste") if s.sha256 != good.empreinte)
    assert (newest.status, "bounds.min" in (newest.reason or "")) == ("refused", True)


def test_freezing_is_not_a_way_around_a_refusal(bench):
    bench(FS)
    bench.next_month(FS)
    strict = FS.model_copy(update={"bounds": Bounds(min=5000, max=9000)})
    refused = bench(strict)
    frozen = bench(strict, frozen=True)
    assert frozen.etat == "gelée"
    assert (frozen.refus, frozen.sous_minimum) == (refused.refus, refused.sous_minimum)
    assert bench(strict, frozen=True) == frozen
    # A good file lifts it.
    assert bench(FS).refus is None
    assert bench(FS, frozen=True).refus is None


def test_above_the_declared_maximum_is_used_and_only_an_alert(bench):
    small = FS.model_copy(update={"bounds": Bounds(min=1, max=3)})
    state = bench(small)
    assert state.etat == "à jour"
    assert state.lignes_utilisables > 3
    status = SourceStatus(
        id=state.id,
        titre="",
        etat=state.etat,
        lignes_utilisables=state.lignes_utilisables,
        age_jours=0,
        age_max_jours=10,
        borne_min=1,
        borne_max=3,
    )
    broken = [r for r in check_sources([status]) if r.statut != "ok"]
    assert [(r.regle, r.gravite) for r in broken] == [("france_services.lignes.maximum", "alerte")]


def test_a_required_source_without_any_good_version_stops_the_run(bench):
    bench.file(COG).unlink()
    with pytest.raises(SourceUnreadable) as caught:
        bench(COG)
    error = caught.value
    assert error.subject == "source cog"
    assert "a build cannot start without it" in error.expected
    assert "no such file" in error.found
    assert "--mirror" in error.remedy
    assert read_state(bench.snapshots.root, "cog").etat == "absente"


def test_an_optional_source_without_any_good_version_is_done_without(bench, said):
    bench.file(CAF).write_bytes(b"<html><body>En maintenance</body></html>")
    state = bench(CAF)
    assert state.etat == "absente"
    assert "web page" in state.refus
    assert said.notes == ["caf : absente, continue sans elle (a web page (HTML))"]


def test_all_the_resources_of_a_source_move_together(bench):
    """One file of the COG is damaged, another is new: the pair in use stays the former one."""
    good = bench(COG)
    bench.file(COG, 1).write_bytes(bench.file(COG, 1).read_bytes().replace(b'"nom"', b'"name"'))
    bench.file(COG, 4).write_bytes(bench.file(COG, 4).read_bytes() + b"\n")
    state = bench(COG)
    assert state.etat == "dernière bonne version"
    assert state.empreinte == good.empreinte


def test_a_reader_that_stumbles_costs_one_refresh_not_the_run(bench, monkeypatch):
    good = bench(FS)
    bench.next_month(FS)

    def clumsy(_files, _spec):
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(module, "reader_of", lambda _: clumsy)
    state = bench(FS)
    assert state.etat == "dernière bonne version"
    assert state.empreinte == good.empreinte
    assert "ZeroDivisionError: nobody foresaw this" in state.refus
    assert "mend the reader" in state.refus


def test_a_reader_that_no_longer_reads_its_last_good_version(bench, said, monkeypatch):
    bench(FS)
    bench(COG)

    def severe(_files, _spec):
        raise SourceUnreadable("file", expected="more", found="less", remedy="none")

    monkeypatch.setattr(module, "reader_of", lambda _: severe)
    changed = {"notes": "changed, hence read again"}
    state = bench(FS.model_copy(update=changed))
    assert state.etat == "absente"
    assert "expected more; found less" in state.refus
    assert said.notes == ["france_services : absente, continue sans elle (less)"]
    with pytest.raises(SourceUnreadable, match="found less"):
        bench(COG.model_copy(update=changed))


def test_a_refused_version_seen_again_is_judged_again(bench, monkeypatch):
    """The reader may have been mended since."""
    bench(FS)
    bench.next_month(FS)
    real = module.reader_of
    monkeypatch.setattr(module, "reader_of", lambda _: lambda *_: 1 / 0)
    assert bench(FS).etat == "dernière bonne version"
    monkeypatch.setattr(module, "reader_of", real)
    assert bench(FS).etat == "à jour"


def test_a_damaged_store_is_said_with_what_to_delete(bench):
    good = bench(FS)
    folder = bench.snapshots.current("france_services", "liste").folder
    (folder / "manifest.json").write_text("{")
    state = bench(FS)
    assert state.etat == "absente"
    assert str(folder) in state.refus
    shutil.rmtree(folder)
    (folder.parent / "courant.json").unlink()
    again = bench(FS)
    assert (again.etat, again.empreinte) == ("à jour", good.empreinte)


def test_a_state_survives_being_written_and_read(tmp_path):
    assert read_state(tmp_path, "caf") == SourceState(id="caf", etat="absente")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", datetime(2015, 10, 21, 7, 28, tzinfo=UTC)),
        ("Wed, 21 Oct 2015 09:28:00 +0200", datetime(2015, 10, 21, 7, 28, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Mon, 99 Foo 2015 99:99:99 GMT", None),
    ],
)
def test_a_server_may_say_anything_as_a_date(text, expected):
    assert module._http_date(text) == expected
