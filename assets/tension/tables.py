"""Names of the tables of tension, and what they are made from. Nothing heavy is imported."""

from collections.abc import Sequence

from assets.access.tables import COMMUNES, COUNTERS, PAIRS, TIMES, is_made, recipe
from pipeline.foundations.tables import TableStore

SUPPLY = "tension__offre"
ACCESS = "tension__acces"
DEMAND = "tension__demande"
BASKETS = "tension__paniers"
MISSING = "tension__services_manquants"
EQUITY = "tension__equite"
TENSION = "tension__tension"
REFERENCES = "tension__reperes"
INDICATORS = "tension__indicateurs"
#: Every id ever given: it says which counters are no more.
REGISTRY = "referentiel__registre"
#: What communes of before became: a counter may have disappeared in one of them.
PASSAGE = "territories__passage"
#: Tables made together, for the whole country.
MADE = (SUPPLY, ACCESS, DEMAND, BASKETS, MISSING, EQUITY, TENSION, REFERENCES, INDICATORS)
#: National tables they are made from.
INPUTS = (
    *COUNTERS,
    REGISTRY,
    PASSAGE,
    "territories__communes",
    "territories__appartenance",
    "territories__zones",
    "territories__contexte",
    "territories__contexte_zones",
    "territories__carreaux",
)
_BY_DEPARTEMENT = (TIMES, PAIRS, COMMUNES)


def measured_departements(tables: TableStore, departements: Sequence[str]) -> list[str]:
    """Those whose tables of access are up to date, and that have roads: the others are measured as the crow flies.

    Raises:
        CspError: the tables of access are made from are not there.
    """
    wanted = recipe(tables)
    held = held_departements(tables, departements)
    return [d for d in held if all(is_made(tables, n, d, wanted) for n in _BY_DEPARTEMENT)]


def held_departements(tables: TableStore, departements: Sequence[str]) -> list[str]:
    """Those whose tables of access are there, with times by road.

    The last release was made from them, whatever the code has become since.
    """

    def on_roads(departement: str) -> bool:
        states = [tables.state(name, departement) for name in _BY_DEPARTEMENT]
        served = tables.state(COMMUNES, departement)
        return None not in states and served is not None and served.rows > 0

    return [d for d in departements if on_roads(d)]


def digests(tables: TableStore, measured: Sequence[str]) -> dict[str, str]:
    """Digest of every table the measures are made from.

    Raises:
        CspError: one of them has not been made.
    """
    national = {name: tables.content(name) for name in INPUTS}
    return national | {f"{n}/{d}": tables.content(n, d) for n in _BY_DEPARTEMENT for d in measured}
