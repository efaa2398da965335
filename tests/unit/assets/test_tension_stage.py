"""The whole stage on a small country: one département with roads, one without; cells in one, mairies in the other.

Every table follows its contract, Great Expectations included; numbers of a case small enough to compute by hand.
"""

from datetime import date

import pytest

from assets.access.settings import settings
from assets.tension import stage
from assets.tension.tables import (
    ACCESS,
    BASKETS,
    DEMAND,
    EQUITY,
    INDICATORS,
    MADE,
    MISSING,
    REFERENCES,
    TENSION,
)
from assets.tension.tables import SUPPLY as OFFER
from pipeline.foundations.errors import WrongUse
from quality.contract import all_contracts
from quality.validate import validate_tables
from tests.country import Country, full_context
from tests.tension import FS, MAIRIE

TODAY = date(2026, 1, 31)
ROAD, CROW = "route", "vol d'oiseau"
SECONDS_PER_KM = settings().vol_oiseau.seconds(1_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    country = Country(
        context=full_context(),
        of_communes=[("26064", "habitants_65_ans_ou_plus_pct", 20.0, 10.0), ("26064", "revenu_median", 19_000.0, None)],
    )
    tables = country.write(tmp_path_factory.mktemp("stage"))
    return stage.compute(tables, ["05"], TODAY)


def rows(made, table, niveau, territoire, **key):
    return made[table].filter(niveau=niveau, territoire=territoire, **key).to_dicts()


def one(made, table, niveau, territoire, **key):
    (found,) = rows(made, table, niveau, territoire, **key)
    return found


def test_every_table_is_made_and_follows_its_contract(made):
    assert set(made) == set(MADE)
    contracts = {name: all_contracts()[name] for name in MADE}
    results = validate_tables(dict(made), contracts)
    assert {r.regle: r.observe for r in results if r.statut != "ok"} == {}
    assert all(frame.height for frame in made.values())
    for name, frame in made.items():
        assert frame.equals(contracts[name].conform(frame))


def test_the_mainland_without_roads_is_measured_as_the_crow_flies_and_never_mixed(made):
    access_rows = made[ACCESS].filter(typologie=FS)
    assert set(access_rows.filter(mesure=CROW, niveau="departement")["territoire"]) == {"05", "26"}
    assert set(access_rows.filter(mesure=ROAD, niveau="departement")["territoire"]) == {"05"}
    assert access_rows.filter(mesure=ROAD, niveau="france").height == 0  # 80 people of 200
    # 200067825 lies over the border: by road a part of it alone is measured, which is not enough.
    assert set(access_rows.filter(mesure=ROAD, niveau="epci")["territoire"]) == {"200000001"}
    assert set(access_rows.filter(mesure=CROW, niveau="epci")["territoire"]) == {"200000001", "200067825"}
    suffixed = set(made[INDICATORS].filter(niveau="departement", territoire="26", typologie=FS)["indicateur"])
    assert "temps_moyen_min_vol_oiseau" in suffixed
    assert "temps_moyen_min" not in suffixed


def test_access_by_road_is_that_of_the_pairs(made):
    here = one(made, ACCESS, "commune", "05023", typologie=FS, mesure=ROAD)
    assert here["population"] == 40
    assert (here["temps_moyen_min"], here["sans_temps_pct"]) == (18, 75)  # C2 has no way to an implantation
    assert (here["population_15_min_pct"], here["population_20_min_pct"]) == (0, 25)
    assert here["habitants_au_dela_20_min"] == 30
    # C1 reaches both: the union of Mo-Fr 08-12 and We 14-17 is 23 h; C2 the permanence alone.
    assert here["heures_accessibles_semaine"] == pytest.approx((10 * 23 + 30 * 3) / 40)
    assert here["jours_ouverts_semaine"] == pytest.approx((10 * 5 + 30 * 1) / 40)
    assert here["menages_pauvres_20_min_pct"] == 50
    assert here["habitants_65_ans_ou_plus_20_min_pct"] == 25


def test_access_as_the_crow_flies_is_a_straight_line(made):
    here = one(made, ACCESS, "commune", "26113", typologie=FS, mesure=CROW)
    seconds = round((3_000**2 + 1_000**2) ** 0.5 / 1_000 * SECONDS_PER_KM)
    assert (here["population"], here["temps_moyen_min"]) == (70, round(seconds / 60, 2))
    assert here["habitants_65_ans_ou_plus_20_min_pct"] is None  # nobody counts them there
    assert (
        one(made, ACCESS, "commune", "26064", typologie=FS, mesure=CROW)["habitants_65_ans_ou_plus_20_min_pct"] == 100
    )
    whole = one(made, ACCESS, "france", "FR", typologie=FS, mesure=CROW)
    assert whole["population"] == 10 + 30 + 40 + 50 + 70


def test_supply_is_shared_out_among_potential_users(made):
    """Within 20 minutes by road: P0 (20 h) has C1 and C3, P1 (3 h) has C1, C2 and C3."""
    here = one(made, DEMAND, "commune", "05023", typologie=FS, mesure=ROAD)
    first, second = 20 / (10 + 40), 3 / (10 + 30 + 40)
    assert here["usagers_potentiels"] == 40
    assert here["offre_2sfca"] == pytest.approx((10 * (first + second) + 30 * second) / 40, rel=1e-5)
    steps = {4: 1, 11: 2 / 3, 18: 1 / 3, 2: 1, 19: 1 / 3}
    near, far = 20 / (10 * steps[18] + 40 * steps[2]), 3 / (10 * steps[4] + 30 * steps[11] + 40 * steps[19])
    mine = (10 * (steps[18] * near + steps[4] * far) + 30 * steps[11] * far) / 40
    assert here["offre_minutes_pour_100"] == pytest.approx(6_000 * mine, rel=1e-5)
    assert here["part_connue_pct"] == 100
    shared = made[DEMAND].filter(niveau="commune", typologie=FS, mesure=ROAD)
    assert (shared["usagers_potentiels"] * shared["offre_2sfca"]).sum() == pytest.approx(23, rel=1e-5)


def test_counters_are_counted_whatever_the_measure(made):
    assert one(made, OFFER, "departement", "05", typologie=FS)["nb_points_accueil"] == 2
    assert one(made, OFFER, "france", "FR", typologie=FS)["nb_implantations"] == 2
    assert one(made, OFFER, "france", "FR", typologie=FS)["heures_hebdo_moyennes"] == 13
    assert one(made, OFFER, "france", "FR", typologie=FS)["points_accueil_pour_100000"] == pytest.approx(
        3e5 / 420, abs=1e-3
    )
    assert one(made, OFFER, "france", "FR", typologie=MAIRIE)["heures_hebdo_moyennes"] is None


def test_typologies_no_feed_gives_have_no_row_but_baskets_name_them(made):
    assert set(made[ACCESS]["typologie"]) == set(made[DEMAND]["typologie"]) == {FS, MAIRIE}
    basket = one(made, BASKETS, "commune", "05061", panier="proximite", mesure=ROAD)
    assert basket["services_sans_guichet"] == "Point de contact La Poste, École primaire, Maison de santé"
    assert (basket["temps_moyen_min"], basket["maillon_faible"]) == (2.5, MAIRIE)
    assert basket["services_un_lieu"] == 2  # the mairie and the France services are at one place
    assert basket["panier_complet_pct"] == 100
    lacking = rows(made, MISSING, "commune", "05023", panier="proximite", mesure=ROAD)
    assert [(r["typologie"], r["habitants_sans"]) for r in lacking] == [(MAIRIE, 40), (FS, 30)]


def test_equity_is_measured_where_a_level_is(made):
    assert {(r[0], r[1]) for r in made[EQUITY].filter(mesure=ROAD).select("niveau", "territoire").rows()} == {
        ("departement", "05"),
        ("region", "93"),
    }
    assert one(made, EQUITY, "departement", "05", typologie=FS, mesure=ROAD)["fgt_0"] == pytest.approx(30 / 80)


def test_the_index_is_of_communes_and_epci_for_each_measure(made):
    table = made[TENSION]
    assert set(table.filter(niveau="commune", mesure=ROAD)["territoire"]) == {"05023", "05061"}
    assert table.filter(niveau="commune", mesure=CROW).height == 4
    assert table.filter(niveau="epci", mesure=ROAD)["territoire"].to_list() == ["200000001"]
    worst = one(made, TENSION, "commune", "05023", mesure=ROAD)
    access_row = one(made, ACCESS, "commune", "05023", typologie=FS, mesure=ROAD)
    demand_row = one(made, DEMAND, "commune", "05023", typologie=FS, mesure=ROAD)
    assert worst["habitants_au_dela_pct"] == 100 - access_row["population_20_min_pct"]
    assert worst["heures_accessibles_semaine"] == access_row["heures_accessibles_semaine"]
    assert worst["minutes_pour_100"] == pytest.approx(demand_row["offre_minutes_pour_100"], abs=1e-4)
    assert worst["population"] == 100


def test_what_a_territory_is_compared_with_is_of_its_level_and_class(made):
    key = {"niveau": "departement", "typologie": FS, "mesure": CROW, "indicateur": "temps_moyen_min"}
    (found,) = made[REFERENCES].filter(classe="ensemble", **key).to_dicts()
    by_code = {
        d: one(made, ACCESS, "departement", d, typologie=FS, mesure=CROW)["temps_moyen_min"] for d in ("05", "26")
    }
    assert (found["minimum"], found["maximum"], found["territoires"]) == (
        min(by_code.values()),
        max(by_code.values()),
        2,
    )
    assert found["valeur_france"] == one(made, ACCESS, "france", "FR", typologie=FS, mesure=CROW)["temps_moyen_min"]
    assert (
        made[REFERENCES].filter(mesure=ROAD)["valeur_france"].null_count()
        == made[REFERENCES].filter(mesure=ROAD).height
    )
    of_supply = made[REFERENCES].filter(indicateur="nb_implantations", niveau="departement", typologie=FS)
    assert set(of_supply["mesure"]) == {"sans objet"}
    assert set(made[REFERENCES].filter(niveau="commune")["classe"]) == {"ensemble", "Rural", "Urbain dense"}


def test_the_same_tables_give_the_same_bytes(made, tmp_path):
    country = Country(
        context=full_context(),
        of_communes=[("26064", "habitants_65_ans_ou_plus_pct", 20.0, 10.0), ("26064", "revenu_median", 19_000.0, None)],
    )
    again = stage.compute(country.write(tmp_path), ["05"], TODAY)
    for name, frame in made.items():
        assert frame.equals(again[name]), name


def test_where_all_is_on_roads_nothing_is_estimated(tmp_path):
    country = Country()
    country.communes = country.communes[:2]
    country.counters = [c for c in country.counters if c["commune"].startswith("05")]
    country.minutes = {("C1", 0): 18, ("C3", 0): 2, ("C3", 2): 3}
    tables = stage.compute(country.write(tmp_path), ["05"], TODAY)
    assert set(tables[ACCESS]["mesure"]) == {ROAD}
    assert one(tables, ACCESS, "france", "FR", typologie=FS)["population"] == 80


def test_without_any_road_all_is_estimated(tmp_path):
    tables = stage.compute(Country().write(tmp_path), [], TODAY)
    assert set(tables[ACCESS]["mesure"]) == {CROW}
    assert set(tables[TENSION].filter(niveau="epci")["territoire"]) == {"200000001", "200067825"}


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_commune_without_population_has_no_index_and_no_rate(tmp_path):
    country = Country(context=full_context())
    country.communes[3]["population"] = None
    tables = stage.compute(country.write(tmp_path), [], TODAY)
    assert one(tables, ACCESS, "commune", "26113", typologie=FS)["population"] is None
    assert one(tables, ACCESS, "commune", "26113", typologie=FS)["population_20_min_pct"] is None
    assert one(tables, DEMAND, "commune", "26113", typologie=FS)["usagers_potentiels"] is None
    assert one(tables, ACCESS, "departement", "26", typologie=FS)["population"] == 50
    index = one(tables, TENSION, "commune", "26113")
    assert (index["tension_national"], index["motif_national"]) == (None, "population inconnue ou nulle")
    unknown = tables[INDICATORS].filter(territoire="26113", indicateur="population_20_min_pct_vol_oiseau")
    assert unknown["part_inconnue"].unique().to_list() == [1]


@pytest.mark.parametrize(("column", "value"), [("population", -3.0), ("men_pauv", -1.0), ("ind_65_79", float("nan"))])
def test_an_impossible_count_of_a_cell_is_named(column, value, tmp_path):
    country = Country()
    country.cells[1][column] = value
    with pytest.raises(WrongUse) as refused:
        stage.compute(country.write(tmp_path), ["05"], TODAY)
    assert refused.value.expected == "counts of 0 or more"
    assert "1 cells; C2: " in refused.value.found
    assert f"{column} = {value}" in refused.value.found


def test_holes_in_cells_are_unknown_not_zero(tmp_path):
    country = Country()
    country.cells[0]["population"] = None
    country.cells[1]["men_pauv"] = None
    caf = "Caisse d'allocations familiales (Caf)"
    country.counters.append({"commune": "05023", "at": (0, 0), "typology": caf, "hours": "Mo 09:00-12:00"})
    tables = stage.compute(country.write(tmp_path), [], TODAY)
    assert one(tables, ACCESS, "commune", "05023", typologie=FS)["population"] == 30
    assert one(tables, DEMAND, "commune", "05023", typologie=FS)["usagers_potentiels"] == 30
    assert one(tables, DEMAND, "commune", "05023", typologie=caf)["usagers_potentiels"] == 2  # of C1 alone
    assert one(tables, DEMAND, "commune", "26064", typologie=caf)["usagers_potentiels"] is None
    assert one(tables, DEMAND, "departement", "26", typologie=caf)["offre_2sfca"] is None


def test_imputed_cells_count_as_the_others(made):
    assert one(made, ACCESS, "commune", "05061", typologie=FS, mesure=ROAD)["population"] == 40


def test_a_counter_nobody_can_place_is_counted_and_reached_by_nobody(tmp_path):
    country = Country()
    country.counters.append({"commune": "26113", "typology": "Lycée"})
    country.counters.append({"commune": "26113"})
    tables = stage.compute(country.write(tmp_path), [], TODAY)
    assert one(tables, OFFER, "commune", "26113", typologie="Lycée")["nb_implantations"] == 1
    assert tables[ACCESS].filter(typologie="Lycée").height == 0
    here = one(tables, ACCESS, "commune", "26113", typologie=FS)
    assert (here["temps_moyen_min"], here["sans_temps_pct"]) == (None, 100)  # it has one: the nearest is not elsewhere


def test_without_counters_nor_cells_nor_context_there_is_nothing_to_say(tmp_path):
    tables = stage.compute(Country(cells=[], counters=[], minutes={}).write(tmp_path), [], TODAY)
    assert {name: frame.height for name, frame in tables.items()} == dict.fromkeys(MADE, 0)
    for name, frame in tables.items():
        assert frame.schema == all_contracts()[name].polars_schema
