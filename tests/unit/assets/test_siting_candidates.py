"""Candidates: public places of a territory, and files of points that nobody vouches for."""

import contextlib
from pathlib import Path

import polars as pl
import pytest
import shapely
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from assets.scenarios import siting_candidates
from assets.scenarios.siting_candidates import CANDIDATE_SCHEMA, listed, public_places
from assets.scenarios.siting_settings import load_settings
from pipeline.foundations.errors import WrongUse

FIXTURES = Path(__file__).parents[2] / "fixtures" / "siting"
#: Two square communes side by side, in degrees.
COMMUNES = pl.DataFrame(
    {
        "code": ["05001", "05002"],
        "departement": ["05", "05"],
        "geometrie": [shapely.to_wkb(shapely.box(x, 0, x + 1, 1)) for x in (0, 1)],
    }
)
PLACES = pl.DataFrame(
    {
        "lieu_id": ["CSPLIEU3", "CSPLIEU1", "CSPLIEU2", "CSPLIEU4", "CSPLIEU5"],
        "lieu_nom": ["Poste", "Mairie", "Mairie annexe", "Ailleurs", "Nulle part"],
        "lieu_code_insee": ["05001", "05001", "05002", "38185", "05001"],
        "lieu_code_departement": ["05", "05", "05", "38", "05"],
        "lieu_longitude": [0.1, 0.2, 1.1, 5.0, None],
        "lieu_latitude": [0.1, 0.2, 0.3, 45.0, None],
        "typologies": [["Point de contact La Poste"], ["Mairie"], ["Mairie"], ["Mairie"], ["Mairie"]],
    }
)


def test_places_of_the_territory_that_have_a_position_and_not_the_service():
    found = public_places(PLACES, COMMUNES["code"], pl.Series(["CSPLIEU2"]))
    assert found.schema == CANDIDATE_SCHEMA
    assert found["lieu_id"].to_list() == ["CSPLIEU1", "CSPLIEU3"]


@pytest.mark.parametrize("name", ["candidats.csv", "candidats.geojson"])
def test_a_list_is_read(name):
    found = listed(FIXTURES / name, COMMUNES)
    assert found.schema == CANDIDATE_SCHEMA
    assert found["nom"].to_list() == ["Salle des fêtes", "Ancienne école"]
    assert found["code_insee"].to_list() == ["05001", "05002"]
    assert found["lieu_id"].null_count() == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_colonnes.csv", "the columns nom, longitude, latitude; found nom, lon, lat"),
        ("bad_nombres.csv", "point 1, longitude: .*point 2, nom: .*point 2, latitude: "),
        ("bad_en_mer.csv", r"points in a commune; found Phare \(12, 40\)"),
        ("bad_vide.csv", "one point at least"),
        ("bad_ligne.geojson", "point 1, longitude: Field required"),
        ("bad_liste.json", "a GeoJSON FeatureCollection"),
        ("absent.csv", "a readable UTF-8 file"),
        ("candidats.xlsx", "a name in .csv, .geojson, .json"),
    ],
)
def test_bad_lists(name, message):
    with pytest.raises(WrongUse, match=message):
        listed(FIXTURES / name, COMMUNES)


def test_a_list_is_bounded(monkeypatch):
    few = load_settings().model_copy(update={"candidats_max": 1})
    monkeypatch.setattr(siting_candidates, "settings", lambda: few)
    with pytest.raises(WrongUse, match="at most 1 points; found 2"):
        listed(FIXTURES / "candidats.csv", COMMUNES)
    tiny = load_settings().model_copy(update={"octets_max": 10})
    monkeypatch.setattr(siting_candidates, "settings", lambda: tiny)
    with pytest.raises(WrongUse, match="at most 10 bytes"):
        listed(FIXTURES / "candidats.csv", COMMUNES)


def test_nested_beyond_reason(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(WrongUse, match="a readable UTF-8 file"):
        listed(path, COMMUNES)


@examples(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([".csv", ".geojson"]))
def test_whatever_the_bytes_rows_or_a_message(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("octets") / f"liste{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(WrongUse):
        assert listed(path, COMMUNES).height > 0
