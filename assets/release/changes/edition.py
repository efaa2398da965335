"""One release as the diff reads it: its tables on demand, its sources, its code, what it remembers of ids.

The same whether it is promoted (told by its manifest) or being written (told by its context and contracts).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from assets.referentiel.identity import BRIDGE_SCHEMA, REGISTRY_SCHEMA, Memory, registry_of
from assets.release.changes.continuity import Side
from assets.release.changes.counters import TABLES, counters
from assets.release.changes.state import State
from assets.release.context import ReleaseContext
from assets.release.manifest import Manifest, Source, load_manifest
from outputs import layout
from outputs.facts import ColumnFacts
from quality.contract import Contract

REGISTRY, BRIDGES = "referentiel__registre", "referentiel__ponts"
_PROVENANCE = "referentiel__provenance"
_PROVENANCE_SCHEMA = {
    "point_accueil_id": pl.String(),
    "champ": pl.String(),
    "source": pl.String(),
    "id_source": pl.String(),
}


@dataclass(frozen=True)
class Shape:
    """How a table was declared in that edition."""

    layer: str
    title: str
    key: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]


@dataclass(frozen=True)
class Edition:
    """One release: `folder` holds its GeoParquet files, `tables` says which, in their order."""

    folder: Path
    version: str
    code: str  # fingerprint
    perimetre: tuple[str, ...]
    sources: tuple[Source, ...]
    comptages: Mapping[str, int]  # records by `source|code`
    fictif: bool
    tables: Mapping[str, Shape]

    @classmethod
    def promoted(cls, folder: Path) -> "Edition":
        """A release in its folder.

        Raises:
            QualityRefused: its manifest is unreadable.
        """
        manifest = load_manifest(folder)
        tables = {t.table: Shape(t.layer, t.titre, t.cle, t.colonnes) for t in manifest.tables}
        return cls(folder, manifest.version, *_told(manifest), tables)

    @classmethod
    def staged(cls, folder: Path, version: str, context: ReleaseContext, contracts: Sequence[Contract]) -> "Edition":
        """A release being written, whose GeoParquet files are there."""
        tables = {
            c.table: Shape(c.layer, c.title, c.key, tuple(ColumnFacts(nom=k.name, type=k.type) for k in c.columns))
            for c in contracts
        }
        return cls(folder, version, *_told(context), tables)

    def state(self, table: str) -> State:
        """A table of the edition, read when it is asked for."""
        shape = self.tables[table]
        rows = pl.scan_parquet(self._path(table)).select(c.nom for c in shape.columns)
        return State(rows, shape.key, shape.columns)

    def height(self, table: str) -> int:
        """Number of rows of a table, its content left unread."""
        return int(pl.scan_parquet(self._path(table)).select(pl.len()).collect().item())

    def rows(self, table: str, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Some columns of a table; no rows when the edition does not publish it."""
        if table not in self.tables:
            return pl.DataFrame(schema=schema)
        return self.state(table).rows.select(schema.keys()).collect().cast(pl.Schema(schema))

    def _path(self, table: str) -> Path:
        return layout.geoparquet(self.folder, self.tables[table].layer)

    @cached_property
    def side(self) -> Side:
        """Registry, bridges and counters."""
        published = REGISTRY in self.tables
        registry = registry_of(self.state(REGISTRY).rows) if published else pl.DataFrame(schema=REGISTRY_SCHEMA)
        memory = Memory(registry, self.rows(BRIDGES, BRIDGE_SCHEMA))
        return Side(memory, counters({n: self.state(n).rows.collect() for n in TABLES if n in self.tables}))

    @cached_property
    def provenance(self) -> pl.DataFrame:
        """`point_accueil_id, champ, source, id_source`."""
        return self.rows(_PROVENANCE, _PROVENANCE_SCHEMA)


def _told(
    about: Manifest | ReleaseContext,
) -> tuple[str, tuple[str, ...], tuple[Source, ...], Mapping[str, int], bool]:
    return about.code.empreinte, tuple(about.perimetre), about.sources, about.comptages, about.fictif
