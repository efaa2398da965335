"""Which addresses are looked for, and what the records without a position receive."""

from datetime import date

import polars as pl
import pytest

from assets.referentiel.geocode.answers import ANSWER_SCHEMA
from assets.referentiel.geocode.geocoding import best_answers, give_positions, wanted_addresses
from assets.referentiel.geocode.settings import load_settings
from pipeline.foundations.errors import WrongUse

COMMUNES = pl.DataFrame({"code": ["05061", "75056"], "nom": ["Gap", "Paris"]})
SCHEMA = {
    "id_source": pl.String,
    "lieu_code_insee": pl.String,
    "lieu_code_arrondissement_municipal": pl.String,
    "cle_adresse": pl.String,
    "lieu_longitude": pl.Float64,
    "lieu_latitude": pl.Float64,
    "position_methode": pl.String,
    "lieu_id_ban": pl.String,
    "geocodage_methode": pl.String,
    "geocodage_score": pl.Float64,
    "geocodage_date": pl.Date,
    "geocodage_longitude": pl.Float64,
    "geocodage_latitude": pl.Float64,
}


def _constats(*rows):
    full = [dict(zip(("id_source", "lieu_code_insee", "cle_adresse"), row[:3], strict=True)) | row[3] for row in rows]
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in full], schema=SCHEMA)


def _answer(code, address, **values):
    return {"code_lieu": code, "cle_adresse": address, **values}


def _answers(*rows):
    return pl.DataFrame([{name: row.get(name) for name in ANSWER_SCHEMA} for row in rows], schema=ANSWER_SCHEMA)


CENTRE = {"geocodage_methode": "centre de la commune", "geocodage_longitude": 6.0, "geocodage_latitude": 44.0}
BELIEVED = {"lieu_longitude": 6.1, "lieu_latitude": 44.1, "position_methode": "source", "geocodage_methode": "source"}
CONSTATS = _constats(
    ("sans", "05061", "2 rue haute", {}),
    ("centre", "05061", "2 rue haute", CENTRE),
    ("cru", "05061", "2 rue haute", BELIEVED),
    ("mairie", "05061", "mairie", {}),
    ("muet", "05061", None, {}),
    ("paris", "75056", "5 rue basse", {"lieu_code_arrondissement_municipal": "75120", "lieu_id_ban": "du flux"}),
)


def test_only_streets_of_records_without_a_position_are_looked_for():
    assert wanted_addresses(CONSTATS, COMMUNES).rows() == [
        ("05061", "2 rue haute", "Gap", 2),
        ("75120", "5 rue basse", "Paris", 1),
    ]


def test_the_first_geocoder_that_places_is_believed():
    wanted = wanted_addresses(CONSTATS, COMMUNES)
    offline = _answers(
        _answer("05061", "2 rue haute", longitude=1.0, latitude=1.0),
        _answer("75120", "5 rue basse", motif="voie inconnue"),
    )
    online = _answers(
        _answer("05061", "2 rue haute", longitude=2.0, latitude=2.0),
        _answer("75120", "5 rue basse", motif="score trop bas (0.41)"),
    )
    for order, expected in (((offline, online), 1.0), ((online, offline), 2.0), ((online,), 2.0)):
        assert best_answers(wanted, *order)["longitude"].to_list() == [expected, None]
    assert best_answers(wanted, offline, online)["motif"].to_list() == [None, "score trop bas (0.41)"]
    assert best_answers(wanted)["motif"].to_list() == ["pas demandée"] * 2
    assert best_answers(wanted, offline, online)["constats"].to_list() == [2, 1]


def test_positions_go_to_the_records_that_had_none_and_to_no_other():
    found = {
        "latitude": 48.9,
        "geocodage_score": 0.9,
        "geocodage_methode": "BAN voie",
        "geocodage_date": date(2026, 3, 1),
    }
    geocoded = _answers(
        _answer("05061", "2 rue haute", longitude=6.2, id_ban="de la BAN", **found),
        _answer("75120", "5 rue basse", longitude=2.4, id_ban="de la BAN", **found),
        _answer("05061", "mairie", motif="voie inconnue"),
    )
    placed = give_positions(CONSTATS, geocoded)
    assert placed.schema == CONSTATS.schema
    assert placed["id_source"].to_list() == CONSTATS["id_source"].to_list()
    given = {row["id_source"]: row for row in placed.iter_rows(named=True)}
    for name in ("sans", "centre"):
        row = given[name]
        assert (row["lieu_longitude"], row["lieu_latitude"], row["position_methode"]) == (6.2, 48.9, "géocodage")
        assert (row["geocodage_methode"], row["geocodage_score"]) == ("BAN voie", 0.9)
        assert (row["geocodage_date"], row["lieu_id_ban"]) == (date(2026, 3, 1), "de la BAN")
        assert row["geocodage_longitude"] is None
    assert given["paris"]["lieu_id_ban"] == "du flux"
    untouched = ["cru", "mairie", "muet"]
    rest = pl.col("id_source").is_in(untouched)
    assert placed.filter(rest).equals(CONSTATS.filter(rest))


def test_a_centre_that_nothing_replaces_never_becomes_the_position():
    placed = give_positions(CONSTATS, _answers())
    assert placed.equals(CONSTATS)
    assert placed.filter(pl.col("geocodage_methode") == "centre de la commune")["lieu_longitude"].to_list() == [None]


@pytest.mark.parametrize("text", ["ban: 3", "ban: {score_min: 2}", "a: [", "{}"])
def test_bad_settings_are_refused(tmp_path, text):
    path = tmp_path / "geocode.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WrongUse, match="expected geocoding settings"):
        load_settings(path)
