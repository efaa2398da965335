"""Établissements FINESS (text with `;`, no header, two sections) -> counter records.

The first line dates the extraction (`finess;etalab;98;2026-05-12`); then lines `structureet;…` describe the
establishments and, in the geolocated variant, lines `geolocalisation;…` place them in projected coordinates. Nothing
but the width of a line tells its columns: every line is measured.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipeline.foundations.crs import MAINLAND, epsg_of_departement
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import PLACEHOLDERS
from sources.projected import to_degrees
from sources.reading import ReadResult, set_aside_duplicates
from sources.record import RECORD_SCHEMA
from sources.spec import SourceSpec

_HEADER = re.compile(r"finess;etalab;\d+;(\d{4}-\d{2}-\d{2});*")
_EPSG = r"EPSG:(\d{4,5})"
_MAINLAND = re.compile(r"\d{2}|2[AB]")
#: Overseas territories in FINESS codes -> département codes. The commune column holds three digits: 9A 101 is 97101.
OVERSEAS = {"9A": "971", "9B": "972", "9C": "973", "9D": "974", "9E": "975", "9F": "976"}
#: Systems a position may name: the legal ones, and the WGS84 UTM zones older extractions used overseas.
_READABLE = frozenset({MAINLAND, *map(epsg_of_departement, OVERSEAS.values()), 32620, 32621, 32622, 32738, 32740})
_TOLERATED = 0.01  # share of lines of another width above which the format itself is in doubt


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read every resource given, in the declared order: both sections may be in one file or in several.

    `codes_type` holds `categetab`. Without a `geolocalisation` section the records have no coordinates, and a note says
    so. `columns` of the declaration lists, in order, the columns of each section.

    Raises:
        SourceUnreadable: no file, not FINESS text, or more than 1 % of the lines of a section have another width.
    """
    issues = IssueLog(spec.id)
    sections: dict[str, list[list[str]]] = {name: [] for name in spec.columns}
    millesime: str | None = None
    for resource in spec.resources:
        if path := files.get(resource.id):
            day = _collect(path, f"source {spec.id} ({resource.id})", sections, issues)
            millesime = millesime or day
    establishments, read = _frame("structureet", sections, spec, issues)
    places, _ = _frame("geolocalisation", sections, spec, issues)
    if not read:
        raise SourceUnreadable(
            f"source {spec.id}",
            expected="lines `structureet;…`",
            found="none in the files given",
            remedy="download the resource `etablissements` again",
        )
    records = set_aside_duplicates(_records(establishments, places, issues), issues)
    unplaced = "Fichier sans section `geolocalisation` : aucun établissement n’a de coordonnées."
    notes = () if places.height else (unplaced,)
    return ReadResult({"records": records}, issues.frame(), read, millesime=millesime, notes=notes)


