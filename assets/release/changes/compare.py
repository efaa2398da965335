"""What differs between two states of one table, and the way back: rows that came, rows that left, cells that changed.

Frames in, frames out, whatever the table: key and columns are those its contract declares. Why something differs is
`counter_reasons` and `other_reasons`; which ids follow which is `continuity`; files are `write`.

A line says one thing:

    ajouté               the row is new; `apres` holds it, as a JSON object of its cells that are not empty
    retiré               the row is gone; `avant` holds it
    modifié              one cell, `colonne`: its text before and after
    identifiant changé   the row `apres` follows from the row `avant`, and is not new. When `identifiant` is `avant`,
                         that id is gone: the row continues as `apres`, or was merged into it. When it is `apres`, the
                         row was split from `avant`, which stays. The cells that differ are lines of their own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from outputs.facts import ColumnFacts
from outputs.flat import SEPARATOR
from pipeline.foundations.errors import QualityRefused

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

_DIGITS = 10  # significant digits of a real number: more is the noise of the order of additions
_NULL = r"\N"


@dataclass(frozen=True)
class State:
    """One table at one moment: its rows, and the key and columns declared for it then."""

    frame: pl.DataFrame
    key: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]

    @cached_property
    def ids(self) -> pl.DataFrame:
        """`identifiant, _row`: the key of each row in one text, its parts joined by `|`.

        Raises:
            QualityRefused: two rows have the same key.
        """
        parts = [
            # Escaped, so that two keys never give the same text.
            pl.col(name)
            .cast(pl.String)
            .str.replace_all("\\", "\\\\", literal=True)
            .str.replace_all(SEPARATOR, f"\\{SEPARATOR}", literal=True)
            .fill_null(_NULL)
            for name in self.key
        ]
        ids = self.frame.select(pl.concat_str(parts, separator=SEPARATOR).alias("identifiant")).with_row_index("_row")
        if (double := ids["identifiant"].is_duplicated()).any():
            raise QualityRefused(
                f"key {', '.join(self.key)}",
                expected="one row per key",
                found=f"{double.sum()} rows that share theirs, {ids['identifiant'].filter(double)[0]} among them",
                remedy="mend the table: its contract says it has one row per key",
            )
        return ids

    def column(self, name: str) -> ColumnFacts:
        """The declaration of one column (StopIteration if there is none)."""
        return next(c for c in self.columns if c.nom == name)

    def texts(self, name: str, rows: pl.Series | None = None) -> pl.Series:
        """A column as text, whole or at the given row numbers; null stays null.

        Reals have ten significant digits; of a geometry there is only a fingerprint: outlines are heavy.
        """
        values = self.frame[name] if rows is None else self.frame[name].gather(rows)
        match self.column(name).type:
            case "reel":
                return values.fill_nan(None).round_sig_figs(_DIGITS).cast(pl.String)
            case "liste_texte":
                return values.list.drop_nulls().list.join(SEPARATOR).replace("", None)
            case "geometrie":
                return pl.Series(name, [None if v is None else _fingerprint(v) for v in values], dtype=pl.String)
            case _:
                return values.cast(pl.String)

    def objects(self, rows: pl.Series) -> pl.Series:
        """The rows of those numbers, each as a JSON object of its cells that are not empty."""
        cells = pl.DataFrame([self.texts(c.nom, rows).alias(c.nom) for c in self.columns])
        written = cells.select(pl.struct(pl.all()).struct.json_encode()).to_series()
        names = "|".join(c.nom for c in self.columns)
        # A quote inside a value is written \": what follows a bare comma and quote is a name.
        return written.str.replace_all(rf',"(?:{names})":null', "")


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
        for rows, state, word, side, number in (
            (self.removed, self.before, REMOVED, "avant", "_b"),
            (self.added, self.after, ADDED, "apres", "_a"),
        ):
            ids = state.ids["identifiant"].gather(rows)
            yield _line(ids, word, {side: state.objects(rows), number: rows})
        links = self.links
        yield _line(links["identifiant"], RENAMED, {c: links[c] for c in ("avant", "apres", "_b", "_a")})
        for name, pairs in self.cells.items():
            cells = {
                "avant": self.before.texts(name, pairs["_b"]),
                "apres": self.after.texts(name, pairs["_a"]),
                "_b": pairs["_b"],
                "_a": pairs["_a"],
            }
            yield _line(self.after.ids["identifiant"].gather(pairs["_a"]), CHANGED, cells, column=name)


def compare(before: State, after: State, links: pl.DataFrame) -> Comparison:
    """Compare two states of one table by key; columns that only one of them has are left out.

    Args:
        links: ids that follow one another, in `LINK_SCHEMA`, of this table or not; only ids that left or came count.
    """
    both = before.ids.join(after.ids, on="identifiant", how="full", suffix="_a", coalesce=True).rename(
        {"_row": "_b", "_row_a": "_a"}
    )
    gone = both.filter(pl.col("_a").is_null())
    new = both.filter(pl.col("_b").is_null())
    followed = _followed(gone, new, both, links)
    # Of the ids that came, those that continue a row of before: one row each.
    continued = (
        followed.filter(pl.col("apres").is_in(new["identifiant"].implode()))
        .sort(pl.col("identifiant") != pl.col("avant"), "avant")
        .unique("apres", keep="first", maintain_order=True)
    )
    pairs = pl.concat(
        [both.drop_nulls(["_b", "_a"]).select("_b", "_a"), continued.select("_b", "_a")], how="vertical_relaxed"
    )
    cells = {}
    for column in before.columns:
        if any(column.nom == c.nom for c in after.columns):
            differ = _differ(before, after, column.nom, pairs)
            if differ.height:
                cells[column.nom] = differ
    left = gone.join(followed.filter(pl.col("identifiant") == pl.col("avant")), on="identifiant", how="anti")
    came = new.join(followed, left_on="identifiant", right_on="apres", how="anti")
    return Comparison(before, after, left["_b"].sort(), came["_a"].sort(), followed, cells)


def _followed(gone: pl.DataFrame, new: pl.DataFrame, both: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """`identifiant, avant, apres, _b, _a`, sorted: the links that explain an id which left or came."""
    there = links.join(both.select(pl.col("identifiant").alias("avant"), "_b").drop_nulls(), on="avant").join(
        both.select(pl.col("identifiant").alias("apres"), "_a").drop_nulls(), on="apres"
    )
    left = there.join(gone.select(pl.col("identifiant").alias("avant")), on="avant", how="semi")
    split = there.join(left, on="apres", how="anti").join(new.select(apres="identifiant"), on="apres", how="semi")
    return (
        pl.concat([left.with_columns(identifiant="avant"), split.with_columns(identifiant="apres")])
        .select("identifiant", "avant", "apres", "_b", "_a")
        .sort("identifiant")
        .unique("identifiant", keep="first", maintain_order=True)
    )


def _differ(before: State, after: State, name: str, pairs: pl.DataFrame) -> pl.DataFrame:
    """`_b, _a` of the pairs whose cell has another text."""
    old, new = before.frame[name], after.frame[name]
    if old.dtype == new.dtype:
        # Most cells are the same: they need not be written out to know it.
        pairs = pairs.filter(old.gather(pairs["_b"]).ne_missing(new.gather(pairs["_a"])))
    return pairs.filter(before.texts(name, pairs["_b"]).ne_missing(after.texts(name, pairs["_a"])))


def apply(before: State, lines: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The state after, rebuilt from the state before and the lines: what makes a diff trusted.

    Args:
        lines: of this table (`identifiant, changement, colonne, avant, apres`).
        columns: those to rebuild, present in both states.

    Returns:
        `identifiant` and the columns as text (`State.texts`), sorted by `identifiant`.
    """
    rows = pl.DataFrame([before.ids["identifiant"], *(before.texts(name).alias(name) for name in columns)])
    links = lines.filter(pl.col("changement") == RENAMED)
    leaves = lines.filter(
        (pl.col("changement") == REMOVED)
        | ((pl.col("changement") == RENAMED) & (pl.col("identifiant") == pl.col("avant")))
    )
    continued = (
        links.join(rows.select(apres="identifiant"), on="apres", how="anti")
        .sort(pl.col("identifiant") != pl.col("avant"), "avant")
        .unique("apres", keep="first", maintain_order=True)
        .select(identifiant="avant", _apres="apres")
    )
    copies = rows.join(continued, on="identifiant").with_columns(identifiant="_apres").drop("_apres")
    stay = pl.concat([rows.join(leaves, on="identifiant", how="anti"), copies])
    for name in columns:
        changed = lines.filter((pl.col("changement") == CHANGED) & (pl.col("colonne") == name))
        told = changed.select("identifiant", _apres="apres", _said=pl.lit(value=True))
        stay = stay.join(told, on="identifiant", how="left", maintain_order="left").with_columns(
            pl.when("_said").then("_apres").otherwise(name).alias(name)
        )
        stay = stay.drop("_apres", "_said")
    came = lines.filter(pl.col("changement") == ADDED)
    cells = came.select(
        "identifiant", _row=pl.col("apres").str.json_decode(pl.Struct(dict.fromkeys(columns, pl.String)))
    ).unnest("_row")
    return pl.concat([stay, cells]).sort("identifiant")


def written(state: State, columns: Sequence[str]) -> pl.DataFrame:
    """`identifiant` and the columns as text, sorted by `identifiant`: what `apply` is to give."""
    return pl.DataFrame([state.ids["identifiant"], *(state.texts(name).alias(name) for name in columns)]).sort(
        "identifiant"
    )


def _line(ids: pl.Series, word: str, values: dict[str, pl.Series], column: str | None = None) -> pl.DataFrame:
    frame = pl.DataFrame([ids.alias("identifiant"), *(series.alias(name) for name, series in values.items())])
    absent = [pl.lit(None, dtype=t).alias(n) for n, t in LINE_SCHEMA.items() if n not in frame.columns]
    return (
        frame.with_columns(absent)
        .with_columns(changement=pl.lit(word), colonne=pl.lit(column, dtype=pl.String))
        .select(LINE_SCHEMA.names())
        .cast(LINE_SCHEMA)
    )


def _fingerprint(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()[:16]
