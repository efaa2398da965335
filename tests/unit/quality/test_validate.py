"""Running rules on good and bad frames: what passes, what fails, what could not be evaluated, and the static site."""

import socket
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from quality.contract import Contract
from quality.validate import DataDocs, RuleResult, validate_tables

HOSTILE = "<script>alert(1)</script>"

COLUMNS = [
    {"name": "id", "type": "texte", "pattern": "^S[0-9]+$"},
    {"name": "code", "type": "texte", "required": True, "pattern": r"^\d{5}$", "severity": "alerte"},
    {"name": "genre", "type": "texte", "values": ["a", "b"]},
    {"name": "souple", "type": "texte", "values": ["a"], "mostly": 0.5},
    {"name": "rang", "type": "entier", "min": 1, "max": 9},
    {"name": "heures", "type": "reel", "min": 0, "max": 168},
    {"name": "themes", "type": "liste_texte", "values": ["x", "y"], "pattern": "[a-z]"},
    {"name": "jour", "type": "date", "unique": True},
    {"name": "ouvert", "type": "booleen"},
    {"name": "point", "type": "geometrie"},
]
CONTRACT = Contract.model_validate(
    {
        "table": "essai__lieux",
        "title": "Lieux",
        "description": "…",
        "key": ["id"],
        "rows": {"min": 2, "max": 4},
        "foreign_keys": [{"column": "code", "references": "essai__communes", "to": "code"}],
        "columns": [{"title": c["name"].capitalize(), "description": "…", **c} for c in COLUMNS],
    }
)
PAIRS = Contract.model_validate(
    {
        "table": "essai__paires",
        "title": "Paires",
        "description": "…",
        "key": ["a", "b"],
        "rows": {"min": 4},
        "foreign_keys": [{"column": "a", "references": "essai__nulle_part", "to": "code"}],
        "columns": [
            {"name": n, "type": "texte", "title": n.upper(), "description": "…", "required": n == "c"} for n in "abc"
        ],
    }
)
COMMUNES = pl.DataFrame({"code": ["05065", "05061", "2A004"]})
GOOD = pl.DataFrame(
    {
        "id": ["S1", "S2", "S3"],
        "code": ["05065", "05061", "05061"],
        "genre": ["a", None, "b"],
        "souple": ["a", "z", None],
        "rang": [1, 9, None],
        "heures": [0.0, 168.0, None],
        "themes": [["x", "y"], [], None],
        "jour": [date(2026, 1, 1), date(2026, 1, 2), None],
        "ouvert": [True, False, None],
        "point": [b"\x01", None, b"\x01"],
    },
    schema=CONTRACT.polars_schema,
)
BAD = pl.DataFrame(
    {
        "id": ["S1", "S1", "S2\n", None, HOSTILE],
        "code": ["05065", "5061", None, "99999", "05061"],
        "genre": ["a", "c", None, "b", HOSTILE],
        "souple": ["a", "z", "z", "z", None],
        "rang": [0, 10, None, 5, 5],
        "heures": [float("nan"), float("inf"), None, -1.0, 168.5],
        "themes": [["x"], ["x", "Z"], [], ["x", None], None],
        "jour": [date(2026, 1, 1), date(2026, 1, 1), None, None, date(2026, 1, 3)],
        "ouvert": [True] * 5,
        "point": [b"\x01"] * 5,
    },
    schema=CONTRACT.polars_schema,
)
DOCS_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def good() -> dict[str, RuleResult]:
    return {r.regle: r for r in validate_tables({"essai__lieux": GOOD, "essai__communes": COMMUNES}, one(CONTRACT))}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("qualite") / "data_docs"


@pytest.fixture(scope="module")
def bad(site: Path) -> dict[str, RuleResult]:
    pairs = pl.DataFrame({"a": ["1", "1", "2"], "b": ["x", "x", None], "surprise": [HOSTILE] * 3})
    results = validate_tables(
        {"essai__lieux": BAD, "essai__communes": COMMUNES, "essai__paires": pairs},
        {"essai__lieux": CONTRACT, "essai__paires": PAIRS},
        data_docs=DataDocs(site, "2026.1", DOCS_TIME),
    )
    return {r.regle: r for r in results}


def one(contract: Contract) -> dict[str, Contract]:
    return {contract.table: contract}


def test_good_frame_passes_every_rule(good):
    assert {r.regle for r in good.values() if r.statut != "ok"} == set()
    assert good["lieux.lignes.minimum"].nb_valeurs == 3
    assert good["lieux.souple.valeurs"].observe == "1 valeur en défaut sur 2 (50,0\u202f%)"  # within its tolerance


