"""What the products and the re-reading share: row order, lists in one cell, the words that say data is invented.

No file format belongs here.
"""

import polars as pl

from pipeline.foundations.errors import QualityRefused
from quality.contract import Contract

#: Between the items of a list written in one cell.
SEPARATOR = "|"
#: After the title of a layer whose data is invented: layers are copied and opened away from the rest of the release.
FICTIONAL = " (données fictives)"


def by_key(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The rows in the order of the contract's key (nulls last): the order does not depend on how a table was made."""
    return frame.sort(contract.key, nulls_last=True, maintain_order=True) if contract.key else frame


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
