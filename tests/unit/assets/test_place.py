"""A record's commune and position: repaired by a named rule, or set aside with an issue; never moved silently."""

import polars as pl
import pytest
import shapely

from assets.referentiel.place import Gazetteer, locate
from assets.territories.passage import PASSAGE_SCHEMA
from pipeline.foundations.crs import project
from pipeline.foundations.issues import IssueLog
from sources.record import RECORD_SCHEMA


def _square(x, y, side=0.1):
    return shapely.to_wkb(shapely.MultiPolygon([shapely.box(x, y, x + side, y + side)]))


@pytest.fixture(scope="module")
def gazetteer():
    communes = pl.DataFrame(
        [
            ("05001", "Aspremont-le-Haut", "05", ["05140"], _square(6.0, 44.0)),
            ("05002", "Saint-Élie", "05", ["05140", "05150"], _square(6.1, 44.0)),
            ("05003", "Culoz-Béon", "05", ["05160"], _square(6.2, 44.0)),
            ("05004", "Les Orres", "05", ["05160"], _square(6.3, 44.0)),
            ("36044", "Châteauneuf", "36", ["36000"], _square(1.6, 46.8)),
            ("36045", "Talican", "36", ["36010"], _square(1.7, 46.8)),
            ("36046", "Talican-le-Neuf", "36", ["36010"], _square(1.8, 46.8)),
            ("46100", "Espédaillac-sur-Lot", "46", ["46500"], _square(1.9, 44.6)),
            ("46102", "Figeac", "46", ["46100"], _square(2.0, 44.6)),
            ("75056", "Paris", "75", ["75001", "75020", "75116"], _square(2.3, 48.8)),
            ("97302", "Rivière-Haute", "973", ["97300"], _square(-52.4, 4.9)),
            ("97502", "Île-Perdue", "975", ["97500"], None),
        ],
        schema=["code", "nom", "departement", "codes_postaux", "geometrie"],
        orient="row",
    )
    passage = pl.DataFrame(
        [
            ("05999", "05002", "commune-deleguee", "Sainte-Luce", None, None),
            ("75101", "75056", "arrondissement-municipal", "Paris 1er Arrondissement", None, ["75001"]),
            ("75116", "75056", "arrondissement-municipal", "Paris 16e Arrondissement", None, ["75016", "75116"]),
            ("75120", "75056", "arrondissement-municipal", "Paris 20e Arrondissement", None, ["75020"]),
            ("36045", "36045", "scission", "Grand-Talican", ["36045", "36046"], None),
            ("36099", None, "scission", "Talican-Vieux", ["36045", "36046"], None),
        ],
        schema=PASSAGE_SCHEMA,
        orient="row",
    )
    return Gazetteer(communes, passage)


def _frame(rows):
    schema = RECORD_SCHEMA | {"mairie": pl.Boolean()}
    full = [{"id_source": f"r{i}", "mairie": False, **row} for i, row in enumerate(rows)]
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in full], schema=schema)


def _locate_all(gazetteer, rows, source="essai"):
    issues = IssueLog(source)
    return locate(_frame(rows), gazetteer, issues), issues.frame()


def _locate(gazetteer, *, source="essai", **values):
    frame, issues = _locate_all(gazetteer, [values], source)
    return frame.row(0, named=True), issues["regle"].to_list()


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
        ({"longitude": 44.05, "latitude": 6.05}, "05001", "point", 6.05, ["axes-inverses"]),
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
    assert row["geocodage_methode"] == (None if position is None else "source")


