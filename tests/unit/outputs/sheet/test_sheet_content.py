"""What a sheet says, against figures done by hand on four communes."""

import pytest

from assets.referentiel.typology import typologies
from assets.tension.baskets import baskets
from assets.territories.indicators import settings
from outputs.sheet.content import content
from outputs.sheet.scheme import _FILE, load_scheme, scheme
from outputs.sheet.territory import LEVELS, find
from pipeline.foundations.errors import WrongUse
from tests.sheets import CAF, CROW, EPCI, FS, HOSTILE, MAIRIE, MDS, PERIMETER, ROAD, ROWS, TENSE, access, layers


def known(asked, niveau=None, perimeter=PERIMETER, **replaced):
    tables = layers(**replaced)
    return content(tables, find(tables, asked, niveau, perimeter), scheme(), perimeter)


@pytest.fixture(scope="module")
def hautes_alpes():
    return known("05")


def test_roads_are_preferred_where_both_are_measured(hautes_alpes):
    assert hautes_alpes.mesure == ROAD
    assert hautes_alpes.service(FS).minutes == 12.34
    assert known("93", "region").mesure == CROW
    assert known("93", "departement").mesure is None


def test_a_key_figure_has_the_median_of_its_level_and_the_country(hautes_alpes):
    poverty = next(f for f in hautes_alpes.figures if f.title == "Taux de pauvreté")
    assert (poverty.value, poverty.peers, poverty.country) == (14.25, 16.0, 15.1)  # of 14.25, 16 and 28
    assert (poverty.unit, poverty.vintage, poverty.unknown) == ("%", "2022", 0.12)
    population = hautes_alpes.figures[0]
    assert (population.value, population.peers, population.country) == (4000.0, None, None)


def test_what_nobody_knows_is_none_never_zero(hautes_alpes):
    by_title = {f.title: f for f in hautes_alpes.figures}
    rsa, car = by_title["Foyers au RSA, pour 100 ménages"], by_title["Ménages sans voiture"]
    assert (rsa.value, rsa.unknown) == (None, 1.0)  # there, and null
    assert (car.value, car.unknown) == (None, 1.0)  # not there
    unlisted = hautes_alpes.service(MDS)  # zero counters in the whole country: no source lists them
    assert (unlisted.counters, unlisted.per_100k, unlisted.minutes, unlisted.hours) == (None, None, None, None)
    assert hautes_alpes.service(CAF).hours is None  # hours known for a fifth of the counters only
    assert hautes_alpes.service(CAF).minutes == 31.0
    assert known("93", "departement").service(FS).within == {15: None, 20: None, 30: None}


def test_communes_are_compared_with_those_of_their_density(hautes_alpes):
    assert hautes_alpes.peers.classe is None
    amont = known("05001")
    assert (amont.peers.classe, amont.peers.whole) == ("Rural", False)
    poverty = next(f for f in amont.figures if f.title == "Taux de pauvreté")
    assert poverty.peers == 15.0  # of 10 and 20; the 30 of Seine-Saint-Denis is dense
    assert amont.service(FS).medians["temps_moyen_min"] == 14.0
    assert amont.service(FS).peers == 20_000
    assert known("05001", perimeter=("05", "36", "93")).peers.whole


def test_counters_and_the_least_and_most_of_departements(hautes_alpes):
    row = hautes_alpes.service(FS)
    assert (row.counters, row.permanences, row.stops, row.per_100k) == (4, 1, 2, 3.21)
    assert (row.per_100k_country, row.least, row.most) == (5.5, 1.0, 9.0)
    assert row.within == {15: 70.0, 20: 90.0, 30: 99.8}
    assert row.beyond == {20: 100.0, 30: 2.0}
    caf = known("05001").service(CAF)  # no row in the commune, and the country has some
    assert (caf.counters, caf.per_100k) == (0, 0)


def test_zones_in_tension_of_the_territory_only(hautes_alpes):
    tension = hautes_alpes.tension
    assert (tension.total, tension.tense, tension.fragile, tension.without_index) == (3, 1, 0, 1)
    assert (tension.population, tension.population_tense) == (4000.0, 400.0)
    assert [(i.name, i.rank, i.sturdy) for i in tension.first] == [(HOSTILE, 7, True)]
    assert tension.own is None
    epci = known(EPCI).tension
    assert (epci.own.kind, epci.own.rank) == ("Fragile : proche du seuil de tension", 30)
    assert known("05002").tension.own.kind == TENSE


def test_a_region_lists_its_epci():
    rows = [r | {"mesure": CROW} if r["niveau"] == "epci" else r for r in ROWS["tension"]]
    tension = known("93", "region", tension=rows).tension
    assert (tension.niveau, tension.total, tension.fragile) == ("epci", 1, 1)


def test_a_basket_says_its_worst_link_and_what_is_missing_the_most_first(hautes_alpes):
    basket = hautes_alpes.baskets[0]
    assert (basket.coverage_pct, basket.coverage_country, basket.worst) == (88.0, None, CAF)
    assert [(m.typology, m.without, m.substitute) for m in basket.missing] == [
        (CAF, 1500.0, 250.0),
        (MAIRIE, 12.0, 0.0),
        (FS, 0.0, 40.0),
    ]
    assert hautes_alpes.baskets[1].coverage_pct is None


