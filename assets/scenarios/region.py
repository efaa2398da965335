"""The people of a part of the country and their roads, from a data root: where evaluations and siting start from."""

import polars as pl

from assets.access import places
from assets.access.network.profile import profiles
from assets.access.networks import graphs_of
from assets.access.places import Territory
from assets.access.settings import settings
from assets.access.tables import ROADS
from assets.tension.people import People, cell_columns, people
from assets.tension.zones import Zones
from assets.territories.grid import CELLS
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import Workspace


def people_of(tables: TableStore, communes: pl.Series, zones: Zones) -> People:
    """Origins of those communes (codes), with who lives there."""
    cells = (
        pl.scan_parquet(tables.path(CELLS), hive_partitioning=False)
        .filter(pl.col("commune").is_in(communes.implode()))
        .select(cell_columns())
        .collect()
    )
    known = tables.read("territories__communes").drop("geometrie", "codes_postaux")
    here = known.filter(pl.col("code").is_in(communes.implode()))
    starts = places.origins(cells, here, tables.read("referentiel__implantations"))
    return people(starts, cells, tables.read("territories__contexte"), zones)


def roads_of(workspace: Workspace, everybody: People, counters: pl.DataFrame) -> Territory:
    """Those people and those counters (`COUNTER_SCHEMA`), attached to the road graph they are on.

    Raises:
        WrongUse: they are in several projected systems, or no road covers theirs.
    """
    starts = everybody.frame.with_columns(pl.lit("").alias("type_origine")).select(places.ORIGIN_SCHEMA.names())
    graphs = graphs_of(workspace, ROADS, settings().mode)
    found = places.territories(starts, counters.select(places.COUNTER_SCHEMA.names()), graphs, profiles())
    if len(found) != 1 or found[0].graph is None:
        raise WrongUse(
            "travel by road",
            expected="one territory (mainland France, or one overseas département), with roads",
            found=f"{len(found)} projected systems, {len(graphs)} road networks",
            remedy="do each territory apart, or csp roads import FILE",
        )
    return found[0]
