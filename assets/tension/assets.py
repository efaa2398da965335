"""Dagster assets of tension: indicators of every territory, for the whole country at once."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from assets.access.tables import MEASURED
from assets.raw.ingest import date_of_feeds
from assets.tension.tables import INPUTS, MADE, digests, measured_departements
from pipeline.foundations.preview import preview
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts


@dg.multi_asset(
    name="indicateurs",
    specs=[
        dg.AssetSpec(
            name,
            deps=[*INPUTS, *MEASURED],
            description=all_contracts()[name].description,
            group_name="tension",
            kinds={"parquet"},
        )
        for name in MADE
    ],
)
def indicators(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Supply, access, demand, baskets, equity, tension index and what to compare them with."""
    tables = workspace.tables
    measured = measured_departements(tables, tables.read("territories__departements")["code"].to_list())
    reference = date_of_feeds(workspace.snapshots.root)

    def compute() -> dict[str, pl.DataFrame]:
        # Late: a run without news does without SciPy and compiled code.
        from assets.tension.stage import compute as made

        return made(tables, measured, reference)

    inputs = digests(tables, measured)
    states = tables.make(MADE, inputs=inputs, parameters=reference.isoformat(), compute=compute)
    for name in MADE:
        yield dg.MaterializeResult(
            asset_key=name,
            metadata={
                "dagster/row_count": tables.height(name),
                "aperçu": dg.MetadataValue.md(preview(tables.head(name))),
                "départements mesurés par la route": len(measured),
                "recalculé": states[name][1],
            },
        )
