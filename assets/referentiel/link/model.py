"""The Fellegi-Sunter model: its parameters, their estimation (EM, no label) and the score of each candidate pair.

Scores are computed by Splink on DuckDB. A build only reads `modele.json`; `estimate` makes it anew.
"""

import json
import logging
import math
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from splink import Linker, SettingsCreator
from splink.backends.duckdb import DuckDBAPI

from assets.referentiel.link.comparisons import BLOCK, COMPARISONS, Comparison
from pipeline.foundations.errors import WrongUse

#: The classes of families, each with its own weights.
CLASSES = ("service", "lieu")
MODEL_FILE = Path(__file__).with_name("modele.json")
#: A probability that the sample puts at zero is only very small: no clue alone may decide against all the others.
FLOOR = 0.0005
#: Fewer candidate pairs teach nothing.
LEAST_PAIRS = 1000
_DIGITS = 5
_STILL = 0.0002
_MOST_STEPS = 80
_ACROSS = f"{BLOCK} and l.flux <> r.flux"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(_Strict):
    """Share of the pairs at this level among those of one counter (`m`) and of two counters (`u`)."""

    niveau: str
    m: float = Field(gt=0, le=1)
    u: float = Field(gt=0, le=1)


class Thresholds(_Strict):
    """Least score (log2 of the odds) of a link between two feeds, and within one."""

    entre_sources: float
    dans_une_source: float


class Weights(_Strict):
    """What was learned of one class of families.

    `a_priori`: share of one-counter pairs among the candidate pairs of two feeds; `paires`: how many there were.
    """

    a_priori: float = Field(gt=0, lt=1)
    comparaisons: dict[str, tuple[Level, ...]]
    paires: int = 0


class Model(_Strict):
    """The whole of `modele.json`: the thresholds, and the weights of each class (`traits`, column `classe`)."""

    seuils: Thresholds
    classes: dict[str, Weights]
    estime_sur: dict[str, int] = {}  # source -> constats

    def weights(self) -> pl.DataFrame:
        """`classe, comparaison, niveau, m, u, poids` (log2 m/u), to be read by people."""
        rows = [
            (name, comparison, level.niveau, level.m, level.u, round(math.log2(level.m / level.u), 2))
            for name, weights in self.classes.items()
            for comparison, levels in weights.comparaisons.items()
            for level in levels
        ]
        return pl.DataFrame(rows, schema=["classe", "comparaison", "niveau", "m", "u", "poids"], orient="row")


def load_model(path: Path) -> Model:
    """Read a model and check that it speaks of today's comparisons.

    Raises:
        WrongUse: not JSON, not of this shape, or other comparisons or levels than `COMPARISONS`.
    """
    try:
        model = Model.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise WrongUse(str(path), expected="a linking model", found=str(error), remedy="csp link estimate") from error
    expected = {c.name: c.level_names for c in COMPARISONS}
    for name in CLASSES:
        weights = model.classes.get(name)
        found = {n: tuple(x.niveau for x in levels) for n, levels in weights.comparaisons.items()} if weights else None
        if found != expected:
            raise WrongUse(
                f"{path}: class {name}",
                expected=f"the comparisons of the code: {expected}",
                found=str(found),
                remedy="csp link estimate",
            )
    return model


@cache
def linking_model() -> Model:
    """The project's model."""
    return load_model(MODEL_FILE)


