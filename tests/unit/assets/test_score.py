"""The score of a record is bounded, never drops when a record improves, and the list puts people first."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.referentiel.score import concerned_population, criteria, load_criteria, score, worklist
from pipeline.foundations.errors import WrongUse
from quality.contract import all_contracts

TODAY = date(2026, 3, 1)
GOOD = {
    "point_accueil_id": "A",
    "service_id": "A",
    "type_structure": "Implantation",
    "service_nom": "Mairie de Valdrin",
    "service_typologie": "Mairie",
    "service_horaires_ouverture": "Mo-Fr 09:00-12:00",
    "service_modalite_d_accueil": None,
    "service_siret": "21690039900017",
    "lieu_code_insee": "05001",
    "lieu_code_departement": "05",
    "lieu_longitude": 6.0,
    "lieu_latitude": 44.0,
    "lieu_adresse": "2 rue du Four 05000 Valdrin",
    "position_methode": "source",
    "date_maj": TODAY,
    "sources": "caf|dila",
    "horaires_texte": "lundi-vendredi : 09:00-12:00",
    "horaires_qualite": "exact",
    "telephone": "01 99 00 00 00",
    "site_web": None,
}
TYPES = {"date_maj": pl.Date, "lieu_longitude": pl.Float64, "lieu_latitude": pl.Float64}
SCHEMA = {name: TYPES.get(name, pl.String) for name in GOOD}
NO_CONFLICT = pl.DataFrame(schema={"point_accueil_id": pl.String, "champ": pl.String})
COMMUNES = pl.DataFrame({"code": ["05001", "05002"], "nom": ["Valdrin", "Ombrine"], "population": [100, 4000]})


def counters(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{**GOOD, **row} for row in rows], schema=SCHEMA)


def one(conflicts: int = 0, **changes: object) -> tuple[float, list[str]]:
    said = pl.DataFrame(
        {"point_accueil_id": ["A"] * conflicts, "champ": [f"c{i}" for i in range(conflicts)]}, schema=NO_CONFLICT.schema
    )
    row = score(counters(changes), said, criteria(), TODAY).row(0, named=True)
    return row["score"], row["problemes"]


def test_a_record_that_lacks_nothing_is_worth_one() -> None:
    assert one() == (1.0, [])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"service_horaires_ouverture": None, "horaires_qualite": None}, "Horaires inconnus ou mal lus"),
        ({"service_horaires_ouverture": None, "horaires_qualite": "illisible"}, "Horaires inconnus ou mal lus"),
        ({"lieu_longitude": None, "lieu_latitude": None, "position_methode": None}, "Position inconnue ou douteuse"),
        ({"position_methode": "source, hors de la commune"}, "Position inconnue ou douteuse"),
        ({"lieu_adresse": None}, "Adresse inconnue, ou simple boîte postale"),
        ({"lieu_adresse": "BP 7 05240 La Salle-les-Alpes"}, "Adresse inconnue, ou simple boîte postale"),
        ({"telephone": None}, "Téléphone inconnu"),
        ({"date_maj": TODAY - timedelta(days=2000)}, "Fiche ancienne"),
        ({"service_siret": None}, "SIRET inconnu"),
        ({"conflicts": 1}, "Sources en désaccord"),
    ],
)
def test_each_lack_costs_and_is_named(changes: dict[str, object], problem: str) -> None:
    value, problems = one(**changes)  # type: ignore[arg-type]
    assert value < 1
    assert problems == [problem]


def test_the_heaviest_loss_is_named_first() -> None:
    assert one(telephone=None, lieu_longitude=None, lieu_adresse=None)[1] == [
        "Position inconnue ou douteuse",
        "Adresse inconnue, ou simple boîte postale",
        "Téléphone inconnu",
    ]


def test_criteria_that_do_not_apply_do_not_count() -> None:
    # A permanence has no SIRET of its own, and is asked for its host instead.
    value, problems = one(type_structure="Permanence", service_siret=None, telephone=None)
    assert (value, problems) == (1.0, [])
    assert one(type_structure="Permanence", service_id=None)[1] == ["Hôte de la permanence inconnu"]
    # A typology that one feed alone lists cannot be confirmed.
    assert one(sources="dila")[0] == 1.0
    pair = score(counters({"sources": "dila"}, {"point_accueil_id": "B"}), NO_CONFLICT, criteria(), TODAY)
    assert pair["score"][0] < pair["score"][1] == 1.0


#: For each column, its values from the worst to the best.
LADDERS = {
    "service_horaires_ouverture": [None, "Mo 09:00-12:00"],
    "horaires_qualite": ["réparé", "exact"],
    "lieu_adresse": [None, "CS 12345 05000 Valdrin", "2 rue du Four"],
    "telephone": [None, "01 99 00 00 00"],
    "service_siret": [None, "21690039900017"],
    "position_methode": ["source, hors de la commune", "axes inversés corrigés", "source"],
    "date_maj": [date(2010, 1, 1), date(2023, 1, 1), date(2025, 12, 1), TODAY],
    "sources": ["dila", "caf|dila"],
    "lieu_longitude": [None, 6.0],
}


@given(
    st.fixed_dictionaries({name: st.integers(0, len(steps) - 1) for name, steps in LADDERS.items()}),
    st.sampled_from(sorted(LADDERS)),
    st.sampled_from(["Implantation", "Permanence", "Itinérance"]),
    st.integers(0, 6),
)
def test_bounded_and_monotone(rungs: dict[str, int], climbed: str, structure: str, conflicts: int) -> None:
    low = {name: LADDERS[name][rung] for name, rung in rungs.items()}
    steps = LADDERS[climbed]
    high = {**low, climbed: steps[min(rungs[climbed] + 1, len(steps) - 1)]}
    said = pl.DataFrame(
        {"point_accueil_id": ["A"] * conflicts, "champ": [f"c{i}" for i in range(conflicts)]}, schema=NO_CONFLICT.schema
    )
    pair = counters(
        {**low, "type_structure": structure},
        {**high, "type_structure": structure, "point_accueil_id": "B"},
        {"point_accueil_id": "Z"},  # whatever the others, the typology is known to two feeds
    )
    both = pl.concat([said, said.with_columns(pl.lit("B").alias("point_accueil_id"))])
    scored = score(pair, both, criteria(), TODAY)["score"]
    assert 0 <= scored[0] <= scored[1] <= 1
    better = score(pair, said.head(0), criteria(), TODAY)["score"]
    assert better[0] >= scored[0]


def test_population_is_that_of_the_communes_it_is_nearest_to() -> None:
    frame = counters(
        {}, {"point_accueil_id": "B", "service_id": "B"}, {"point_accueil_id": "P", "type_structure": "Permanence"}
    )
    distances = pl.DataFrame({"code_insee": ["05001", "05002"], "service_id": ["A", "A"]})
    assert concerned_population(frame, distances, COMMUNES)["population_concernee"].to_list() == [4100, 100, 100]
    unknown = COMMUNES.with_columns(pl.lit(None, dtype=pl.Int64).alias("population"))
    assert concerned_population(frame, distances.head(0), unknown)["population_concernee"].to_list() == [None] * 3


def test_the_list_puts_first_what_matters_to_most_people() -> None:
    frame = counters(
        {"point_accueil_id": "peu", "telephone": None},
        {"point_accueil_id": "beaucoup", "telephone": None, "lieu_code_insee": "05002"},
        {"point_accueil_id": "pire", "telephone": None, "lieu_adresse": None, "lieu_code_insee": "05002"},
        {"point_accueil_id": "bon"},
        {"point_accueil_id": "sans siret", "service_siret": None},
    )
    nothing = pl.DataFrame(schema={"code_insee": pl.String, "service_id": pl.String})
    todo = worklist(frame, NO_CONFLICT, nothing, COMMUNES, rules=criteria(), today=TODAY)
    assert todo["point_accueil_id"].to_list() == ["pire", "beaucoup", "peu"]
    assert todo["rang"].to_list() == [1, 2, 3]
    assert todo["commune"].to_list() == ["Ombrine", "Ombrine", "Valdrin"]
    all_contracts()["referentiel__a_traiter"].conform(todo)


def test_nothing_to_score() -> None:
    empty = counters().clear()
    assert score(empty, NO_CONFLICT, criteria(), TODAY).is_empty()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seuil_probleme: 2\ncriteres: {}", "less than or equal to 1"),
        (
            "seuil_probleme: 0\ncriteres: {humeur: {libelle: a, probleme: b, poids: 1, structures: [x], valeurs: {}}}",
            "humeur",
        ),
        ("seuil_probleme: [", "expected"),
    ],
)
def test_a_wrong_file_of_criteria_is_explained(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "criteres.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WrongUse, match=found):
        load_criteria(path)
