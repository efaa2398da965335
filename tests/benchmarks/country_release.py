"""A whole release at the size of France: judged, then every product written, read again and described.

The tables are those of the demo repeated under other codes and at other places: 35,000 communes, 61,000 counters, as
many rows for each as the demo's have, and 300,000 generated cells. Each half runs in a process of its own:
`python -m tests.benchmarks.country_release judge|stage FOLDER`. Great Expectations refuses what was so made (codes are
no longer codes): only what it costs is of interest here.
"""

import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import shapely

from assets.release.assemble import about, stage
from assets.release.context import ReleaseContext
from assets.release.further import further
from assets.release.manifest import Code, Verdict
from assets.release.scope import Released
from assets.release.warehouse import warehouse
from outputs.style import look
from quality.contract import Contract, all_contracts
from quality.data_docs import DataDocs
from quality.validate import validate_tables
from tests.benchmarks import bbox
from tests.benchmarks.generated_france import bench_folder
from tests.benchmarks.measure import module, row

COMMUNES, COUNTERS, EPCI, DEPARTEMENTS = 35_000, 61_000, 1_250, 101
#: What the rows of a table are as many as; the others follow communes.
_LIKE = {
    **dict.fromkeys(("implantations", "permanences", "itinerances", "lieux", "provenance", "conflits"), "counters"),
    **dict.fromkeys(("registre", "ponts", "fermetures"), "counters"),
    **dict.fromkeys(("epci", "zones"), "epci"),
    **dict.fromkeys(("departements", "isochrones", "reperes"), "départements"),
}
_CELLS = "territories__carreaux"
_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
#: Between copies, in degrees: a grid over the country.
_ACROSS, _EAST, _NORTH = 18, 0.55, 0.45
_CORNER = (-4.5, 42.5)


def main() -> None:
    """Print what each half takes, then the size of each product."""
    folder = _folder()
    rows = {path.stem: pl.scan_parquet(path).select(pl.len()).collect().item() for path in folder.glob("*.parquet")}
    print(
        f"{sum(rows.values()) / 1e6:.1f} million rows, {rows['tension__indicateurs'] / 1e6:.1f} in the longest table.\n"
    )
    row("half", "wall (s)", "processor (s)", "peak (GB)")
    row("---", "---:", "---:", "---:")
    with tempfile.TemporaryDirectory() as out:
        for half in HALVES:
            wall, processor, peak, code = module("tests.benchmarks.country_release", half, out)
            row(half if code == 0 else f"{half} (failed)", wall, processor, peak)
        sizes: Counter[str] = Counter()
        for path in (p for p in Path(out).rglob("*") if p.is_file()):
            sizes[path.suffix] += path.stat().st_size
        print()
        row("files", "size (MB)")
        row("---", "---:")
        for suffix, size in sizes.most_common():
            row(suffix, size / 1e6)


def _folder() -> Path:
    """Where the tables are, made at the first run."""
    folder = bench_folder(0) / f"version-{COMMUNES}"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        demo = unfinished / "demo"
        subprocess.run([sys.executable, "-m", "pipeline.cli", "demo", "--data", str(demo)], check=True)
        made = sorted((demo / "releases" / "latest" / "geoparquet").glob("*.parquet"))
        contracts = {c.layer: c for c in all_contracts().values() if c.published}
        tables = {contracts[p.stem]: pl.read_parquet(p).drop("bbox", strict=False) for p in made}
        counters = sum(
            f.height for c, f in tables.items() if c.layer in ("implantations", "permanences", "itinerances")
        )
        there = {c.layer: f.height for c, f in tables.items()}
        copies = {
            "counters": COUNTERS // counters,
            "epci": EPCI // there["epci"],
            "départements": DEPARTEMENTS // there["departements"],
        }
        for contract, frame in tables.items():
            number = copies.get(_LIKE.get(contract.layer, ""), COMMUNES // there["communes"])
            _repeated(frame, contract, number).write_parquet(unfinished / f"{contract.table}.parquet")
        squares = all_contracts()[_CELLS]
        bbox.cells(squares, np.random.default_rng(1)).write_parquet(unfinished / f"{_CELLS}.parquet")
        shutil.rmtree(demo)
        unfinished.rename(folder)
    return folder


def _repeated(frame: pl.DataFrame, contract: Contract, copies: int) -> pl.DataFrame:
    """So many times the rows, each time under other codes and at another place, in the order of the key."""
    texts = [c.name for c in contract.columns if c.name in contract.key and c.type == "texte"]
    code = max(texts, key=lambda name: frame[name].n_unique())
    parts = []
    for copy in range(copies):
        part = frame.with_columns(pl.format("{}~{}", code, pl.lit(copy)).alias(code))
        if contract.geometry:
            shape = contract.geometry.column
            shapes = shapely.from_wkb(part[shape].to_list())
            low = np.nanmin(shapely.bounds(shapes)[:, :2], axis=0)
            cell = np.array([copy % _ACROSS * _EAST, copy // _ACROSS % _ACROSS * _NORTH])
            move = np.array(_CORNER) + cell - low
            moved = shapely.to_wkb(shapely.transform(shapes, lambda xy, by=move: xy + by))
            part = part.with_columns(pl.Series(shape, moved, dtype=pl.Binary))
        parts.append(part)
    return contract.conform(pl.concat(parts)).sort(contract.key, nulls_last=True)


def _tables(folder: Path) -> Released:
    paths = sorted(folder.glob("*.parquet"), key=lambda p: (p.stem != "referentiel__implantations", p.stem))
    return Released({path.stem: partial(pl.read_parquet, path) for path in paths})


def judge(out: Path) -> None:
    """The rules of every contract, and the Data Docs."""
    tables = _tables(_folder())
    docs = DataDocs(out / "data_docs", run_name="mesure", run_time=_WHEN)
    validate_tables(tables, {name: all_contracts()[name] for name in tables}, data_docs=docs)


def write(out: Path) -> None:
    """Every product, the warehouse among them."""
    tables = _tables(_folder())
    contracts = dict(all_contracts())
    contracts[_CELLS] = contracts[_CELLS].model_copy(update={"published": True, "geopackage": False})
    context = ReleaseContext(
        titre="Mesure",
        description="Tables répétées.",
        fictif=True,
        perimetre=("05",),
        date_reference=_WHEN,
        code=Code(version="0", empreinte="c"),
        sources=(),
        verdict=Verdict(statut="conforme", cle="k", comptes={}),
    )

    products = [
        *further(tables, contracts, context, about("0", context)),
        warehouse(tables, contracts, "0", out / "warehouse.duckdb"),
    ]
    stage(out, "2026.01.01", tables, contracts, context, products=products, look=look())


HALVES = {"judge": judge, "stage": write}

if __name__ == "__main__":
    HALVES[sys.argv[1]](Path(sys.argv[2]))
