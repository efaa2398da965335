"""The report for people and the list of issues."""

import csv
import io
from datetime import date
from html.parser import HTMLParser

import polars as pl
import pytest
import yaml

from pipeline.foundations.issues import ISSUE_SCHEMA, IssueLog
from quality.coverage import Coverage
from quality.page import share
from quality.report import ReportContext, render_report, write_issues_csv, write_report
from quality.results import Example, RuleResult, number, percent, plural
from quality.variation import Counts, SourceStatus
from quality.verdict import Verdict, judge

HOSTILE = "<script>alert('é')</script>\"'&"
SNAPSHOT = "a" * 64


def result(rule: str, **change) -> RuleResult:
    base = {
        "table": None if "source" in change else "essai__lieux",
        "regle": rule,
        "titre": f"titre de {rule}",
        "gravite": "blocage",
        "statut": "ok",
        "observe": "observé",
        "attendu": "attendu",
        "remede": "remède",
    }
    return RuleResult.model_validate({**base, **change})


SOURCE = SourceStatus(
    id="dila",
    titre="Annuaire DILA",
    etat="à jour",
    empreinte=SNAPSHOT,
    date_fichier=date(2026, 1, 2),
    age_jours=3,
    age_max_jours=10,
    lignes_lues=1200,
    lignes_utilisables=1100,
    borne_min=50,
    borne_max=6000,
)
COUNTS = Counts(code={"dila": {"mairie": 1100}}, departement={"dila": {"05": 1100}})
BEFORE = Counts(code={"dila": {"mairie": 1348}}, departement={"dila": {"05": 1348}})


def verdict(*results: RuleResult, coverage: list[Coverage] | None = None) -> Verdict:
    rows = result("lieux.lignes.minimum", nb_valeurs=4321)
    return judge("f" * 64, [rows, *results], counts=COUNTS, sources=[SOURCE], coverage=coverage or [])


def covered(code: str, name: str, points: int, hours: int) -> Coverage:
    return Coverage(
        departement=code, nom=name, points=points, positions=points, horaires=hours, identifiants=0, recoupes=0
    )


def context(**change) -> ReportContext:
    base = {"titre": "Essai", "version": "2026.1", "date_reference": date(2026, 1, 5), "contracts": {}}
    return ReportContext(**{**base, **change})


def issues() -> IssueLog:
    return IssueLog("dila")


