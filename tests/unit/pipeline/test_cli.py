"""The command line where no build is needed: help, lists, refusals and their exit codes."""

import re
import shutil

import pytest
from click.testing import CliRunner

from pipeline import cli
from pipeline.foundations.errors import CspError, ExitCode, QualityRefused, SourceUnreadable, WrongUse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.snapshots import SnapshotStore
from sources.registry import all_sources


@pytest.fixture
def csp(monkeypatch):
    for name in ("CSP_DATA", "CSP_MIRROR", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments):
        done = CliRunner().invoke(cli.main, [str(a) for a in arguments])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return call


def leaves(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(leaves(cli.main)), ids=" ".join)
def test_every_command_says_what_it_does(csp, path):
    for flag in ("--help", "-h"):
        said = csp(*path, flag)
        assert said.exit_code == 0
        assert len(re.sub(r"\s+", " ", said.output).partition("Usage")[2]) > 80
    assert "Options:" in said.output


def test_the_options_that_matter_are_explained(csp):
    text = re.sub(r"\s+", " ", csp("build", "--help").output)
    for words in ("--mirror", "DIR/<host>/<path>", "--frozen", "last good snapshots", "05,36,59", "CSP_DATA"):
        assert words in text


def test_version(csp):
    assert re.search(r"\d+\.\d+\.\d+", csp("--version").output)


def test_a_command_that_does_not_exist(csp):
    assert csp("bild").exit_code == ExitCode.WRONG_USE


def test_sources_list(csp):
    said = csp("sources", "list")
    assert said.exit_code == 0
    for source in all_sources():
        assert source in said.output  # whole, so that grep finds it
    assert "oui" in said.output


@pytest.mark.parametrize("command", [["sources", "fetch"], ["sources", "check"], ["accept", "r", "--reason", "x" * 20]])
def test_an_unknown_source_is_wrong_use_and_the_known_ones_are_listed(csp, tmp_path, command):
    name = ["--source", "dilla", "--author", "DDT"] if command[0] == "accept" else ["dilla"]
    said = csp(*command, *name, "--data", tmp_path)
    assert said.exit_code == ExitCode.WRONG_USE
    assert "'dilla'" in said.stderr
    assert "france_services" in said.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["build"], ["sources", "fetch", "caf"]])
def test_a_mirror_that_is_not_there_is_wrong_use(csp, tmp_path, command):
    said = csp(*command, "--data", tmp_path / "d", "--mirror", tmp_path / "absent")
    assert said.exit_code == ExitCode.WRONG_USE
    assert "absent" in said.stderr
    (tmp_path / "fichier").touch()
    assert csp(*command, "--data", tmp_path / "d", "--mirror", tmp_path / "fichier").exit_code == ExitCode.WRONG_USE


def test_status_of_an_empty_folder_changes_nothing(csp, tmp_path):
    said = csp("status", "--data", tmp_path)
    assert said.exit_code == 0
    assert "absente" in said.output
    assert "Aucune version publiée" in said.output
    assert list(tmp_path.iterdir()) == []


