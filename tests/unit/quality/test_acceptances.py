"""Accepted breaches: the file, and what it changes."""

from datetime import date

import pytest

from pipeline.foundations.errors import WrongUse
from quality.acceptances import Acceptance, append_acceptance, apply_acceptances, load_acceptances
from quality.results import RuleResult

SNAPSHOT = "a" * 64
ACCEPTED = Acceptance(
    regle="dila.code.cij.variation",
    source="dila",
    empreinte=SNAPSHOT,
    motif="Fermetures confirmées par le CIDJ : 207 points",
    organisation="Préfecture des Hautes-Alpes",
    date=date(2026, 11, 20),
)


def result(**change) -> RuleResult:
    base = {
        "source": "dila",
        "regle": "dila.code.cij.variation",
        "titre": "…",
        "gravite": "blocage",
        "statut": "échec",
        "observe": "…",
        "attendu": "…",
    }
    return RuleResult.model_validate({**base, **change})


def test_file_round_trip(tmp_path):
    path = tmp_path / "data" / "acceptations.yml"
    assert load_acceptances(path) == ()
    append_acceptance(path, ACCEPTED)
    other = ACCEPTED.model_copy(update={"empreinte": f"{SNAPSHOT}+{'b' * 64}"})
    append_acceptance(path, other)
    assert load_acceptances(path) == (ACCEPTED, other)
    assert "Préfecture des Hautes-Alpes" in path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["acceptations.yml"]


def test_the_same_breach_is_not_accepted_twice(tmp_path):
    path = tmp_path / "acceptations.yml"
    append_acceptance(path, ACCEPTED)
    before = path.read_bytes()
    with pytest.raises(WrongUse, match="twice for the same snapshot"):
        append_acceptance(path, ACCEPTED.model_copy(update={"motif": "une autre explication"}))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {regle: dila.x, source: dila, empreinte: abc, motif: trop, date: 2026-01-01}", "acceptance 1, empreinte"),
        ("- {regle: dila.x, source: dila, empreinte: abc, motif: trop, date: 2026-01-01}", "acceptance 1, motif"),
        ("- {regle: dila.x, source: dila, empreinte: abc, motif: trop, date: 2026-01-01}", "organisation: Field requ"),
        ("regle: dila.x", "the file: Input should be a valid tuple"),
        ("- [", "while parsing"),
    ],
)
def test_a_bad_file_says_where(tmp_path, text, fault):
    path = tmp_path / "acceptations.yml"
    path.write_text(text)
    with pytest.raises(WrongUse) as error:
        load_acceptances(path)
    assert fault in error.value.found


def test_a_breach_is_accepted_for_its_snapshot_only():
    (accepted,) = apply_acceptances([result()], [ACCEPTED], {"dila": SNAPSHOT})
    assert accepted.statut == "accepté"
    assert not accepted.bloque
    assert accepted.acceptation == f"{ACCEPTED.motif} (Préfecture des Hautes-Alpes, 20/11/2026)"
    (refused,) = apply_acceptances([result()], [ACCEPTED], {"dila": "b" * 64})
    assert refused == result()


@pytest.mark.parametrize(
    "change",
    [
        {"statut": "erreur"},
        {"statut": "ok"},
        {"regle": "dila.code.msap.variation"},
        {"source": "caf"},
        {"source": None, "table": "dila"},
    ],
)
def test_nothing_else_is_accepted(change):
    other = result(**change)
    assert apply_acceptances([other], [ACCEPTED], {"dila": SNAPSHOT, "caf": SNAPSHOT}) == [other]


def test_the_disappearance_of_a_source_is_accepted_as_absente():
    gone = result(regle="dila.variation")
    acceptance = ACCEPTED.model_copy(update={"regle": "dila.variation", "empreinte": "absente"})
    assert apply_acceptances([gone], [acceptance], {})[0].statut == "accepté"
    assert apply_acceptances([gone], [acceptance], {"dila": SNAPSHOT})[0].statut == "échec"
