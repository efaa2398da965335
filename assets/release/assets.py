"""Dagster assets of the release: the stored verdict, then the version it lets through."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from assets.access.tables import AREAS, COMMUNES, DISTANCES
from assets.referentiel.assets import COUNTERS
from assets.release import gate, scope
from assets.release.manifest import load_manifest
from assets.release.promote import promote, settle
from assets.release.versions import already_made, latest, next_version
from assets.release.warehouse import follow, warehouse
from assets.scenarios.tables import ATLAS
from assets.tension.tables import MADE as INDICATORS
from assets.territories.context_tables import TABLES as TERRITORIES
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts
from quality.results import RuleResult
from quality.verdict import read_verdict, require

VERDICT = "release__verdict"
RELEASE = "release__version"
CONTRACT_CHECK = "contrat"
JUDGED = (
    *COUNTERS,
    DISTANCES,
    COMMUNES,
    AREAS,
    "territories__communes",
    "territories__epci",
    "territories__departements",
    *TERRITORIES,
    *INDICATORS,
    *ATLAS,
)


class Perimeter(dg.Config):
    """Départements of the release; empty means every known one."""

    departements: list[str] = Field(default_factory=list)


def _departements(workspace: Workspace, asked: list[str]) -> list[str]:
    return asked or workspace.tables.read("territories__departements")["code"].to_list()


@dg.asset(
    key=VERDICT,
    deps=[*JUDGED],
    group_name="release",
    description="Jugement de la qualité sur ce qui va être publié : contrats, mouvements des sources, acceptations. "
    "Enregistré dans qualite/verdict.json avec son rapport ; la publication le lit.",
)
def verdict(config: Perimeter, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Judge, and store the verdict whatever it says."""
    case = gate.open_case(workspace, _departements(workspace, config.departements))
    version = already_made(workspace.root.releases, case.context(gate.NO_VERDICT))
    if version is not None:
        return dg.MaterializeResult(metadata={"statut": "inchangé", "version": version})
    found = gate.pronounce(workspace, case)
    return dg.MaterializeResult(
        metadata={
            "statut": found.statut,
            **found.comptes,
            "rapport": dg.MetadataValue.path(str(workspace.root.quality / gate.REPORT_FILE)),
            "blocages": dg.MetadataValue.md("\n".join(f"- {r.titre} : {r.observe}" for r in found.blocages) or "aucun"),
        }
    )


def _table_check(table: str) -> dg.AssetChecksDefinition:
    """Show on a table the stored results of Great Expectations that speak of it."""

    @dg.asset_check(
        name=CONTRACT_CHECK,
        asset=table,
        additional_deps=[VERDICT],
        description="Toutes les règles du contrat de la table, telles que jugées par le dernier verdict.",
    )
    def check(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
        stored = read_verdict(workspace.root.quality / gate.VERDICT_FILE)
        results = [r for r in stored.resultats if r.table == table]
        failed = [r for r in results if r.bloque or r.alerte]
        detail = "\n".join(f"- {r.regle} : {r.observe} (attendu : {r.attendu})" for r in failed)
        return dg.AssetCheckResult(
            passed=not failed,
            severity=_severity(failed),
            metadata={
                "règles": len(results),
                "échecs": len(failed),
                "détail": dg.MetadataValue.md(detail or "aucun"),
            },
        )

    return check


def _severity(failed: list[RuleResult]) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if any(r.bloque for r in failed) else dg.AssetCheckSeverity.WARN


TABLE_CHECKS = [_table_check(table) for table in JUDGED]


@dg.asset(
    key=RELEASE,
    deps=[VERDICT],
    group_name="release",
    kinds={"geopackage", "parquet", "csv", "duckdb"},
    description="Version publiée sur disque : préparée à part, relue par d'autres lecteurs, promue d'un renommage.",
)
def publication(config: Perimeter, workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Stage and promote what the verdict lets through; nothing when nothing changed."""
    releases = workspace.root.releases
    settle(releases)
    coming = workspace.root.warehouse.with_name(f".{workspace.root.warehouse.name}.suivant")
    coming.unlink(missing_ok=True)  # of a run that was killed
    case = gate.open_case(workspace, _departements(workspace, config.departements))
    made, current = already_made(releases, case.context(gate.NO_VERDICT)), latest(releases)
    if made is not None:
        if made != current:
            reporter().note(
                f"les fichiers et le code sont ceux de la version {made}, qui a été retirée : {current} reste la "
                f"version courante tant qu'ils ne changent pas (« csp rollback {made} » la remet)"
            )
        if current is not None:
            follow(workspace.root, current)
        return dg.MaterializeResult(metadata={"version": current, "nouvelle": False})
    # Writers bring GDAL, GeoPandas and Matplotlib with them: late, a run with nothing to publish does without.
    from assets.release.assemble import about, stage
    from assets.release.further import further
    from outputs.style import look

    stored = read_verdict(workspace.root.quality / gate.VERDICT_FILE)
    require(stored, gate.key_of(workspace, case))
    reporter().step("écriture et relecture de la version")
    frames = scope.released_tables(workspace.tables, case.departements)
    counts = {f"{source}|{code}": n for source, codes in stored.comptages.code.items() for code, n in codes.items()}
    version = next_version(releases, case.date_reference.date())
    files = (gate.VERDICT_FILE, gate.REPORT_FILE, gate.ISSUES_FILE, gate.DATA_DOCS)
    context = case.context(gate.summary(stored), counts, stored.couverture)
    qualite: dict[str, Path | bytes | str] = {f"qualite/{name}": workspace.root.quality / name for name in files}
    try:
        staging = stage(
            releases,
            version,
            frames,
            all_contracts(),
            context,
            files=qualite,
            products=[
                *further(frames, all_contracts(), context, about(version, context)),
                warehouse(frames, all_contracts(), version, coming),
            ],
            look=look(),
        )
        path = promote(staging, releases, version)
        coming.replace(workspace.root.warehouse)
    finally:
        coming.unlink(missing_ok=True)
    return dg.MaterializeResult(
        metadata={
            "version": version,
            "nouvelle": True,
            "courante": latest(releases) or "",
            "dossier": dg.MetadataValue.path(str(path)),
            "lignes": {table.layer: table.lignes for table in load_manifest(path).tables},
        }
    )
