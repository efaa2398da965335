"""Tables made from counters and from other tables: supply, what to compare with, the long table, names and digests."""

from datetime import date

import polars as pl
import pytest

from assets.access import tables as access
from assets.tension.long_table import LongTable, indicator_rows, long_table
from assets.tension.references import reference_rows
from assets.tension.supply_counts import supply_table
from assets.tension.tables import INPUTS, digests, measured_departements
from assets.territories.levels import LEVELS
from pipeline.foundations.declared import load
from pipeline.foundations.errors import CspError, WrongUse
from pipeline.foundations.tables import TableStore
from quality.contract import all_contracts
from tests.tension import FS, MAIRIE, held, membership

# --- supply -----------------------------------------------------------------------------------------------------------

MEMBERS = membership(
    {"code": "05023", "epci": None},
    {"code": "05061"},
    {"code": "26064", "departement": "26", "region": "84", "bassin_vie": "26064"},
)
LABELS = [MAIRIE, FS, "Lycée"]


def populations(**of_commune):
    """`niveau, territoire, population` of the territories of `MEMBERS`, from that of communes."""
    known = {"05023": 1_000, "05061": 40_000, "26064": 9_000} | of_commune
    frame = MEMBERS.with_columns(pl.col("code").replace_strict(known).cast(pl.Float64).alias("population"))
    parts = [
        frame.drop_nulls(column)
        .group_by(pl.col(column).alias("territoire"))
        .agg(pl.col("population").sum() if niveau != "commune" else pl.col("population").first())
        .select(pl.lit(niveau).alias("niveau"), "territoire", "population")
        for niveau, column in LEVELS.items()
    ]
    france = pl.DataFrame({"niveau": ["france"], "territoire": ["FR"], "population": [frame["population"].sum()]})
    return pl.concat([*parts, france])


def supply(*counters, lost=None, **population):
    frame = supply_table(held(*counters), MEMBERS, populations(**population), LABELS, lost)
    return all_contracts()["tension__offre"].conform(frame)


def one(frame, niveau, territoire, typologie=FS):
    return frame.filter(niveau=niveau, territoire=territoire, typologie=typologie).row(0, named=True)


def test_every_kind_of_counter_is_counted_and_brought_to_people():
    table = supply(
        {"code_insee": "05061"},
        {"code_insee": "05061", "type_structure": "Permanence"},
        {"code_insee": "05023", "type_structure": "Itinérance"},
        {"code_insee": "26064", "typologie": MAIRIE},
    )
    kinds = ("nb_implantations", "nb_permanences", "nb_itinerances", "nb_points_accueil")
    assert [one(table, "commune", "05061")[k] for k in kinds] == [1, 1, 0, 2]
    assert [one(table, "departement", "05")[k] for k in kinds] == [1, 1, 1, 3]
    assert [one(table, "epci", "200067825")[k] for k in kinds] == [1, 1, 0, 2]  # 05023 is in none
    assert [one(table, "france", "FR")[k] for k in kinds] == [1, 1, 1, 3]
    assert one(table, "commune", "05061")["points_accueil_pour_100000"] == 5
    assert one(table, "departement", "05")["points_accueil_pour_100000"] == pytest.approx(3e5 / 41_000, abs=1e-3)


def test_communes_have_what_they_hold_and_territories_above_every_typology_given():
    table = supply({"code_insee": "05061"}, {"code_insee": "26064", "typologie": MAIRIE}, {"typologie": "Autre"})
    of_communes = table.filter(niveau="commune").select("territoire", "typologie").rows()
    assert of_communes == [("05061", FS), ("26064", MAIRIE)]
    here = one(table, "departement", "26")
    assert (here["nb_points_accueil"], here["points_accueil_pour_100000"]) == (0, 0)
    assert (here["heures_hebdo_moyennes"], here["part_horaires_connus_pct"]) == (None, None)
    assert set(table["typologie"]) == {FS, MAIRIE}, "no feed gives a Lycée: that there is none is not known"
    assert supply().height == 0


def test_rows_are_sorted_by_level_territory_and_typology():
    table = supply({"code_insee": "05061"}, {"code_insee": "05061", "typologie": MAIRIE})
    assert table["niveau"].unique(maintain_order=True).to_list() == [*LEVELS, "france"]
    assert table.filter(niveau="commune")["typologie"].to_list() == [MAIRIE, FS]
    assert table.filter(niveau="departement")["territoire"].to_list() == ["05", "05", "26", "26"]


