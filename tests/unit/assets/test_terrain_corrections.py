"""What applies, what contradicts, what is outdated: corrections on the decided counters."""

from datetime import date

import polars as pl
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from assets.referentiel.terrain import (
    OUTCOME_SCHEMA,
    apply_corrections,
    correction_issues,
    correction_provenance,
    current_values,
    restore,
)
from sources.remontees_terrain.layout import CORRECTION_SCHEMA

SQUARE = shapely.to_wkb(shapely.box(6.0, 44.0, 6.1, 44.1))
COMMUNES = pl.DataFrame({"code": ["05001", "05002"], "geometrie": [SQUARE, None]})
BASE = {
    "point_accueil_id": "A",
    "service_nom": "Mairie",
    "service_horaires_ouverture": "Mo 09:00-12:00",
    "service_nb_heures_hebdo": 3.0,
    "service_categorie_niveau_d_ouverture": "Moins de 10h",
    "service_modalite_d_accueil": None,
    "type_structure": "Implantation",
    "horaires_texte": "lundi : 09:00-12:00",
    "horaires_qualite": "exact",
    "lieu_code_insee": "05001",
    "lieu_longitude": 6.05,
    "lieu_latitude": 44.05,
    "lieu_adresse": "2 rue du Four",
    "position_methode": "source",
    "telephone": "01 99 00 00 00",
    "site_web": "https://valdrin.exemple",
    "date_maj": date(2020, 1, 1),
    "sources": "dila",
    "courriel": "mairie@valdrin.exemple",
}
TYPES = {
    "service_nb_heures_hebdo": pl.Float64,
    "lieu_longitude": pl.Float64,
    "lieu_latitude": pl.Float64,
    "date_maj": pl.Date,
}
SCHEMA = {name: TYPES.get(name, pl.String) for name in BASE}
PHONE = "01 99 00 00 00"


def counters(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{**BASE, **row} for row in rows or ({},)], schema=SCHEMA)


def says(
    champ: str, corrige: str | None, *, exporte: str | None = PHONE, org: str = "Commune", day: int = 1, **more: object
):
    row = {"point_accueil_id": "A", "champ": champ, "exporte": exporte, "corrige": corrige, "organisation": org}
    return {**row, "date": date(2026, 3, day), "classeur": f"{org}-{day}.xlsx", "ligne": 2, **more}


def corrected(*rows: dict[str, object], frame: pl.DataFrame | None = None):
    said = pl.DataFrame(list(rows), schema=CORRECTION_SCHEMA, orient="row")
    return apply_corrections(counters() if frame is None else frame, said, COMMUNES)


def statuses(outcome) -> list[str]:
    return pl.concat(outcome[1:]).sort("date", "organisation", "classeur")["statut"].to_list()


def test_without_corrections_nothing_moves() -> None:
    outcome = corrected()
    assert outcome.counters.equals(counters())
    assert all(frame.schema == OUTCOME_SCHEMA and frame.is_empty() for frame in outcome[1:])


def test_a_correction_is_signed_and_dated() -> None:
    frame = counters({}, {"point_accueil_id": "B"})
    outcome = corrected(says("telephone", "01 99 11 11 11"), frame=frame)
    a, b = outcome.counters.rows(named=True)
    assert (a["telephone"], a["sources"], a["date_maj"]) == (
        "01 99 11 11 11",
        "dila|remontees_terrain",
        date(2026, 3, 1),
    )
    assert b == frame.row(1, named=True)
    assert a["courriel"] == BASE["courriel"]
    assert outcome.applied.select("valeur", "valeur_source", "statut").rows() == [
        ("01 99 11 11 11", PHONE, "appliquée")
    ]


def test_hours_are_read_and_measured_and_names_in_them_are_redacted() -> None:
    typed = "lundi au vendredi 9h-12h ; voir Mme Exemple"
    row = corrected(says("horaires", typed, exporte="Mo 09:00-12:00")).counters.row(0, named=True)
    assert row["service_horaires_ouverture"] == "Mo-Fr 09:00-12:00"
    assert (row["service_nb_heures_hebdo"], row["service_categorie_niveau_d_ouverture"]) == (15.0, "Entre 10h et 24h")
    assert "Exemple" not in row["horaires_texte"]


