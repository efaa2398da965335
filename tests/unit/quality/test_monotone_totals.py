"""Columns in increasing order, and parts that sum up to a whole: what passes, what fails and how it is told."""

import polars as pl
import pytest
from pydantic import ValidationError

from pipeline.foundations.errors import WrongUse
from quality.contract import Contract, all_contracts, load_contract_file
from quality.suites import rules_of
from quality.validate import validate_tables

KEY = ("niveau", "territoire", "typologie")
COLUMNS = [
    *({"name": n, "type": "texte"} for n in KEY),
    *({"name": n, "type": "reel", "title": f"Part à {n[1:]} min"} for n in ("p5", "p10", "p20")),
    {"name": "habitants", "type": "reel"},
    {"name": "guichets", "type": "entier"},
]
DECLARED = {
    "table": "essai__acces",
    "title": "Accès",
    "description": "…",
    "key": KEY,
    "columns": [{"title": c["name"].capitalize(), "description": "…", **c} for c in COLUMNS],
    "monotone": [["p5", "p10", "p20"]],
    "totals": [
        {
            "by": ["typologie"],
            "level": "niveau",
            "parts": "departement",
            "whole": "france",
            "columns": ["habitants", "guichets"],
        }
    ],
}
CONTRACT = Contract.model_validate(DECLARED)
MONOTONE, PEOPLE, COUNTERS = (
    "acces.p5.p20.croissant",
    "acces.habitants.somme.departement",
    "acces.guichets.somme.departement",
)
GOOD = [
    ("departement", "05", "A", 10.0, 20.0, 20.0, 100.4, 1),
    ("departement", "26", "A", 0.0, 0.0, 100.0, 200.0, 2),
    ("epci", "200067825", "A", 1.0, None, 0.5, 7.0, 9),  # another level adds to nothing
    ("france", "FR", "A", 5.0, 10.0, 60.0, 300.0, 3),  # to within one: parts are rounded
    ("departement", "05", "B", None, None, None, None, 0),
    ("departement", "26", "B", None, 50.0, None, 5.0, 0),
    ("france", "FR", "B", 50.0, 50.0 - 1e-9, 50.0, 5.0, 0),
    ("departement", "05", "C", 1.0, 2.0, 3.0, 40.0, 4),
    ("france", "FR", "C", 1.0, 2.0, 3.0, None, 4),  # nobody knows the whole
    ("departement", "05", "D", 1.0, 2.0, 3.0, 40.0, 4),  # measured there alone: no whole
]


def judged(rows):
    frame = pl.DataFrame(rows, schema=CONTRACT.polars_schema, orient="row")
    results = validate_tables({"essai__acces": frame}, {"essai__acces": CONTRACT})
    return {r.regle: r for r in results}


def test_each_declaration_becomes_rules_with_stable_ids():
    assert [r.regle for r in rules_of(CONTRACT)][-3:] == [MONOTONE, PEOPLE, COUNTERS]
    told = {r.regle: r for r in rules_of(CONTRACT)}
    assert told[MONOTONE].titre == "« Part à 5 min » à « Part à 20 min » vont croissant"
    assert told[MONOTONE].attendu == "p5 ≤ p10 ≤ p20"
    assert told[PEOPLE].attendu == "niveau france = somme du niveau departement, à une unité près"
    assert {told[r].gravite for r in (MONOTONE, PEOPLE, COUNTERS)} == {"blocage"}


def test_good_rows_pass_and_unknown_values_say_nothing():
    results = judged(GOOD)
    assert {name: r.observe for name, r in results.items() if r.statut != "ok"} == {}
    assert [results[r].nb_valeurs for r in (MONOTONE, PEOPLE, COUNTERS)] == [10, 2, 3]


def test_a_wider_threshold_that_counts_less_fails_and_is_shown():
    bad = [
        *GOOD,
        ("departement", "38", "A", 30.0, 29.0, 40.0, 0.0, 0),
        ("departement", "04", "A", 3.0, 9.0, 8.9, 0.0, 0),
    ]
    found = judged(bad)[MONOTONE]
    assert (found.statut, found.gravite) == ("échec", "blocage")
    assert found.observe.startswith("2 valeurs en défaut sur 12")
    assert [(e.cle, e.valeur) for e in found.exemples] == [
        ("departement, 38, A", "30.0, 29.0, 40.0"),
        ("departement, 04, A", "3.0, 9.0, 8.9"),
    ]
    assert "un seuil plus large ne peut pas compter moins" in found.remede
    assert judged(bad)[PEOPLE].statut == "ok"


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        (PEOPLE, [("france", "FR", "A", 5.0, 10.0, 60.0, 302.0, 3)]),
        (PEOPLE, [("france", "FR", "A", 5.0, 10.0, 60.0, 299.0, 3)]),
        (COUNTERS, [("france", "FR", "A", 5.0, 10.0, 60.0, 300.0, 5)]),
        (PEOPLE, [("departement", "38", "A", 0.0, 0.0, 0.0, 50.0, 0), GOOD[3]]),  # counted twice
    ],
)
def test_parts_that_do_not_sum_up_fail(rule, rows):
    frame = [*(r for r in GOOD if (r[0], r[2]) != ("france", "A")), *rows]
    results = judged(frame)
    assert results[rule].statut == "échec"
    assert results[rule].observe.startswith("1 valeur en défaut")
    assert "compté deux fois ou oublié" in results[rule].remede
    others = {MONOTONE, PEOPLE, COUNTERS} - {rule}
    assert {results[name].statut for name in others} == {"ok"}


def test_a_large_total_is_held_to_a_millionth():
    parts = [("departement", f"{d:02d}", "A", None, None, None, 700_000.4, 0) for d in range(96)]
    whole = sum(p[6] for p in parts)
    for gap, status in ((50, "ok"), (100, "échec")):
        rows = [*parts, ("france", "FR", "A", None, None, None, whole + gap, 0)]
        assert judged(rows)[PEOPLE].statut == status


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"monotone": [["p5", "p15"]]}, "p15"),
        ({"totals": [{**DECLARED["totals"][0], "by": ["typo"]}]}, "typo"),
        ({"totals": [{**DECLARED["totals"][0], "level": "echelle"}]}, "echelle"),
        ({"totals": [{**DECLARED["totals"][0], "columns": ["menages"]}]}, "menages"),
    ],
)
def test_a_column_that_is_not_there_is_refused(change, name):
    with pytest.raises(ValidationError, match=f"not a declared column: {name}"):
        Contract.model_validate(DECLARED | change)


def test_totals_of_no_column_are_refused(tmp_path):
    path = tmp_path / "essai__acces.yml"
    path.write_text(
        """table: essai__acces
title: A
description: …
key: [a]
totals: [{by: [a], level: a, parts: x, whole: y, columns: []}]
columns: [{name: a, type: texte, title: A, description: …}]
""",
        encoding="utf-8",
    )
    with pytest.raises(WrongUse) as refused:
        load_contract_file(path)
    assert "totals.0.columns" in refused.value.found


def test_the_contracts_of_the_project_say_it_of_numbers():
    """A comparison of texts would pass or fail without sense."""
    for contract in all_contracts().values():
        numbers = [n for names in contract.monotone for n in names] + [n for t in contract.totals for n in t.columns]
        assert {contract.column(n).type for n in numbers} <= {"reel", "entier"}, contract.table
