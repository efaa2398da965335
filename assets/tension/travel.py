"""Times and pairs by road, as `access` wrote them, turned into arrays typology by typology.

"No way there" (inf) and "unknown" (NaN) are kept apart. Nothing is computed again. Pairs of the whole country are more
than memory holds (400 million from cells of 200 m): they wait on disk, in the folder for temporary files.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from assets.access.tables import PAIRS, TIMES
from assets.access.times_table import NO_WAY
from assets.tension.pairs import Bools, Floats, Ints, Longs, Pairs
from assets.tension.people import People
from pipeline.foundations.errors import CspError
from pipeline.foundations.tables import TableStore

MEASURE = "route"
_NO_WAY, _UNKNOWN = -1, -2
_READ = 5_000_000  # pairs at a time


def read_times(tables: TableStore, departement: str) -> pl.DataFrame:
    """What `RoadTimes` takes of `access__temps`."""
    columns = ["origine_id", "typologie", "temps_route_s", "statut", "hors_departement"]
    return pl.read_parquet(tables.path(TIMES, departement), columns=columns, hive_partitioning=False)


def read_pairs(tables: TableStore, departement: str, counters: pl.Series | None = None) -> pl.DataFrame:
    """What `RoadTimes` takes of `access__couples`; with `counters` (ids), the pairs with those only."""
    rows = pl.scan_parquet(tables.path(PAIRS, departement), hive_partitioning=False)
    if counters is not None:
        rows = rows.filter(pl.col("point_accueil_id").is_in(counters.implode()))
    return rows.select("origine_id", "point_accueil_id", "temps_route_s").collect()


class RoadTimes:
    """Times by road from the origins of some départements: what `measures` reads.

    Args:
        people: origins of those départements.
        counters: `access.places.COUNTER_SCHEMA`, sorted by `point_accueil_id`.
        typologies: in the order of the rows of `access__temps`.
        times: `origine_id, typologie, temps_route_s, statut, hors_departement` of each département, in their order.
        pairs: `origine_id, point_accueil_id, temps_route_s` of each département, in their order.

    Raises:
        CspError: a département whose rows are not every origin times every typology.
    """

    mesure = MEASURE

    def __init__(
        self,
        people: People,
        counters: pl.DataFrame,
        typologies: Sequence[str],
        times: Iterable[pl.DataFrame],
        pairs: Iterable[pl.DataFrame],
    ) -> None:
        self.people = people
        self._rank = {t: i for i, t in enumerate(typologies)}
        shape = (len(typologies), people.number)
        self._seconds: Ints = np.full(shape, _UNKNOWN, dtype=np.int32)
        self._outside: Bools = np.zeros(shape, dtype=np.bool_)
        ids = people.frame.select("origine_id", pl.int_range(pl.len(), dtype=pl.Int32).alias("_o"))
        for frame in times:
            self._read_times(frame, ids, typologies)
        known = counters.select(
            "point_accueil_id",
            pl.int_range(pl.len(), dtype=pl.Int32).alias("_c"),
            pl.col("typologie").replace_strict(self._rank, default=-1, return_dtype=pl.Int16).alias("_t"),
        )
        self._typology: npt.NDArray[np.int16] = known["_t"].to_numpy()
        self._folder = Path(mkdtemp(prefix="csp-couples-"))
        finalize(self, rmtree, self._folder, ignore_errors=True)
        self._sizes: Longs = np.zeros(counters.height, dtype=np.int64)
        for frame in pairs:
            self._keep(*_by_typology(frame, ids, known, len(typologies)))

    def nearest(self, typology: str) -> tuple[Floats, Bools]:
        """Seconds to the nearest implantation (n,): inf without a way, NaN where unknown; whether it is in another
        département.
        """
        whole = self._seconds[self._rank[typology]]
        seconds = np.where(whole == _NO_WAY, np.inf, whole.astype(np.float64))
        seconds[whole == _UNKNOWN] = np.nan
        return seconds, self._outside[self._rank[typology]]

    def pairs(self, typology: str) -> tuple[Pairs, Ints]:
        """Pairs with the counters of every kind of a typology, and the rows of those counters."""
        rows = np.flatnonzero(self._typology == self._rank[typology]).astype(np.int32)
        sizes = self._sizes[rows]
        free: Longs = np.zeros(len(self._sizes), dtype=np.int64)  # where the next pair of a counter goes
        free[rows] = np.cumsum(sizes) - sizes
        origin: Ints = np.empty(sizes.sum(), dtype=np.int32)
        seconds: Ints = np.empty(sizes.sum(), dtype=np.int32)
        for part in self._kept(self._rank[typology]):
            _place(part, free, origin, seconds)
        counter = np.repeat(np.arange(len(rows), dtype=np.int32), sizes)
        return Pairs(origin, counter, seconds, self.people.number, len(rows)), rows

    def _file(self, rank: int) -> Path:
        return self._folder / str(rank)

    def _keep(self, pairs: Ints, pointer: Longs) -> None:
        """Put the pairs of a département after those of the others."""
        self._sizes += np.bincount(pairs[:, 1], minlength=len(self._sizes))
        for rank in np.flatnonzero(np.diff(pointer)):
            with self._file(int(rank)).open("ab") as file:
                pairs[pointer[rank] : pointer[rank + 1]].tofile(file)

    def _kept(self, rank: int) -> Iterator[Ints]:
        """Pairs (m, 3) of a typology: of each département in turn, by counter, then origin."""
        if not self._file(rank).exists():
            return
        with self._file(rank).open("rb") as file:
            while len(part := np.fromfile(file, dtype=np.int32, count=3 * _READ)):
                yield part.reshape(-1, 3)

    def _read_times(self, frame: pl.DataFrame, ids: pl.DataFrame, typologies: Sequence[str]) -> None:
        t = len(typologies)
        firsts = frame[::t].select("origine_id")
        each, every = np.repeat(np.arange(firsts.height), t), np.tile(np.arange(t), firsts.height)
        if (
            frame.height % t
            or not firsts["origine_id"].gather(each).equals(frame["origine_id"])
            or not pl.Series(typologies, dtype=pl.String).gather(every).equals(frame["typologie"])
        ):
            raise CspError(
                "travel times",
                expected=f"rows of every origin, {t} typologies each in the order of typologies.yml",
                found=f"{frame.height} rows, {', '.join(frame['typologie'].head(3).to_list())} first",
                remedy="make the measures of access again",
            )
        second = (
            pl.when(pl.col("temps_route_s").is_not_null())
            .then(pl.col("temps_route_s"))
            .when(pl.col("statut") == NO_WAY)
            .then(_NO_WAY)
            .otherwise(_UNKNOWN)
        )
        values = frame.select(second.cast(pl.Int32).alias("s"), pl.col("hors_departement").fill_null(False).alias("h"))
        origins = firsts.join(ids, on="origine_id", how="left", maintain_order="left")["_o"]
        kept = origins.is_not_null().to_numpy()
        rows = origins.drop_nulls().to_numpy()
        self._seconds[:, rows] = values["s"].to_numpy().reshape(-1, t)[kept].T
        self._outside[:, rows] = values["h"].to_numpy().reshape(-1, t)[kept].T


def _by_typology(frame: pl.DataFrame, ids: pl.DataFrame, known: pl.DataFrame, typologies: int) -> tuple[Ints, Longs]:
    """Rows (m, 3) `origin, counter, seconds` by typology, then counter, then origin; and where each typology starts."""
    rows = (
        frame.join(ids, on="origine_id", how="inner")
        .join(known, on="point_accueil_id", how="inner")
        .filter(pl.col("_t") >= 0)
        .sort("_t", "_c", "_o")
    )
    pointer = np.searchsorted(rows["_t"].to_numpy(), np.arange(typologies + 1)).astype(np.int64)
    return rows.select("_o", "_c", pl.col("temps_route_s").cast(pl.Int32)).to_numpy(order="c"), pointer


@njit(cache=True, nogil=True)
def _place(pairs, free, origin, seconds):  # type: ignore[no-untyped-def]
    """Put each pair (origin, counter, seconds) after the others of its counter."""
    for p in range(len(pairs)):
        at = free[pairs[p, 1]]
        origin[at] = pairs[p, 0]
        seconds[at] = pairs[p, 2]
        free[pairs[p, 1]] = at + 1
