"""Same counter or not: keys, rules, guards, groups — on small frames written here."""

from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.referentiel.harmonise import CONSTAT_COLUMNS
from assets.referentiel.link import LINK_SCHEMA, guests_last, link
from assets.referentiel.link.groups import EXACT
from assets.referentiel.link.guards import guarded, may_be_one
from assets.referentiel.link.rules import linking_rules
from assets.referentiel.link.traits import numbered, traits

_TYPES = {"rang_source": pl.Int64, "service_nb_heures_hebdo": pl.Float64, "lieu_longitude": pl.Float64}
_TYPES |= {"lieu_latitude": pl.Float64, "date_maj": pl.Date, "date_source": pl.Date}
_LABELS = {
    "france_services": "France services",
    "mairie": "Mairie",
    "mediation_numerique": "Lieu de médiation numérique",
    "sip": "Service des impôts des particuliers (SIP)",
    "sie": "Service des impôts des entreprises (SIE)",
    "caf": "Caisse d'allocations familiales (Caf)",
    "france_travail": "France Travail",
}


def constat(source, name, typologie="france_services", **values):
    return {
        **dict.fromkeys(CONSTAT_COLUMNS),
        "source": source,
        "id_source": name,
        "typologie": typologie,
        "service_typologie": _LABELS[typologie],
        "service_nom": f"{_LABELS[typologie]} Serres",
        "rang_source": 0,
        "lieu_code_insee": "05166",
        "lieu_code_departement": "05",
        "lieu_longitude": 5.7,
        "lieu_latitude": 44.4,
        "lieu_adresse": "4 rue des Jardins 05700 Serres",
        "date_source": date(2026, 1, 1),
        **values,
    }


def frame(*rows):
    return pl.DataFrame(list(rows), schema={c: _TYPES.get(c, pl.String) for c in CONSTAT_COLUMNS})


def groups(*rows):
    """The sets of ids that `link` puts together."""
    linked = link(frame(*rows)).constats
    return {frozenset(g) for g in linked.group_by("groupe_id").agg("id_source")["id_source"].to_list()}


def together(*rows):
    return len(groups(*rows)) == 1


# --- what links ----------------------------------------------------------------------------------------------------


def test_two_feeds_at_one_address_speak_of_one_counter():
    result = link(frame(constat("dila", "a"), constat("france_services", "1")))
    assert result.constats["groupe_id"].n_unique() == 1
    (row,) = result.liens.rows(named=True)
    assert (row["methode"], row["retenu"]) == ("modèle", True)
    assert row["score"] > 5
    assert dict(result.liens.schema) == dict(LINK_SCHEMA)


def test_a_moved_counter_keeps_its_telephone():
    moved = {"lieu_adresse": "80 avenue de la Gare 05700 Serres", "lieu_longitude": 5.71}
    assert together(
        constat("dila", "a", telephone="04 92 00 00 01"),
        constat("france_services", "1", telephone="+33492000001", **moved),
    )


def test_the_only_town_hall_of_the_commune_is_the_same_wherever_it_is_placed():
    far = {"lieu_adresse": "Le Village 05700 Serres", "lieu_longitude": 5.75, "lieu_latitude": 44.45}
    result = link(frame(constat("dila", "a", "mairie"), constat("cartosp", "S", "mairie", **far)))
    assert result.liens.select("methode", "regle").rows() == [("règle", "seul de la commune")]


def test_a_record_names_the_one_it_was_copied_from():
    elsewhere = {"service_nom": "Autre nom", "lieu_adresse": "1 place Neuve 05700 Serres", "lieu_code_insee": "05166"}
    copies = {
        "dila": {"partenaire": "france_service", "partenaire_id": "2057"},
        "mediation_numerique": {"partenaire": "france-services", "partenaire_id": "2057"},
    }
    for source, copied in copies.items():
        result = link(frame(constat(source, "x", **elsewhere, **copied), constat("france_services", "2057")))
        assert result.liens.select("methode", "regle").rows() == [(EXACT, "identifiant france_services")]


def test_an_aggregator_names_its_own_source():
    agency = constat("france_travail", "PAC0174", "france_travail", lieu_code_insee="05061")
    copy = {"partenaire": "data_inclusion", "partenaire_id": "france-travail--PAC0174"}
    assert together(agency, constat("dila", "uuid", "france_travail", **copy))


