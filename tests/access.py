"""Small territories for tests of access: origins and counters placed in metres on the networks of `tests.networks`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from assets.access.network.graph import RoadGraph
from assets.access.network.profile import profiles
from assets.access.places import COUNTER_SCHEMA, HELD_ALL_WEEK, ORIGIN_SCHEMA, Territory, territories
from pipeline.foundations.crs import unproject
from pipeline.foundations.issues import IssueLog
from tests.networks import ORIGIN

FS, MAIRIE, CAF = "France services", "Mairie", "Caisse d'allocations familiales (Caf)"

#: Metres from `ORIGIN`; None: nobody knows where.
Spot = tuple[float, float] | None


def degrees(xy: Any) -> np.ndarray:
    """(n, 2) metres from `ORIGIN` -> longitude, latitude."""
    xy = np.asarray(xy, dtype=np.float64).reshape(-1, 2) + ORIGIN
    return np.column_stack(unproject(xy[:, 0], xy[:, 1], 2154))


def _placed(rows: Sequence[dict[str, Any]], defaults: Mapping[str, Any], schema: pl.Schema) -> pl.DataFrame:
    made = []
    for number, row in enumerate(rows):
        spot = row.get("at")
        longitude, latitude = degrees(spot)[0].tolist() if spot is not None else (None, None)
        known = {k: v.format(number) if isinstance(v, str) else v for k, v in defaults.items()}
        made.append({**known, "longitude": longitude, "latitude": latitude, **{k: row[k] for k in row if k != "at"}})
    return pl.DataFrame([{name: row[name] for name in schema} for row in made], schema=schema)


def origins_at(*rows: dict[str, Any]) -> pl.DataFrame:
    """Cells of 200 m of ten people in 38185, unless said otherwise; `at` is a `Spot`."""
    defaults = {
        "origine_id": "O{:03d}",
        "type_origine": "carreau de 200 m",
        "code_insee": "38185",
        "code_departement": "38",
        "population": 10.0,
    }
    return _placed(rows, defaults, ORIGIN_SCHEMA)


def counters_at(*rows: dict[str, Any]) -> pl.DataFrame:
    """France services open all week in 38421, unless said otherwise; `at` is a `Spot`."""
    defaults = {
        "point_accueil_id": "P{:03d}",
        "service_id": "S{:03d}",
        "type_structure": HELD_ALL_WEEK,
        "typologie": FS,
        "code_insee": "38421",
        "code_departement": "38",
        "horaires": None,
    }
    return _placed(rows, defaults, COUNTER_SCHEMA)


def territory(
    origins: pl.DataFrame, counters: pl.DataFrame, graph: RoadGraph | None, issues: IssueLog | None = None
) -> Territory:
    """The mainland, with that graph or none."""
    (found,) = territories(origins, counters, {2154: graph} if graph is not None else {}, profiles(), issues)
    return found
