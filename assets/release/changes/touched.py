"""What explained changes touch, that the lines of other tables refer to: a distance, by its nearest service; a place,
by the counters it holds; a mean, by its typology. Explaining those other tables is `other_reasons`.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from assets.referentiel.identity import ACTIVE, SERVICE
from assets.referentiel.typology import typologies
from assets.release.changes.compare import ADDED, CHANGED, REMOVED
from assets.release.changes.counters import HOSTED
from assets.release.changes.evidence import Evidence
from assets.release.changes.lines import Lines
from assets.release.changes.rules import BETWEEN, in_order, other_input
from assets.release.changes.settings import OFFRE
from outputs.flat import SEPARATOR

#: `sorte`: what is touched, mostly the column others refer to it by; `valeur`: which one.
TOUCHED_SCHEMA = pl.Schema({"sorte": pl.String(), "valeur": pl.String(), "raison": pl.String(), "detail": pl.String()})

SERVICE_ID, COUNTER, PLACE = "service_id", "point_accueil_id", "lieu_id"
TYPOLOGY, COMMUNE, HALL = "typologie", "code_insee", "mairie"
HOURS = "typologie, horaires"
_TYPOLOGY_COLUMNS = ("service_typologie", "permanence_typologie")


def touched(lines: Lines, explained: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """What the explained lines of a table of counters touch, in `TOUCHED_SCHEMA`.

    What is measured from where counters are (services, typologies, mairies) is touched by those that came, left or
    moved; what is measured from when they are open, by those whose hours changed; the place and the counter itself, by
    anything but the life of the feeds.
    """
    settings = evidence.settings
    word = pl.when(pl.col("changement") == CHANGED).then("colonne").otherwise("changement")
    told = explained.with_columns(detail=pl.format("{} : {}", "identifiant", word))
    content = told.filter(~pl.col("colonne").is_in(settings.suivi).fill_null(value=False))
    position = (*settings.position, *_TYPOLOGY_COLUMNS)
    moves = told.filter((pl.col("changement") != CHANGED) | pl.col("colonne").is_in(position))
    hours = told.filter(pl.col("colonne").is_in([*settings.horaires.lus, *settings.horaires.mesures]))
    # The service of a permanence is its host, which does not come, leave nor move with it.
    parts = [] if lines.table == HOSTED else _values(lines, moves, SERVICE_ID, SERVICE_ID)
    for name in (COUNTER, PLACE):
        parts += _values(lines, content, name, name)
        # And which of its columns; a row that came or left, or a counter that changes place, touches no column alone.
        parts += _values(lines, content, name, cell_of(name), suffix=column_or_row())
    for typology in _TYPOLOGY_COLUMNS:
        parts += _values(lines, moves, typology, TYPOLOGY)
        parts += _values(lines, hours, typology, HOURS)
        for side in ("_b", "_a"):
            halls = moves.filter(lines.cell(moves, typology, side) == settings.depart.typologie)
            parts += _values(lines, halls, "lieu_code_insee", HALL)
    return sum_up(parts)


def touched_communes(explained: pl.DataFrame) -> pl.DataFrame:
    """Communes that came or left, from the explained lines of their table, in `TOUCHED_SCHEMA`."""
    rows = explained.filter(pl.col("changement").is_in([ADDED, REMOVED]))
    said = pl.format("commune {} : {}", "identifiant", "changement")
    return rows.select(sorte=pl.lit(COMMUNE), valeur="identifiant", raison="raison", detail=said).cast(TOUCHED_SCHEMA)


def touched_outside(evidence: Evidence) -> pl.DataFrame:
    """Services and typologies touched by counters that neither edition publishes: measures cross borders, the registry
    is that of the whole country. In `TOUCHED_SCHEMA`."""
    old, new = (
        edition.side.memory.registry.filter((pl.col("nature") == SERVICE) & (pl.col("etat") == ACTIVE)).select(
            "id", "empreinte"
        )
        for edition in (evidence.before, evidence.after)
    )
    changed = old.join(new, on="id", how="full", coalesce=True, suffix="_now").filter(
        pl.col("empreinte").ne_missing(pl.col("empreinte_now"))
    )
    for edition in (evidence.before, evidence.after):
        changed = changed.join(edition.side.counters, left_on="id", right_on=COUNTER, how="anti")
    labels = {code: typology.libelle for code, typology in typologies().typologies.items()}
    bridges = pl.concat(edition.side.memory.bridges for edition in (evidence.before, evidence.after))
    kinds = changed.join(bridges.select("id", "typologie").unique(), on="id").with_columns(
        pl.col("typologie").replace_strict(labels, default=None, return_dtype=pl.String)
    )
    raison = pl.lit(OFFRE if OFFRE in evidence.moved else other_input(evidence)).alias("raison")
    detail = pl.lit("point d'accueil hors des départements couverts").alias("detail")
    parts = [
        changed.select(pl.lit(SERVICE_ID).alias("sorte"), pl.col("id").alias("valeur"), raison, detail),
        kinds.select(pl.lit(TYPOLOGY).alias("sorte"), pl.col("typologie").alias("valeur"), raison, detail),
    ]
    return sum_up(parts)


def cell_of(name: str) -> str:
    """The kind of thing that is one column of what `name` identifies."""
    return f"{name}, colonne"


def column_or_row() -> pl.Expr:
    """What is put after an id to say which of its columns is meant; nothing for the whole row."""
    return pl.when(pl.col("colonne") != PLACE).then("colonne").fill_null("")


def _values(
    lines: Lines, rows: pl.DataFrame, column: str, kind: str, suffix: pl.Expr | None = None
) -> list[pl.DataFrame]:
    """The values of a column in the rows of some lines, before and after, as touched things of that kind."""
    found = []
    for side in ("_b", "_a"):
        frame = rows.with_columns(lines.cell(rows, column, side).alias("valeur"), sorte=pl.lit(kind))
        if suffix is not None:
            frame = frame.with_columns(pl.concat_str("valeur", suffix, separator=SEPARATOR))
        found.append(frame.select(TOUCHED_SCHEMA.names()).cast(TOUCHED_SCHEMA))
    return found


def sum_up(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row per thing touched, whatever the tables: every reason, and one example. In `TOUCHED_SCHEMA`."""
    rows = pl.concat([pl.DataFrame(schema=TOUCHED_SCHEMA), *parts]).drop_nulls("valeur")
    summed = rows.group_by("sorte", "valeur").agg(
        raison=pl.col("raison").unique().sort().str.join(BETWEEN), detail=pl.col("detail").min()
    )
    return summed.with_columns(in_order(summed["raison"])).sort("sorte", "valeur")


