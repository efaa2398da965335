"""What the house asks of every source, table and module, so that adding one without the rest fails here.

The direction of imports is held by import-linter; here, that its list is whole, and what it cannot see.
"""

import ast
import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from assets.referentiel.typology import typologies
from quality.contract import all_contracts
from sources.registry import all_sources, discover, reader_of

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
ROOMS = ("pipeline", "assets", "sources", "quality", "outputs")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SOURCES = discover(ROOT / "sources")
CONTRACTS = all_contracts()
ENGLISH = re.compile(r"\b(?:the|of|with|each|which|from|this|these|are|not)\b", re.IGNORECASE)


def id_of(path):
    return path.relative_to(ROOT).as_posix()


# --- sources ----------------------------------------------------------------------------------------------------------


def test_every_reader_is_held_apart_from_the_others():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    (independence,) = [c for c in contracts if c["type"] == "independence"]
    readers = {f"sources.{path.parent.name}" for path in (ROOT / "sources").glob("*/read.py")}
    assert readers
    assert set(independence["modules"]) == readers


def test_every_folder_of_a_source_is_whole():
    for folder in sorted({path.parent for path in (ROOT / "sources").glob("*/read.py")}):
        assert (folder / "README.md").is_file(), folder.name
        assert (folder / "source.yml").is_file() or (folder / "defaut.yml").is_file(), folder.name
    for path in (ROOT / "sources").glob("*/source.yml"):
        assert (path.parent / "read.py").is_file(), path


@pytest.mark.parametrize("spec", SOURCES.values(), ids=SOURCES)
def test_every_source_says_who_what_and_under_which_licence(spec):
    assert callable(reader_of(spec))
    assert not ENGLISH.search(f"{spec.title} {spec.format} {spec.notes}")
    assert len(spec.producer) > 2
    assert len(spec.licence.attribution) > 3
    assert spec.licence.url.startswith("https://")
    assert spec.dataset_page.startswith("https://" if spec.enabled else "http")
    assert spec.bounds.min < spec.bounds.max
    assert all(r.url.startswith("https://") for r in spec.resources if spec.enabled)
    assert len({r.filename for r in spec.resources}) == len(spec.resources)
    reader = ROOT / Path(*spec.reader.partition(":")[0].split("."))
    card = (reader.parent / "README.md").read_text(encoding="utf-8")
    assert len(card) > 300


@pytest.mark.parametrize("spec", [s for s in SOURCES.values() if s.kind == "counters"], ids=lambda s: s.id)
def test_every_counter_feed_has_its_codes_in_the_typologies(spec):
    known = {nomenclature for nomenclature, _ in (*typologies().by_code, *typologies().outside)}
    assert (spec.nomenclature or spec.id) in known


def test_every_nomenclature_of_the_typologies_is_a_feeds():
    used = {s.nomenclature or s.id for s in SOURCES.values() if s.kind == "counters"}
    assert {nomenclature for nomenclature, _ in typologies().by_code} <= used


def test_what_a_build_cannot_start_without():
    assert {s.id for s in all_sources().values() if s.required} >= {"cog", "contours", "dila"}


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_every_table_and_column_is_told_in_french(contract):
    assert not ENGLISH.search(f"{contract.title} {contract.description}")
    assert contract.title[0].isupper()
    titles = [c.title for c in contract.columns]
    assert len(set(titles)) == len(titles), "two columns cannot bear the same label"
    for column in contract.columns:
        assert len(column.title) > 1, column.name
        assert not ENGLISH.search(f"{column.title} {column.description}"), column.name
        assert column.description.endswith((".", ")", "»")), column.name


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_every_table_has_a_key_whose_columns_are_required(contract):
    # The change log is lines told one after the other: nothing names one of them.
    assert contract.key or contract.table == "release__diff"
    for name in contract.key:
        assert contract.column(name).required, name


def test_foreign_keys_lead_to_a_key():
    for contract in CONTRACTS.values():
        for reference in contract.foreign_keys:
            assert reference.references in CONTRACTS
            assert CONTRACTS[reference.references].column(reference.to)


def golden(contract):
    """What others build on: the names, types and order of the columns, the key, the geometry, what it points to."""
    return {
        "table": contract.table,
        "layer": contract.layer,
        "licence": contract.licence,
        "key": list(contract.key),
        "geometry": contract.geometry and contract.geometry.model_dump(),
        "foreign_keys": [f"{k.column} -> {k.references}.{k.to}" for k in contract.foreign_keys],
        "columns": {
            c.name: {
                "type": c.type,
                "required": c.required,
                "unique": c.unique,
                "unit": c.unit,
                "polars": str(contract.polars_schema[c.name]),
            }
            for c in contract.columns
        },
    }


PUBLISHED = [c for c in CONTRACTS.values() if c.published]


@pytest.mark.parametrize("contract", PUBLISHED, ids=lambda c: c.table)
def test_a_change_of_contract_is_seen_in_review(contract):
    """Wanted? Write the golden files again: `CSP_GOLDEN=write pytest tests/unit/test_architecture.py`."""
    path = GOLDEN / f"{contract.table}.json"
    text = json.dumps(golden(contract), ensure_ascii=False, indent=1) + "\n"
    if os.environ.get("CSP_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), "a new table: write its golden file"
    assert json.loads(path.read_text(encoding="utf-8")) == golden(contract)
    assert list(json.loads(path.read_text(encoding="utf-8"))["columns"]) == [c.name for c in contract.columns]


def test_no_golden_file_of_a_table_gone():
    assert {path.stem for path in GOLDEN.glob("*.json")} == {c.table for c in PUBLISHED}


# --- modules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=id_of)
def test_every_module_says_its_one_job(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if path.name != "__init__.py" or tree.body:
        said = ast.get_docstring(tree)
        assert said, "a module docstring"
        assert said.splitlines()[0].rstrip().endswith((".", ":", ",")) or len(said) > 40
    assert len(text.splitlines()) < 700, "time to make two modules of it"


@pytest.mark.parametrize("path", MODULES, ids=id_of)
def test_nothing_unfinished_and_nothing_of_one_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(?:TODO|FIXME|XXX|HACK)\b", text)
    assert not re.search(r"[\"'\s](?:/home/|/root/|/Users/|/tmp/)", text)
    for node in ast.walk(ast.parse(text)):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert is for tests"


def test_nothing_reads_the_environment_when_imported():
    """A module imported once serves runs of different roots: `os.environ` is read inside functions."""
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            for inner in ast.walk(node):
                if isinstance(inner, ast.Attribute) and inner.attr in {"environ", "getenv"}:
                    pytest.fail(f"{id_of(path)} line {inner.lineno}")


def test_what_ships_is_what_is_written():
    """The wheel carries every room, and what their modules read beside them."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(ROOMS)
    assert pyproject["project"]["scripts"]["csp"] == "pipeline.cli:main"
