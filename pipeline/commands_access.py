"""`csp access`: travel times on demand. Only the commands; the work is in `assets.access`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import polars as pl
from rich.console import Console
from rich.table import Table

from assets.access.tables import COUNTERS
from pipeline.foundations.errors import CspError, WrongUse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace

_out = Console()
_DRIVERS = {".geojson": "GeoJSON", ".gpkg": "GPKG", ".parquet": "Parquet"}
_CREDIT = {"bdtopo": "IGN, BD TOPO (Licence Ouverte 2.0)", "osm": "© les contributeurs d'OpenStreetMap (ODbL 1.0)"}


def register(main: click.Group, says_errors: Callable[[Any], Any]) -> None:
    """Add the group to `csp`; `says_errors` turns the project's errors into messages and exit codes."""
    for command in access.commands.values():
        command.callback = says_errors(command.callback)
    main.add_command(access)


@click.group()
def access() -> None:
    """Travel times by road: isochrones, and the networks they are computed on."""


_data = click.option("--data", type=click.Path(path_type=Path), help="Data root (else CSP_DATA, else ./data).")
_source = click.option(
    "--source", type=click.Choice(["bdtopo", "osm"]), default="bdtopo", show_default=True, help="Roads to travel on."
)
_mode = click.option("--mode", default="voiture", show_default=True, help="A profile: voiture, pieton, velo.")


@access.command("isochrone")
@click.option("--from", "start", metavar="LON,LAT", help="What is reached from a point (WGS84 degrees).")
@click.option("--to", "end", metavar="LON,LAT", help="From where a point is reached.")
@click.option("--address", metavar="TEXT", help="Leave from an address (asks the Géoplateforme); needs --commune.")
@click.option("--commune", metavar="CODE", help="Insee code of the commune of --address.")
@click.option("--counter", metavar="ID", help="From where a counter of the référentiel is reached.")
@click.option("--typology", metavar="LABEL", help="From where the nearest counter of a typology is reached.")
@click.option("--minutes", default="20,30", show_default=True, help="Times, separated by commas.")
@click.option("--step", default=100.0, show_default=True, help="Metres between the points of the grid.")
@click.option("--tolerance", default=50.0, show_default=True, help="Metres by which outlines may be simplified.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File: .geojson, .gpkg or .parquet.")
@_source
@_mode
@_data
def isochrone(
    start: str | None,
    end: str | None,
    address: str | None,
    commune: str | None,
    counter: str | None,
    typology: str | None,
    minutes: str,
    step: float,
    tolerance: float,
    out: Path | None,
    source: str,
    mode: str,
    data: Path | None,
) -> None:
    """Areas reached within given times, with the population they cover (counted on inhabited cells)."""
    from assets.access.network.profile import profiles
    from assets.access.networks import graphs_of
    from assets.access.places import counters, origins
    from assets.access.reachable import isochrones, points_of
    from assets.territories.grid import CELLS
    from pipeline.foundations.crs import epsg_of_departement

    asked = {"--from": start, "--to": end, "--address": address, "--counter": counter, "--typology": typology}
    given = [name for name, value in asked.items() if value]
    if len(given) != 1:
        raise WrongUse(
            "csp access isochrone",
            expected="one of --from, --to, --address, --counter, --typology",
            found=" and ".join(given) or "none of them",
            remedy="give one",
        )
    times = _minutes(minutes)
    if out is not None and out.suffix.lower() not in _DRIVERS:
        raise WrongUse(
            f"--out {out}", expected=f"a name in {', '.join(_DRIVERS)}", found=out.suffix, remedy="rename it"
        )
    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    tables = workspace.tables
    held = counters(*(tables.read(name) for name in COUNTERS))
    if start or end:
        points = _point(str(start or end))
    elif address:
        points = _located(workspace, address, commune)
    else:
        points = points_of(held, counter=counter, typology=typology)
    graphs = graphs_of(workspace, source, mode)
    epsg = _territory(points, graphs, held, epsg_of_departement)
    communes = tables.read("territories__communes").drop("geometrie", "codes_postaux")
    found = isochrones(
        graphs[epsg],
        profiles(),
        points,
        times,
        origins(tables.read(CELLS), communes, tables.read(COUNTERS[0])),
        direction="departure" if start or address else "arrival",
        step_m=step,
        tolerance_m=tolerance,
    )
    shown = Table("durée (min)", "surface (km²)", "population couverte")
    for area in found:
        people = "inconnue" if area.population is None else f"{area.population:,.0f}".replace(",", " ")
        shown.add_row(f"{area.minutes:g}", f"{_square_km(area.geometry, epsg):,.1f}", people)
    _out.print(shown)
    _out.print(f"Routes : {_CREDIT[source]} ; mode : {mode}.", soft_wrap=True, highlight=False)
    if out is not None:
        _write(out, found, credit=_CREDIT[source], fictional=workspace.fictional)
        _out.print(str(out), soft_wrap=True, highlight=False)