@pytest.mark.parametrize(
    ("values", "commune", "method", "rules"),
    [
        # Town as written: saint abbreviated, article moved, CEDEX, name before the merger, almost the name.
        ({"code_postal": "05140", "commune": "ST ELIE"}, "05002", "code postal et nom", []),
        ({"code_postal": "05160", "commune": "ORRES (LES)"}, "05004", "code postal et nom", []),
        ({"code_postal": "05150", "commune": "Ste Luce"}, "05002", "code postal et ancien nom", []),
        ({"code_postal": "05160", "commune": "Culoz"}, "05003", "code postal et nom approché", ["commune-approchee"]),
        (
            {"code_postal": "05160", "commune": "Les Orrres"},
            "05004",
            "code postal et nom approché",
            ["commune-approchee"],
        ),
        ({"code_postal": "36000", "commune": "Le Bourg"}, "36044", "code postal", ["commune-approchee"]),
        ({"code_postal": "36000"}, "36044", "code postal", ["commune-approchee"]),
        # Another town denies the postcode: 36000 alone is Châteauneuf, but Figeac is elsewhere.
        ({"code_postal": "36000", "commune": "Figeac"}, None, None, ["sans-commune"]),
        ({"code_postal": "05160", "commune": "Le Bourg"}, None, None, ["sans-commune"]),
        # The postcode of a CEDEX is a sorting office: 05140 must not find Aspremont.
        ({"code_postal": "05140", "commune": "CULOZ BEON CEDEX 9"}, "05003", "nom et département", []),
        ({"code_postal": "36000", "commune": "Le Bourg CEDEX"}, None, None, ["sans-commune"]),
        # The postcode typed as commune code: 46100 is another commune's code.
        (
            {"code_insee": "46100", "code_postal": "46100", "commune": "FIGEAC"},
            "46102",
            "code postal et nom",
            ["code-postal-recopie"],
        ),
        # Two départements: the name decides.
        (
            {"code_insee": "36044", "code_postal": "05150", "commune": "St-Elie"},
            "05002",
            "code postal et nom",
            ["departement-divergent"],
        ),
        (
            {"code_insee": "36044", "code_postal": "05150", "commune": "Chateauneuf"},
            "36044",
            "code",
            ["departement-divergent"],
        ),
        # A number of letter box typed as postcode.
        (
            {"code_postal": "36000", "adresse": "3 rue Haute CS 36000", "commune": "Châteauneuf"},
            "36044",
            "code postal et nom",
            [],
        ),
        (
            {"code_postal": "40217", "adresse": "3 rue Haute, CS 40217, 05150 St Elie", "commune": "Saint-Élie"},
            "05002",
            "code postal et nom",
            ["numero-de-boite"],
        ),
        # Split codes: by the point, by the name, kept by the commune that kept it, or unknown.
        ({"code_insee": "36045", "longitude": 1.85, "latitude": 46.85}, "36046", "passage et point", []),
        ({"code_insee": "36045", "commune": "Talican le Neuf"}, "36046", "passage et nom", []),
        ({"code_insee": "36045", "commune": "Grand-Talican"}, "36045", "code", []),
        ({"code_insee": "36099", "longitude": 1.75, "latitude": 46.85}, "36045", "passage et point", []),
        ({"code_insee": "36099", "commune": "Talican-Vieux"}, None, None, ["commune-scindee", "sans-commune"]),
    ],
)
def test_each_way_to_a_commune(gazetteer, values, commune, method, rules):
    row, met = _locate(gazetteer, **values)
    assert (row["lieu_code_insee"], row["commune_methode"], met) == (commune, method, rules)


@pytest.mark.parametrize(
    ("values", "district"),
    [
        ({"code_insee": "75120"}, "75120"),
        ({"code_insee": "75056", "code_postal": "75020"}, "75120"),
        ({"code_insee": "75056", "code_postal": "75116"}, "75116"),
        ({"code_insee": "75056", "commune": "PARIS 16"}, "75116"),
        ({"code_postal": "75001", "commune": "Paris 1er arrondissement"}, "75101"),
        ({"code_insee": "75056", "code_postal": "75020", "commune": "Paris Cedex 20"}, None),
        ({"code_insee": "75056"}, None),
        ({"code_insee": "05001", "code_postal": "75020"}, None),
    ],
)
def test_the_commune_of_a_municipal_district_is_the_city(gazetteer, values, district):
    row, _ = _locate(gazetteer, **values)
    assert row["lieu_code_arrondissement_municipal"] == district
    assert row["lieu_code_insee"] == values.get("code_insee", "75056").replace("75120", "75056")


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


