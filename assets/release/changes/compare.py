"""What differs between two states of one table, and the way back: rows that came, rows that left, cells that changed.

Whatever the table: key and columns are those its contract declares. Why something differs is `counter_reasons` and
`other_reasons`; which ids follow which is `continuity`; files are `write`.

A line says one thing:

    ajouté               the row is new; `apres` holds it, as a JSON object of its cells that are not empty
    retiré               the row is gone; `avant` holds it
    modifié              one cell, `colonne`: its text before and after
    identifiant changé   the row `apres` follows from the row `avant`, and is not new. When `identifiant` is `avant`,
                         that id is gone: the row continues as `apres`, or was merged into it. When it is `apres`, the
                         row was split from `avant`, which stays. The cells that differ are lines of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from assets.release.changes.state import State, as_text

ADDED, REMOVED, CHANGED, RENAMED = "ajouté", "retiré", "modifié", "identifiant changé"

#: `_b` and `_a` are the row numbers in the state before and in the state after, null where there is none.
LINE_SCHEMA = pl.Schema(
    {
        "identifiant": pl.String(),
        "changement": pl.String(),
        "colonne": pl.String(),
        "avant": pl.String(),
        "apres": pl.String(),
        "_b": pl.UInt32(),
        "_a": pl.UInt32(),
    }
)
#: Ids that follow one another (`continuity`).
LINK_SCHEMA = pl.Schema({"avant": pl.String(), "apres": pl.String()})
_NUMBERS = pl.Schema({"_b": pl.UInt32(), "_a": pl.UInt32()})


@dataclass(frozen=True)
class Comparison:
    """What differs, by row number, before anything is written out: a table may have changed everywhere.

    `removed`, `added`: row numbers of the state before, of the state after. `links`: `identifiant, avant, apres, _b,
    _a` of the ids that follow one another. `cells`: by column, `_b, _a` of the rows whose cell differs.
    """

    before: State
    after: State
    removed: pl.Series
    added: pl.Series
    links: pl.DataFrame
    cells: dict[str, pl.DataFrame]

    @property
    def size(self) -> int:
        """Number of lines."""
        return len(self.removed) + len(self.added) + self.links.height + sum(f.height for f in self.cells.values())

    def lines(self) -> pl.DataFrame:
        """All of it, in `LINE_SCHEMA`: row changes, then cells column by column."""
        return pl.concat([pl.DataFrame(schema=LINE_SCHEMA), *self._parts()])

    def _parts(self) -> Iterator[pl.DataFrame]:
        if len(rows := self.removed):
            yield _line(self.before.identifiers(rows), REMOVED, {"avant": self.before.objects(rows), "_b": rows})
        if len(rows := self.added):
            yield _line(self.after.identifiers(rows), ADDED, {"apres": self.after.objects(rows), "_a": rows})
        links = self.links
        yield _line(links["identifiant"], RENAMED, {c: links[c] for c in ("avant", "apres", "_b", "_a")})
        for name, pairs in self.cells.items():
            cells = {
                "avant": self.before.texts(name, pairs["_b"]),
                "apres": self.after.texts(name, pairs["_a"]),
                "_b": pairs["_b"],
                "_a": pairs["_a"],
            }
            yield _line(self.after.identifiers(pairs["_a"]), CHANGED, cells, column=name)


def compare(before: State, after: State, links: pl.DataFrame) -> Comparison:
    """Compare two states of one table by key; columns that only one of them has are left out.

    Args:
        links: ids that follow one another, in `LINK_SCHEMA`, of this table or not; only ids that left or came count.

    Raises:
        QualityRefused: two rows of a state have the same key.
    """
    both = before.prints.join(
        after.prints, on=["_h0", "_h1"], how="full", suffix="_a", coalesce=True, maintain_order="left_right"
    ).select(_b="_row", _a="_row_a")
    followed, continued = _follow(before, after, links)
    pairs = pl.concat([both.drop_nulls(), continued])
    cells = {}
    for column in before.names if pairs.height else ():
        if column in after.names:
            differ = _differ(before, after, column, pairs)
            if differ.height:
                cells[column] = differ
    left = both.filter(pl.col("_a").is_null())["_b"].sort()
    came = both.filter(pl.col("_b").is_null())["_a"].sort()
    gone = followed.filter(pl.col("identifiant") == pl.col("avant"))["_b"]
    return Comparison(
        before,
        after,
        left.filter(~left.is_in(gone.implode())),
        came.filter(~came.is_in(continued["_a"].implode())),
        followed,
        cells,
    )


def _follow(before: State, after: State, links: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`identifiant, avant, apres, _b, _a`, sorted: the links that explain an id which left or came; and `_b, _a` of the
    rows that go on under an id that is new."""
    there = links.with_columns(
        before.find(links["avant"]).alias("_b"),
        after.find(links["apres"]).alias("_a"),
        before.find(links["apres"]).is_null().alias("_new"),
        after.find(links["avant"]).is_null().alias("_gone"),
    ).drop_nulls(["_b", "_a"])
    left = there.filter("_gone").with_columns(identifiant="avant")
    split = there.filter(~pl.col("_gone") & pl.col("_new")).join(left, on="apres", how="anti")
    followed = (
        pl.concat([left, split.with_columns(identifiant="apres")])
        .sort("identifiant", "avant")
        .unique("identifiant", keep="first", maintain_order=True)
    )
    return followed.select("identifiant", "avant", "apres", "_b", "_a"), _base(followed.filter("_new"))


