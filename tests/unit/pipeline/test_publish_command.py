"""`csp publish`: wrong uses without a server, then whole runs against the real one and against a bucket."""

import re

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.foundations.errors import ExitCode
from tests.publication import V1, V2, Publisher, make_release, state_of

KEY = "CSP_DATAGOUV_CLE"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def csp(monkeypatch, tmp_path):
    """`csp publish` on a data root with one release."""
    monkeypatch.setenv(KEY, "udata_secret")
    make_release(tmp_path / "releases", V1)

    def call(*arguments, version=V1):
        done = CliRunner().invoke(main, ["publish", version, "--data", str(tmp_path), *map(str, arguments)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return call


class TestWrongUse:
    def test_no_key(self, csp, monkeypatch):
        monkeypatch.delenv(KEY)
        said = csp("--target", NOWHERE)
        assert said.exit_code == ExitCode.WRONG_USE
        assert KEY in said.stderr

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--target", "http://www.data.gouv.fr"], "an https address"),
            (["--target", "www.data.gouv.fr"], "the address of a site"),
            (["--target", NOWHERE, "--endpoint", NOWHERE], "--endpoint"),
            (["--target", NOWHERE, "--latest-copies"], "--latest-copies"),
            (["--target", "s3://b/x", "--organisation", "0" * 24], "--organisation"),
            (["--target", "s3://b/x", "--remove-old", "--base-url", "https://x.fr"], "--base-url, --remove-old"),
            (["--target", "s3://b/x", "--endpoint", "http://s3.example.org"], "https"),
        ],
    )
    def test_options_that_do_not_go_together(self, csp, options, words):
        said = csp(*options)
        assert said.exit_code == ExitCode.WRONG_USE
        assert words in re.sub(r"\s+", " ", said.stderr)

    def test_a_version_that_is_not_there(self, csp):
        said = csp("--target", NOWHERE, version="2020.01.01")
        assert said.exit_code == ExitCode.WRONG_USE
        assert V1 in said.stderr

    def test_invented_data_towards_a_real_site(self, csp, tmp_path):
        make_release(tmp_path / "releases", V2, fictional=True)
        said = csp("--target", "https://www.data.gouv.fr", version=V2)
        assert said.exit_code == ExitCode.WRONG_USE
        assert "invented data" in said.stderr

    def test_a_state_file_of_something_else(self, csp, tmp_path):
        file = tmp_path / "publication" / "127.0.0.1-9.json"
        file.parent.mkdir()
        for content in ("{", '{"cible": "https://autre.fr", "identifiant": "x"}'):
            file.write_text(content)
            said = csp("--target", NOWHERE, "--dry-run")
            assert said.exit_code == ExitCode.WRONG_USE
            assert "put the file aside" in said.stderr


def test_a_release_that_quality_refuses(csp, tmp_path):
    make_release(tmp_path / "releases", V2, changes=False)
    said = csp("--target", NOWHERE, version=V2)
    assert said.exit_code == ExitCode.REFUSED
    assert "changements/diff.parquet" in said.stderr


def test_a_site_that_does_not_answer(csp, monkeypatch):
    monkeypatch.setattr("outputs.publish.faults.time.sleep", lambda _: None)
    said = csp("--target", NOWHERE)
    assert said.exit_code == ExitCode.SOURCE_UNREADABLE
    assert "udata_secret" not in said.output


