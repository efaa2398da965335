"""A Table Schema per CSV file, from its contract: what every column is and what its values hold.

https://specs.frictionlessdata.io/table-schema/, version 1. It describes the file as `outputs.csv_tables` writes it, and
judges it alone. References between tables need the whole release: they stand in `datapackage.json`, which belongs
elsewhere.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from outputs.csv_tables import neutralise
from outputs.flat import SEPARATOR
from quality.contract import Column, Contract

_TYPES: dict[str, dict[str, Any]] = {
    "texte": {"type": "string"},
    "liste_texte": {"type": "string"},
    "entier": {"type": "integer"},
    "reel": {"type": "number"},
    "booleen": {"type": "boolean", "trueValues": ["true"], "falseValues": ["false"]},
    "date": {"type": "date"},
}


def table_schema(contract: Contract) -> dict[str, Any]:
    """The schema of a table's CSV.

    A constraint that only warns, or that a share of the values may break, is not in it: a file that breaks it is valid.
    """
    schema: dict[str, Any] = {
        "$schema": "https://frictionlessdata.io/schemas/table-schema.json",
        "name": contract.layer,
        "title": contract.title,
        "description": contract.description,
        "missingValues": [""],
        "fields": [_field(c, in_key=c.name in contract.key) for c in contract.columns if c.type != "geometrie"],
    }
    if contract.key:
        schema["primaryKey"] = list(contract.key)
    return schema


def references(contract: Contract, present: Collection[str]) -> list[dict[str, Any]]:
    """The `foreignKeys` of a table's CSV, those that stop a release.

    Args:
        present: names of the tables that have a CSV; a reference to another is left out.
    """
    return [
        {
            "fields": [key.column],
            "reference": {"resource": key.references.split("__", 1)[1], "fields": [key.to]},
        }
        for key in contract.foreign_keys
        if key.references in present and key.severity == "blocage"
    ]


def write_table_schema(contract: Contract, path: Path) -> None:
    """Write the schema as JSON; same contract, same bytes."""
    text = json.dumps(table_schema(contract), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _field(column: Column, *, in_key: bool) -> dict[str, Any]:
    description = column.description
    if column.unit:
        description += f" Unité : {column.unit}."
    if column.type == "liste_texte":
        description += f" Éléments séparés par {SEPARATOR}."
    field: dict[str, Any] = {"name": column.name, "title": column.title, "description": description}
    field |= _TYPES[column.type]
    if column.example is not None:
        field["example"] = column.example
    if constraints := _constraints(column, in_key=in_key):
        field["constraints"] = constraints
    return field


def _constraints(column: Column, *, in_key: bool) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    blocks = column.severity == "blocage"
    if in_key or (column.required and blocks):
        constraints["required"] = True
    if column.unique and blocks:
        constraints["unique"] = True
    if not blocks or column.mostly < 1 or column.type == "liste_texte":
        return constraints
    if column.values:
        # As the cells are: an apostrophe stands before what a spreadsheet would run.
        values = pl.DataFrame({"v": list(dict.fromkeys(column.values))})
        constraints["enum"] = values.select(neutralise(pl.col("v")))["v"].to_list()
    if column.pattern:
        constraints["pattern"] = column.pattern
    for name, bound in (("minimum", column.min), ("maximum", column.max)):
        if bound is not None:
            constraints[name] = int(bound) if column.type == "entier" else bound
    return constraints
