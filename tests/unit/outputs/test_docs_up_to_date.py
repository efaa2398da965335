"""The generated pages of docs/ say what the contracts and the source declarations say today."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from outputs.dictionary import dictionary, sources_index
from pipeline.cli import main
from pipeline.commands_docs import generated
from quality.contract import Contract, all_contracts
from sources.registry import all_sources

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", sorted(generated()))
def test_committed_pages_are_up_to_date(name):
    assert (DOCS / name).read_text(encoding="utf-8") == generated()[name], "run `csp docs`"


def test_the_command_agrees():
    result = CliRunner().invoke(main, ["docs", "--check"])
    assert (result.exit_code, result.output) == (0, "docs/ : à jour\n")


def test_every_published_column_is_in_the_dictionary():
    page = dictionary(all_contracts())
    for contract in all_contracts().values():
        section = page.partition(f"\n## {contract.layer}\n")[2].partition("\n## ")[0]
        assert bool(section) == contract.published
        assert all(f"| `{c.name}` |" in section for c in contract.columns if contract.published)


def test_a_column_is_told_with_its_unit_bounds_and_values():
    contract = Contract.model_validate(
        {
            "table": "access__durees",
            "title": "Durées",
            "description": "Par la route.",
            "key": ["code"],
            "foreign_keys": [
                {"column": "code", "references": "territories__communes", "to": "code", "severity": "alerte"}
            ],
            "columns": [
                {
                    "name": "code",
                    "type": "texte",
                    "title": "Code",
                    "description": "A | B.",
                    "required": True,
                    "unique": True,
                },
                {
                    "name": "duree_min",
                    "type": "reel",
                    "title": "Durée",
                    "description": "Trajet.",
                    "unit": "min",
                    "min": 0,
                },
                {
                    "name": "mode",
                    "type": "texte",
                    "title": "Mode",
                    "description": "Moyen.",
                    "values": ["voiture", "pied"],
                },
                {
                    "name": "jour",
                    "type": "texte",
                    "title": "Jour",
                    "description": "Jour.",
                    "values": list("abcdefg"),
                    "severity": "alerte",
                    "mostly": 0.9,
                },
            ],
        }
    )
    page = dictionary({contract.table: contract})
    for line in (
        "- `code` renvoie à `communes.code` (alerte).",
        "| `code` | Code | texte | ● | A \\| B. | unique |",
        "| `duree_min` | Durée | décimal (min) |  | Trajet. | au moins 0 |",
        "| `mode` | Mode | texte |  | Moyen. | voiture ; pied |",
        "| `jour` | Jour | texte |  | Jour. | une des 7 valeurs ci-dessous, pour 90 % des valeurs (alerte) |",
        "- g",
    ):
        assert f"\n{line}\n" in page


def test_a_disabled_source_is_told_apart():
    spec = next(iter(all_sources().values()))
    off = spec.model_copy(update={"id": "eteinte", "enabled": False, "title": "Source éteinte"})
    page = sources_index([spec, off])
    active, _, disabled = page.partition("## Sources désactivées")
    assert f"## {spec.id}\n" in active
    assert "eteinte" not in active
    assert "**Source éteinte** (`eteinte`" in disabled
