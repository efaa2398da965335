"""The pages a stranger reads, executed: commands exist, examples run on a release, links lead somewhere."""

import re
import shlex
import shutil
import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import click
import duckdb
import pytest
from click.testing import CliRunner

from outputs import layout
from outputs.metadata.index import examples
from pipeline.cli import main
from pipeline.foundations.errors import ExitCode
from pipeline.foundations.paths import DataRoot
from quality.contract import all_contracts
from sources.registry import all_sources

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(language, text=README):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def section(title):
    return README.partition(f"\n{title}\n")[2].partition("\n#")[0]


def first_cells(text):
    return re.findall(r"^\| `?([^`|]+?)`? \|", text, flags=re.MULTILINE)


def leaves(command, words=("csp",)):
    if isinstance(command, click.Group):
        if command.invoke_without_command:
            yield " ".join(words), command
        for name, child in command.commands.items():
            yield from leaves(child, (*words, name))
    else:
        yield " ".join(words), command


COMMANDS = dict(leaves(main))


def test_help():
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.output for name in main.commands)


def test_the_table_of_commands_is_complete():
    assert sorted(c for c in first_cells(section("### Commands")) if c.startswith("csp ")) == sorted(COMMANDS)


def test_the_table_of_exit_codes_is_that_of_the_code():
    codes = re.findall(r"^\| (\d) \|", section("### Commands"), flags=re.MULTILINE)
    assert [int(c) for c in codes] == sorted(ExitCode)


def written_commands():
    for page in PAGES:
        for block in [b for kind in ("sh", "cron") for b in blocks(kind, page.read_text(encoding="utf-8"))]:
            for line in block.splitlines():
                if found := re.search(r"(?:^|/|\s)csp ((?:[a-z]|--).*)", line.partition(" #")[0].partition(">>")[0]):
                    yield pytest.param(found.group(1), id=f"{page.name}: {found.group(0).strip()[:40]}")


@pytest.mark.parametrize("line", list(written_commands()))
def test_commands_written_in_the_pages_exist_with_their_options(line):
    command, words = main, shlex.split(line.replace("…", ""))
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {w.partition("=")[0] for w in words if w.startswith("--")} <= known


def test_make_targets_written_in_the_pages_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for page in PAGES:
        assert (
            set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)) <= targets
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_local_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
        assert (page.parent / target).exists(), target


def test_the_tables_named_exist():
    layers = {c.layer for c in all_contracts().values() if c.published}
    named = README.partition("The main tables:")[2].partition("Every table")[0]
    assert set(re.findall(r"`(\w+)`", named)) <= layers


def test_every_source_has_its_credit_line():
    page = (ROOT / "LICENCE-DONNEES.md").read_text(encoding="utf-8")
    for spec in all_sources().values():
        if not spec.imported:
            assert " ".join(spec.licence.attribution.split()) in page, spec.id


def test_the_rule_of_the_example_has_the_form_of_those_of_the_report():
    rule = re.search(r"csp accept (\S+) --source (\S+)", README)
    assert re.fullmatch(rf"{rule.group(2)}\.(code|departement)\.\w+\.variation", rule.group(1))


@pytest.fixture(scope="module")
def release(edition, tmp_path_factory):
    """A release made from the fictional feeds."""
    from pipeline import run

    root = DataRoot(tmp_path_factory.mktemp("readme"))
    outcome = run.build(root, "all", mirror=edition(0).mirror, fictional=True)
    return outcome.path


@pytest.mark.lent
class TestOnARelease:
    def test_files_are_those_described(self, release):
        for name in re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", section("## Get the data"), re.M))):
            if "<table>" not in name and name != "changements/diff.parquet":  # the first release has nothing before it
                assert (release / name).exists(), name
        for layer in ("implantations", "communes", "distances"):
            assert layout.geoparquet(release, layer).is_file()
            assert layout.csv(release, layer).is_file()

    @pytest.mark.parametrize("query", blocks("sql"))
    def test_sql(self, release, query, monkeypatch):
        monkeypatch.chdir(release)
        assert duckdb.sql(query).fetchall()

    @pytest.mark.parametrize("code", blocks("python"))
    def test_python(self, release, code, monkeypatch, tmp_path):
        # A copy: GDAL writes a side file next to a GeoPackage it opens.
        subprocess.run(["cp", "-r", f"{release}/.", tmp_path], check=True)
        monkeypatch.chdir(tmp_path)
        names = {}
        exec(code, names)  # noqa: S102 (the README's own example)
        assert len(names["counters"]) == len(names["table"])
        assert names["table"]["lieu_code_insee"].str.len().eq(5).all()
        assert len(names["communes"]) == 120

    @pytest.mark.parametrize("example", examples(), ids=lambda e: e.langage)
    def test_examples_of_the_page_of_the_release(self, release, example, monkeypatch, tmp_path):
        assert unescape((release / "index.html").read_text(encoding="utf-8")).count(example.texte) == 1
        subprocess.run(["cp", "-r", f"{release}/.", tmp_path], check=True)
        monkeypatch.chdir(tmp_path)
        if example.langage == "sql":
            assert len(duckdb.sql(example.texte).fetchall()) == 10
        elif example.langage == "python":
            names = {}
            exec(example.texte, names)  # noqa: S102 (the example of the page)
            assert names["par_type"].sum() == len(names["points"]) == len(names["table"])
            assert names["table"]["lieu_code_insee"].str.len().eq(5).all()
        elif shutil.which("Rscript"):  # elsewhere, `test_metadata` holds its files, layers and columns
            check = "stopifnot(nrow(communes) == 120, sum(par_type) == nrow(points))"
            subprocess.run(["Rscript", "-e", example.texte + check], check=True, capture_output=True)

    def test_links_of_the_page_of_the_release_lead_to_its_files(self, release):
        page = (release / "index.html").read_text(encoding="utf-8")
        links = [unquote(unescape(link)) for link in re.findall(r"(?:href|src)=\"([^\"#:]+)[\"#]", page)]
        assert len(links) > 50
        assert [link for link in links if not (release / link).is_file()] == []

    def test_sums_prove_a_copy(self, release):
        command = re.search(r"`(sha256sum --check SHA256SUMS)`", README).group(1)
        subprocess.run(shlex.split(command), cwd=release, check=True, capture_output=True)

    def test_map_and_status(self, release, tmp_path):
        data = str(release.parents[1])
        drawn = CliRunner().invoke(main, ["map", str(tmp_path / "carte.png"), "--data", data, "--departements", "96"])
        assert drawn.exit_code == 0, drawn.output
        assert (tmp_path / "carte.png").stat().st_size > 50_000
        assert CliRunner().invoke(main, ["status", "--data", data]).exit_code == 0
        wrong = CliRunner().invoke(main, ["map", "c.png", "--data", data, "--departements", "5"])
        assert wrong.exit_code == ExitCode.WRONG_USE
