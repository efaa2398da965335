"""Postal addresses: the same place written in many ways is one canonical address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.referentiel.geocode.address import Address, address_of, normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12, AV. du Gal de Gaulle - BP 12", "12 avenue du general de gaulle"),
        ("12 avenue du Général-de-Gaulle", "12 avenue du general de gaulle"),
        ("Mairie, 12 avenue du général de Gaulle", "12 avenue du general de gaulle"),
        ("12, rue des Jardins", "12 rue des jardins"),
        ("12 r des Jardins", "12 rue des jardins"),
        ("n°12 rue des Jardins", "12 rue des jardins"),
        ("12bis r. des Jardins", "12 bis rue des jardins"),
        ("12 B rue des Jardins", "12 bis rue des jardins"),
        ("12 TER Bd St-Michel", "12 ter boulevard saint michel"),
        ("12-14 bld Saint Michel", "12 boulevard saint michel"),
        ("24-28 Villa-Baudran", "24 villa baudran"),
        ("Place du 8 mai 1945", "place du 8 mai 1945"),
        ("1 rue du 8 mai 1945", "1 rue du 8 mai 1945"),
        ("5 Grande Rue", "5 grande rue"),
        ("2 pl. de l'Hôtel de Ville 05000 GAP CEDEX 9", "2 place de l hotel de ville"),
        ("ZA la Plaine 3 allée des Pins", "3 allee des pins"),
        ("Hôtel de ville Pl de la Mairie", "place de la mairie"),
        ("Route départementale 12", "route departementale 12"),
        ("1 a l'ancienne école", "1 a l ancienne ecole"),
        ("Le Bourg", "le bourg"),
        ("CS 40217", None),
        ("BP 12 CEDEX", None),
        ("12", None),
        ("  ", None),
        (None, None),
    ],
)
def test_one_spelling(text, expected):
    found = normalise(text)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(
    ("text", "is_street"),
    [
        ("12 le Bourg", True),
        ("Rue Haute", True),
        ("Cité administrative", False),
        ("Mairie", False),
        ("Le Bourg", False),
    ],
)
def test_what_names_a_street(text, is_street):
    found = normalise(text)
    assert found is not None
    assert found.is_street == is_street


@pytest.mark.parametrize(
    ("address", "complement", "expected"),
    [
        ("BP 12", "3 rue Haute", Address(3, None, "rue haute")),
        ("Bâtiment B", "rue Haute", Address(None, None, "rue haute")),
        ("rue Haute", "3 rue Basse", Address(3, None, "rue basse")),
        ("Mairie", None, Address(None, None, "mairie")),
        (None, None, None),
    ],
)
def test_the_street_may_be_in_either_field(address, complement, expected):
    assert address_of(address, complement) == expected


_KINDS = ("rue", "r", "r.", "av", "avenue", "bd", "place", "pl", "lot", "zi", "hôtel", "BP", "CS", "Église", "Mairie")
_NUMBERS = ("12", "12bis", "8", "1945", "05000", "n°", "bis", "b", "ter", "quater")
_OTHERS = ("st", "saint", "ste", "col", "gal", "mai", "de", "la", "l'", "d'", ",", "-", "CEDEX", "GAP")
_WORDS = st.sampled_from((*_KINDS, *_NUMBERS, *_OTHERS))


@given(st.lists(_WORDS, max_size=9).map(" ".join) | st.text(max_size=40))
def test_a_canonical_address_is_its_own_canonical_address(text):
    found = normalise(text)
    if found is not None:
        assert normalise(str(found)) == found
        assert str(found) == str(found).lower()
        assert found.number is None or 0 < found.number < 10_000


@given(st.integers(1, 9999), st.sampled_from(["", "bis", "ter"]), st.sampled_from(["rue", "avenue", "place", "chemin"]))
def test_case_accents_and_punctuation_say_nothing(number, repetition, kind):
    plain = f"{number} {repetition} {kind} de l eglise"
    for written in (
        plain.upper(),
        f"{number}{repetition}, {kind} de l’Église",
        f"  {number}, {repetition} {kind} DE L'EGLISE ",
    ):
        assert normalise(written) == normalise(plain)
