"""One file to publish, measured: where it is, its size and its digests, read once."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

_PIECE = 1 << 20


@dataclass(frozen=True)
class Content:
    """A file on disk and what proves a copy of it."""

    path: Path
    size: int  # bytes
    sha1: str  # what a data.gouv.fr site computes
    sha256: str

    @property
    def weight(self) -> str:
        """Its size, for people."""
        for unit, name in ((10**9, "Go"), (10**6, "Mo"), (10**3, "ko")):
            if self.size >= unit:
                return f"{self.size / unit:.1f} {name}".replace(".", ",")
        return f"{self.size} octets"

    @classmethod
    def of(cls, path: Path) -> "Content":
        """Measure a file."""
        sha1, sha256, size = hashlib.sha1(usedforsecurity=False), hashlib.sha256(), 0
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                sha1.update(piece)
                sha256.update(piece)
        return cls(path, size, sha1.hexdigest(), sha256.hexdigest())
