"""Rules derived from a contract, without running them."""

import pytest

from pipeline.foundations.errors import WrongUse
from quality.contract import Contract, all_contracts
from quality.suites import rules_of


def contract(*columns: dict, key: tuple[str, ...] = ("id",), **more) -> Contract:
    named = [{"title": c["name"].upper(), "description": "…", "type": "texte", **c} for c in columns]
    return Contract.model_validate(
        {"table": "essai__lieux", "title": "Lieux", "description": "…", "key": key, "columns": named, **more}
    )


def ids(c: Contract) -> list[str]:
    return [r.regle for r in rules_of(c)]


def test_each_constraint_becomes_one_rule_with_a_stable_id():
    c = contract(
        {"name": "id"},
        {"name": "code", "pattern": "[0-9]{5}", "required": True},
        {"name": "genre", "values": ["a", "b"]},
        {"name": "heures", "type": "reel", "min": 0, "max": 168},
        {"name": "themes", "type": "liste_texte", "values": ["x"]},
        rows={"min": 1, "max": 9},
        foreign_keys=[{"column": "code", "references": "essai__communes", "to": "code"}],
    )
    assert ids(c) == [
        "lieux.colonnes",
        "lieux.lignes.minimum",
        "lieux.lignes.maximum",
        "lieux.id.obligatoire",  # a key is never empty, required or not
        "lieux.id.unique",
        "lieux.code.obligatoire",
        "lieux.code.motif",
        "lieux.genre.valeurs",
        "lieux.heures.bornes",
        "lieux.themes.valeurs",
        "lieux.code.reference",
    ]


def test_a_number_that_may_be_out_of_bounds_must_be_finite():
    c = contract({"name": "id"}, {"name": "h", "type": "reel", "min": 0, "max": 9, "mostly": 0.9})
    assert "lieux.h.fini" in ids(c)
    assert "lieux.h.fini" in ids(contract({"name": "id"}, {"name": "h", "type": "reel", "min": 0}))


def test_a_compound_key_is_one_rule_and_its_parts_are_required():
    found = ids(contract({"name": "a"}, {"name": "b"}, key=("a", "b")))
    assert "lieux.cle.unique" in found
    assert {"lieux.a.obligatoire", "lieux.b.obligatoire"} <= set(found)
    assert "lieux.a.unique" not in found


def test_severity_follows_the_column_but_structure_and_key_always_block():
    c = contract({"name": "id", "severity": "alerte", "pattern": "x"}, rows={"max": 3})
    severities = {r.regle: r.gravite for r in rules_of(c)}
    assert severities["lieux.id.motif"] == "alerte"
    assert severities["lieux.id.unique"] == severities["lieux.colonnes"] == "blocage"
    assert severities["lieux.lignes.maximum"] == "alerte"


def test_titles_and_expectations_are_told_in_french():
    c = contract({"name": "id"}, {"name": "h", "type": "reel", "min": 0.5, "max": 1500, "unit": "h", "mostly": 0.95})
    rule = next(r for r in rules_of(c) if r.regle == "lieux.h.bornes")
    assert rule.titre == "« H » est dans ses bornes"
    assert rule.attendu == "entre 0,5 et 1\u202f500 h pour au moins 95,0\u202f% des valeurs"


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ({"type": "date", "min": 0}, "min and max are for entier and reel"),
        ({"type": "entier", "pattern": "x"}, "pattern and values are for texte and liste_texte"),
        ({"type": "booleen", "values": ["oui"]}, "pattern and values are for texte and liste_texte"),
        ({"type": "liste_texte", "unique": True}, "unique is not for liste_texte"),
        ({"pattern": "(["}, "pattern: unterminated character set"),
        ({"pattern": "(?=a)a"}, "pattern: regex error"),  # Python has it, what judges has not
    ],
)
def test_bad_constraint_is_refused_by_name(column, fault):
    with pytest.raises(WrongUse) as error:
        rules_of(contract({"name": "id"}, {"name": "c", **column}))
    assert fault in error.value.found
    assert "essai__lieux, column c" in error.value.subject


def test_every_contract_of_the_project_gives_rules_with_distinct_ids():
    for c in all_contracts().values():
        found = ids(c)
        assert len(set(found)) == len(found), c.table
