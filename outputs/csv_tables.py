"""CSV of RFC 4180 for spreadsheets and scripts: UTF-8, comma, CRLF, codes as text, lists joined by `|`.

No geometry (longitude and latitude columns stay), no styling: workbooks are another product.
"""

from pathlib import Path

import polars as pl

from outputs.flat import by_key, join_lists
from quality.contract import Contract

#: What makes a spreadsheet read a cell as a formula: OWASP, "CSV Injection". Full-width forms included.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutralise(text: pl.Expr) -> pl.Expr:
    """Text that no spreadsheet executes: an apostrophe is put before a cell that starts like a formula."""
    # Seven times faster than a regular expression, on columns where nearly nothing is to be changed.
    return pl.when(~text.str.head(1).is_in(FORMULA)).then(text).otherwise(pl.concat_str(pl.lit("'"), text))


def write_csv(frame: pl.DataFrame, contract: Contract, path: Path) -> None:
    """Write one table in the order of its key; same rows, same bytes.

    Null is an empty cell, booleans `true`/`false`, dates ISO 8601, decimals with a point. Text that starts with
    `=`, `+`, `-`, `@` or a control character (a telephone `+33…` among them) is preceded by an apostrophe; numbers are
    untouched.

    Raises:
        QualityRefused: the frame does not follow the contract, or a list item holds the separator.
    """
    frame = join_lists(by_key(contract.conform(frame), contract), contract)
    text = [c.name for c in contract.columns if c.type in {"texte", "liste_texte"}]
    kept = [c.name for c in contract.columns if c.type != "geometrie"]
    frame.select(kept).with_columns(neutralise(pl.col(n)).alias(n) for n in text).write_csv(
        path, separator=",", quote_char='"', line_terminator="\r\n", quote_style="necessary", null_value=""
    )
