"""Dagster assets of the référentiel: what each feed says, then one record per counter.

What computes (`build`, and the scientific libraries behind it) is imported by the steps that have something to compute.
"""

from collections.abc import Iterator
from functools import cache, partial

import dagster as dg
import polars as pl

from assets.raw.assets import raw_key
from assets.raw.ingest import date_of_feeds, feeds_in_use, read_state
from assets.referentiel.geocode.stage import GEOCODED, GEOCODING_INPUTS, GEOCODING_SOURCES, geocode
from assets.referentiel.identity import BRIDGE_SCHEMA, Memory
from assets.referentiel.memory import last_memory
from assets.referentiel.score import criteria, worklist
from assets.referentiel.terrain import gather
from pipeline.foundations import fingerprint
from pipeline.foundations.preview import preview
from pipeline.foundations.progress import reporter
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts
from sources.registry import all_sources
from sources.remontees_terrain.layout import CORRECTION_SCHEMA
from sources.remontees_terrain.layout import SOURCE as FIELD_SOURCE

RELEVES = ("referentiel__releves", "referentiel__issues", "referentiel__types", "referentiel__personnel")
GROUPS, LINKS = "referentiel__groupes", "referentiel__liens"
#: The published tables, with what they are.
COUNTERS = {
    "referentiel__implantations": "Implantations : une ligne par service et par lieu.",
    "referentiel__permanences": "Permanences : services tenus de temps en temps chez un hôte.",
    "referentiel__itinerances": "Itinérances : arrêts des services mobiles.",
    "referentiel__lieux": "Lieux : où un ou plusieurs services reçoivent.",
    "referentiel__provenance": "D'où vient chaque groupe de champs publié.",
    "referentiel__conflits": "Désaccords entre sources, avec les deux valeurs.",
    "referentiel__registre": "Tous les identifiants jamais donnés et ce qu'ils sont devenus.",
    "referentiel__ponts": "Correspondance entre nos identifiants et ceux des sources.",
}

#: Working tables for stewards: not released.
CORRECTIONS, WORKLIST = "referentiel__corrections", "referentiel__a_traiter"
_FIELD = f"raw__{FIELD_SOURCE}_corrections"

_FEEDS = [spec for spec in all_sources().values() if spec.kind == "counters"]


def _memory_digest(tables: TableStore, memory: Memory) -> str:
    """What the memory counts for in the recipe. The one these very tables were promoted into teaches them nothing new:
    identifying again with it gives the same ids, so the recipe stays that of the memory they were made with."""
    stored = tables.state("referentiel__registre")
    if stored is None or "mémoire" not in stored.facts:
        return memory.digest
    promoted = Memory(tables.read("referentiel__registre"), tables.read("referentiel__ponts"))
    same = promoted.registry.sort("id").equals(memory.registry.sort("id")) and promoted.bridges.sort(
        BRIDGE_SCHEMA.names()
    ).equals(memory.bridges.sort(BRIDGE_SCHEMA.names()))
    return str(stored.facts["mémoire"]) if same else memory.digest


def _field_corrections(workspace: Workspace) -> pl.DataFrame:
    """What the imported workbooks say; empty when none was imported."""
    absent = read_state(workspace.snapshots.root, FIELD_SOURCE).etat == "absente"
    return pl.DataFrame(schema=CORRECTION_SCHEMA) if absent else workspace.tables.read(_FIELD)


@dg.asset(
    key="referentiel__releves",
    deps=[*(raw_key(s.id) for s in _FEEDS), "territories__communes", "territories__passage"],
    group_name="referentiel",
    kinds={"parquet"},
    description="Ce que chaque source dit de chaque point d'accueil, dans un même vocabulaire.",
)
def releves(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Harmonise every feed in use."""
    tables = workspace.tables
    feeds = feeds_in_use(workspace.snapshots.root)
    places = {n: tables.content(n) for n in ("territories__communes", "territories__passage")}
    inputs = {f"raw__{name}": tables.content(f"raw__{name}") for name in feeds}
    dates = {name: state.date_fichier.date() for name, (_, state) in feeds.items() if state.date_fichier}

    def compute() -> dict[str, pl.DataFrame]:
        from assets.referentiel.build import feed_tables
        from assets.referentiel.place import Gazetteer

        reporter().step("harmonisation des sources")

        @cache
        def gazetteer() -> Gazetteer:
            return Gazetteer(*(tables.read(name) for name in places))

        def one(name: str) -> dict[str, pl.DataFrame]:
            reporter().step(f"{name} : harmonisation")
            made = feed_tables(feeds[name][0], tables.read(f"raw__{name}"), dates[name], gazetteer())
            return {f"{table}_{name}": frame for table, frame in made.items()}

        # Kept feed by feed: the news of one does not have the hours of all the others read again.
        for name in feeds:
            tables.make(
                [f"{table}_{name}" for table in RELEVES],
                inputs=places | {f"raw__{name}": inputs[f"raw__{name}"]},
                parameters=str(dates[name]),
                compute=partial(one, name),
            )
        return {table: pl.concat([tables.read(f"{table}_{name}") for name in feeds]) for table in RELEVES}

    made = tables.make(
        RELEVES, inputs=inputs | places, parameters={k: str(v) for k, v in dates.items()}, compute=compute
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": tables.height(RELEVES[0]),
            "aperçu": dg.MetadataValue.md(preview(tables.head(RELEVES[0]))),
            "problèmes": tables.height("referentiel__issues"),
            "recalculé": made[RELEVES[0]][1],
        }
    )


@dg.asset(
    key="referentiel__constats",
    deps=[*(raw_key(name) for name in GEOCODING_SOURCES), "referentiel__releves", *GEOCODING_INPUTS],
    group_name="referentiel",
    kinds={"parquet"},
    description="Les relevés, avec la position de leur adresse pour ceux qui n'en ont pas de croyable.",
)
def constats(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Geocode the addresses of the records without a believed position."""
    computed = geocode(workspace)
    asked = workspace.tables.read(GEOCODED)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": workspace.tables.height("referentiel__constats"),
            "adresses à situer": asked.height,
            "situées": asked["longitude"].count(),
            "recalculé": computed,
        }
    )


