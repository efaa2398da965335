"""The tables of the atlas: by road where there are roads, as the crow flies everywhere else.

Kept out of the assets, and imported late: a run with nothing to compute does without SciPy and compiled code.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from assets.access import places
from assets.access.network.bounded import reach
from assets.access.network.graph import RoadGraph
from assets.access.network.k_nearest import k_nearest
from assets.access.network.profile import profiles
from assets.access.networks import graphs_of
from assets.access.places import HELD_ALL_WEEK, Territory
from assets.access.settings import settings as access_settings
from assets.access.straight_line import origins as starts_of_communes
from assets.access.tables import COUNTERS, ROADS
from assets.access.times import seconds_of
from assets.referentiel.typology import typologies
from assets.scenarios.atlas import closings, openings
from assets.scenarios.settings import settings
from assets.scenarios.tables import CLOSINGS, OPENINGS
from assets.tension.crow import MEASURE as CROW
from assets.tension.crow import plane, straight_nearest, straight_pairs
from assets.tension.pairs import Floats, Ints
from assets.tension.travel import MEASURE as ROAD
from assets.territories.grid import CELLS
from pipeline.foundations.progress import reporter
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import Workspace
from quality.contract import all_contracts

_AT_ONCE = 2
_NEAREST = 2


def compute(workspace: Workspace, measured: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Make both tables.

    Args:
        measured: départements with roads whose tables of access are up to date.
    """
    graphs = graphs_of(workspace, ROADS, access_settings().mode) if measured else {}
    return atlas(workspace.tables, graphs, measured)


