"""Movements of communes since 1943 (Insee CSV) -> one table, as the file tells them.

What becomes of a code through its movements belongs to `assets.territories`.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipeline.foundations.codes import COMMUNE_PATTERN
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import PLACEHOLDERS
from sources.reading import ReadResult, check_columns
from sources.spec import SourceSpec
from sources.tabular import read_tabular

_COLUMNS = {
    "MOD": "mod",
    "DATE_EFF": "date",
    "TYPECOM_AV": "type_avant",
    "COM_AV": "code_avant",
    "LIBELLE_AV": "nom_avant",
    "TYPECOM_AP": "type_apres",
    "COM_AP": "code_apres",
    "LIBELLE_AP": "nom_apres",
}

#: One row per commune before and commune after. `type_*`: COM, COMA, COMD, ARM. A creation may have nothing before.
SCHEMA = pl.Schema({name: pl.Date() if name == "date" else pl.String() for name in _COLUMNS.values()})


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the resource `mouvements`: one table in `SCHEMA`, from the oldest movement to the latest.

    Rows without a date, a kind of movement, or a commune after are set aside (`mouvement-illisible`).

    Raises:
        SourceUnreadable: not a CSV of that shape, or an expected column is missing.
    """
    issues = IssueLog(spec.id)
    table = read_tabular(files["mouvements"], f"source {spec.id} (mouvements)", issues, separators=",;")
    check_columns(spec, "mouvements", spec.columns["mouvements"], table.columns, issues)
    text = pl.DataFrame(
        {new: [row[old] for row in table.rows] for old, new in _COLUMNS.items()},
        schema=dict.fromkeys(_COLUMNS.values(), pl.String),
    )
    tidy = pl.all().str.strip_chars()
    frame = text.select(tidy).select(pl.when(~pl.all().str.to_lowercase().is_in(list(PLACEHOLDERS))).then(pl.all()))
    # Some editions went through a spreadsheet: leading zeros lost, dates with a time.
    padded = pl.col("code_avant", "code_apres").str.zfill(5).str.to_uppercase()
    frame = frame.with_columns(padded, pl.col("date").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False))
    usable = (
        pl.col("date").is_not_null()
        & pl.col("mod").str.contains(r"^\d{2}$").fill_null(False)
        & pl.col("type_apres").is_not_null()
        & pl.col("code_apres").str.contains(COMMUNE_PATTERN).fill_null(False)
        & pl.col("code_avant").str.contains(COMMUNE_PATTERN).fill_null(True)
    )
    issues.add_rows(
        text.filter(~frame.select(usable).to_series()).with_columns(
            pl.concat_str(pl.all(), separator=",", ignore_nulls=True).alias("ligne"),
            pl.col("code_avant").fill_null("?"),
        ),
        record="code_avant",
        column="ligne",
        rule="mouvement-illisible",
        reason="Mouvement sans date, sans nature ou sans commune d’arrivée : mis de côté.",
        severity="erreur",
    )
    kept = frame.filter(usable).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    if kept.is_empty():
        raise SourceUnreadable(
            f"source {spec.id} (mouvements)",
            expected="movements of communes",
            found="no row with a date, a kind and a commune",
            remedy=f"compare the file with the previous vintage; if its shape changed, update sources/{spec.id}",
        )
    ordered = kept.unique(maintain_order=True).sort("date", "mod", "code_avant", "code_apres", nulls_last=True)
    return ReadResult({"mouvements": ordered}, issues.frame(), table.read)
