"""`csp territoire` on a small release: what it prints, what it writes, what it refuses and with which code."""

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.foundations.errors import ExitCode
from tests.sheets import EPCI, VERSION, release


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return release(tmp_path_factory.mktemp("sheets"))


@pytest.fixture
def csp(monkeypatch, data):
    monkeypatch.delenv("CSP_DATA", raising=False)

    def call(*arguments, root=data):
        done = CliRunner().invoke(main, ["territoire", *map(str, arguments), "--data", str(root)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return call


def test_a_departement_is_printed_and_written(csp, tmp_path):
    out = tmp_path / "fiches"
    done = csp("05", "--out", out)
    assert done.exit_code == 0, done.stderr
    for words in ("Hautes-Alpes", "DONNÉES FICTIVES", "Temps par la route", "Communes en tension"):
        assert words in done.output
    names = [f"fiche-departement-05-{VERSION}.{extension}" for extension in ("html", "pdf")]
    assert sorted(p.name for p in out.iterdir()) == names
    assert all(str(out / name) in done.output for name in names)
    page = (out / names[0]).read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert (out / names[1]).read_bytes().startswith(b"%PDF-")
    # Credits: the sources of its counters, the roads its times come from; not those of another territory's counters.
    assert all(credit in page for credit in ("DILA, annuaire, 31/01/2026", "IGN, BD TOPO", "IGN, contours"))
    assert "La Poste, points de contact" not in page


def test_estimates_do_not_credit_roads(csp, tmp_path):
    done = csp("93", "--niveau", "region", "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    page = (tmp_path / f"fiche-region-93-{VERSION}.html").read_text(encoding="utf-8")
    assert "IGN, BD TOPO" not in page
    assert "vol d’oiseau" in page


def test_a_name_will_do_and_the_same_sheet_is_the_same_bytes(csp, tmp_path):
    for folder in ("a", "b"):
        assert csp("cc de l'amont", "--out", tmp_path / folder).exit_code == 0
    for extension in ("html", "pdf"):
        name = f"fiche-epci-{EPCI}-{VERSION}.{extension}"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("93",), "--niveau region"),
        (("zz",), "none"),
        (("5",), "Hautes-Alpes (05"),
        (("36",), "outside them"),
        (("05", "--release", "2020.01.01"), VERSION),
        (("05", "--niveau", "canton"), "canton"),
    ],
)
def test_what_it_refuses(csp, tmp_path, arguments, words):
    done = csp(*arguments, "--out", tmp_path / "rien")
    assert done.exit_code == ExitCode.WRONG_USE
    assert words in done.stderr
    assert not (tmp_path / "rien").exists()


def test_no_release_and_a_release_without_indicators(csp, tmp_path):
    done = csp("05", root=tmp_path / "vide")
    assert done.exit_code == ExitCode.WRONG_USE
    assert "csp build" in done.stderr
    old = release(tmp_path / "ancienne", without=("acces", "tension"))
    done = csp("05", root=old)
    assert done.exit_code == ExitCode.WRONG_USE
    assert "no table acces, tension" in done.stderr
