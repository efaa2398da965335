"""`csp roads`: what is shown, and the exit codes."""

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.foundations.errors import ExitCode
from sources.demo.write import write_territory


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roads")
    return write_territory(folder, departements=1, communes_per_departement=12).roads


def csp(*arguments):
    done = CliRunner().invoke(main, [str(a) for a in arguments], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_import_list_remove(file, tmp_path):
    data = ("--data", tmp_path)
    done = csp("roads", "import", file, "--departement", "05", *data)
    assert done.exit_code == 0, done.output
    assert "bdtopo d05, v3" in done.output
    assert "Route à 1 chaussée" in done.output
    assert "Bac ou liaison maritime" in done.output
    assert "problèmes" not in done.output
    assert "d05" in csp("roads", "list", *data).output
    assert csp("roads", "remove", "d06", *data).exit_code == ExitCode.WRONG_USE
    assert csp("roads", "remove", "d05", "--source", "dila", *data).exit_code == ExitCode.WRONG_USE
    done = csp("roads", "remove", "d05", *data)
    assert done.exit_code == 0, done.output
    assert "d05" not in csp("roads", "list", *data).output


def test_a_refused_file_says_why(file, tmp_path):
    bad = tmp_path / "bad_D005_2026.gpkg"
    bad.write_bytes(file.read_bytes()[:20_000])
    done = csp("roads", "import", bad, "--data", tmp_path / "data")
    assert done.exit_code == ExitCode.SOURCE_UNREADABLE
    assert "cut short" in done.output
    assert "d05" not in csp("roads", "list", "--data", tmp_path / "data").output
