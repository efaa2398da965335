"""A diff that does not lead from one release to the other is refused, whatever is wrong with it."""

import polars as pl
import pytest

from assets.release.changes.check import DIFF, check_changes, read_changes
from assets.release.changes.diff import differences
from pipeline.foundations.errors import QualityRefused
from tests.editions import POSTE, counter, edition, frame, source

TABLE = "referentiel__implantations"


@pytest.fixture
def pair(tmp_path):
    """Two releases and their diff: a cell, an opening, a closing, an id that follows another."""
    same = {"service_nom": "X", "lieu_adresse": "1 rue Y"}
    old = [counter("A"), counter("B"), counter("R", POSTE, **same)]
    new = [counter("A", telephone="04"), counter("C", POSTE), counter("S", POSTE, **same)]
    before, after = (
        edition(tmp_path / name, name, {TABLE: frame(TABLE, rows)}, sources=(source("dila", name),))
        for name, rows in (("a", old), ("b", new))
    )
    return before, after, differences(before, after)


def test_the_diff_itself_is_accepted(pair):
    check_changes(*pair)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (lambda d: d.filter(pl.col("colonne") != "telephone"), "1 rows came without a line"),
        (lambda d: d.filter(pl.col("colonne").ne_missing(pl.lit("telephone"))), "telephone: 1 cells changed without"),
        (lambda d: d.filter(pl.col("changement") != "ajouté"), "1 rows came without a line"),
        (lambda d: d.filter(pl.col("changement") != "retiré"), "1 rows left without a line"),
        (lambda d: d.filter(pl.col("changement") != "identifiant changé"), "1 rows left without a line"),
        (
            lambda d: d.with_columns(
                apres=pl.when(pl.col("colonne") == "telephone").then(pl.lit("05")).otherwise("apres")
            ),
            "telephone: 1 cells rebuilt otherwise, A among them",
        ),
        (lambda d: d.with_columns(identifiant=pl.col("identifiant").replace("B", "Z")), "left without a line"),
        (lambda d: d.with_columns(apres=pl.col("apres").str.replace("La Poste C", "La Poste")), "service_nom: 1 cells"),
        (lambda d: d.with_columns(table=pl.lit("t__autre")), "table t__autre, in neither"),
        (lambda d: d.head(0), "without a line"),
    ],
)
def test_bad_lines_are_refused(pair, lines, found):
    before, after, told = pair
    with pytest.raises(QualityRefused, match="expected lines that, applied to the one, give the other") as caught:
        check_changes(before, after, lines(told))
    assert found in str(caught.value)


def test_sums_are_held_against_the_number_of_rows(pair):
    before, after, told = pair
    summed = told.filter(pl.col("changement").is_in(["ajouté", "retiré"])).with_columns(
        identifiant=None, avant=None, apres=None, lignes=pl.when(pl.col("changement") == "ajouté").then(2).otherwise(1)
    )
    with pytest.raises(QualityRefused, match=r"implantations: 3 rows and \+1 are not 3"):
        check_changes(before, after, summed.cast(told.schema))


def test_an_absent_or_unreadable_diff_is_refused(tmp_path):
    with pytest.raises(QualityRefused, match="a release tells what changed since the one before"):
        read_changes(tmp_path)
    (tmp_path / "changements").mkdir()
    (tmp_path / DIFF).write_bytes(b"PAR1")
    with pytest.raises(QualityRefused, match=r"changements/diff\.parquet"):
        read_changes(tmp_path)
    pl.DataFrame({"table": ["t"]}).write_parquet(tmp_path / DIFF)
    with pytest.raises(QualityRefused, match="identifiant missing"):
        read_changes(tmp_path)
