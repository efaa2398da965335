"""Names of the tables of territories and indicators, and what they are made from. Nothing heavy is imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.raw.ingest import read_state
from assets.territories.indicators import QUARTERS, Settings

MEMBERSHIP = "territories__appartenance"
ZONES = "territories__zones"
QPV = "territories__qpv"
CONTEXT = "territories__contexte"
CONTEXT_ZONES = "territories__contexte_zones"
ISSUES = "territories__contexte_issues"
TABLES = (MEMBERSHIP, ZONES, QPV, CONTEXT, CONTEXT_ZONES)

COG, OUTLINES = "cog", "contours"
COMMUNES, PASSAGE, CELLS = "territories__communes", "territories__passage", "territories__carreaux"
EPCI, DEPARTEMENTS = "territories__epci", "territories__departements"
COG_COMMUNES, REGIONS, ARRONDISSEMENTS = "raw__cog_communes", "raw__cog_regions", "raw__cog_arrondissements"
QUARTERS_TOLD = "raw__qpv_qpv"
#: Tables of the same stage it is made from.
MADE_BEFORE = (COMMUNES, PASSAGE, CELLS, EPCI, DEPARTEMENTS)
#: Tables that are always there.
REQUIRED = (*MADE_BEFORE, COG_COMMUNES, REGIONS, ARRONDISSEMENTS)


def figures_table(source: str) -> str:
    """Stored table of the figures of a list."""
    return f"raw__{source}_mesures"


@dataclass(frozen=True)
class Held:
    """The sources of context that could be read: lists, and whether quartiers are one; the vintage of every source."""

    lists: tuple[str, ...]
    quarters: bool
    vintages: Mapping[str, str | None]

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table the stage reads."""
        return (*REQUIRED, *map(figures_table, self.lists), *([QUARTERS_TOLD] if self.quarters else []))


def held(snapshots: Path, settings: Settings) -> Held:
    """What is held, from the stored states of the sources (`snapshots`: their root)."""
    states = {name: read_state(snapshots, name) for name in (COG, OUTLINES, QUARTERS, *settings.lists)}
    there = {name for name, state in states.items() if state.etat != "absente"}
    return Held(
        tuple(name for name in settings.lists if name in there),
        QUARTERS in there,
        {name: states[name].millesime for name in sorted(there)},
    )