def refer(
    rows: pl.DataFrame,
    lines: Lines,
    things: pl.DataFrame,
    columns: Sequence[tuple[str, str]],
    name: str,
    suffix: pl.Expr | None = None,
) -> pl.DataFrame:
    """Add `name` and `<name>_detail`: the reasons of the touched things that some columns refer to, before and after.

    Args:
        columns: a column of the table, and the kind of thing it refers to.
        suffix: what to add to its values to have those of that kind.
    """
    found, said = [], []
    for column, kind in columns:
        of_kind = things.filter(pl.col("sorte") == kind).select("valeur", "raison", "detail")
        for side in ("_b", "_a"):
            values = rows.select("colonne", lines.cell(rows, column, side).alias("valeur"))
            if suffix is not None:
                values = values.with_columns(pl.concat_str("valeur", suffix, separator=SEPARATOR))
            joined = values.join(of_kind, on="valeur", how="left", maintain_order="left")
            found.append(joined["raison"])
            said.append(joined["detail"])
    if not found:
        nothing = pl.lit(None, dtype=pl.String)
        return rows.with_columns(nothing.alias(name), nothing.alias(f"{name}_detail"))
    reasons = pl.select(pl.concat_str([pl.lit(s) for s in found], separator=BETWEEN, ignore_nulls=True)).to_series()
    return rows.with_columns(
        reasons.replace("", None).alias(name),
        pl.select(pl.coalesce([pl.lit(s) for s in said])).to_series().alias(f"{name}_detail"),
    )
