"""A real router to compare travel times with: Routino, in Debian (`apt-get install routino`), without network.

Routes are the quickest by car at Routino's own speeds (lowered to `maxspeed` where it is tagged): its preferences for
large roads are made neutral, tracks stay forbidden. It snaps each end to the nearest road within 1 km, so ends taken on
roads compare best. Comparing belongs to the benchmark that calls.
"""

import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SPLITTER, _ROUTER = "planetsplitter", "routino-router"
_SHARE = Path("/usr/share/routino")
_ROADS = ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "service", "ferry")
_PROPERTIES = ("paved", "multilane", "bridge", "tunnel", "footroute", "bicycleroute")
_METRES, _MINUTES = 4, 5  # columns of `--output-text-all`: length and duration of each segment
_NO_ROUTE = ("Cannot find node close", "section of route", "super-route")


def router_times(pbf: Path, pairs_lonlat: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Seconds and metres of the quickest drive between the ends of each pair.

    Args:
        pbf: an OSM extract.
        pairs_lonlat: (n, 4) longitude and latitude of the start, then of the end, in degrees.

    Returns:
        Two (n,) arrays; NaN where there is no route. Seconds add up values that Routino rounds to 0.6 s a segment.

    Raises:
        RuntimeError: Routino is not installed, or refuses the extract or the request.
    """
    for program in (_SPLITTER, _ROUTER):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not installed: apt-get install routino")
    pairs = np.asarray(pairs_lonlat, dtype=np.float64).reshape(-1, 4)
    with tempfile.TemporaryDirectory(prefix="routino-") as folder:
        command = [_SPLITTER, f"--dir={folder}", f"--tagging={_SHARE / 'tagging.xml'}", "--loggable"]
        _run([*command, "--prune-none", "--prune-isolated=500", str(pbf.resolve())])
        with ThreadPoolExecutor() as pool:
            found = list(pool.map(lambda pair: _route(folder, pair), pairs.tolist()))
    seconds, metres = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return seconds, metres


def _route(folder: str, pair: list[float]) -> tuple[float, float]:
    options = [f"--{key}={value:.7f}" for key, value in zip(("lon1", "lat1", "lon2", "lat2"), pair, strict=True)]
    options += [f"--highway-{road}=100" for road in _ROADS] + [f"--property-{name}=50" for name in _PROPERTIES]
    files = [
        f"--dir={folder}",
        f"--profiles={_SHARE / 'profiles.xml'}",
        f"--translations={_SHARE / 'translations.xml'}",
    ]
    output = ["--output-text-all", "--output-stdout"]
    text = _run([_ROUTER, *files, "--transport=motorcar", "--quickest", *options, *output], tolerated=_NO_ROUTE)
    if text is None:
        return np.nan, np.nan
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return 60 * sum(float(row[_MINUTES]) for row in rows), 1000 * sum(float(row[_METRES]) for row in rows)


def _run(command: list[str], tolerated: tuple[str, ...] = ()) -> str | None:
    """What the command prints; None when it fails by saying one of the tolerated sentences."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    said = (done.stderr or done.stdout).strip()
    if any(sentence in said for sentence in tolerated):
        return None
    raise RuntimeError(f"{command[0]} failed ({done.returncode}): {said[-500:]}")
