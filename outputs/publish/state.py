"""What was published on a site, remembered in the data root: `publication/<site>.json`, replaced whole after each step.

A memory that helps, not the truth: the site is looked at each time, and a lost file is made again from its extras.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.foundations.errors import WrongUse


class Sent(BaseModel):
    """One file sent. Without `id`, it was about to be: what has its sha1 on the site is it."""

    model_config = ConfigDict(extra="forbid")

    id: str | None
    sha1: str
    sha256: str
    version: str


class State(BaseModel):
    """The publication of one dataset on one site."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    cible: str  # address of the site
    identifiant: str  # mark of the dataset there
    jeu: str | None = None  # id of the dataset
    version: str | None = None  # last one published whole, read back and announced
    en_cours: str | None = None  # one that was begun since
    ressources: dict[str, Sent] = {}  # by parcel


class StateFile:
    """The file of one site. Changes are made on `state`, then kept by `save`.

    Raises:
        WrongUse: the file cannot be read, or is about another dataset.
    """

    def __init__(self, path: Path, *, target: str, mark: str) -> None:
        self.path = path
        self.state = self._load() or State(cible=target, identifiant=mark)
        if (self.state.cible, self.state.identifiant) != (target, mark):
            raise WrongUse(
                str(path),
                expected=f"the publication of {mark} on {target}",
                found=f"that of {self.state.identifiant} on {self.state.cible}",
                remedy="put the file aside: the dataset is found again on the site",
            )

    def save(self) -> None:
        """Replace the file by one rename, once the bytes are on disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(self.state.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)

    def _load(self) -> State | None:
        try:
            return State.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise WrongUse(
                str(self.path),
                expected="what `csp publish` keeps of a publication",
                found=str(error),
                remedy="put the file aside: the dataset is found again on the site",
            ) from error
