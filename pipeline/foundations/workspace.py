"""What every stage is handed: the data root, its stores, and where feeds are read from.

Whether the feeds are invented is a property of the data root, not of a run: once the demo has written there, whatever
builds from it later (another command, a schedule) says so too, and no real feed is mixed with it.
"""

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
        geocode: the geocoding service may be asked for the addresses of records without a position.

    Raises:
        WrongUse: no such mirror, a geocoding service asked by a run that asks nobody, or the real feeds are asked for
            in a fictional data root.
    """

    root: DataRoot
    mirror: Path | None = None
    frozen: bool = False
    geocode: bool = False
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
        if self.fictional and self.mirror is None and not self.frozen:
            raise WrongUse(
                f"data root {self.root.path}",
                expected="real data, to ask the producers for more",
                found=f"invented data ({self.root.fictional_mark.name})",
                remedy="give another --data; to build again from the invented feeds: --frozen, --mirror or `csp demo`",
            )
        if self.geocode and (self.mirror is not None or self.frozen):
            raise WrongUse(
                "--geocode",
                expected="a run that may use the network",
                found="--mirror" if self.mirror is not None else "--frozen",
                remedy="leave one of the two out: the answers already held are used in any case",
            )
        object.__setattr__(self, "tables", TableStore(self.root.tables))
        object.__setattr__(self, "snapshots", SnapshotStore(self.root.snapshots))

    @property
    def fictional(self) -> bool:
        """Whether the feeds are invented: every product then says so."""
        return self.root.fictional_mark.is_file()


def declare_fictional(root: DataRoot) -> None:
    """Mark an empty data root as one of invented data, for good; one already marked stays as it is.

    Raises:
        WrongUse: it holds snapshots of real feeds.
    """
    if root.fictional_mark.is_file():
        return
    if root.snapshots.is_dir() and any(root.snapshots.iterdir()):
        raise WrongUse(
            f"data root {root.path}",
            expected="an empty folder, or one of invented data",
            found="snapshots of real feeds",
            remedy="give another --data",
        )
    root.path.mkdir(parents=True, exist_ok=True)
    root.fictional_mark.write_text(
        "Données imaginaires de démonstration : ni les lieux ni les services de ce dossier n'existent.\n"
        "Ce fichier le rappelle à chaque nouveau calcul ; pour de vraies données, prendre un autre dossier.\n",
        encoding="utf-8",
    )
