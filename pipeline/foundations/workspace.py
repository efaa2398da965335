"""What every stage is handed: the data root, its stores, and where feeds are read from."""

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.foundations.errors import WrongUse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.snapshots import SnapshotStore
from pipeline.foundations.tables import TableStore


@dataclass(frozen=True)
class Workspace:
    """One data root and the way feeds reach it.

    Attributes:
        mirror: folder read as `mirror/<host>/<path>` instead of the network.
        frozen: upstream is not asked; the last good snapshots are used.
        fictional: the feeds are invented (the demo): every product says so.
    """

    root: DataRoot
    mirror: Path | None = None
    frozen: bool = False
    fictional: bool = False
    tables: TableStore = field(init=False)
    snapshots: SnapshotStore = field(init=False)

    def __post_init__(self) -> None:
        if self.mirror is not None and not self.mirror.is_dir():
            raise WrongUse(
                f"--mirror {self.mirror}",
                expected="a folder laid out as <host>/<path>",
                found="no such folder",
                remedy="check the path, or leave --mirror out to download",
            )
        object.__setattr__(self, "tables", TableStore(self.root.tables))
        object.__setattr__(self, "snapshots", SnapshotStore(self.root.snapshots))
