"""Why: each written rule on a case of its own, counters first, then what refers to them."""

import polars as pl
import pytest

from assets.release.changes.check import check_changes
from assets.release.changes.diff import differences
from assets.release.changes.settings import load_reason_settings
from pipeline.foundations.errors import WrongUse
from tests.editions import DAY, MAIRIE, NEXT_DAY, POSTE, bridges, counter, edition, frame, provenance, registry, source

COUNTERS, PLACES, PROVENANCE = "referentiel__implantations", "referentiel__lieux", "referentiel__provenance"
REACHED, LONG = "tension__acces", "tension__indicateurs"
DISTANCES, ACCESS, COMMUNES = "access__distances", "access__acces_communes", "territories__communes"
OLD, NEW = (source("dila", "a"),), (source("dila", "b"),)


@pytest.fixture
def two(tmp_path):
    """`two(rows before, rows after, …)`: the lines of the diff, which lead from the one to the other."""

    def make(old, new, *, sources=(OLD, NEW), code=("c", "c"), perimetre=(("05",), ("05",)), more=({}, {}), **kept):
        sides = []
        for i, rows in enumerate((old, new)):
            tables = {COUNTERS: frame(COUNTERS, rows), **more[i]}
            folder = tmp_path / f"{i}-{len(list(tmp_path.iterdir()))}"
            options = {name: pair[i] for name, pair in kept.items()}
            sides.append(
                edition(folder, f"v{i}", tables, sources=sources[i], code=code[i], perimetre=perimetre[i], **options)
            )
        lines = differences(*sides)
        check_changes(*sides, lines)
        return lines

    return make


def of(lines, column=None, table=COUNTERS):
    """`raison, detail` of the only line of that column (of the row when there is none)."""
    where = pl.col("colonne").is_null() if column is None else pl.col("colonne") == column
    (found,) = lines.filter((pl.col("table") == table) & where).select("raison", "detail").rows()
    return found


# --- counters that came and left ------------------------------------------------------------------------------------


def test_absent_from_its_new_feed_a_counter_closed_and_present_it_opened(two):
    lines = two([counter("A"), counter("B")], [counter("A")])
    assert of(lines) == ("offre", "ne figure plus dans dila")
    lines = two([counter("A")], [counter("A"), counter("B", sources="dila|caf")])
    assert of(lines) == ("offre", "nouveau dans caf, dila")


def test_a_feed_that_left_or_came_as_a_whole(two):
    both, one = [counter("A"), counter("B", sources="caf")], [counter("A")]
    assert of(two(both, one, sources=((*OLD, source("caf")), NEW))) == ("source", "source absente : caf")
    assert of(two(one, both, sources=(OLD, (*NEW, source("caf"))))) == ("source", "source nouvelle : caf")
    shared = [counter("A"), counter("B", sources="caf|dila")]
    assert of(two(shared, one, sources=((*OLD, source("caf")), NEW)))[0] == "offre"


def test_the_same_bytes_give_something_else_only_if_the_code_did(two):
    assert of(two([counter("A"), counter("B")], [counter("A")], sources=(OLD, OLD), code=("c", "d"))) == (
        "méthode",
        "fichiers inchangés : dila",
    )
    assert of(two([counter("A"), counter("B")], [counter("A")], sources=(OLD, OLD)))[0] == "non déterminée"


def test_a_movement_larger_than_feeds_usually_make_is_the_feed_s(two):
    old, new = [counter("A"), counter("B", POSTE)], [counter("A")]
    counts = ({"dila|mairie": 36000, "dila|msap": 969}, {"dila|mairie": 36001, "dila|msap": 700})
    old[1]["service_typologie"] = "France services"
    assert of(two(old, new, comptages=counts)) == ("source", "mouvement en bloc : dila, France services : 969 → 700")
    assert of(two(old, new, comptages=counts, code=("c", "d")))[0] == "source, méthode"
    assert of(two(new, old, comptages=counts))[0] == "offre"  # the other way round is not explained by a fall


