"""Movements between releases, bounds and ages of sources."""

import tarfile
from collections import Counter
from datetime import date

import ijson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.errors import WrongUse
from quality.variation import (
    NO_DEPARTEMENT,
    Counts,
    SourceStatus,
    Threshold,
    Thresholds,
    check_sources,
    compare_counts,
    count_records,
    describe_move,
    load_thresholds,
)
from sources.reading import records_frame


def thresholds(min_absolute: int, relative_pct: float, **sources: dict) -> Thresholds:
    threshold = {"min_absolute": min_absolute, "relative_pct": relative_pct}
    return Thresholds.model_validate({"default": {"code": threshold, "departement": threshold}, "sources": sources})


def codes(**counts: int) -> Counts:
    return Counts(code={"dila": counts}, departement={"dila": {}})


def faults(results):
    return [(r.regle, r.gravite) for r in results if r.statut == "échec"]


def test_records_are_counted_once_per_code_and_once_per_departement():
    records = records_frame(
        [
            {"id_source": "1", "codes_type": ["mairie", "mairie"], "code_insee": "05061"},
            {"id_source": "2", "codes_type": ["mairie", "caf"], "code_insee": "2A004"},
            {"id_source": "3", "codes_type": [], "code_insee": "97411"},
            {"id_source": "4", "codes_type": None, "code_insee": "5061"},
            {"id_source": "5", "codes_type": ["caf"], "code_insee": None},
        ]
    )
    counts = count_records({"dila": records})
    assert counts.code == {"dila": {"(aucun)": 2, "caf": 2, "mairie": 2}}
    assert counts.departement == {"dila": {"(inconnu)": 2, "05": 1, "2A": 1, "974": 1}}
    assert list(counts.code["dila"]) == sorted(counts.code["dila"])


def test_an_empty_feed_counts_nothing():
    assert count_records({"dila": records_frame([])}) == Counts(code={"dila": {}}, departement={"dila": {}})


@given(
    before=st.integers(0, 50_000),
    after=st.integers(0, 50_000),
    floor=st.integers(0, 500),
    percentage=st.floats(0, 50),
)
def test_a_breach_is_a_movement_above_both_the_floor_and_the_percentage(before, after, floor, percentage):
    results = compare_counts(codes(x=after), codes(x=before), thresholds(floor, percentage))
    breach = abs(after - before) > floor and abs(after - before) > before * percentage / 100
    vanished = after == 0 and before > 0
    expected = [("dila.code.x.variation", "blocage" if breach else "alerte")] if breach or vanished else []
    assert faults(results) == expected


@given(counts=st.dictionaries(st.text(max_size=8), st.integers(1, 10**6), max_size=6))
def test_without_movement_nothing_is_said_to_be_wrong(counts):
    same = Counts(code={"dila": counts}, departement={"dila": counts})
    results = compare_counts(same, same, thresholds(0, 0))
    assert faults(results) == []
    assert len(results) == 2  # both axes say that they were looked at


def test_a_source_has_its_own_thresholds_on_the_axis_it_names():
    own = thresholds(10, 0, caf={"code": {"min_absolute": 100, "relative_pct": 0}})
    now, before = {"a": {"x": 50}}, {"a": {"x": 0}}
    results = compare_counts(
        Counts(code={"caf": now["a"], "dila": now["a"]}, departement={"caf": now["a"], "dila": now["a"]}),
        Counts(code={"caf": before["a"], "dila": before["a"]}, departement={"caf": before["a"], "dila": before["a"]}),
        own,
    )
    assert [r for r, _ in faults(results)] == [
        "caf.departement.x.variation",
        "dila.code.x.variation",
        "dila.departement.x.variation",
    ]


def test_first_release_compares_nothing_and_a_new_source_neither():
    assert compare_counts(codes(x=1), None, thresholds(0, 0)) == []
    (result,) = compare_counts(codes(x=1000), Counts(), thresholds(0, 0))
    assert (result.statut, result.observe) == ("ok", "source nouvelle, sans publication précédente à comparer")


def test_a_source_that_vanished_is_one_breach():
    assert faults(compare_counts(Counts(), codes(x=1, y=2), thresholds(99, 0))) == [("dila.variation", "blocage")]


def test_the_breach_is_told_in_words():
    (breach, *_) = compare_counts(codes(cij=1141), codes(cij=1348), thresholds(40, 1))
    assert breach.observe == "1\u202f348 → 1\u202f141 (−207, soit −15,4\u202f%)"
    assert breach.attendu == "un écart d’au plus 40"
    assert (breach.source, breach.table, breach.nb_echecs) == ("dila", None, 207)
    assert describe_move(0, 3) == "+3"
    assert describe_move(36_035, 36_036) == "+1, soit +0,003\u202f%"


