"""Every indicator of every commune: the first formula that gives it a value, or the reason why none does.

A value is always `facteur` × numerator / denominator (the numerator alone for a count), and both are kept: that is what
adds up. Adding up is `aggregate`'s; where figures come from is `figures`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assets.territories.figures import Figure
from assets.territories.indicators import Among, Formula, Indicator, Mean, Objects, Ratio
from sources.contexte.read import PUBLISHED, SECRET, UNAVAILABLE

#: Columns of `territories__contexte`.
SCHEMA = pl.Schema(
    {
        "code_insee": pl.String(),
        "indicateur": pl.String(),
        "valeur": pl.Float64(),
        "numerateur": pl.Float64(),
        "denominateur": pl.Float64(),
        "unite": pl.String(),
        "millesime": pl.String(),
        "source": pl.String(),
        "statut": pl.String(),
    }
)


@dataclass(frozen=True)
class Pairs:
    """Which objects touch which communes: `commune, objet`. An object that touches none is in no pair."""

    frame: pl.DataFrame
    source: str
    millesime: str | None


@dataclass(frozen=True)
class _Terms:
    """What a formula says of every commune; null where it cannot tell. `value` is before rounding."""

    value: pl.Expr
    numerator: pl.Expr
    denominator: pl.Expr | None  # none for a count
    secret: pl.Expr
    source: str
    millesime: str | None


def indicators_of_communes(
    indicators: tuple[Indicator, ...],
    communes: pl.Series,
    figures: Mapping[str, Figure],
    objects: Mapping[str, Pairs],
) -> pl.DataFrame:
    """One row per indicator and commune, in `SCHEMA`, indicators in the order given.

    Args:
        communes: codes in force, in the order of the figures.
        figures: by `source.mesure`; those of a source that is not held are not there.
        objects: by what `objets` names; the same.
    """
    base = pl.DataFrame({"code_insee": communes})
    values = base.with_columns(
        *(figure.values.alias(name) for name, figure in figures.items()),
        *(figure.words.alias(f"{name}:mot") for name, figure in figures.items()),
        *(figure.secret.alias(f"{name}:secret") for name, figure in figures.items()),
    )
    for name, pairs in objects.items():
        counted = pairs.frame.group_by(pl.col("commune").alias("code_insee")).agg(pl.col("objet").n_unique())
        values = values.join(counted, on="code_insee", how="left", maintain_order="left").rename({"objet": name})
    return pl.concat([_indicator(i, values, figures, objects) for i in indicators])


def _indicator(
    indicator: Indicator, values: pl.DataFrame, figures: Mapping[str, Figure], objects: Mapping[str, Pairs]
) -> pl.DataFrame:
    held = [t for f in indicator.formules if (t := _terms(f, indicator.facteur, figures, objects)) is not None]
    nothing = pl.lit(None, dtype=pl.Float64)
    parts = [
        values.select(
            terms.value.cast(pl.Float64).round(indicator.decimales).alias("valeur"),
            terms.numerator.cast(pl.Float64).alias("numerateur"),
            (nothing if terms.denominator is None else terms.denominator.cast(pl.Float64)).alias("denominateur"),
            terms.secret.alias("secret"),
            pl.lit(terms.source).alias("source"),
            pl.lit(terms.millesime, dtype=pl.String).alias("millesime"),
        )
        for terms in held
    ]
    return _first(parts, values["code_insee"]).select(
        "code_insee",
        pl.lit(indicator.code).alias("indicateur"),
        "valeur",
        "numerateur",
        "denominateur",
        pl.lit(indicator.unite).alias("unite"),
        "millesime",
        "source",
        "statut",
    )


def _first(parts: list[pl.DataFrame], communes: pl.Series) -> pl.DataFrame:
    """For each commune the first part that has a value; else the first that says it is secret; else nothing."""
    told = ("valeur", "numerateur", "denominateur", "millesime", "source")
    frame = pl.DataFrame({"code_insee": communes}).with_columns(
        *(pl.lit(None, dtype=SCHEMA[name]).alias(name) for name in told), pl.lit(UNAVAILABLE).alias("statut")
    )
    for part in reversed(parts):
        beside = pl.concat([frame, part.select(pl.all().name.prefix("_"))], how="horizontal")
        published, secret = pl.col("_valeur").is_not_null(), pl.col("_secret")
        keeps = secret & pl.col("valeur").is_null()
        frame = beside.select(
            "code_insee",
            *(pl.when(published).then(f"_{name}").otherwise(name).alias(name) for name in told[:3]),
            *(pl.when(published | keeps).then(f"_{name}").otherwise(name).alias(name) for name in told[3:]),
            pl.when(published)
            .then(pl.lit(PUBLISHED))
            .when(keeps)
            .then(pl.lit(SECRET))
            .otherwise("statut")
            .alias("statut"),
        )
    return frame


def _terms(
    formula: Formula, factor: float, figures: Mapping[str, Figure], objects: Mapping[str, Pairs]
) -> _Terms | None:
    """What a formula says; None when one of its sources is not held."""
    if isinstance(formula, Objects):
        pairs = objects.get(formula.objets)
        if pairs is None:
            return None
        # A source that is held lists every object: a commune without any has none.
        count = pl.col(formula.objets).fill_null(0)
        return _Terms(count, count, None, pl.lit(False), pairs.source, pairs.millesime)
    if not all(name in figures for name in formula.references):
        return None
    used = [figures[name] for name in formula.references]
    source = ", ".join(dict.fromkeys(figure.source for figure in used))
    secret = pl.any_horizontal(f"{name}:secret" for name in formula.references)
    if isinstance(formula, Mean):
        # The value is the producer's, whatever weighs it.
        value, weight = pl.col(formula.valeur), pl.col(formula.poids)
        kept = pl.col(f"{formula.valeur}:secret")
        return _Terms(value, value / factor * weight, weight, kept, source, used[0].millesime)
    if isinstance(formula, Ratio) and not formula.denominateur:
        total = _sum(formula.numerateur)
        return _Terms(total * factor, total, None, secret, source, used[0].millesime)
    top, bottom = _ratio(formula)
    value = pl.when(bottom > 0).then(factor * top / bottom)
    return _Terms(value, top, bottom, secret, source, used[0].millesime)


def _ratio(formula: Ratio | Among) -> tuple[pl.Expr, pl.Expr]:
    """Numerator and denominator of a formula that has both."""
    if isinstance(formula, Among):
        word = pl.col(f"{formula.mesure}:mot")
        return word.is_in(formula.parmi).cast(pl.Float64), pl.when(word.is_not_null()).then(1.0)
    top, bottom = _sum(formula.numerateur), _sum(formula.denominateur)
    if formula.poids is None:
        return top, bottom
    weight = pl.col(formula.poids)
    return pl.when(bottom > 0).then(top / bottom * weight), weight


def _sum(names: tuple[str, ...]) -> pl.Expr:
    """Σ of measures, null as soon as one is; those behind a `-` are taken away."""
    parts = [-pl.col(name.removeprefix("-")) if name.startswith("-") else pl.col(name) for name in names]
    return pl.sum_horizontal(parts, ignore_nulls=False)
