"""Pairs (origin, counter) streamed into one Parquet file per département of origin, in bounded memory."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from assets.access.network.bounded import Reached
from assets.access.places import Territory
from assets.access.times import seconds_of

_ARROW = pa.schema(
    [
        ("origine_id", pa.string()),
        ("point_accueil_id", pa.string()),
        ("temps_route_s", pa.int64()),
        ("distance_route_m", pa.int64()),
    ]
)
_ROWS = 200_000  # of a département before they are written


class PairFiles:
    """Writers by département. Rows come door after door, then in the order of origins, then of counters.

    Args:
        paths: file of each département whose pairs are wanted.
        territory: what the pairs name.
        limit_s: pairs farther apart are not written.
    """

    def __init__(self, paths: Mapping[str, Path], territory: Territory, limit_s: int) -> None:
        self._codes, self._limit = list(paths), limit_s
        self._origins = _texts(territory.origins["origine_id"])
        self._counters = _texts(territory.counters["point_accueil_id"])
        ranks = {code: i for i, code in enumerate(self._codes)}
        of_origin = territory.origins["code_departement"].replace_strict(ranks, default=-1, return_dtype=pl.Int32)
        self._departement: npt.NDArray[np.int32] = of_origin.to_numpy()
        self._at_door: npt.NDArray[np.int64] = np.argsort(territory.door, kind="stable")
        self._door_sizes = np.bincount(territory.door, minlength=1)
        self._door_first = np.cumsum(self._door_sizes) - self._door_sizes
        self._writers = [pq.ParquetWriter(paths[code], _ARROW, compression="zstd") for code in self._codes]
        self._waiting: list[list[npt.NDArray[np.int64]]] = [[] for _ in self._codes]
        self.rows = dict.fromkeys(self._codes, 0)

    def __enter__(self) -> "PairFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for rank in range(len(self._codes)):
                self._flush(rank)
        for writer in self._writers:
            writer.close()

    def add(self, part: Reached) -> None:
        """Take some pairs."""
        seconds = seconds_of(part.milliseconds)
        rank = self._departement[part.home]
        kept = np.flatnonzero((seconds <= self._limit) & (rank >= 0))
        if not len(kept):
            return
        door = part.door[kept]
        pair = np.column_stack([door, part.home[kept], seconds[kept], (part.centimetres[kept] + 50) // 100])
        # A door is the counters that stand there: one row for each.
        sizes = self._door_sizes[door]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows = np.repeat(pair, sizes, axis=0).astype(np.int64)
        rows[:, 0] = self._at_door[np.repeat(self._door_first[door], sizes) + within]
        rank = np.repeat(rank[kept], sizes)
        order = np.argsort(rank, kind="stable")
        for r, some in zip(
            np.unique(rank), np.split(rows[order], np.flatnonzero(np.diff(rank[order])) + 1), strict=True
        ):
            self._waiting[r].append(some)
            if sum(map(len, self._waiting[r])) >= _ROWS:
                self._flush(int(r))

    def _flush(self, rank: int) -> None:
        if not self._waiting[rank]:
            return
        rows = np.vstack(self._waiting[rank])
        self._waiting[rank] = []
        columns = [self._origins.take(pa.array(rows[:, 1])), self._counters.take(pa.array(rows[:, 0]))]
        table = pa.table([*columns, pa.array(rows[:, 2]), pa.array(rows[:, 3])], schema=_ARROW)
        self._writers[rank].write_table(table)
        self.rows[self._codes[rank]] += len(rows)


def _texts(column: pl.Series) -> pa.Array:
    return column.to_arrow().cast(pa.string())
