"""A record's commune and position: repaired by a named rule, or set aside with an issue; never moved silently."""

import polars as pl
import pytest
import shapely

from assets.referentiel.place import Gazetteer, locate
from pipeline.foundations.issues import IssueLog


def _square(x, y, side=0.1):
    return shapely.to_wkb(shapely.MultiPolygon([shapely.box(x, y, x + side, y + side)]))


@pytest.fixture(scope="module")
def gazetteer():
    communes = pl.DataFrame(
        {
            "code": ["05001", "05002", "36044", "97502"],
            "nom": ["Aspremont-le-Haut", "Saint-Élie", "Châteauneuf", "Île-Perdue"],
            "departement": ["05", "05", "36", "975"],
            "codes_postaux": [["05140"], ["05140", "05150"], ["36000"], ["97500"]],
            "geometrie": [_square(6.0, 44.0), _square(6.1, 44.0), _square(1.6, 46.8), None],
        }
    )
    passage = pl.DataFrame({"code_ancien": ["05999"], "code": ["05002"], "type": ["commune-deleguee"]})
    return Gazetteer(communes, passage)


def _locate(gazetteer, **values):
    row = {
        "id_source": "r",
        "code_insee": None,
        "code_postal": None,
        "commune": None,
        "longitude": None,
        "latitude": None,
        "mairie": False,
        **values,
    }
    schema = {k: pl.Float64 if k in ("longitude", "latitude") else pl.String for k in row} | {"mairie": pl.Boolean}
    issues = IssueLog("essai")
    frame = locate(pl.DataFrame([row], schema=schema), gazetteer, issues)
    return frame.row(0, named=True), issues.frame()["regle"].to_list()


INSIDE = {"longitude": 6.05, "latitude": 44.05}


@pytest.mark.parametrize(
    ("values", "commune", "method", "position", "rules"),
    [
        ({"code_insee": "05001", **INSIDE}, "05001", "code", 6.05, []),
        ({"code_insee": "5001", **INSIDE}, "05001", "code", 6.05, []),
        ({"code_insee": "05999", "longitude": 6.15, "latitude": 44.05}, "05002", "passage", 6.15, []),
        (
            {"code_insee": "05777", "code_postal": "05150", "commune": "SAINT ELIE"},
            "05002",
            "code postal et nom",
            None,
            ["commune-inconnue"],
        ),
        ({"code_insee": "05777", **INSIDE}, "05001", "point", 6.05, ["commune-inconnue"]),
        (
            {"code_insee": "0null", "longitude": 6.15, "latitude": 44.05},
            "05002",
            "point",
            6.15,
            ["code-insee-mal-forme"],
        ),
        ({"code_insee": "05001", "longitude": 44.05, "latitude": 6.05}, "05001", "code", 6.05, ["axes-inverses"]),
        (
            {"code_insee": "05001", "longitude": 44.05, "latitude": 44.05},
            "05001",
            "code",
            None,
            ["latitude-egale-longitude"],
        ),
        ({"code_insee": "05001", "longitude": 0.0, "latitude": 0.0}, "05001", "code", None, ["coordonnees-nulles"]),
        ({"code_insee": "05001", "longitude": 6.05}, "05001", "code", None, ["coordonnee-seule"]),
        ({"code_insee": "05001", "longitude": 1.65, "latitude": 46.85}, "05001", "code", None, ["hors-commune"]),
        ({"code_insee": "97502", "longitude": -56.4, "latitude": 46.8}, "97502", "code", -56.4, []),
        ({"code_insee": "97502", "longitude": -56.4, "latitude": 480.0}, "97502", "code", None, ["hors-territoire"]),
        ({"code_insee": "97502", **INSIDE}, "97502", "code", None, ["hors-commune"]),
        ({"commune": "Nulle-Part"}, None, None, None, ["sans-commune"]),
    ],
)
def test_each_case(gazetteer, values, commune, method, position, rules):
    row, met = _locate(gazetteer, **values)
    assert (row["lieu_code_insee"], row["commune_methode"], row["lieu_longitude"]) == (commune, method, position)
    assert met == rules
    assert (row["position_methode"] is None) == (position is None)


def test_a_point_just_outside_the_simplified_outline_is_believed(gazetteer):
    row, met = _locate(gazetteer, code_insee="05001", longitude=5.992, latitude=44.05)  # about 640 m outside
    assert row["lieu_longitude"] == 5.992
    assert met == []


def test_a_corrected_swap_says_so(gazetteer):
    row, _ = _locate(gazetteer, code_insee="05001", longitude=44.05, latitude=6.05)
    assert row["position_methode"] == "axes inversés corrigés"
    assert row["lieu_latitude"] == 44.05


@pytest.mark.parametrize(
    ("mairie", "position", "rule"), [(True, None, "hors-commune"), (False, 5.95, "commune-voisine")]
)
def test_a_mairie_is_in_its_commune_another_service_may_stand_next_door(gazetteer, mairie, position, rule):
    row, met = _locate(gazetteer, code_insee="05001", longitude=5.95, latitude=44.05, mairie=mairie)  # about 4 km
    assert row["lieu_longitude"] == position
    assert met == [rule]
    assert row["position_methode"] == (None if mairie else "source, hors de la commune")
