"""One table at one moment: its key as one text by row, its cells as text. Columns of a long one are read when asked
for, and let go: a table of indicators has millions of rows. Comparing two states is `compare`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from outputs.facts import ColumnFacts
from outputs.flat import SEPARATOR
from pipeline.foundations.errors import QualityRefused

_DIGITS = 10  # significant digits of a real number: more is the noise of the order of additions
_NULL = r"\N"
_SHORT = 10_000  # rows
#: Two hashes of 64 bits stand for a key: ten million keys meet with a chance of one in 10^24.
_SEEDS = {"_h0": 0, "_h1": 1}
_HASHES = list(_SEEDS)


@dataclass(frozen=True)
class State:
    """One table: its rows, in an order that does not change, and the key and columns declared for it then."""

    rows: pl.LazyFrame
    key: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]

    @cached_property
    def prints(self) -> pl.DataFrame:
        """`_h0, _h1, _row`: hashes of the key of each row.

        Raises:
            QualityRefused: two rows have the same key.
        """
        hashes = [self._identifier.hash(seed).alias(name) for name, seed in _SEEDS.items()]
        prints = self.rows.select(hashes).collect(engine="streaming").with_row_index("_row")
        if (double := prints.select(_HASHES).is_duplicated()).any():
            raise QualityRefused(
                f"key {', '.join(self.key)}",
                expected="one row per key",
                found=f"{double.sum()} rows that share theirs, "
                f"{self.identifiers(prints['_row'].filter(double).head(1))[0]} among them",
                remedy="mend the table: its contract says it has one row per key",
            )
        return prints

    @cached_property
    def _held(self) -> pl.DataFrame | None:
        """The whole table when it is short: opening its file for each column would take longer than reading it."""
        return self.rows.collect() if self.rows.select(pl.len()).collect().item() <= _SHORT else None

    @property
    def _identifier(self) -> pl.Expr:
        """The key in one text, its parts joined by `|`, and escaped so that two keys never give the same text."""
        parts = [
            pl.col(name)
            .cast(pl.String)
            .str.replace_all("\\", "\\\\", literal=True)
            .str.replace_all(SEPARATOR, f"\\{SEPARATOR}", literal=True)
            .fill_null(_NULL)
            for name in self.key
        ]
        return pl.concat_str(parts, separator=SEPARATOR).alias("identifiant")

    @property
    def names(self) -> list[str]:
        """The columns, in their order."""
        return [column.nom for column in self.columns]

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.prints.height

    def identifiers(self, rows: pl.Series) -> pl.Series:
        """The keys of the rows of those numbers, each in one text."""
        keys = pl.DataFrame([self.values(name, rows) for name in dict.fromkeys(self.key)])
        return keys.select(self._identifier).to_series()

    def find(self, identifiers: pl.Series) -> pl.Series:
        """The number of the row of each of these keys, null where there is none."""
        asked = pl.DataFrame(identifiers.alias("id")).select(
            pl.col("id").hash(seed).alias(name) for name, seed in _SEEDS.items()
        )
        return asked.join(self.prints, on=_HASHES, how="left", maintain_order="left")["_row"]

    def values(self, name: str, rows: pl.Series | None = None) -> pl.Series:
        """A column, whole or at the given row numbers (null where the number is)."""
        held = self._held
        series = self.rows.select(name).collect().to_series() if held is None else held[name]
        return series if rows is None else series.gather(rows)

    def texts(self, name: str, rows: pl.Series | None = None) -> pl.Series:
        """The same as text; null stays null.

        Reals have ten significant digits; of a geometry there is only a fingerprint: outlines are heavy.
        """
        return as_text(self.values(name, rows), next(c for c in self.columns if c.nom == name))

    def objects(self, rows: pl.Series) -> pl.Series:
        """The rows of those numbers, each as a JSON object of its cells that are not empty."""
        cells = pl.DataFrame([self.texts(name, rows).alias(name) for name in self.names])
        written = cells.select(pl.struct(pl.all()).struct.json_encode()).to_series()
        # A quote inside a value is written \": what follows a bare comma and quote is a name.
        return written.str.replace_all(rf',"(?:{"|".join(self.names)})":null', "")

    def written(self, rows: pl.Series, columns: Sequence[str]) -> pl.DataFrame:
        """`identifiant` and some columns as text, of the rows of those numbers, sorted by `identifiant`."""
        cells = [self.texts(name, rows).alias(name) for name in columns]
        return pl.DataFrame([self.identifiers(rows), *cells]).sort("identifiant")


def as_text(values: pl.Series, column: ColumnFacts) -> pl.Series:
    """The values of a column as the diff writes them."""
    match column.type:
        case "reel":
            return values.fill_nan(None).round_sig_figs(_DIGITS).cast(pl.String).replace("-0.0", "0.0")
        case "liste_texte":
            return values.list.drop_nulls().list.join(SEPARATOR).replace("", None)
        case "geometrie":
            return pl.Series(values.name, [None if v is None else _fingerprint(v) for v in values], dtype=pl.String)
        case _:
            return values.cast(pl.String)


def _fingerprint(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()[:16]
