"""Dagster assets of the référentiel: what each feed says, then one record per counter."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from assets.raw.assets import raw_key
from assets.raw.ingest import SourceState, read_state
from assets.referentiel.build import constats_tables, counter_tables
from pipeline.foundations.preview import preview
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace
from sources.registry import all_sources
from sources.spec import SourceSpec

CONSTATS = ("referentiel__constats", "referentiel__issues", "referentiel__types")
COUNTERS = ("referentiel__implantations", "referentiel__permanences", "referentiel__itinerances")

_FEEDS = [spec for spec in all_sources().values() if spec.kind == "counters"]


def _feeds_in_use(workspace: Workspace) -> dict[str, tuple[SourceSpec, SourceState]]:
    states = {spec.id: (spec, read_state(workspace.snapshots.root, spec.id)) for spec in _FEEDS}
    return {name: (spec, state) for name, (spec, state) in states.items() if state.etat != "absente"}


@dg.asset(
    key="referentiel__constats",
    deps=[*(raw_key(s.id) for s in _FEEDS), "territories__communes", "territories__passage"],
    group_name="referentiel",
    kinds={"parquet"},
    description="Ce que chaque source dit de chaque point d'accueil, dans un même vocabulaire.",
)
def constats(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Harmonise every feed in use."""
    tables = workspace.tables
    feeds = _feeds_in_use(workspace)
    inputs = {f"raw__{name}": tables.content(f"raw__{name}") for name in feeds}
    inputs |= {n: tables.content(n) for n in ("territories__communes", "territories__passage")}
    dates = {name: state.date_fichier.date() for name, (_, state) in feeds.items() if state.date_fichier}

    def compute() -> dict[str, pl.DataFrame]:
        reporter().step("harmonisation des sources")
        return constats_tables(
            {name: (spec, tables.read(f"raw__{name}"), dates[name]) for name, (spec, _) in feeds.items()},
            communes=tables.read("territories__communes"),
            passage=tables.read("territories__passage"),
        )

    made = tables.make(CONSTATS, inputs=inputs, parameters={k: str(v) for k, v in dates.items()}, compute=compute)
    frame = tables.read(CONSTATS[0])
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "aperçu": dg.MetadataValue.md(preview(frame)),
            "problèmes": tables.read("referentiel__issues").height,
            "recalculé": made[CONSTATS[0]][1],
        }
    )


@dg.multi_asset(
    name="referentiel",
    specs=[
        dg.AssetSpec(
            name,
            deps=["referentiel__constats", "territories__communes"],
            group_name="referentiel",
            kinds={"parquet"},
            description=text,
        )
        for name, text in zip(
            COUNTERS,
            (
                "Implantations : une ligne par service et par lieu.",
                "Permanences : services tenus de temps en temps chez un hôte.",
                "Itinérances : arrêts des services mobiles.",
            ),
            strict=True,
        )
    ],
)
def counters(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Link, decide, identify, and shape the three published tables."""
    tables = workspace.tables
    inputs = {n: tables.content(n) for n in ("referentiel__constats", "territories__communes")}

    def compute() -> dict[str, pl.DataFrame]:
        reporter().step("référentiel des points d'accueil")
        return counter_tables(tables.read("referentiel__constats"), tables.read("territories__communes"))

    made = tables.make(COUNTERS, inputs=inputs, compute=compute)
    for name in COUNTERS:
        frame = tables.read(name)
        metadata: dict[str, dg.RawMetadataValue] = {
            "dagster/row_count": frame.height,
            "aperçu": dg.MetadataValue.md(preview(frame)),
            "recalculé": made[name][1],
        }
        yield dg.MaterializeResult(asset_key=name, metadata=metadata)
