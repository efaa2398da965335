"""From a contract to its rules, and from rules to a Great Expectations suite.

Rules are plain data and need no Great Expectations; the suite is where it comes in, imported late because it costs
seconds and hundreds of megabytes. Running a suite belongs to `quality.validate`.

Some kinds of rule cannot be said to Great Expectations as they are: a foreign key (it looks at one table at a time), a
constraint on the items of a list, being a finite number, columns in increasing order, parts that sum up to a whole.
Others it judges one value after another in Python (bounds, patterns, keys), minutes on the tables of a country. They
are computed by polars into a boolean column added to the batch, and the expectation is that this column is true: the
outcome is an ordinary Great Expectations result, with its counts and its place in the Data Docs,
rather than a look-alike built beside it. Types are judged with the names of columns: one rule, not one per column.

A pattern must match the whole value, as in Table Schema, whether or not it is written with `^` and `$`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import polars as pl

from pipeline.foundations.errors import WrongUse
from quality.contract import Column, Contract, ForeignKey, Severity, Totals
from quality.results import number, percent, shorten

#: Gives the values of a column of another table; KeyError when that table or column is not at hand.
References = Callable[[str, str], pl.Series]

_FRENCH = {
    "texte": "texte",
    "entier": "nombre entier",
    "reel": "nombre réel",
    "booleen": "booléen",
    "date": "date",
    "liste_texte": "liste de textes",
    "geometrie": "géométrie (WKB)",
}
_GX_SEVERITY = {"blocage": "critical", "alerte": "warning"}
#: Mixes the hashes of a key into one: odd, and far from any power of two.
_MIX = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Computed:
    """A boolean column to add to the batch: true where the rule holds, null where it says nothing."""

    name: str
    holds: Callable[[References], pl.Expr]


@dataclass(frozen=True)
class Rule:
    """One rule of one table.

    `regle` is stable: `<layer>.<column>.<kind>`. `columns` are those whose values illustrate a failure. `expectation`
    is the name of a Great Expectations class, `arguments` what it is built with.
    """

    table: str
    regle: str
    titre: str
    gravite: Severity
    attendu: str
    remede: str
    expectation: str
    arguments: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    computed: Computed | None = None


def alone(keys: pl.Series) -> pl.Series:
    """Where a key (a struct) is that of no other row.

    Hashes are compared first: of ten million keys of four texts, comparing all of them takes two gigabytes.
    """
    parts = keys.struct.unnest()
    mixed = reduce(lambda done, part: done * _MIX + part, (pl.col(name).hash() for name in parts.columns))
    unlike = parts.select(mixed.is_unique()).to_series()
    return unlike if unlike.all() else keys.is_unique()


def rules_of(contract: Contract) -> tuple[Rule, ...]:
    """Every rule of a contract: structure, number of rows, key, then column after column, then foreign keys.

    Raises:
        WrongUse: a constraint has no sense on the type of its column, or a pattern is not a regular expression.
    """
    rules = [*_table_rules(contract)]
    for column in contract.columns:
        rules += _column_rules(contract, column)
    rules += (_reference_rule(contract, key) for key in contract.foreign_keys)
    rules += (_monotone_rule(contract, names) for names in contract.monotone)
    rules += (_totals_rule(contract, totals, name) for totals in contract.totals for name in totals.columns)
    return tuple(rules)


def expectation_suite(name: str, rules: Iterable[Rule]) -> Any:
    """The rules as a `great_expectations.ExpectationSuite` of that name.

    Every expectation carries `meta` `{regle, gravite, titre}`: results are matched by it, never by position.
    """
    import great_expectations as gx

    expectations = [
        getattr(gx.expectations, rule.expectation)(
            **rule.arguments,
            severity=_GX_SEVERITY[rule.gravite],
            meta={"regle": rule.regle, "gravite": rule.gravite, "titre": rule.titre},
        )
        for rule in rules
    ]
    return gx.ExpectationSuite(name=name, expectations=expectations)


def typed_name(contract: Contract, name: str, dtype: pl.DataType) -> str:
    """A column of a frame as the rule on columns names it: with its type, in French when it is that of the contract."""
    declared = next((c for c in contract.columns if c.name == name), None)
    held = declared is not None and (
        dtype == contract.polars_schema[name]
        or (declared.type == "entier" and dtype.is_integer())
        or (declared.type == "reel" and dtype.is_float())
    )
    return f"{name} ({_FRENCH[declared.type] if declared and held else dtype})"


def _table_rules(contract: Contract) -> list[Rule]:
    names = [f"{c.name} ({_FRENCH[c.type]})" for c in contract.columns]
    mend = f"Corriger le code qui produit la table, ou son contrat (quality/contracts/{contract.table}.yml)."
    rules = [
        Rule(
            contract.table,
            f"{contract.layer}.colonnes",
            "Les colonnes sont celles du contrat, de leur type",
            "blocage",
            f"exactement les {number(len(names))} colonnes du contrat, de leur type",
            mend,
            "ExpectTableColumnsToMatchSet",
            {"column_set": names, "exact_match": True},
        ),
        Rule(
            contract.table,
            f"{contract.layer}.lignes.minimum",
            "La table a assez de lignes",
            "blocage",
            f"au moins {number(contract.rows.min)} ligne(s)",
            "Chercher l’étape qui a perdu des lignes ; si la baisse est réelle, revoir rows.min du contrat.",
            "ExpectTableRowCountToBeBetween",
            {"min_value": contract.rows.min},
        ),
    ]
    if contract.rows.max is not None:
        rules.append(
            Rule(
                contract.table,
                f"{contract.layer}.lignes.maximum",
                "La table n’a pas trop de lignes",
                "alerte",
                f"au plus {number(contract.rows.max)} lignes",
                "Chercher des lignes en double ; si la hausse est réelle, revoir rows.max du contrat.",
                "ExpectTableRowCountToBeBetween",
                {"max_value": contract.rows.max},
            )
        )
    if len(contract.key) > 1:
        computed = Computed(
            f"{', '.join(contract.key)} : une fois",
            lambda _: pl.struct(contract.key).map_batches(alone, return_dtype=pl.Boolean),
        )
        rules.append(
            Rule(
                contract.table,
                f"{contract.layer}.cle.unique",
                f"La clé ({', '.join(contract.key)}) désigne une seule ligne",
                "blocage",
                "aucune clé répétée",
                "Corriger le rapprochement ou l’attribution des identifiants.",
                "ExpectColumnValuesToBeInSet",
                {"column": computed.name, "value_set": [True]},
                columns=contract.key,
                computed=computed,
            )
        )
    return rules


def _column_rules(contract: Contract, column: Column) -> list[Rule]:
    _check_sense(contract, column)
    name, title = column.name, column.title
    in_key = name in contract.key
    tolerance = f" pour au moins {percent(column.mostly, 1)} des valeurs" if column.mostly < 1 else ""

    def rule(
        kind: str,
        titre: str,
        attendu: str,
        remede: str,
        *,
        severity: Severity = column.severity,
        holds: pl.Expr | None = None,
        **arguments: Any,
    ) -> Rule:
        """Not null unless `arguments` say among which values, or `holds` when it is true of a value."""
        computed = None if holds is None else Computed(f"{name} : {attendu}", lambda _: holds)
        if computed:
            arguments["value_set"] = [True]
        return Rule(
            contract.table,
            f"{contract.layer}.{name}.{kind}",
            titre,
            severity,
            attendu,
            remede,
            "ExpectColumnValuesToBeInSet" if "value_set" in arguments else "ExpectColumnValuesToNotBeNull",
            {"column": computed.name if computed else name, **arguments},
            columns=(name,),
            computed=computed,
        )

    rules = []
    value = pl.col(name)
    if column.required or in_key:
        rules.append(
            rule(
                "obligatoire",
                f"« {title} » est toujours renseigné",
                "aucune valeur absente",
                "Compléter la valeur à la source, ou mettre de côté la ligne en signalant pourquoi.",
                severity="blocage" if in_key else column.severity,
            )
        )
    if column.unique or contract.key == (name,):
        rules.append(
            rule(
                "unique",
                f"« {title} » ne se répète pas",
                "aucune valeur répétée",
                "Corriger le rapprochement ou l’attribution des identifiants.",
                severity="blocage" if in_key else column.severity,
                holds=pl.when(value.is_not_null()).then(value.is_unique()),
            )
        )
    bounded = column.min is not None and column.max is not None and column.mostly == 1
    if column.type == "reel" and not bounded:  # else its bounds say it
        rules.append(
            rule(
                "fini",
                f"« {title} » est un nombre fini",
                "ni infini, ni résultat d’un calcul impossible (NaN)",
                "Corriger le calcul : une valeur inconnue s’écrit vide.",
                holds=value.is_finite(),
            )
        )
    items = column.type == "liste_texte"
    if column.pattern is not None:
        whole = rf"\A(?:{column.pattern})\z"
        rules.append(
            rule(
                "motif",
                f"« {title} » suit le format attendu",
                f"format {column.pattern}{tolerance}",
                "Corriger la valeur à la source ou dans sa lecture ; si le format est légitime, revoir le contrat.",
                holds=_every_item(name, pl.element().str.contains(whole)) if items else value.str.contains(whole),
                mostly=column.mostly,
            )
        )
    if column.values is not None:
        values = list(column.values)
        rules.append(
            rule(
                "valeurs",
                f"« {title} » est pris dans la nomenclature",
                shorten(f"une des valeurs {', '.join(values)}") + tolerance,
                "Ranger la valeur dans la nomenclature, ou ajouter la valeur au contrat si elle est légitime.",
                holds=_every_item(name, pl.element().is_in(values)) if items else None,
                mostly=column.mostly,
                value_set=values,
            )
        )
    if column.min is not None or column.max is not None:
        rules.append(
            rule(
                "bornes",
                f"« {title} » est dans ses bornes",
                _interval(column) + tolerance,
                "Corriger la valeur à la source ou le calcul ; si elle est légitime, revoir les bornes du contrat.",
                holds=_between(value, column),
                mostly=column.mostly,
            )
        )
    return rules


def _reference_rule(contract: Contract, key: ForeignKey) -> Rule:
    column = contract.column(key.column)
    target = f"{key.references}.{key.to}"

    def holds(references: References) -> pl.Expr:
        known = references(key.references, key.to).implode()
        if column.type == "liste_texte":
            return _every_item(key.column, pl.element().is_in(known))
        return pl.col(key.column).is_in(known)

    computed = Computed(f"{key.column} → {target}", holds)
    return Rule(
        contract.table,
        f"{contract.layer}.{key.column}.reference",
        f"« {column.title} » existe dans {target}",
        key.severity,
        f"une valeur de {target}, ou vide",
        f"Corriger la valeur, ou compléter la table {key.references} (millésime différent ?).",
        "ExpectColumnValuesToBeInSet",
        {"column": computed.name, "value_set": [True]},
        columns=(key.column,),
        computed=computed,
    )


def _monotone_rule(contract: Contract, names: tuple[str, ...]) -> Rule:
    first, last = names[0], names[-1]
    label = f"{first} ≤ … ≤ {last}"
    pairs = list(pairwise(names))

    def holds(_: References) -> pl.Expr:
        # To within rounding; unknown values say nothing.
        return pl.all_horizontal((pl.col(a) <= pl.col(b) + 1e-6).fill_null(True) for a, b in pairs)

    return Rule(
        contract.table,
        f"{contract.layer}.{first}.{last}.croissant",
        f"« {contract.column(first).title} » à « {contract.column(last).title} » vont croissant",
        "blocage",
        f"{' ≤ '.join(names)}",
        "Corriger le calcul : un seuil plus large ne peut pas compter moins.",
        "ExpectColumnValuesToBeInSet",
        {"column": label, "value_set": [True]},
        columns=names,
        computed=Computed(label, holds),
    )


def _totals_rule(contract: Contract, totals: Totals, name: str) -> Rule:
    label = f"{name} : {totals.whole} = somme des {totals.parts}"
    value, level = pl.col(name).cast(pl.Float64), pl.col(totals.level)

    def holds(_: References) -> pl.Expr:
        parts = pl.when(level == totals.parts).then(value).sum().over(totals.by)
        close = (value - parts).abs() <= 1 + 1e-6 * value.abs()
        return pl.when(level == totals.whole).then(close)

    return Rule(
        contract.table,
        f"{contract.layer}.{name}.somme.{totals.parts}",
        f"« {contract.column(name).title} » : la somme des territoires fait le tout",
        "blocage",
        f"niveau {totals.whole} = somme du niveau {totals.parts}, à une unité près",
        "Chercher le territoire compté deux fois ou oublié.",
        "ExpectColumnValuesToBeInSet",
        {"column": label, "value_set": [True]},
        columns=(*totals.by, name),
        computed=Computed(label, holds),
    )


def _every_item(name: str, test: pl.Expr) -> pl.Expr:
    """True where every item of the list passes the test; an item that is null does not."""
    return pl.col(name).list.eval(test.fill_null(False)).list.all()


def _between(value: pl.Expr, column: Column) -> pl.Expr:
    """True of a number within the bounds of its column; what is not a number is not."""
    low = pl.lit(value=True) if column.min is None else value >= column.min
    return low & ~value.cast(pl.Float64).is_nan() & (pl.lit(value=True) if column.max is None else value <= column.max)


def _interval(column: Column) -> str:
    unit = f" {column.unit}" if column.unit else ""
    low, high = (None if v is None else number(int(v) if v.is_integer() else v) for v in (column.min, column.max))
    if high is None:
        return f"au moins {low}{unit}"
    return f"au plus {high}{unit}" if low is None else f"entre {low} et {high}{unit}"


def _check_sense(contract: Contract, column: Column) -> None:
    text = column.type in {"texte", "liste_texte"}
    faults = []
    if (column.pattern is not None or column.values is not None) and not text:
        faults.append("pattern and values are for texte and liste_texte")
    if (column.min is not None or column.max is not None) and column.type not in {"entier", "reel"}:
        faults.append("min and max are for entier and reel")
    if column.unique and column.type == "liste_texte":
        faults.append("unique is not for liste_texte")
    if column.pattern is not None:
        try:
            re.compile(column.pattern)  # as readers of Table Schema do
            pl.Series([""]).str.contains(column.pattern)  # as it is judged
        except (re.error, pl.exceptions.ComputeError) as error:
            faults.append(f"pattern: {error}")
    if faults:
        raise WrongUse(
            f"contract {contract.table}, column {column.name} ({column.type})",
            expected="constraints that its type can hold",
            found="; ".join(faults),
            remedy=f"fix quality/contracts/{contract.table}.yml",
        )
