"""From what feeds say to constats: one vocabulary, nothing lost without a word."""

from datetime import date

import polars as pl
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from assets.referentiel.harmonise import CONSTAT_COLUMNS, count_types, harmonise
from assets.referentiel.place import Gazetteer
from assets.referentiel.typology import typologies
from assets.territories.passage import PASSAGE_SCHEMA
from sources.record import RECORD_SCHEMA

DAY = date(2026, 10, 5)
SIRET = "13002526500013"  # holds its checksum


@pytest.fixture(scope="module")
def gazetteer():
    outline = shapely.to_wkb(shapely.MultiPolygon([shapely.box(6.0, 44.0, 6.1, 44.1)]))
    communes = pl.DataFrame(
        [("05001", "Talican", "05", ["05140"], outline)],
        schema=["code", "nom", "departement", "codes_postaux", "geometrie"],
        orient="row",
    )
    return Gazetteer(communes, pl.DataFrame(schema=PASSAGE_SCHEMA))


def records(*rows):
    full = [{"id_source": f"r{i}", "codes_type": ["mairie"], "code_insee": "05001", **r} for i, r in enumerate(rows)]
    return pl.DataFrame([{n: r.get(n) for n in RECORD_SCHEMA} for r in full], schema=RECORD_SCHEMA)


def harmonised(gazetteer, frame, nomenclature="dila"):
    return harmonise(
        "essai", nomenclature, frame, typologies=typologies(), gazetteer=gazetteer, date_source=pl.lit(DAY)
    )


def one(gazetteer, nomenclature="dila", **row):
    constats, issues = harmonised(gazetteer, records(row), nomenclature)
    return constats.row(0, named=True), issues


def test_a_record_in_the_common_vocabulary(gazetteer):
    constat, issues = one(
        gazetteer,
        nom="Mairie de Talican",
        siret=SIRET,
        adresse="1 place de l'Église",
        code_postal="05140",
        commune="Talican",
        longitude=6.05,
        latitude=44.05,
        id_dila="abc",
        id_finess="050000001",
        horaires="Mo-Fr 09:00-12:00",
        horaires_format="osm",
        date_maj=date(2026, 1, 2),
    )
    assert list(constat) == list(CONSTAT_COLUMNS)
    assert (constat["source"], constat["id_source"], constat["typologie"]) == ("essai", "r0", "mairie")
    assert (constat["service_typologie"], constat["service_thematique"]) == ("Mairie", "Administration locale")
    assert constat["lieu_adresse"] == "1 place de l'Église 05140 Talican"
    assert (constat["lieu_code_insee"], constat["lieu_code_departement"]) == ("05001", "05")
    assert (constat["service_id_dila"], constat["service_id_finess"]) == ("DILA:abc", "FINESS:050000001")
    assert constat["service_id_bpe"] is None
    assert constat["service_siret"] == SIRET
    assert constat["service_horaires_ouverture"] == "Mo-Fr 09:00-12:00"
    assert constat["service_nb_heures_hebdo"] == 15
    assert constat["date_source"] == date(2026, 1, 2)
    assert issues.is_empty()


def test_what_the_feed_does_not_say(gazetteer):
    constat, _ = one(gazetteer)
    assert constat["service_nom"] == "Mairie"
    assert constat["date_source"] == DAY
    assert constat["date_maj"] is None
    assert constat["lieu_adresse"] is None
    assert constat["service_nb_heures_hebdo"] is None  # unknown, not zero


def test_a_wrong_siret_is_not_published(gazetteer):
    constat, issues = one(gazetteer, siret="13002526500014")
    assert constat["service_siret"] is None
    (issue,) = issues.filter(pl.col("regle") == "siret-invalide").to_dicts()
    assert (issue["id_source"], issue["valeur"], issue["gravite"]) == ("r0", "13002526500014", "info")


