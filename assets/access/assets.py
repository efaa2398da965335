"""Dagster assets of access: the road graphs, then distances and times, département by département."""

from collections.abc import Iterator, Sequence

import dagster as dg
import numpy as np
import polars as pl

from assets.access.areas import area_table
from assets.access.choice import pairs
from assets.access.network.graph import RoadGraph
from assets.access.network.profile import profiles
from assets.access.networks import graphs_of
from assets.access.pairs_files import PairFiles
from assets.access.places import Territory, counters, origins, territories
from assets.access.road_graph import network_table
from assets.access.settings import settings
from assets.access.slots import slots_table
from assets.access.straight_line import nearest_counters
from assets.access.straight_line import origins as starts_of_communes
from assets.access.summary import commune_table
from assets.access.times import measure
from assets.access.times_table import times_table
from assets.raw.roads import BDTOPO
from assets.referentiel.typology import typologies
from assets.territories.assets import DEPARTEMENTS
from assets.territories.grid import CELLS
from pipeline.foundations import fingerprint
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.preview import preview
from pipeline.foundations.progress import reporter
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts

NETWORK = "access__reseau"
DISTANCES = "access__distances"
TIMES = "access__temps"
SLOTS = "access__temps_creneaux"
PAIRS = "access__couples"
COMMUNES = "access__acces_communes"
AREAS = "access__isochrones"
ISSUES = "access__issues"
#: Tables made together, département by département.
MEASURED = (DISTANCES, TIMES, SLOTS, PAIRS, COMMUNES, AREAS)

_COUNTERS = ("referentiel__implantations", "referentiel__permanences", "referentiel__itinerances")
_INPUTS = (*_COUNTERS, "territories__communes", CELLS, NETWORK)
_DESCRIPTIONS = {
    DISTANCES: "Distance à vol d'oiseau de chaque commune à l'implantation la plus proche de chaque typologie, "
    "voisines d'un autre département comprises.",
    TIMES: "Temps par la route de chaque origine (carreau habité, sinon commune) à l'implantation la plus proche de "
    "chaque typologie, choix à proximité, et vol d'oiseau à côté.",
    SLOTS: "Temps jusqu'au plus proche point d'accueil ouvert, créneau de la semaine par créneau.",
    PAIRS: "Couples (origine, point d'accueil) proches, avec leur temps : ce que demandent les aires de service.",
    COMMUNES: "Accès de la population de chaque commune à chaque typologie.",
    AREAS: "Isochrones par typologie, et population couverte.",
}


@dg.asset(
    key=NETWORK,
    deps=["raw__bdtopo", "territories__communes"],
    group_name="access",
    kinds={"parquet", "numpy"},
    description="Graphe routier de chaque territoire dont on a les routes : ce qui en est gardé, ce qui en est écarté.",
)
def network(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Graphs of the roads brought so far; none when none was brought."""
    tables = workspace.tables
    graphs = graphs_of(workspace, BDTOPO, settings().mode)
    files = {f["ressource"]: f["sha256"] for graph in graphs.values() for f in graph.meta["fichiers"]}
    tables.make(
        [NETWORK],
        inputs=files | {"communes": tables.content("territories__communes")},
        compute=lambda: {NETWORK: all_contracts()[NETWORK].conform(network_table(graphs))},
    )
    frame = tables.read(NETWORK)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "aperçu": dg.MetadataValue.md(preview(frame, rows=40)),
            "fichiers": len(files),
        }
    )


def stale_departements(tables: TableStore, departements: Sequence[str]) -> list[str]:
    """Those whose measures are not those of today's inputs, in the order given."""
    wanted = _recipe(tables)
    return [d for d in departements if not all(_is_made(tables, name, d, wanted) for name in MEASURED)]


def _recipe(tables: TableStore) -> str:
    network = tables.state(NETWORK)
    inputs = {name: tables.content(name) for name in _INPUTS}
    return fingerprint.of_values(fingerprint.of_code(), inputs, network.recipe if network else None)


def _is_made(tables: TableStore, name: str, departement: str, recipe: str) -> bool:
    state = tables.state(name, departement)
    return state is not None and state.recipe == recipe


@dg.multi_asset(
    name="acces",
    specs=[
        dg.AssetSpec(name, deps=[*_INPUTS], description=text, group_name="access", kinds={"parquet"})
        for name, text in _DESCRIPTIONS.items()
    ],
    partitions_def=DEPARTEMENTS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def measures(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> Iterator[dg.MaterializeResult[None]]:
    """Distances and times, for the départements of this run whose inputs changed."""
    tables = workspace.tables
    stale = stale_departements(tables, context.partition_keys)
    if stale:
        _compute(workspace, stale, _recipe(tables))
    for name in MEASURED:
        rows = sum(state.rows for d in context.partition_keys if (state := tables.state(name, d)) is not None)
        shown = tables.read(name, context.partition_keys[0])
        yield dg.MaterializeResult(
            asset_key=name,
            metadata={
                "dagster/row_count": rows,
                "aperçu": dg.MetadataValue.md(preview(shown)),
                "départements recalculés": len(stale),
            },
        )


def _compute(workspace: Workspace, departements: list[str], recipe: str) -> None:
    tables = workspace.tables
    communes = tables.read("territories__communes")
    held = [tables.read(name) for name in _COUNTERS]
    reporter().step("distances au plus proche")
    starts = starts_of_communes(communes.drop("geometrie", "codes_postaux"), held[0])
    starts = starts.filter(pl.col("code_departement").is_in(departements))
    distances = nearest_counters(starts, held[0], typologies().labels)
    _write(tables, DISTANCES, distances, departements, recipe)

    issues = IssueLog("acces")
    cells = tables.read(CELLS)
    leaving = origins(cells, communes, held[0]).filter(pl.col("code_departement").is_in(departements))
    graphs: dict[int, RoadGraph] = graphs_of(workspace, BDTOPO, settings().mode)
    for territory in territories(leaving, counters(*held), graphs, profiles(), issues):
        _measure(tables, territory, communes, recipe)
    for departement in departements:
        for name in MEASURED:
            if not _is_made(tables, name, departement, recipe):  # nobody leaves from there
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
    for number, code in enumerate(codes):
        reporter().advance(number, len(codes))
        frame = times_table(territory, times, labels, known, np.flatnonzero(of_origin == code))
        tables.write(TIMES, all_contracts()[TIMES].conform(frame), recipe=recipe, departement=code)
        summary = commune_table(frame, labels, known.seuils_min, known.reseau_suspect)
        tables.write(COMMUNES, all_contracts()[COMMUNES].conform(summary), recipe=recipe, departement=code)
    _write(tables, AREAS, area_table(territory, times, labels, known.isochrones, codes, communes), codes, recipe)


def _empty(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema=all_contracts()[name].polars_schema)


def _write(tables: TableStore, name: str, frame: pl.DataFrame, departements: Sequence[str], recipe: str) -> None:
    """Each département of a table, those without any row too."""
    frame = all_contracts()[name].conform(frame)
    parts = frame.partition_by("code_departement", as_dict=True, maintain_order=True)
    for departement in departements:
        tables.write(name, parts.get((departement,), frame.clear()), recipe=recipe, departement=departement)