@dg.asset(
    key=GROUPS,
    deps=["referentiel__constats"],
    group_name="referentiel",
    kinds={"parquet"},
    description="Constats d'un même point d'accueil, d'une source à l'autre et dans une même source.",
)
def groups(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Link the constats of one counter."""
    tables = workspace.tables

    def compute() -> dict[str, pl.DataFrame]:
        from assets.referentiel.build import group_tables

        reporter().step("appariement des sources")
        return group_tables(tables.read("referentiel__constats"))

    made = tables.make([GROUPS, LINKS], inputs={"constats": tables.content("referentiel__constats")}, compute=compute)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": tables.height(GROUPS),
            "points d'accueil": tables.read(GROUPS)["groupe_id"].n_unique(),
            "liens": tables.height(LINKS),
            "recalculé": made[GROUPS][1],
        }
    )


@dg.multi_asset(
    name="referentiel",
    specs=[
        dg.AssetSpec(
            name,
            deps=["referentiel__constats", GROUPS, "territories__communes", raw_key(FIELD_SOURCE)],
            group_name="referentiel",
            kinds={"parquet"},
            description=text,
        )
        for name, text in (*COUNTERS.items(), (CORRECTIONS, "Corrections de terrain et ce qu'elles sont devenues."))
    ],
)
def counters(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Decide, identify with the memory of the last promoted release, and shape the published tables."""
    tables = workspace.tables
    read = ("referentiel__constats", GROUPS, "territories__communes")
    corrections = _field_corrections(workspace)
    memory = last_memory(workspace.root.releases)
    today = date_of_feeds(workspace.snapshots.root)

    def compute() -> dict[str, pl.DataFrame]:
        from assets.referentiel.build import counter_tables

        reporter().step("référentiel des points d'accueil")
        constats, groupes, communes = (tables.read(name) for name in read)
        return counter_tables(constats, groupes, communes, corrections, memory=memory, today=today)

    names = [*COUNTERS, CORRECTIONS]
    inputs = {name: tables.content(name) for name in read} | {_FIELD: fingerprint.of_values(corrections.rows())}
    remembered = _memory_digest(tables, memory)
    if not tables.made_from(names, inputs=inputs | {"mémoire": remembered}, parameters=str(today)):
        remembered = memory.digest  # what they are about to be made with
    made = tables.make(
        names,
        inputs=inputs | {"mémoire": remembered},
        parameters=str(today),
        compute=compute,
        facts=lambda: {"mémoire": remembered},
    )
    for name in names:
        metadata: dict[str, dg.RawMetadataValue] = {
            "dagster/row_count": tables.height(name),
            "aperçu": dg.MetadataValue.md(preview(tables.head(name))),
            "recalculé": made[name][1],
        }
        yield dg.MaterializeResult(asset_key=name, metadata=metadata)


@dg.asset(
    key=WORKLIST,
    deps=[*COUNTERS, "territories__communes", "access__distances"],
    group_name="referentiel",
    kinds={"parquet"},
    description="Fiches à vérifier, celles qui comptent pour le plus d'habitants d'abord. Liste de travail.",
)
def to_do(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
    """Score every counter and rank those with a problem, with the distances known so far."""
    tables = workspace.tables
    three = ("referentiel__implantations", "referentiel__permanences", "referentiel__itinerances")
    read = (*three, "referentiel__conflits", "territories__communes")
    departements = tables.read("territories__departements")["code"].to_list()
    measured = {d: state.content for d in departements if (state := tables.state("access__distances", d)) is not None}
    today = date_of_feeds(workspace.snapshots.root)

    def compute() -> dict[str, pl.DataFrame]:
        reporter().step("fiches à vérifier")
        distances = [tables.read("access__distances", d).select("code_insee", "service_id") for d in measured]
        nothing = pl.DataFrame(schema={"code_insee": pl.String, "service_id": pl.String})
        frame = worklist(
            gather(*(tables.read(name) for name in three)),
            tables.read("referentiel__conflits"),
            pl.concat([nothing, *distances]),
            tables.read("territories__communes"),
            rules=criteria(),
            today=today,
        )
        return {WORKLIST: all_contracts()[WORKLIST].conform(frame)}

    inputs = {name: tables.content(name) for name in read} | {f"distances/{d}": c for d, c in measured.items()}
    made = tables.make([WORKLIST], inputs=inputs, parameters=str(today), compute=compute)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": tables.height(WORKLIST),
            "aperçu": dg.MetadataValue.md(preview(tables.head(WORKLIST))),
            "recalculé": made[WORKLIST][1],
        }
    )