def test_illegible_hours_are_unknown_and_their_text_is_kept(gazetteer):
    constat, issues = one(gazetteer, horaires="quand la lumière est allumée", horaires_format="texte")
    assert constat["service_horaires_ouverture"] is None
    assert constat["horaires_texte"] == "quand la lumière est allumée"
    assert constat["horaires_qualite"] == "illisible"
    assert issues["regle"].to_list() == ["horaires-illisibles"]


@pytest.mark.parametrize(
    ("nomenclature", "row", "expected"),
    [
        ("dila", {"type_structure": "Permanence", "nom": "Bus"}, "Permanence"),
        ("dila", {"codes_type": ["mairie_mobile"]}, "Itinérance"),
        ("dila", {"nom": "Bus de la mairie"}, None),
        ("france_services", {"codes_type": ["france_services"], "nom": "France services - Bus"}, "Itinérance"),
        ("france_services", {"codes_type": ["france_services"], "nom": "Rue de l'Omnibus"}, None),
        ("dila", {"codes_type": ["caf"], "nom": "Permanence de la Caf"}, "Permanence"),
        ("dila", {"codes_type": ["caf"], "nom": "Caf de Talican"}, None),
    ],
)
def test_kind_of_structure(gazetteer, nomenclature, row, expected):
    assert one(gazetteer, nomenclature, **row)[0]["type_structure"] == expected


def test_two_codes_of_one_typology_are_one_counter_and_of_two_typologies_two(gazetteer):
    frame = records({"codes_type": ["prefecture", "prefecture_region"]}, {"codes_type": ["mairie", "prefecture"]})
    constats, _ = harmonised(gazetteer, frame)
    found = constats.select("id_source", "typologie").rows()
    assert sorted(found) == [("r0", "prefecture"), ("r1", "mairie"), ("r1", "prefecture")]


DILA = sorted(code for nomenclature, code in typologies().by_code if nomenclature == "dila")
OUTSIDE = sorted(code for nomenclature, code in typologies().outside if nomenclature == "dila")
CODES = st.lists(st.sampled_from([*DILA[:6], *OUTSIDE[:3], "jamais_vu"]), max_size=3)
TOWNS = st.sampled_from(["05001", "05999", "99999", None, "", "5001"])
NAMES = st.one_of(st.none(), st.text(max_size=20))


@given(st.lists(st.tuples(CODES, TOWNS, NAMES, NAMES), max_size=8))
def test_nothing_is_lost_without_a_word(gazetteer, rows):
    """A record of a published type is a constat or an issue; the others are counted by code; each pair once."""
    frame = records(*({"codes_type": c, "code_insee": t, "nom": n, "commune": m} for c, t, n, m in rows))
    constats, issues = harmonised(gazetteer, frame)
    assert constats.select("id_source", "typologie").is_unique().all()
    told = set(constats["id_source"]) | set(issues["id_source"])
    for number, (codes, *_) in enumerate(rows):
        if set(codes) & set(DILA):
            assert f"r{number}" in told
        else:
            assert f"r{number}" not in set(constats["id_source"])
    assert constats["lieu_code_insee"].null_count() == 0
    counts = count_types("essai", "dila", frame, typologies())
    assert counts["enregistrements"].sum() == sum(max(1, len(codes)) for codes, *_ in rows)


def test_types_are_counted_and_the_unseen_ones_named():
    frame = records({}, {"codes_type": ["mairie", OUTSIDE[0]]}, {"codes_type": ["jamais_vu"]}, {"codes_type": []})
    counts = count_types("essai", "dila", frame, typologies())
    assert dict(counts.select("code_type", "statut").iter_rows()) == {
        "mairie": "publiée",
        OUTSIDE[0]: "hors typologie",
        "jamais_vu": "inconnue",
        "": "inconnue",
    }
    assert counts.row(0) == ("essai", "mairie", "publiée", 2)


def test_no_record_at_all(gazetteer):
    constats, issues = harmonised(gazetteer, records())
    assert constats.columns == list(CONSTAT_COLUMNS)
    assert (constats.height, issues.height) == (0, 0)