@pytest.mark.parametrize(
    ("rule", "severity", "observed", "examples"),
    [
        ("lieux.lignes.maximum", "alerte", "5 lignes", []),
        ("lieux.id.obligatoire", "blocage", "1 valeur en défaut sur 5 (20,0\u202f%)", [("(vide)", None)]),
        ("lieux.id.unique", "blocage", "2 valeurs en défaut sur 4 (50,0\u202f%)", [("S1", "S1"), ("S1", "S1")]),
        ("lieux.id.motif", "blocage", "2 valeurs en défaut sur 4", [("S2\n", "S2\n"), (HOSTILE, HOSTILE)]),
        ("lieux.code.obligatoire", "alerte", "1 valeur en défaut sur 5", [("S2\n", None)]),
        ("lieux.code.motif", "alerte", "1 valeur en défaut sur 4", [("S1", "5061")]),
        ("lieux.code.reference", "blocage", "2 valeurs en défaut sur 4", [("S1", "5061"), ("(vide)", "99999")]),
        ("lieux.genre.valeurs", "blocage", "2 valeurs en défaut sur 4", [("S1", "c"), (HOSTILE, HOSTILE)]),
        ("lieux.souple.valeurs", "blocage", "3 valeurs en défaut sur 4 (75,0\u202f%)", None),
        ("lieux.rang.bornes", "blocage", "2 valeurs en défaut sur 4", [("S1", "0"), ("S1", "10")]),
        ("lieux.heures.bornes", "blocage", "4 valeurs en défaut sur 4", None),
        ("lieux.themes.valeurs", "blocage", "2 valeurs en défaut sur 4", [("S1", "x | Z"), ("(vide)", "x | (vide)")]),
        ("lieux.themes.motif", "blocage", "2 valeurs en défaut sur 4", None),
        ("lieux.jour.unique", "blocage", "2 valeurs en défaut sur 3", [("S1", "2026-01-01"), ("S1", "2026-01-01")]),
        ("paires.colonnes", "blocage", "manquantes : c ; non déclarées : surprise", []),
        ("paires.lignes.minimum", "blocage", "3 lignes", []),
        ("paires.cle.unique", "blocage", "2 valeurs en défaut sur 3", [("1, x", "1, x"), ("1, x", "1, x")]),
    ],
)
def test_bad_frame_fails_by_name(bad, rule, severity, observed, examples):
    result = bad[rule]
    assert (result.statut, result.gravite) == ("échec", severity)
    assert result.observe.startswith(observed)
    if examples is not None:
        assert [(e.cle, e.valeur) for e in result.exemples] == examples


def test_nothing_else_fails(bad):
    untouched = {r for r, v in bad.items() if r.startswith("lieux.") and v.statut == "ok"}
    assert {"lieux.colonnes", "lieux.lignes.minimum"} <= untouched
    assert not [r for r in bad.values() if r.table == "essai__lieux" and r.statut == "erreur"]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("paires.a.reference", "la table essai__nulle_part n’a pas été fournie"),
        ("paires.c.obligatoire", "la colonne c manque"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_an_error_that_blocks(bad, rule, reason):
    result = bad[rule]
    assert result.statut == "erreur"
    assert result.bloque
    assert result.observe == f"la règle n’a pas pu être évaluée : {reason}"


def test_an_exception_inside_great_expectations_is_an_error_not_a_failure():
    frame = GOOD.with_columns(pl.col("rang").cast(pl.String))  # bounds cannot be compared with text
    found = {r.regle: r for r in validate_tables({"essai__lieux": frame, "essai__communes": COMMUNES}, one(CONTRACT))}
    assert found["lieux.colonnes"].statut == "échec"
    assert found["lieux.colonnes"].observe == "d’un autre type : rang (String)"
    raised = found["lieux.rang.bornes"]
    assert (raised.statut, raised.gravite) == ("erreur", "blocage")
    assert "cannot compare string with numeric type" in raised.observe


def test_tables_are_read_from_files_and_folders(tmp_path):
    (tmp_path / "t").mkdir()
    GOOD.head(1).write_parquet(tmp_path / "t" / "departement=05.parquet")
    GOOD.tail(2).write_parquet(tmp_path / "t" / "departement=36.parquet")
    COMMUNES.write_parquet(tmp_path / "communes.parquet")
    results = validate_tables(
        {"essai__lieux": tmp_path / "t", "essai__communes": tmp_path / "communes.parquet"}, one(CONTRACT)
    )
    assert {r.statut for r in results} == {"ok"}
    assert next(r for r in results if r.regle == "lieux.lignes.minimum").nb_valeurs == 3


@pytest.mark.parametrize(("content", "found"), [(None, "n’existe pas"), (b"PAR1 torn", "est illisible")])
def test_a_table_absent_or_torn_is_one_blocking_error(tmp_path, content, found):
    path = tmp_path / "lieux.parquet"
    if content:
        path.write_bytes(content)
    (result,) = validate_tables({"essai__lieux": path}, one(CONTRACT))
    assert (result.regle, result.statut, result.bloque) == ("lieux.lecture", "erreur", True)
    assert found in result.observe


def test_an_empty_table_only_fails_its_row_count():
    results = validate_tables({"essai__lieux": GOOD.clear(), "essai__communes": COMMUNES}, one(CONTRACT))
    assert [r.regle for r in results if r.statut != "ok"] == ["lieux.lignes.minimum"]


@pytest.mark.usefixtures("bad")
def test_site_shows_no_script_no_network_no_path_of_the_machine(site):
    pages = sorted(site.rglob("*"))
    assert {p.suffix for p in pages if p.is_file()} == {".html"}
    for page in (p for p in pages if p.is_file()):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "http://" not in text
        assert "https://" not in text
        assert "site-packages" not in text
        assert str(Path.home()) not in text
        assert socket.gethostname() not in text
        assert "default-src 'none'" in text
    index = (site / "index.html").read_text(encoding="utf-8")
    assert "Paires" in index
    assert "des règles échouent" in index
    lieux = "".join(p.read_text(encoding="utf-8") for p in site.glob("validations/essai__lieux*/**/*.html"))
    assert "&lt;script&gt;alert(1)" in lieux  # the hostile value is shown, as text


@pytest.mark.usefixtures("bad")
def test_site_is_the_same_for_the_same_run_and_touches_no_network(site, tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    pairs = pl.DataFrame({"a": ["1", "1", "2"], "b": ["x", "x", None], "surprise": [HOSTILE] * 3})
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "stale.html").write_text("old")
    validate_tables(
        {"essai__lieux": BAD, "essai__communes": COMMUNES, "essai__paires": pairs},
        {"essai__lieux": CONTRACT, "essai__paires": PAIRS},
        data_docs=DataDocs(tmp_path / "docs", "2026.1", DOCS_TIME),
    )
    assert tree(tmp_path / "docs") == tree(site)


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
