"""`csp releases`, `csp diff`, `csp rollback`: what they print, change, and refuse."""

import json

import pytest
from click.testing import CliRunner

from assets.release.journal import read_journal
from assets.release.promote import promote
from assets.release.versions import latest, list_releases
from pipeline.cli import main
from pipeline.foundations.lock import exclusive
from tests.unit.assets.test_release_promote import staged

V1, V2, V3 = "2026.01.31", "2026.02.15", "2026.03.01"


@pytest.fixture
def root(tmp_path):
    """A data root with three releases."""
    folder = tmp_path / "releases"
    for version in (V1, V2, V3):
        promote(staged(folder, version, version), folder, version)
    return tmp_path


@pytest.fixture
def csp(root):
    """`csp("releases", "prune")`: the command on that root."""

    def call(*words):
        return CliRunner().invoke(main, [*map(str, words), "--data", str(root)])

    return call


def test_releases_are_listed_for_people_and_for_machines(csp, root):
    said = csp("releases")
    assert said.exit_code == 0
    assert [line for line in said.output.splitlines() if V3 in line and "courante" in line]
    rows = json.loads(csp("releases", "--json").output)
    assert [r["version"] for r in rows] == [V1, V2, V3]
    assert rows[-1]["precedente"] == V2
    assert rows[-1]["octets"] == sum(p.stat().st_size for p in (root / "releases" / V3).rglob("*") if p.is_file())


def test_without_releases_it_says_what_to_do(tmp_path):
    said = CliRunner().invoke(main, ["releases", "--data", str(tmp_path)])
    assert said.exit_code == 0
    assert "Aucune version publiée" in said.output
    assert json.loads(CliRunner().invoke(main, ["releases", "--json", "--data", str(tmp_path)]).output) == []


def test_pruning_is_dry_until_told_otherwise(csp, root):
    said = csp("releases", "prune", "--keep", 1)
    assert f"{V1} : à supprimer" in said.output
    assert "relancer avec --yes" in said.output
    assert list_releases(root / "releases") == [V1, V2, V3]
    said = csp("releases", "prune", "--keep", 1, "--yes")
    assert f"{V1} : supprimée" in said.output
    assert list_releases(root / "releases") == [V2, V3]
    assert "Rien à supprimer." in csp("releases", "prune", "--keep", 1, "--yes").output


def test_pruning_waits_for_the_build_that_runs(csp, root):
    with exclusive(root):
        said = csp("releases", "prune", "--keep", 1, "--yes")
    assert said.exit_code == 2
    assert list_releases(root / "releases") == [V1, V2, V3]


def test_the_pointer_is_moved_and_what_is_withdrawn_is_named(csp, root):
    said = csp("rollback", V1, "--reason", "carte fausse")
    assert said.exit_code == 0, said.output
    assert f"Version courante : {V1}." in said.output
    assert f"{V2} est retirée" in said.output
    assert latest(root / "releases") == V1
    assert read_journal(root / "releases")[-1].motif == "carte fausse"
    assert [r["etat"] for r in json.loads(csp("releases", "--json").output)] == ["courante", "retirée", "retirée"]
    assert (root / "warehouse.duckdb").is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("rollback", "2020.01.01"), 2, "release 2020.01.01"),
        (("rollback", "../ailleurs"), 2, "one of those in"),
        (("releases", "verify", "2020.01.01"), 2, V1),
        (("releases", "prune", "--keep", 0), 2, "1 or more"),
        (("diff", V1, "2020.01.01"), 2, "release 2020.01.01"),
        (("diff", V1, V2, "--table", "x"), 2, "no such table"),
    ],
)
def test_wrong_uses_are_explained(csp, words, code, message):
    said = csp(*words)
    assert said.exit_code == code
    assert message in said.output


def test_a_release_with_another_byte_is_told(csp, root):
    path = root / "releases" / V2 / "csv" / "t.csv"
    path.chmod(0o644)
    path.write_text("autre")
    said = csp("releases", "verify", V2)
    assert said.exit_code == 1
    assert "csv/t.csv has other bytes" in said.output
