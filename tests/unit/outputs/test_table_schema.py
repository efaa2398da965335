"""Table Schema: sound for frictionless, true of the CSV beside it, which it judges alone."""

import json

import pytest
from frictionless import Package, Resource, Schema, validate

from outputs.csv_tables import write_csv
from outputs.table_schema import references, table_schema, write_table_schema
from quality.contract import Contract, all_contracts
from tests.tables import release


def described(contract, present):
    """The schema of the whole release: that of the file, and references."""
    keys = references(contract, present)
    return {**table_schema(contract), **({"foreignKeys": keys} if keys else {})}


@pytest.fixture
def package(tmp_path):
    tables = release()
    names = {c.table for c, _ in tables}
    for contract, frame in tables:
        write_csv(frame, contract, tmp_path / f"{contract.layer}.csv")
        write_table_schema(contract, tmp_path / f"{contract.layer}.schema.json")
    return Package(
        resources=[
            Resource(
                name=c.layer,
                path=f"{c.layer}.csv",
                schema=Schema.from_descriptor(described(c, names)),
                basepath=str(tmp_path),
            )
            for c, _ in tables
        ]
    )


@pytest.mark.parametrize("contract", [c for c in all_contracts().values() if c.published], ids=lambda c: c.table)
def test_every_published_table_has_a_sound_schema(contract):
    schema = described(contract, all_contracts())
    assert Schema.from_descriptor(schema).to_descriptor()["primaryKey"] == list(contract.key)
    assert all(f["title"] and f["description"] for f in schema["fields"])


def faults(package):
    return [(task.name, e.type) for task in package.validate().tasks for e in task.errors]


def test_hostile_values_are_valid_beside_their_schema(package):
    # The one thématique outside any list, and the typologies, hold; references too.
    assert [f for f in faults(package) if f[1] != "foreign-key"] == []


@pytest.mark.usefixtures("package")
def test_a_csv_is_valid_alone_with_its_schema(tmp_path):
    for path in sorted(tmp_path.glob("*.csv")):
        report = validate(path.name, schema=f"{path.stem}.schema.json", basepath=str(tmp_path))
        assert report.valid, report.flatten(["rowNumber", "fieldName", "type", "message"])


def test_a_broken_reference_is_found_in_the_package_only(package, tmp_path):
    path = tmp_path / "acces_communes.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("05046,05,France", "05999,05,France"), encoding="utf-8")
    assert ("acces_communes", "foreign-key") in faults(package)
    assert validate(path.name, schema="acces_communes.schema.json", basepath=str(tmp_path)).valid


def test_a_value_off_its_list_and_a_broken_key_are_found(package, tmp_path):
    path = tmp_path / "acces_communes.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("calculé", "deviné", 1).replace("05046,05,France", "05023,05,France"), "utf-8")
    kinds = {kind for name, kind in faults(package) if name == "acces_communes"}
    assert {"constraint-error", "primary-key"} <= kinds


CONTRACT = Contract.model_validate(
    {
        "table": "a__essai",
        "title": "Essai",
        "description": "D.",
        "key": ["code"],
        "foreign_keys": [
            {"column": "code", "references": "a__ici", "to": "code"},
            {"column": "code", "references": "a__ailleurs", "to": "code"},
        ],
        "columns": [
            {"name": "code", "type": "texte", "title": "C", "description": "C.", "values": ["l'un", "=1"]},
            {"name": "n", "type": "entier", "title": "N", "description": "N.", "min": 0, "unit": "m"},
            {"name": "x", "type": "reel", "title": "X", "description": "X.", "max": 9, "mostly": 0.9},
            {"name": "y", "type": "texte", "title": "Y", "description": "Y.", "required": True, "severity": "alerte"},
            {"name": "l", "type": "liste_texte", "title": "L", "description": "L.", "pattern": "a"},
            {"name": "g", "type": "geometrie", "title": "G", "description": "G."},
        ],
    }
)


def test_only_what_stops_a_release_constrains_the_file():
    schema = json.loads(json.dumps(table_schema(CONTRACT)))
    by_name = {f["name"]: f for f in schema["fields"]}
    assert list(by_name) == ["code", "n", "x", "y", "l"]
    assert by_name["code"]["constraints"] == {"required": True, "enum": ["l'un", "'=1"]}
    assert by_name["n"]["constraints"] == {"minimum": 0}
    assert by_name["n"]["description"] == "N. Unité : m."
    assert all("constraints" not in by_name[n] for n in ("x", "y", "l"))
    assert "foreignKeys" not in schema
    assert [k["reference"]["resource"] for k in references(CONTRACT, {"a__ici"})] == ["ici"]
