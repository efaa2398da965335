"""Base permanente des équipements, geolocated (Parquet, or CSV with `;`, zipped or not) -> counter records.

The type codes (`TYPEQU`) are renumbered from one year to the next: A121 was the DDFiP in 2013 and the Pôle emploi
network in 2018. So a code is never read alone: the dictionary of the same year (`varmod`) gives its label, and the
label gives our type code, by `options.types` of the declaration.
"""

import zipfile
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.foundations.codes import departement_of_commune
from pipeline.foundations.crs import epsg_expr
from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import key
from sources.delimited import read_table, utf8_chunks
from sources.projected import to_degrees
from sources.reading import ReadResult, check_columns, set_aside_duplicates
from sources.record import RECORD_SCHEMA
from sources.spec import SourceSpec
from sources.tabular import read_tabular

#: `QUALITE_GEOLOC`: "voie inconnue, position aléatoire dans la commune": a point drawn at random places nothing.
RANDOM_POSITION = "33"
_QUALITY = {"B": "bonne", "A": "acceptable", "M": "mauvaise"}
_ABSENT = ("", "_Z", "_U")  # what the file writes for "sans objet" and "indéterminé"
_PARQUET, _ZIP = b"PAR1", b"PK\x03\x04"
_BATCH = 100_000  # rows held at a time: the file has three millions of them


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read the resources `equipements` and `varmod`.

    Only the types that `options.types` (our code -> labels of the dictionary) names are kept; the other equipment
    (shops, doctors, stadiums) is counted in `read`. `codes_type` holds our code, `rang` the code and the year it was
    read from (`A129, BPE 2025`), `id_bpe` the SIRET, by which the BPE is cited.

    Without `varmod`, the labels of the file's own column `LIB_MOD` are used; without either, the file is refused.

    Raises:
        SourceUnreadable: unreadable file, missing column, no dictionary, or codes that the dictionary does not know
            (it is another year's).
        WrongUse: `options.types` is not a mapping of lists of labels.
    """
    issues = IssueLog(spec.id)
    types = _declared_types(spec)
    labels = _dictionary(files["varmod"], spec, issues) if "varmod" in files else {}
    kept: list[pl.DataFrame] = []
    total, before = 0, len(issues)
    for batch in _batches(files["equipements"], spec, issues):
        total += batch.height
        if "varmod" not in files:
            labels |= _own_labels(batch, spec)
        _same_year(batch, labels, spec)
        ours = {code: types[key(label)] for code, label in labels.items() if key(label) in types}
        chosen = batch.filter(pl.col("TYPEQU").is_in(list(ours)))
        our_code = pl.col("TYPEQU").replace_strict(ours, default=None, return_dtype=pl.String)
        kept.append(chosen.with_columns(code=our_code))
    found = {key(label) for label in labels.values()}
    missing = sorted(set(types.values()) - {types[label] for label in found & types.keys()})
    rows = pl.concat(kept) if kept else pl.DataFrame(schema=dict.fromkeys([*_wanted(spec), "code"], pl.String))
    rows = rows.with_columns(pl.when(~pl.col(c).is_in(_ABSENT)).then(c) for c in rows.columns)
    total += sum(1 for row in issues.frame()["regle"][before:] if row == "ligne-decalee")
    return ReadResult(
        {"records": set_aside_duplicates(_records(rows), issues)},
        issues.frame(),
        total,
        millesime=rows["AN"].max() if rows["AN"].count() else None,  # type: ignore[arg-type]
        notes=(f"Types déclarés absents du dictionnaire : {', '.join(missing)}.",) if missing else (),
    )


def _declared_types(spec: SourceSpec) -> dict[str, str]:
    """`options.types` upside down: comparison key of each label -> our code."""
    declared = spec.options.get("types")
    if not isinstance(declared, dict) or not all(isinstance(labels, list) for labels in declared.values()):
        raise WrongUse(
            f"source {spec.id}: options.types",
            expected="a mapping: our code -> list of labels of the Insee dictionary",
            found=type(declared).__name__,
            remedy="fix source.yml",
        )
    return {key(str(label)): str(code) for code, labels in declared.items() for label in labels}


# --- what a code means -------------------------------------------------------------------------------------------


def _dictionary(path: Path, spec: SourceSpec, issues: IssueLog) -> dict[str, str]:
    """The year's `TYPEQU` codes and their labels, from the varmod file."""
    table = read_tabular(path, f"source {spec.id} (varmod)", issues, separators=";,")
    check_columns(spec, "varmod", spec.columns["varmod"], table.columns, issues)
    labels = {str(row["COD_MOD"]): str(row["LIB_MOD"]) for row in table.rows if row["COD_VAR"] == "TYPEQU"}
    if not labels:
        raise SourceUnreadable(
            f"source {spec.id} (varmod)",
            expected="modalities of the variable TYPEQU",
            found=f"variables {', '.join(sorted({str(row['COD_VAR']) for row in table.rows})[:8])}",
            remedy="give the dictionary of the geolocated file (BPE…_varmod.csv)",
        )
    return labels


def _own_labels(batch: pl.DataFrame, spec: SourceSpec) -> dict[str, str]:
    pairs = batch.select("TYPEQU", "LIB_MOD").drop_nulls().unique()
    if not pairs.height and batch.height:
        raise SourceUnreadable(
            f"source {spec.id} (equipements)",
            expected="the resource `varmod` (dictionary of the same year), or a column LIB_MOD",
            found="neither: type codes are renumbered every year and cannot be read alone",
            remedy="fetch the resource `varmod` of the same year",
        )
    return dict(pairs.iter_rows())


def _same_year(batch: pl.DataFrame, labels: Mapping[str, str], spec: SourceSpec) -> None:
    unknown = sorted(set(batch["TYPEQU"].drop_nulls().unique()) - labels.keys())
    if unknown:
        raise SourceUnreadable(
            f"source {spec.id}",
            expected="a dictionary that knows every code of the file",
            found=f"code(s) {', '.join(unknown[:8])} unknown to it",
            remedy="give the resource `varmod` of the same year as `equipements`",
        )


# --- the rows ----------------------------------------------------------------------------------------------------


def _wanted(spec: SourceSpec) -> list[str]:
    declared = spec.columns["equipements"]
    return [*declared.expected, *declared.optional]


def _batches(path: Path, spec: SourceSpec, issues: IssueLog) -> Iterator[pl.DataFrame]:
    """The file in frames of at most `_BATCH` rows: the expected and optional columns, as text, null where absent."""
    with path.open("rb") as stream:
        magic = stream.read(len(_PARQUET))
    try:
        if magic == _PARQUET:
            yield from _parquet(path, spec, issues)
        elif magic == _ZIP:
            with zipfile.ZipFile(path) as archive, archive.open(_member(archive, spec)) as member:
                yield from _csv(member, spec, issues)
        else:
            with path.open("rb") as stream:
                yield from _csv(stream, spec, issues)
    except (zipfile.BadZipFile, pa.ArrowException, OSError) as error:
        raise SourceUnreadable(
            f"source {spec.id} (equipements)",
            expected="a whole Parquet, CSV or zipped CSV file",
            found=str(error).splitlines()[0],
            remedy="the download may be cut short: download it again",
        ) from error


def _member(archive: zipfile.ZipFile, spec: SourceSpec) -> zipfile.ZipInfo:
    """The one CSV of the archive, unless it unpacks above the declared size."""
    members = [m for m in archive.infolist() if m.filename.lower().endswith(".csv")]
    limit = spec.resource("equipements").max_unpacked_mb
    if len(members) == 1 and (limit is None or members[0].file_size <= limit * 1_000_000):
        return members[0]
    raise SourceUnreadable(
        f"source {spec.id} (equipements)",
        expected="an archive of one CSV" + (f" of at most {limit} MB" if limit else ""),
        found=", ".join(f"{m.filename} ({m.file_size // 1_000_000} MB)" for m in members) or "no CSV",
        remedy="look at the snapshot; if the file grew, raise max_unpacked_mb",
    )


def _parquet(path: Path, spec: SourceSpec, issues: IssueLog) -> Iterator[pl.DataFrame]:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    check_columns(spec, "equipements", spec.columns["equipements"], names, issues)
    wanted = _wanted(spec)
    for batch in file.iter_batches(_BATCH, columns=[name for name in wanted if name in names]):
        yield _as_text(pl.DataFrame(pl.from_arrow(batch)), wanted)


def _csv(stream: IO[bytes], spec: SourceSpec, issues: IssueLog) -> Iterator[pl.DataFrame]:
    subject = f"source {spec.id} (equipements)"
    table = read_table(utf8_chunks(stream, subject), subject, issues)
    check_columns(spec, "equipements", spec.columns["equipements"], table.header, issues)
    wanted = _wanted(spec)
    rows = ({name: row.get(name) for name in wanted} for row in table.rows)
    while batch := list(islice(rows, _BATCH)):
        yield pl.DataFrame(batch, schema=dict.fromkeys(wanted, pl.String))


def _as_text(frame: pl.DataFrame, wanted: list[str]) -> pl.DataFrame:
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(pl.String).alias(name) for name in wanted
    )


