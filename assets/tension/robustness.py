"""How far the place of a territory depends on the choices made (METHODS 4.5, step 5).

Weights are drawn around those of the scheme, and components taken in turn from variants (speeds 20 % lower, higher).
What a component is worth in each variant is computed by the caller, with `index`.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.stats import rankdata

from assets.tension.index import sides
from assets.tension.pairs import Bools, Floats
from assets.tension.scheme import Scheme
from pipeline.foundations.errors import WrongUse

_TOP = 0.1


def robustness(variants: Sequence[Floats], ranked: Bools, scheme: Scheme) -> pl.DataFrame:
    """Interval of the place of each territory, and how often it is in the tenth most tense.

    Each draw takes the next variant, and on each side weights from a Dirichlet law whose mean is the scheme's. Places
    go from 1, the most tense, among the territories ranked; equal ones share their mean place. Same inputs, same
    result.

    Args:
        variants: components (n, k) of `index.component_ranks`, the base case first. Linear in memory: draws x n floats.
        ranked: (n,) territories that have an index.

    Returns:
        `rang_bas`, `rang_haut` (the scheme's quantiles of the place), `probabilite_premier_decile` (0 to 1),
        `tension_robuste`; n rows, null where not ranked or where a variant knows nothing of a side.

    Raises:
        WrongUse: no variant, or variants of other territories or components.
    """
    shape = (len(ranked), len(scheme.composantes))
    if not variants or any(v.shape != shape for v in variants):
        found = f"shapes {', '.join(str(v.shape) for v in variants) or 'none'}"
        raise WrongUse("variants of the index", expected=str(shape), found=found, remedy="compute them alike")
    supply, settings = scheme.supply, scheme.robustesse
    kept = ranked.copy()
    for variant in variants:
        kept &= ~np.isnan(np.column_stack(sides(variant, scheme.weights, supply))).any(axis=1)
    rows = np.flatnonzero(kept)
    places = np.empty((settings.tirages, len(rows)), dtype=np.float32)
    generator = np.random.Generator(np.random.PCG64(settings.graine))
    chosen = [variant[rows] for variant in variants]
    for draw, weights in enumerate(_weights(scheme, generator)):
        weak, need = sides(chosen[draw % len(chosen)], weights, supply)
        places[draw] = rankdata(-weak * need)
    interval = np.full((2, len(ranked)), np.nan)
    often = np.full(len(ranked), np.nan)
    if len(rows):
        interval[:, rows] = np.quantile(
            places, settings.quantiles, axis=0, method="inverted_cdf", overwrite_input=False
        )
        often[rows] = (places <= max(1.0, _TOP * len(rows))).mean(axis=0)
    return pl.DataFrame(
        {"rang_bas": interval[0], "rang_haut": interval[1], "probabilite_premier_decile": often}
    ).with_columns(
        pl.all().fill_nan(None),
        pl.col("probabilite_premier_decile").fill_nan(None).ge(settings.probabilite_robuste).alias("tension_robuste"),
    )


def _weights(scheme: Scheme, generator: np.random.Generator) -> Floats:
    """Weights of the components in each draw (draws, k), those of each side summing to 1."""
    drawn = np.empty((scheme.robustesse.tirages, len(scheme.composantes)))
    for side in (scheme.supply, ~scheme.supply):
        mean = scheme.weights[side] / scheme.weights[side].sum()
        drawn[:, side] = generator.dirichlet(scheme.robustesse.concentration * mean, len(drawn))
    return drawn