def test_thresholds_of_the_project_let_ordinary_months_pass_and_stop_the_accident():
    ours = load_thresholds()
    assert ours.of("dila", "code") == Threshold(min_absolute=40, relative_pct=1)
    before = codes(cij=1348, msap=969, greta=216, hypotheque=354, afpa=222, tresorerie=1993, mairie=36_035)
    after = codes(cij=1141, msap=1123, greta=190, hypotheque=336, afpa=212, tresorerie=1990, mairie=36_036)
    assert faults(compare_counts(after, before, ours)) == [
        ("dila.code.cij.variation", "blocage"),
        ("dila.code.msap.variation", "blocage"),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("default: {code: {min_absolute: -1, relative_pct: 1}}", "default.code.min_absolute"),
        ("sources: {}", "default: Field required"),
        ("default: [", "while parsing"),
    ],
)
def test_bad_thresholds_are_refused_by_name(tmp_path, text, fault):
    path = tmp_path / "variation.yml"
    path.write_text(text)
    with pytest.raises(WrongUse) as error:
        load_thresholds(path)
    assert fault in error.value.found


GOOD = SourceStatus(
    id="dila",
    titre="DILA",
    etat="à jour",
    empreinte="a" * 64,
    date_fichier=date(2026, 1, 1),
    age_jours=3,
    age_max_jours=10,
    lignes_lues=60,
    lignes_utilisables=55,
    borne_min=50,
    borne_max=60,
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"lignes_utilisables": 50}, []),
        ({"lignes_utilisables": 49}, [("dila.lignes.minimum", "blocage")]),
        ({"lignes_utilisables": 61}, [("dila.lignes.maximum", "alerte")]),
        ({"age_jours": 10}, []),
        ({"age_jours": 11}, [("dila.fraicheur", "alerte")]),
        ({"age_jours": None}, [("dila.fraicheur", "alerte")]),
        ({"etat": "gelée"}, []),
        ({"etat": "dernière bonne version", "refus": "HTML"}, [("dila.disponibilite", "alerte")]),
        (
            {"etat": "dernière bonne version", "sous_minimum": 7},
            [("dila.disponibilite", "alerte"), ("dila.lignes.minimum", "blocage")],
        ),
        ({"etat": "absente", "lignes_utilisables": None}, [("dila.disponibilite", "alerte")]),
        ({"etat": "absente", "lignes_utilisables": None, "requise": True}, [("dila.disponibilite", "blocage")]),
    ],
)
def test_sources_are_held_against_their_declaration(change, expected):
    assert faults(check_sources([GOOD.model_copy(update=change)])) == expected


@pytest.mark.reel
@pytest.mark.lent
def test_the_real_refresh_of_november_2017_is_stopped_by_its_accident_only(real_data):
    def counts(mirror: str) -> Counts:
        folder = real_data / mirror / "lecomarquage.service-public.gouv.fr" / "donnees_locales_v4"
        by_code: Counter[str] = Counter()
        by_departement: Counter[str] = Counter()
        with tarfile.open(folder / "all_latest.tar.bz2", "r:bz2") as archive:
            member = next(m for m in archive if m.name.endswith(".json"))
            for service in ijson.items(archive.extractfile(member), "service.item"):
                by_code.update({p["type_service_local"] for p in service["pivot"]})
                insee = service["code_insee_commune"]
                by_departement[insee[: 3 if insee[:2] in {"97", "98"} else 2]] += 1
        return Counts(code={"dila": by_code}, departement={"dila": by_departement})

    results = compare_counts(counts("mirror"), counts("mirror-previous"), load_thresholds())
    assert faults(results) == [("dila.code.cij.variation", "blocage"), ("dila.code.msap.variation", "blocage")]


def test_fewer_records_without_a_code_is_good_news_more_is_not() -> None:
    few, many = (Counts(departement={"fs": {NO_DEPARTEMENT: n, "05": 500}}, code={"fs": {"a": 500}}) for n in (0, 60))
    assert not [r for r in compare_counts(few, many, load_thresholds()) if r.bloque]
    assert [r.regle for r in compare_counts(many, few, load_thresholds()) if r.bloque] == [
        f"fs.departement.{NO_DEPARTEMENT}.variation"
    ]