@pytest.mark.parametrize(
    ("hours", "mean", "known"),
    [
        (["Mo 09:00-12:00", "Mo-Tu 09:00-12:00"], 4.5, 100),
        (["Mo 09:00-12:00", None], 3, 50),  # half is enough
        (["Mo 09:00-12:00", None, None], None, 33.33),
        ([None], None, 0),
        (["Mo 09:00-12:00; Tu unknown", None], None, 0),
    ],
)
def test_the_mean_of_hours_is_shown_where_half_are_known(hours, mean, known):
    table = supply(*({"code_insee": "05061", "horaires": h} for h in hours))
    for niveau, territoire in (("commune", "05061"), ("departement", "05"), ("france", "FR")):
        row = one(table, niveau, territoire)
        assert (row["heures_hebdo_moyennes"], row["part_horaires_connus_pct"]) == (mean, known)


def test_hours_are_those_of_implantations_alone():
    here = {"code_insee": "05061"}
    table = supply(here, {**here, "type_structure": "Permanence", "horaires": None}, {**here, "typologie": MAIRIE})
    assert one(table, "commune", "05061")["part_horaires_connus_pct"] == 100
    alone = supply({**here, "type_structure": "Permanence"})
    assert one(alone, "commune", "05061")["heures_hebdo_moyennes"] is None
    assert one(alone, "commune", "05061")["part_horaires_connus_pct"] is None


def test_a_commune_without_population_has_no_rate():
    table = supply({"code_insee": "05061"}, **{"05061": None})
    assert one(table, "commune", "05061")["population"] is None
    assert one(table, "commune", "05061")["points_accueil_pour_100000"] is None
    assert (
        one(supply({"code_insee": "05061"}, **{"05061": 0}), "commune", "05061")["points_accueil_pour_100000"] is None
    )


# --- what to compare with ---------------------------------------------------------------------------------------------


def wide(*rows):
    """Rows of a wide table: level, territory, typology, value."""
    schema = {"niveau": pl.String, "territoire": pl.String, "typologie": pl.String, "valeur": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.lit("route").alias("mesure"))


def classes(**of):
    made = [("departement", code[1:], name) for code, name in of.items()]
    return pl.DataFrame(made, schema=["niveau", "territoire", "classe_densite"], orient="row")


def compared(table, of=None, **key):
    frame = reference_rows(table, ["valeur"], of if of is not None else classes(_05="Rural"))
    assert all_contracts()["tension__reperes"].conform(frame).height == frame.height
    return frame.filter(**key).to_dicts() if key else frame


def test_a_territory_is_compared_with_its_level_its_class_and_the_country():
    table = wide(
        ("departement", "05", FS, 3.0),
        ("departement", "26", FS, 1.0),
        ("departement", "38", FS, 8.0),
        ("departement", "04", FS, None),
        ("france", "FR", FS, 5.0),
    )
    of = classes(_05="Rural", _26="Rural", _38="Urbain dense", _04="Rural")
    (all_of_them,) = compared(table, of, classe="ensemble")
    assert all_of_them == {
        "niveau": "departement",
        "classe": "ensemble",
        "typologie": FS,
        "mesure": "route",
        "indicateur": "valeur",
        "valeur_france": 5,
        "mediane": 3,
        "minimum": 1,
        "territoire_minimum": "26",
        "maximum": 8,
        "territoire_maximum": "38",
        "territoires": 3,
    }
    (rural,) = compared(table, of, classe="Rural")
    assert (rural["minimum"], rural["mediane"], rural["maximum"], rural["territoires"]) == (1, 2, 3, 2)
    assert rural["valeur_france"] == 5


def test_the_first_code_among_equals_is_named_and_communes_are_not():
    rows = [("departement", d, FS, v) for d, v in (("38", 1.0), ("05", 1.0), ("26", 2.0), ("04", 2.0))]
    communes = [("commune", "05061", FS, 4.0), ("commune", "05023", FS, 9.0)]
    table = wide(*rows, *communes)
    (found,) = compared(table, niveau="departement", classe="ensemble")
    assert (found["territoire_minimum"], found["territoire_maximum"]) == ("05", "04")
    (found,) = compared(table, niveau="commune")
    assert (found["minimum"], found["maximum"]) == (4, 9)
    assert (found["territoire_minimum"], found["territoire_maximum"], found["valeur_france"]) == (None, None, None)


