"""Tables of figures by commune (or by another territory) -> one row per territory and measure, with what silence means.

One reader for every table: what differs from one to the next is data (`listes/*.yml`, see this folder's README). Codes
stay those of the file: bringing communes to the current geography, and adding figures up, is `assets.territories`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipeline.foundations.codes import COMMUNE_PATTERN
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issue_summary import add_some
from pipeline.foundations.issues import IssueLog
from sources.contexte.mapping import COMMUNE, Held, ListOptions, Long, Measure, held_measures, ignored, options_of
from sources.contexte.tables import Table, open_table
from sources.reading import ReadResult, check_columns
from sources.spec import Columns, SourceSpec

#: What is known of a value. `SECRET`: the producer keeps it, because too few people are behind it.
PUBLISHED, SECRET, UNAVAILABLE = "publié", "secret statistique", "non disponible"

#: Table `mesures`. `valeur` for figures, `texte` for words; both null when `statut` is not `PUBLISHED`.
SCHEMA = pl.Schema(
    {
        "niveau": pl.String(),
        "code": pl.String(),
        "mesure": pl.String(),
        "valeur": pl.Float64(),
        "texte": pl.String(),
        "statut": pl.String(),
        "millesime": pl.String(),
    }
)


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read one table of figures.

    Args:
        files: snapshot file of each resource; several are the parts of one table.
        spec: the list's declaration; its `options` are a `sources.contexte.mapping.ListOptions`.

    Returns:
        One table, "mesures", in `SCHEMA`, sorted by level, code, then measure as declared.

    Raises:
        WrongUse: options this reader does not understand.
        SourceUnreadable: a file is not as declared, lacks a column, has no usable row, or numbers in another notation.
    """
    options = options_of(spec)
    issues = IssueLog(spec.id)
    parts, read_count, left_out = [], 0, 0
    for resource in spec.resources:
        if resource.id not in files:
            continue
        subject = f"source {spec.id} ({resource.id})"
        limit = (resource.max_unpacked_mb or resource.max_mb) * 1_000_000
        table = open_table(files[resource.id], options, subject, issues, max_unpacked=limit)
        rows = _rows(table, options, spec, subject, issues)
        read_count += rows.read
        left_out += rows.left_out
        coded = _coded(rows.frame, issues)
        parts.append(_measures(coded, rows.held, options, spec.millesime, table.decimals, subject, issues))
    frame = pl.concat(parts) if parts else pl.DataFrame(schema=SCHEMA)
    if frame.is_empty():
        raise SourceUnreadable(
            f"source {spec.id}",
            expected="at least one territory with its figures",
            found=f"{read_count} rows, none usable",
            remedy="open the file; if the producer changed its content, update the list's options",
        )
    first = pl.struct("niveau", "code", "mesure").is_first_distinct()
    _tell_twice(frame.filter(~first), "code", issues)
    rank = pl.col("mesure").replace_strict({name: i for i, name in enumerate(options.mesures)}, return_dtype=pl.Int32)
    frame = frame.filter(first).sort("niveau", "code", rank)
    vintages = frame["millesime"].drop_nulls().unique().sort().to_list()
    return ReadResult(
        {"mesures": frame},
        issues.frame(),
        read_count,
        millesime=vintages[-1] if vintages else None,
        notes=(f"{left_out} ligne(s) d’un autre niveau, d’une autre date ou d’un autre objet",) if left_out else (),
    )