def _records(rows: pl.DataFrame) -> pl.DataFrame:
    """Kept rows -> record columns.

    The id is our code and the SIRET (or the commune), and the point where that repeats.
    """
    placed = _degrees(rows)
    point = pl.format("{} {}", "LAMBERT_X", "LAMBERT_Y")
    stem = pl.concat_str("code", pl.coalesce("SIRET", "DEPCOM"), separator="-")
    placed = placed.with_columns(stem=stem).with_columns(repeated=pl.col("stem").is_duplicated())
    street = pl.concat_str("NUMVOIE", "INDREP", "TYPVOIE", "LIBVOIE", separator=" ", ignore_nulls=True)
    year = pl.when(pl.col("AN").is_not_null()).then(pl.format(", BPE {}", "AN")).otherwise(pl.lit(", BPE"))
    columns: dict[str, pl.Expr] = {
        "id_source": pl.when(pl.col("repeated") & point.is_not_null())
        .then(pl.format("{}-{}", "stem", point))
        .otherwise("stem"),
        "nom": pl.coalesce("NOMRS", "CNOMRS"),
        "codes_type": pl.concat_list("code"),
        "siret": pl.col("SIRET"),
        "adresse": pl.when(street != "").then(street),
        "complement": pl.col("CADR"),
        "code_postal": pl.col("CODPOS"),
        "commune": pl.col("LIBCOM"),
        "code_insee": pl.col("DEPCOM"),
        "longitude": pl.col("longitude"),
        "latitude": pl.col("latitude"),
        "precision_geo": pl.col("precision_geo"),
        "id_bpe": pl.col("SIRET"),
        "rang": pl.concat_str("TYPEQU", year),
    }
    return placed.select(
        columns.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in RECORD_SCHEMA.items()
    )


