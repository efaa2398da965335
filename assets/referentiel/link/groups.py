"""From links to groups: a group never holds two constats that a guard, or their feed, keeps apart.

Links are taken from the strongest to the weakest (exact keys, then rules, then scores; equal ones in the order of their
constats). One that would bring into a group two constats that may not be one counter is cut. So a chain that leads from
a record to another one of the same feed is cut at its weakest link, as in Kruskal's algorithm, and the order of the
rows changes nothing. An exact key is the feeds' own word: it is never cut.
"""

from collections.abc import Callable, Sequence, Set
from itertools import product

import polars as pl

from assets.referentiel.link.guards import Constat

EXACT, RULE, MODEL = "clé exacte", "règle", "modèle"
_STRENGTH = {EXACT: 0, RULE: 1, MODEL: 2}


def group(
    constats: Sequence[Constat],
    links: pl.DataFrame,
    may_be_one: Callable[[Constat, Constat], bool],
    twins: Set[tuple[int, int]],
) -> tuple[pl.Series, pl.DataFrame]:
    """Groups of the constats, and the links kept.

    Args:
        constats: output of `guards.guarded`.
        links: `a, b` (`_i`), `methode`, `score`, and whatever else explains them.
        may_be_one: the guards.
        twins: pairs (a < b) of one feed that another feed's record may bring together, for they are alike enough.

    Returns:
        (`groupe_id` in `_i` order: the least `_i` of its members; the links with `retenu`, strongest first).
    """
    ordered = links.sort(
        pl.col("methode").replace_strict(_STRENGTH, return_dtype=pl.Int8),
        pl.col("score").fill_null(float("inf")) * -1,
        "a",
        "b",
    )

    def fit(some: list[int], others: list[int]) -> bool:
        return all(
            may_be_one(constats[i], constats[j])
            and (constats[i]["flux"] != constats[j]["flux"] or (min(i, j), max(i, j)) in twins)
            for i, j in product(some, others)
        )

    members = {i: [i] for i in range(len(constats))}
    head = list(range(len(constats)))
    kept = []
    for a, b, method in ordered.select("a", "b", "methode").iter_rows():
        first, second = sorted((head[a], head[b]))
        joined = first == second
        if not joined and (method == EXACT or fit(members[first], members[second])):
            joined = True
            moved = members.pop(second)
            members[first] += moved
            for i in moved:
                head[i] = first
        kept.append(joined)
    return pl.Series("groupe_id", head, dtype=pl.Int64), ordered.with_columns(
        pl.Series("retenu", kept, dtype=pl.Boolean)
    )
