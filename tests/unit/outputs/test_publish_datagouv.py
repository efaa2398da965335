"""Publication on the real server of data.gouv.fr: once, again, after every kind of accident, and what readers see."""

import hashlib
import signal
import subprocess
import threading
import time

import pytest
import requests

from outputs.publish import udata
from outputs.publish.client import Client
from outputs.publish.criteres import LABELS, score
from outputs.publish.faults import Patience, TargetRefused, TargetUnreachable
from outputs.publish.ressources import Declaration, declaration
from outputs.publish.udata import FILE, IDENTIFIER, SHA256, VERSION, WITHDRAWN
from pipeline.foundations.errors import QualityRefused, WrongUse
from tests.publication import V1, V2, V3, Publisher, make_release, state_of

pytestmark = pytest.mark.lent


@pytest.fixture
def publisher(datagouv, tmp_path):
    """An organisation without dataset, and two releases to publish."""
    made = Publisher(datagouv, tmp_path)
    make_release(made.releases, V1)
    make_release(made.releases, V2)
    datagouv.relay.seen.clear()
    return made


@pytest.fixture
def few():
    """Four resources, for tests that publish many times."""
    return only("csv/*.csv", "NOTES.md", "csv/*.schema.json")


def only(*patterns):
    """The declaration with these rules only."""
    rules = [r for r in declaration().ressources if r.motif in patterns]
    return Declaration(jeu=declaration().jeu, ressources=tuple(rules))


HOSTED = {
    "carto-services-publics.gpkg",
    "csv/implantations.csv",
    "csv/communes.csv",
    "NOTES.md",
    "metadonnees/dictionnaire.md",
    "rapport-qualite.zip",
    "regles-qualite.zip",
    "qualite/issues.csv",
    "qualite/verdict.json",
    "carte/apercu.png",
    "manifest.json",
    "SHA256SUMS",
    "csv/implantations.schema.json",
}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def read(resource):
    """What a reader gets behind the permanent address."""
    answer = requests.get(resource["latest"], timeout=10)
    answer.raise_for_status()
    return answer.content