@pytest.mark.parametrize(
    "key",
    [
        {"service_id_dila": "DILA:13fc24cc-5bcd-4ca3-affa-25475096edb3"},
        {"service_id_finess": "FINESS:050000001"},
    ],
)
def test_a_shared_register_id_links_across_communes(key):
    assert together(constat("dila", "a", **key), constat("cartosp", "b", lieu_code_insee="05061", **key))


def test_a_former_id_leads_to_the_record_of_an_older_edition():
    assert together(
        constat("dila", "uuid", ancien_id="msap-05166-01"),
        constat("dila_2017", "msap-05166-01", lieu_code_insee="05061"),
    )


def test_a_siret_is_a_key_only_where_it_is_the_counters_own():
    far = {"lieu_code_insee": "05061", "service_nom": "Autre"}
    own = {"service_siret": "13000548100001"}
    assert together(constat("dila", "a", "france_travail", **own), constat("x", "b", "france_travail", **own, **far))
    assert not together(constat("dila", "a", **own), constat("france_services", "b", **own, **far))


def test_a_siret_that_a_feed_gives_to_two_counters_is_their_parents():
    own = {"service_siret": "13000548100001"}
    rows = [constat("dila", i, "france_travail", lieu_code_insee=c, **own) for i, c in (("a", "05061"), ("b", "05046"))]
    assert len(groups(*rows, constat("france_travail", "c", "france_travail", **own))) == 3


def test_a_place_that_is_the_france_services_joins_it_and_never_leads():
    place = constat("mediation_numerique", "m", "mediation_numerique", service_nom="Maison France Services de Serres")
    linked = link(frame(place, constat("france_services", "1", rang_source=1))).constats
    assert linked["groupe_id"].n_unique() == 1
    ranks = dict(guests_last(linked).select("id_source", "rang_source").iter_rows())
    assert ranks["m"] > ranks["1"]


# --- what never links ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (constat("dila", "a", "sip"), constat("cartosp", "b", "sie")),
        (
            constat("dila", "a", type_structure="Implantation"),
            constat("france_services", "b", type_structure="Itinérance"),
        ),
        (constat("dila", "a"), constat("france_services", "b", service_nom="Bus France services Serres")),
        (constat("dila", "a", "caf"), constat("cartosp", "b", "caf", type_structure="Permanence")),
        (constat("dila", "a", "caf"), constat("cartosp", "b", "caf", type_structure="Permanence", hote_id="a")),
        (
            constat("dila", "a", "mairie", service_nom="Mairie de Serres"),
            constat("cartosp", "b", "mairie", service_nom="Mairie déléguée de Serres"),
        ),
        (
            constat("dila", "a", "mairie", service_nom="Mairie de Serres"),
            constat("cartosp", "b", "mairie", service_nom="Mairie annexe de Serres"),
        ),
        (
            constat("dila", "a", "mairie", service_nom="Mairie du 3e arrondissement"),
            constat("cartosp", "b", "mairie", service_nom="Mairie du 5e arrondissement"),
        ),
        (
            constat("dila", "a", "caf", service_nom="Caf de l'Ombrine - siège de Serres"),
            constat("cartosp", "b", "caf", service_nom="Caf de l'Ombrine - accueil de Serres"),
        ),
        (
            constat("dila", "a", service_nom="Maison de services au public (Bureau de Poste) - Serres"),
            constat("france_services", "b", lieu_adresse="9 place du Lac 05700 Serres"),
        ),
        (
            constat("a", "a", type_structure="Itinérance"),
            constat("b", "b", type_structure="Itinérance", lieu_longitude=5.71),
        ),
    ],
    ids=[
        "typologies",
        "itinérance et implantation",
        "bus et site fixe",
        "permanence et implantation",
        "permanence et son hôte",
        "mairie déléguée",
        "mairie annexe",
        "arrondissements",
        "siège et accueil",
        "poste et autre adresse",
        "deux arrêts",
    ],
)
def test_guards(one, other):
    assert not together(one, other)


def test_a_feed_that_lists_two_counters_side_by_side_means_two():
    north, south = ({"service_nom": f"Service des impôts des particuliers de Serres {s}"} for s in ("Nord", "Sud"))
    assert not together(constat("dila", "a", "sip", **north), constat("dila", "b", "sip", **south))


