"""The generated country is one connected country of the size asked, with what a road graph has to cope with."""

import numpy as np
import pytest

from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph
from assets.access.network.profile import profiles
from tests.benchmarks.generated_france import COUNTERS, SEGMENTS_PER_NODE, TYPOLOGIES, France, generate

NODES = 2_000


@pytest.fixture(scope="module")
def country() -> France:
    return generate(NODES)


@pytest.fixture(scope="module")
def graph(country: France) -> RoadGraph:
    return build_graph(country.batches(), profiles(), "voiture")


def test_it_is_connected_and_of_the_size_asked(country: France, graph: RoadGraph) -> None:
    tally = graph.meta["bilan"]
    assert len(country.xy) == NODES
    assert len(country.start) == pytest.approx(NODES * SEGMENTS_PER_NODE, rel=0.03)
    # The islands of so small a country are below the smallest component kept.
    assert tally["composantes"] == 1
    assert tally["noeuds"] - tally["noeuds_ecartes"] >= NODES * 0.98
    assert tally["hors_mode"] == tally["sans_longueur"] == tally["bouts_rattaches"] == 0


def test_it_has_one_way_streets_bends_dead_ends_and_every_kind_of_road(country: France, graph: RoadGraph) -> None:
    assert len(np.unique(country.kind)) == 7
    assert set(np.unique(country.way)) == {-1, 0, 1}
    degree = np.bincount(np.concatenate([country.start, country.end]), minlength=NODES)
    assert (degree > 0).mean() > 0.995  # a crossing may be alone on its island
    assert 0.05 < (degree == 1).mean() < 0.3
    assert 0.4 < graph.nodes / NODES < 0.8
    assert not graph.segment_stop.all()  # motorways and ramps


def test_cells_and_counters_are_in_proportion_and_near_the_roads(country: France) -> None:
    assert sum(COUNTERS) == pytest.approx(90_000, rel=0.01)
    for side, number in ((1_000, 100), (200, 767)):
        cells = country.cells(side)
        assert len(cells) == len(np.unique(cells, axis=0)) == number
        assert (cells % side == side / 2).all()
        nearest = np.hypot(*(cells[:, None] - country.xy[None]).transpose(2, 0, 1)).min(axis=1)
        assert nearest.max() < 1_500
    spots, typology = country.counters()
    assert set(typology) == set(range(TYPOLOGIES))
    assert len(spots) == len(typology)
    assert (typology == 0).sum() == len(country.towns)


def test_the_same_seed_gives_the_same_country(country: France) -> None:
    again, other = generate(NODES), generate(NODES, seed=2)
    assert np.array_equal(again.xy, country.xy)
    assert np.array_equal(again.kind, country.kind)
    assert not np.array_equal(other.xy, country.xy)