class TestAFirstPublication:
    @pytest.fixture(scope="class")
    def first(self, datagouv, tmp_path_factory):
        """A release published, and what it did."""
        made = Publisher(datagouv, tmp_path_factory.mktemp("premiere"))
        make_release(made.releases, V1)
        return made, made.publish(V1)

    def test_everything_is_there_described_and_open(self, first):
        publisher, done = first
        dataset = publisher.dataset()
        by_file = publisher.resources()
        assert set(by_file) == HOSTED
        assert set(done.sent) == HOSTED
        assert dataset["private"] is False
        assert dataset["organization"]["id"] == publisher.organisation
        assert (dataset["license"], dataset["frequency"]) == ("lov2", "monthly")
        assert dataset["temporal_coverage"] == {"start": "2026-10-20", "end": "2026-11-01"}
        assert len(dataset["spatial"]["geom"]["coordinates"]) == 2  # two départements apart
        assert dataset["spatial"]["granularity"] == "poi"
        assert f"**Version {V1}**" in dataset["description"]
        assert "Producteur de dila, 20/10/2026" in dataset["description"]
        assert dataset["extras"] == {IDENTIFIER: "carto-services-publics", VERSION: V1}
        release = publisher.releases / V1
        for file, resource in by_file.items():
            assert resource["extras"][VERSION] == V1
            assert resource["extras"][SHA256] == sha256(read(resource))
            assert resource["description"]
            if not file.endswith(".zip"):
                assert read(resource) == (release / file).read_bytes()
        assert by_file["csv/communes.csv"]["title"] == "Communes (CSV)"
        assert by_file["NOTES.md"]["title"] == "Notes de la version"
        assert by_file["NOTES.md"]["format"] == "txt"
        assert by_file["csv/communes.csv"]["type"] == "main"
        assert by_file["SHA256SUMS"]["type"] == "documentation"

    def test_the_order_is_that_of_the_declaration(self, first):
        publisher, _ = first
        shown = [r["extras"][FILE] for r in publisher.dataset()["resources"]]
        assert shown == [s.wanted.key for s in publisher.seen.plan.steps]
        assert shown[0] == "carto-services-publics.gpkg"

    def test_a_table_leads_to_its_schema(self, first):
        by_file = first[0].resources()
        schema = by_file["csv/implantations.csv"]["schema"]["url"]
        assert schema == by_file["csv/implantations.schema.json"]["latest"]
        assert requests.get(schema, timeout=10).json() == {"fields": []}
        assert by_file["csv/communes.csv"]["schema"] is None

    def test_nine_criteria_out_of_nine_here_and_there(self, first):
        publisher, _ = first
        answered = publisher.dataset()["quality"]
        assert score(publisher.seen.criteria) == answered["score"] == 1
        assert {name: answered[name] for name in LABELS} == dict(publisher.seen.criteria)

    def test_the_whole_country_is_a_zone_of_the_site(self, publisher, few, monkeypatch):
        monkeypatch.setattr("assets.release.announce._COUNTRY", frozenset({"05", "36"}))
        publisher.publish(V1, declared=few)
        assert publisher.dataset()["spatial"]["zones"] == ["country:fr"]
        assert publisher.dataset()["spatial"]["geom"] is None

    def test_nothing_is_seen_before_the_end(self, publisher, few):
        """Hidden until it is whole: an anonymous reader never finds a part of it."""
        found, stop = [], threading.Event()
        url = f"{publisher.site.api}/datasets/?organization={publisher.organisation}"

        def look():
            listed = requests.get(url, timeout=10).json()["data"]
            found.append([(len(d["resources"]), d["extras"].get(VERSION)) for d in listed])

        def watch():
            while not stop.wait(0.1):
                look()

        look()
        watcher = threading.Thread(target=watch)
        watcher.start()
        publisher.publish(V1, declared=few)
        look()
        stop.set()
        watcher.join()
        assert found[0] == []
        assert found[-1] == [(4, V1)]
        assert {n for listed in found for n, _ in listed} == {4}

    def test_the_files_the_site_does_not_take_are_told(self, publisher):
        publisher.publish(V1, dry=True)
        skipped = {key for key, why in publisher.seen.plan.skipped if ".parquet" in why and "--base-url" in why}
        assert {"geoparquet/communes.parquet", "changements/diff.parquet"} <= skipped
        assert "interne/inconnu.bin" in publisher.seen.plan.unlisted
        assert publisher.site.relay.writes() == []

    def test_they_are_hosted_where_the_site_takes_them(self, publisher):
        with publisher.site.settings(
            ALLOWED_RESOURCES_EXTENSIONS=["csv", "gpkg", "json", "png", "txt", "zip", "parquet"]
        ):
            publisher.publish(V1)
        by_file = publisher.resources()
        assert read(by_file["geoparquet/communes.parquet"])[:4] == b"PAR1"
        assert by_file["changements/diff.parquet"]["type"] == "update"