def test_the_feed_of_one_departement_that_falls(two):
    many = [counter(f"A{i:02}", service_nom=f"n{i}", lieu_adresse=f"{i} rue X") for i in range(40)]
    lines = two(many, many[:10])
    assert set(lines.filter(pl.col("changement") == "retiré")["raison"]) == {"source"}
    assert "mouvement en bloc : dila, département 05 : 40 → 10" in set(lines["detail"])


def test_a_departement_that_comes_or_goes_opens_and_closes_nothing(two):
    there = counter("B", lieu_code_departement="36", lieu_code_insee="36044")
    lines = two([counter("A"), there], [counter("A")], perimetre=(("05", "36"), ("05",)))
    assert of(lines) == ("périmètre", "le département 36 n'est plus couvert")
    lines = two([counter("A")], [counter("A"), there], perimetre=(("05",), ("05", "36")))
    assert of(lines) == ("périmètre", "le département 36 n'était pas couvert")


def test_a_counter_that_moved_out_of_the_perimeter_is_not_closed(two):
    more = ({}, {"referentiel__registre": registry("AB", day=NEXT_DAY)})
    lines = two([counter("A"), counter("B")], [counter("A")], more=more)
    assert of(lines) == ("périmètre", "désormais hors des départements couverts")


def test_a_counter_that_changes_type_changes_table(two):
    name = "referentiel__itinerances"
    more = ({name: frame(name, [])}, {name: frame(name, [counter("B", type_structure="Itinérance")])})
    lines = two([counter("A"), counter("B")], [counter("A")], more=more)
    assert of(lines) == ("correction", "désormais de type Itinérance")
    assert of(lines, table=name) == ("correction", "jusque-là de type Implantation")


def test_closed_in_the_field_although_its_feed_still_has_it(two):
    gone = registry("B", etat="disparu")
    more = (
        {},
        {
            "referentiel__registre": pl.concat([registry("A", day=NEXT_DAY), gone]),
            "referentiel__ponts": bridges([("A", "A"), ("B", "B")], day=NEXT_DAY),
        },
    )
    sources = (OLD, (*NEW, source("remontees_terrain")))
    lines = two([counter("A"), counter("B")], [counter("A")], more=more, sources=sources)
    assert of(lines) == ("correction", "fermé par une correction de terrain")
    assert of(two([counter("A"), counter("B")], [counter("A")], more=more))[0] == "offre"


def test_a_counter_that_comes_back_says_since_when_it_is_known(two):
    more = ({"referentiel__registre": pl.concat([registry("A"), registry("B", etat="disparu")])}, {})
    lines = two([counter("A")], [counter("A"), counter("B")], more=more)
    assert of(lines) == ("offre", "réapparaît dans dila ; connu depuis le 05/01/2026")


def test_ids_that_follow_one_another_are_neither_openings_nor_closings(two):
    one, other = (counter(name, service_nom="X", lieu_adresse="1 rue Y") for name in "AB")
    lines = two([one], [other])
    assert of(lines)[0] == "source"
    assert lines.filter(pl.col("colonne").is_null()).select("changement", "avant", "apres").rows() == [
        ("identifiant changé", "A", "B")
    ]
    # Its columns of ids follow; the rest of it is judged as that of any other counter.
    assert of(lines, "service_id")[0] == of(lines, "point_accueil_id")[0] == "source"
    merged = pl.concat([registry("A", etat="fusionné", remplace_par="C"), registry("C", day=NEXT_DAY)])
    lines = two([counter("A"), counter("C")], [counter("C")], more=({}, {"referentiel__registre": merged}))
    assert of(lines) == ("correction", "A réuni avec C")
    lines = two(
        [counter("A")],
        [counter("A"), counter("B")],
        more=(
            {"referentiel__ponts": bridges([("A", "r1"), ("A", "r2")])},
            {"referentiel__ponts": bridges([("A", "r1"), ("B", "r2")])},
        ),
    )
    assert of(lines) == ("correction", "séparé de A")


# --- cells of counters ----------------------------------------------------------------------------------------------