class Strict(HTMLParser):
    """Collects tags and text; complains of tags closed out of order."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def plain(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_a_refusal_says_what_blocks_why_and_what_to_do():
    page = Strict(
        render_report(
            verdict(
                result("lieux.id.unique", statut="échec", exemples=(Example(cle="S1", valeur="x"),)),
                result("lieux.h.bornes", statut="erreur"),
                result("dila.fraicheur", source="dila", gravite="alerte", statut="échec"),
                result("dila.code.cij.variation", source="dila", statut="accepté", acceptation="vu par la préfecture"),
            ),
            issues().frame(),
            context(),
        )
    )
    text = page.plain
    assert "✗ Publication refusée" in text
    assert "2 contrôles arrêtent cette version" in text
    assert "5 règles contrôlées, 2 blocages, 1 alerte, 1 écart accepté." in text
    assert "titre de lieux.id.unique" in text
    assert "remède" in text
    assert "Non évalué : « titre de lieux.h.bornes »" in text
    assert "Non respecté : « titre de lieux.id.unique »" in text
    assert "Écart accepté : « titre de dila.code.cij.variation »" in text
    assert "vu par la préfecture" in text
    assert "4\u202f321" in "".join(page.text)  # rows of the table
    assert "Il n’y a pas encore de version publiée à comparer." in text


def test_an_acceptable_breach_comes_with_the_lines_to_copy():
    breach = result("dila.code.c: #j.variation", source="dila", statut="échec")
    page = Strict(render_report(verdict(breach), issues().frame(), context()))
    snippet = next(t for t in page.text if t.startswith("- regle:"))
    (entry,) = yaml.safe_load(snippet)
    assert (entry["regle"], entry["source"], entry["empreinte"]) == (breach.regle, "dila", SNAPSHOT)
    table_breach = result("lieux.id.unique", statut="échec")
    assert "- regle:" not in render_report(verdict(table_breach), issues().frame(), context())


def test_an_acceptance_says_so():
    page = Strict(render_report(verdict(), issues().frame(), context(fictif=True)))
    assert "✓ Publication acceptée" in page.plain
    assert "données fictives" in page.plain
    assert "Aucun signalement." in page.plain


def test_coverage_is_told_whole_then_by_departement_the_barest_named():
    rows = [covered("01", "Ain", 1000, 900), covered("05", HOSTILE, 10, 4), covered("48", "Lozère", 0, 0)]
    page = render_report(verdict(coverage=rows), issues().frame(), context())
    text = Strict(page).plain.replace("\u202f", " ")
    assert "1 010 points d’accueil, dans 3 départements" in text
    assert "89 % horaires connus" in text
    assert f"C’est là que les horaires manquent le plus : {HOSTILE} (05), 40 %." in text
    assert '<td class="num low">40\u202f%</td>' in page
    assert "Lozère (48) 0 – – – –" in text
    assert text.index("Publication acceptée") < text.index("points d’accueil, dans") < text.index("Variation depuis")
    assert "Couverture" not in Strict(render_report(verdict(), issues().frame(), context())).plain


def test_shares_never_say_all_when_one_is_missing():
    assert (share(999, 1000), share(1000, 1000), share(0, 3), share(0, 0)) == (99, 100, 0, None)


def test_an_unread_source_says_its_state_first_and_the_message_of_the_machine_aside():
    refused = SOURCE.model_copy(update={"etat": "dernière bonne version", "refus": "TimeoutError: …"})
    absent = SOURCE.model_copy(update={"id": "caf", "titre": "Caf", "etat": "absente", "requise": True})
    said = result("dila.disponibilite", source="dila", gravite="alerte", statut="échec", observe="long message")
    page = render_report(judge("f", [said], sources=[refused, absent]), issues().frame(), context())
    text = Strict(page).plain
    assert "Observé dernière bonne version Message technique TimeoutError: …" in text
    assert "long message" not in text
    assert "1 source employée." in text
    assert "Sans aucun fichier : Caf (obligatoire)." in text


def test_variation_and_types_outside_the_typology_are_shown():
    page = Strict(
        render_report(
            verdict(),
            issues().frame(),
            context(previous=BEFORE, previous_version="2025.12", outside={"dila": {"greta": 190, "afpa": 212}}),
        )
    )
    assert "Variation depuis la version 2025.12" in page.plain
    assert "mairie 1 348 1 100 −248, soit −18,4 %" in page.plain.replace("\u202f", " ")
    assert "2 codes, 402 enregistrements" in page.plain
    assert page.plain.index("afpa") < page.plain.index("greta")


def test_issues_are_grouped_with_examples_the_gravest_first():
    log = issues()
    for n in range(5):
        log.add(record=f"r{n}", column="code_insee", value="x", rule="commune-inconnue", reason="Inconnue.")
    log.add(record="z", column="id", value="", rule="identifiant-absent", reason="Absent.", severity="erreur")
    text = Strict(render_report(verdict(), log.frame(), context())).plain
    assert "1 erreur, 5 avertissements." in text
    assert text.index("identifiant-absent") < text.index("commune-inconnue")
    assert "r2" in text
    assert "r3" not in text


def test_hostile_values_are_text_and_the_page_needs_nothing_else():
    log = issues()
    log.add(record=HOSTILE, column=HOSTILE, value=HOSTILE, rule=HOSTILE, reason=HOSTILE)
    hostile = {"titre": HOSTILE, "observe": HOSTILE, "attendu": HOSTILE, "remede": HOSTILE}
    page = render_report(
        judge(
            HOSTILE,
            [
                result(HOSTILE, statut="échec", exemples=(Example(cle=HOSTILE, valeur=HOSTILE),), **hostile),
                result(HOSTILE, source="dila", statut="échec", **hostile),
                result(HOSTILE, source="dila", statut="accepté", acceptation=HOSTILE, **hostile),
            ],
            counts=Counts(code={"dila": {HOSTILE: 5}}, departement={"dila": {HOSTILE: 5}}),
            sources=[SOURCE.model_copy(update={"titre": HOSTILE, "etat": HOSTILE, "refus": HOSTILE})],
        ),
        log.frame(),
        context(
            titre=HOSTILE,
            version=HOSTILE,
            previous=BEFORE,
            previous_version=HOSTILE,
            outside={HOSTILE: {HOSTILE: 1}},
        ),
    )
    parsed = Strict(page)
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "base", "form"}
    assert not [a for _, attrs in parsed.tags for a in attrs if a.startswith("on")]
    assert {a["href"].split("#")[0] for _, a in parsed.tags if "href" in a} <= {
        "",
        "issues.csv",
        "verdict.json",
        "data_docs/index.html",
    }
    assert "url(" not in page
    assert "://" not in page
    assert HOSTILE in "".join(parsed.text)


def test_page_is_accessible_in_its_structure():
    page = Strict(render_report(verdict(), issues().frame(), context(previous=BEFORE)))
    by_tag: dict[str, list[dict]] = {}
    for tag, attrs in page.tags:
        by_tag.setdefault(tag, []).append(attrs)
    assert by_tag["html"][0]["lang"] == "fr"
    assert len(by_tag["h1"]) == len(by_tag["main"]) == 1
    assert all("scope" in attrs for attrs in by_tag["th"])
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(set(ids)) == len(ids)
    assert {a["href"][1:] for a in by_tag["a"] if a["href"].startswith("#")} <= set(ids)
    assert {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a} <= set(ids)


def test_same_inputs_same_bytes(tmp_path):
    log = issues()
    log.add(record="b", column="c", value="=1", rule="r", reason="m")
    log.add(record="a", column="c", value="1", rule="r", reason="m")
    for name in ("one", "two"):
        write_report(tmp_path / name / "rapport.html", verdict(), log.frame(), context(previous=BEFORE))
        write_issues_csv(log.frame() if name == "one" else log.frame().reverse(), tmp_path / name / "issues.csv")
    for file in ("rapport.html", "issues.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
        ("+33 4 92 00 00 00", "'+33 4 92 00 00 00"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("05", "05"),
        ('dit "oui", a=1', 'dit "oui", a=1'),
        ("deux\nlignes", "deux\nlignes"),
    ],
)
def test_issues_csv_is_rfc_4180_and_runs_no_formula(tmp_path, value, written):
    log = issues()
    log.add(record="05", column="c", value=value, rule="r", reason="é")
    write_issues_csv(log.frame(), tmp_path / "issues.csv")
    raw = (tmp_path / "issues.csv").read_bytes()
    assert raw.startswith(",".join(ISSUE_SCHEMA.names()).encode() + b"\r\n")
    assert raw.endswith(b"\r\n")
    (row,) = csv.DictReader(io.StringIO(raw.decode("utf-8"), newline=""))
    assert row["valeur"] == written
    assert row["id_source"] == "05"


def test_no_issue_is_a_header_alone(tmp_path):
    write_issues_csv(pl.DataFrame(schema=ISSUE_SCHEMA), tmp_path / "issues.csv")
    assert (tmp_path / "issues.csv").read_bytes() == b"source,id_source,colonne,valeur,regle,motif,gravite\r\n"


def test_french_numbers():
    assert number(-1234.5) == "−1\u202f234,5"
    assert plural(0, "ligne") == "0 ligne"
    assert plural(1000, "contrôle arrête", "contrôles arrêtent") == "1\u202f000 contrôles arrêtent"
    assert percent(1, 60_000) == "0,002\u202f%"
    assert percent(1, 10**9) == "moins de 0,0001\u202f%"
    assert percent(0, 5) == "0,0\u202f%"