def test_hours_that_mean_nothing_are_refused() -> None:
    outcome = corrected(says("horaires", "quand il fait beau", exporte="Mo 09:00-12:00"))
    assert outcome.obsolete["statut"].to_list() == ["refusée"]
    assert outcome.counters.equals(counters())


def test_a_value_can_be_emptied() -> None:
    outcome = corrected(says("telephone", None), says("horaires", None, exporte="Mo 09:00-12:00"))
    row = outcome.counters.row(0, named=True)
    assert row["telephone"] is None
    assert (row["service_horaires_ouverture"], row["service_categorie_niveau_d_ouverture"]) == (None, "Non connu")
    assert correction_provenance(outcome.applied).is_empty()


@pytest.mark.parametrize(
    ("where", "status"),
    [("6.020000 44.020000", "appliquée"), ("6.105000 44.050000", "appliquée"), ("2.350000 48.850000", "refusée")],
)
def test_a_position_stays_in_its_commune(where: str, status: str) -> None:
    outcome = corrected(says("position", where, exporte="6.050000 44.050000"))
    assert statuses(outcome) == [status]
    row = outcome.counters.row(0, named=True)
    moved = f"{row['lieu_longitude']:.6f} {row['lieu_latitude']:.6f}" == where
    assert moved is (status == "appliquée")
    assert row["position_methode"] == ("remontée de terrain" if moved else "source")


def test_a_position_given_where_there_was_none() -> None:
    frame = counters(
        {"lieu_longitude": None, "lieu_latitude": None, "position_methode": None, "lieu_code_insee": "05002"}
    )
    outcome = corrected(says("position", "6.020000 44.020000", exporte=None), frame=frame)
    assert outcome.counters["lieu_longitude"].to_list() == [6.02]


def test_what_changed_upstream_since_the_export_is_obsolete() -> None:
    outcome = corrected(says("telephone", "01 99 11 11 11", exporte="01 99 22 22 22"))
    assert statuses(outcome) == ["obsolète"]
    assert outcome.counters.equals(counters())
    assert PHONE in outcome.obsolete["motif"][0]


def test_what_the_feeds_took_over_is_no_longer_a_correction() -> None:
    outcome = corrected(says("telephone", PHONE, exporte="01 99 22 22 22"))
    assert statuses(outcome) == ["déjà à jour"]
    assert outcome.counters.equals(counters())


def test_two_organisations_that_disagree_are_a_conflict() -> None:
    outcome = corrected(says("telephone", "1", org="Commune"), says("telephone", "2", org="Préfecture", day=2))
    assert statuses(outcome) == ["conflit", "conflit"]
    assert outcome.counters.equals(counters())
    issues = correction_issues(pl.concat(outcome[1:]))
    assert issues["regle"].unique().to_list() == ["correction-en-conflit"]


def test_two_organisations_that_agree_apply() -> None:
    outcome = corrected(says("telephone", "1", org="Commune"), says("telephone", "1", org="Préfecture", day=2))
    assert statuses(outcome) == ["appliquée", "appliquée"]
    assert correction_provenance(outcome.applied)["date_source"].to_list() == [date(2026, 3, 2)]


def test_a_conflict_ends_when_one_comes_round() -> None:
    rows = [
        says("telephone", "1", org="Commune"),
        says("telephone", "2", org="Préfecture"),
        says("telephone", "2", org="Commune", day=2),
    ]
    outcome = corrected(*rows)
    assert statuses(outcome) == ["remplacée", "appliquée", "appliquée"]
    assert outcome.counters["telephone"].to_list() == ["2"]


def test_the_latest_of_one_organisation_counts_but_not_within_a_day() -> None:
    assert statuses(corrected(says("telephone", "1"), says("telephone", "2", day=2))) == ["remplacée", "appliquée"]
    same_day = (says("telephone", "1"), says("telephone", "2", classeur="autre.xlsx"))
    assert statuses(corrected(*same_day)) == ["conflit", "conflit"]


