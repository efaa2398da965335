"""Dagster assets of the territories."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from assets.raw.ingest import read_state
from assets.territories import context_tables, geography, grid
from assets.territories.indicators import QUARTERS, settings
from assets.territories.passage import passage
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.preview import preview
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace

ISSUES = "territories__issues"
CELLS_ISSUES = "territories__carreaux_issues"
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
        metadata: dict[str, dg.RawMetadataValue] = {
            "dagster/row_count": tables.height(name),
            "aperçu": dg.MetadataValue.md(preview(tables.head(name))),
            "recalculé": made[name][1],
        }
        yield dg.MaterializeResult(asset_key=name, metadata=metadata)


@dg.multi_asset(
    name="carreaux",
    specs=[
        dg.AssetSpec(
            name,
            deps=["territories__communes", "territories__passage", *(f"raw__{s}" for s in grid.SOURCES.values())],
            description=text,
            group_name="territories",
            kinds={"parquet"},
        )
        for name, text in (
            (grid.CELLS, "Carreaux habités, rattachés aux communes en vigueur ; vide sans carroyage."),
            (grid.CONTROL, "Population des carreaux de chaque commune, face à sa population municipale."),
        )
    ],
)
def carreaux(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """The cells of the first size that is held, placed in the communes."""
    tables = workspace.tables
    settings = grid.load_settings()
    held = (grid.SOURCES[size] for size in settings.tailles_m)
    source = next((s for s in held if read_state(workspace.snapshots.root, s).etat != "absente"), None)
    names = ["territories__communes", "territories__passage", *([f"raw__{source}_carreaux"] if source else [])]

    def compute() -> dict[str, pl.DataFrame]:
        reporter().step("carreaux habités")
        issues = IssueLog("territoires")
        if source is None:
            return {**grid.no_cells(), CELLS_ISSUES: issues.frame()}
        communes, passages, cells = (tables.read(name) for name in names)
        placed = grid.territory_cells(cells, communes, passages, settings, issues)
        return {**placed, CELLS_ISSUES: issues.frame()}

    made = tables.make(
        [grid.CELLS, grid.CONTROL, CELLS_ISSUES],
        inputs={n: tables.content(n) for n in names},
        parameters=settings.model_dump(),
        compute=compute,
    )
    for name in (grid.CELLS, grid.CONTROL):
        metadata: dict[str, dg.RawMetadataValue] = {
            "dagster/row_count": tables.height(name),
            "aperçu": dg.MetadataValue.md(preview(tables.head(name))),
            "recalculé": made[name][1],
            "source": source or "aucune",
        }
        yield dg.MaterializeResult(asset_key=name, metadata=metadata)


_CONTEXT_DESCRIPTIONS = {
    context_tables.MEMBERSHIP: "Territoires et zonages de chaque commune.",
    context_tables.ZONES: "Territoires au-dessus de la commune : noms, communes, population.",
    context_tables.QPV: "Quartiers prioritaires, rattachés aux communes en vigueur ; vide sans leur source.",
    context_tables.CONTEXT: "Indicateurs de chaque commune, avec ce qui s'additionne.",
    context_tables.CONTEXT_ZONES: "Indicateurs de chaque territoire, et la part qui en est inconnue.",
}


@dg.multi_asset(
    name="contexte",
    specs=[
        dg.AssetSpec(
            name,
            deps=[
                *context_tables.MADE_BEFORE,
                *(f"raw__{source}" for source in (context_tables.COG, QUARTERS, *settings().lists)),
            ],
            description=text,
            group_name="territories",
            kinds={"parquet"},
        )
        for name, text in _CONTEXT_DESCRIPTIONS.items()
    ],
)
def contexte(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Territories above communes, and indicators of all, from the lists of context that are held."""
    tables = workspace.tables
    known = settings()
    held = context_tables.held(workspace.snapshots.root, known)

    def compute() -> dict[str, pl.DataFrame]:
        from assets.territories.context_stage import compute as indicators

        reporter().step("territoires et indicateurs")
        return indicators(tables, held, known)

    made = tables.make(
        [*context_tables.TABLES, context_tables.ISSUES],
        inputs={n: tables.content(n) for n in held.tables},
        parameters=[known.model_dump(mode="json"), dict(held.vintages)],
        compute=compute,
    )
    for name in context_tables.TABLES:
        metadata: dict[str, dg.RawMetadataValue] = {
            "dagster/row_count": tables.height(name),
            "aperçu": dg.MetadataValue.md(preview(tables.head(name))),
            "recalculé": made[name][1],
            "sources": ", ".join(held.vintages),
        }
        yield dg.MaterializeResult(asset_key=name, metadata=metadata)


def _declare_departements(instance: dg.DagsterInstance, codes: list[str]) -> None:
    """Make the partitions those of the current geography: a run over one that no longer exists would fail."""
    name = str(DEPARTEMENTS.name)
    for code in set(instance.get_dynamic_partitions(name)) - set(codes):
        instance.delete_dynamic_partition(name, code)
    instance.add_dynamic_partitions(name, codes)