def _degrees(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `longitude, latitude, precision_geo`: the file's own degrees, else its projected metres."""

    def number(name: str) -> pl.Expr:
        return pl.col(name).str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)

    legal = epsg_expr(departement_of_commune(pl.col("DEPCOM")))
    frame = rows.with_columns(
        x=number("LAMBERT_X"),
        y=number("LAMBERT_Y"),
        epsg=pl.when(pl.col("LONGITUDE").is_null() | pl.col("LATITUDE").is_null()).then(legal),
    )
    converted = to_degrees(frame, x="x", y="y", epsg="epsg")
    random = (pl.col("QUALITE_GEOLOC") == RANDOM_POSITION).fill_null(False)
    quality = pl.col("QUALITE_XY").replace(_QUALITY)
    words = pl.concat_str(
        pl.when(random).then(pl.lit("position aléatoire dans la commune, écartée")).otherwise(quality),
        pl.format("code {}", "QUALITE_GEOLOC"),
        pl.when(pl.col("longitude").is_not_null()).then(pl.format("converti de EPSG:{}", "epsg")),
        separator=" ; ",
        ignore_nulls=True,
    )
    return converted.with_columns(
        longitude=pl.when(~random).then(pl.coalesce("longitude", number("LONGITUDE"))),
        latitude=pl.when(~random).then(pl.coalesce("latitude", number("LATITUDE"))),
        precision_geo=pl.when(words != "").then(words),
    )
