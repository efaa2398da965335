"""Dagster assets of access: département by département, so that one can be computed again alone."""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from assets.territories.assets import DEPARTEMENTS
from pipeline.foundations import fingerprint
from pipeline.foundations.preview import preview
from pipeline.foundations.progress import reporter
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import Workspace

DISTANCES = "access__distances"
_INPUTS = ("referentiel__implantations", "territories__communes")


def _recipe(tables: TableStore) -> str:
    return fingerprint.of_values(fingerprint.of_code(), {n: tables.content(n) for n in _INPUTS})


def stale_departements(tables: TableStore, departements: Sequence[str]) -> list[str]:
    """Those whose distances are absent, or were made from other inputs than today's.

    Raises:
        CspError: the tables distances are made from are not there.
    """
    recipe = _recipe(tables)
    stored = {d: tables.state(DISTANCES, d) for d in departements}
    return [d for d, state in stored.items() if state is None or state.recipe != recipe]


@dg.asset(
    key=DISTANCES,
    deps=[*_INPUTS],
    partitions_def=DEPARTEMENTS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="access",
    kinds={"parquet"},
    description="Distance à vol d'oiseau de chaque commune à l'implantation la plus proche de chaque typologie, "
    "voisines d'un autre département comprises.",
)
def distances(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Nearest counters, for the départements of this run whose inputs changed."""
    tables = workspace.tables
    if stale := stale_departements(tables, context.partition_keys):
        # Late: a run with nothing to compute does without SciPy.
        from assets.access.straight_line import nearest_counters, origins
        from assets.referentiel.typology import typologies

        recipe = _recipe(tables)
        reporter().step("distances au plus proche")
        counters = tables.read("referentiel__implantations")
        communes = tables.read("territories__communes").drop("geometrie", "codes_postaux")
        starts = origins(communes, counters).filter(pl.col("code_departement").is_in(stale))
        frame = nearest_counters(starts, counters, typologies().labels)
        for (departement,), part in frame.group_by("code_departement", maintain_order=True):
            tables.write(DISTANCES, part, recipe=recipe, departement=str(departement))
    frame = tables.read_all(DISTANCES, context.partition_keys)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "aperçu": dg.MetadataValue.md(preview(frame)),
            "départements recalculés": len(stale),
        }
    )