def test_a_feed_that_repeats_itself_is_merged():
    same = {
        "telephone": "04 92 00 00 01",
        "service_horaires_ouverture": "Mo 09:00-12:00",
        "service_nb_heures_hebdo": 3.0,
    }
    assert together(constat("dila", "a", **same), constat("dila", "b", **same))


def test_a_chain_that_joins_two_records_of_a_feed_is_cut_at_its_weakest_link():
    """1 is at the very address of a; b, the feed's other counter, looks like it too, less."""
    other = {"service_nom": "France services Serres Gare", "lieu_adresse": "80 avenue de la Gare 05700 Serres"}
    rows = [
        constat("dila", "a"),
        constat("dila", "b", telephone="04 92 00 00 01", lieu_longitude=5.7005, **other),
        constat("france_services", "1", telephone="04 92 00 00 01"),
    ]
    result = link(frame(*rows))
    assert groups(*rows) == {frozenset({"a", "1"}), frozenset({"b"})}
    cut = result.liens.filter(~pl.col("retenu"))
    assert cut.height == 1
    assert cut["score"][0] <= result.liens.filter("retenu")["score"].min()


def test_one_constat_or_none():
    assert link(frame()).constats.height == 0
    alone = link(frame(constat("dila", "a")))
    assert alone.constats["groupe_id"].to_list() == [0]
    assert alone.liens.height == 0


# --- properties ----------------------------------------------------------------------------------------------------

_NAMES = [
    "France services Serres",
    "Bus France services Serres",
    "Mairie de Serres",
    "Mairie déléguée de Serres",
    "CCAS",
]
_ROW = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["dila", "france_services", "cartosp", "mediation_numerique"]),
        "id_source": st.sampled_from([str(i) for i in range(12)]),
        "typologie": st.sampled_from(["france_services", "mairie", "mediation_numerique"]),
        "service_nom": st.sampled_from(_NAMES),
        "lieu_adresse": st.sampled_from([None, "4 rue des Jardins 05700 Serres", "9 place du Lac 05700 Serres"]),
        "lieu_longitude": st.sampled_from([None, 5.7, 5.701, 5.75]),
        "lieu_latitude": st.just(44.4),
        "telephone": st.sampled_from([None, "04 92 00 00 01", "04 92 00 00 02"]),
        "type_structure": st.sampled_from([None, "Implantation", "Permanence", "Itinérance"]),
        "partenaire": st.sampled_from([None, "france_service"]),
        "partenaire_id": st.sampled_from([None, "1", "2"]),
        "hote_id": st.sampled_from([None, "3"]),
    }
)
_FRAMES = st.lists(_ROW, max_size=9, unique_by=lambda r: (r["source"], r["id_source"], r["typologie"])).map(
    lambda rows: frame(*({**constat(r["source"], r["id_source"], r["typologie"]), **r} for r in rows))
)
_FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _by_identity(linked):
    return linked.sort("source", "id_source", "typologie")["groupe_id"].to_list()


@pytest.mark.lent
@_FEW
@given(_FRAMES, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_linking_again_changes_anything(constats, random):
    order = list(range(constats.height))
    random.shuffle(order)
    first, second = link(constats), link(link(constats).constats[order])
    assert _by_identity(first.constats) == _by_identity(second.constats)
    assert first.liens.equals(second.liens)


@_FEW
@given(_FRAMES)
def test_guards_hold_in_every_group_and_keys_always_link(constats):
    result = link(constats)
    known = numbered(result.constats)
    of = known["groupe_id"].to_list()
    index = {key: i for i, key in enumerate(known.select("source", "id_source", "typologie").iter_rows())}
    rows = guarded(traits(known, linking_rules()))
    exact = result.liens.filter(pl.col("methode") == EXACT)
    ends = ("source_{0}", "id_source_{0}", "typologie_{0}")
    pairs = [
        tuple(index[tuple(row[e.format(side)] for e in ends)] for side in "ab") for row in exact.iter_rows(named=True)
    ]
    assert all(of[a] == of[b] for a, b in pairs)
    # What exact keys put together is the feeds' own word; every other pair of a group has passed the guards.
    word = list(range(len(of)))
    for _ in word:
        for a, b in pairs:
            word[a] = word[b] = min(word[a], word[b])
    hosts = linking_rules().hotes
    for a in range(len(of)):
        for b in range(a):
            if of[a] == of[b] and word[a] != word[b]:
                assert may_be_one(rows[a], rows[b], hosts)
