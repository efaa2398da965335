"""Rows of baskets, equity and the index, from origins up: by hand, and what is unknown or missing."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tension.basket_rows import Kept, basket_rows
from assets.tension.baskets import Basket
from assets.tension.equity import concentration, fgt, gini, palma, theil
from assets.tension.equity_rows import equity_rows
from assets.tension.index_rows import (
    LOST_SHARE,
    SUPPLY,
    context_columns,
    density_class,
    supply_columns,
    tension_rows,
)
from assets.tension.methods import methods
from assets.tension.scheme import scheme
from assets.tension.summaries import Scope
from assets.tension.zones import Zones
from pipeline.foundations.errors import WrongUse
from quality.contract import all_contracts
from tests.tension import CAF, FS, INF, MAIRIE, NAN, Given, held, measured_by, membership, people_of, row_of, scope_of

ZONES = Zones.of(
    membership(
        {"code": "05023", "epci": "240500439"},
        {"code": "05061"},
        {"code": "26064", "epci": None, "departement": "26", "region": "84"},
    )
)
TAX = "Service des impôts des particuliers (SIP)"


# --- baskets ----------------------------------------------------------------------------------------------------------


def basket(*services, place_min=15):
    return Basket.model_validate(
        {"code": "essai", "titre": "Essai", "seuil_un_lieu_min": place_min, "services": list(services)}
    )


def service(typology, minutes, weight=1, **more):
    return {"typologie": typology, "poids": weight, "seuil_min": minutes, **more}


def rows_of(wanted, source, counters, places=None, scope=None):
    """The two tables of a basket, checked against their contracts but for the code of the basket."""
    kept = Kept.of((wanted,))
    for typology in dict.fromkeys(t for s in wanted.services for t in s.typologies):
        kept.keep(measured_by(source, counters, typology))
    places = np.arange(counters.height) if places is None else np.array(places)
    rows, missing = basket_rows(scope or scope_of(source, ZONES), wanted, kept, places.astype(np.int32))
    for name, frames in (("tension__paniers", rows), ("tension__services_manquants", missing)):
        for frame in frames:
            all_contracts()[name].conform(frame)
    return rows, missing


def timed(people, **seconds):
    """A source of times by typology, without any pair."""
    counters = held(*({"typologie": t} for t in (MAIRIE, FS, TAX, CAF)))
    names = {"mairie": MAIRIE, "fs": FS, "tax": TAX, "caf": CAF}
    by_name = {names[k]: [m * 60 for m in v] for k, v in seconds.items()}
    by_name = {t: [NAN] * people.number for t in names.values()} | by_name
    return Given(people, counters, [[None] * 4] * people.number, seconds=by_name), counters


FOUR = (
    {"code_insee": "05023", "population": 10},
    {"code_insee": "05023", "population": 30},
    {"code_insee": "05023", "population": 60},
    {"code_insee": "05023", "population": 100},
    {"code_insee": "05061", "population": None},
)
THREE = basket(service(MAIRIE, 10, 8), service(FS, 10), service(TAX, 10))


def three_services():
    people = people_of(ZONES, *FOUR)
    return timed(people, mairie=[5, 5, 20, NAN, 5], fs=[5, 20, INF, 5, 5], tax=[5, 20, 5, 5, 5])


def test_a_basket_is_weighted_by_people_and_says_what_is_unknown():
    source, counters = three_services()
    rows, missing = rows_of(THREE, source, counters)
    found = row_of(rows, "commune", "05023")
    assert found["population"] == 200
    assert found["part_inconnue_pct"] == 50
    assert found["panier_complet_pct"] == pytest.approx(10)
    assert found["panier_80_pct"] == pytest.approx(40)  # eight tenths, exactly
    assert found["couverture_pct"] == pytest.approx(10 + 0.8 * 30 + 0.1 * 60)
    assert found["sans_acces_pct"] == pytest.approx(60)
    assert found["temps_moyen_min"] == pytest.approx((10 * 5 + 30 * 8) / 40)
    assert found["temps_maillon_faible_min"] == pytest.approx((10 * 5 + 30 * 20) / 40)
    assert found["maillon_faible"] == FS  # 30 + 60 people, the Mairie for 10
    assert found["services_sans_guichet"] is None
    assert found == row_of(rows, "departement", "05") | {"niveau": "commune", "territoire": "05023"}
    of_commune = (
        pl.concat(missing).filter(niveau="commune").select("typologie", "habitants_sans", "habitants_substitut")
    )
    assert of_commune.rows() == [(FS, 90.0, 0.0), (MAIRIE, 60.0, 0.0), (TAX, 30.0, 0.0)]


def test_where_nobody_is_counted_nothing_is_said():
    rows, missing = rows_of(THREE, *three_services())
    nobody = row_of(rows, "commune", "05061")
    measures = [c for c in nobody if c not in ("niveau", "territoire", "panier", "mesure")]
    assert {nobody[c] for c in measures} == {None}
    assert pl.concat(missing).filter(niveau="commune", territoire="05061").height == 0


def test_a_substitute_alone_is_told_apart():
    people = people_of(ZONES, *({"population": p} for p in (10, 20, 40)))
    wanted = basket(service(CAF, 20, substituts=[FS]))
    _, missing = rows_of(wanted, *timed(people, caf=[25, 25, 5], fs=[5, 30, 5]))
    assert pl.concat(missing).filter(niveau="france")["habitants_sans"].to_list() == [20]
    assert pl.concat(missing).filter(niveau="france")["habitants_substitut"].to_list() == [10]


def test_services_of_one_place_are_those_within_reach_of_whom_the_basket_is_known():
    """A mairie and a France services at one place, a tax office apart; the second origin knows nothing of taxes."""
    people = people_of(ZONES, {"population": 10}, {"population": 30}, {"population": 60})
    counters = held({"typologie": MAIRIE}, {"typologie": FS}, {"typologie": TAX})
    minutes = [[5, 5, 5], [5, 5, None], [16, 15.02, 15]]
    source = Given(people, counters, minutes, seconds={TAX: [300, NAN, 900]})
    rows, _ = rows_of(THREE, source, counters, places=[1, 1, 2])
    assert row_of(rows, "france", "FR")["services_un_lieu"] == pytest.approx((10 * 2 + 60 * 1) / 70, abs=0.01)


def test_a_service_without_counter_is_left_out_and_named():
    people = people_of(ZONES, {"population": 10})
    wanted = basket(service(MAIRIE, 10), service(TAX, 30, weight=9), service(CAF, 30))
    rows, missing = rows_of(wanted, *timed(people, mairie=[5]))
    found = row_of(rows, "france", "FR")
    assert found["services_sans_guichet"] == f"{TAX}, {CAF}"
    assert (found["couverture_pct"], found["maillon_faible"]) == (100, MAIRIE)
    assert pl.concat(missing).height == 0


def test_a_basket_without_any_counter_has_no_row():
    people = people_of(ZONES, {"population": 10})
    assert rows_of(basket(service(TAX, 30), service(CAF, 30, weight=0)), *timed(people, caf=[5])) == ([], [])


def test_bad_times_are_an_error_not_a_silence():
    people = people_of(ZONES, {"population": 10})
    with pytest.raises(WrongUse, match="panier essai: expected times of 0 or more"):
        rows_of(basket(service(MAIRIE, 10)), *timed(people, mairie=[-1]))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["05023", "05061", "26064"]),
            st.one_of(st.none(), st.integers(0, 50)),
            *[st.sampled_from([1.0, 9.0, 10.0, 11.0, INF, NAN])] * 2,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_lacks_adds_up_from_communes_to_the_country(rows):
    rows = [*rows, ("05061", 1, 1.0, 1.0)]
    people = people_of(ZONES, *({"code_insee": c, "population": p} for c, p, *_ in rows))
    source, counters = timed(people, mairie=[r[2] for r in rows], fs=[r[3] for r in rows])
    table, missing = (
        pl.concat(frames) for frames in rows_of(basket(service(MAIRIE, 10), service(FS, 10)), source, counters)
    )
    for typology, k in ((MAIRIE, 2), (FS, 3)):
        mine = missing.filter(typologie=typology)
        expected = sum(p or 0 for _, p, *times in rows if times[k - 2] > 10)
        for niveau in ("commune", "departement", "france"):
            assert mine.filter(niveau=niveau)["habitants_sans"].sum() == pytest.approx(expected)
    assert (table["panier_complet_pct"] <= table["panier_80_pct"]).all()
    assert (table["panier_complet_pct"] <= table["couverture_pct"] + 0.01).all()


# --- equity -----------------------------------------------------------------------------------------------------------


def test_equity_of_a_territory_is_that_of_its_origins():
    rng = np.random.default_rng(2)
    communes = rng.choice(["05023", "05061", "26064"], 30)
    people = people_of(
        ZONES,
        *(
            {"code_insee": c, "population": int(rng.integers(1, 90)), "income": float(rng.normal(20_000, 4_000))}
            for c in communes
        ),
    )
    counters = held({}, {})
    minutes = rng.uniform(1, 40, (30, 2)).round(1).tolist()
    source = Given(people, counters, minutes)
    measured, rule = measured_by(source, counters), methods().equite
    good = rng.uniform(0, 100, 30)
    good[0] = NAN
    table = equity_rows(scope_of(source, ZONES), measured, good, rule)
    all_contracts()["tension__equite"].conform(table)
    assert table.select("niveau", "territoire").rows() == [
        ("departement", "05"),
        ("departement", "26"),
        ("region", "84"),
        ("region", "93"),
        ("france", "FR"),
    ]
    for niveau, territoire, inside in (
        ("departement", "05", communes != "26064"),
        ("region", "84", communes == "26064"),
        ("france", "FR", communes != ""),
    ):
        found = row_of([table], niveau, territoire)
        mine, have, earn = people.groups["population"][inside], good[inside], people.income[inside]
        epci = pl.Series([{"05023": "a", "05061": "b"}.get(c) for c in communes[inside]], dtype=pl.String)
        between, within = theil(have, mine, epci)
        assert found["gini"] == pytest.approx(gini(have, mine), abs=1e-6)
        assert found["palma"] == pytest.approx(palma(have, earn, mine), abs=1e-6)
        assert found["concentration"] == pytest.approx(concentration(have, earn, mine), abs=1e-6)
        assert (found["theil_entre_epci"], found["theil_dans_epci"]) == pytest.approx((between, within), abs=1e-6)
        poverty = fgt(measured.seconds[inside], mine, rule.seuil_min, rule.alphas, rule.ecart_max)
        assert [found[f"fgt_{a:g}"] for a in rule.alphas] == pytest.approx(poverty, abs=1e-6)
        known = mine[~np.isnan(have)].sum() / mine.sum()
        assert found["part_connue_pct"] == pytest.approx(100 * known, abs=1e-6)


def test_equity_where_all_have_as_much_where_nobody_is_known_and_where_no_level_is_whole():
    people = people_of(ZONES, {"code_insee": "05061"}, {"code_insee": "26064", "population": None})
    counters = held({})
    source = Given(people, counters, [[5], [5]])
    scope, measured = scope_of(source, ZONES), measured_by(source, counters)
    table = equity_rows(scope, measured, np.array([7.0, 7.0]), methods().equite)
    equal, unknown = row_of([table], "departement", "05"), row_of([table], "departement", "26")
    assert (equal["gini"], equal["palma"], equal["fgt_0"]) == (0, 1, 0)
    assert {unknown[c] for c in unknown if c not in ("niveau", "territoire", "typologie", "mesure")} == {None}
    numbers = table.select(pl.col(pl.Float64)).fill_null(1).to_numpy()
    assert not np.signbit(numbers[numbers == 0]).any()
    nowhere = Scope(ZONES, people, "route", {level.niveau: np.zeros(0, dtype=np.int64) for level in ZONES})
    none = equity_rows(nowhere, measured, np.array([7.0, 7.0]), methods().equite)
    assert (none.height, none.columns) == (0, table.columns)


# --- the index --------------------------------------------------------------------------------------------------------


def access_and_supply(*rows):
    """`(level, territory, % within the threshold, hours, minutes)`, for the reference service and another."""
    share = f"population_{scheme().reference.seuil_min:g}_min_pct"
    frames = []
    for columns, take in (
        ((share, "heures_accessibles_semaine"), slice(2, 4)),
        (("offre_minutes_pour_100",), slice(4, 5)),
    ):
        parts = [(r[0], r[1], t, "route", *r[take]) for r in rows for t in (scheme().reference.typologie, MAIRIE)]
        text = ("niveau", "territoire", "typologie", "mesure")
        schema = dict.fromkeys(text, pl.String) | dict.fromkeys(columns, pl.Float64)
        frames.append(pl.DataFrame(parts, schema=schema, orient="row"))
    return frames


def test_the_index_takes_from_supply_what_is_of_the_reference_service():
    access, supply = access_and_supply(
        ("commune", "05061", 80.0, 30.0, 12.0), ("epci", "200067825", None, None, None), ("region", "93", 1.0, 1.0, 1.0)
    )
    found = supply_columns(access, supply, scheme())
    assert found.columns == ["niveau", "territoire", "mesure", *SUPPLY]
    assert found.rows() == [
        ("commune", "05061", "route", 20.0, 30.0, 12.0),
        ("epci", "200067825", "route", None, None, None),
    ]


def test_the_density_class_of_an_epci_is_the_one_most_of_its_people_live_in():
    members = membership(
        {"code": "1", "epci": "a", "classe_densite": "Rural", "population": 10},
        {"code": "2", "epci": "a", "classe_densite": "Rural", "population": 10},
        {"code": "3", "epci": "a", "classe_densite": "Urbain dense", "population": 15},
        {"code": "4", "epci": "b", "classe_densite": "Urbain dense", "population": 5},
        {"code": "5", "epci": "b", "classe_densite": "Rural", "population": 5},  # the first name among equals
        {"code": "6", "epci": "c", "classe_densite": None, "population": 5},
        {"code": "7", "epci": "d", "classe_densite": None, "population": 50},
        {"code": "8", "epci": "d", "classe_densite": "Rural", "population": None},
        {"code": "9", "epci": None, "classe_densite": "Rural", "population": 5},
    )
    assert density_class(members, "epci").rows() == [("a", "Rural"), ("b", "Rural"), ("d", "Rural")]
    assert density_class(members, "commune").height == 9


def test_what_context_lacks_is_null():
    wanted = [i.colonne for i in scheme().indicators if i.colonne not in (*SUPPLY, LOST_SHARE)]
    rows = [
        ("commune", "05061", wanted[0], 12.0),
        ("commune", "05061", wanted[1], None),
        ("commune", "05023", "autre_pct", 3.0),
        ("epci", "200067825", wanted[0], 99.0),
    ]
    context = pl.DataFrame(rows, schema=["niveau", "code", "indicateur", "valeur"], orient="row")
    found = context_columns(context, "commune", scheme())
    assert found.columns == ["territoire", *wanted]
    assert found.rows() == [("05061", 12.0, *[None] * (len(wanted) - 1))]
    nothing = context_columns(context.clear(), "commune", scheme())
    assert (nothing.height, nothing.columns) == (0, found.columns)
    assert set(nothing.schema.values()) == {pl.String(), pl.Float64()}


def territories(number, **columns):
    """Communes `05001`… with every indicator of context growing with their rank, unless said otherwise."""
    wanted = [i.colonne for i in scheme().indicators if i.colonne not in SUPPLY]
    rank = np.arange(number, dtype=np.float64)
    data = {
        "territoire": [f"05{i:03d}" for i in range(number)],
        "population": np.full(number, 100.0),
        "classe_densite": ["Rural"] * number,
        **dict.fromkeys(wanted, rank),
    }
    return pl.DataFrame(data | columns)


def supply_of(number, **columns):
    """Supply the weaker the higher the rank, unless said otherwise."""
    rank = np.arange(number, dtype=np.float64)
    data = {
        "niveau": ["commune"] * number,
        "territoire": [f"05{i:03d}" for i in range(number)],
        "mesure": ["route"] * number,
        "habitants_au_dela_pct": rank,
        "heures_accessibles_semaine": 40 - rank,
        "minutes_pour_100": 50 - rank,
    }
    return pl.DataFrame(data | columns)


def test_the_worst_of_everything_is_the_most_tense_and_the_sentence_says_why():
    table = tension_rows(territories(10), supply_of(10), [], scheme())
    table = all_contracts()["tension__tension"].conform(table)
    worst, best = table.row(9, named=True), table.row(0, named=True)
    assert (worst["niveau"], worst["mesure"], worst["territoire"]) == ("commune", "route", "05009")
    assert (worst["rang_national"], worst["rang_classe"], worst["tension_national"]) == (1, 1, 0.95)
    assert (best["rang_national"], best["tension_national"]) == (10, 0.05)
    assert (worst["centile_national"], worst["centile_classe"], best["centile_national"]) == (100, 100, 10)
    assert worst["type_national"] == "En tension : offre faible et besoin fort"
    assert "9 % des habitants sont à plus de 20 min d'un France services" in worst["raison_national"]
    assert worst["raison_classe"].startswith("Comparé aux territoires de même densité")
    assert (worst["rang_bas"], worst["rang_haut"], worst["tension_robuste"]) == (1, 1, True)
    assert best["tension_robuste"] is False
    assert table["composante_d_national"].to_list() == pytest.approx([(i + 0.5) / 10 for i in range(10)])


def test_only_territories_measured_have_a_row_and_rows_are_sorted():
    some = supply_of(10).filter(pl.col("territoire").is_in(["05007", "05002"])).reverse()
    table = tension_rows(territories(10).reverse(), some, [some], scheme())
    assert table["territoire"].to_list() == ["05002", "05007"]
    assert tension_rows(territories(10), some.clear(), [some.clear()] * 2, scheme()).height == 0


def test_a_territory_without_population_or_need_has_no_index_and_says_why():
    people = pl.Series([None, 0.0, 100, 100, 100])
    wanted = [i.colonne for i in scheme().indicators if i.colonne not in SUPPLY]
    unknown = {c: pl.Series([1.0, 2, None, 3, 4]) for c in wanted}
    classes = pl.Series(["Rural", "Rural", "Rural", None, "Rural"])
    given = territories(5, population=people, classe_densite=classes, **unknown)
    table = tension_rows(given, supply_of(5), [], scheme())
    assert table["motif_national"].to_list() == [
        *["population inconnue ou nulle"] * 2,
        "trop peu de composantes connues du besoin",
        *[None] * 2,
    ]
    assert table["motif_classe"][3] == "classe de densité inconnue"
    assert table["tension_national"].is_null().to_list() == [True, True, True, False, False]
    assert table["rang_national"].to_list() == [None, None, None, 2, 1]
    assert table["rang_bas"].is_null().to_list() == [True, True, True, False, False]
    assert table["raison_national"][0].startswith("Indice non calculé : population inconnue ou nulle")


def test_a_place_that_depends_on_speeds_is_not_robust():
    """At another speed supply is weak where it was strong: the interval of the worst place says so."""
    other = supply_of(10).with_columns(pl.col(SUPPLY).reverse())
    calm = tension_rows(territories(10), supply_of(10), [], scheme()).row(9, named=True)
    doubtful = tension_rows(territories(10), supply_of(10), [other], scheme()).row(9, named=True)
    assert doubtful["rang_haut"] > calm["rang_haut"] == 1
    assert doubtful["rang_national"] == calm["rang_national"] == 1, "the place itself is of the base case"
