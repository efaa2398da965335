"""The road graphs of a data root, for a source of roads and a mode: made when asked for, kept until files change.

Whether what is computed on them may be published belongs to whoever asks: the licence is in each graph's `meta`.
"""

from pathlib import Path

import numpy as np
import polars as pl
import shapely

from assets.access.network.graph import RoadGraph
from assets.access.network.profile import profiles
from assets.access.road_graph import GraphStore, density_classes, road_files
from assets.access.tables import ROADS
from assets.raw.ingest import SourceState, UsedFile
from pipeline.foundations.crs import epsg_of_departement, project
from pipeline.foundations.workspace import Workspace
from sources.registry import get_source


def graphs_of(workspace: Workspace, source: str, mode: str) -> dict[int, RoadGraph]:
    """The graph of each projected system the imported files of a source cover; none when none was imported.

    Raises:
        WrongUse: an unknown mode.
        SourceUnreadable: a file cannot be read, or holds no road of that mode.
    """
    profile = profiles().profile(mode)
    spec = get_source(source)
    held = {r.id: workspace.snapshots.current(source, r.id) for r in spec.resources}
    kept = {name: snapshot for name, snapshot in held.items() if snapshot is not None}
    used = tuple(
        UsedFile(
            ressource=name,
            url=s.url,
            url_finale=s.final_url,
            sha256=s.sha256,
            octets=s.size,
            date_telechargement=s.fetched_at,
            date_fichier=s.fetched_at,
        )
        for name, s in kept.items()
    )
    state = SourceState(id=source, etat="gelée", fichiers=used)
    files = road_files(spec, state, {name: s.path for name, s in kept.items()})
    store = GraphStore(_folder(workspace, source), profiles())
    # Density is asked for only where it slows anybody: surfaces of every commune take seconds.
    if not files or set(profile.congestion.values()) == {1.0}:
        nobody = pl.DataFrame(schema={"code": pl.String, "classe": pl.String})
        return store.make(files, mode, licence=spec.licence.id, classes=nobody, classes_digest="")
    communes = workspace.tables.read("territories__communes")
    return store.make(
        files,
        mode,
        licence=spec.licence.id,
        classes=density_classes(communes, _surfaces(communes), profiles().densite),
        classes_digest=workspace.tables.content("territories__communes"),
    )


def _folder(workspace: Workspace, source: str) -> Path:
    """Graphs of each source apart: they do not carry the same licence."""
    return workspace.root.tables / ("access__graphes" if source == ROADS else f"access__graphes_{source}")


def _surfaces(communes: pl.DataFrame) -> pl.Series:
    """Surface of each commune in km², in the projected system of its territory; null without an outline."""
    area = np.full(communes.height, np.nan)
    for (departement,), part in communes.with_row_index("_row").group_by("departement"):
        epsg = epsg_of_departement(str(departement))
        shapes = part.filter(pl.col("geometrie").is_not_null())
        if epsg is not None and shapes.height:
            flat = shapely.transform(
                shapely.from_wkb(shapes["geometrie"].to_numpy()),
                lambda xy, to=epsg: np.column_stack(project(xy[:, 0], xy[:, 1], to)),
            )
            area[shapes["_row"].to_numpy()] = shapely.area(flat) / 1e6
    return pl.Series(area).fill_nan(None)
