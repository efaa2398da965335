"""Hostile and random input: reading never fails, what comes out is valid, reads back as itself and is measured."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opening_hours import validate

from assets.referentiel.hours import REGLES, interpret, weekly_hours
from assets.referentiel.hours.model import JOURS

FORMATS = ("plages_dila", "jours", "osm", "texte", "motif", None, "inconnu")
_VOCABULARY = """
lundi mardi mercredi samedi dimanche lundis au à et de du le les , ; . : / - ( ) 9h 12h 9h30 14
17h00 8:30 24h/24 matin après-midi midi sauf hors fermé uniquement également sur rendez-vous sans
rdv téléphonique permanence 1er 2e dernier mois semaines paires impaires un deux juillet août 2017
vacances scolaires jours fériés tous état civil maire atelier Mo Tu We Fr [1] off week PH | -- Mo-Fr
09:00-12:00 We,
"""
WORDS = [*_VOCABULARY.split(), "du mois", "sur deux", "14 juillet", "tous les jours", "\n"]


def check(text: str | None, fmt: str | None, note: str | None) -> None:
    hours = interpret(text, fmt, note)
    assert set(hours.regles) <= REGLES.keys()
    assert hours.heures_hebdo is None or hours.heures_hebdo > 0
    if hours.osm is None:
        assert hours.heures_hebdo is None
        return
    assert validate(hours.osm), hours.osm
    assert hours.heures_hebdo == weekly_hours(hours.osm)
    again = interpret(hours.osm, "osm")
    assert again.osm == hours.osm
    assert again.qualite == "exact"


@given(st.text(max_size=80), st.sampled_from(FORMATS), st.none() | st.text(max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_text(text: str, fmt: str | None, note: str | None) -> None:
    check(text, fmt, note)


@given(
    st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join),
    st.sampled_from(["osm", "texte"]),
    st.none() | st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join),
)
@settings(max_examples=600, deadline=None)
def test_words_of_the_subject_in_any_order(text: str, fmt: str, note: str | None) -> None:
    check(text, fmt, note)


PHRASE = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
CLOCK = st.sampled_from(
    [
        "",
        "09:00:00",
        "9:00:00",
        "12:00:00",
        "'14:00:00",
        "17:30:00",
        "00:00:00",
        "23:59:00",
        "02:00:00",
        "2:00:00 PM",
        "x",
    ]
)
PLAGE = st.fixed_dictionaries(
    {
        "nom_jour_debut": st.sampled_from(["Lundi", "Mercredi", "Samedi", "", "Lundredi"]),
        "nom_jour_fin": st.sampled_from(["Mardi", "Vendredi", "Dimanche", ""]),
        "valeur_heure_debut_1": CLOCK,
        "valeur_heure_fin_1": CLOCK,
    },
    optional={"valeur_heure_debut_2": CLOCK, "valeur_heure_fin_2": CLOCK, "commentaire": st.none() | PHRASE},
)


@given(st.lists(PLAGE, max_size=4), st.none() | PHRASE)
@settings(max_examples=300, deadline=None)
def test_any_ranges(plages: list[dict[str, str]], note: str | None) -> None:
    check(json.dumps(plages), "plages_dila", note)


@given(st.dictionaries(st.sampled_from([*JOURS, "férié"]), st.none() | PHRASE, max_size=4), st.none() | PHRASE)
@settings(max_examples=300, deadline=None)
def test_any_days(days: dict[str, str | None], note: str | None) -> None:
    check(json.dumps(days), "jours", note)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda s: st.lists(s) | st.dictionaries(st.text(max_size=5), s),
        max_leaves=8,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_json(value: object) -> None:
    for fmt in ("plages_dila", "jours"):
        check(json.dumps(value), fmt, None)


@pytest.mark.parametrize("text", ["9" * 5000, "lundi " * 3000, "(" * 3000, "9h-" * 3000, "Mo," * 3000, "[" * 3000])
def test_long_input_is_read_quickly(text: str) -> None:
    for fmt in ("osm", "texte", "plages_dila", "jours"):
        check(text, fmt, text)
