"""Dagster assets of the feeds: one per source, its snapshot and what its reader made of it."""

from collections.abc import Iterator

import dagster as dg

from assets.raw.ingest import ingest, issues_table, table_names
from pipeline.foundations.preview import preview
from pipeline.foundations.workspace import Workspace
from sources.registry import all_sources
from sources.spec import SourceSpec


def raw_key(source_id: str) -> str:
    """Asset key of a source."""
    return f"raw__{source_id}"


_RETRY = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def source_asset(spec: SourceSpec, *, retries: bool = True) -> dg.AssetsDefinition:
    """The asset of one source. It also checks, as a warning, that upstream's latest version could be used.

    `retries` tries again minutes later when a required source cannot be read, on top of the retries of each download.
    """

    @dg.asset(
        key=raw_key(spec.id),
        group_name="raw",
        description=f"{spec.title} — {spec.producer}. {spec.notes}",
        kinds={"parquet"},
        owners=[],
        metadata={
            "page": dg.MetadataValue.url(spec.dataset_page),
            "licence": spec.licence.title,
            "cadence": spec.cadence,
            "format": spec.format,
        },
        retry_policy=_RETRY if retries else None,
        check_specs=[
            dg.AssetCheckSpec(
                "derniere_version_utilisable",
                asset=raw_key(spec.id),
                description="La version proposée par le producteur a pu être lue et utilisée.",
            )
        ],
    )
    def asset(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:

        declared = spec.imagined() if workspace.fictional else spec
        state = ingest(
            declared,
            snapshots=workspace.snapshots,
            tables=workspace.tables,
            mirror=workspace.mirror,
            frozen=workspace.frozen,
        )
        metadata: dict[str, dg.RawMetadataValue] = {"état": state.etat, "refus": state.refus or "aucun"}
        if state.etat != "absente":
            main = next(iter(table_names(spec).values()))
            metadata |= {
                "dagster/row_count": workspace.tables.height(main),
                "aperçu": dg.MetadataValue.md(preview(workspace.tables.head(main))),
                "problèmes": workspace.tables.height(issues_table(spec)),
                "fichiers": dg.MetadataValue.md("\n".join(f"- {f.url} ({f.sha256[:12]})" for f in state.fichiers)),
                "date du fichier": str(state.date_fichier),
            }
        check = dg.AssetCheckResult(
            check_name="derniere_version_utilisable",
            passed=state.refus is None,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"motif": state.refus or "aucun"},
        )
        yield dg.MaterializeResult(metadata=metadata, check_results=[check])

    return asset


def raw_assets(*, retries: bool = True) -> list[dg.AssetsDefinition]:
    """Every enabled source as an asset."""
    return [source_asset(spec, retries=retries) for spec in all_sources().values()]