def test_the_data_root_is_the_option_else_the_environment_else_here(csp, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    assert DataRoot.resolve().path == tmp_path / "data"
    monkeypatch.setenv("CSP_DATA", str(tmp_path / "ailleurs"))
    assert "ailleurs" in csp("status").output
    assert "option" in csp("status", "--data", tmp_path / "option").output


def test_fetch_then_check(csp, edition, tmp_path):
    """One source, without going further; then its bytes damaged on disk."""
    data, mirror = tmp_path / "d", edition(0).mirror
    said = csp("sources", "fetch", "cog", "contours", "--data", data, "--mirror", mirror)
    # The fictional country is far below the real bounds: refused, and as the sources are required, the run stops.
    assert said.exit_code == ExitCode.SOURCE_UNREADABLE
    assert "bounds.min" in said.stderr
    (data / "DONNEES-FICTIVES.txt").touch()
    said = csp("sources", "fetch", "caf", "cog", "--data", data, "--mirror", mirror)
    assert said.exit_code == 0, said.stderr
    assert said.output.count("à jour") == 2
    assert {p.name for p in (data / "tables").glob("raw__caf*.parquet")} == {
        "raw__caf.parquet",
        "raw__caf_issues.parquet",
    }
    assert not (data / "releases").exists()
    said = csp("sources", "check", "caf", "cog", "--data", data)
    assert said.exit_code == 0, said.stderr
    assert said.output.count("gelée") == 2
    snapshot = SnapshotStore(data / "snapshots").current("caf", "sites")
    snapshot.path.write_bytes(snapshot.path.read_bytes()[:-1])
    said = csp("sources", "check", "caf", "--data", data)
    assert said.exit_code == ExitCode.SOURCE_UNREADABLE
    assert "fetch the source again" in said.stderr
    assert csp("sources", "fetch", "caf", "--data", data, "--mirror", mirror).exit_code == 0
    assert csp("sources", "check", "caf", "--data", data).exit_code == 0


def test_fetch_says_when_a_source_could_not_be_refreshed(csp, edition, tmp_path):
    data, mirror = tmp_path / "d", edition(0).copy(tmp_path / "m")
    data.mkdir()
    (data / "DONNEES-FICTIVES.txt").touch()
    shutil.rmtree(mirror / "data.caf.fr")
    said = csp("sources", "fetch", "caf", "--data", data, "--mirror", mirror)
    assert said.exit_code == ExitCode.SOURCE_UNREADABLE
    assert "absente" in said.output
    assert "no such file" in said.stderr


def test_a_wrong_departement_is_refused_before_any_work_when_they_are_known(csp, edition, tmp_path, monkeypatch):
    from pipeline import run

    data = tmp_path / "d"
    (data / "tables").mkdir(parents=True)
    monkeypatch.setattr(run, "_known", lambda _: ["05", "36", "59"])
    (data / "tables" / "territories__departements.json").touch()
    said = csp("build", "--data", data, "--mirror", edition(0).mirror, "--departements", "05,5")
    assert said.exit_code == ExitCode.WRONG_USE
    assert "unknown code(s) 5" in said.stderr
    assert "05, 36, 59" in said.stderr
    assert "leading zero" in said.stderr
    assert not (data / "snapshots").exists()


@pytest.mark.parametrize(("kind", "code"), [(CspError, 1), (QualityRefused, 1), (WrongUse, 2), (SourceUnreadable, 3)])
def test_an_error_is_four_lines_and_a_code(capsys, kind, code):
    @cli._says_errors
    def fail():
        raise kind("le sujet [bold]", expected="ceci", found="cela [/red]", remedy="faire [autrement]")

    with pytest.raises(SystemExit) as caught:
        fail()
    assert caught.value.code == code
    lines = [line.split(None, 1) for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        ["✗", "le sujet [bold]"],
        ["attendu", "ceci"],
        ["trouvé", "cela [/red]"],
        ["remède", "faire [autrement]"],
    ]


def test_dev_opens_dagster_on_the_data_root(csp, tmp_path, monkeypatch):
    launched = {}

    def exec_(program, command, environment):
        launched.update(program=program, command=command, environment=environment)

    monkeypatch.setattr(cli.os, "execvpe", exec_)
    (tmp_path / "m").mkdir()
    assert csp("dev", "--data", tmp_path / "d", "--mirror", tmp_path / "m", "--port", 3999).exit_code == 0
    assert launched["command"][1:] == ["-m", "dagster", "dev", "-m", "pipeline.definitions", "-p", "3999"]
    assert launched["environment"]["CSP_DATA"] == str(tmp_path / "d")
    assert launched["environment"]["CSP_MIRROR"] == str(tmp_path / "m")
    home = tmp_path / "d" / "dagster"
    assert launched["environment"]["DAGSTER_HOME"] == str(home)
    assert "telemetry" in (home / "dagster.yaml").read_text(encoding="utf-8")
