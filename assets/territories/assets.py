"""Dagster assets of the territories."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from assets.raw.ingest import read_state
from assets.territories import geography
from assets.territories.passage import passage
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.preview import preview
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace

ISSUES = "territories__issues"
TABLES = ("territories__communes", "territories__epci", "territories__departements", "territories__passage")
#: The départements of the country: partition keys of what is computed département by département.
DEPARTEMENTS = dg.DynamicPartitionsDefinition(name="departement")

_INPUTS = (
    "raw__cog_communes",
    "raw__cog_epci",
    "raw__cog_departements",
    "raw__cog_anciens_codes",
    "raw__contours_contours",
    "raw__cog_arrondissements_municipaux",
)
#: Used when the source could be had: without it, only the former codes that the COG still cites are known.
_MOVEMENTS = "raw__cog_mouvements_mouvements"
_DESCRIPTIONS = (
    "Communes en vigueur, avec leur contour.",
    "Intercommunalités, leurs communes et leur population.",
    "Départements, leurs communes et leur population.",
    "Passage des anciens codes de commune vers les communes en vigueur.",
)


@dg.multi_asset(
    name="territories",
    specs=[
        dg.AssetSpec(
            name,
            deps=["raw__cog", "raw__contours", "raw__cog_mouvements"],
            description=text,
            group_name="territories",
            kinds={"parquet"},
        )
        for name, text in zip(TABLES, _DESCRIPTIONS, strict=True)
    ],
)
def territories(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> Iterator[dg.MaterializeResult[None]]:
    """Communes, EPCI, départements and the passage between vintages, from the COG and the outlines."""
    tables = workspace.tables
    known = read_state(workspace.snapshots.root, "cog_mouvements").etat != "absente"
    names = [*_INPUTS, *([_MOVEMENTS] if known else [])]

    def compute() -> dict[str, pl.DataFrame]:
        reporter().step("territoires")
        issues = IssueLog("territoires")
        cog_communes, cog_epci, cog_departements, former, outlines, districts = (tables.read(name) for name in _INPUTS)
        communes = geography.communes(cog_communes, outlines, issues)
        return {
            TABLES[0]: communes,
            TABLES[1]: geography.epci(cog_epci, communes),
            TABLES[2]: geography.departements(cog_departements, communes),
            TABLES[3]: passage(
                former,
                communes,
                issues,
                districts=districts,
                movements=tables.read(_MOVEMENTS) if known else None,
            ),
            ISSUES: issues.frame(),
        }

    made = tables.make([*TABLES, ISSUES], inputs={n: tables.content(n) for n in names}, compute=compute)
    codes = tables.read("territories__departements")["code"].to_list()
    _declare_departements(context.instance, codes)
    for name in TABLES:
        frame = tables.read(name)
        metadata: dict[str, dg.RawMetadataValue] = {
            "dagster/row_count": frame.height,
            "aperçu": dg.MetadataValue.md(preview(frame)),
            "recalculé": made[name][1],
        }
        yield dg.MaterializeResult(asset_key=name, metadata=metadata)


def _declare_departements(instance: dg.DagsterInstance, codes: list[str]) -> None:
    """Make the partitions those of the current geography: a run over one that no longer exists would fail."""
    name = str(DEPARTEMENTS.name)
    for code in set(instance.get_dynamic_partitions(name)) - set(codes):
        instance.delete_dynamic_partition(name, code)
    instance.add_dynamic_partitions(name, codes)
