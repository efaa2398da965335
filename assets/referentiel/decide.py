"""One record per counter: for each group of fields, the constat to believe, by the written order of `precedence.yml`.

Which constats speak of the same counter is decided before (`match`); ids are given after (`identity`).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("precedence.yml")


class FieldGroup(BaseModel):
    """Columns decided together; see the head of `precedence.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    colonnes: tuple[str, ...]
    ancre: str | None = None
    par_typologie: Mapping[str, tuple[str, ...]] = {}


class Precedence(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[str, ...]
    groupes: Mapping[str, FieldGroup]


def load_precedence(path: Path) -> Precedence:
    """Read and check a precedence file.

    Raises:
        WrongUse: not YAML or not of this shape.
    """
    try:
        return Precedence.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongUse(str(path), expected="a precedence file", found=str(error), remedy="fix the file") from error


@cache
def precedence() -> Precedence:
    """The project's precedence file."""
    return load_precedence(_FILE)


def decide(constats: pl.DataFrame, rules: Precedence) -> pl.DataFrame:
    """Constats with their `groupe_id` -> one row per counter.

    Besides the decided columns, each row keeps `groupe_id`, its typology, `sources` (every feed that knows the counter,
    separated by `|`), `source_semantique` and `id_source` (the constat that leads) and `date_maj` (its date).
    """
    ordered = constats.with_columns(
        pl.col("source")
        .replace_strict({s: i for i, s in enumerate(rules.sources)}, default=len(rules.sources))
        .alias("_feed")
    )
    belief: list[str | pl.Expr] = [
        "rang_source",
        pl.col("date_source").to_physical() * -1,
        "_feed",
        "source",
        "id_source",
    ]
    ordered = ordered.sort("groupe_id", *belief, nulls_last=True, maintain_order=True)
    by = ["groupe_id"]
    decided = ordered.group_by(by, maintain_order=True).agg(
        pl.col("typologie", "service_typologie", "service_thematique").first(),
        pl.col("source").first().alias("source_semantique"),
        pl.col("id_source").first(),
        pl.col("date_source").first().alias("date_maj"),
        pl.col("source").unique().sort().str.join("|").alias("sources"),
    )
    for group in rules.groupes.values():
        decided = decided.join(_decide_group(ordered, group, rules), on="groupe_id", how="left", maintain_order="left")
    return decided


def _decide_group(ordered: pl.DataFrame, group: FieldGroup, rules: Precedence) -> pl.DataFrame:
    if group.par_typologie:
        ordered = _reorder(ordered, group.par_typologie, len(rules.sources))
    columns = list(group.colonnes)
    if group.ancre is None:
        first_known = [pl.col(c).drop_nulls().first() for c in columns]
        return ordered.group_by("groupe_id", maintain_order=True).agg(first_known)
    known_first = ordered.with_columns(pl.col(group.ancre).is_null().alias("_unknown"))
    return (
        known_first.sort("groupe_id", "_unknown", maintain_order=True)
        .group_by("groupe_id", maintain_order=True)
        .agg(pl.col(columns).first())
    )


def _reorder(ordered: pl.DataFrame, by_typology: Mapping[str, tuple[str, ...]], last: int) -> pl.DataFrame:
    ranks = pl.DataFrame(
        [(t, s, i) for t, feeds in by_typology.items() for i, s in enumerate(feeds)],
        schema={"typologie": pl.String, "source": pl.String, "_rank": pl.Int64},
        orient="row",
    )
    return (
        ordered.join(ranks, on=["typologie", "source"], how="left", maintain_order="left")
        .with_columns(pl.col("_rank").fill_null(last))
        .sort("groupe_id", "_rank", maintain_order=True)
        .drop("_rank")
    )