def test_a_correction_of_a_corrected_value_follows_it() -> None:
    outcome = corrected(says("telephone", "1"), says("telephone", "2", exporte="1", org="Préfecture", day=5))
    assert statuses(outcome) == ["appliquée", "appliquée"]
    assert outcome.counters["telephone"].to_list() == ["2"]
    assert restore(outcome.counters, outcome.applied)["telephone"].to_list() == [PHONE]


def test_a_counter_that_is_gone() -> None:
    outcome = corrected(says("telephone", "1", point_accueil_id="Z"))
    assert statuses(outcome) == ["inconnu"]


def mark(frame: pl.DataFrame | None = None) -> str:
    return current_values(counters() if frame is None else frame)["empreinte"][0]


def test_a_closed_counter_leaves() -> None:
    outcome = corrected(says("ferme", "oui", exporte=mark()), says("telephone", "1"))
    assert outcome.counters.is_empty()
    assert statuses(outcome) == ["appliquée", "appliquée"]


def test_a_closure_is_obsolete_when_the_record_changed_upstream() -> None:
    outcome = corrected(says("ferme", "oui", exporte=mark()), frame=counters({"telephone": "01 99 33 33 33"}))
    assert statuses(outcome) == ["obsolète"]
    assert outcome.counters.height == 1


@pytest.mark.parametrize(
    ("other", "status", "left"),
    [
        (says("telephone", "1", org="Préfecture", day=3), "conflit", 1),
        (says("telephone", "1", org="Préfecture", day=1), "appliquée", 0),  # before the closure
        (says("telephone", "1", day=3), "remplacée", 1),
    ],
)
def test_a_closure_against_what_others_say(other: dict[str, object], status: str, left: int) -> None:
    outcome = corrected(says("ferme", "oui", exporte=mark(), day=2), other)
    found = pl.concat(outcome[1:]).filter(pl.col("champ") == "ferme")["statut"].to_list()
    assert (found, outcome.counters.height) == ([status], left)


def test_a_verification_only_dates_the_record() -> None:
    outcome = corrected(says("verifie", "oui", exporte=mark()))
    row = outcome.counters.row(0, named=True)
    assert (row["date_maj"], row["sources"]) == (date(2026, 3, 1), "dila|remontees_terrain")
    assert {k: v for k, v in row.items() if k not in ("date_maj", "sources")} == {
        k: v for k, v in BASE.items() if k not in ("date_maj", "sources")
    }


def test_a_verification_of_an_already_corrected_record() -> None:
    after = counters({"telephone": "1"})
    outcome = corrected(says("telephone", "1"), says("verifie", "oui", exporte=mark(after), org="Préfecture", day=9))
    assert statuses(outcome) == ["appliquée", "appliquée"]
    assert outcome.counters["date_maj"].to_list() == [date(2026, 3, 9)]


CLAIMS = st.lists(
    st.tuples(
        st.sampled_from([PHONE, "1", "2", "3"]),
        st.sampled_from(["1", "2", "3", PHONE]),
        st.sampled_from("XYZ"),
        st.integers(1, 4),
    ),
    max_size=6,
)


@given(CLAIMS, st.randoms(use_true_random=False))
def test_every_correction_has_one_fate_whatever_the_order_of_the_imports(claims, random) -> None:
    rows = [
        says("telephone", new, exporte=old, org=org, day=day, ligne=n + 2)
        for n, (old, new, org, day) in enumerate(claims)
    ]
    outcome = corrected(*rows)
    fates = pl.concat(outcome[1:]).sort("ligne")
    assert fates["ligne"].to_list() == [row["ligne"] for row in rows]
    assert fates["statut"].null_count() == 0
    assert "" not in fates["statut"].to_list()
    shuffled = list(rows)
    random.shuffle(shuffled)
    again = corrected(*shuffled)
    assert again.counters.equals(outcome.counters)
    assert pl.concat(again[1:]).sort("ligne").equals(fates)
    # What is published is the feeds' value or one that somebody gave.
    assert outcome.counters["telephone"][0] in {PHONE, *(row["corrige"] for row in rows)}