def test_the_median_of_small_values_is_between_the_ends():
    """Hours a person are of a millionth: a median rounded to four decimals would be 0, less than the least."""
    (found,) = compared(
        wide(*(("departement", d, FS, v) for d, v in (("05", 1.2e-5), ("26", 2.6e-5)))), classe="ensemble"
    )
    assert found["mediane"] == pytest.approx(1.9e-5)


def test_nothing_known_is_compared_with_nothing():
    assert compared(wide(("departement", "05", FS, None))).height == 0
    assert reference_rows(wide(), ["valeur"], classes(_05="Rural")).height == 0


# --- the long table ---------------------------------------------------------------------------------------------------

SIX_COLUMNS = ["indicateur", "valeur", "unite", "millesime", "part_inconnue"]


def of_contract(name, *rows):
    """Rows of a wide table, null where nothing is said."""
    schema = all_contracts()[name].polars_schema
    return pl.DataFrame([{c: row.get(c) for c in schema} for row in rows], schema=schema)


def context(*rows):
    columns = ("niveau", "code", "indicateur", "valeur", "unite", "millesime", "part_inconnue")
    schema = dict.fromkeys(columns, pl.String()) | {"valeur": pl.Float64(), "part_inconnue": pl.Float64()}
    return pl.DataFrame([{c: row.get(c) for c in columns} for row in rows], schema=schema)


def in_long(tables=None, of_context=()):
    wides = {t.table: of_contract(t.table, *(tables or {}).get(t.table, [])) for t in long_table().tables}
    rows = indicator_rows(wides, context(*of_context), long_table(), date(2026, 1, 31))
    return all_contracts()["tension__indicateurs"].conform(rows)


def said(frame, indicateur):
    (row,) = frame.filter(indicateur=indicateur).select(SIX_COLUMNS).rows()
    return row[1:]


HERE = {"niveau": "departement", "territoire": "05", "typologie": FS}


def test_estimated_times_are_never_mixed_with_times_by_road():
    rows = [
        {**HERE, "mesure": "route", "temps_moyen_min": 8.0, "sans_temps_pct": 25.0},
        {**HERE, "mesure": "vol d'oiseau", "temps_moyen_min": 5.0, "sans_temps_pct": 0.0},
    ]
    table = in_long({"tension__acces": rows})
    assert said(table, "temps_moyen_min") == (8, "min", "2026-01-31", 0.25)
    assert said(table, "temps_moyen_min_vol_oiseau") == (5, "min", "2026-01-31", 0)


def test_what_is_unknown_is_there_and_says_so():
    row = {
        **HERE,
        "mesure": "route",
        "sans_temps_pct": 10.0,
        "population_20_min_pct": 80.0,
        "heures_accessibles_semaine": 12.0,
        "part_horaires_connus_pct": 75.0,
    }
    table = in_long({"tension__acces": [row]})
    assert said(table, "population_20_min_pct") == (80, "%", "2026-01-31", 0.1)
    assert said(table, "heures_accessibles_semaine") == (12, "h", "2026-01-31", 0.25)  # of hours, not of times
    assert said(table, "temps_q50_min") == (None, "min", "2026-01-31", 1)


def test_supply_has_no_suffix_and_says_what_hours_stand_on():
    row = {**HERE, "nb_implantations": 4, "heures_hebdo_moyennes": 20.0, "part_horaires_connus_pct": 60.0}
    table = in_long({"tension__offre": [row]})
    assert said(table, "nb_implantations") == (4, None, "2026-01-31", 0)
    assert said(table, "heures_hebdo_moyennes") == (20, "h", "2026-01-31", 0.4)


def test_communes_have_less():
    row = {"niveau": "commune", "territoire": "05061", "mesure": "route", "temps_moyen_min": 8.0}
    lycee = {**row, "typologie": "Lycée"}
    supply_row = {"niveau": "commune", "territoire": "05061", "typologie": "Lycée", "nb_points_accueil": 1}
    table = in_long({"tension__acces": [{**row, "typologie": FS}, lycee], "tension__offre": [supply_row]})
    acces = next(t for t in long_table().tables if t.table == "tension__acces")
    assert set(table.filter(typologie=FS)["indicateur"]) == set(acces.communes.colonnes)
    assert table.filter(typologie="Lycée")["indicateur"].to_list() == ["nb_points_accueil"]  # every typology


