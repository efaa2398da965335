"""Travel times on real roads: six communes east of Grenoble (BD TOPO v2), and Andorra and Monaco (OpenStreetMap)."""

from itertools import pairwise
from pathlib import Path

import igraph
import numpy as np
import polars as pl
import pytest

from assets.access.network.bounded import reach
from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph
from assets.access.network.profile import CLOSED, costs, profiles
from assets.access.network.snap import Attacher, Places
from assets.access.places import ORIGIN_SCHEMA, counters, territories
from assets.access.settings import settings
from assets.access.summary import commune_table
from assets.access.times import measure
from assets.access.times_table import times_table
from assets.raw.roads import import_roads, target_of
from pipeline.foundations.crs import unproject
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace
from sources.bdtopo.segments import segments
from sources.osm.segments import segments as osm_segments
from sources.roads import SegmentBatch

pytestmark = pytest.mark.reel

COMMUNES = {
    "38158": "Eybens",
    "38179": "Gières",
    "38188": "Herbeys",
    "38309": "Poisat",
    "38421": "Saint-Martin-d'Hères",
    "38533": "Venon",
}
TOWN = ("38158", "38179", "38309", "38421")
POST = "La Poste"


@pytest.fixture(scope="module")
def roads(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[SegmentBatch]:
    """The real delivery, imported as a person would."""
    folder = real_data / "roads/grenoble-est-bdtopo/raw/A_RESEAU_ROUTIER"
    workspace = Workspace(DataRoot(tmp_path_factory.mktemp("racine")), frozen=True)
    import_roads(workspace, folder, target_of(folder), epsg=2154)
    snapshot = workspace.snapshots.current("bdtopo", "local")
    assert snapshot is not None
    return list(segments(snapshot.path, "local", max_unpacked=10**9))


@pytest.fixture(scope="module")
def graph(roads: list[SegmentBatch]) -> RoadGraph:
    return build_graph(roads, profiles(), "voiture")


def _homes(roads: list[SegmentBatch]) -> pl.DataFrame:
    """No grid covers these communes: the middle of each road of a commune stands for the people along it."""
    rows = []
    for batch in roads:
        for i, (code, nature) in enumerate(batch.frame.select("commune_gauche", "nature").iter_rows()):
            if code in COMMUNES and nature.startswith(("Route à", "Rond-point")):
                first, last = batch.offsets[i], batch.offsets[i + 1]
                x, y = batch.xy[(first + last) // 2]
                longitude, latitude = unproject(np.array([x]), np.array([y]), 2154)
                rows.append((f"{code}-{len(rows)}", "commune", code, "38", 1.0, longitude[0], latitude[0]))
    return pl.DataFrame(rows, schema=ORIGIN_SCHEMA, orient="row").sort("origine_id")


def _post_offices(real_data: Path) -> pl.DataFrame:
    table = pl.read_csv(
        real_data / "services/laposte-2020-12/laposte_poincont2.csv", separator=";", infer_schema=False
    ).filter(pl.col("Code_INSEE").is_in(list(COMMUNES)))
    held = table.select(
        pl.col("#Identifiant_du_site").alias("point_accueil_id"),
        pl.col("#Identifiant_du_site").alias("service_id"),
        pl.lit("Implantation").alias("type_structure"),
        pl.lit(POST).alias("service_typologie"),
        pl.col("Code_INSEE").alias("lieu_code_insee"),
        pl.lit("38").alias("lieu_code_departement"),
        pl.col("Longitude").cast(pl.Float64).alias("lieu_longitude"),
        pl.col("Latitude").cast(pl.Float64).alias("lieu_latitude"),
        pl.lit(None, pl.String).alias("service_horaires_ouverture"),
    )
    permanences = held.rename(
        {"service_typologie": "permanence_typologie", "service_horaires_ouverture": "permanence_horaires"}
    ).clear()
    return counters(held, permanences, held.clear())


def test_six_communes_east_of_grenoble(real_data: Path, roads: list[SegmentBatch], graph: RoadGraph) -> None:
    report = graph.meta["bilan"]
    assert report["troncons_lus"] == 4_203
    assert report["composantes"] == 2  # Herbeys hangs on the rest by tracks only, within this extract
    origins = _homes(roads)
    (territory,) = territories(origins, _post_offices(real_data), {2154: graph}, profiles())
    times = measure(territory, [POST], settings())
    rows = times_table(territory, times, [POST], settings(), np.arange(origins.height))
    table = commune_table(rows, [POST], settings().seuils_min, settings().reseau_suspect)
    mean = dict(table.select("code_insee", "temps_moyen_min").iter_rows())
    for code in TOWN:
        assert 2.3 <= mean[code] <= 4.6, (COMMUNES[code], mean[code])
    assert 8 <= mean["38533"] <= 11
    herbeys = table.row(by_predicate=pl.col("code_insee") == "38188", named=True)
    assert herbeys["temps_moyen_min"] is None
    assert herbeys["sans_temps_pct"] == 100
    assert herbeys["statut_principal"] == "aucun itinéraire"
    assert herbeys["temps_estime_vol_oiseau_min"] is not None
    assert table.filter("reseau_suspect")["code_insee"].to_list() == ["38188"]


def _equal_to_igraph(batches: list[SegmentBatch], graph: RoadGraph, rng: np.random.Generator, number: int) -> None:
    """Door-to-door times between points at crossings, against the raw segments (not contracted) searched by igraph."""
    arcs, weights, names, levels = [], [], {}, {}

    def vertex(batch: SegmentBatch, i: int, end: str) -> int:
        given = batch.frame[f"noeud_{end}"][i]
        row = batch.offsets[i] if end == "debut" else batch.offsets[i + 1] - 1
        x, y = np.rint(batch.xy[row] * 10).tolist()
        # At one point, ends more than two metres apart in height are not one crossing.
        heights = levels.setdefault((x, y), [])
        z = float(batch.z[row])
        level = next((h for h in heights if np.isnan(z) or np.isnan(h) or abs(h - z) <= 2), None)
        if level is None:
            heights.append(level := z)
        return names.setdefault(given if given is not None else (x, y, heights.index(level)), len(names))

    where: dict[int, tuple[float, float]] = {}
    for batch in batches:
        runs = pairwise(batch.offsets)
        steps = [np.hypot(*np.diff(batch.xy[first:last], axis=0).T).sum() for first, last in runs]
        along, against = costs(batch.frame, np.array(steps), profiles().profile("voiture"))
        for i in range(batch.frame.height):
            a, b = vertex(batch, i, "debut"), vertex(batch, i, "fin")
            where[a], where[b] = tuple(batch.xy[batch.offsets[i]]), tuple(batch.xy[batch.offsets[i + 1] - 1])
            for cost, arc in ((along[i], (a, b)), (against[i], (b, a))):
                if cost != CLOSED:
                    arcs.append(arc)
                    weights.append(int(cost))
    raw = igraph.Graph(n=len(names), edges=arcs, directed=True)
    attacher = Attacher(graph, profiles().rattachement)
    kept = {(int(x), int(y)) for x, y in zip(graph.node_x, graph.node_y, strict=True)}
    stacked = {at for at, heights in levels.items() if len(heights) > 1}  # over a bridge, or under it?
    usable = [
        v
        for v, (x, y) in where.items()
        if (round(x * 100), round(y * 100)) in kept and (round(x * 10), round(y * 10)) not in stacked
    ]
    chosen = rng.choice(usable, number, replace=False)
    xy = np.rint(np.array([where[v] for v in chosen]) * 100) / 100  # graphs are drawn to the centimetre
    places: Places = attacher.attach(xy[:, 0], xy[:, 1])
    at_crossing = np.flatnonzero(places.off_road == 0)
    chosen, places = chosen[at_crossing], places.take(at_crossing)
    mine = np.full((len(chosen), len(chosen)), np.inf)
    for part in reach(graph, places, places, 10**8):
        mine[part.home, part.door] = part.milliseconds
    theirs = np.array(raw.distances(chosen.tolist(), chosen.tolist(), weights=weights, mode="out"))
    both = np.isfinite(mine) & np.isfinite(theirs)
    assert both.mean() > 0.5
    np.testing.assert_array_equal(mine[both], theirs[both])


def test_real_bdtopo_times_equal_those_of_another_library(roads: list[SegmentBatch], graph: RoadGraph) -> None:
    _equal_to_igraph(roads, graph, np.random.default_rng(1), 60)


@pytest.mark.parametrize("extract", ["andorra", "monaco"])
def test_real_osm_times_equal_those_of_another_library(real_data: Path, extract: str) -> None:
    file = real_data / f"roads/osm-extracts/{extract}.osm.pbf"
    batches = list(osm_segments(file, "local", max_unpacked=10**9))
    graph = build_graph(batches, profiles(), "voiture")
    _equal_to_igraph(batches, graph, np.random.default_rng(2), 60)
