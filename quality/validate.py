"""Running the contracts' rules on the tables with Great Expectations, and saying what came out.

Great Expectations has no polars engine: each table is handed over as an Arrow-backed pandas frame (no copy, and eight
times faster there than NumPy-backed columns). Only counts come back from it; the examples shown to people are read
from the polars frame. Rules come from `quality.suites`, the static site from
`quality.data_docs`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from quality.contract import Contract
from quality.data_docs import PART, DataDocs, publish, run_id
from quality.results import MAX_EXAMPLES, Example, RuleResult, number, percent, plural, shorten
from quality.suites import Rule, expectation_suite, rules_of, typed_name

__all__ = ["DataDocs", "Example", "RuleResult", "validate_tables"]

Table = Path | pl.DataFrame
#: Name of a suite, its rules and the rows -> by rule, what Great Expectations found.
Judge = Callable[[str, Sequence[Rule], pl.DataFrame], Iterator[tuple[str, Any]]]
_SOURCE = "tables"
_COLUMNS_AT_ONCE, _CELLS_AT_ONCE = 12, 10_000_000  # of a batch


def validate_tables(
    tables: Mapping[str, Table],
    contracts: Mapping[str, Contract],
    *,
    data_docs: DataDocs | None = None,
) -> list[RuleResult]:
    """Judge every table that has a contract here.

    Args:
        tables: by name, a frame, a Parquet file, or a folder of Parquet files (one per département). A table without
            contract is not judged; it can be the target of foreign keys.
        contracts: by table name, those to judge. One without its table gives a blocking `erreur`.
        data_docs: also write the Great Expectations site there.

    Returns:
        One result per rule, in the order of the contracts and of their rules. A rule that could not be evaluated is an
        `erreur`, always blocking, never confused with a rule that failed.

    Raises:
        WrongUse: a contract holds a constraint without sense (see `suites.rules_of`).
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    references = _References(tables)
    # One batch definition for all: declaring one writes the whole configuration out, and a source keeps every batch.
    given = context.data_sources.add_pandas(_SOURCE).add_dataframe_asset("table")
    batch = given.add_batch_definition_whole_dataframe("lot")

    def judge(suite_name: str, part: Sequence[Rule], rows: pl.DataFrame) -> Iterator[tuple[str, Any]]:
        """Each rule of the part, and what Great Expectations found."""
        suite = context.suites.add(expectation_suite(suite_name, part))
        validation = gx.ValidationDefinition(name=suite_name, data=batch, suite=suite)
        outcome = context.validation_definitions.add(validation).run(
            batch_parameters={"dataframe": rows.to_pandas(use_pyarrow_extension_array=True)},
            result_format="BASIC",
            run_id=run_id(data_docs) if data_docs else None,
        )
        return ((r.expectation_config.meta["regle"], r) for r in outcome.results if r.expectation_config)

    results: list[RuleResult] = []
    for contract in contracts.values():
        results += _table_results(contract, tables, references, judge)
    if data_docs:
        publish(context, data_docs, contracts)
    return results


def _table_results(
    contract: Contract, tables: Mapping[str, Table], references: "_References", judge: Judge
) -> list[RuleResult]:
    """Those of one table, which is read here and let go."""
    rules = rules_of(contract)
    try:
        frame = _load(tables[contract.table])
    except (KeyError, OSError, pl.exceptions.PolarsError) as error:
        return [_unreadable(contract, error)]
    batch, unavailable = _with_computed(frame, rules, references)
    found: dict[str, Any] = {}
    for rank, part in enumerate(_parts(rules, frame.height), start=1):
        suite_name = contract.table if rank == 1 else f"{contract.table}{PART}{rank}"
        judged = batch.select(_columns_of(part, batch)) if rank > 1 else _typed(frame, contract)
        found |= judge(suite_name, part, judged)
    return [_result(rule, found.get(rule.regle), frame, batch, contract, unavailable) for rule in rules]


