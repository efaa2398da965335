"""How equal access is, département by département and in the country: rows of `tension__equite`.

The measures belong to `equity`. The good is the minutes of counter within reach; FGT is of the time to the nearest.
"""

import numpy as np
import polars as pl

from assets.tension.equity import concentration, fgt, gini, known_share, palma, theil
from assets.tension.measures import Measured
from assets.tension.methods import Equity
from assets.tension.pairs import Floats
from assets.tension.people import POPULATION
from assets.tension.summaries import Scope

LEVELS = ("departement", "region", "france")


def equity_rows(scope: Scope, measured: Measured, good: Floats, rule: Equity) -> pl.DataFrame:
    """Rows of one typology.

    Args:
        good: (n,) what each origin has within reach.
    """
    people, income = scope.people.groups[POPULATION], scope.people.income
    epci = next(level for level in scope.zones if level.niveau == "epci").of_origins(scope.people.commune)
    rows = []
    for level, chosen in scope.levels():
        if level.niveau not in LEVELS:
            continue
        zone = level.of_origins(scope.people.commune)
        order = np.argsort(zone, kind="stable")
        first = np.searchsorted(zone[order], chosen)
        last = np.searchsorted(zone[order], chosen, side="right")
        for z, a, b in zip(chosen, first, last, strict=True):
            here = order[a:b]
            mine, have, earn = people[here], good[here], income[here]
            values = (
                gini(have, mine),
                palma(have, earn, mine),
                concentration(have, earn, mine),
                *theil(have, mine, pl.Series(epci[here]).replace(-1, None)),
                *fgt(measured.seconds[here], mine, rule.seuil_min, rule.alphas, rule.ecart_max),
                100 * known_share(mine, have),
            )
            said = (level.niveau, level.codes[int(z)], measured.typology, scope.mesure)
            rows.append((*said, *(round(v, 6) + 0.0 for v in values)))  # a rounding below nothing is nothing
    names = [
        "gini",
        "palma",
        "concentration",
        "theil_entre_epci",
        "theil_dans_epci",
        *(f"fgt_{alpha:g}" for alpha in rule.alphas),
        "part_connue_pct",
    ]
    keys = ["niveau", "territoire", "typologie", "mesure"]
    schema = dict.fromkeys(keys, pl.String()) | dict.fromkeys(names, pl.Float64())
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col(names).fill_nan(None))
