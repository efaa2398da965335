"""Why a line of any table but those of counters is there: by what it refers to, else by the inputs of its table that
moved. The rules in words are in docs/methode.md, « Ce qui change ».
"""

import polars as pl

from assets.release.changes.compare import ADDED, REMOVED
from assets.release.changes.evidence import Evidence
from assets.release.changes.lines import Lines
from assets.release.changes.rules import BETWEEN, Rule, decide, link_rules, listed, with_witness
from assets.release.changes.settings import CORRECTION, METHOD, OFFRE, PERIMETER, REASONS, SOURCE, UNKNOWN
from assets.release.changes.touched import (
    COMMUNE,
    COUNTER,
    HALL,
    HOURS,
    PLACE,
    SERVICE_ID,
    TYPOLOGY,
    cell_of,
    column_or_row,
    refer,
)


def explain_others(lines: Lines, evidence: Evidence, things: pl.DataFrame) -> pl.DataFrame:
    """The rows of `lines`, of any table but those of counters, with `raison` and `detail`.

    Args:
        things: what is known to be touched, in `TOUCHED_SCHEMA`.
    """
    settings = evidence.settings
    rows = lines.rows
    references = [name for name in (SERVICE_ID, COUNTER, PLACE) if lines.has(name)]
    rows = with_witness(rows, evidence)
    rows = refer(rows, lines, things, [(COMMUNE, COMMUNE)], "_commune")
    cells = [(name, cell_of(name)) for name in references if name != SERVICE_ID]
    rows = refer(rows, lines, things, cells, "_cell", suffix=column_or_row())
    rows = refer(rows, lines, things, cells, "_row", suffix=pl.lit(""))
    rows = refer(rows, lines, things, [(name, name) for name in references], "_reference")
    kinds = (TYPOLOGY, HOURS) if lines.table in settings.horaires.tables else (TYPOLOGY,)
    rows = refer(rows, lines, things, [(TYPOLOGY, kind) for kind in kinds], "_typology")
    rows = refer(rows, lines, things, [(COMMUNE, HALL)], "_hall")
    departure = [
        pl.lit(lines.cell(rows, column, side)).is_in(settings.depart.valeurs)
        for column in settings.depart.colonnes
        if lines.has(column)
        for side in ("_b", "_a")
    ]
    from_hall = pl.any_horizontal(pl.lit(value=False), *departure)
    whole_row = pl.col("changement").is_in([ADDED, REMOVED])
    there = (
        pl.when(pl.col("changement") == REMOVED)
        .then(~pl.col("departement").is_in(list(evidence.after.perimetre)))
        .otherwise(~pl.col("departement").is_in(list(evidence.before.perimetre)))
    )
    nowhere = pl.col("departement").is_null() & pl.lit(evidence.perimeter_changed)
    general = _general(lines.table, evidence, named=bool(references) or lines.has(TYPOLOGY))
    rules: list[Rule] = [
        (whole_row & (there | nowhere), PERIMETER, "les départements couverts ne sont pas les mêmes"),
        (whole_row & pl.col("_commune").is_not_null(), pl.col("_commune"), pl.col("_commune_detail")),
        (
            pl.col("colonne").is_in(list(settings.colonnes)) & pl.lit(bool(evidence.moved - {OFFRE, CORRECTION})),
            pl.col("colonne").replace_strict(dict(settings.colonnes), default=None, return_dtype=pl.String),
            "",
        ),
        (
            pl.col("colonne").is_in(list(settings.suivi)) & pl.lit(bool(evidence.moved)),
            _news(evidence),
            "nouvelle édition",
        ),
        *link_rules(evidence),
        *(
            (pl.col(name).is_not_null(), pl.col(name), pl.col(f"{name}_detail"))
            for name in ("_cell", "_row", "_reference")
        ),
        (from_hall & pl.col("_hall").is_not_null(), pl.col("_hall"), pl.format("départ, {}", "_hall_detail")),
        (
            pl.col("colonne").is_in(list(settings.historique)) & pl.col("_typology").is_null(),
            OFFRE,
            "depuis les versions précédentes",
        ),
    ]
    # Nothing points at one counter: the inputs that moved, and the counters of the typology if some did.
    told = [*map(pl.lit, general), pl.when(nowhere).then(pl.lit(PERIMETER))]
    if not references:
        told.append(pl.col("_typology"))
    listed = pl.concat_str(told, separator=BETWEEN, ignore_nulls=True).replace("", None)
    # Where a counter is named and has not moved, others of its typology may still explain: two at the same distance.
    reason = pl.coalesce(listed, "_typology", pl.lit(UNKNOWN))
    decided = decide(rows, rules, reason, pl.col("_typology_detail").fill_null(""))
    return decided.select(*lines.rows.columns, "raison", "detail")


def _news(evidence: Evidence) -> str:
    """The inputs that moved, counters as `source`: what dates and vintages follow."""
    return listed(SOURCE if family == OFFRE else family for family in evidence.moved)


def _families(table: str, evidence: Evidence) -> frozenset[str]:
    """What the table is made from."""
    return frozenset(evidence.settings.tables.get(table, [r for r in REASONS if r != SOURCE]))


def general_reason(table: str, evidence: Evidence) -> str:
    """The inputs of a table that moved, for lines that are not looked at one by one."""
    return listed(_general(table, evidence, named=False)) or UNKNOWN


def _general(table: str, evidence: Evidence, *, named: bool) -> list[str]:
    """The inputs of a table that moved, code included. Its counters are not among them where its lines name them, or
    their typology (`named`): they would be known to be touched."""
    families = _families(table, evidence)
    moved = set(evidence.moved & families)
    if named:
        moved.discard(OFFRE)
    if SOURCE in families and OFFRE in evidence.moved:
        moved.add(SOURCE)
    if evidence.code_changed:
        moved.add(METHOD)
    return [reason for reason in REASONS if reason in moved]