def _parts(rules: Sequence[Rule], rows: int) -> list[list[Rule]]:
    """The rules of a table in parts: those on its columns and rows, then those of a few columns at a time.

    Great Expectations copies every column of a batch for each rule: on a table of a hundred columns, a batch of a few
    at a time takes a tenth of the time. Of a table of millions of rows, a batch of one column is already large.
    """
    whole = [rule for rule in rules if "column" not in rule.arguments]
    by_column: dict[str, list[Rule]] = {}
    for rule in rules:
        if "column" in rule.arguments:
            by_column.setdefault(rule.arguments["column"], []).append(rule)
    columns = list(by_column.values())
    most = min(_COLUMNS_AT_ONCE, max(1, _CELLS_AT_ONCE // max(1, rows)))
    some = (columns[i : i + most] for i in range(0, len(columns), most))
    return [whole, *(list(chain.from_iterable(part)) for part in some)]


def _typed(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """As many rows, each column named with its type: of a table as a whole, rules look at no value."""
    names = [typed_name(contract, name, dtype) for name, dtype in frame.schema.items()]
    return pl.DataFrame({name: pl.repeat(None, frame.height, dtype=pl.Boolean, eager=True) for name in names})


def _columns_of(rules: Iterable[Rule], batch: pl.DataFrame) -> list[str]:
    """Columns of the batch that those rules look at; one that is missing makes its rule say so."""
    wanted = dict.fromkeys(rule.arguments["column"] for rule in rules)
    return [name for name in wanted if name in batch.columns]


@dataclass
class _References:
    """Distinct values of columns of other tables, read once each."""

    tables: Mapping[str, Table]
    _known: dict[tuple[str, str], pl.Series] = field(default_factory=dict)

    def __call__(self, table: str, column: str) -> pl.Series:
        if (table, column) not in self._known:
            self._known[table, column] = _scan(self.tables[table]).select(column).unique().collect().to_series()
        return self._known[table, column]


def _scan(table: Table) -> pl.LazyFrame:
    if isinstance(table, pl.DataFrame):
        return table.lazy()
    files = sorted(table.rglob("*.parquet")) if table.is_dir() else [table]
    return pl.scan_parquet(files, hive_partitioning=False)


def _load(table: Table) -> pl.DataFrame:
    return _scan(table).collect()


def _with_computed(
    frame: pl.DataFrame, rules: Iterable[Rule], references: _References
) -> tuple[pl.DataFrame, dict[str, str]]:
    """The frame with the computed columns, and by rule why it cannot be evaluated.

    A column left out makes Great Expectations raise on its rule too; the reason given here is the clearer one.
    """
    columns: list[pl.Series] = []
    unavailable: dict[str, str] = {}
    for rule in rules:
        if missing := [c for c in rule.columns if c not in frame.columns]:
            unavailable[rule.regle] = f"la colonne {', '.join(missing)} manque"
        if rule.computed is None or missing:
            continue
        try:
            columns.append(frame.select(rule.computed.holds(references).alias(rule.computed.name)).to_series())
        except KeyError as error:
            unavailable[rule.regle] = f"la table {error.args[0]} n’a pas été fournie"
        except (OSError, pl.exceptions.PolarsError) as error:
            unavailable[rule.regle] = _first_line(error)
    return frame.with_columns(columns), unavailable


def _result(
    rule: Rule,
    found: Any,
    frame: pl.DataFrame,
    batch: pl.DataFrame,
    contract: Contract,
    unavailable: Mapping[str, str],
) -> RuleResult:
    raised = unavailable.get(rule.regle) or ("aucun résultat rendu" if found is None else _raised(found.exception_info))
    if raised:
        return _rule_result(
            rule,
            statut="erreur",
            gravite="blocage",
            observe=f"la règle n’a pas pu être évaluée : {raised}",
            remede="Corriger ce qui empêche l’évaluation ; une règle non évaluée bloque la publication. " + rule.remede,
        )
    details = found.result
    status = "ok" if found.success else "échec"
    if not rule.columns or "element_count" not in details:
        table_level = not rule.columns
        return _rule_result(
            rule,
            statut=status,
            gravite=rule.gravite,
            observe=_observed(rule, details, contract, frame),
            nb_valeurs=batch.height if table_level else None,
        )
    judged = details["element_count"] - details.get("missing_count", 0)
    bad = details["unexpected_count"]
    return _rule_result(
        rule,
        statut=status,
        gravite=rule.gravite,
        observe=f"{plural(bad, 'valeur')} en défaut sur {number(judged)} ({percent(bad, judged)})"
        if bad
        else f"aucune valeur en défaut sur {number(judged)}",
        nb_valeurs=judged,
        nb_echecs=bad,
        exemples=_examples(batch, rule, contract) if bad else (),
    )


def _rule_result(rule: Rule, **outcome: Any) -> RuleResult:
    return RuleResult(
        **{
            "table": rule.table,
            "regle": rule.regle,
            "titre": rule.titre,
            "attendu": rule.attendu,
            "remede": rule.remede,
            **outcome,
        }
    )


def _observed(rule: Rule, details: Mapping[str, Any], contract: Contract, frame: pl.DataFrame) -> str:
    """What was found, for rules about the table as a whole."""
    if "column_set" in rule.arguments:
        declared = contract.polars_schema.names()
        missing = [c for c in declared if c not in frame.columns]
        unknown = [c for c in frame.columns if c not in declared]
        typed = {c: typed_name(contract, c, dtype) for c, dtype in frame.schema.items() if c in declared}
        wrong = [text for text in typed.values() if text not in rule.arguments["column_set"]]
        faults = [f"manquantes : {', '.join(missing)}"] if missing else []
        faults += [f"non déclarées : {', '.join(unknown)}"] if unknown else []
        faults += [f"d’un autre type : {', '.join(wrong)}"] if wrong else []
        return shorten(" ; ".join(faults)) or plural(len(frame.columns), "colonne")
    return plural(details["observed_value"], "ligne")


def _examples(batch: pl.DataFrame, rule: Rule, contract: Contract) -> tuple[Example, ...]:
    """The first rows at fault; asking Great Expectations for them costs a third more time on every rule."""
    value, allowed = pl.col(rule.arguments["column"]), rule.arguments.get("value_set")
    wrong = value.is_null() if allowed is None else ~value.is_in(allowed)
    at_fault = batch.filter(wrong).head(MAX_EXAMPLES).select({*contract.key, *rule.columns} & {*batch.columns})
    return tuple(
        Example(
            cle=", ".join(shorten(_text(row.get(k)) or "(vide)") for k in contract.key),
            valeur=_joined([row[c] for c in rule.columns]),
        )
        for row in at_fault.iter_rows(named=True)
    )


def _joined(values: list[Any]) -> str | None:
    texts = [_text(v) for v in values]
    return shorten(", ".join(t or "(vide)" for t in texts)) if any(t is not None for t in texts) else None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value[:20].hex()
    return " | ".join(_text(v) or "(vide)" for v in value) if isinstance(value, list) else str(value)


def _raised(info: Mapping[str, Any]) -> str | None:
    """The message of the exception met while evaluating a rule, if any (Great Expectations may nest it by metric)."""
    parts = [info] if "raised_exception" in info else list(info.values())
    messages = [p["exception_message"] for p in parts if isinstance(p, Mapping) and p.get("raised_exception")]
    return _first_line(messages[0]) if messages else None


def _first_line(error: object) -> str:
    return shorten(str(error).strip().partition("\n")[0] or type(error).__name__)


def _unreadable(contract: Contract, error: Exception) -> RuleResult:
    absent = isinstance(error, KeyError | FileNotFoundError)
    return RuleResult(
        table=contract.table,
        regle=f"{contract.layer}.lecture",
        titre="La table se lit",
        gravite="blocage",
        statut="erreur",
        observe="la table n’existe pas" if absent else f"la table est illisible : {type(error).__name__}",
        attendu="une table à contrôler",
        remede="Relancer l’étape qui produit la table (csp build).",
    )
