"""The written order decides; the origin of every group of fields and every disagreement are kept."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.referentiel.decide import decide, load_precedence, precedence
from assets.referentiel.harmonise import CONSTAT_COLUMNS
from pipeline.foundations.errors import WrongUse

_TYPES = {"rang_source": pl.Int64, "service_nb_heures_hebdo": pl.Float64, "lieu_longitude": pl.Float64}
_TYPES |= dict.fromkeys(("geocodage_score", "geocodage_longitude", "geocodage_latitude"), pl.Float64)
_TYPES |= {
    "geocodage_date": pl.Date,
    "lieu_latitude": pl.Float64,
    "date_maj": pl.Date,
    "date_source": pl.Date,
    "groupe_id": pl.Int64,
}


def _constats(*rows):
    columns = [*CONSTAT_COLUMNS, "groupe_id"]
    base = {
        "typologie": "mairie",
        "service_typologie": "Mairie",
        "service_thematique": "Administration locale",
        "rang_source": 1,
        "lieu_code_departement": "05",
        "date_source": date(2026, 1, 1),
        "groupe_id": 0,
    }
    data = [{**dict.fromkeys(columns), **base, **row} for row in rows]
    schema = {c: _TYPES.get(c, pl.List(pl.String) if c == "horaires_regles" else pl.String) for c in columns}
    return pl.DataFrame(data, schema=schema)


def _decide(*rows):
    decided = decide(_constats(*rows), precedence())
    return decided.counters.row(0, named=True), decided


DILA = {"source": "dila", "id_source": "d", "rang_source": 0}
FS = {"source": "france_services", "id_source": "f"}


def test_the_feed_that_leads_for_the_typology_is_believed_whatever_the_dates():
    row, _ = _decide(
        {**DILA, "service_nom": "Mairie", "date_source": date(2019, 1, 1)},
        {**FS, "service_nom": "Mairie de X", "date_source": date(2026, 1, 1)},
    )
    assert row["service_nom"] == "Mairie"
    assert (row["source_semantique"], row["date_maj"]) == ("dila", date(2019, 1, 1))
    assert row["sources"] == "dila|france_services"


def test_between_two_that_do_not_lead_the_fresher_is_believed():
    row, _ = _decide(
        {**FS, "source": "caf", "service_nom": "Ancien", "date_source": date(2019, 1, 1)},
        {**FS, "service_nom": "Récent", "date_source": date(2026, 1, 1)},
    )
    assert row["service_nom"] == "Récent"


def test_hours_of_a_france_services_come_from_its_network_before_the_directory():
    fs = {"typologie": "france_services", "service_typologie": "France services"}
    row, decided = _decide(
        {**DILA, **fs, "service_horaires_ouverture": "Mo 09:00-12:00", "service_nb_heures_hebdo": 3.0},
        {**FS, **fs, "service_horaires_ouverture": "Mo-Tu 09:00-12:00", "service_nb_heures_hebdo": 6.0},
    )
    assert (row["service_horaires_ouverture"], row["service_nb_heures_hebdo"]) == ("Mo-Tu 09:00-12:00", 6.0)
    origin = decided.provenance.filter(pl.col("champ") == "horaires").row(0, named=True)
    assert (origin["source"], origin["id_source"]) == ("france_services", "f")
    conflict = decided.conflicts.row(0, named=True)
    assert (conflict["champ"], conflict["valeur_retenue"], conflict["valeur_ecartee"]) == (
        "horaires",
        "Mo-Tu 09:00-12:00",
        "Mo 09:00-12:00",
    )
    assert conflict["source_ecartee"] == "dila"


def test_an_unknown_value_never_hides_a_known_one_and_groups_are_not_mixed():
    row, decided = _decide(
        {**DILA, "service_nom": "Mairie", "lieu_adresse": "1 rue A"},
        {**FS, "service_nom": "M", "lieu_longitude": 6.0, "lieu_latitude": 44.0, "lieu_adresse": "2 rue B"},
    )
    # The place comes whole from the record that has a position, its address included.
    assert (row["lieu_longitude"], row["lieu_adresse"]) == (6.0, "2 rue B")
    assert decided.provenance.filter(pl.col("champ") == "lieu")["source"].to_list() == ["france_services"]
    assert decided.provenance.filter(pl.col("champ") == "siret").is_empty()


@pytest.mark.parametrize(
    ("field", "kept", "other", "expected"),
    [
        ("service_nom", "Mairie de Châteauneuf", "MAIRIE DE CHATEAUNEUF", 0),
        ("service_nom", "Mairie", "Hôtel de ville", 1),
        ("telephone", "04 65 71 28 15", "+33465712815", 0),
        ("telephone", "04 65 71 28 15", "04 65 71 28 16", 1),
    ],
)
def test_only_real_disagreements_are_conflicts(field, kept, other, expected):
    _, decided = _decide({**DILA, field: kept}, {**FS, field: other})
    assert decided.conflicts.height == expected


def test_a_position_some_feed_gives_is_believed_before_one_looked_up():
    row, _ = _decide(
        {**DILA, "lieu_longitude": 6.0, "lieu_latitude": 44.0, "position_methode": "géocodage"},
        {**FS, "lieu_longitude": 6.001, "lieu_latitude": 44.0, "position_methode": "source"},
    )
    assert (row["lieu_longitude"], row["position_methode"]) == (6.001, "source")


@pytest.mark.parametrize(("metres", "expected"), [(100, 0), (400, 1)])
def test_positions_disagree_above_the_threshold(metres, expected):
    _, decided = _decide(
        {**DILA, "lieu_longitude": 6.0, "lieu_latitude": 44.0},
        {**FS, "lieu_longitude": 6.0, "lieu_latitude": 44.0 + metres / 111_195},
    )
    found = decided.conflicts.filter(pl.col("champ") == "lieu")
    assert found.height == expected
    if expected:
        assert abs(found["ecart_m"][0] - metres) < 2


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)), st.lists(st.sampled_from([None, "a", "b"]), min_size=6, max_size=6))
def test_the_order_of_rows_changes_nothing(order, names):
    rows = [
        {
            "source": s,
            "id_source": f"{s}{i}",
            "service_nom": n,
            "groupe_id": i % 2,
            "date_source": date(2026, 1, 1 + i % 3),
        }
        for i, (s, n) in enumerate(zip(["dila", "france_services", "caf"] * 2, names, strict=True))
    ]
    plain, mixed = (decide(_constats(*r), precedence()) for r in (rows, [rows[i] for i in order]))
    assert plain.counters.equals(mixed.counters)
    assert plain.provenance.equals(mixed.provenance)
    assert plain.conflicts.equals(mixed.conflicts)


def test_a_wrong_precedence_file_is_refused(tmp_path: Path):
    path = tmp_path / "precedence.yml"
    path.write_text(
        "sources: [dila]\ngroupes:\n  nom: {colonnes: [service_nom], anchor: service_nom}\n", encoding="utf-8"
    )
    with pytest.raises(WrongUse, match="anchor"):
        load_precedence(path)


def test_every_decided_column_is_a_constat_column():
    named = {c for group in precedence().groupes.values() for c in group.colonnes}
    assert named <= set(CONSTAT_COLUMNS)