def test_places_of_several_kinds_of_services_come_first(hautes_alpes):
    assert (hautes_alpes.shared_places, hautes_alpes.all_places) == (2, 3)
    assert [(p.name, len(p.typologies)) for p in hautes_alpes.places] == [("Espace <b>Amont</b>", 3), (None, 2)]


def test_twice_the_same_service_is_not_a_shared_place():
    rows = [r | {"typologies": [FS, FS]} for r in ROWS["lieux"]]
    assert known("05", lieux=rows).shared_places == 0


def test_what_holds_it_and_where_its_counters_come_from(hautes_alpes):
    assert hautes_alpes.parents == ("Provence-Alpes-Côte d'Azur",)
    assert known("05001").parents == ("CC de l'Amont", "Hautes-Alpes (05)")
    assert hautes_alpes.sources == ("dila",)
    assert known("93", "departement").sources == ("dila", "la_poste")


def test_communes_missing_from_the_release_are_counted():
    region = known("93", "region")
    assert (region.held, region.territory.communes) == (3, 5)


def test_a_territory_no_table_knows_is_refused():
    with pytest.raises(WrongUse, match="make a new release"):
        known("11", "region")


def test_reasons_and_times_never_mix_measures():
    rows = [*ROWS["acces"], access("departement", "93", FS, CROW, 5.0)]
    dense = known("93", "departement", acces=rows)
    assert dense.mesure == CROW
    assert (dense.tension.tense, dense.tension.without_index) == (0, 1)  # the index is by road


def test_the_scheme_names_what_exists():
    choice = scheme()
    labels = set(typologies().labels)
    assert {*choice.services, *choice.noms_courts, choice.reference.typologie} <= labels
    assert set(choice.paniers) == {b.code for b in baskets().paniers}
    assert {f.indicateur for f in choice.chiffres} <= {i.code for i in settings().indicateurs}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pages: 1", "pages: 0", "greater than or equal to 1"),
        ("seuils_min: [15, 20, 30]", "seuils_min: [15, 30]", "au_dela_min.*found 20"),
        ('typologie: "France services", avec', 'typologie: "Poste", avec', "reference.*found Poste"),
        ("panier: proximite", "panier: absent", "panier.*found absent"),
        ("  epci: {", "  canton: {", "listes.*found canton, epci"),
        ("seuils_min", "- seuils_min", "readable YAML"),
    ],
)
def test_a_faulty_scheme_is_refused_by_name(tmp_path, old, new, message):
    text = _FILE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "fiche.yml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(WrongUse, match=message):
        load_scheme(file)


@pytest.mark.parametrize(
    ("asked", "niveau", "found"),
    [
        ("05", None, ("departement", "05")),
        (" 05001 ", None, ("commune", "05001")),
        ("05001", "bassin_vie", ("bassin_vie", "05001")),
        (EPCI, None, ("epci", EPCI)),
        ("HAUTES ALPES", None, ("departement", "05")),
        ("ile-de-france", None, ("region", "11")),
        ("93", "region", ("region", "93")),
    ],
)
def test_a_territory_is_found_by_code_or_name(asked, niveau, found):
    territory = find(layers(), asked, niveau, PERIMETER)
    assert (territory.niveau, territory.code) == found


@pytest.mark.parametrize(
    ("asked", "niveau", "message"),
    [
        ("93", None, r"Seine-Saint-Denis \(93, département.*Provence-Alpes-Côte d'Azur \(93, région"),
        ("Saint-Aval", None, r"2: Saint-Aval \(05003.*Saint-Aval \(93001.*give its code"),
        ("5", None, r"nearest are Hautes-Alpes \(05"),
        ("7", None, r"nearest are Hautes-Alpes \(05.*Seine-Saint-Denis"),
        ("hautes alpe", None, r"nearest are Hautes-Alpes"),
        ("l'amont", None, r"nearest are CC de l'Amont"),
        ("36", None, r"covers 2 départements: 05, 93; found the département 36, outside"),
        ("24", None, r"the région 24, outside"),
        ("36001", None, r"a commune of département 36, outside"),
        ("05011", None, r"nearest are Amont-les-Bains \(05001"),
        ("98765", None, r"found none. Remedy: check it, with its leading zero"),
        ("!!!", None, r"found none"),
        ("05", "commune", r"of level commune"),
    ],
)
def test_what_is_not_one_territory_is_refused_with_help(asked, niveau, message):
    with pytest.raises(WrongUse, match=message):
        find(layers(), asked, niveau, PERIMETER)


def test_many_of_a_name_are_not_all_listed():
    many = [{**ROWS["communes"][0], "code": f"05{n:03}", "nom": "Partout"} for n in range(30)]
    with pytest.raises(WrongUse, match=r"30: .*and 18 more"):
        find(layers(communes=many), "partout", None, PERIMETER)


def test_every_level_has_its_column():
    assert {level.column for level in LEVELS.values()} <= set(layers()["appartenance"].collect_schema())


def test_a_commune_without_a_name_bears_its_code():
    rows = [{**ROWS["communes"][0], "nom": None}]
    assert find(layers(communes=rows), "05001", None, PERIMETER).nom == "05001"