@pytest.mark.parametrize(
    ("code", "epsg", "longitude", "latitude"),
    [("05001", 2154, 6.05, 44.05), ("05001", 3857, 6.05, 44.05), ("97302", 2972, -52.35, 4.95)],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_metres_given_as_degrees_are_converted_when_they_fall_in_the_commune(
    gazetteer, code, epsg, longitude, latitude, swapped
):
    x, y = project(pl.Series([longitude]).to_numpy(), pl.Series([latitude]).to_numpy(), epsg)
    x, y = (y, x) if swapped else (x, y)
    row, met = _locate(gazetteer, code_insee=code, longitude=float(x[0]), latitude=float(y[0]))
    assert row["lieu_longitude"] == pytest.approx(longitude, abs=1e-6)
    assert row["lieu_latitude"] == pytest.approx(latitude, abs=1e-6)
    assert (row["position_methode"], met) == ("projection corrigée", ["coordonnees-projetees"])


def test_metres_that_fall_nowhere_near_are_set_aside(gazetteer):
    row, met = _locate(gazetteer, code_insee="05001", longitude=650_000.0, latitude=6_860_000.0)
    assert (row["lieu_longitude"], met) == (None, ["hors-territoire"])


@pytest.mark.parametrize(
    ("source", "word", "method", "rules"),
    [
        ("la_poste", "Géocodé au centre de la commune", "centre de la commune", ["position-a-la-commune"]),
        ("la_poste", "Géocodé au milieu d un îlot", "source, à la voie", []),
        ("la_poste", "Géocodé au numéro", "source", []),
        ("dila", "4", "centre de la commune", ["position-a-la-commune"]),
        ("dila", "-2", "centre de la commune", ["position-a-la-commune"]),
        ("dila", "8", "source", []),
        (
            "finess",
            "4,ATLASANTE,.,ADMIN-EXPRESS-2023,EPSG:2154 (converti de EPSG:2154)",
            "centre de la commune",
            ["position-a-la-commune"],
        ),
        ("bpe", "mauvaise ; converti de EPSG:2154", "centre de la commune", ["position-a-la-commune"]),
        ("bpe", "code 12", "source, à la voie", []),
        ("la_poste", "Géocodé à la louche", "source", ["precision-inconnue"]),
    ],
)
def test_the_feed_s_own_word_for_its_position_is_heeded(gazetteer, source, word, method, rules):
    row, met = _locate(gazetteer, source=source, code_insee="05001", precision_geo=word, **INSIDE)
    assert (row["geocodage_methode"], met) == (method, rules)
    approximate = method == "centre de la commune"
    assert row["lieu_longitude"] == (None if approximate else 6.05)
    assert (row["geocodage_longitude"], row["geocodage_latitude"]) == ((6.05, 44.05) if approximate else (None, None))


@pytest.mark.parametrize(
    ("point", "streets", "shared"),
    [
        ((6.02, 44.02), ["1 rue Haute", "2 av. Basse", "place du Pré"], True),
        ((6.02, 44.02), ["1 rue Haute", "2 rue Haute", "Cité administrative", "BP 12", None], False),
        ((6.02, 44.02), ["131 faubourg Bas", "131 rue du Faubourg-Bas", "131 r du fbg Bas"], False),
        ((6.05, 44.05), ["1 rue Haute", "2 av. Basse"], True),  # the centroid
        ((6.02, 44.02), ["1 rue Haute", "2 av. Basse"], False),
    ],
)
def test_a_point_given_to_several_streets_is_no_counter_s_position(gazetteer, point, streets, shared):
    row = {"code_insee": "05001", "longitude": point[0], "latitude": point[1]}
    frame, issues = _locate_all(gazetteer, [{**row, "adresse": street} for street in streets])
    assert frame["lieu_longitude"].is_null().all() == shared
    assert issues["regle"].to_list() == (["point-partage"] * len(streets) if shared else [])


def test_rows_keep_their_order_and_their_number(gazetteer):
    rows = [{"code_insee": c} for c in ("36045", "05999", None, "75120", "xx", "05001")] * 3
    frame, _ = _locate_all(gazetteer, rows)
    assert frame["id_source"].to_list() == [f"r{i}" for i in range(18)]
    assert frame["code_insee"].to_list() == [row["code_insee"] for row in rows]
    assert not [c for c in frame.columns if c.startswith("_")]


def test_no_records(gazetteer):
    frame, issues = _locate_all(gazetteer, [])
    assert frame.height == issues.height == 0
    assert "lieu_code_arrondissement_municipal" in frame.columns
