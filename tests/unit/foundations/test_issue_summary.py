"""Faults by the thousand: the first told, the others counted."""

import polars as pl

from pipeline.foundations.issue_summary import TOLD, add_some
from pipeline.foundations.issues import IssueLog


def said(rows: pl.DataFrame, value: str | None = "v") -> list[tuple[str, ...]]:
    log = IssueLog("essai")
    add_some(log, rows, record="r", column="colonne", value=value, rule="regle", reason="Motif.", severity="info")
    return log.frame().select("id_source", "colonne", "valeur", "regle", "motif", "gravite").rows()


def test_each_row_is_told() -> None:
    assert said(pl.DataFrame({"r": ["a", None], "v": [1.5, None]})) == [
        ("a", "colonne", "1.5", "regle", "Motif.", "info"),
        ("?", "colonne", "", "regle", "Motif.", "info"),
    ]
    assert said(pl.DataFrame({"r": ["a"]}), value=None) == [("a", "colonne", "", "regle", "Motif.", "info")]
    assert said(pl.DataFrame({"r": [], "v": []}, schema={"r": pl.String, "v": pl.String})) == []


def test_beyond_a_number_they_are_counted() -> None:
    told = said(pl.DataFrame({"r": [str(n) for n in range(TOLD + 7)], "v": range(TOLD + 7)}))
    assert len(told) == TOLD + 1
    assert told[-1][:3] == ("*", "colonne", "7 de plus")
    assert f"({TOLD + 7} au total" in told[-1][4]
    assert len(said(pl.DataFrame({"r": [str(n) for n in range(TOLD)], "v": range(TOLD)}))) == TOLD
