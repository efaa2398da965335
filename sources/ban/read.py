"""Base Adresse Nationale (CSV in gzip, one file per département) -> one table of addresses.

Streets are kept as written; comparing them with those of the feeds belongs to `assets.referentiel.geocode`.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipeline.foundations.archives import open_single
from pipeline.foundations.codes import COMMUNE_PATTERN
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.delimited import refuse_other_formats
from sources.reading import ReadResult, check_columns
from sources.spec import Resource, SourceSpec

#: Longitude and latitude are WGS84 degrees; `code_insee` is the municipal district's in Paris, Lyon and Marseille.
SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "code_insee": pl.String(),
        "code_postal": pl.String(),
        "numero": pl.Int32(),
        "rep": pl.String(),
        "nom_voie": pl.String(),
        "longitude": pl.Float64(),
        "latitude": pl.Float64(),
    }
)
#: Numbers above are provisional: they are on no plate.
_PROVISIONAL = 5_000
_MEGABYTE = 1_000_000


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the départements given, in the declared order: one table, "adresses", in `SCHEMA`.

    Addresses without a street, a number, a position or a commune code are left out; one issue per file counts them.

    Raises:
        SourceUnreadable: no file, a damaged archive, not a CSV of that shape, or an expected column is missing.
    """
    issues = IssueLog(spec.id)
    parts: list[pl.DataFrame] = []
    total = 0
    for resource in spec.resources:
        if path := files.get(resource.id):
            text = _read_cells(path, resource, spec, issues)
            total += text.height
            parts.append(_addresses(text, resource, issues))
    if not parts:
        raise SourceUnreadable(
            f"source {spec.id}",
            expected="the addresses of at least one département",
            found="no file",
            remedy="fetch the source again, or check the addresses of the files in its source.yml",
        )
    return ReadResult({"adresses": pl.concat(parts)}, issues.frame(), total)


def _read_cells(path: Path, resource: Resource, spec: SourceSpec, issues: IssueLog) -> pl.DataFrame:
    subject = f"source {spec.id} ({resource.id})"
    limit = (resource.max_unpacked_mb or resource.max_mb) * _MEGABYTE
    with open_single(path, suffix=".csv", max_unpacked=limit) as stream:
        data = stream.read()
    head = data[:4_096].decode("utf-8", "ignore").removeprefix("\ufeff")
    refuse_other_formats(head, subject, "a CSV file")
    header = next(csv.reader([head.partition("\n")[0]], delimiter=";"))
    check_columns(spec, "adresses", spec.columns["adresses"], [name.strip() for name in header], issues)
    try:
        # Every column is parsed, then dropped: a row wider than the header would otherwise pass unseen.
        whole = pl.read_csv(io.BytesIO(data), separator=";", infer_schema=False)
        return whole.select(spec.columns["adresses"].expected)
    except pl.exceptions.PolarsError as error:
        raise SourceUnreadable(
            subject,
            expected="CSV rows of UTF-8 text, each as wide as the header",
            found=str(error).partition("\n")[0],
            remedy="look at the snapshot: the producer changed its format, or the download was cut",
        ) from error


def _addresses(text: pl.DataFrame, resource: Resource, issues: IssueLog) -> pl.DataFrame:
    frame = text.select(
        "id",
        pl.col("code_insee").str.strip_chars(),
        pl.col("code_postal").str.strip_chars(),
        pl.col("numero").cast(pl.Int32, strict=False),
        pl.col("rep").str.strip_chars().str.to_lowercase().replace("", None),
        pl.col("nom_voie").str.strip_chars().replace("", None),
        pl.col("lon").cast(pl.Float64, strict=False).alias("longitude"),
        pl.col("lat").cast(pl.Float64, strict=False).alias("latitude"),
    )
    usable = (
        pl.all_horizontal(pl.col("id", "numero", "nom_voie").is_not_null())
        & pl.col("longitude").is_between(-180, 180).fill_null(False)
        & pl.col("latitude").is_between(-90, 90).fill_null(False)
        & pl.col("numero").is_between(0, _PROVISIONAL).fill_null(False)
        & pl.col("code_insee").str.contains(COMMUNE_PATTERN).fill_null(False)
    )
    kept = frame.filter(usable)
    if lost := frame.height - kept.height:
        issues.add(
            record=resource.id,
            column="*",
            value=lost,
            rule="adresses-inutilisables",
            reason="Adresses sans voie, sans numéro, sans position ou sans commune : elles ne servent pas.",
            severity="info",
        )
    return kept.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