def save_model(model: Model, path: Path) -> None:
    """Write a model, the same bytes for the same numbers."""
    path.write_text(json.dumps(model.model_dump(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def score(traits: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Score of every candidate pair: `a, b` (`_i`, a < b), `score` (log2 of the odds of being one counter), `interne`.

    Args:
        traits: output of `traits.traits`.
    """
    scored = [_score(_with_company(traits, name), model.classes[name]) for name in CLASSES]
    return pl.concat(scored).with_columns(pl.col("score").round(4)).sort("a", "b")


def _score(rows: pl.DataFrame, weights: Weights) -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64, "score": pl.Float64, "interne": pl.Boolean})
    with _database() as connection:
        linker = _linker(connection, rows, weights)
        predicted = linker.inference.predict(warning_mode="never")
        return connection.sql(
            f"select _i_l::bigint as a, _i_r::bigint as b, match_weight as score, flux_l = flux_r as interne "  # noqa: S608
            f"from {predicted.physical_name}"
        ).pl()


def estimate(traits: pl.DataFrame, exact: pl.DataFrame, thresholds: Thresholds) -> Model:
    """Fit the model by EM on the candidate pairs of two feeds; the same rows give the same numbers.

    `m` and `u` are both learned within the blocks, for what has to be told apart is two counters of one commune, not
    two counters of France. Constats that an exact key links to another one are left out: copies of one record agree
    on everything, and would teach that two feeds always do.

    Args:
        traits: output of `traits.traits`.
        exact: output of `keys.exact_links`.
        thresholds: written as they are in the model; estimation does not choose them.

    Raises:
        WrongUse: fewer than a thousand candidate pairs between feeds.
    """
    originals = traits.filter(~pl.col("_i").is_in(exact["b"].unique().implode()))
    sources = traits.group_by("source").len().sort("source")
    return Model(
        seuils=thresholds,
        classes={name: _estimate(_with_company(originals, name), name) for name in CLASSES},
        estime_sur=dict(sources.iter_rows()),
    )


def _estimate(rows: pl.DataFrame, name: str) -> Weights:
    pairs = _count_pairs(rows)
    if pairs < LEAST_PAIRS:
        raise WrongUse(
            f"estimation of the linking model, class {name}",
            expected=f"at least {LEAST_PAIRS} candidate pairs between feeds",
            found=str(pairs),
            remedy="use a data root with more feeds or more départements",
        )
    weights = _start()
    # One step of Splink's EM at a time: between two steps no share may reach zero, from which none comes back.
    for _ in range(_MOST_STEPS):
        before, weights = weights, _step(rows, weights)
        if _farthest(before, weights) < _STILL:
            break
    return weights.model_copy(update={"paires": pairs})


def _count_pairs(rows: pl.DataFrame) -> int:
    with _database() as connection:
        connection.register("rows_", rows.select("_i", "flux", "famille", "commune").to_arrow())
        count = f"select count(*) from rows_ l join rows_ r on {_ACROSS} and l._i < r._i"  # noqa: S608
        found = connection.sql(count).fetchone()
    return int(found[0]) if found else 0


def _step(rows: pl.DataFrame, weights: Weights) -> Weights:
    """One expectation and one maximisation."""
    with _database() as connection:
        training = _linker(connection, rows, weights).training
        session = training.estimate_parameters_using_expectation_maximisation(_ACROSS, fix_u_probabilities=False)
        fitted = session.core_model_settings
        return Weights(
            a_priori=round(fitted.probability_two_random_records_match, _DIGITS),
            comparaisons={c.output_column_name: _levels(c) for c in fitted.comparisons},
        )


def _farthest(a: Weights, b: Weights) -> float:
    """The most that a share moved."""
    pairs = (zip(a.comparaisons[n], b.comparaisons[n], strict=True) for n in a.comparaisons)
    return max(max(abs(x.m - y.m), abs(x.u - y.u)) for pair in pairs for x, y in pair)


def _levels(comparison: Any) -> tuple[Level, ...]:
    """Levels of a fitted Splink comparison; one never met keeps equal shares, so that it tells nothing."""
    known = [level for level in comparison.comparison_levels if not level.is_null_level]
    fitted = []
    for level in known:
        m, u = level.m_probability, level.u_probability
        numbers = isinstance(m, float) and isinstance(u, float)
        m, u = (max(m, FLOOR), max(u, FLOOR)) if numbers else (FLOOR, FLOOR)
        fitted.append(Level(niveau=level.label_for_charts, m=round(m, _DIGITS), u=round(u, _DIGITS)))
    return tuple(fitted)


def _start() -> Weights:
    """Where the estimation begins: the stronger the level, the likelier among pairs of one counter."""

    def levels(comparison: Comparison) -> tuple[Level, ...]:
        names = comparison.level_names
        weights = [2.0 ** (len(names) - i) for i in range(len(names))]
        total = sum(weights)
        shares = [w / total for w in weights]
        return tuple(Level(niveau=n, m=m, u=u) for n, m, u in zip(names, shares, reversed(shares), strict=True))

    return Weights(a_priori=0.2, comparaisons={c.name: levels(c) for c in COMPARISONS})


def _with_company(traits: pl.DataFrame, name: str) -> pl.DataFrame:
    """The rows of a class that share their family and commune with another one: the others have no candidate."""
    company = traits.filter((pl.col("classe") == name) & (pl.len().over("famille", "commune") > 1))
    return company.sort("_i")


def _database() -> duckdb.DuckDBPyConnection:
    # One thread: the sums of the estimation are then always added in the same order.
    return duckdb.connect(config={"threads": 1})


def _linker(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame, weights: Weights) -> Linker:
    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection=connection)
    columns = ["_i", "flux", "famille", "commune", "mots", "organismes", "voie", "numero", "x", "y"]
    columns += ["telephones", "site", "siret", "horaires", "heures", "seul", "seul_du_nom"]
    # Splink leaves out of an estimation the comparisons on a column of its blocking rule: `flux` is given twice.
    table = api.register(
        rows.select(*columns, pl.col("flux").alias("_flux")).to_arrow(), dataset_display_name="constats"
    )
    return Linker(table, SettingsCreator(**_settings(weights)), log_level=None, validate_settings=False)


def _settings(weights: Weights) -> dict[str, Any]:
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "_i",
        "probability_two_random_records_match": weights.a_priori,
        "blocking_rules_to_generate_predictions": [{"blocking_rule": BLOCK, "sql_dialect": "duckdb"}],
        "comparisons": [_comparison(c, weights.comparaisons[c.name]) for c in COMPARISONS],
        "additional_columns_to_retain": ["flux"],
        "retain_intermediate_calculation_columns": False,
        "retain_matching_columns": False,
        "linker_uid": "appariement",
        "max_iterations": 1,
    }


def _comparison(comparison: Comparison, levels: tuple[Level, ...]) -> dict[str, Any]:
    conditions = [*(level.sql for level in comparison.levels), "ELSE"]
    return {
        "output_column_name": comparison.name,
        "comparison_levels": [
            {"sql_condition": comparison.unknown, "label_for_charts": "inconnu", "is_null_level": True},
            *(
                {
                    "sql_condition": sql,
                    "label_for_charts": level.niveau,
                    "m_probability": level.m,
                    "u_probability": level.u,
                }
                for sql, level in zip(conditions, levels, strict=True)
            ),
        ],
    }
