"""One checksum of the values of a table, whatever the format, the order of its rows and the reader.

Each row is put in one written form, whose MD5 numbers are added up: rows come in any order and are never held together,
a table of indicators has ten million of them. DuckDB does it for frames and for files alike, so that a number is
written one way. It tells damage from a sound copy; `SHA256SUMS` is what tells files apart.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import polars as pl

from outputs.csv_tables import FORMULA
from pipeline.foundations.duck import identifier, literal

if TYPE_CHECKING:
    from outputs.facts import ColumnFacts

#: What a checksum made here starts with: those of other methods, in releases of before, are not compared.
MADE_SO = "somme:"
_ABSENT = "chr(1)"
_BETWEEN = "chr(31)"
_AT_ONCE = 1_000_000  # rows of a frame handed over together
_HALF = f"{2**64 - 1}::UHUGEINT"
_NOTHING = (0, 0, 0)


class Found(NamedTuple):
    """Rows, those too many for their key, the checksum (`MADE_SO`, 64 hexadecimal digits), what else was asked for."""

    rows: int
    doubled: int
    checksum: str
    beside: tuple[Any, ...]


def of_frame(frame: pl.DataFrame, columns: Sequence["ColumnFacts"]) -> str:
    """The checksum of `columns` (geometry excepted) of a frame whose lists are joined (`outputs.flat.join_lists`).

    Differences that some format cannot keep do not count: empty text and null, not-a-number and null, minus zero and
    zero, the apostrophe CSV puts before a formula.
    """
    total = _NOTHING
    with duckdb.connect() as database:
        for part in frame.iter_slices(_AT_ONCE):
            rows = database.from_arrow(part.to_arrow())
            total = _plus(total, rows.aggregate(_sums(columns)).fetchone())
    return _digest(total)


def of_relation(
    relation: duckdb.DuckDBPyRelation, columns: Sequence["ColumnFacts"], key: Sequence[str], beside: Sequence[str] = ()
) -> Found:
    """The same of what DuckDB reads, whose columns have the flat form and the types of the table.

    Args:
        key: columns whose values, together, belong to one row; none when empty.
        beside: other aggregates, in SQL, taken while the rows go by.
    """
    alone = f"count(DISTINCT md5_number({_text([c for c in columns if c.nom in key])}))" if key else "count(*)"
    row: tuple[Any, ...] | None = relation.aggregate(", ".join([_sums(columns), alone, *beside])).fetchone()
    values = row or (0,) * (4 + len(beside))
    total = _plus(_NOTHING, values[:3])
    return Found(total[0], total[0] - values[3], _digest(total), values[4:])


def _sums(columns: Sequence["ColumnFacts"]) -> str:
    number = f"md5_number({_text([c for c in columns if c.type != 'geometrie'])})"
    return f"count(*), sum(({number} >> 64)::UBIGINT), sum(({number} & {_HALF})::UBIGINT)"


def _text(columns: Sequence["ColumnFacts"]) -> str:
    return f"concat_ws({_BETWEEN}, '', {', '.join(map(_written, columns))})" if columns else "''"


def _written(column: "ColumnFacts") -> str:
    value = identifier(column.nom)
    match column.type:
        case "texte" | "liste_texte":
            formula = f"left({value}, 1) IN ({', '.join(map(literal, FORMULA))})"
            text = f"CASE WHEN {formula} THEN '''' || {value} ELSE nullif({value}, '') END"
        case "reel":
            text = f"CASE WHEN isnan({value}) THEN NULL WHEN {value} = 0 THEN '0.0' ELSE {value}::DOUBLE::VARCHAR END"
        case _:
            text = f"{value}::VARCHAR"
    return f"coalesce({text}, {_ABSENT})"


def _plus(total: tuple[int, int, int], more: Iterable[int | None] | None) -> tuple[int, int, int]:
    rows, high, low = (a + int(b or 0) for a, b in zip(total, more or _NOTHING, strict=True))
    return rows, high, low


def _digest(total: tuple[int, int, int]) -> str:
    return MADE_SO + hashlib.sha256("|".join(map(str, total)).encode()).hexdigest()
