"""QML, SLD, project: what they say, whatever the names; the same each time."""

from itertools import pairwise

import pytest
from defusedxml.ElementTree import fromstring

from outputs.qgis.legend import entries
from outputs.qgis.project import View, project
from outputs.qgis.qml import qml
from outputs.qgis.sld import sld
from outputs.style import PLAIN, LayerStyle, look
from quality.contract import Contract, all_contracts

CONTRACTS = {c.layer: c for c in all_contracts().values()}
STYLES = {d.couche: d for d in look().couches}
PALETTES = look().palettes


def of(layer):
    return CONTRACTS[layer], STYLES.get(layer), PALETTES


def classes(column_type="reel", limits=(5, 10), unit="min", low=None, shape="MultiPolygon", **more):
    column = {"name": "v", "type": column_type, "title": "V", "description": "V", "unit": unit, "min": low}
    geometry = {"name": "geometrie", "type": "geometrie", "title": "G", "description": "G"}
    contract = Contract.model_validate(
        {
            "table": "a__b",
            "title": "B",
            "description": "B",
            "key": [],
            "geometry": {"type": shape},
            "columns": [column, geometry],
        }
    )
    style = {"type": "classes", "colonne": "v", "limites": list(limits), "palette": "viridis", **more}
    return contract, LayerStyle.model_validate({"couche": "b", "groupe": "G", "style": style})


def labels(*arguments, **named):
    contract, declared = classes(*arguments, **named)
    return [e.label for e in entries(declared.style, contract, PALETTES)]


def test_labels_of_classes_are_read_in_french():
    assert labels(limits=(0.5, 10)) == ["jusqu’à 0,5 min", "0,5 à 10 min", "plus de 10 min", "non connu"]
    assert labels("entier", (1, 2, 4), None, low=1) == ["1", "2", "3 à 4", "5 et plus", "non connu"]
    assert labels(limits=(0, 25_000), unit=None)[1:3] == ["0 à 25\u202f000", "plus de 25\u202f000"]
    said = {"libelles": ["peu", "assez", "trop"], "libelle_inconnu": "personne ne sait"}
    assert labels(**said) == ["peu", "assez", "trop", "personne ne sait"]


def test_a_ramp_turned_round_makes_what_is_low_dark():
    contract, straight = classes()
    _, turned = classes(inverse=True)
    *shades, unknown = [e.colour for e in entries(straight.style, contract, PALETTES)]
    assert [e.colour for e in entries(turned.style, contract, PALETTES)] == [*reversed(shades), unknown]


def test_graduated_points_grow_and_the_largest_are_drawn_first():
    contract, declared = classes(shape="Point", tailles=[1, 2.5, 5], taille=0.5)
    renderer = fromstring(qml(contract, declared, PALETTES)).find("renderer-v2")
    assert renderer.get("symbollevels") == "1"
    sizes = [float(p.get("v")) for p in renderer.iter("prop") if p.get("k") == "size"]
    assert sizes == [1, 2.5, 5, 0.5]
    *levels, unknown = [int(drawn.get("pass")) for drawn in renderer.iter("layer")]
    assert levels == sorted(levels, reverse=True)
    assert unknown < min(levels)
    marks = [float(e.text) for e in fromstring(sld(contract, declared, PALETTES)).iter() if e.tag.endswith("}Size")]
    assert marks == sorted(marks[:3]) + marks[3:]
    assert marks[2] == pytest.approx(5 * 96 / 25.4, abs=0.05)


def test_a_limit_belongs_to_the_class_below_and_null_has_its_own():
    contract, declared = classes()
    renderer = fromstring(qml(contract, declared, PALETTES)).find("renderer-v2")
    assert renderer.get("type") == "graduatedSymbol"
    assert renderer.get("attr").startswith('coalesce("v",')
    bounds = [(float(r.get("lower")), float(r.get("upper"))) for r in renderer.iter("range")]
    *known, unknown = bounds
    assert all(a[1] == b[0] for a, b in pairwise(known))
    assert unknown[0] == unknown[1] < known[0][0]


def test_counters_have_one_shape_per_structure_and_one_colour_per_thematique():
    shapes = set()
    for layer in ("implantations", "permanences", "itinerances"):
        root = fromstring(qml(*of(layer)))
        assert root.find("renderer-v2").get("type") == "categorizedSymbol"
        values = [c.get("value") for c in root.iter("category")]
        assert values == [*PALETTES.valeurs["thematiques"], ""]
        shapes |= {p.get("v") for p in root.iter("prop") if p.get("k") == "name"}
    assert len(shapes) == 3


def test_fields_have_their_alias_and_their_closed_list():
    root = fromstring(qml(*of("implantations")))
    aliases = {a.get("field"): a.get("name") for a in root.iter("alias")}
    assert aliases["service_nb_heures_hebdo"] == "Heures d'ouverture par semaine (h)"
    field = next(f for f in root.iter("field") if f.get("name") == "service_typologie")
    assert field.find("editWidget").get("type") == "ValueMap"
    listed = {o.get("value") for o in field.iter("Option") if o.get("value")}
    assert "Caisse d'allocations familiales (Caf)" in listed


@pytest.mark.parametrize("layer", ["communes", "isochrones", "lieux", "implantations"])
def test_sld_holds_a_rule_per_entry_of_the_legend(layer):
    root = fromstring(sld(*of(layer)))
    rules = [e for e in root.iter() if e.tag.endswith("}Rule")]
    assert len(rules) == len(entries(STYLES[layer].style, CONTRACTS[layer], PALETTES))


def test_a_layer_without_style_has_a_sober_one_and_a_table_has_its_fields():
    assert fromstring(qml(CONTRACTS["communes"], None, PALETTES)).find("renderer-v2").get("type") == "singleSymbol"
    root = fromstring(qml(CONTRACTS["epci"], None, PALETTES))
    assert root.find("renderer-v2") is None
    assert len(list(root.iter("alias"))) == len(CONTRACTS["epci"].columns)
    assert sld(CONTRACTS["epci"], None, PALETTES) == ""


ABOUT = {"titre": 'L\'été "ici" & <là>', "attribution": "a ; b", "fictif": "oui"}
VIEW = View(2154, (900_000.0, 6_300_000.0, 1_000_000.0, 6_400_000.0))


def written(names, chosen=None):
    chosen = chosen or look()
    contracts = [CONTRACTS[n] for n in names]
    return project(contracts, chosen, file="x.gpkg", view=VIEW, about=ABOUT)


def test_the_project_holds_groups_relations_maps_and_nothing_of_chance():
    names = ["implantations", "permanences", "itinerances", "lieux", "communes", "epci"]
    text = written(names)
    assert text == written(names)
    root = fromstring(text)
    assert root.findtext("title") == ABOUT["titre"]
    assert len(list(root.iter("maplayer"))) == len(names)
    pairs = {(r.get("referencedLayer"), r.get("referencingLayer")) for r in root.iter("relation")}
    assert ("couche_csp_lieux", "couche_csp_implantations") in pairs
    assert ("couche_csp_implantations", "couche_csp_permanences") in pairs
    assert {layer.findtext("datasource") for layer in root.iter("maplayer")} >= {"./x.gpkg|layername=lieux"}
    # Maps name a layer that is not there: left out.
    assert list(root.iter("Layout")) == []


def test_a_project_without_declarations_stands():
    root = fromstring(written(["communes", "epci"], PLAIN))
    assert len(list(root.iter("layer-tree-layer"))) == 2
