"""The grid and the roads of the fictional France: shapes of the real files, people where roads go, one network."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pyogrio
import pytest
import shapely
from pyproj import Transformer
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sources.demo.geography import World, build_world
from sources.demo.grid import settlements
from sources.demo.roads import LAYER
from sources.demo.write import TerritoryFacts, write_territory

_SEED = 20260101
FERRY = "Bac ou liaison maritime"


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> TerritoryFacts:
    return write_territory(tmp_path_factory.mktemp("territory"))


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(2, 60, _SEED)


@pytest.fixture(scope="module")
def cells(facts: TerritoryFacts) -> pl.DataFrame:
    return pl.read_parquet(facts.grid_200m)


class Network:
    """The roads read again: drivable arcs between nodes matched to the decimetre, with or without the ferry."""

    def __init__(self, path: Path, *, ferry: bool = True) -> None:
        self.frame = pyogrio.read_dataframe(path, layer=LAYER)
        usable = (self.frame.etat_de_l_objet == "En service") & (self.frame.vitesse_moyenne_vl > 1)
        drivable = self.frame[usable & (self.frame.acces_vehicule_leger != "Physiquement impossible")]
        if not ferry:
            drivable = drivable[drivable.nature != FERRY]
        lines = drivable.geometry.to_numpy()
        ends = [shapely.get_coordinates(shapely.get_point(lines, i)) for i in (0, -1)]
        self.nodes, index = np.unique(np.round(np.vstack(ends), 1), axis=0, return_inverse=True)
        start, end = np.split(index.reshape(-1), 2)
        forward = drivable.sens_de_circulation.isin(["Double sens", "Sens direct"]).to_numpy()
        backward = drivable.sens_de_circulation.isin(["Double sens", "Sens inverse"]).to_numpy()
        tails = np.concatenate([start[forward], end[backward]])
        heads = np.concatenate([end[forward], start[backward]])
        shape = (len(self.nodes), len(self.nodes))
        graph = coo_matrix((np.ones(len(tails)), (tails, heads)), shape=shape).tocsr()
        _, self.component = connected_components(graph, connection="strong")

    def component_of(self, x: float, y: float) -> int:
        distance, nearest = cKDTree(self.nodes).query((x, y))
        assert distance < 30  # the town is at the centre of its roundabout
        return int(self.component[nearest])


@pytest.fixture(scope="module")
def network(facts: TerritoryFacts) -> Network:
    return Network(facts.roads)


def test_same_arguments_same_bytes(facts: TerritoryFacts, tmp_path: Path) -> None:
    again = write_territory(tmp_path)
    for one, other in zip(
        (facts.grid_200m, facts.grid_1km, facts.roads), (again.grid_200m, again.grid_1km, again.roads), strict=True
    ):
        assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest()


def test_cells_are_named_by_their_corner_and_lie_in_their_communes(cells: pl.DataFrame, world: World) -> None:
    corner = cells["idcar_200m"].str.extract_groups(r"^CRS3035RES200mN(\d+)E(\d+)$").struct.unnest().cast(pl.Int64)
    assert corner.null_count().sum_horizontal().item() == 0
    assert cells["idcar_200m"].is_unique().all()
    assert (corner["1"] % 200 == 0).all()
    back = Transformer.from_crs(3035, 2154, always_xy=True)
    x, y = back.transform(corner["2"].to_numpy() + 100, corner["1"].to_numpy() + 100)
    shapes = {c.code: c.geometry for c in world.communes}
    first = [shapes[codes[:5]] for codes in cells["lcog_geo"]]
    assert (shapely.distance(first, shapely.points(x, y)) < 200).all()


def test_cells_hold_the_population(cells: pl.DataFrame, world: World, facts: TerritoryFacts) -> None:
    people = sum(c.population for c in world.communes)
    assert facts.persons == cells["ind"].sum()
    assert facts.persons == pytest.approx(0.98 * people, rel=0.01)
    ages = [c for c in cells.columns if c.startswith("ind_") and c != "ind_snv"]
    assert (cells.select(pl.sum_horizontal(ages)).to_series() == cells["ind"]).all()
    assert (cells["men_pauv"] <= cells["men"]).all()
    assert (cells["men_coll"] + cells["men_mais"] == cells["men"]).all()
    assert 0.08 < cells["men_pauv"].sum() / cells["men"].sum() < 0.25
    assert (cells["lcog_geo"].str.len_chars() == 10).any()  # cells across two communes
    assert (cells.filter(pl.col("men") < 11)["i_est_200"] == 1).all()


def test_kilometre_cells_are_sums(cells: pl.DataFrame, facts: TerritoryFacts) -> None:
    large = pl.read_parquet(facts.grid_1km)
    assert large["ind"].sum() == cells["ind"].sum()
    assert set(large["idcar_1km"]) == set(cells["idcar_1km"])


def test_the_layer_has_the_columns_of_bd_topo(facts: TerritoryFacts, network: Network) -> None:
    info = pyogrio.read_info(facts.roads, layer=LAYER)
    assert (info["crs"], info["geometry_type"]) == ("EPSG:2154", "LineString Z")
    assert len(network.frame) == facts.segments
    frame = network.frame
    assert frame.cleabs.is_unique
    assert {"Double sens", "Sens direct", "Sens inverse", "Sans objet"} == set(frame.sens_de_circulation)
    assert {"Rond-point", "Type autoroutier", "Bretelle", "Sentier", "Escalier"} <= set(frame.nature)
    assert {"En service", "En construction"} == set(frame.etat_de_l_objet)
    assert set(frame.importance) == set("123456")
    assert "A péage" in set(frame.acces_vehicule_leger)
    assert "1" in set(frame.position_par_rapport_au_sol)


@pytest.mark.reel
def test_columns_and_words_are_those_of_the_real_layer(network: Network, real_data: Path) -> None:
    path = real_data / "roads" / "marseille10-bdtopo" / "troncon_de_route_marseille10.gpkg"
    real = pyogrio.read_dataframe(path, read_geometry=False)
    assert set(network.frame.columns) - {"geometry"} <= set(real.columns)
    for column in ("nature", "importance", "sens_de_circulation", "acces_vehicule_leger", "etat_de_l_objet", "urbain"):
        assert set(network.frame[column]) - {FERRY} <= set(real[column]), column  # that town has no ferry
    dtypes = {c: real[c].dtype.kind for c in ("vitesse_moyenne_vl", "nombre_de_voies")}
    assert {c: network.frame[c].dtype.kind for c in dtypes} == dtypes


def test_one_drives_from_any_town_to_any_other_and_back_and_takes_the_ferry_to_the_island(
    network: Network, facts: TerritoryFacts, world: World
) -> None:
    assert len({network.component_of(c.x, c.y) for c in world.communes}) == 1
    ashore = Network(facts.roads, ferry=False)
    towns = {c.index: ashore.component_of(c.x, c.y) for c in world.communes}
    mainland = {component for index, component in towns.items() if index != world.island}
    assert len(mainland) == 1
    assert towns[world.island] not in mainland


def test_the_ferry_crosses_in_twenty_minutes(network: Network, world: World) -> None:
    (ferry,) = network.frame[network.frame.nature == FERRY].itertuples()
    assert ferry.geometry.length / 1000 / ferry.vitesse_moyenne_vl * 60 == pytest.approx(20, rel=0.05)
    assert world.communes[world.island].code == ferry.insee_commune_gauche != ferry.insee_commune_droite


def test_roads_reach_the_hamlets(network: Network, world: World) -> None:
    for commune in world.communes[::7]:
        for x, y in settlements(world, commune, _SEED)[1:]:
            assert network.component_of(x, y) == network.component_of(commune.x, commune.y)


def test_people_live_near_a_road(network: Network, cells: pl.DataFrame) -> None:
    corner = cells["idcar_200m"].str.extract_groups(r"N(\d+)E(\d+)$").struct.unnest().cast(pl.Int64)
    to_metres = Transformer.from_crs(3035, 2154, always_xy=True)
    xy = np.column_stack(to_metres.transform(corner["2"].to_numpy() + 100, corner["1"].to_numpy() + 100))
    distance, _ = cKDTree(network.nodes).query(xy)
    assert np.average(distance, weights=cells["ind"].to_numpy()) < 400