class TestAgain:
    def test_the_same_version_writes_nothing(self, publisher):
        publisher.publish(V1)
        before = publisher.dataset()
        publisher.site.relay.seen.clear()
        done = publisher.publish(V1)
        assert done.sent == []
        assert publisher.site.relay.writes() == []
        assert set(publisher.words()) == {"inchangée"}
        assert publisher.dataset() == before

    def test_a_new_version_keeps_ids_and_addresses(self, publisher):
        publisher.publish(V1)
        before = publisher.resources()
        publisher.site.relay.seen.clear()
        done = publisher.publish(V2)
        after = publisher.resources()
        assert {f: (r["id"], r["latest"]) for f, r in after.items()} == {
            f: (r["id"], r["latest"]) for f, r in before.items()
        }
        same = {"metadonnees/dictionnaire.md", "regles-qualite.zip", "qualite/issues.csv", "qualite/verdict.json"}
        same |= {"csv/implantations.schema.json"}
        assert set(done.sent) == HOSTED - same
        assert len(publisher.site.relay.uploads()) == len(done.sent)
        assert done.kept == []  # every file replaced is one of the first release
        for file, resource in after.items():
            assert resource["extras"][VERSION] == V2
            assert resource["title"] == before[file]["title"]
            assert resource["extras"][SHA256] == sha256(read(resource))
        assert f"**Version {V2}**" in publisher.dataset()["description"]
        assert state_of(publisher.root)["version"] == V2

    def test_the_server_fails_on_two_files_of_a_name_in_a_second(self, publisher, few):
        """A genuine fault of the server (500): somebody else sends files of the same name meanwhile."""
        publisher.publish(V1, declared=few)
        notes = publisher.resources()["NOTES.md"]["id"]
        site, path, faults = publisher.site, f"1/datasets/{publisher.dataset()['id']}/upload/", []

        class Watched(Client):
            def send(self, route, body):
                if notes not in route or faults:
                    return super().send(route, body)
                stop = threading.Event()

                def send():
                    while not stop.is_set():
                        site.ask("POST", path, files={"file": ("NOTES.txt", b"theirs")})

                other = threading.Thread(target=send)
                other.start()
                try:
                    time.sleep(0.3)
                    return super().send(route, body)
                except TargetUnreachable as error:
                    faults.append(error.status)
                    raise
                finally:
                    stop.set()
                    other.join()

        patient = Patience(connect=3, read=10, total=20, attempts=4, pause=1.1)
        for version in (V2, V1) * 3:
            publisher.publish(version, declared=few, client=Watched, patience=patient)
            if faults:
                break
        assert faults == [500]
        assert len(publisher.resources()) == 5  # ours, and theirs under no name of ours
        assert publisher.resources()["NOTES.md"]["extras"][VERSION] == version

    def test_an_older_version_can_be_put_back(self, publisher, few):
        publisher.publish(V2, declared=few)
        publisher.publish(V1, declared=few)
        assert publisher.dataset()["extras"][VERSION] == V1
        assert read(publisher.resources()["NOTES.md"]) == b"# Version 2026.09.01\n"

    def test_what_somebody_put_on_the_site_is_kept_before_it_goes(self, publisher, few):
        publisher.publish(V1, declared=few)
        notes, dataset = publisher.resources()["NOTES.md"], publisher.dataset()["id"]
        path = f"1/datasets/{dataset}/resources/{notes['id']}/upload/"
        time.sleep(1.1)
        assert publisher.site.ask("POST", path, files={"file": ("à moi.txt", b"edited by hand")}).ok
        done = publisher.publish(V2, declared=few)
        assert [p.read_bytes() for p in done.kept] == [b"edited by hand"]
        assert read(publisher.resources()["NOTES.md"]) == b"# Version 2026.10.01\n"

    def test_what_people_added_stays(self, publisher, few):
        publisher.publish(V1, declared=few)
        identifier = publisher.dataset()["id"]
        site = publisher.site
        theirs = site.ask("POST", f"1/datasets/{identifier}/upload/", files={"file": ("note.csv", b"a\n1\n")}).json()
        site.ask("PUT", f"1/datasets/{identifier}/resources/{theirs['id']}/", json={"title": "Une note"})
        site.ask("PUT", f"2/datasets/{identifier}/extras/", json={"autre:outil": "oui"})
        dataset = site.dataset(identifier)
        site.ask("PUT", f"1/datasets/{identifier}/", json={**dataset, "tags": [*dataset["tags"], "montagne"]})
        publisher.publish(V2, declared=few)
        after = publisher.dataset()
        assert after["resources"][-1]["id"] == theirs["id"]
        assert after["resources"][-1]["title"] == "Une note"
        assert after["extras"]["autre:outil"] == "oui"
        assert "montagne" in after["tags"]

    def test_what_people_changed_in_our_words_is_put_right(self, publisher, few):
        publisher.publish(V1, declared=few)
        dataset, notes = publisher.dataset(), publisher.resources()["NOTES.md"]
        path = f"1/datasets/{dataset['id']}/"
        changed = {**dataset, "license": "odc-odbl", "title": "Autre"}
        assert publisher.site.ask("PUT", path, json=changed).ok
        assert publisher.site.ask("PUT", f"{path}resources/{notes['id']}/", json={"title": "x", "type": "code"}).ok
        publisher.publish(V1, declared=few)
        assert publisher.seen.plan.changes == ("title", "license")
        assert publisher.dataset()["license"] == "lov2"
        assert publisher.resources()["NOTES.md"]["title"] == "Notes de la version"

    def test_a_dataset_hidden_on_purpose_stays_hidden(self, publisher, few):
        publisher.publish(V1, declared=few)
        dataset = publisher.dataset()
        assert publisher.site.ask("PUT", f"1/datasets/{dataset['id']}/", json={**dataset, "private": True}).ok
        publisher.publish(V2, declared=few)
        assert publisher.dataset()["private"] is True