def cell(two, column, old, new, *, before=("dila", "A"), after=("dila", "A"), champ="nom", others=None, **options):
    """`raison, detail` of one cell that changed, known by those records."""
    more = tuple({PROVENANCE: provenance([("A", champ, *record)] if record else [])} for record in (before, after))
    rows = [counter(f"Z{i:02}") for i in range(30)]  # so that one cell is not a movement of the whole column
    one, other = counter("A", **{column: old}), counter("A", **{column: new, **(others or {})})
    return of(two([one, *rows], [other, *rows], more=more, **options), column)


def test_a_new_edition_says_something_new(two):
    assert cell(two, "service_nom", "Mairie", "Mairie annexe") == ("offre", "nouvelle édition de dila")
    assert cell(two, "service_siret", "1", "2", champ="siret") == ("offre", "nouvelle édition de dila")
    assert cell(two, "service_id_dila", "x", "y") == ("offre", "nouvelle édition des sources")


def test_the_same_edition_read_otherwise(two):
    assert cell(two, "service_nom", "a", "b", sources=(OLD, OLD), code=("c", "d")) == (
        "méthode",
        "dila : même fichier, lu autrement",
    )
    assert cell(two, "service_nom", "a", "b", sources=(OLD, OLD))[0] == "non déterminée"


def test_another_record_is_believed(two):
    sources = ((*OLD, source("caf")), (*NEW, source("caf")))
    assert cell(two, "service_nom", "a", "b", after=("caf", "9"), sources=sources) == ("correction", "dila → caf")
    assert cell(two, "service_nom", "a", "b", after=("dila", "9")) == ("correction", "autre fiche de dila")
    left = ((*OLD, source("caf")), NEW)
    assert cell(two, "service_nom", "a", "b", before=("caf", "9"), sources=left) == ("source", "source absente : caf")
    came = (OLD, (*NEW, source("caf")))
    assert cell(two, "service_nom", "a", "b", after=("caf", "9"), sources=came) == ("source", "source nouvelle : caf")


def test_the_field_corrects_and_takes_its_correction_back(two):
    field = ("remontees_terrain", "w")
    assert cell(two, "telephone", "a", "b", after=field, champ="telephone") == ("correction", "correction de terrain")
    assert cell(two, "telephone", "a", "b", before=field, champ="telephone") == (
        "correction",
        "correction de terrain retirée",
    )


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [
        ("service_nom", "MAIRIE D'EMBRUN", "Mairie d’Embrun"),
        ("lieu_adresse", "1 rue de l'Église", "1, RUE DE L EGLISE"),
        ("telephone", "+33 4 92 00 00 00", "04.92.00.00.00"),
        ("horaires_texte", "mardi 9h-12h ; lundi 9h-12h", "lundi et mardi de 9 h à 12 h"),
    ],
)
def test_the_same_thing_written_otherwise(two, column, old, new):
    assert cell(two, column, old, new) == ("correction", "la même chose, écrite autrement")


def test_a_text_of_hours_that_nobody_understands_is_not_the_same_thing(two):
    rows = [{"service_horaires_ouverture": None, "horaires_texte": text} for text in ("sur appel", "sur demande")]
    others = [counter(f"Z{i:02}") for i in range(30)]
    lines = two([counter("A", **rows[0]), *others], [counter("A", **rows[1]), *others])
    assert of(lines, "horaires_texte")[0] == "offre"


def test_hours_measured_otherwise_and_hours_of_another_unit(two):
    assert cell(two, "service_nb_heures_hebdo", 15.0, 900.0, champ="horaires") == ("correction", "unité des heures")
    assert cell(two, "service_nb_heures_hebdo", 900.0, 15.0, champ="horaires") == ("correction", "unité des heures")
    assert cell(two, "service_nb_heures_hebdo", 15.0, 16.0, champ="horaires", code=("c", "d")) == (
        "méthode",
        "même texte d'horaires, lu autrement",
    )
    changed = {"horaires_texte": "toute la journée"}
    assert cell(two, "service_nb_heures_hebdo", 15.0, 40.0, champ="horaires", others=changed)[0] == "offre"


