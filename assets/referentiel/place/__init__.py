"""Where a record is: its current commune, then whether its coordinates can be believed.

Nothing is moved silently: every decision has a method and a rule, and what is set aside becomes an issue. `gazetteer`
holds the communes, `names` reads the names of towns, `commune` finds a record's commune, `position` judges its point,
`precision` knows the feeds' own words for the quality of a point. Hours, types, addresses to geocode and the
linking of records are other modules.
"""

import polars as pl

from assets.referentiel.place.commune import find_communes
from assets.referentiel.place.gazetteer import Gazetteer
from assets.referentiel.place.position import believe_positions
from pipeline.foundations.issues import IssueLog

__all__ = ["Gazetteer", "locate"]


def locate(records: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    """Give each record its current commune and its trusted position.

    Args:
        records: `id_source, code_insee, code_postal, commune, adresse, complement, longitude, latitude, precision_geo`
            (as the feed states them), and `mairie` (Boolean): the counter cannot be outside its commune.
        issues: the log of the feed; its `source` says whose words `precision_geo` are.

    Returns:
        The frame with what `find_communes` and `believe_positions` add.
    """
    return believe_positions(find_communes(records, gazetteer, issues), gazetteer, issues)
