"""Where a run leaves things: the layout of the data root. Only names and folders; no reading or writing of content."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataRoot:
    """The data root: `--data DIR`, else `CSP_DATA`, else `./data`."""

    path: Path

    @classmethod
    def resolve(cls, explicit: Path | str | None = None) -> "DataRoot":
        """The root to use now; nothing is created."""
        return cls(Path(explicit or os.environ.get("CSP_DATA") or "data").expanduser().resolve())

    @property
    def snapshots(self) -> Path:
        """Bytes of the feeds as they came, dated."""
        return self.path / "snapshots"

    @property
    def tables(self) -> Path:
        """Parquet between the stages."""
        return self.path / "tables"

    @property
    def quality(self) -> Path:
        """The stored verdict and the reports of the last run."""
        return self.path / "qualite"

    @property
    def releases(self) -> Path:
        """Promoted releases; each never changes afterwards."""
        return self.path / "releases"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file assembled from the tables, for people who want SQL."""
        return self.path / "warehouse.duckdb"

    @property
    def acceptances(self) -> Path:
        """Breaches a steward has explained and accepted."""
        return self.path / "acceptations.yml"

    @property
    def fictional_mark(self) -> Path:
        """Says, when it is there, that everything under this root is invented."""
        return self.path / "DONNEES-FICTIVES.txt"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage (runs, events) when nothing else is configured."""
        return self.path / "dagster"