# --- which rows ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """The rows kept of a file: `niveau`, `_code` and the column of each measure held.

    `read` counts the rows of the file, `left_out` those of another level, date or object.
    """

    frame: pl.DataFrame
    held: Mapping[str, Held]
    read: int
    left_out: int


def _rows(table: Table, options: ListOptions, spec: SourceSpec, subject: str, issues: IssueLog) -> _Rows:
    code = next((name for name in options.code if name in table.header), None)
    missing = [name for name in (code or options.code[0], *options.rows_columns) if name not in table.header]
    if missing or code is None:
        raise SourceUnreadable(
            subject,
            expected=f"column(s) {', '.join(missing)}",
            found=f"columns {', '.join(table.header[:20])}" + (" …" if len(table.header) > 20 else ""),
            remedy="if the producer renamed them, update the list's options",
        )
    keys = (code, *options.rows_columns)
    held = {} if options.longue else held_measures(options, table.header, subject)
    used = tuple(dict.fromkeys((*keys, *(h.column for h in held.values()))))
    check_columns(
        spec, "options", Columns(expected=used, ignored=tuple(ignored(options, table.header))), table.header, issues
    )
    frame = table.read(used)
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    count = frame.height
    frame = frame.with_columns(pl.col(name).cast(pl.String).str.strip_chars() for name in keys)
    for column, kept in options.lignes.items():
        frame = frame.filter(pl.col(column).is_in(kept))
    dated: str | None = None
    if options.derniere:
        latest = frame[options.derniere].drop_nulls().max()
        frame = frame.filter(pl.col(options.derniere) == pl.lit(latest, dtype=pl.String))
        dated = None if latest is None else str(latest)[:4]
    level = pl.lit(COMMUNE)
    if options.colonne_niveau:
        level = pl.col(options.colonne_niveau).replace_strict(options.niveaux, default=None, return_dtype=pl.String)
    frame = frame.with_columns(level.alias("niveau"), pl.col(code).alias("_code"))
    frame = frame.filter(pl.col("niveau").is_not_null())
    if options.longue:
        held = held_measures(options, frame[options.longue.mesure].drop_nulls().unique().to_list(), subject)
        frame = frame.filter(pl.col(options.longue.mesure).is_in([h.column for h in held.values()]))
    if dated:
        held = {name: Held(h.column, h.vintage or dated) for name, h in held.items()}
    left_out = count - frame.height
    if options.longue:
        frame = _wide(frame, options.longue, sorted({h.column for h in held.values()}), issues)
    return _Rows(frame, held, count, left_out)


def _wide(frame: pl.DataFrame, long: Long, columns: list[str], issues: IssueLog) -> pl.DataFrame:
    """A long file as one row per territory, its figures as text; a figure under secrecy is the word of secrecy."""
    first = pl.struct("niveau", "_code", long.mesure).is_first_distinct()
    _tell_twice(frame.filter(~first), "_code", issues)
    value = pl.col(long.valeur).cast(pl.String)
    for column, words in long.secret.items():
        value = pl.when(pl.col(column).is_in(words)).then(pl.lit(_KEPT)).otherwise(value)
    return (
        frame.filter(first)
        .with_columns(value.alias("_value"))
        .pivot(long.mesure, on_columns=columns, index=["niveau", "_code"], values="_value", maintain_order=True)
    )


def _tell_twice(rows: pl.DataFrame, record: str, issues: IssueLog) -> None:
    add_some(
        issues,
        rows.unique(["niveau", record], keep="first", maintain_order=True),
        record=record,
        column="code",
        value=record,
        rule="territoire-double",
        reason="Territoire déjà lu : seule sa première ligne est gardée.",
        severity="erreur",
    )


#: Stands in a long file for a figure that another column says is secret; no producer writes it.
_KEPT = "\x00secret"


# --- which territory -----------------------------------------------------------------------------------------------


def _coded(rows: pl.DataFrame, issues: IssueLog) -> pl.DataFrame:
    """Rows with their `code`; those of communes have the form of one, else they are set aside."""
    told = pl.col("_code").str.to_uppercase().str.replace(r"\.0$", "")
    commune = pl.col("niveau") == COMMUNE
    short = commune & told.str.contains(r"^[1-9]\d{3}$")
    coded = rows.with_columns(
        pl.when(short).then("0" + told).when(commune).then(told).otherwise("_code").alias("code"), short.alias("_short")
    )
    add_some(
        issues,
        coded.filter("_short"),
        record="code",
        column="code",
        value="_code",
        rule="zero-initial-retabli",
        reason="Code de commune lu comme un nombre : son zéro initial est rétabli.",
        severity="info",
    )
    readable = pl.when(commune).then(pl.col("code").str.contains(COMMUNE_PATTERN)).otherwise(pl.col("code") != "")
    readable = readable.fill_null(False)
    add_some(
        issues,
        coded.filter(~readable),
        record="_code",
        column="code",
        value="_code",
        rule="code-illisible",
        reason="Code de territoire absent ou illisible : ligne mise de côté.",
        severity="erreur",
    )
    return coded.filter(readable)


# --- which values --------------------------------------------------------------------------------------------------


def _measures(
    rows: pl.DataFrame,
    held: Mapping[str, Held],
    options: ListOptions,
    vintage: str | None,
    decimals: tuple[str, ...],
    subject: str,
    issues: IssueLog,
) -> pl.DataFrame:
    """The rows in `SCHEMA`, measure after measure; `vintage` is that of columns whose name bears none."""
    parts = [pl.DataFrame(schema=SCHEMA)]
    for name, found in held.items():
        measure = options.mesures[name]
        judged = _silences(rows, found.column, options)
        if measure.nature == "texte":
            judged = _words(judged, measure)
        else:
            judged = _numbers(judged, measure, decimals)
        _tell(judged, found.column, measure, subject, issues)
        unknown = pl.col("_fault").is_not_null()
        parts.append(
            judged.select(
                "niveau",
                "code",
                pl.lit(name).alias("mesure"),
                pl.when(~unknown).then("valeur").alias("valeur"),
                pl.when(~unknown).then("texte").alias("texte"),
                pl.when("_secret")
                .then(pl.lit(SECRET))
                .when(unknown)
                .then(pl.lit(UNAVAILABLE))
                .otherwise(pl.lit(PUBLISHED))
                .alias("statut"),
                pl.lit(found.vintage or vintage, dtype=pl.String).alias("millesime"),
            )
        )
    return pl.concat(parts)


def _silences(rows: pl.DataFrame, column: str, options: ListOptions) -> pl.DataFrame:
    """`niveau, code, _told` (text), `_secret`, and `_fault` where nothing is told."""
    told = pl.col(column)
    if rows.schema[column].is_float():
        told = told.fill_nan(None)
    told = told.cast(pl.String).str.strip_chars()
    empty = told.is_null() | (told == "")
    secret = told.is_in([_KEPT, *options.secret]).fill_null(False)
    if options.vide == "secret":
        secret = secret | empty
    silent = empty | told.is_in(options.absent).fill_null(False)
    return rows.select(
        "niveau",
        "code",
        told.alias("_told"),
        secret.alias("_secret"),
        pl.when(secret).then(pl.lit("secret")).when(silent).then(pl.lit("valeur-absente")).alias("_fault"),
    )


def _numbers(judged: pl.DataFrame, measure: Measure, decimals: tuple[str, ...]) -> pl.DataFrame:
    text = pl.col("_told")
    if "." not in decimals:
        # A point would then be a separator of thousands, or of nothing known: not a number.
        text = pl.when(~text.str.contains(".", literal=True)).then(text)
    if "," in decimals:
        text = text.str.replace(",", ".", literal=True)
    value = text.cast(pl.Float64, strict=False)
    low, high = measure.bounds
    negative = measure.nature == "effectif" and measure.min is None
    outside = pl.lit("effectif-negatif" if negative else "valeur-hors-bornes")
    fault = (
        pl.when(value.is_null() | ~value.is_finite())
        .then(pl.lit("valeur-illisible"))
        .when((value < low) | (value > high))
        .then(outside)
    )
    return judged.with_columns(
        value.alias("valeur"),
        pl.lit(None, dtype=pl.String).alias("texte"),
        pl.coalesce("_fault", fault).alias("_fault"),
    )


def _words(judged: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    text = pl.col("_told")
    if measure.valeurs:
        text = text.replace_strict(measure.valeurs, default=None, return_dtype=pl.String)
    return judged.with_columns(
        pl.lit(None, dtype=pl.Float64).alias("valeur"),
        text.alias("texte"),
        pl.coalesce("_fault", pl.when(text.is_null()).then(pl.lit("mot-inconnu"))).alias("_fault"),
    )


def _tell(judged: pl.DataFrame, column: str, measure: Measure, subject: str, issues: IssueLog) -> None:
    """Say every value that is not used, secrecy aside; refuse a column most of which cannot be read.

    Raises:
        SourceUnreadable: most of what the column tells is not a number: the notation is another one.
    """
    low, high = measure.bounds
    reasons = {
        "valeur-absente": "Valeur absente : elle est inconnue, jamais 0.",
        "valeur-illisible": "Ce n’est pas un nombre : valeur inconnue.",
        "effectif-negatif": "Effectif négatif : valeur inconnue.",
        "valeur-hors-bornes": f"Valeur hors des bornes déclarées (de {low:g} à {high:g}) : elle est inconnue.",
        "mot-inconnu": "Mot absent de la déclaration (`valeurs`) : il n’est pas lu.",
    }
    told = judged.filter(pl.col("_fault").is_null() | ~pl.col("_fault").is_in(["secret", "valeur-absente"]))
    unreadable = told.filter(pl.col("_fault") == "valeur-illisible")
    if 2 * unreadable.height > told.height:
        raise SourceUnreadable(
            f"{subject}, column {column}",
            expected="numbers in the declared notation",
            found=f"{unreadable['_told'][0]!r}, and {unreadable.height - 1} others out of {told.height}",
            remedy="write `decimale`, `secret` and `absent` as the file does, in the list's options",
        )
    for rule, reason in reasons.items():
        add_some(
            issues,
            judged.filter(pl.col("_fault") == rule),
            record="code",
            column=column,
            value="_told",
            rule=rule,
            reason=reason,
        )
