"""The road graphs of a data root: which road files they are made of, made again only when those change, kept on disk.

One graph per mode and projected system, of the files of one source brought by `csp roads import`.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph, load_graph, save_graph
from assets.access.network.profile import Profiles
from assets.raw.ingest import SourceState
from pipeline.foundations import fingerprint
from pipeline.foundations.crs import MAINLAND, epsg_of_departement
from pipeline.foundations.errors import CspError, SourceUnreadable
from pipeline.foundations.progress import reporter
from sources.bdtopo.segments import segments as bdtopo_segments
from sources.osm.segments import segments as osm_segments
from sources.roads import SegmentBatch
from sources.spec import SourceSpec

_RECIPE = "recette.json"
_DEPARTEMENT = re.compile(r"d(\d{2}|2[ab]|97\d)")
#: Reader of each road source.
_SEGMENTS: Mapping[str, Callable[..., Iterator[SegmentBatch]]] = {"bdtopo": bdtopo_segments, "osm": osm_segments}
_MEGABYTE = 1_000_000

NETWORK_SCHEMA = pl.Schema(
    {
        "epsg": pl.Int64(),
        "mode": pl.String(),
        "mesure": pl.String(),
        "valeur": pl.Float64(),
    }
)


@dataclass(frozen=True)
class RoadFile:
    """A road file in use, and the projected system of its territory."""

    resource: str
    path: Path
    sha256: str
    epsg: int
    max_unpacked: int
    source: str = "bdtopo"

    def segments(self) -> Iterator[SegmentBatch]:
        """Its segments, batch by batch."""
        return _SEGMENTS[self.source](self.path, self.resource, max_unpacked=self.max_unpacked)


def road_files(spec: SourceSpec, state: SourceState, snapshots: Mapping[str, Path]) -> list[RoadFile]:
    """The files of a road source that are in use, in the order of its resources.

    Args:
        state: what the last ingestion used.
        snapshots: path of each resource's snapshot.
    """
    used = {f.ressource: f.sha256 for f in state.fichiers}
    found = []
    for resource in spec.resources:
        if resource.id in used:
            limit = (resource.max_unpacked_mb or resource.max_mb) * _MEGABYTE
            file = RoadFile(resource.id, snapshots[resource.id], used[resource.id], 0, limit, spec.id)
            found.append(replace(file, epsg=_system(file)))
    return found


def _system(file: RoadFile) -> int:
    """The system of a département of BD TOPO is known; that of any other extract is read in the file."""
    if file.resource == "france":
        return MAINLAND
    code = _DEPARTEMENT.fullmatch(file.resource) if file.source == "bdtopo" else None
    if code is not None and (known := epsg_of_departement(code[1].upper())) is not None:
        return known
    for batch in file.segments():
        return batch.epsg
    raise SourceUnreadable(f"road file {file.resource}", expected="segments", found="none", remedy="import it again")


def density_classes(communes: pl.DataFrame, area_km2: pl.Series, bounds: Mapping[str, float]) -> pl.DataFrame:
    """Class of density of each commune: `code`, `classe` (null where people or surface are unknown).

    Args:
        communes: `code, population`.
        area_km2: surface of each.
        bounds: lower bound (inhabitants per km²) of each class, any order.
    """
    density = communes["population"].cast(pl.Float64) / area_km2
    expr: Any = pl.lit(None, dtype=pl.String)
    for name, low in sorted(bounds.items(), key=lambda item: item[1]):
        expr = pl.when(pl.col("_d") >= low).then(pl.lit(name)).otherwise(expr)
    return communes.select("code").with_columns(density.alias("_d")).select("code", expr.alias("classe"))


class GraphStore:
    """The graphs under one folder, one per mode and system; each is replaced by one rename."""

    def __init__(self, root: Path, rules: Profiles) -> None:
        self.root, self.rules = root, rules

    def recipe(self, files: Sequence[RoadFile], mode: str, classes: str) -> str:
        """What a graph is made from: code, rules, files, and the digest of the density classes."""
        return fingerprint.of_values(
            fingerprint.of_code(),
            self.rules.model_dump(mode="json"),
            mode,
            [(f.resource, f.sha256) for f in files],
            classes,
        )

    def make(
        self, files: Sequence[RoadFile], mode: str, *, licence: str, classes: pl.DataFrame, classes_digest: str
    ) -> dict[int, RoadGraph]:
        """The graph of each system that has files, made again when what it is made from changed.

        Raises:
            SourceUnreadable: a file cannot be read, or holds no road of that mode.
        """
        graphs = {}
        for epsg in sorted({f.epsg for f in files}):
            mine = [f for f in files if f.epsg == epsg]
            folder, recipe = self.root / f"{mode}-{epsg}", self.recipe(mine, mode, classes_digest)
            held = _held(folder, recipe)
            if held is None:
                reporter().step(f"graphe routier ({mode}, EPSG:{epsg})")
                about = {"licence": licence, "fichiers": [{"ressource": f.resource, "sha256": f.sha256} for f in mine]}
                self._replace(
                    folder, build_graph(_batches(mine), self.rules, mode, classes=classes, about=about), recipe
                )
            graphs[epsg] = held or load_graph(folder)
        for stale in self.root.glob(f"{mode}-*") if self.root.is_dir() else ():
            epsg_of_folder = stale.name.removeprefix(f"{mode}-")
            if epsg_of_folder.isdigit() and int(epsg_of_folder) not in graphs:
                shutil.rmtree(stale)
        return graphs

    def load(self, mode: str) -> dict[int, RoadGraph]:
        """The graphs already made for a mode, by system."""
        folders = self.root.glob(f"{mode}-*") if self.root.is_dir() else ()
        return {int(f.name.removeprefix(f"{mode}-")): load_graph(f) for f in sorted(folders) if _recipe_of(f)}

    def _replace(self, folder: Path, graph: RoadGraph, recipe: str) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        new, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{what}") for what in ("nouveau", "ancien"))
        for leftover in self.root.glob(f".{folder.name}.*"):
            shutil.rmtree(leftover)
        save_graph(graph, new)
        (new / _RECIPE).write_text(json.dumps({"recette": recipe}), encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _held(folder: Path, recipe: str) -> RoadGraph | None:
    """The graph of a folder if that is what it is made from, and it can still be read."""
    try:
        return load_graph(folder) if _recipe_of(folder) == recipe else None
    except CspError:
        return None


def _recipe_of(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _RECIPE).read_text(encoding="utf-8"))["recette"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _batches(files: Sequence[RoadFile]) -> Iterator[SegmentBatch]:
    for number, file in enumerate(files):
        reporter().advance(number, len(files))
        yield from file.segments()


def network_table(graphs: Mapping[int, RoadGraph]) -> pl.DataFrame:
    """Rows of `access__reseau`: what each graph was made of and what was set aside, one measure per row."""
    rows = [
        (epsg, str(graph.meta["profil"]), name, float(value))
        for epsg, graph in sorted(graphs.items())
        for name, value in graph.meta["bilan"].items()
    ]
    return pl.DataFrame(rows, schema=NETWORK_SCHEMA, orient="row")
