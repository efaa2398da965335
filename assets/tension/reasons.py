"""Why a territory is where it is: one French sentence, built from its components.

Numbers and types come from `index`, words from `tension.yml`.
"""

from collections.abc import Sequence

import polars as pl

from assets.tension.index import FRAGILE, HIGH_NEED, NEITHER, TENSE, WEAK_SUPPLY
from assets.tension.scheme import Indicator, Scheme

_MODERATE_NEED = "le besoin y est modéré"
_SUPPLY_THERE = "l'offre y est à portée"
_COMPARED = {"national": "", "classe": "comparé aux territoires de même densité : "}


def reasons(table: pl.DataFrame, scheme: Scheme, reference: str) -> pl.Series:
    """The sentence of each territory, in its rank among all (`national`) or in its density class (`classe`).

    What is told of a side is the indicator of highest rank (the first among equals): what it is worth for supply; for
    need, that it is among the worst from `seuil_fort` on, else what it is worth. Without an index, why there is none.

    Args:
        table: rows of `index.tension_table`.
    """
    sides = {
        side: [i for c in scheme.composantes if c.cote == side for i in c.indicateurs] for side in ("offre", "besoin")
    }
    supply, _ = _told(sides["offre"], scheme, reference)
    worth, strong = _told(sides["besoin"], scheme, reference)
    highest = pl.max_horizontal(f"{i.colonne}_rang_{reference}" for i in sides["besoin"])
    need = pl.when(highest >= scheme.seuil_fort).then(strong).otherwise(worth)
    kind = pl.col(f"type_{reference}")
    compared = _COMPARED[reference]
    sentence = (
        pl.when(kind == TENSE)
        .then(pl.format(compared + "{}, et {}", supply, need))
        .when(kind == FRAGILE)
        .then(pl.format(compared + "proche du seuil de tension, {}, et {}", supply, need))
        .when(kind == WEAK_SUPPLY)
        .then(pl.format(compared + "{}, mais {}", supply, pl.lit(_MODERATE_NEED)))
        .when(kind == HIGH_NEED)
        .then(pl.format(compared + "{}, mais {}", need, pl.lit(_SUPPLY_THERE)))
        .when(kind == NEITHER)
        .then(pl.lit(f"{compared}{_SUPPLY_THERE}, et {_MODERATE_NEED}"))
        .otherwise(pl.format("indice non calculé : {}", pl.col(f"motif_{reference}")))
    )
    unknown = pl.col("composantes_inconnues").str.to_lowercase()
    whole = pl.when(unknown.is_null()).then(sentence).otherwise(pl.format("{} (non connu : {})", sentence, unknown))
    capital = whole.str.slice(0, 1).str.to_uppercase() + whole.str.slice(1)
    return table.select(pl.format("{}.", capital).alias(f"raison_{reference}")).to_series()


def _told(indicators: Sequence[Indicator], scheme: Scheme, reference: str) -> tuple[pl.Expr, pl.Expr]:
    """What the indicator of highest rank is worth, and that it is among the worst."""
    ranks = [pl.col(f"{i.colonne}_rang_{reference}") for i in indicators]
    highest = pl.max_horizontal(ranks)
    worth = pl.coalesce(pl.when(r == highest).then(_worth(i, scheme)) for r, i in zip(ranks, indicators, strict=True))
    strong = pl.coalesce(
        pl.when(r == highest).then(pl.lit(scheme.reference.fill(i.fort)))
        for r, i in zip(ranks, indicators, strict=True)
    )
    return worth, strong


def _worth(indicator: Indicator, scheme: Scheme) -> pl.Expr:
    """Its finding with its value, written as in French."""
    value = pl.col(indicator.colonne).cast(pl.Float64).round(indicator.decimales)
    number = value.cast(pl.Int64).cast(pl.String)
    if indicator.decimales:
        number = value.cast(pl.String).str.replace(".", ",", literal=True)
    before, _, after = scheme.reference.fill(indicator.constat).partition("{valeur}")
    return pl.concat_str(pl.lit(before), number, pl.lit(after))
