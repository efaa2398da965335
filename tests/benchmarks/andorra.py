"""Our times on a real OpenStreetMap extract (Andorra) beside those of a real router, and what explains the differences.

The router (Routino) has speeds of its own, no penalty in towns, and knows turn restrictions; so the comparison is made
twice: with our profile as it is, then with its speeds in ours. What remains the second time is not speeds.
"""

from pathlib import Path

import numpy as np

from assets.access.network.bounded import reach
from assets.access.network.build import build_graph
from assets.access.network.graph import RoadGraph
from assets.access.network.profile import Profiles, profiles
from assets.access.network.snap import Attacher
from pipeline.foundations.crs import unproject
from sources.osm.segments import segments
from tests.benchmarks.measure import REAL_DATA, row
from tests.benchmarks.router import router_times

_EXTRACT = "roads/osm-extracts/andorra.osm.pbf"
_PAIRS = 400
#: Speeds of Routino's profile `motorcar`, km/h.
_ROUTINO = {
    "motorway": 112, "motorway_link": 112, "trunk": 96, "trunk_link": 96, "primary": 96, "primary_link": 96,
    "secondary": 88, "secondary_link": 88, "tertiary": 80, "tertiary_link": 80, "unclassified": 64, "residential": 48,
    "living_street": 48, "road": 64, "service": 32, "track": 16, "ferry": 10,
}  # fmt: skip


def main() -> None:
    """Print the distribution of ours over theirs, for times and lengths."""
    pbf = REAL_DATA / _EXTRACT
    if not pbf.is_file():
        print("(real data folder absent: not run)")
        return
    row("profile", "pairs", "what", "5 %", "25 %", "median", "75 %", "95 %", "within 10 %")
    row("---", "---:", "---", "---:", "---:", "---:", "---:", "---:", "---:")
    for name, rules in (("ours", profiles()), ("ours with the router's speeds", _as_router(profiles()))):
        _compare(name, build_graph(segments(pbf, "local", max_unpacked=10**9), rules, "voiture"), rules, pbf)


def _as_router(rules: Profiles) -> Profiles:
    own = rules.profile("voiture").model_copy(
        update={"coefficient_vitesse_legale": 1.0, "penalite_urbaine_s": 0.0, "vitesses": dict(_ROUTINO)}
    )
    return rules.model_copy(update={"profils": {**rules.profils, "voiture": own}})


def _compare(name: str, graph: RoadGraph, rules: Profiles, pbf: Path) -> None:
    """Between crossings drawn at random: both ends are on the road, so that access legs do not count."""
    rng = np.random.default_rng(20260101)
    starts, ends = rng.integers(0, graph.nodes, (2, _PAIRS))
    x, y = graph.node_x / 100, graph.node_y / 100
    attacher = Attacher(graph, rules.rattachement)
    homes, doors = (attacher.attach(x[nodes], y[nodes]) for nodes in (starts, ends))
    ours = np.full((2, _PAIRS), np.nan)
    for part in reach(graph, homes, doors, 10**8):
        mine = part.door == part.home
        ours[:, part.home[mine]] = part.milliseconds[mine] / 1000, part.centimetres[mine] / 100
    degrees = np.column_stack([*unproject(x[starts], y[starts], graph.epsg), *unproject(x[ends], y[ends], graph.epsg)])
    seconds, metres = router_times(pbf, degrees)
    known = np.isfinite(ours).all(axis=0) & np.isfinite(seconds) & (seconds > 60)
    for what, mine, theirs in (("time", ours[0], seconds), ("length", ours[1], metres)):
        ratio = mine[known] / theirs[known]
        row(
            name, int(known.sum()), what, *np.percentile(ratio, [5, 25, 50, 75, 95]),
            f"{100 * np.mean(np.abs(ratio - 1) <= 0.1):.0f} %",
        )  # fmt: skip


if __name__ == "__main__":
    main()