def test_a_position_better_known_is_no_move(two):
    assert cell(two, "lieu_longitude", 6.64, 6.65, champ="lieu") == ("correction", "même adresse : position corrigée")
    moved = {"lieu_adresse": "2 avenue Neuve 05100 Briançon"}
    assert cell(two, "lieu_longitude", 6.64, 6.65, champ="lieu", others=moved) == ("offre", "nouvelle édition de dila")


def test_what_was_not_known_and_what_is_no_longer(two):
    assert cell(two, "telephone", None, "04", champ="telephone", before=None) == ("correction", "renseigné")
    assert cell(two, "telephone", "04", None, champ="telephone", after=None) == ("correction", "n'est plus renseigné")


def test_a_territory_that_changes_its_code_moves_nobody(two):
    reference = ((*OLD, source("cog", "a")), (*NEW, source("cog", "b")))
    said = ("référentiel géographique", "le code du territoire a changé, pas le lieu")
    assert cell(two, "lieu_code_epci", "1", "2", champ="lieu", sources=reference) == said
    assert cell(two, "lieu_code_insee", "05023", "05024", champ="lieu", sources=reference) == said
    moved = {"lieu_adresse": "2 avenue Neuve"}
    assert cell(two, "lieu_code_insee", "05023", "05024", champ="lieu", sources=reference, others=moved)[0] == "offre"


def test_the_date_of_an_edition_follows_the_feed(two):
    assert cell(two, "date_maj", DAY, NEXT_DAY) == ("source", "suivi des éditions de la source")


def test_a_column_rewritten_everywhere_is_told_as_such(two):
    old = [counter(f"A{i}", courriel=f"a{i}@x.fr") for i in range(9)]
    new = [counter(f"A{i}", courriel=f"b{i}@x.fr") for i in range(9)]
    known = {PROVENANCE: provenance([(f"A{i}", "courriel", "dila", "r") for i in range(9)])}
    lines = two(old, new, more=(known, known))
    assert set(lines["raison"]) == {"source"}
    assert set(two(old, new, more=(known, known), code=("c", "d"))["raison"]) == {"offre, méthode"}


def test_a_permanence_shows_its_host(two):
    name = "referentiel__permanences"

    def hosted(hours):
        row = {**counter("P"), "type_structure": "Permanence", "permanence_id": "P", "permanence_nom": "P"}
        return {name: frame(name, [{**row, "service_id": "A", "service_horaires_ouverture": hours}])}

    known = {PROVENANCE: provenance([("A", "horaires", "dila", "A")])}
    others = [counter(f"Z{i:02}") for i in range(30)]
    lines = two(
        [counter("A"), *others],
        [counter("A", service_horaires_ouverture="Mo 10:00-11:00", horaires_texte="lundi"), *others],
        more=({**hosted("Mo-Fr 09:00-12:00"), **known}, {**hosted("Mo 10:00-11:00"), **known}),
    )
    assert of(lines, "service_horaires_ouverture", table=name) == ("offre", "colonne de l'hôte")


# --- what refers to counters ----------------------------------------------------------------------------------------


def distance(service, metres, typology=POSTE, commune="05046", **more):
    row = {"code_insee": commune, "code_departement": "05", "typologie": typology, "statut": "calculée"}
    measure = {"service_id": service, "distance_vol_oiseau_m": metres, "origine": "mairie"}
    return frame(DISTANCES, [{**row, **measure, **more}])


