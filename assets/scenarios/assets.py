"""Dagster assets of scenarios: the atlas of marginal value, and the evaluation of the scenario a run is given."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import Field

from assets.access.tables import COUNTERS, NETWORK
from assets.access.tables import recipe as access_recipe
from assets.scenarios.tables import ATLAS
from assets.tension.tables import measured_departements
from pipeline.foundations import fingerprint
from pipeline.foundations.preview import preview
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts

#: One partition by scenario evaluated: its name.
SCENARIOS = dg.DynamicPartitionsDefinition(name="scenario")
EVALUATION = "scenarios__evaluation"


@dg.multi_asset(
    name="atlas",
    specs=[
        dg.AssetSpec(
            name,
            deps=[*COUNTERS, "territories__communes", "territories__carreaux", NETWORK],
            description=all_contracts()[name].description,
            group_name="scenarios",
            kinds={"parquet"},
        )
        for name in ATLAS
    ],
)
def atlas(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """What closing each counter would cost, and what opening one in each commune would gain."""
    tables = workspace.tables
    measured = measured_departements(tables, tables.read("territories__departements")["code"].to_list())

    def compute() -> dict[str, pl.DataFrame]:
        # Late: a run without news does without SciPy and compiled code.
        from assets.scenarios.atlas_stage import compute as made

        return made(workspace, measured)

    # The measures of access are made of all the atlas is made of: counters, cells, communes, roads.
    inputs = {"access": access_recipe(tables), "départements": fingerprint.of_values(measured)}
    states = tables.make(ATLAS, inputs=inputs, compute=compute)
    for name in ATLAS:
        yield dg.MaterializeResult(
            asset_key=name,
            metadata={
                "dagster/row_count": tables.height(name),
                "aperçu": dg.MetadataValue.md(preview(tables.head(name))),
                "recalculé": states[name][1],
            },
        )


class ScenarioConfig(dg.Config):
    """Which scenario to evaluate."""

    fichier: str = Field(description="Fichier du scénario (YAML, GeoJSON ou CSV).")
    version: str = Field(default="", description="Version de base, si le fichier ne la nomme pas.")


@dg.asset(
    key=EVALUATION,
    deps=[*COUNTERS, "territories__communes", NETWORK],
    partitions_def=SCENARIOS,
    group_name="scenarios",
    kinds={"parquet", "geopackage"},
    description="Ce que change un projet : écrit dans scenarios/<nom>/ du dossier de données.",
)
def evaluation(
    context: dg.AssetExecutionContext, config: ScenarioConfig, workspace: dg.ResourceParam[Workspace]
) -> dg.MaterializeResult[None]:
    """Evaluate the scenario of the run's configuration, under the name of its partition."""
    from assets.scenarios.results import evaluate_file

    written = evaluate_file(workspace, Path(config.fichier), config.version or None, name=context.partition_key)
    return dg.MaterializeResult(
        metadata={
            "dossier": dg.MetadataValue.path(str(written.folder)),
            "version de base": written.evaluation.base.manifest.version,
            **{name: value for name, value in written.evaluation.figures.items() if value is not None},
        }
    )
