"""Other libraries on the same graph and the same queries: the time from every node to its nearest counter.

Counters stand on nodes here (no access leg), so that every library answers the very same question. Each peer says its
largest difference with our answer, over the nodes of the contracted graph, before any ratio is taken. Three typologies
stand for all: a frequent, a medium and a rare one.
"""

from collections.abc import Callable, Iterator

import igraph as ig
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from assets.access.network.graph import RoadGraph, arcs
from assets.access.network.nearest import label_nodes
from assets.access.network.profile import CLOSED
from assets.access.network.search import SOURCE_BITS, UNREACHED, Labels
from assets.access.network.snap import Places
from tests.benchmarks.access_measures import FREQUENT, MEDIUM, RARE, Bench, Clock, Line, answer
from tests.benchmarks.generated_france import TYPOLOGIES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

_CHOSEN = (FREQUENT, MEDIUM, RARE)
_SOURCES = 10


def ours(bench: Bench) -> Iterator[Line]:
    """Our searches of the three typologies, on one thread; the answers are kept for the peers."""
    graph, labels = bench.graph, Labels.empty(bench.graph.nodes)
    times = []
    seconds = 0.0
    for nodes in _sources(bench):
        with Clock() as clock:
            labels.clear()
            label_nodes(graph, _at_nodes(nodes), labels)
        seconds += clock.seconds
        times.append(_seconds(labels))
    np.save(bench.folder / "times.npy", np.stack(times))
    yield {"seconds": seconds}


def scipy_contracted(bench: Bench) -> Iterator[Line]:
    """`dijkstra(min_only=True)` on our contracted graph."""
    yield _scipy(bench, bench.graph.in_pointer, bench.graph.in_arcs, "contracted graph")


def scipy_plain(bench: Bench) -> Iterator[Line]:
    """The same before contraction."""
    yield _scipy(bench, *_before_contraction(bench.graph), "graph before contraction")


def _scipy(bench: Bench, pointer: npt.NDArray[np.int64], rows: Ints, what: str) -> Line:
    with Clock() as building:
        matrix = _matrix(pointer, rows)
    sources = _sources(bench)
    with Clock() as clock:
        found = [dijkstra(matrix, indices=nodes, min_only=True) / 1_000 for nodes in sources]
    remark = f"{what}, {matrix.shape[0]:,} nodes, {matrix.nnz:,} arcs; 3 typologies, 1 thread"
    return _line(bench, "scipy, min_only", building, clock.seconds, found, remark)


def igraph(bench: Bench) -> Iterator[Line]:
    """One virtual vertex per typology, that its counters reach at no cost; distances to it."""
    tail, head, cost = _arcs(bench.graph)
    sources, n = _sources(bench), bench.graph.nodes
    with Clock() as building:
        virtual = [np.column_stack([nodes, np.full(len(nodes), n + i)]) for i, nodes in enumerate(sources)]
        network = ig.Graph(
            n=n + len(sources), edges=np.concatenate([np.column_stack([tail, head]), *virtual]), directed=True
        )
        weights = np.append(cost, np.zeros(sum(map(len, virtual))))
    with Clock() as clock:
        distances = [network.distances(n + i, weights=weights, mode="in")[0] for i in range(len(sources))]
    found = [np.array(one[:n]) / 1_000 for one in distances]
    remark = "contracted graph, a virtual vertex as source; 3 typologies, 1 thread"
    yield _line(bench, "igraph", building, clock.seconds, found, remark)


def per_source(bench: Bench) -> Iterator[Line]:
    """Dijkstra from each counter alone: a sample, since it takes as many searches as counters."""
    graph, sources = bench.graph, _sources(bench)
    nodes = np.unique(np.random.default_rng(0).choice(sources[FREQUENT], _SOURCES))
    with Clock() as building:
        matrix = _matrix(graph.in_pointer, graph.in_arcs)
    with Clock() as clock:
        found = dijkstra(matrix, indices=nodes).min(axis=0) / 1_000
    labels = Labels.empty(graph.nodes)
    label_nodes(graph, _at_nodes(nodes), labels)
    total = sum(map(len, sources))
    whole = clock.seconds / len(nodes) * total
    remark = (
        f"extrapolé from {len(nodes)} sources to the {total:,} counters of 3 typologies; contracted graph, 1 thread"
    )
    difference = _difference(found, _seconds(labels))
    yield {
        "peer": "scipy, per source", "build": building.seconds, "search": whole, "difference": difference,
        "compared": "searches", "remark": remark,
    }  # fmt: skip