def test_a_distance_follows_the_counters_it_names(two):
    old = [counter("A", POSTE), counter("B", POSTE, lieu_longitude=6.9)]
    lines = two(old, old[1:], more=({DISTANCES: distance("A", 100.0)}, {DISTANCES: distance("B", 900.0)}))
    assert of(lines, "distance_vol_oiseau_m", table=DISTANCES) == ("offre", "A : retiré")
    moved = [counter("A", POSTE, lieu_longitude=6.7), old[1]]
    known = {PROVENANCE: provenance([("A", "lieu", "dila", "A")])}
    others = [counter(f"Z{i:02}") for i in range(30)]
    before, after = {DISTANCES: distance("A", 100.0), **known}, {DISTANCES: distance("A", 120.0), **known}
    lines = two([*old, *others], [*moved, *others], more=(before, after))
    assert of(lines, "distance_vol_oiseau_m", table=DISTANCES) == ("correction", "A : lieu_longitude")


def test_a_name_that_changes_moves_no_distance(two):
    old = [counter("A", POSTE), *(counter(f"Z{i:02}") for i in range(30))]
    new = [counter("A", POSTE, service_nom="Autre"), *old[1:]]
    more = ({DISTANCES: distance("A", 100.0)}, {DISTANCES: distance("A", 120.0)})
    assert of(two(old, new, more=more), "distance_vol_oiseau_m", table=DISTANCES)[0] == "non déterminée"
    assert of(two(old, new, more=more, code=("c", "d")), "distance_vol_oiseau_m", table=DISTANCES)[0] == "méthode"


def test_a_distance_follows_the_mairie_people_start_from(two):
    hall = counter("M", MAIRIE, lieu_code_insee="05046")
    others = [counter(f"Z{i:02}", POSTE) for i in range(30)]
    known = {PROVENANCE: provenance([("M", "lieu", "dila", "M")])}
    lines = two(
        [counter("A", POSTE), hall, *others],
        [counter("A", POSTE), {**hall, "lieu_latitude": 44.8}, *others],
        more=({DISTANCES: distance("A", 100.0), **known}, {DISTANCES: distance("A", 120.0), **known}),
    )
    assert of(lines, "distance_vol_oiseau_m", table=DISTANCES) == ("correction", "départ, M : lieu_latitude")


def test_two_counters_at_the_same_distance_exchange_their_places(two):
    old = [counter("A", POSTE), counter("B", POSTE), counter("C", POSTE)]
    lines = two(old, old[:2], more=({DISTANCES: distance("A", 9.0)}, {DISTANCES: distance("B", 9.0)}))
    assert of(lines, "service_id", table=DISTANCES) == ("offre", "C : retiré")


def test_a_counter_outside_the_perimeter_is_known_by_the_registry(two):
    more = (
        {
            DISTANCES: distance("X", 9.0),
            "referentiel__registre": registry("AX"),
            "referentiel__ponts": bridges([("X", "x")], typologie="la_poste"),
        },
        {DISTANCES: distance("Y", 8.0), "referentiel__registre": registry("AY", day=NEXT_DAY)},
    )
    said = of(two([counter("A")], [counter("A")], more=more), "distance_vol_oiseau_m", table=DISTANCES)
    assert said == ("offre", "point d'accueil hors des départements couverts")


def access(minutes, **more):
    row = {"code_insee": "05046", "code_departement": "05", "typologie": POSTE, "type_origine": "carreau de 200 m"}
    return frame(ACCESS, [{**row, "temps_moyen_min": minutes, "statut_principal": "calculé", **more}])


@pytest.mark.parametrize(
    ("name", "reason"), [("carreaux_200m", "population"), ("bdtopo", "réseau"), ("cog", "référentiel géographique")]
)
def test_a_mean_time_follows_the_inputs_that_moved(two, name, reason):
    more = ({ACCESS: access(9.0)}, {ACCESS: access(12.0)})
    inputs = ((*OLD, source(name, "a")), (*OLD, source(name, "b")))
    rows = [counter("A", POSTE)]
    assert of(two(rows, rows, more=more, sources=inputs), "temps_moyen_min", table=ACCESS)[0] == reason
    both = two(rows, rows, more=more, sources=inputs, code=("c", "d"))
    assert of(both, "temps_moyen_min", table=ACCESS)[0] == f"{reason}, méthode"