class TestResourcesNoLongerInTheRelease:
    @pytest.fixture
    def few(self):
        return only("csv/*.csv", "carte/apercu.png")

    @pytest.fixture
    def without(self, publisher, few):
        make_release(publisher.releases, V3, files={"carte/apercu.png": None})
        publisher.publish(V1, declared=few)
        return publisher

    def test_are_kept_and_said_to_be_old_once(self, without, few):
        without.publish(V3, declared=few)
        old = without.resources()["carte/apercu.png"]
        assert old["description"].startswith(
            f"N’est plus mise à jour depuis la version {V3} : fichier de la version {V1}."
        )
        assert old["extras"][WITHDRAWN] == V3
        assert without.dataset()["resources"][-1]["id"] == old["id"]
        without.site.relay.seen.clear()
        without.publish(V3, declared=few)
        assert without.site.relay.writes() == []

    def test_are_deleted_on_demand(self, without, few):
        done = without.publish(V3, declared=few, remove_old=True)
        assert done.removed == ["Aperçu"]
        assert set(without.resources()) == {"csv/implantations.csv", "csv/communes.csv"}

    def test_live_again_when_they_come_back(self, without, few):
        without.publish(V3, declared=few)
        without.publish(V2, declared=few)
        back = without.resources()["carte/apercu.png"]
        assert WITHDRAWN not in back["extras"]
        assert back["description"].startswith("La version en une image")
        assert read(back) == (without.releases / V2 / "carte/apercu.png").read_bytes()


class TestFilesHostedElsewhere:
    @pytest.fixture
    def few(self):
        return only("geoparquet/*.parquet", "NOTES.md")

    @pytest.fixture
    def served(self, publisher, server):
        """The releases behind a web address, as a bucket would have them."""
        for file in publisher.releases.rglob("*.parquet"):
            name = file.relative_to(publisher.releases).as_posix()
            server.serve(f"/v/{name}", file.read_bytes())
        return f"{server.url}/v"

    def test_are_resources_that_lead_there(self, publisher, few, served):
        publisher.publish(V1, declared=few, base_url=served)
        first = publisher.resources()["geoparquet/communes.parquet"]
        assert (first["filetype"], first["format"]) == ("remote", "parquet")
        assert first["url"] == f"{served}/{V1}/geoparquet/communes.parquet"
        content = (publisher.releases / V1 / "geoparquet/communes.parquet").read_bytes()
        assert first["checksum"] == {"type": "sha256", "value": sha256(content)}
        assert read(first) == content
        publisher.publish(V2, declared=few, base_url=served)
        second = publisher.resources()["geoparquet/communes.parquet"]
        assert second["id"] == first["id"]
        assert second["url"] == f"{served}/{V2}/geoparquet/communes.parquet"
        publisher.site.relay.seen.clear()
        publisher.publish(V2, declared=few, base_url=served)
        assert publisher.site.relay.writes() == []

    def test_other_bytes_there_stop_everything(self, publisher, few, served, server):
        server.serve(f"/v/{V1}/geoparquet/communes.parquet", b"PAR1 something else")
        with pytest.raises(QualityRefused, match="the bytes of the release"):
            publisher.publish(V1, declared=few, base_url=served)
        assert publisher.site.datasets(publisher.organisation) == []

    def test_a_file_not_there_stops_everything(self, publisher, few, served, server):
        server.serve(f"/v/{V1}/geoparquet/communes.parquet", status=404)
        with pytest.raises(TargetUnreachable, match="404"):
            publisher.publish(V1, declared=few, base_url=served)
        assert publisher.site.datasets(publisher.organisation) == []

    def test_they_are_not_left_behind(self, publisher, few, served):
        publisher.publish(V1, declared=few, base_url=served)
        with pytest.raises(WrongUse, match="give --base-url as for the version that put it there"):
            publisher.publish(V2, declared=few)


