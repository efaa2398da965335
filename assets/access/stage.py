"""The measures of access of some départements: read what they are made of, compute, write each table.

Kept out of the assets, and imported late: a run with nothing to compute does without SciPy and compiled code.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from assets.access.areas import area_table
from assets.access.choice import pairs
from assets.access.network.profile import profiles
from assets.access.networks import graphs_of
from assets.access.pairs_files import PairFiles
from assets.access.places import Territory, counters, origins, territories
from assets.access.settings import settings
from assets.access.slots import slots_table
from assets.access.straight_line import nearest_counters
from assets.access.straight_line import origins as starts_of_communes
from assets.access.summary import commune_table
from assets.access.tables import (
    AREAS,
    COMMUNES,
    COUNTERS,
    DISTANCES,
    ISSUES,
    MEASURED,
    PAIRS,
    ROADS,
    SLOTS,
    TIMES,
    is_made,
)
from assets.access.times import measure
from assets.access.times_table import times_table
from assets.referentiel.typology import typologies
from assets.territories.grid import CELLS
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.progress import reporter
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts


def compute(workspace: Workspace, departements: Sequence[str], recipe: str) -> None:
    """Make every table of `MEASURED` for those départements, under that recipe."""
    tables = workspace.tables
    communes = tables.read("territories__communes")
    held = [tables.read(name) for name in COUNTERS]
    reporter().step("distances au plus proche")
    starts = starts_of_communes(communes.drop("geometrie", "codes_postaux"), held[0])
    starts = starts.filter(pl.col("code_departement").is_in(departements))
    distances = nearest_counters(starts, held[0], typologies().labels)
    _write(tables, DISTANCES, distances, departements, recipe)

    issues = IssueLog("acces")
    cells = tables.read(CELLS)
    leaving = origins(cells, communes, held[0]).filter(pl.col("code_departement").is_in(departements))
    graphs = graphs_of(workspace, ROADS, settings().mode)
    for territory in territories(leaving, counters(*held), graphs, profiles(), issues):
        _measure(tables, territory, communes, recipe)
    for departement in departements:
        for name in MEASURED:
            if not is_made(tables, name, departement, recipe):  # nobody leaves from there
                tables.write(name, _empty(name), recipe=recipe, departement=departement)
    tables.write(ISSUES, issues.frame(), recipe=recipe)


def _measure(tables: TableStore, territory: Territory, communes: pl.DataFrame, recipe: str) -> None:
    """Every table of a territory, written département by département."""
    known, labels = settings(), typologies().labels
    codes = territory.origins["code_departement"].unique().sort().to_list()
    times = measure(territory, labels, known)
    limit = known.couples_max_min * 60
    with tables.streaming(PAIRS, codes, recipe=recipe) as paths, PairFiles(paths, territory, limit) as files:
        for part in pairs(territory, labels, known, times):
            files.add(part)
    _write(tables, SLOTS, slots_table(territory, labels, known), codes, recipe)
    reporter().step("temps par commune, isochrones")
    of_origin = territory.origins["code_departement"].to_numpy()
    on_roads: list[str] = []
    for number, code in enumerate(codes):
        reporter().advance(number, len(codes))
        frame = times_table(territory, times, labels, known, np.flatnonzero(of_origin == code))
        tables.write(TIMES, all_contracts()[TIMES].conform(frame), recipe=recipe, departement=code)
        # Where no road leads anywhere, there is nothing to sum up: the table of distances has the straight lines.
        served = frame if frame["temps_route_s"].is_not_null().any() else frame.clear()
        on_roads += [code] if served.height else []
        summary = commune_table(served, labels, known.seuils_min, known.reseau_suspect)
        tables.write(COMMUNES, all_contracts()[COMMUNES].conform(summary), recipe=recipe, departement=code)
    areas = area_table(territory, times, labels, known.isochrones, on_roads, communes)
    _write(tables, AREAS, areas, codes, recipe)


def _empty(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema=all_contracts()[name].polars_schema)


def _write(tables: TableStore, name: str, frame: pl.DataFrame, departements: Sequence[str], recipe: str) -> None:
    """Each département of a table, those without any row too."""
    frame = all_contracts()[name].conform(frame)
    parts = frame.partition_by("code_departement", as_dict=True, maintain_order=True)
    for departement in departements:
        tables.write(name, parts.get((departement,), frame.clear()), recipe=recipe, departement=departement)
