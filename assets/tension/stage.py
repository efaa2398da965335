"""Every table of tension, from those of access, territories and référentiel: read, measure, sum up.

Kept out of the assets, and imported late: a run with nothing to compute does without SciPy and compiled code.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from assets.access import places
from assets.access.settings import settings
from assets.access.tables import COUNTERS
from assets.referentiel.typology import typologies
from assets.tension.basket_rows import Kept, basket_rows
from assets.tension.baskets import baskets
from assets.tension.closures import lost_counters, lost_share
from assets.tension.crow import CrowTimes
from assets.tension.equity_rows import equity_rows
from assets.tension.index_rows import LEVELS as INDEXED
from assets.tension.index_rows import LOST_SHARE, context_columns, density_class, supply_columns, tension_rows
from assets.tension.long_table import indicator_rows, long_table
from assets.tension.measures import Faster, Source, measure
from assets.tension.methods import methods
from assets.tension.pairs import Ints
from assets.tension.people import People, cell_columns, people
from assets.tension.references import reference_rows
from assets.tension.scheme import scheme
from assets.tension.summaries import Scope, access_rows, supply_rows
from assets.tension.supply_counts import supply_table
from assets.tension.tables import (
    ACCESS,
    BASKETS,
    DEMAND,
    EQUITY,
    INDICATORS,
    MADE,
    MISSING,
    PASSAGE,
    REFERENCES,
    REGISTRY,
    SUPPLY,
    TENSION,
)
from assets.tension.travel import RoadTimes, read_pairs, read_times
from assets.tension.zones import Zones
from assets.territories.grid import CELLS
from assets.territories.levels import COMMUNE
from pipeline.foundations.progress import reporter
from pipeline.foundations.tables import TableStore
from quality.contract import all_contracts

#: Typologies measured at a time: one on each core.
_AT_ONCE = 2
#: Measure of what no travel time is in.
NO_MEASURE = "sans objet"
#: The method of the index and of equity: minutes of counter a week for 100 potential users.
MINUTES = "minutes_pour_100"


@dataclass
class Found:
    """Rows made so far, by table."""

    rows: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def add(self, table: str, *frames: pl.DataFrame) -> None:
        """Take rows of a table; empty frames are left out."""
        self.rows.setdefault(table, []).extend(f for f in frames if f.height)

    def frame(self, table: str) -> pl.DataFrame:
        """All its rows, in the columns of its contract."""
        contract = all_contracts()[table]
        parts = self.rows.get(table) or [pl.DataFrame(schema=contract.polars_schema)]
        self.rows[table] = [contract.conform(pl.concat(parts))]  # kept once
        return self.rows[table][0]


def compute(tables: TableStore, measured: Sequence[str], reference: date) -> dict[str, pl.DataFrame]:
    """Make every table of `tables.MADE`.

    Args:
        measured: départements whose tables of access are up to date, and that have roads.
        reference: date the counters are of.
    """
    reporter().step("indicateurs : population et territoires")
    membership = tables.read("territories__appartenance")
    context = tables.read("territories__contexte_zones")
    population = _populations(membership, tables.read("territories__zones"))
    zones = Zones.of(membership)
    held = [tables.read(name) for name in COUNTERS]
    counters = places.counters(*held)
    cells = pl.read_parquet(tables.path(CELLS), columns=cell_columns(), hive_partitioning=False)
    communes = tables.read("territories__communes").drop("geometrie", "codes_postaux")
    starts = places.origins(cells, communes, held[0])
    everybody = people(starts, cells, tables.read("territories__contexte"), zones)
    found = Found()
    cases: dict[str, list[pl.DataFrame]] = {}
    for source in _sources(tables, everybody, counters, measured):
        cases[source.mesure] = _measure(
            found, source, Scope.of(source, everybody, zones, methods().part_mesuree_min), counters
        )
    reporter().step("indicateurs : offre, tension, repères")
    lost = lost_counters(tables.read(REGISTRY), tables.read(PASSAGE), reference, scheme().disparitions_mois)
    offer = supply_table(counters, membership, population, typologies().labels, lost)
    found.add(SUPPLY, offer)
    access, demand = found.frame(ACCESS), found.frame(DEMAND)
    classes = pl.concat(
        density_class(membership, niveau).select(pl.lit(niveau).alias("niveau"), pl.all()) for niveau in INDEXED
    )
    for mesure, variants in cases.items():
        base = supply_columns(access, demand, scheme()).filter(pl.col("mesure") == mesure)
        for niveau in INDEXED:
            here = pl.col("niveau") == niveau
            territories = (
                population.filter(here)
                .select("territoire", "population")
                .join(classes.filter(here).drop("niveau"), on="territoire", how="left", maintain_order="left")
                .join(context_columns(context, niveau, scheme()), on="territoire", how="left", maintain_order="left")
                .join(lost_share(offer, niveau, LOST_SHARE), on="territoire", how="left", maintain_order="left")
            )
            rows = tension_rows(territories, base.filter(here), [v.filter(here) for v in variants], scheme())
            found.add(TENSION, rows)
    wides = {choice.table: found.frame(choice.table) for choice in long_table().tables}
    for choice in long_table().tables:
        wide = wides[choice.table]
        if "mesure" not in wide.columns:
            wide = wide.with_columns(pl.lit(NO_MEASURE).alias("mesure"))
        found.add(REFERENCES, reference_rows(wide, choice.colonnes, classes))
    found.add(INDICATORS, indicator_rows(wides, context, long_table(), reference))
    return {name: found.frame(name) for name in MADE}


def _sources(
    tables: TableStore, everybody: People, counters: pl.DataFrame, measured: Sequence[str]
) -> Iterator[CrowTimes | RoadTimes]:
    """Times by road where there are roads; as the crow flies everywhere, unless roads are."""
    departements = everybody.frame["code_departement"]
    on_roads = departements.is_in(list(measured)).to_numpy()
    if not on_roads.all():
        yield CrowTimes(everybody, counters, settings().vol_oiseau, settings().couples_max_min * 60)
    if on_roads.any():
        # A row group at a time is not worth it: a département fits, and rows are turned into arrays at once.
        times = (read_times(tables, d) for d in sorted(measured))
        pairs = (read_pairs(tables, d) for d in sorted(measured))
        reporter().step("indicateurs : lecture des temps par la route")
        yield RoadTimes(everybody.chosen(on_roads), counters, typologies().labels, times, pairs)


def _measure(found: Found, source: Source, scope: Scope, counters: pl.DataFrame) -> list[pl.DataFrame]:
    """Measure every typology that has a counter; returns the supply of the index at other speeds."""
    known = methods()
    thresholds, reference = settings().seuils_min, scheme().reference
    kept = Kept.of(baskets().paniers)
    wanted = {t for b in baskets().paniers for s in b.services for t in s.typologies}
    present = set(counters.filter(pl.col("longitude").is_not_null())["typologie"].to_list())
    labels = [t for t in typologies().labels if t in present or t in wanted]

    def one(typology: str) -> dict[str, list[pl.DataFrame]]:
        """Rows of a typology; none when no feed gives a counter of it, which baskets want to know."""
        measured = measure(source, typology, counters, known, known.methodes, reference.seuil_min)
        if typology in wanted:
            kept.keep(measured)
        if typology not in present:
            return {}
        made = {ACCESS: access_rows(scope, measured, thresholds), DEMAND: supply_rows(scope, measured)}
        if typology in known.equite.typologies:
            good = measured.supply[MINUTES].access
            made[EQUITY] = [equity_rows(scope, measured, good, known.equite)]
        return made

    reporter().step(f"indicateurs ({source.mesure}) : {len(labels)} typologies")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for number, made in enumerate(pool.map(one, labels)):
            reporter().advance(number + 1, len(labels))
            for table, frames in made.items():
                found.add(table, *frames)
    reporter().step(f"indicateurs ({source.mesure}) : paniers, autres vitesses")
    place = _place_numbers(counters)
    for basket in baskets().paniers:
        rows, missing = basket_rows(scope, basket, kept, place)
        found.add(BASKETS, *rows)
        found.add(MISSING, *missing)
    minutes = [m for m in known.methodes if m.code == MINUTES]
    cases = []
    for factor in scheme().robustesse.vitesses:
        case = measure(Faster(source, factor), reference.typologie, counters, known, minutes, reference.seuil_min)
        reached, served = access_rows(scope, case, [int(reference.seuil_min)]), supply_rows(scope, case)
        cases.append(supply_columns(pl.concat(reached), pl.concat(served), scheme()))
    return cases


def _place_numbers(counters: pl.DataFrame) -> Ints:
    """Number of the place of each counter: counters a metre apart are in one."""
    spot = counters.select(pl.struct(pl.col("longitude", "latitude").round(5)).rank("dense")).to_series()
    return spot.fill_null(0).to_numpy().astype(np.int32)


def _populations(membership: pl.DataFrame, supra: pl.DataFrame) -> pl.DataFrame:
    """`niveau, territoire, population` of every territory."""
    columns = [pl.col("code").alias("territoire"), pl.col("population").cast(pl.Float64)]
    return pl.concat(
        [
            membership.select(pl.lit(COMMUNE).alias("niveau"), *columns),
            supra.select("niveau", *columns),
        ]
    )