def _base(links: pl.DataFrame) -> pl.DataFrame:
    """`_b, _a`: of the rows an id that is new follows from, the one it continues: one it replaced, and the first."""
    replaced = pl.col("identifiant") == pl.col("avant")
    first = links.sort(~replaced, "avant").unique("apres", keep="first", maintain_order=True)
    return first.select("_b", "_a").cast(_NUMBERS)


def _differ(before: State, after: State, name: str, pairs: pl.DataFrame) -> pl.DataFrame:
    """`_b, _a` of the pairs whose cell has another text."""
    old, new = before.values(name, pairs["_b"]), after.values(name, pairs["_a"])
    if old.dtype == new.dtype:
        # Most cells are the same: they need not be written out to know it.
        other = old.ne_missing(new)
        pairs, old, new = pairs.filter(other), old.filter(other), new.filter(other)
    kinds = [next(c for c in state.columns if c.nom == name) for state in (before, after)]
    return pairs.filter(as_text(old, kinds[0]).ne_missing(as_text(new, kinds[1])))


def apply(before: State, rows: pl.Series, lines: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Rows after, rebuilt from rows before and the lines: what makes a diff trusted.

    Args:
        rows: numbers of the rows before, all of those the lines speak of among them.
        lines: of this table (`identifiant, changement, colonne, avant, apres`).
        columns: those to rebuild, present in both states.

    Returns:
        `identifiant` and the columns as text, sorted by `identifiant` (as `State.written`).
    """
    held = before.written(rows, columns)
    word, goes = pl.col("changement"), pl.col("identifiant") == pl.col("avant")
    links = lines.filter(word == RENAMED)
    leaves = lines.filter((word == REMOVED) | ((word == RENAMED) & goes))
    continued = (
        links.join(held, left_on="apres", right_on="identifiant", how="anti")
        .sort(~goes, "avant")
        .unique("apres", keep="first", maintain_order=True)
        .select(identifiant="avant", _apres="apres")
    )
    copies = held.join(continued, on="identifiant").with_columns(identifiant="_apres").drop("_apres")
    stay = pl.concat([held.join(leaves, on="identifiant", how="anti"), copies])
    changed = lines.filter(word == CHANGED)
    spoken = set(changed["colonne"])
    for name in (c for c in columns if c in spoken):
        told = changed.filter(pl.col("colonne") == name).select("identifiant", _apres="apres", _said=pl.lit(value=True))
        stay = stay.join(told, on="identifiant", how="left", maintain_order="left").with_columns(
            pl.when("_said").then("_apres").otherwise(name).alias(name)
        )
        stay = stay.drop("_apres", "_said")
    came = lines.filter(word == ADDED)
    cells = came.select(
        "identifiant", _row=pl.col("apres").str.json_decode(pl.Struct(dict.fromkeys(columns, pl.String)))
    ).unnest("_row")
    return pl.concat([stay, cells]).sort("identifiant")


def _line(ids: pl.Series, word: str, values: dict[str, pl.Series], column: str | None = None) -> pl.DataFrame:
    frame = pl.DataFrame([ids.alias("identifiant"), *(series.alias(name) for name, series in values.items())])
    absent = [pl.lit(None, dtype=t).alias(n) for n, t in LINE_SCHEMA.items() if n not in frame.columns]
    return (
        frame.with_columns(absent)
        .with_columns(changement=pl.lit(word), colonne=pl.lit(column, dtype=pl.String))
        .select(LINE_SCHEMA.names())
        .cast(LINE_SCHEMA)
    )
