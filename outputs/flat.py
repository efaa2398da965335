"""What the products and the re-reading share: row order, lists in one cell, the words that say data is invented.

No file format belongs here.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.foundations.errors import QualityRefused
from quality.contract import Contract

#: Between the items of a list written in one cell.
SEPARATOR = "|"
#: After the title of a layer whose data is invented: layers are copied and opened away from the rest of the release.
FICTIONAL = " (données fictives)"


def by_key(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The rows in the order of the contract's key (nulls last): the order does not depend on how a table was made."""
    if not contract.key or _ordered(frame, contract.key):
        return frame  # a long table mostly is, and sorting holds it twice
    return frame.sort(contract.key, nulls_last=True, maintain_order=True)


def _ordered(frame: pl.DataFrame, key: Sequence[str]) -> bool:
    """Whether the rows are in the order of the key, nulls last. Of a list in the key nothing is said."""
    if any(isinstance(frame.schema[name], pl.List) for name in key):
        return False
    after = pl.lit(value=False)
    for name in reversed(key):
        now, before = pl.col(name), pl.col(name).shift(1)
        above = (now > before) | (now.is_null() & before.is_not_null())
        after = above.fill_null(value=False) | (now.eq_missing(before) & after)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in key)
    return bool(frame.lazy().select((after | same).slice(1).all()).collect(engine="streaming").item())


def join_lists(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Every list column as text, its items joined by `SEPARATOR`; an empty list becomes null.

    Raises:
        QualityRefused: an item holds the separator, the cell could not be split again.
    """
    names = [c.name for c in contract.columns if c.type == "liste_texte"]
    for name in names:
        holds = frame.get_column(name).explode().drop_nulls().str.contains(SEPARATOR, literal=True)
        if holds.any():
            raise QualityRefused(
                f"table {contract.table}, column {name}",
                expected=f"list items without {SEPARATOR!r}, which separates them in CSV and GeoPackage",
                found=f"{holds.sum()} items holding it",
                remedy="clean the value where the source is read",
            )
    return frame.with_columns(pl.col(n).list.drop_nulls().list.join(SEPARATOR).replace("", None) for n in names)
