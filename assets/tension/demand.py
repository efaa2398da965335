"""Who may need a counter: the potential users of a typology in each cell (METHODS 4.3, last entry).

Only counting them; how far they are from a counter, and what share of it each has, is the business of `catchments`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.tension.methods import Public
from assets.tension.pairs import Floats
from pipeline.foundations.errors import WrongUse


@dataclass(frozen=True)
class Demand:
    """Potential users of n cells.

    Attributes:
        users: (n,), in the unit of the public; NaN where a part of them is unknown.
        imputed_share: share of the known users counted in cells whose values Insee estimated (`impute`); NaN when
            there are none, or when the grid does not say which cells are.
    """

    users: Floats
    imputed_share: float


def potential_users(cells: pl.DataFrame, public: Public) -> Demand:
    """Count the public in each cell.

    Args:
        cells: the public's columns of `territories__carreaux`, `carreau_id` and `impute` (null: not said).

    Raises:
        WrongUse: a column is missing, or a count is negative or not a number; the first cell is named.
    """
    if missing := [c for c in ("carreau_id", "impute", *public.colonnes) if c not in cells.columns]:
        raise _wrong(f"the columns of « {public.titre} »", f"no {', '.join(missing)}", "read the cells of territories")
    if not public.colonnes:
        return Demand(np.full(cells.height, np.nan), float("nan"))
    impossible = pl.any_horizontal(~(pl.col(*public.colonnes) >= 0) | ~pl.col(*public.colonnes).is_finite())
    if (faults := cells.filter(impossible)).height:
        row = faults.row(0, named=True)
        said = ", ".join(f"{c} = {row[c]}" for c in public.colonnes)
        raise _wrong(
            "counts of 0 or more",
            f"{faults.height} cells; {row['carreau_id']}: {said}",
            "correct or set aside the cell",
        )
    total = pl.sum_horizontal(*(pl.col(c) * w for c, w in public.colonnes.items()), ignore_nulls=False)
    counted = cells.select(total.cast(pl.Float64).alias("users"), "impute")
    known = counted.filter(pl.col("users").is_not_null() & pl.col("impute").is_not_null())
    everyone = float(known["users"].sum())
    imputed = float(known.filter("impute")["users"].sum())
    return Demand(
        counted["users"].fill_null(float("nan")).to_numpy().copy(), imputed / everyone if everyone else float("nan")
    )


def _wrong(expected: str, found: str, remedy: str) -> WrongUse:
    return WrongUse("population of cells", expected=expected, found=found, remedy=remedy)
