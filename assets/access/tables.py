"""Names of the tables of access, what they are made from, whether they are up to date. Nothing heavy is imported."""

from collections.abc import Sequence

from pipeline.foundations import fingerprint
from pipeline.foundations.snapshots import SnapshotStore
from pipeline.foundations.tables import TableStore
from sources.registry import get_source

#: The source of roads everything published is computed on: Licence Ouverte, as the rest of a release.
ROADS = "bdtopo"
NETWORK = "access__reseau"
DISTANCES = "access__distances"
TIMES = "access__temps"
SLOTS = "access__temps_creneaux"
PAIRS = "access__couples"
COMMUNES = "access__acces_communes"
AREAS = "access__isochrones"
ISSUES = "access__issues"
#: Tables made together, département by département.
MEASURED = (DISTANCES, TIMES, SLOTS, PAIRS, COMMUNES, AREAS)
COUNTERS = ("referentiel__implantations", "referentiel__permanences", "referentiel__itinerances")
INPUTS = (*COUNTERS, "territories__communes", "territories__carreaux", NETWORK)


def recipe(tables: TableStore) -> str:
    """What the measures are made from: code, tables, and the road files the graphs are made of.

    Raises:
        CspError: one of those tables is not there.
    """
    network = tables.state(NETWORK)
    inputs = {name: tables.content(name) for name in INPUTS}
    return fingerprint.of_values(fingerprint.of_code(), inputs, network.recipe if network else None)


def departements_with_roads(snapshots: SnapshotStore) -> list[str]:
    """Départements whose roads were imported, sorted: a resource of the source of roads is one of them (`d05`)."""
    held = (r.id for r in get_source(ROADS).resources if snapshots.current(ROADS, r.id) is not None)
    return sorted(name.removeprefix("d").upper() for name in held)


def is_made(tables: TableStore, name: str, departement: str, wanted: str) -> bool:
    """Whether the part of a table is there, made from that recipe."""
    state = tables.state(name, departement)
    return state is not None and state.recipe == wanted


def stale_departements(tables: TableStore, departements: Sequence[str]) -> list[str]:
    """Those whose measures are absent, or were made from other inputs than today's, in the order given.

    Raises:
        CspError: the tables they are made from are not there.
    """
    wanted = recipe(tables)
    return [d for d in departements if not all(is_made(tables, name, d, wanted) for name in MEASURED)]