@pytest.mark.lent
class TestOnTheRealServer:
    @pytest.fixture
    def publisher(self, datagouv, tmp_path, monkeypatch):
        made = Publisher(datagouv, tmp_path)
        monkeypatch.setenv(KEY, datagouv.keys["editor"])
        return made

    @pytest.fixture
    def publish(self, csp, publisher):
        return lambda *more, version=V1: csp(
            "--target", publisher.site.base, "--organisation", publisher.organisation, *more, version=version
        )

    def test_from_the_plan_to_the_next_version(self, publish, publisher, tmp_path):
        plan = publish("--dry-run")
        assert plan.exit_code == 0, plan.stderr
        assert "à créer, caché jusqu’à ce qu’il soit complet" in plan.output
        assert "+ csv/communes.csv : créée" in plan.output
        assert "non publiés, aucune règle de ressources.yml : interne/inconnu.bin" in plan.output
        assert "critères de qualité : 9/9" in plan.output
        assert "rien n’a été écrit" in plan.output
        assert publisher.site.datasets(publisher.organisation) == []
        assert not (tmp_path / "publication").exists()

        done = publish()
        assert done.exit_code == 0, done.stderr
        assert f"{V1} est en ligne : 13 ressources (créée : 13), tout relu et identique" in done.output
        assert "qualité selon le site : 9/9" in done.output
        assert f"csv/communes.csv {publisher.resources()['csv/communes.csv']['latest']}" in done.output

        make_release(tmp_path / "releases", V2, files={"carte/apercu.png": None})
        plan = publish("--dry-run", version="2026.10.01")
        assert f"{V1} → {V2}" in plan.output
        assert "~ csv/communes.csv : remplacée" in plan.output
        assert "· qualite/issues.csv : à décrire (csp:version)" in plan.output
        assert "- Aperçu : n’est plus dans la version, gardée, et dite n’être plus mise à jour" in plan.output
        assert publish(version=V2).exit_code == 0
        assert state_of(tmp_path)["version"] == V2

    def test_the_key_is_shown_and_kept_nowhere(self, publish, publisher, tmp_path, caplog):
        caplog.set_level("DEBUG")
        said = [publish(), publish(), publish("--dry-run")]
        publisher.site.ask("DELETE", f"1/datasets/{publisher.dataset()['id']}/")
        said.append(publish())
        assert [s.exit_code for s in said] == [0, 0, 0, ExitCode.WRONG_USE]
        key = publisher.site.keys["editor"]
        assert key not in "".join(s.output + s.stderr for s in said) + caplog.text
        for path in (p for p in tmp_path.rglob("*") if p.is_file()):
            assert key.encode() not in path.read_bytes(), path

    def test_a_plan_needs_no_key_for_what_is_public(self, publish, monkeypatch):
        assert publish().exit_code == 0
        monkeypatch.delenv(KEY)
        plan = publish("--dry-run")
        assert plan.exit_code == 0, plan.stderr
        assert "= csv/communes.csv : inchangée" in plan.output

    def test_a_wrong_key_is_found_before_anything(self, publish, publisher, monkeypatch):
        monkeypatch.setenv(KEY, "udata_wrong")
        said = publish()
        assert said.exit_code == ExitCode.WRONG_USE
        assert "401" in said.stderr
        assert publisher.site.datasets(publisher.organisation) == []

    def test_another_publication_is_running(self, publish, tmp_path):
        from pipeline.foundations.lock import exclusive

        with exclusive(tmp_path / "publication"):
            said = publish()
        assert said.exit_code == ExitCode.WRONG_USE
        assert "its lock is held" in re.sub(r"\s+", " ", said.stderr)


@pytest.mark.lent
def test_into_a_bucket(csp, monkeypatch):
    import s3fs
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-bucket")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        target = ["--target", "s3://seau/csp", "--endpoint", f"http://{host}:{port}"]
        s3fs.S3FileSystem(endpoint_url=target[-1], skip_instance_cache=True).mkdir("seau")
        plan, done, again = csp(*target, "--dry-run"), csp(*target), csp(*target)
    finally:
        server.stop()
    assert [s.exit_code for s in (plan, done, again)] == [0, 0, 0], plan.stderr + done.stderr + again.stderr
    assert f"latest.json : aucun → {V1}" in plan.output
    assert "+ interne/inconnu.bin : à envoyer" in plan.output
    assert "0 fichiers envoyés, tout relu" in again.output
    assert "secret-of-the-bucket" not in done.output + done.stderr
