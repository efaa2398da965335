"""Phrases as feeds write them -> OSM, weekly hours, reception mode: a table reviewed by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from opening_hours import validate

from assets.referentiel.hours import REGLES, interpret

FIXTURES = Path(__file__).parents[2] / "fixtures" / "hours"
PHRASES = yaml.safe_load((FIXTURES / "phrases.yml").read_text(encoding="utf-8"))
BAD = yaml.safe_load((FIXTURES / "bad_hours.yml").read_text(encoding="utf-8"))


def plage(short: str) -> dict[str, str]:
    """`Lundi/Jeudi | 08:30>12:00 | 14:00>17:00 # comment` -> one `plage_ouverture` as DILA writes it."""
    body, _, comment = short.partition(" # ")
    days, *slots = body.split(" | ")
    first, _, last = days.partition("/")
    pairs = [slot.split(">") for slot in slots] + [["", ""]] * 2
    return {
        "nom_jour_debut": first,
        "nom_jour_fin": last or first,
        "valeur_heure_debut_1": pairs[0][0],
        "valeur_heure_fin_1": pairs[0][1],
        "valeur_heure_debut_2": pairs[1][0],
        "valeur_heure_fin_2": pairs[1][1],
        "commentaire": comment,
    }


def written(case: dict[str, Any]) -> str:
    texte = case["texte"]
    if case["format"] == "plages_dila" and isinstance(texte, list):
        texte = [plage(short) for short in texte]
    return texte if isinstance(texte, str) else json.dumps(texte, ensure_ascii=False)


def case_id(case: dict[str, Any]) -> str:
    return f"{case['format']}:{str(case['texte'])[:60]}"


@pytest.mark.parametrize("case", PHRASES, ids=case_id)
def test_phrase(case: dict[str, Any]) -> None:
    hours = interpret(written(case), case["format"], case.get("note"))
    found = (hours.osm, hours.heures_hebdo, hours.modalite, hours.qualite, list(hours.regles))
    assert found == (
        case["osm"],
        case["heures"],
        case.get("modalite"),
        case["qualite"],
        case.get("regles", []),
    ), hours.remarques


def test_table_is_large_and_covers_every_format() -> None:
    assert len(PHRASES) >= 120
    assert {case["format"] for case in PHRASES} == {"plages_dila", "jours", "osm", "texte", "motif"}


@pytest.mark.parametrize("case", [c for c in PHRASES if c["osm"]], ids=case_id)
def test_result_is_valid_and_reads_back_as_itself(case: dict[str, Any]) -> None:
    assert validate(case["osm"])
    again = interpret(case["osm"], "osm")
    assert (again.osm, again.heures_hebdo) == (case["osm"], case["heures"])


@pytest.mark.parametrize("case", BAD, ids=case_id)
def test_bad_hours_are_unknown_and_say_why(case: dict[str, Any]) -> None:
    hours = interpret(case["texte"], case["format"])
    assert (hours.osm, hours.heures_hebdo, hours.qualite) == (None, None, "illisible")
    assert case["regle"] in hours.regles


def test_every_rule_met_has_a_french_sentence() -> None:
    met = {rule for case in PHRASES for rule in case.get("regles", [])}
    assert met <= REGLES.keys()
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in REGLES.values())


def test_phone_hours_are_not_counter_hours() -> None:
    ranges = json.dumps([plage("Lundi/Mardi | 08:30>11:30 # Permanence téléphonique uniquement.")])
    hours = interpret(ranges, "plages_dila")
    assert hours.telephone_seul
    assert hours.osm is None
    assert hours.heures_hebdo is None


def test_untranslated_sentences_are_kept() -> None:
    hours = interpret('{"lundi": "09:00 - 12:00"}', "jours", "Bus devant la salle des fêtes.")
    assert hours.osm == "Mo 09:00-12:00"
    assert hours.remarques == ("Bus devant la salle des fêtes",)


def test_a_restriction_left_untranslated_is_said() -> None:
    hours = interpret('{"lundi": "09:00 - 12:00"}', "jours", "Fermé certains lundis")
    assert hours.qualite == "réparé"
    assert "restriction-non-traduite" in hours.regles


@pytest.mark.parametrize("nothing", [None, "", "  ", "-", "null", "[]", "{}"])
@pytest.mark.parametrize("fmt", ["plages_dila", "jours", "osm", "texte", "motif", None])
def test_nothing_gives_nothing(nothing: str | None, fmt: str | None) -> None:
    hours = interpret(nothing, fmt)
    assert (hours.osm, hours.heures_hebdo, hours.qualite) == (None, None, None)
