"""Estimate the model from constats: what `csp link estimate` runs."""

import polars as pl

from assets.referentiel.link.keys import exact_links
from assets.referentiel.link.model import Model, Thresholds, estimate
from assets.referentiel.link.rules import Rules, linking_rules
from assets.referentiel.link.traits import numbered, traits


def estimate_from(constats: pl.DataFrame, thresholds: Thresholds, rules: Rules | None = None) -> Model:
    """The model that the constats teach, with the thresholds given.

    Args:
        constats: frame in `harmonise.CONSTAT_COLUMNS`.
        thresholds: kept as they are; they are chosen on judged pairs, which estimation never sees.

    Raises:
        WrongUse: too few candidate pairs between feeds.
    """
    rules = rules or linking_rules()
    frame = numbered(constats)
    known = traits(frame, rules)
    return estimate(known, exact_links(frame, known.select("_i", "famille"), rules), thresholds)