def test_a_mean_time_follows_the_counters_of_its_typology(two):
    more = ({ACCESS: access(9.0)}, {ACCESS: access(12.0)})
    lines = two([counter("A", POSTE), counter("B", POSTE)], [counter("A", POSTE)], more=more)
    assert of(lines, "temps_moyen_min", table=ACCESS) == ("offre", "B : retiré")
    roads = ((*OLD, source("bdtopo", "a")), (*NEW, source("bdtopo", "b")))
    lines = two([counter("A", POSTE), counter("B", POSTE)], [counter("A", POSTE)], more=more, sources=roads)
    assert of(lines, "temps_moyen_min", table=ACCESS)[0] == "offre, réseau"
    lines = two([counter("A", POSTE), counter("M")], [counter("A", POSTE)], more=more)
    assert of(lines, "temps_moyen_min", table=ACCESS)[0] == "non déterminée"  # mairies are not post offices
    assert of(two([], [], more=more, code=("c", "d")), "temps_moyen_min", table=ACCESS)[0] == "méthode"


def test_reachable_hours_follow_the_hours_of_the_counters_of_their_typology(two):
    def hours(value, day):
        row = {"niveau": "commune", "territoire": "05061", "typologie": POSTE, "mesure": "route"}
        measured = frame(REACHED, [{**row, "heures_accessibles_semaine": value}])
        return {REACHED: measured, LONG: frame(LONG, [{**row, "indicateur": "x", "millesime": day}])}

    more = (hours(10.0, "2026-01-31"), hours(15.0, "2026-02-28"))
    others = [counter(f"M{i}") for i in range(30)]  # a column that changes everywhere is its feed's doing
    was, now = (counter("A", POSTE, service_nb_heures_hebdo=h) for h in (10.0, 15.0))
    lines = two([was, *others], [now, *others], more=more)
    assert of(lines, "heures_accessibles_semaine", table=REACHED) == ("offre", "A : service_nb_heures_hebdo")
    assert of(lines, "millesime", table=LONG) == ("source", "nouvelle édition")
    cells = ((source("carreaux_1km", "a"),), (source("carreaux_1km", "b"),))
    assert of(two([], [], more=more, sources=cells), "millesime", table=LONG)[0] == "population"
    assert of(two([], [], more=more, sources=(OLD, OLD)), "millesime", table=LONG)[0] == "non déterminée"


def test_people_counted_anew_are_the_population_s(two):
    more = ({ACCESS: access(9.0, population=10.0)}, {ACCESS: access(9.0, population=12.0)})
    cells = ((*OLD, source("carreaux_1km", "a")), (*NEW, source("carreaux_1km", "b"), source("cog")))
    assert of(two([], [], more=more, sources=cells), "population", table=ACCESS)[0] == "population"


def test_a_commune_that_comes_brings_its_rows(two):
    def communes(*codes):
        return frame(COMMUNES, [{"code": c, "nom": c, "departement": "05", "population": 9} for c in codes])

    more = (
        {COMMUNES: communes("05023"), DISTANCES: distance("A", 9.0, commune="05023")},
        {
            COMMUNES: communes("05023", "05046"),
            DISTANCES: pl.concat([distance("A", 9.0, commune="05023"), distance("A", 5.0)]),
        },
    )
    reference = ((*OLD, source("cog", "a")), (*NEW, source("cog", "b")))
    lines = two([counter("A", POSTE)], [counter("A", POSTE)], more=more, sources=reference)
    assert of(lines, table=COMMUNES)[0] == "référentiel géographique"
    assert of(lines, table=DISTANCES) == ("référentiel géographique", "commune 05046 : ajouté")


def test_a_place_follows_the_same_column_of_what_it_holds(two):
    def place(**more):
        row = {"lieu_id": "LA", "lieu_nom": "A", "nb_services": 1, "lieu_code_departement": "05", **more}
        return frame(PLACES, [row])

    known = {PROVENANCE: provenance([("A", "lieu", "dila", "A"), ("A", "telephone", "dila", "A")])}
    others = [counter(f"Z{i:02}") for i in range(30)]
    lines = two(
        [counter("A", telephone="1"), *others],
        [counter("A", lieu_longitude=6.65, telephone="2"), *others],
        more=({PLACES: place(lieu_longitude=6.64), **known}, {PLACES: place(lieu_longitude=6.65), **known}),
    )
    assert of(lines, "telephone")[0] == "offre"
    assert of(lines, "lieu_longitude", table=PLACES) == ("correction", "A : lieu_longitude")


