"""A report ready to be laid out: titles, essentials, then tables and pictures. What page, paper and terminal say.

Words of an evaluation are `report`'s, those of a comparison `comparison`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from outputs.sheet.document import Link, Table, Tile
from outputs.sheet.layers import Layers
from outputs.sheet.words import figure


@dataclass(frozen=True)
class Picture:
    """A PNG as wide as the page, and what it shows for who does not see it."""

    title: str
    image: bytes
    alt: str
    notes: tuple[str, ...] = ()


Block: TypeAlias = Table | Picture


@dataclass(frozen=True)
class Report:
    """A report. `pages` is how many it may take on paper."""

    title: str
    subtitle: str
    edition: str
    measure: str
    fictional: bool
    tiles: tuple[Tile, ...]
    blocks: tuple[Block, ...]
    sources: str
    definitions: str
    method: Link
    pages: int


#: Layers of a release that reports read.
NEEDED = ("communes", "zones", "implantations")


def place_names(layers: Layers) -> Mapping[tuple[str, str], str]:
    """Names of territories, by level and code."""
    zones = layers["zones"].select("niveau", "code", "nom").drop_nulls().collect()
    communes = layers["communes"].select(pl.lit("commune").alias("niveau"), "code", "nom").drop_nulls().collect()
    return {(level, code): name for level, code, name in pl.concat([zones, communes]).iter_rows()}


def signed(value: float | None, decimals: int = 0, unit: str | None = None, *, unknown: str) -> str:
    """A change: `+3`, `−2`, `0`."""
    text = figure(value, decimals, unit, unknown=unknown)
    return f"+{text}" if value is not None and round(value, decimals) > 0 else text