def test_context_is_in_it_as_it_is():
    row = {
        "niveau": "commune",
        "code": "05061",
        "indicateur": "revenu_median",
        "valeur": 21_000.0,
        "unite": "€",
        "millesime": "2021",
        "part_inconnue": 0.0,
    }
    unknown = {**row, "niveau": "epci", "code": "200067825", "valeur": None, "part_inconnue": 1.0}
    assert in_long(of_context=[row, unknown]).rows() == [
        ("commune", "05061", "(territoire)", "revenu_median", 21_000.0, "€", "2021", 0.0),
        ("epci", "200067825", "(territoire)", "revenu_median", None, "€", "2021", 1.0),
    ]


def test_rows_are_sorted_by_key():
    rows = [{**HERE, "typologie": t, "mesure": "route"} for t in (MAIRIE, FS)]
    table = in_long({"tension__acces": rows, "tension__demande": rows})
    assert table.equals(table.sort("niveau", "territoire", "typologie", "indicateur"))
    assert not table.select("niveau", "territoire", "typologie", "indicateur").is_duplicated().any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tables": [{"table": "tension__nulle"}]}, "tension__nulle: no such table"),
        ({"tables": [{"colonnes": ["nb_guichets"]}]}, "tension__offre: no column nb_guichets"),
        ({"tables": [{"communes": {"colonnes": ["nb_guichets"]}}]}, "tension__offre: no column nb_guichets"),
        ({"tables": [{"connue_pct": {"nb_permanences": "part"}}]}, "tension__offre: no column part"),
        ({"tables": [{"inconnue_pct": {"*": "part"}}]}, "tension__offre: no column part"),
        (
            {"typologies_communes": ["Bureau des songes"]},
            "typologies_communes: Bureau des songes not in typologies.yml",
        ),
        ({"tables": [{}, {}]}, "tables: an indicator is there twice"),
        ({"tables": [{"colonnes": []}]}, "tables.0.colonnes: "),
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
    ],
)
def test_a_bad_choice_is_refused(change, message, tmp_path):
    table = {"table": "tension__offre", "colonnes": ["nb_implantations"], "communes": {"colonnes": []}}
    choice = {"typologies_communes": [FS], "tables": [{}]} | change
    choice["tables"] = [table | t for t in choice["tables"]]
    path = tmp_path / "indicateurs.yml"
    path.write_text(str(choice), encoding="utf-8")  # a literal of Python is YAML too
    with pytest.raises(WrongUse) as refused:
        load(LongTable, path)
    assert message in refused.value.found


# --- names and digests ------------------------------------------------------------------------------------------------


def store(root, *, roads):
    """Tables of access of two départements, one with roads, and empty national ones."""
    tables = TableStore(root)
    empty = pl.DataFrame({"x": []}, schema={"x": pl.Int64})
    for name in {*INPUTS, *access.INPUTS}:
        tables.write(name, empty, recipe="r")
    recipe = access.recipe(tables)
    for departement in ("05", "26"):
        rows = pl.DataFrame({"x": [1]}) if departement in roads else empty
        for name in access.MEASURED:
            tables.write(name, rows, recipe=recipe, departement=departement)
    return tables


def test_departements_measured_have_roads_and_are_up_to_date(tmp_path):
    tables = store(tmp_path, roads=["05"])
    assert measured_departements(tables, ["05", "26", "38"]) == ["05"]
    tables.write(access.PAIRS, pl.DataFrame({"x": [1]}), recipe="another", departement="05")
    assert measured_departements(tables, ["05", "26"]) == []


def test_measures_of_yesterdays_counters_are_not_used(tmp_path):
    tables = store(tmp_path, roads=["05", "26"])
    assert measured_departements(tables, ["26", "05"]) == ["26", "05"]
    tables.write(access.COUNTERS[0], pl.DataFrame({"x": [2]}), recipe="r")
    assert measured_departements(tables, ["05", "26"]) == []


def test_digests_are_of_all_the_measures_are_made_from(tmp_path):
    tables = store(tmp_path, roads=["05"])
    found = digests(tables, ["05"])
    parts = {f"{name}/05" for name in (access.TIMES, access.PAIRS, access.COMMUNES)}
    assert set(found) == {*INPUTS, *parts}
    assert set(digests(tables, [])) == set(INPUTS)
    tables.write(access.TIMES, pl.DataFrame({"x": [3]}), recipe=access.recipe(tables), departement="05")
    changed = {name for name, digest in digests(tables, ["05"]).items() if digest != found[name]}
    assert changed == {f"{access.TIMES}/05"}


def test_a_table_not_made_is_named(tmp_path):
    with pytest.raises(CspError, match="referentiel__implantations: expected a table made by an earlier stage"):
        digests(TableStore(tmp_path), [])
