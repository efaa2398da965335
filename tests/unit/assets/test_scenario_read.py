"""Scenario files: three forms of the same edits, and what is refused."""

import json

import pytest
import yaml

from assets.scenarios.edits import Close, Merge, Move, Open, Permanence, Tour
from assets.scenarios.read import read_scenario
from pipeline.foundations.errors import WrongUse

EDITS = [
    {"action": "ouvrir", "typologie": "France services", "lieu": {"longitude": 6.1, "latitude": 44.5}},
    {"action": "fermer", "id": "CSPSERV0000000000000001"},
    {"action": "fusionner", "ids": ["A1", "A2"], "lieu": {"guichet": "A1"}},
]


def yaml_file(tmp_path, **changes):
    data = {"nom": "Essai", "base": "2026.11.26", "modifications": EDITS} | changes
    path = tmp_path / "essai.yml"
    path.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}), encoding="utf-8")
    return path


def refused(path, base=None) -> str:
    with pytest.raises(WrongUse) as error:
        read_scenario(path, base)
    return str(error.value)


def test_the_three_forms_say_the_same(tmp_path):
    from_yaml = read_scenario(yaml_file(tmp_path))
    features = [
        {
            "type": "Feature",
            "properties": {"action": "ouvrir", "typologie": "France services"},
            "geometry": {"type": "Point", "coordinates": [6.1, 44.5]},
        },
        {"type": "Feature", "properties": {"action": "fermer", "id": EDITS[1]["id"]}, "geometry": None},
        {
            "type": "Feature",
            "properties": {"action": "fusionner", "ids": "A1|A2", "guichet": "A1"},
            "geometry": None,
        },
    ]
    geojson = tmp_path / "essai.geojson"
    collection = {"type": "FeatureCollection", "nom": "Essai", "base": "2026.11.26", "features": features}
    geojson.write_text(json.dumps(collection), encoding="utf-8")
    rows = tmp_path / "Essai.csv"
    rows.write_text(
        "action;id;ids;typologie;longitude;latitude;guichet\n"
        "ouvrir;;;France services;6.1;44.5;\n"
        f"fermer;{EDITS[1]['id']};;;;;\n"
        "fusionner;;A1|A2;;;;A1\n",
        encoding="utf-8",
    )
    assert read_scenario(geojson) == from_yaml
    assert read_scenario(rows, "2026.11.26") == from_yaml
    assert [type(e) for e in from_yaml.modifications] == [Open, Close, Merge]


def test_every_action_is_read(tmp_path):
    edits = [
        {"action": "deplacer", "id": "A", "lieu": {"lieu_id": "L"}},
        {"action": "changer_horaires", "id": "A", "horaires": "Mo-Fr 09:00-12:00"},
        {"action": "permanence", "typologie": "Mairie", "hote": "A", "horaires": "Tu[2] 09:00-12:00"},
        {
            "action": "itinerance",
            "typologie": "France services",
            "arrets": [{"lieu": {"adresse": "1 rue du Port", "commune": "05061"}, "horaires": "We 09:00-12:00"}],
        },
    ]
    read = read_scenario(yaml_file(tmp_path, modifications=edits))
    assert isinstance(read.modifications[0], Move)
    assert isinstance(read.modifications[2], Permanence)
    assert isinstance(read.modifications[3], Tour)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (
            {"action": "ouvrir", "typologie": "France service", "lieu": {"lieu_id": "L"}},
            "the nearest is « France services »",
        ),
        ({"action": "ouvrir", "typologie": "Mairie", "lieu": {"longitude": 6.0}}, "longitude and latitude go together"),
        ({"action": "ouvrir", "typologie": "Mairie", "lieu": {}}, "one of: longitude and latitude"),
        (
            {"action": "ouvrir", "typologie": "Mairie", "lieu": {"lieu_id": "L", "guichet": "A"}},
            "one of: longitude and latitude",
        ),
        (
            {"action": "ouvrir", "typologie": "Mairie", "lieu": {"longitude": 600, "latitude": 44}},
            "less than or equal to 180",
        ),
        ({"action": "changer_horaires", "id": "A", "horaires": "lundi 9h"}, "is not OSM opening hours"),
        ({"action": "changer_horaires", "id": "A", "horaires": "off"}, "never opens"),
        ({"action": "fusionner", "ids": ["A"], "lieu": {"guichet": "A"}}, "at least 2 items"),
        ({"action": "demolir", "id": "A"}, "does not match any of the expected tags"),
        ({"action": "fermer"}, "Field required"),
        ({"action": "fermer", "id": "A", "quand": "demain"}, "Extra inputs are not permitted"),
        ({"action": "ouvrir", "typologie": "Mairie", "lieu": {"adresse": "1 rue"}}, "Insee code of its commune"),
    ],
)
def test_an_impossible_edit_is_named(tmp_path, edit, expected):
    message = refused(yaml_file(tmp_path, modifications=[EDITS[1], edit]))
    assert expected in message
    assert "edit 2" in message


def test_every_fault_is_listed(tmp_path):
    message = refused(yaml_file(tmp_path, nom="", modifications=[{"action": "fermer"}, {"action": "fermer"}]))
    assert "nom" in message
    assert "edit 1" in message
    assert "edit 2" in message


def test_an_empty_scenario_is_refused(tmp_path):
    assert "at least 1 item" in refused(yaml_file(tmp_path, modifications=[]))


def test_a_base_is_needed_and_must_agree(tmp_path):
    assert "give --release" in refused(yaml_file(tmp_path, base=None))
    assert read_scenario(yaml_file(tmp_path, base=None), "2026.11.26").base == "2026.11.26"
    assert "one on 2026.11.26" in refused(yaml_file(tmp_path), "2026.10.01")
    assert "base" in refused(yaml_file(tmp_path, base="demain"))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "x", "a name in .yml"),
        ("a.yml", "- 1", "a mapping"),
        ("a.yml", "nom: [", "readable UTF-8"),
        ("a.geojson", '{"type": "Feature"}', "FeatureCollection"),
        ("a.geojson", "{", "readable UTF-8"),
        (
            "a.geojson",
            '{"type":"FeatureCollection","features":[{"properties":{},"geometry":{"type":"LineString","coordinates":[]}}]}',
            "points",
        ),
        ("a.csv", "action,ou\nfermer,ici\n", "columns among"),
    ],
)
def test_another_form_is_refused(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert expected in refused(path, "2026.11.26")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"action\n\xff\xfe\n")
    assert "readable UTF-8" in refused(path, "2026.11.26")
    assert "readable UTF-8" in refused(tmp_path / "absent.yml")