class TestLargeFiles:
    @pytest.fixture(autouse=True)
    def small_parts(self, monkeypatch):
        monkeypatch.setattr(udata, "PART", 50_000)

    @pytest.fixture
    def few(self):
        return only("carto-services-publics.gpkg", "NOTES.md")

    @pytest.fixture
    def large(self, publisher):
        for version, byte in ((V1, b"1"), (V2, b"2")):
            path = publisher.releases / version / "carto-services-publics.gpkg"
            path.write_bytes(byte * 170_001)
        return publisher

    def test_go_in_parts_and_show_whole(self, large, few):
        large.publish(V1, declared=few)
        assert len(large.site.relay.uploads()) == 6  # notes; four parts, and the call that makes a file of them
        assert read(large.resources()["carto-services-publics.gpkg"]) == b"1" * 170_001
        large.publish(V2, declared=few)
        assert read(large.resources()["carto-services-publics.gpkg"]) == b"2" * 170_001

    def test_a_part_whose_answer_is_lost_is_not_doubled(self, large, few):
        large.site.relay.mute = b"/upload/"
        large.publish(V1, declared=few)
        assert len(large.site.relay.uploads()) == 7  # one part twice: the server refuses it, since it is there
        assert read(large.resources()["carto-services-publics.gpkg"]) == b"1" * 170_001

    def test_are_sent_before_anything_changes_for_readers(self, large, few):
        large.publish(V1, declared=few)
        large.site.relay.seen.clear()
        large.publish(V2, declared=few)
        replacing = ["/resources/" in line for line in large.site.relay.writes()]
        assert replacing.index(True) == 4  # the four parts come first


class Killed(BaseException):
    """Nothing runs after it."""


def dying(after):
    """A client whose process dies once the server has done its `after`-th write, before anything is remembered."""

    class Dying(Client):
        left = after

        def _ask(self, method, *arguments, **more):
            answer = super()._ask(method, *arguments, **more)
            if method != "GET":
                Dying.left -= 1
                if Dying.left == 0:
                    raise Killed
            return answer

    return Dying


