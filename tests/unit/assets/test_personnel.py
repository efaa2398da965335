"""What names people is withheld, counted and reported."""

from pathlib import Path

import polars as pl
import pytest

from assets.referentiel.personnel import (
    COUNT_SCHEMA,
    log_withheld,
    personal_results,
    withhold_in_issues,
    withhold_personal,
)
from pipeline.foundations.issues import IssueLog
from sources.dila.read import read as read_dila
from sources.registry import get_source

FRAME = pl.DataFrame(
    {
        "source": ["dila", "dila", "dila", "caf"],
        "id_source": ["a", "b", "c", "d"],
        "service_nom": ["Mairie de Valdrin", "Mairie d'Ombrine", "France services", "Caf"],
        "lieu_adresse": ["2 rue du Docteur Roux 05000 Valdrin", None, None, None],
        "courriel": ["mairie.valdrin@orange.fr", "camille.exemple@ombrine.fr", None, None],
        "telephone": ["06 00 00 00 01", "06 00 00 00 02", "06 00 00 00 03", None],
        "horaires_texte": ["lundi 9h-12h", "avec Mme Exemple (06 00 00 00 04)", None, None],
    }
)


def test_what_names_a_person_is_withheld_and_the_rest_kept() -> None:
    cleaned, counts = withhold_personal(FRAME)
    assert cleaned["courriel"].to_list() == ["mairie.valdrin@orange.fr", None, None, None]
    # The mobile of a record whose e-mail names a person is that person's; a bus's stays.
    assert cleaned["telephone"].to_list() == ["06 00 00 00 01", None, "06 00 00 00 03", None]
    assert cleaned["horaires_texte"][1] == "avec Mme [nom retiré] ([numéro retiré])"
    same = [c for c in FRAME.columns if c not in ("courriel", "telephone", "horaires_texte")]
    assert cleaned.select(same).equals(FRAME.select(same))
    assert cleaned.columns == FRAME.columns
    held = {(r["source"], r["colonne"]): (r["examines"], r["retenus"]) for r in counts.iter_rows(named=True)}
    assert held["dila", "courriel"] == (2, 1)
    assert held["dila", "telephone"] == (3, 1)
    assert held["dila", "horaires_texte"] == (2, 1)
    assert held["caf", "courriel"] == (0, 0)
    assert counts.schema == COUNT_SCHEMA


def test_a_frame_without_these_columns_is_left_alone() -> None:
    bare = FRAME.select("source", "service_nom")
    cleaned, counts = withhold_personal(bare)
    assert cleaned.equals(bare)
    assert counts.is_empty()


def test_each_source_says_what_was_withheld_and_nobody_is_named() -> None:
    cleaned, counts = withhold_personal(FRAME)
    results = {r.source: r for r in personal_results(counts)}
    assert results["dila"].statut == "ok"
    assert "courriel : 1" in results["dila"].observe
    assert results["caf"].observe == "rien qui nomme une personne"
    issues = log_withheld("dila", FRAME, cleaned)
    assert issues.select("id_source", "valeur", "gravite").rows() == [("b", "…@ombrine.fr", "info")]


def test_issues_do_not_quote_names() -> None:
    log = IssueLog("dila")
    log.add(record="1", column="horaires", value="Mme Exemple, jeudi", rule="horaires-illisibles", reason="…")
    log.add(record="2", column="horaires", value=None, rule="horaires-illisibles", reason="…")
    assert withhold_in_issues(log.frame())["valeur"].to_list() == ["Mme [nom retiré], jeudi", ""]


@pytest.mark.lent
@pytest.mark.reel
def test_the_real_directory(real_data: Path) -> None:
    spec = get_source("dila")
    url = spec.resources[0].url.removeprefix("https://")
    records = read_dila({spec.resources[0].id: real_data / "mirror" / url}, spec).tables["records"]
    named = records.filter(pl.col("courriel").is_not_null()).select(
        pl.lit("dila").alias("source"),
        pl.col("nom").alias("service_nom"),
        "courriel",
        "telephone",
        pl.concat_str("adresse", "commune", separator=" ", ignore_nulls=True).alias("lieu_adresse"),
    )
    _, counts = withhold_personal(named)
    held = dict(counts.select("colonne", "retenus").iter_rows())
    # One address in a hundred: 572 of 49,710 when last reviewed, of which about one in seven is an office's.
    assert 450 <= held["courriel"] <= 700
    assert held["telephone"] < 20