def test_tables_without_departement_move_with_the_perimeter(two):
    def epci(*codes):
        return {"territories__epci": frame("territories__epci", [{"code": c, "nom": c, "communes": 1} for c in codes])}

    lines = two([], [], more=(epci("1"), epci("1", "2")), perimetre=(("05",), ("05", "36")))
    assert of(lines, table="territories__epci")[0] == "périmètre"


# --- the whole diff -------------------------------------------------------------------------------------------------


def test_two_releases_of_the_same_tables_have_no_difference(two):
    rows = [counter("A"), counter("B", POSTE)]
    assert two(rows, rows, sources=(OLD, OLD)).is_empty()


def test_a_table_or_a_column_that_comes_is_told_in_one_line(two):
    lines = two([counter("A")], [counter("A")], more=({}, {DISTANCES: distance("A", 1.0)}))
    assert lines.drop("raison").rows() == [
        (DISTANCES, None, None, "ajouté", None, None, None, "table nouvelle", 1),
    ]
    assert lines["raison"].to_list() == ["méthode"]


def test_a_table_changed_everywhere_is_summed_up(two, monkeypatch):
    from assets.release.changes import diff, settings

    few = settings.reason_settings().model_copy(update={"lignes_max": 3})
    monkeypatch.setattr(diff, "reason_settings", lambda: few)
    old, new = [counter(f"A{i}") for i in range(4)], [counter(f"A{i}", service_nom="x") for i in range(5)]
    lines = two(old, new)
    kept = lines.select("identifiant", "departement", "changement", "colonne", "raison", "lignes").rows()
    assert kept == [(None, "05", "ajouté", None, "offre", 1), (None, "05", "modifié", "service_nom", "offre", 4)]


def test_every_line_has_a_reason_of_the_list_and_keys_are_unique(two):
    from assets.release.changes.settings import REASONS

    old = [counter("A"), counter("B", POSTE), counter("C")]
    new = [counter("A", telephone="1", lieu_longitude=6.0), counter("D", POSTE)]
    lines = two(old, new, more=({DISTANCES: distance("B", 1.0)}, {DISTANCES: distance("D", 2.0)}))
    assert lines["raison"].null_count() == 0
    assert {r for text in lines["raison"] for r in text.split(", ")} <= set(REASONS)
    assert not lines.select("table", "identifiant", "colonne", "changement").is_duplicated().any()
    assert dict(lines.filter(pl.col("colonne").is_null())["changement"].value_counts().rows()) == {
        "ajouté": 1,
        "retiré": 2,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- rien", "expected the shape of bad_raisons.yml; found : Input should be"),
        ("lignes_max: 0", "lignes_max: Input should be greater than 0"),
        ("familles: {météo: [x]}", "familles.météo"),
        ("inconnu: 1", "inconnu: Extra inputs are not permitted"),
        ("a: [", "readable YAML"),
    ],
)
def test_bad_settings_are_explained(tmp_path, text, message):
    path = tmp_path / "bad_raisons.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WrongUse) as caught:
        load_reason_settings(path)
    assert message in str(caught.value)


def test_what_is_told_from_earlier_versions_changes_with_them(two):
    """The second version knows what disappeared: nothing moved where nothing did."""
    offer = "tension__offre"
    row = {"niveau": "commune", "territoire": "05061", "typologie": "France services"}
    sides = [{offer: frame(offer, [{**row, "nb_disparitions_24_mois": n}])} for n in (None, 0)]
    lines = two([counter("A")], [counter("A")], more=tuple(sides))
    assert of(lines, "nb_disparitions_24_mois", offer) == ("offre", "depuis les versions précédentes")