class TestKilled:
    def test_after_any_write_running_again_completes_without_doubles(self, publisher, few):
        """The dataset and its resources are each there once, whenever the process died."""
        other = Publisher(publisher.site, publisher.root / "autre")
        make_release(other.releases, V1)
        other.site.relay.seen.clear()
        other.publish(V1, declared=few)
        writes = len(other.site.relay.writes())
        assert writes > 10
        for n in range(1, writes + 1):
            one = Publisher(publisher.site, publisher.root / str(n))
            make_release(one.releases, V1)
            with pytest.raises(Killed):
                one.publish(V1, declared=few, client=dying(n))
            one.publish(V1, declared=few)
            assert len(one.dataset()["resources"]) == len(one.resources()) == 4, n
            assert one.dataset()["private"] is False
            assert {r["extras"][VERSION] for r in one.resources().values()} == {V1}

    @pytest.mark.parametrize("uploads", [1, 6])
    def test_by_the_system_during_an_upload(self, publisher, uploads):
        relay = publisher.site.relay
        relay.held.clear()
        relay.hold = uploads
        process = subprocess.Popen(
            publisher.command(V1), env=publisher.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert relay.held.wait(30)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        there = [r["id"] for r in publisher.dataset()["resources"]]
        assert len(there) == uploads
        relay.seen.clear()
        done = subprocess.run(publisher.command(V1), env=publisher.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert len(relay.uploads()) == len(HOSTED) - uploads
        assert set(there) < {r["id"] for r in publisher.dataset()["resources"]}
        assert set(publisher.resources()) == HOSTED
        assert publisher.dataset()["private"] is False

    def test_with_its_memory_lost_too(self, publisher, few):
        with pytest.raises(Killed):
            publisher.publish(V1, declared=few, client=dying(2))  # a file is there, not described, not remembered
        for file in (publisher.root / "publication").iterdir():
            file.unlink()
        publisher.publish(V1, declared=few)
        assert len(publisher.dataset()["resources"]) == 4

    def test_a_double_of_a_cut_upload_is_removed(self, publisher, few):
        publisher.publish(V1, declared=few)
        identifier = publisher.dataset()["id"]
        content = (publisher.releases / V1 / "NOTES.md").read_bytes()
        time.sleep(1.1)
        publisher.site.ask("POST", f"1/datasets/{identifier}/upload/", files={"file": ("NOTES.txt", content)})
        publisher.publish(V1, declared=few)
        assert len(publisher.dataset()["resources"]) == 4


class TestTheNetwork:
    def test_an_upload_whose_answer_is_lost_is_not_sent_twice(self, publisher, few):
        publisher.site.relay.mute = b"/upload/"
        publisher.publish(V1, declared=few)
        assert len(publisher.dataset()["resources"]) == 4
        assert len(publisher.site.relay.uploads()) == 4

    def test_a_creation_whose_answer_is_lost_is_not_done_twice(self, publisher, few):
        publisher.site.relay.mute = b"POST /api/1/datasets/ "
        publisher.publish(V1, declared=few)
        assert len(publisher.site.datasets(publisher.organisation)) == 1

    def test_a_request_cut_half_way_is_sent_again(self, publisher, few):
        publisher.releases.joinpath(V1, "NOTES.md").write_bytes(b"n" * 400_000)
        publisher.site.relay.cut_after = 200_000
        publisher.publish(V1, declared=few)
        assert len(publisher.dataset()["resources"]) == 4
        assert read(publisher.resources()["NOTES.md"]) == b"n" * 400_000

    def test_a_server_that_goes_down_and_comes_back(self, publisher, few, said):
        publisher.publish(V1, declared=few)
        relay, client = publisher.site.relay, type("Down", (Client,), {})

        def send(self, path, body):
            relay.down = "resources" in path and len(relay.uploads()) > 5  # 4 of the first version, 1 of this one
            return Client.send(self, path, body)

        client.send = send
        try:
            with pytest.raises(TargetUnreachable, match="a connection refused or cut") as caught:
                publisher.publish(V2, declared=few, client=client)
        finally:
            relay.down = False
        assert caught.value.exit_code == 3
        assert "run the same command again" in caught.value.remedy
        told = " ; ".join(said.notes)
        assert f"publication de {V2} interrompue : 3 fichiers sur 4 sont en place" in told
        assert f"les autres fichiers du site sont ceux de la version {V1}" in told
        assert publisher.dataset()["extras"][VERSION] == V1  # what is announced is still the former
        assert state_of(publisher.root)["en_cours"] == V2
        relay.seen.clear()
        publisher.publish(V2, declared=few)
        assert len(relay.uploads()) == 1
        assert publisher.dataset()["extras"][VERSION] == V2
        assert state_of(publisher.root)["en_cours"] is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("key", "status", "remedy"),
        [
            ("wrong", 401, "check the key in CSP_DATAGOUV_CLE"),
            ("revoked", 401, "check the key in CSP_DATAGOUV_CLE"),
            ("expired", 401, "check the key in CSP_DATAGOUV_CLE"),
            ("outsider", 400, "correct what it names"),
        ],
    )
    def test_of_a_key_write_nothing(self, publisher, key, status, remedy):
        with pytest.raises(TargetRefused) as caught:
            publisher.publish(V1, key=publisher.site.keys.get(key, "udata_nothing"))
        assert (caught.value.status, caught.value.exit_code) == (status, 2)
        assert remedy in caught.value.remedy
        assert publisher.site.datasets(publisher.organisation) == []

    def test_of_a_stranger_to_the_dataset(self, publisher, few):
        publisher.publish(V1, declared=few)
        with pytest.raises(TargetRefused, match="403") as caught:
            publisher.publish(V2, declared=few, key=publisher.site.keys["outsider"])
        assert "member of the organisation" in caught.value.remedy
        assert read(publisher.resources()["NOTES.md"]) == b"# Version 2026.09.01\n"

    def test_of_another_organisation(self, publisher, few):
        publisher.publish(V1, declared=few)
        with pytest.raises(WrongUse, match="the owner of dataset"):
            publisher.publish(V2, declared=few, organisation="0" * 24)

    def test_a_dataset_deleted_on_the_site(self, publisher, few):
        publisher.publish(V1, declared=few)
        publisher.site.ask("DELETE", f"1/datasets/{publisher.dataset()['id']}/")
        with pytest.raises(TargetRefused, match="deleted on the site") as caught:
            publisher.publish(V2, declared=few)
        assert caught.value.status == 410
        for file in (publisher.root / "publication").iterdir():
            file.unlink()
        publisher.publish(V2, declared=few)  # a new one, as the remedy says
        assert publisher.dataset()["extras"][VERSION] == V2

    def test_a_dataset_that_never_was(self, publisher, few):
        publisher.publish(V1, declared=few)
        path = next((publisher.root / "publication").glob("*.json"))
        path.write_text(path.read_text().replace(publisher.dataset()["id"], "0" * 24))
        with pytest.raises(TargetRefused, match="404"):
            publisher.publish(V2, declared=few)

    def test_a_site_in_read_only(self, publisher, few):
        with publisher.site.settings(READ_ONLY_MODE=True), pytest.raises(TargetUnreachable, match="423") as caught:
            publisher.publish(V1, declared=few)
        assert caught.value.exit_code == 3
        assert "read only for now" in caught.value.remedy

    def test_a_file_too_large_for_the_site(self, publisher, few):
        publisher.releases.joinpath(V1, "NOTES.md").write_bytes(b"n" * 100_000)
        with publisher.site.settings(MAX_CONTENT_LENGTH=50_000), pytest.raises(TargetRefused, match="413") as caught:
            publisher.publish(V1, declared=few)
        assert "hebergement: distant" in caught.value.remedy
        publisher.publish(V1, declared=few)
        assert len(publisher.dataset()["resources"]) == 4

    def test_a_licence_the_site_does_not_know(self, publisher, few):
        text = few.jeu.model_copy(update={"licence": "lov9"})
        with pytest.raises(WrongUse, match="licence lov9"):
            publisher.publish(V1, declared=few.model_copy(update={"jeu": text}))
        assert publisher.site.relay.writes() == []

    def test_two_datasets_of_the_same_mark(self, publisher, few):
        for _ in range(2):
            body = {"title": "t", "description": "d", "organization": publisher.organisation}
            publisher.site.ask("POST", "1/datasets/", json={**body, "extras": {IDENTIFIER: "carto-services-publics"}})
        with pytest.raises(TargetRefused, match="marked carto-services-publics: expected one"):
            publisher.publish(V1, declared=few)


class TestMemoryLost:
    def test_the_dataset_is_found_by_its_mark(self, publisher, few):
        publisher.publish(V1, declared=few)
        before = {r["id"] for r in publisher.resources().values()}
        for file in (publisher.root / "publication").iterdir():
            file.unlink()
        publisher.publish(V2, declared=few)
        assert {r["id"] for r in publisher.resources().values()} == before
        assert len(publisher.site.datasets(publisher.organisation)) == 1

    def test_without_an_organisation_those_of_the_account_are_looked_at(self, publisher, few):
        site = publisher.site
        publisher.organisation = site.organisation("outsider")
        publisher.publish(V1, declared=few, key=site.keys["outsider"])
        identifier = state_of(publisher.root)["jeu"]
        for file in (publisher.root / "publication").iterdir():
            file.unlink()
        publisher.publish(V2, declared=few, key=site.keys["outsider"], organisation=None)
        assert state_of(publisher.root)["jeu"] == identifier
        assert site.dataset(identifier)["extras"][VERSION] == V2

    def test_resources_deleted_on_the_site_are_made_again(self, publisher, few):
        publisher.publish(V1, declared=few)
        dataset, notes = publisher.dataset()["id"], publisher.resources()["NOTES.md"]
        publisher.site.ask("DELETE", f"1/datasets/{dataset}/resources/{notes['id']}/")
        done = publisher.publish(V1, declared=few)
        assert done.sent == ["NOTES.md"]
        assert len(publisher.dataset()["resources"]) == 4
