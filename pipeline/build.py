"""`build_defs`: a fresh Definitions from the registry of stages; tests override resources, they do not patch."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.access import assets as access
from assets.raw.assets import raw_assets
from assets.referentiel import assets as referentiel
from assets.release import assets as release
from assets.scenarios import assets as scenarios
from assets.tension import assets as tension
from assets.territories import assets as territories
from pipeline.jobs import JOBS
from pipeline.resources import workspace
from pipeline.schedules import SCHEDULES
from pipeline.sensors import SENSORS
from quality.contract import Contract, all_contracts

_DAGSTER_TYPES = {"texte": "string", "entier": "int", "reel": "float", "booleen": "bool", "date": "date"}


def stages(*, retries: bool = True) -> list[dg.AssetsDefinition]:
    """Every asset, stage after stage."""
    return [
        *raw_assets(retries=retries),
        territories.territories,
        territories.carreaux,
        territories.contexte,
        referentiel.releves,
        referentiel.constats,
        referentiel.groups,
        referentiel.counters,
        access.network,
        access.measures,
        referentiel.to_do,
        tension.indicators,
        scenarios.atlas,
        scenarios.evaluation,
        release.verdict,
        release.publication,
    ]


def build_defs(*, resources: Mapping[str, Any] | None = None, retries: bool = True) -> dg.Definitions:
    """A fresh code location.

    Args:
        resources: replaces the default `workspace` resource.
        retries: keep the retry policy of downloads; the command line fails at once instead.
    """
    assets = [_with_contract(asset) for asset in stages(retries=retries)]
    return dg.Definitions(
        assets=assets,
        asset_checks=release.TABLE_CHECKS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources=dict(resources or {"workspace": workspace}),
        executor=dg.in_process_executor,
    )


def _with_contract(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """Show the contract of a table (columns, keys) on its asset."""
    contracts = all_contracts()

    def describe(spec: dg.AssetSpec) -> dg.AssetSpec:
        contract = contracts.get(spec.key.to_user_string())
        return spec.merge_attributes(metadata={"dagster/column_schema": column_schema(contract)}) if contract else spec

    return asset.map_asset_specs(describe)


def column_schema(contract: Contract) -> dg.TableSchema:
    """A contract as Dagster shows it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=_DAGSTER_TYPES.get(column.type, column.type),
                description=f"{column.title}. {column.description}",
                constraints=dg.TableColumnConstraints(nullable=not column.required, unique=column.unique),
            )
            for column in contract.columns
        ]
    )