@access.command("times")
@click.option("--departements", required=True, help="Where people leave from: codes (05,36), or all.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="New folder to write.")
@_source
@_mode
@_data
def times(departements: str, out: Path, source: str, mode: str, data: Path | None) -> None:
    """Travel times on other roads or by another mode, in files of their own under the licence of those roads.

    What a release publishes comes from `csp build`; OpenStreetMap never enters it.
    """
    from assets.access.apart import times_apart
    from pipeline.foundations.codes import parse_departements

    if out.exists():
        raise WrongUse(f"--out {out}", expected="a folder that does not exist yet", found="one", remedy="give another")
    workspace = Workspace(DataRoot.resolve(data), frozen=True)
    known = workspace.tables.read("territories__departements")["code"].to_list()
    selected = parse_departements(departements, known)
    rows = times_apart(workspace, selected, source=source, mode=mode, folder=out, credit=_CREDIT[source])
    for name, count in rows.items():
        _out.print(f"{out / name} : {count:,} lignes".replace(",", " "), soft_wrap=True, highlight=False)


@access.command("network")
@_source
@_mode
@_data
def network(source: str, mode: str, data: Path | None) -> None:
    """What each road graph keeps of the imported files, and what it sets aside."""
    from assets.access.networks import graphs_of
    from assets.access.road_graph import network_table

    graphs = graphs_of(Workspace(DataRoot.resolve(data), frozen=True), source, mode)
    if not graphs:
        raise _no_roads(source)
    shown = Table("EPSG", "mesure", "valeur")
    for epsg, _, name, value in network_table(graphs).iter_rows():
        shown.add_row(str(epsg), name, f"{value:,.0f}".replace(",", " "))
    _out.print(shown)


def _no_roads(source: str) -> WrongUse:
    return WrongUse(
        f"roads ({source})",
        expected="at least one imported road file",
        found="none",
        remedy="csp roads import FILE",
    )


def _minutes(text: str) -> list[float]:
    try:
        times = [float(part) for part in text.split(",")]
    except ValueError:
        times = []
    if not times or not all(0 < t <= 600 for t in times):
        raise WrongUse(
            f"--minutes {text}", expected="times from 0 to 600, as 20,30", found=text, remedy="separate with commas"
        )
    return times


def _point(text: str) -> pl.DataFrame:
    try:
        longitude, latitude = (float(part) for part in text.split(","))
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
            raise ValueError
    except ValueError as error:
        raise WrongUse(
            text, expected="longitude,latitude in degrees, as 6.0790,44.5590", found=text, remedy="check the order"
        ) from error
    return pl.DataFrame({"longitude": [longitude], "latitude": [latitude]})


def _located(workspace: Workspace, address: str, commune: str | None) -> pl.DataFrame:
    """The position of an address, asked of the geocoding service unless it was before."""
    from datetime import UTC, datetime

    from assets.referentiel.geocode.geoplateforme import AnswerStore, answers, ask
    from assets.referentiel.geocode.settings import settings

    if not commune:
        raise WrongUse("--address", expected="--commune with it", found="none", remedy="give its Insee code")
    names = workspace.tables.read("territories__communes").filter(pl.col("code") == commune)["nom"]
    if names.is_empty():
        raise WrongUse(f"--commune {commune}", expected="the Insee code of a commune", found="none", remedy="check it")
    wanted = pl.DataFrame({"code_lieu": [commune], "cle_adresse": [address], "commune": [names[0]]})
    store, rules = AnswerStore(workspace.root.path / "geocodage" / "isochrones.jsonl"), settings().geoplateforme
    ask(wanted, store, rules, today=datetime.now(UTC).date(), districts={})
    found = answers(wanted, store, rules, {})
    if found["longitude"].null_count():
        raise WrongUse(
            f"{address}, {names[0]}",
            expected="an address the service finds in that commune",
            found=str(found["motif"][0]),
            remedy="correct it, or give the point with --from LON,LAT",
        )
    return found.select("longitude", "latitude")


def _territory(
    points: pl.DataFrame, graphs: dict[int, Any], counters: pl.DataFrame, system: Callable[[str], int | None]
) -> int:
    """The graph whose territory holds the points: that of their département, else the nearest counter's."""
    if not graphs:
        raise WrongUse(
            "isochrone", expected="imported roads", found="none", remedy="csp roads import FILE, then csp build"
        )
    if "code_departement" in points.columns:
        codes = points["code_departement"].unique().to_list()
    else:
        near = (pl.col("longitude") - points["longitude"][0]) ** 2 + (pl.col("latitude") - points["latitude"][0]) ** 2
        codes = counters.filter(pl.col("longitude").is_not_null()).sort(near).head(1)["code_departement"].to_list()
    for epsg in (system(code) for code in codes):
        if epsg in graphs:
            return int(epsg)
    raise CspError(
        "isochrone",
        expected=f"roads of the territory (département {', '.join(map(str, codes[:5]))})",
        found=f"roads of EPSG {', '.join(map(str, graphs))} only",
        remedy="csp roads import the files of that territory",
    )


def _square_km(area: Any, epsg: int) -> float:
    import numpy as np
    import shapely

    from pipeline.foundations.crs import project

    flat = shapely.transform(area, lambda xy: np.column_stack(project(xy[:, 0], xy[:, 1], epsg)))
    return float(shapely.area(flat)) / 1e6


def _write(path: Path, found: list[Any], *, credit: str, fictional: bool) -> None:
    import geopandas

    frame = geopandas.GeoDataFrame(
        {
            "duree_min": [a.minutes for a in found],
            "population_couverte": [a.population for a in found],
            "routes": [credit] * len(found),
            "fictif": [fictional] * len(found),
        },
        geometry=[a.geometry for a in found],
        crs=4326,
    )
    if path.suffix.lower() == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, driver=_DRIVERS[path.suffix.lower()], layer="isochrones", engine="pyogrio")
