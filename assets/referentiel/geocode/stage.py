"""The geocoding of one data root: which addresses, asked of whom, kept where, given back to the records.

Everything is decided by the tables and the answers held on disk, so that a build that asks nothing gives the same bytes
again. The service is asked before anything is computed, and only when the workspace says so.
"""

from datetime import UTC, datetime

import polars as pl

from assets.raw.ingest import read_state
from assets.referentiel.geocode.ban import search_ban
from assets.referentiel.geocode.geocoding import best_answers, give_positions, wanted_addresses
from assets.referentiel.geocode.geoplateforme import AnswerStore, answers, ask
from assets.referentiel.geocode.settings import settings
from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.progress import reporter
from pipeline.foundations.workspace import Workspace
from sources.registry import all_sources

GEOCODED = "referentiel__geocodage"
GEOCODING_INPUTS = ("territories__communes", "territories__passage")
#: Used when enabled and obtained.
GEOCODING_SOURCES = tuple(name for name in ("ban",) if name in all_sources())

_RECORDS, _PLACED, _ADDRESSES = "referentiel__releves", "referentiel__constats", "raw__ban_adresses"


def geocode(workspace: Workspace) -> bool:
    """Make `referentiel__constats` and `referentiel__geocodage` (every address asked for, and its answer).

    Returns:
        Whether they had to be computed.
    """
    tables, rules = workspace.tables, settings()
    store = AnswerStore(workspace.root.path / "geocodage" / "geoplateforme.jsonl")
    if workspace.geocode:
        _ask(workspace, store)
    extract = read_state(workspace.snapshots.root, "ban") if GEOCODING_SOURCES else None
    day = extract.date_fichier if extract and extract.etat != "absente" else None
    names = (_RECORDS, *GEOCODING_INPUTS, *([_ADDRESSES] if day else []))

    def compute() -> dict[str, pl.DataFrame]:
        reporter().step("position des adresses")
        records, wanted, districts = _wanted(workspace)
        found = []
        if day:
            towns = [*wanted["code_lieu"].unique(), *districts]
            near = pl.scan_parquet(tables.path(_ADDRESSES)).filter(pl.col("code_insee").is_in(towns)).collect()
            found.append(search_ban(wanted, near, rules.ban, day=day.date(), districts=districts))
        found.append(answers(wanted, store, rules.geoplateforme, districts))
        geocoded = best_answers(wanted, *found)
        return {_PLACED: give_positions(records, geocoded), GEOCODED: geocoded}

    made = tables.make(
        [_PLACED, GEOCODED],
        inputs={name: tables.content(name) for name in names} | {"réponses": store.digest()},
        parameters=str(day),
        compute=compute,
    )
    return made[_PLACED][1]


def _wanted(workspace: Workspace) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, str]]:
    """The records, the addresses to find, and the commune of each municipal district."""
    communes, passage = (workspace.tables.read(name) for name in GEOCODING_INPUTS)
    records = workspace.tables.read(_RECORDS)
    districts = passage.filter(pl.col("type") == "arrondissement-municipal").select("code_ancien", "code")
    return records, wanted_addresses(records, communes), dict(districts.iter_rows())


def _ask(workspace: Workspace, store: AnswerStore) -> None:
    """Ask for what is not held; a service that fails leaves these addresses for the next run, it stops nothing."""
    reporter().step("géocodage par la Géoplateforme")
    _, wanted, districts = _wanted(workspace)
    try:
        ask(wanted, store, settings().geoplateforme, today=datetime.now(UTC).date(), districts=districts)
    except SourceUnreadable as fault:
        reporter().note(f"Géocodage interrompu, les adresses restantes attendront : {fault}")