def _text(path: Path, issues: IssueLog) -> str:
    """UTF-8 nowadays, Windows-1252 in older extractions."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        issues.add(
            record="*",
            column="*",
            value="Windows-1252",
            rule="encodage",
            reason="Fichier encodé en Windows-1252 au lieu d’UTF-8 : lu comme tel.",
            severity="info",
        )
        return data.decode("cp1252", "replace")


def _collect(path: Path, subject: str, sections: dict[str, list[list[str]]], issues: IssueLog) -> str:
    """Add the lines of a file to their sections (line number first); return the day of the extraction."""
    lines = _text(path, issues).splitlines()
    header = _HEADER.fullmatch(lines[0].strip()) if lines else None
    if header is None:
        raise SourceUnreadable(
            subject,
            expected="a first line like `finess;etalab;98;2026-05-12`",
            found=repr(lines[0][:80]) if lines else "an empty file",
            remedy="look at the snapshot: it may be the file with a header, or a web page",
        )
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        name, *cells = line.split(";")
        if name not in sections:
            issues.add(
                record=f"ligne {number}",
                column="*",
                value=name,
                rule="section-inconnue",
                reason="Ligne d’une section inconnue : mise de côté.",
                severity="erreur",
            )
            continue
        sections[name].append([str(number), *cells])
    return header[1]


def _frame(
    name: str, sections: Mapping[str, list[list[str]]], spec: SourceSpec, issues: IssueLog
) -> tuple[pl.DataFrame, int]:
    """Lines of one section -> frame of text columns (empty is null), and the number of lines met."""
    columns, lines = spec.columns[name].expected, sections[name]
    odd = [line for line in lines if len(line) - 1 != len(columns)]
    if len(odd) > _TOLERATED * len(lines):
        widths = sorted({len(line) - 1 for line in odd})
        raise SourceUnreadable(
            f"source {spec.id} (section {name})",
            expected=f"{len(columns)} cells after `{name};`",
            found=f"{len(odd)} lines out of {len(lines)} with {', '.join(map(str, widths))} cells",
            remedy=f"if the producer added columns, list them in order in columns.{name} of source {spec.id}",
        )
    for number, *cells in odd:
        issues.add(
            record=f"ligne {number}",
            column="*",
            value=f"{len(cells)} cellules",
            rule="ligne-decalee",
            reason=f"Ligne de {len(cells)} cellules au lieu de {len(columns)} : mise de côté, "
            "on ne sait pas à quelle colonne appartient chaque cellule.",
            severity="erreur",
        )
    rows = [line[1:] for line in lines if len(line) - 1 == len(columns)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    # `clean` as an expression: three million cells.
    tidy = pl.all().str.normalize("NFC").str.replace_all(r"[\s\u{a0}\u{202f}]+", " ").str.strip_chars()
    known = ~pl.all().str.to_lowercase().is_in(list(PLACEHOLDERS))
    return frame.select(tidy).select(pl.when(known).then(pl.all())), len(lines)


def _records(establishments: pl.DataFrame, places: pl.DataFrame, issues: IssueLog) -> pl.DataFrame:
    first_place = places.drop("datemaj").unique("nofinesset", keep="first", maintain_order=True)
    placed = _degrees(establishments.join(first_place, on="nofinesset", how="left", maintain_order="left"), issues)
    overseas = pl.col("departement").is_in(list(OVERSEAS))
    commune = pl.col("commune").str.zfill(3)
    street = pl.concat_str("numvoie", "compvoie", "typvoie", "voie", separator=" ", ignore_nulls=True)
    complements = pl.concat_list("complrs", "compldistrib", "lieuditbp").list.drop_nulls()
    columns = {
        "id_source": pl.col("nofinesset"),
        "nom": pl.coalesce("rslongue", "rs"),
        "codes_type": pl.when(pl.col("categetab").is_not_null()).then(pl.concat_list("categetab")),
        "siret": pl.col("siret"),
        "adresse": pl.when(street != "").then(street),
        "complement": pl.when(complements.list.len() > 0).then(complements.list.join(", ")),
        "code_postal": pl.col("ligneacheminement").str.extract(r"^(\d{5})\b"),
        "commune": pl.col("ligneacheminement").str.replace(r"^\d{5}\s+", ""),
        "code_insee": pl.when(overseas).then(pl.lit("97") + commune).otherwise(pl.col("departement") + commune),
        "longitude": pl.col("longitude"),
        "latitude": pl.col("latitude"),
        "precision_geo": pl.col("precision_geo"),
        "telephone": pl.col("telephone"),
        "date_maj": pl.col("datemaj").str.to_date("%Y-%m-%d", strict=False),
        "id_finess": pl.col("nofinesset"),
    }
    return placed.select(
        columns.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in RECORD_SCHEMA.items()
    )


def _degrees(placed: pl.DataFrame, issues: IssueLog) -> pl.DataFrame:
    """Add `longitude, latitude, precision_geo`.

    The reference system is the one `sourcecoordet` names (`EPSG:5490 …`), else the legal one of the département. Where
    neither is known the position is set aside.
    """
    stated = pl.col("sourcecoordet").str.extract(_EPSG).cast(pl.Int64)
    legal = pl.col("departement").map_elements(_legal_epsg, return_dtype=pl.Int64)
    epsg = pl.when(stated.is_null()).then(legal).when(stated.is_in(list(_READABLE))).then(stated)
    numbers = (pl.col("coordxet", "coordyet").str.replace(",", ".", literal=True).cast(pl.Float64, strict=False),)
    frame = placed.with_columns(*numbers, epsg=epsg)
    issues.add_rows(
        frame.filter(pl.col("epsg").is_null() & pl.col("coordxet").is_not_null()),
        record="nofinesset",
        column="sourcecoordet",
        rule="projection-inconnue",
        reason="Système de coordonnées inconnu pour ce territoire : position mise de côté.",
    )
    frame = to_degrees(frame, x="coordxet", y="coordyet", epsg="epsg")
    origin = pl.col("sourcecoordet").fill_null("origine non précisée")
    precision = pl.format("{} (converti de EPSG:{})", origin, "epsg")
    return frame.with_columns(precision_geo=pl.when(pl.col("longitude").is_not_null()).then(precision))


def _legal_epsg(departement: str) -> int | None:
    """Projected system of a FINESS département code; None for the territories that have none here (Wallis: 9J)."""
    if _MAINLAND.fullmatch(departement):
        return epsg_of_departement(departement)
    return epsg_of_departement(OVERSEAS[departement]) if departement in OVERSEAS else None