def pandana(bench: Bench) -> Iterator[Line]:
    """Contraction hierarchies on our contracted graph, which spares pandana half of the nodes."""
    try:
        import pandana as pdna
    except ImportError as error:
        absent = float("nan")
        yield {
            "peer": "pandana", "build": absent, "search": absent, "difference": absent, "compared": "searches",
            "remark": f"not measured: {error}",
        }  # fmt: skip
        return
    graph = bench.graph
    tail, head, cost = _arcs(graph)
    x, y = pd.Series(graph.node_x / 100), pd.Series(graph.node_y / 100)
    farthest = float(np.nanmax(np.load(bench.folder / "times.npy"))) + 1
    with Clock() as building:
        weights = pd.DataFrame({"seconds": cost / 1_000})
        network = pdna.Network(x, y, pd.Series(tail), pd.Series(head), weights, twoway=False)
    found, sources = [], _sources(bench)
    with Clock() as clock:
        for i, nodes in enumerate(sources):
            network.set_pois(str(i), farthest, 1, x.iloc[nodes], y.iloc[nodes])
            seconds = network.nearest_pois(farthest, str(i), num_pois=1, max_distance=np.inf)[1].to_numpy()
            found.append(np.where(np.isinf(seconds), np.nan, seconds))
    shared = f"contracted graph; processor / wall {clock.processor / clock.seconds:.2f}"
    yield _line(bench, "pandana", building, clock.seconds, found, f"{shared}; 3 typologies, build left out")
    for_all = clock.seconds / len(_CHOSEN) * TYPOLOGIES
    remark = f"{shared}; {TYPOLOGIES} typologies extrapolé from 3, builds included (ours from road segments)"
    yield _line(bench, "pandana", building, for_all, found, remark) | {"compared": "everything"}


def _line(bench: Bench, peer: str, building: Clock, search: float, found: list[Floats], remark: str) -> Line:
    reference = np.load(bench.folder / "times.npy")
    difference = max(_difference(one[: len(mine)], mine) for one, mine in zip(found, reference, strict=True))
    return {
        "peer": peer, "build": building.seconds, "search": search, "difference": difference, "compared": "searches",
        "remark": remark,
    }  # fmt: skip


def _difference(theirs: Floats, ours: Floats) -> float:
    """Largest difference between times, in seconds; infinite when a node is reached by one only."""
    theirs = np.where(np.isfinite(theirs), theirs, np.nan)
    if (np.isnan(theirs) != np.isnan(ours)).any():
        return float("inf")
    return float(np.nanmax(np.abs(theirs - ours), initial=0.0))


def _sources(bench: Bench) -> list[Ints]:
    """Nodes of the counters of each chosen typology: one end of the edge they stand on."""
    sets = bench.sets()
    return [np.unique(one.u[one.on_road]) for one in (sets[number] for number in _CHOSEN)]


def _at_nodes(nodes: Ints) -> Places:
    """Counters that stand on these nodes."""
    none = np.zeros(len(nodes), dtype=np.int32)
    closed = np.full(len(nodes), CLOSED, dtype=np.int32)
    return Places(
        segment=none, share=np.zeros(len(nodes)), off_road=none, access=none, edge=none, u=nodes, v=nodes,
        to_u=none, to_v=closed, from_u=none, from_v=closed, length_u=none, length_v=none,
    )  # fmt: skip


def _seconds(labels: Labels) -> Floats:
    return np.where(labels.key == UNREACHED, np.nan, (labels.key >> SOURCE_BITS) / 1_000)


def _arcs(graph: RoadGraph) -> tuple[Ints, Ints, Ints]:
    """Tail, head and cost (ms) of each arc."""
    tail = np.repeat(np.arange(graph.nodes, dtype=np.int32), np.diff(graph.out_pointer))
    return tail, graph.out_arcs[:, 0], graph.out_arcs[:, 1]


def _matrix(pointer: npt.NDArray[np.int64], rows: Ints) -> csr_matrix:
    """Arcs sorted by (node, other node, cost) as a sparse matrix; of parallel ones, the quickest."""
    count = len(pointer) - 1
    node = np.repeat(np.arange(count, dtype=np.int32), np.diff(pointer))
    kept = np.append(True, (np.diff(node) != 0) | (np.diff(rows[:, 0]) != 0))
    first = np.concatenate([[0], np.cumsum(np.bincount(node[kept], minlength=count))])
    return csr_matrix((rows[kept, 1].astype(np.float64), rows[kept, 0], first), shape=(count, count))


def _before_contraction(graph: RoadGraph) -> tuple[npt.NDArray[np.int64], Ints]:
    """Arriving arcs of the graph of all segments: our nodes first, then those inside the edges."""
    order = np.lexsort((graph.before_length, graph.segment_edge))
    edge = graph.segment_edge[order]
    first = np.append(True, edge[1:] != edge[:-1])
    inside = graph.nodes + np.cumsum(~first) - 1  # the node before each segment that is not the first of its edge
    u = np.where(first, graph.edge_u[edge], inside)
    v = np.where(np.append(first[1:], True), graph.edge_v[edge], np.append(u[1:], -1))
    along, against, length = (
        array[order] for array in (graph.segment_along, graph.segment_against, graph.segment_length)
    )
    return arcs(u.astype(np.int32), v.astype(np.int32), along, against, length, int(max(u.max(), v.max())) + 1,
                leaving=False)  # fmt: skip


MEASURES: dict[str, Callable[[Bench], Iterator[Line]]] = {
    one.__name__: one for one in (ours, scipy_contracted, scipy_plain, igraph, per_source, pandana)
}


if __name__ == "__main__":
    answer(MEASURES)
