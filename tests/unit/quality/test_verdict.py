"""The stored verdict and what it lets through."""

import json
import pickle

import pytest

from pipeline.foundations.errors import QualityRefused
from quality.results import Example, RuleResult
from quality.variation import Counts
from quality.verdict import Verdict, judge, read_verdict, require

KEY = "f" * 64


def result(rule: str = "lieux.id.unique", *, source: str | None = None, **change) -> RuleResult:
    return RuleResult.model_validate(
        {
            "table": None if source else "essai__lieux",
            "source": source,
            "regle": rule,
            "titre": "…",
            "gravite": "blocage",
            "statut": "ok",
            "observe": f"observé {rule}",
            "attendu": f"attendu {rule}",
            "exemples": (Example(cle="S1", valeur=None),),
            **change,
        }
    )


@pytest.mark.parametrize(
    ("statut", "gravite", "verdict"),
    [
        ("ok", "blocage", "accepté"),
        ("échec", "blocage", "refusé"),
        ("échec", "alerte", "accepté"),
        ("erreur", "blocage", "refusé"),
        ("erreur", "alerte", "refusé"),
    ],
)
def test_what_refuses(statut, gravite, verdict):
    assert judge(KEY, [result(statut=statut, gravite=gravite)]).statut == verdict


def test_an_accepted_breach_lets_through():
    verdict = judge(KEY, [result("dila.x", source="dila", statut="accepté", acceptation="vu")])
    require(verdict, KEY)
    assert verdict.comptes == {"regles": 1, "blocages": 0, "alertes": 0, "acceptes": 1}


def test_round_trip_and_same_bytes(tmp_path):
    def make() -> Verdict:
        counts = Counts(code={"dila": {"b": 1, "a": 2}}, departement={"dila": {"2A": 1, "05": 2}})
        return judge(KEY, [result(statut="échec"), result("dila.x", source="dila")], counts=counts)

    make().write(tmp_path / "q" / "verdict.json")
    make().write(tmp_path / "q" / "again.json")
    assert read_verdict(tmp_path / "q" / "verdict.json") == make()
    assert (tmp_path / "q" / "verdict.json").read_bytes() == (tmp_path / "q" / "again.json").read_bytes()
    assert sorted(p.name for p in (tmp_path / "q").iterdir()) == ["again.json", "verdict.json"]


def test_a_refusal_names_the_rules_and_the_way_out():
    verdict = judge(
        KEY,
        [result(f"lieux.c{i}.motif", statut="échec") for i in range(4)]
        + [result("dila.code.cij.variation", source="dila", statut="échec")],
    )
    with pytest.raises(QualityRefused) as error:
        require(verdict, KEY)
    assert error.value.subject == "verdict: 5 blocking rule(s)"
    assert "lieux.c0.motif: attendu lieux.c0.motif" in error.value.expected
    assert "lieux.c0.motif (essai__lieux): observé lieux.c0.motif" in error.value.found
    assert error.value.found.endswith("; and 2 more")
    assert "acceptations.yml (dila.code.cij.variation)" in error.value.remedy
    assert "mend the data" in error.value.remedy
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)  # noqa: S301


def test_a_verdict_on_other_inputs_lets_nothing_through():
    with pytest.raises(QualityRefused, match="a verdict on other inputs"):
        require(judge(KEY, [result()]), "0" * 64)


@pytest.mark.parametrize(
    ("content", "found"),
    [(None, "No such file"), ("{", "EOF"), ('{"format": 2}', "format"), ("[]", "verdict")],
)
def test_no_verdict_is_a_refusal(tmp_path, content, found):
    path = tmp_path / "verdict.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(QualityRefused) as error:
        read_verdict(path)
    assert found in error.value.found


def test_a_verdict_edited_by_hand_is_refused(tmp_path):
    path = tmp_path / "verdict.json"
    judge(KEY, [result(statut="échec")]).write(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**data, "statut": "accepté"}))
    with pytest.raises(QualityRefused, match="statut does not follow from resultats"):
        read_verdict(path)
