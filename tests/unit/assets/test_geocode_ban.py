"""Addresses looked up in an extract of the BAN: the number, a near one, the street; never the commune."""

from datetime import date

import polars as pl
import pytest

from assets.referentiel.geocode.answers import ANSWER_SCHEMA
from assets.referentiel.geocode.ban import search_ban
from assets.referentiel.geocode.settings import settings
from sources.ban.read import SCHEMA

DAY = date(2026, 3, 1)
DISTRICTS = {"75101": "75056", "75120": "75056"}


@pytest.fixture(scope="module")
def extract():
    rows = [
        ("a", "05061", 2, None, "Rue des Jardins", 6.0801, 44.5601),
        ("b", "05061", 4, "b", "Rue des Jardins", 6.0803, 44.5603),
        ("c", "05061", 10, None, "Rue des Jardins", 6.0810, 44.5610),
        ("d", "05061", 11, None, "Rue des Jardins", 6.0811, 44.5611),
        ("e", "05061", 1, None, "Avenue du Général de Gaulle", 6.09, 44.57),
        ("f", "05061", 8, None, "Place du 8 Mai 1945", 6.095, 44.575),
        ("g", "05061", 1, None, "Rue Pierre Martin", 6.01, 44.51),
        ("h", "05061", 1, None, "Rue Pierre Marton", 6.02, 44.52),
        ("i", "05170", 3, None, "Rue des Jardins", 5.71, 44.42),
        ("j", "75101", 5, None, "Rue Basse", 2.30, 48.80),
        ("k", "75120", 5, None, "Rue Basse", 2.40, 48.90),
        ("l", "75120", 7, None, "Rue Haute", 2.41, 48.91),
    ]
    full = [(i, c, None, n, r, v, x, y) for i, c, n, r, v, x, y in rows]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def _search(extract, *wanted):
    frame = pl.DataFrame(wanted, schema={"code_lieu": pl.String, "cle_adresse": pl.String}, orient="row")
    found = search_ban(frame, extract, settings().ban, day=DAY, districts=DISTRICTS)
    assert found.schema == ANSWER_SCHEMA
    return found


@pytest.mark.parametrize(
    ("code", "address", "method", "longitude", "identifier"),
    [
        ("05061", "2 rue des jardins", "BAN numéro", 6.0801, "a"),
        ("05061", "4 bis rue des jardins", "BAN numéro", 6.0803, "b"),
        ("05061", "4 rue des jardins", "BAN numéro voisin", 6.0803, None),  # only the « bis » exists
        ("05061", "12 rue des jardins", "BAN numéro voisin", 6.0810, None),  # same side first
        ("05061", "13 rue des jardins", "BAN numéro voisin", 6.0811, None),
        ("05061", "98 rue des jardins", "BAN voie", 6.0803, None),  # too far from every number
        ("05061", "rue des jardins", "BAN voie", 6.0803, None),
        ("05061", "2 rue du jardin", "BAN numéro", 6.0801, "a"),  # almost the same words
        ("05061", "8 place du 8 mai 1945", "BAN numéro", 6.095, "f"),
        ("05170", "3 rue des jardins", "BAN numéro", 5.71, "i"),  # each commune has its own
        ("75120", "5 rue basse", "BAN numéro", 2.40, "k"),
        ("75056", "7 rue haute", "BAN numéro", 2.41, "l"),  # one district has that street
    ],
)
def test_found(extract, code, address, method, longitude, identifier):
    row = _search(extract, (code, address)).row(0, named=True)
    assert (row["geocodage_methode"], row["longitude"], row["id_ban"]) == (method, longitude, identifier)
    assert row["geocodage_date"] == DAY
    assert row["motif"] is None
    assert 0 < row["geocodage_score"] <= 1
    assert (row["geocodage_score"] == 1) == (method == "BAN numéro" and address != "2 rue du jardin")


@pytest.mark.parametrize(
    ("code", "address", "reason"),
    [
        ("05061", "3 boulevard inconnu", "voie inconnue"),
        ("05061", "1 place du general de gaulle", "voie inconnue"),  # an avenue is not a place
        ("05061", "2 rue des jardiniers", "voie inconnue"),
        ("05061", "1 rue pierre marten", "voie ambiguë"),
        ("75056", "5 rue basse", "voie de plusieurs arrondissements"),
    ],
)
def test_not_found_says_why(extract, code, address, reason):
    row = _search(extract, (code, address)).row(0, named=True)
    assert (row["longitude"], row["latitude"], row["motif"]) == (None, None, reason)


def test_a_commune_the_extract_does_not_hold_is_not_answered(extract):
    assert _search(extract, ("36044", "2 rue des jardins")).is_empty()


def test_the_same_extract_in_another_order_gives_the_same_answers(extract):
    wanted = [
        ("05061", a) for a in ("12 rue des jardins", "rue des jardins", "4 rue des jardins", "1 rue pierre martin")
    ]
    assert _search(extract, *wanted).equals(_search(extract.reverse(), *wanted))
