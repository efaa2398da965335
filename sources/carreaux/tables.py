"""A data file as batches of columns, whatever its format: CSV, GeoPackage, Parquet.

Column names come in lower case (Insee's case changes with the vintage) and geometries are never read: a cell's id says
where it is. What the columns mean belongs to `read`.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pyogrio

from pipeline.foundations.errors import SourceUnreadable
from sources.carreaux.faults import Faults
from sources.carreaux.unpack import DataFile
from sources.delimited import refuse_other_formats

_BATCH = 200_000  # rows held at a time
_BLOCK = 16 << 20  # bytes of CSV parsed at a time
_HEAD = 64 << 10  # bytes in which the header line must end

#: What the libraries raise on bytes that are not of the format announced.
_FAULTS = (pa.ArrowException, csv.Error, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError)

Batches = Callable[[Sequence[str]], Iterator[pl.DataFrame]]


@dataclass(frozen=True)
class Table:
    """A file being read: its column names as delivered, and in lower case what `batches` takes.

    `batches(columns)` gives those columns (lower-case names), as text when the file is a CSV.
    """

    delivered: tuple[str, ...]
    names: tuple[str, ...]
    batches: Batches


def open_table(file: DataFile, subject: str, faults: Faults, *, max_unpacked: int) -> Table:
    """Open a data file. Rows of a CSV that are not as wide as its header are set aside (`ligne-decalee`).

    Args:
        max_unpacked: bytes of columns a Parquet file may declare.

    Raises:
        SourceUnreadable: not of its kind, a web page, empty, a column named twice; or, while iterating, damaged.
    """
    opener = {"csv": _csv, "gpkg": _geopackage, "parquet": _parquet}[file.kind]
    try:
        delivered, read = opener(file.path, subject, faults, max_unpacked)
    except _FAULTS as error:
        raise _damaged(subject, error) from error
    names = tuple(name.strip().lower() for name in delivered)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SourceUnreadable(
            subject,
            expected="each column named once",
            found=f"twice: {', '.join(twice)}",
            remedy="look at the snapshot: the producer changed its format",
        )
    own = dict(zip(names, delivered, strict=True))

    def batches(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        try:
            for batch in read([own[name] for name in columns]):
                yield batch.select(pl.col(own[name]).alias(name) for name in columns)
        except _FAULTS as error:
            raise _damaged(subject, error) from error

    return Table(tuple(delivered), names, batches)


def _damaged(subject: str, error: Exception) -> SourceUnreadable:
    return SourceUnreadable(
        subject,
        expected="a whole CSV (UTF-8), GeoPackage or Parquet file",
        found=(str(error).splitlines() or [type(error).__name__])[0],
        remedy="the download may be cut short: fetch the source again",
    )


def _csv(path: Path, subject: str, faults: Faults, _: int) -> tuple[list[str], Batches]:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    text = head.split(b"\n", 1)[0].decode("utf-8", "replace").removeprefix("\ufeff").strip()
    refuse_other_formats(text, subject, "a CSV file")
    delivered, separator = max(
        ((next(csv.reader([text], delimiter=s)), s) for s in (",", ";", "\t")), key=lambda found: len(found[0])
    )

    def skip(row: pa_csv.InvalidRow) -> str:
        faults.add(
            "ligne-decalee",
            record="*" if row.number is None else f"ligne {row.number}",
            column="*",
            value=f"{row.actual_columns} cellules pour {row.expected_columns} colonnes",
        )
        return "skip"

    def read(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        reader = pa_csv.open_csv(
            path,
            pa_csv.ReadOptions(column_names=delivered, skip_rows=1, block_size=_BLOCK, use_threads=False),
            pa_csv.ParseOptions(delimiter=separator, invalid_row_handler=skip),
            pa_csv.ConvertOptions(
                include_columns=list(columns),
                column_types=dict.fromkeys(delivered, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        for batch in reader:
            yield pl.DataFrame(pl.from_arrow(batch))

    return delivered, read


def _geopackage(path: Path, subject: str, _faults: Faults, _: int) -> tuple[list[str], Batches]:
    layers = [str(name) for name, _ in pyogrio.list_layers(path)]
    info = pyogrio.read_info(path, layer=layers[0]) if len(layers) == 1 else None
    if info is None or info["driver"] != "GPKG":
        raise SourceUnreadable(
            subject,
            expected="a GeoPackage of one layer",
            found=f"layers {', '.join(layers) or 'none'}" if info is None else f"a {info['driver']} file",
            remedy="look at the snapshot: the producer changed its format",
        )

    def read(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        options = {"layer": layers[0], "columns": list(columns), "read_geometry": False, "batch_size": _BATCH}
        with pyogrio.open_arrow(path, use_pyarrow=True, **options) as (_, reader):
            for batch in reader:
                yield pl.DataFrame(pl.from_arrow(batch))

    return list(info["fields"]), read


def _parquet(path: Path, subject: str, _faults: Faults, max_unpacked: int) -> tuple[list[str], Batches]:
    file = pq.ParquetFile(path)
    groups = range(file.metadata.num_row_groups)
    if sum(file.metadata.row_group(i).total_byte_size for i in groups) > max_unpacked:
        raise SourceUnreadable(
            subject,
            expected=f"at most {max_unpacked // 1_000_000} MB once unpacked",
            found="more",
            remedy="if the grid really has grown, raise max_unpacked_mb in the source's declaration",
        )

    def read(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for batch in file.iter_batches(_BATCH, columns=list(columns)):
            yield pl.DataFrame(pl.from_arrow(batch))

    return list(file.schema_arrow.names), read
