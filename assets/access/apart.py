"""Travel times that no release holds: on the roads of OpenStreetMap, or by another mode, in a folder of their own.

What is derived from OpenStreetMap carries its licence (ODbL), in every file and in a notice beside them; tables of a
release never do.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from assets.access.choice import pairs
from assets.access.network.profile import profiles
from assets.access.networks import graphs_of
from assets.access.places import counters, origins, territories
from assets.access.settings import settings
from assets.access.summary import commune_table
from assets.access.tables import COUNTERS
from assets.access.times import measure
from assets.access.times_table import times_table
from assets.referentiel.typology import typologies
from assets.territories.grid import CELLS
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.workspace import Workspace
from sources.registry import get_source

TIMES, COMMUNES, NOTICE = "temps.parquet", "acces_communes.parquet", "LICENCE.txt"


def times_apart(
    workspace: Workspace, departements: Sequence[str], *, source: str, mode: str, folder: Path, credit: str
) -> dict[str, int]:
    """Write the times of the origins of some départements, and their summary by commune; the folder appears whole.

    Returns:
        Rows of each file.

    Raises:
        WrongUse: no road file of that source was imported.
    """
    tables = workspace.tables
    graphs = graphs_of(workspace, source, mode)
    if not graphs:
        raise WrongUse(
            f"roads ({source})",
            expected="at least one imported road file",
            found="none",
            remedy="csp roads import FILE",
        )
    held = [tables.read(name) for name in COUNTERS]
    communes = tables.read("territories__communes").drop("geometrie", "codes_postaux")
    leaving = origins(tables.read(CELLS), communes, held[0])
    leaving = leaving.filter(pl.col("code_departement").is_in(list(departements)))
    labels, known = typologies().labels, settings()
    parts = []
    for territory in territories(leaving, counters(*held), graphs, profiles()):
        found = measure(territory, labels, known)
        for _ in pairs(territory, labels, known, found):
            pass  # counted on the way
        parts.append(times_table(territory, found, labels, known, np.arange(territory.origins.height)))
    times = pl.concat(parts)
    summary = commune_table(times, labels, known.seuils_min, known.reseau_suspect)
    licence = get_source(source).licence
    about = {
        "licence": licence.id,
        "licence_titre": licence.title,
        "attribution": credit,
        "mode": mode,
        "fictif": "oui" if workspace.fictional else "non",
    }
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        times.write_parquet(temporary / TIMES, compression="zstd", metadata=about)
        summary.write_parquet(temporary / COMMUNES, compression="zstd", metadata=about)
        (temporary / NOTICE).write_text(_notice(licence.title, licence.url, credit), encoding="utf-8")
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return {TIMES: times.height, COMMUNES: summary.height}


def _notice(title: str, url: str, credit: str) -> str:
    return (
        f"Temps d'accès calculés sur les routes de : {credit}.\n"
        f"Ces fichiers sont publiés sous {title} ({url}).\n"
        "Ils ne font pas partie d'une version de Carto Services Publics.\n"
    )
