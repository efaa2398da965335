"""Twenty edits on a département, evaluated and reported: the whole command, then its computation alone.

On the current release of `CSP_DATA`, whatever country it holds: five France services close, five open at town halls,
five change hours, five permanences are held at town halls.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import yaml

from tests.benchmarks.measure import module, row

DEPARTEMENT = os.environ.get("CSP_BENCH_DEPARTEMENT", "05")
_EACH = 5


def main() -> None:
    """Print what each of them takes."""
    if not os.environ.get("CSP_DATA"):
        print("CSP_DATA must name a data root that holds a release.")
        return
    row("what", "wall (s)", "processor (s)", "peak (GB)")
    row("---", "---:", "---:", "---:")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vingt.yml"
        path.write_text(yaml.safe_dump(edits(), allow_unicode=True), encoding="utf-8")
        for name in ("first run", "again"):
            out = str(Path(folder) / name)
            wall, processor, peak, code = module("pipeline.cli", "scenario", "evaluer", str(path), "--out", out)
            row(f"command, {name}" + ("" if code == 0 else " (failed)"), wall, processor, peak)
        for name, seconds in _computation(path):
            row(name, seconds, "", "")


def edits() -> dict[str, object]:
    """The scenario, drawn from the release in the order of its ids."""
    table = Path(os.environ["CSP_DATA"]) / "releases" / "latest" / "geoparquet" / "implantations.parquet"
    here = pl.read_parquet(table).filter(pl.col("lieu_code_departement") == DEPARTEMENT).sort("point_accueil_id")
    houses = here.filter(pl.col("service_typologie") == "France services")["point_accueil_id"].to_list()
    halls = here.filter(pl.col("service_typologie") == "Mairie", pl.col("geometrie").is_not_null())
    spots = halls.unique("lieu_id", maintain_order=True).select("point_accueil_id", "lieu_id").rows()
    changes: list[dict[str, object]] = [{"action": "fermer", "id": name} for name in houses[:_EACH]]
    changes += [
        {
            "action": "ouvrir",
            "typologie": "France services",
            "lieu": {"lieu_id": place},
            "horaires": "Mo-Fr 09:00-12:00",
        }
        for _, place in spots[:_EACH]
    ]
    changes += [
        {"action": "changer_horaires", "id": name, "horaires": "Mo-Sa 08:00-18:00"}
        for name in houses[_EACH : 2 * _EACH]
    ]
    changes += [
        {
            "action": "permanence",
            "typologie": "Caisse d'allocations familiales (Caf)",
            "hote": name,
            "horaires": "Tu[2] 09:00-12:00",
        }
        for name, _ in spots[_EACH : 2 * _EACH]
    ]
    return {"nom": "Vingt modifications", "base": table.resolve().parents[1].name, "modifications": changes}


def _computation(path: Path) -> list[tuple[str, float]]:
    """Reading the base, then evaluating twice in one process: the second time, code is compiled and files are known."""
    from assets.scenarios.base import load_base
    from assets.scenarios.evaluate import evaluate
    from assets.scenarios.ground import ground_of
    from assets.scenarios.read import read_scenario
    from pipeline.foundations.paths import DataRoot
    from pipeline.foundations.workspace import Workspace

    workspace = Workspace(DataRoot.resolve(None), frozen=True)
    started = time.perf_counter()
    scenario = read_scenario(path)
    base = load_base(workspace, scenario.base)
    ground = ground_of(workspace, base)
    times = [("reading the base", time.perf_counter() - started)]
    for name in ("evaluation, first", "evaluation, again"):
        started = time.perf_counter()
        evaluate(workspace, scenario, base, ground)
        times.append((name, time.perf_counter() - started))
    return times
