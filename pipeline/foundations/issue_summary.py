"""Issues of a column gone wrong: the first ones told one by one, the others counted.

A national table has thousands of rows, and a fault of its producer is often in all of them. What is a fault belongs to
the reader or the rule that meets it.
"""

import polars as pl

from pipeline.foundations.issues import IssueLog, Severity

TOLD = 200  # issues of one rule and column told one by one


def add_some(
    log: IssueLog,
    rows: pl.DataFrame,
    *,
    record: str,
    column: str,
    value: str | None,
    rule: str,
    reason: str,
    severity: Severity = "avertissement",
) -> None:
    """Log one issue per row up to `TOLD`, then one that counts them all.

    Args:
        record: column of `rows` that holds the record's id.
        column: name of the feed's column at fault, as it is told.
        value: column of `rows` that holds the offending value; None when there is nothing to show.
    """
    shown = rows.head(TOLD).select(
        pl.col(record).cast(pl.String).fill_null("?").alias("_record"),
        (pl.lit("") if value is None else pl.col(value).cast(pl.String)).alias("_value"),
    )
    for identifier, text in shown.iter_rows():
        log.add(record=identifier, column=column, value=text, rule=rule, reason=reason, severity=severity)
    if rows.height > TOLD:
        log.add(
            record="*",
            column=column,
            value=f"{rows.height - TOLD} de plus",
            rule=rule,
            reason=f"{reason} ({rows.height} au total, les {TOLD} premiers sont détaillés.)",
            severity=severity,
        )
