"""Dagster assets of access: the road graphs, then distances and times, département by département."""

from collections.abc import Iterator

import dagster as dg

from assets.access.network.profile import profiles
from assets.access.settings import settings
from assets.access.tables import (
    AREAS,
    COMMUNES,
    DISTANCES,
    INPUTS,
    MEASURED,
    NETWORK,
    PAIRS,
    ROADS,
    SLOTS,
    TIMES,
    recipe,
    stale_departements,
)
from assets.territories.assets import DEPARTEMENTS
from pipeline.foundations.preview import preview
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts
from sources.registry import get_source

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
    tables, mode = workspace.tables, settings().mode
    held = {r.id: workspace.snapshots.current(ROADS, r.id) for r in get_source(ROADS).resources}
    files = {name: snapshot.sha256 for name, snapshot in held.items() if snapshot is not None}
    inputs = files | {"communes": tables.content("territories__communes")}
    parameters = [mode, profiles().model_dump(mode="json")]
    if not tables.made_from([NETWORK], inputs=inputs, parameters=parameters):
        # Late: a run without news does without SciPy and compiled code.
        from assets.access.networks import graphs_of
        from assets.access.road_graph import network_table

        frame = all_contracts()[NETWORK].conform(network_table(graphs_of(workspace, ROADS, mode)))
        tables.make([NETWORK], inputs=inputs, parameters=parameters, compute=lambda: {NETWORK: frame})
    frame = tables.read(NETWORK)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "aperçu": dg.MetadataValue.md(preview(frame, rows=40)),
            "fichiers": len(files),
        }
    )


@dg.multi_asset(
    name="mesures_d_acces",
    specs=[
        dg.AssetSpec(name, deps=[*INPUTS], description=text, group_name="access", kinds={"parquet"})
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
    if stale := stale_departements(tables, context.partition_keys):
        from assets.access.stage import compute

        compute(workspace, stale, recipe(tables))
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
