"""The Parquet tables between stages: atomic writing, and computing a table only when what it is made from changed.

A table is `<root>/<name>.parquet` or, partitioned, `<root>/<name>/departement=<code>.parquet`. Beside each file a small
JSON says from which recipe (code, inputs, parameters) it was made and the digest of its bytes. A file without a
matching JSON counts as absent, so being killed between the two writes only costs a computation.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.foundations import fingerprint
from pipeline.foundations.errors import CspError


@dataclass(frozen=True)
class TableState:
    """What is known of a stored table: its recipe, the digest of its bytes, its number of rows."""

    recipe: str
    content: str
    rows: int
    facts: Mapping[str, Any]


class TableStore:
    """The tables of one data root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._states: dict[Path, TableState] = {}

    def path(self, name: str, departement: str | None = None) -> Path:
        """Where the table (or one département of it) is stored."""
        if departement is None:
            return self.root / f"{name}.parquet"
        return self.root / name / f"departement={departement}.parquet"

    def state(self, name: str, departement: str | None = None) -> TableState | None:
        """The stored state, or None when the table is absent or its bytes are not those recorded."""
        path = self.path(name, departement)
        if path in self._states:
            return self._states[path]
        try:
            record = json.loads(_record_path(path).read_text(encoding="utf-8"))
            state = TableState(record["recette"], record["contenu"], record["lignes"], record["faits"])
        except (OSError, ValueError, KeyError):
            return None
        if not path.is_file() or fingerprint.of_file(path) != state.content:
            return None
        self._states[path] = state
        return state

    def content(self, name: str, departement: str | None = None) -> str:
        """Digest of the table's bytes: what downstream recipes are made of.

        Raises:
            CspError: the table is not there.
        """
        state = self.state(name, departement)
        if state is None:
            raise CspError(
                f"table {name}" + (f", département {departement}" if departement else ""),
                expected="a table made by an earlier stage",
                found="nothing (or a file that is not the one recorded)",
                remedy="run `csp build`, or materialise the asset of that name",
            )
        return state.content

    def read(self, name: str, departement: str | None = None) -> pl.DataFrame:
        """The table in memory. Raises CspError when it is not there."""
        return self.scan(name, departement).collect()

    def scan(self, name: str, departement: str | None = None) -> pl.LazyFrame:
        """The table, to be read in part. Raises CspError when it is not there."""
        self.content(name, departement)
        return pl.scan_parquet(self.path(name, departement), hive_partitioning=False)

    def head(self, name: str, rows: int = 5) -> pl.DataFrame:
        """The first rows, without reading the others. Raises CspError when the table is not there."""
        return self.scan(name).head(rows).collect()

    def height(self, name: str) -> int:
        """Number of rows. Raises CspError when the table is not there."""
        self.content(name)
        state = self.state(name)
        return state.rows if state else 0

    def read_all(self, name: str, departements: Iterable[str]) -> pl.DataFrame:
        """Several départements of a partitioned table, stacked in the order given."""
        return pl.concat([self.read(name, d) for d in departements])

    def write(
        self,
        name: str,
        frame: pl.DataFrame,
        *,
        recipe: str,
        departement: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> TableState:
        """Replace the table by one rename, then record what it is made from."""
        path = self.path(name, departement)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _aside(path)
        frame.rechunk().write_parquet(temporary, compression="zstd", statistics=True)
        return self._adopt(temporary, path, recipe, frame.height, facts or {})

    @contextmanager
    def streaming(self, name: str, departements: Sequence[str], *, recipe: str) -> Iterator[dict[str, Path]]:
        """Parquet files to write piece by piece, by département, when a table is too large for a frame.

        They replace the table when the block ends; when it raises, they are removed and the table stays as it was.
        """
        paths = {d: self.path(name, d) for d in departements}
        asides = {d: _aside(path) for d, path in paths.items()}
        for path in paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for aside in asides.values():
                stack.callback(aside.unlink, missing_ok=True)
            yield asides
            for d, aside in asides.items():
                rows = pl.scan_parquet(aside, hive_partitioning=False).select(pl.len()).collect().item()
                self._adopt(aside, paths[d], recipe, rows, {})

    def _adopt(self, temporary: Path, path: Path, recipe: str, rows: int, facts: Mapping[str, Any]) -> TableState:
        """Put a finished file in the place of a table, then record what it is made from."""
        self._states.pop(path, None)
        content = fingerprint.of_file(temporary)
        temporary.replace(path)
        state = TableState(recipe, content, rows, dict(facts))
        record = {"recette": recipe, "contenu": content, "lignes": rows, "faits": state.facts}
        temporary.write_text(json.dumps(record, ensure_ascii=False, sort_keys=True, default=str), encoding="utf-8")
        temporary.replace(_record_path(path))
        self._states[path] = state
        return state

    def made_from(
        self, names: Sequence[str], *, inputs: Mapping[str, str], parameters: Any = None
    ) -> dict[str, TableState]:
        """The states of `names` when all were made together from that very recipe (see `make`), else nothing."""
        recipe = _recipe(names, inputs, parameters)
        stored = {n: s for n in names if (s := self.state(n)) is not None and s.recipe == recipe}
        return stored if len(stored) == len(names) else {}

    def make(
        self,
        names: Iterable[str],
        *,
        inputs: Mapping[str, str],
        compute: Callable[[], Mapping[str, pl.DataFrame]],
        parameters: Any = None,
        facts: Callable[[], Mapping[str, Any]] | None = None,
    ) -> dict[str, tuple[TableState, bool]]:
        """Compute the tables `names` together, unless all were made from the very same recipe.

        Args:
            inputs: digest of each input by name (`content` of upstream tables, sha256 of snapshots).
            compute: returns one frame per name.
            parameters: anything JSON-able that changes the result.
            facts: JSON-able facts kept with the tables, asked for once `compute` is done.

        Returns:
            For each name its state, and whether it was computed now.
        """
        names = list(names)
        if stored := self.made_from(names, inputs=inputs, parameters=parameters):
            return {name: (state, False) for name, state in stored.items()}
        recipe = _recipe(names, inputs, parameters)
        frames = compute()
        kept = facts() if facts else None
        return {name: (self.write(name, frames[name], recipe=recipe, facts=kept), True) for name in names}


def _aside(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _recipe(names: Sequence[str], inputs: Mapping[str, str], parameters: Any) -> str:
    return fingerprint.of_values(fingerprint.of_code(), dict(inputs), parameters, list(names))


def _record_path(path: Path) -> Path:
    return path.with_suffix(".json")