def atlas(tables: TableStore, graphs: Mapping[int, RoadGraph], measured: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The same on given road graphs, by EPSG code."""
    held = [tables.read(name) for name in COUNTERS]
    counters = places.counters(*held)
    counters = counters.filter((pl.col("type_structure") == HELD_ALL_WEEK) & pl.col("longitude").is_not_null())
    columns = ["carreau_id", "taille_m", "commune", "departement", "population", "longitude", "latitude"]
    cells = pl.read_parquet(tables.path(CELLS), columns=columns, hive_partitioning=False)
    communes = tables.read("territories__communes").drop("geometrie", "codes_postaux")
    leaving = places.origins(cells, communes, held[0])
    halls = starts_of_communes(communes, held[0]).filter(pl.col("longitude").is_not_null())
    on_roads = pl.col("code_departement").is_in(list(measured))
    parts: dict[str, list[pl.DataFrame]] = {CLOSINGS: [], OPENINGS: []}
    if leaving.filter(~on_roads).height:
        # Everybody takes part: a border between what has roads and what has none is no border for people.
        _crow(parts, leaving, counters, halls)
    if measured:
        for territory in places.territories(leaving.filter(on_roads), counters, graphs, profiles()):
            _road(parts, territory, halls.filter(on_roads))
    return {name: _conform(name, frames) for name, frames in parts.items()}


def _crow(
    parts: dict[str, list[pl.DataFrame]], leaving: pl.DataFrame, counters: pl.DataFrame, halls: pl.DataFrame
) -> None:
    rule = access_settings().vol_oiseau
    pace = rule.seconds(1.0)
    start, door, hall = plane(leaving), plane(counters), plane(halls)
    known = np.flatnonzero(np.isfinite(start).all(axis=1))
    population = leaving["population"].fill_null(float("nan")).to_numpy()
    times = {}
    reporter().step("atlas (vol d'oiseau) : fermetures")
    for typology, rows in _by_typology(counters):
        rank = np.full((leaving.height, _NEAREST), -1, dtype=np.int32)
        seconds = np.full(rank.shape, np.inf)
        metres_to, rank[known] = straight_nearest(start[known], door[rows], _NEAREST)
        seconds[known] = np.rint(metres_to * pace)
        times[typology] = seconds[:, 0]
        parts[CLOSINGS].append(_closing_rows(counters[rows.tolist()], typology, CROW, rank, seconds, population))
    reporter().step("atlas (vol d'oiseau) : ouvertures")
    limit = settings().atlas.rayon_ouvertures_min * 60
    pairs = straight_pairs(start, hall, pace, limit)
    found_pairs = [(pairs.counter, pairs.origin, pairs.seconds)]
    parts[OPENINGS].append(_opening_rows(halls, times, CROW, found_pairs, population))


def _road(parts: dict[str, list[pl.DataFrame]], territory: Territory, halls: pl.DataFrame) -> None:
    graph, homes, attacher = territory.graph, territory.homes, territory.attacher
    if graph is None or homes is None or attacher is None:
        return
    population = territory.origins["population"].fill_null(float("nan")).to_numpy()
    chosen = list(_by_typology(territory.counters))

    def one(item: tuple[str, Ints]) -> tuple[pl.DataFrame, Floats]:
        typology, rows = item
        found = k_nearest(graph, homes, territory.counters_at(rows), _NEAREST)
        seconds = seconds_of(found.milliseconds).astype(np.float64)
        seconds[found.counter < 0] = np.inf
        counters = territory.counters[rows.tolist()]
        unknown = ~homes.on_road
        frame = _closing_rows(counters, typology, ROAD, found.counter, seconds, population)
        return frame, np.where(unknown, np.nan, seconds[:, 0])

    reporter().step("atlas (route) : fermetures")
    times = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for number, ((typology, _), (frame, nearest)) in enumerate(zip(chosen, pool.map(one, chosen), strict=True)):
            reporter().advance(number + 1, len(chosen))
            parts[CLOSINGS].append(frame)
            times[typology] = nearest
    reporter().step("atlas (route) : ouvertures")
    doors = attacher.attach(*places.metres(halls, territory.epsg).T)
    limit = settings().atlas.rayon_ouvertures_min * 60_000 + 499

    def found() -> Iterator[tuple[Ints, Ints, Ints]]:
        for part in reach(graph, homes, doors, limit):
            reporter().advance(int(part.door[-1]) + 1 if len(part.door) else 0, doors.number)
            yield part.door, part.home, seconds_of(part.milliseconds)

    parts[OPENINGS].append(_opening_rows(halls, times, ROAD, found(), population))


def _by_typology(counters: pl.DataFrame) -> Iterator[tuple[str, Ints]]:
    names = counters["typologie"].to_numpy()
    for typology in typologies().labels:
        if len(rows := np.flatnonzero(names == typology)):
            yield typology, rows.astype(np.int32)


def _closing_rows(
    counters: pl.DataFrame, typology: str, mesure: str, rank: Ints, seconds: Floats, population: Floats
) -> pl.DataFrame:
    costs = closings(
        rank[:, 0], seconds[:, 0], rank[:, 1], seconds[:, 1], population, counters.height, settings().seuils_min
    )
    following = costs["suivant"].cast(pl.Int64)
    named = counters["point_accueil_id"].gather(following.set(following < 0, None))
    return pl.concat(
        [
            counters.select("point_accueil_id", "code_insee", "code_departement"),
            costs.drop("suivant").with_columns(pl.all().round(2)),
        ],
        how="horizontal",
    ).with_columns(
        pl.lit(typology).alias("typologie"), pl.lit(mesure).alias("mesure"), named.alias("point_accueil_suivant_id")
    )


def _opening_rows(
    halls: pl.DataFrame,
    times: dict[str, Floats],
    mesure: str,
    pairs: Iterator[tuple[Ints, Ints, Ints]] | list[tuple[Ints, Ints, Ints]],
    population: Floats,
) -> pl.DataFrame:
    """One row per commune and typology where an opening brings somebody nearer."""
    labels = list(times)
    thresholds = settings().seuils_min
    gained, nearer, within = openings(pairs, np.array([times[t] for t in labels]), population, halls.height, thresholds)
    p, t = np.nonzero(nearer > 0)
    return pl.DataFrame(
        {
            "code_insee": halls["code_insee"].gather(p),
            "code_departement": halls["code_departement"].gather(p),
            "typologie": pl.Series(labels, dtype=pl.String).gather(t),
            "personnes_minutes": np.round(gained[p, t], 2),
            "habitants_rapproches": np.round(nearer[p, t], 2),
            **{f"ramenes_a_{m}_min": np.round(within[p, t, i], 2) for i, m in enumerate(thresholds)},
        }
    ).with_columns(pl.lit(mesure).alias("mesure"))


def _conform(name: str, frames: list[pl.DataFrame]) -> pl.DataFrame:
    contract = all_contracts()[name]
    if not frames:
        return pl.DataFrame(schema=contract.polars_schema)
    return contract.conform(pl.concat(frames).sort(*contract.key))
