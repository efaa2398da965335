"""The whole diff of two releases, table by table: every line with its reason. Comparing is `compare`, explaining is
`counter_reasons` and `other_reasons`; files are `write`.

A table that changed on more than `lignes_max` lines is summed up: one line per département, kind of change and column,
`lignes` saying how many it stands for. So is one that only one of the two releases publishes, or whose key changed.
"""

from collections.abc import Iterator

import polars as pl

from assets.release.changes.compare import ADDED, CHANGED, LINK_SCHEMA, REMOVED, RENAMED, Comparison, compare
from assets.release.changes.counter_reasons import explain_counters
from assets.release.changes.counters import TABLES
from assets.release.changes.edition import Edition
from assets.release.changes.evidence import Evidence
from assets.release.changes.lines import Lines, departements
from assets.release.changes.other_reasons import explain_others, general_reason
from assets.release.changes.settings import METHOD, reason_settings
from assets.release.changes.touched import sum_up, touched, touched_communes, touched_outside
from quality.contract import all_contracts
from quality.variation import load_thresholds

#: The contract of the diff, and its columns.
TABLE = "release__diff"
_COMMUNES = "territories__communes"


def differences(before: Edition, after: Edition) -> pl.DataFrame:
    """What changed from one release to the other, following the contract `release__diff`, in its order.

    Raises:
        QualityRefused: two rows of a table share their key.
    """
    evidence = Evidence(before, after, reason_settings(), load_thresholds())
    parts: list[pl.DataFrame] = []
    things = [touched_outside(evidence)]
    for name in _in_order(before, after):
        whole = _declared(name, before, after)
        parts.append(whole)
        if not comparable(name, before, after):
            continue
        compared = compare(before.state(name), after.state(name), evidence.links.select(LINK_SCHEMA.names()))
        if compared.size > evidence.settings.lignes_max:
            parts.append(_summed(name, compared, evidence))
            continue
        if not compared.size:
            continue
        lines = Lines.of(name, compared)
        if name in TABLES:
            explained = explain_counters(lines, evidence, sum_up(things))
            things.append(touched(lines, explained, evidence))
        else:
            explained = explain_others(lines, evidence, sum_up(things))
            if name == _COMMUNES:
                things.append(touched_communes(explained))
        parts.append(_told(name, explained))
    contract = all_contracts()[TABLE]
    empty = pl.DataFrame(schema=contract.polars_schema)
    told = pl.concat([empty, *parts]).sort(contract.key, nulls_last=True, maintain_order=True)
    return contract.conform(told)


def comparable(name: str, before: Edition, after: Edition) -> bool:
    """Whether a table is told row by row: published by both under one key, and not among those that are not."""
    old, new = before.tables.get(name), after.tables.get(name)
    return old is not None and new is not None and old.key == new.key and name not in reason_settings().sans_detail


def _in_order(before: Edition, after: Edition) -> list[str]:
    """Counters first, then communes: the others are explained by them."""
    names = list(dict.fromkeys([*after.tables, *before.tables]))
    first = [*TABLES, _COMMUNES]
    return [n for n in first if n in names] + [n for n in names if n not in first]


def _declared(name: str, before: Edition, after: Edition) -> pl.DataFrame:
    """What changed in the declaration of a table: one line for a table, or for a column, that came or left."""
    old, new = before.tables.get(name), after.tables.get(name)
    rows: list[tuple[str, str | None, str, int]] = []
    if old is None or new is None or old.key != new.key:
        said = "la clé de la table a changé" if old and new else f"table {'retirée' if old else 'nouvelle'}"
        rows += [(REMOVED, None, said, before.height(name))] if old else []
        rows += [(ADDED, None, said, after.height(name))] if new else []
    else:
        was, now = ({c.nom for c in shape.columns} for shape in (old, new))
        rows += [(REMOVED, column, "colonne retirée", 0) for column in sorted(was - now)]
        rows += [(ADDED, column, "colonne nouvelle", 0) for column in sorted(now - was)]
    schema = {"changement": pl.String, "colonne": pl.String, "detail": pl.String, "lignes": pl.Int64}
    return _shaped(name, pl.DataFrame(rows, schema=schema, orient="row").with_columns(raison=pl.lit(METHOD)))


def _told(name: str, explained: pl.DataFrame) -> pl.DataFrame:
    return _shaped(name, explained.drop("_b", "_a").with_columns(lignes=pl.lit(1, dtype=pl.Int64)))


def _summed(name: str, compared: Comparison, evidence: Evidence) -> pl.DataFrame:
    """The lines of a table that changed nearly everywhere, by département, kind of change and column."""
    before, after = departements(compared.before), departements(compared.after)

    def parts() -> Iterator[pl.DataFrame]:
        yield _counted(before.gather(compared.removed), REMOVED, None)
        yield _counted(after.gather(compared.added), ADDED, None)
        yield _counted(after.gather(compared.links["_a"]), RENAMED, None)
        for column, rows in compared.cells.items():
            yield _counted(after.gather(rows["_a"]), CHANGED, column)

    counted = pl.concat(parts()).with_columns(
        raison=pl.lit(general_reason(name, evidence)),
        detail=pl.lit("trop de lignes pour les donner une à une"),
    )
    return _shaped(name, counted)


def _counted(where: pl.Series, word: str, column: str | None) -> pl.DataFrame:
    counts = where.alias("departement").to_frame().group_by("departement").agg(lignes=pl.len().cast(pl.Int64))
    return counts.with_columns(changement=pl.lit(word), colonne=pl.lit(column, dtype=pl.String))


def _shaped(name: str, lines: pl.DataFrame) -> pl.DataFrame:
    schema = all_contracts()[TABLE].polars_schema
    absent = [pl.lit(None, dtype=t).alias(n) for n, t in schema.items() if n not in lines.columns]
    return lines.with_columns(absent).with_columns(table=pl.lit(name)).select(schema.names()).cast(schema)
