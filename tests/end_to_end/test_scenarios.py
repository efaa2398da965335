"""Projects on the demo, through the command: evaluated by road, reported, set side by side."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
import yaml

from assets.access.settings import settings
from assets.access.tables import TIMES
from assets.access.times import measure
from assets.access.times_table import times_table
from assets.scenarios.base import load_base
from assets.scenarios.ground import ground_of
from assets.scenarios.read import read_scenario
from assets.scenarios.region import people_of, roads_of
from assets.scenarios.supply import apply
from assets.tension.zones import Zones
from outputs.scenario.products import COMPARED, PRODUCTS
from outputs.scenario.results import open_results
from pipeline.foundations.workspace import Workspace

FS, MDS = "France services", "Maison départementale des solidarités (MDS)"

pytestmark = pytest.mark.lent


@pytest.fixture(scope="module")
def data(demo, tmp_path_factory):
    """A copy of the demo, shared by these tests: they write only scenarios."""
    return demo.copy(tmp_path_factory.mktemp("scenarios") / "donnees")


def counters(data, typology, departement="96"):
    released = pl.read_parquet(data.release / "geoparquet" / "implantations.parquet")
    here = released.filter(
        pl.col("lieu_code_departement") == departement,
        pl.col("service_typologie") == typology,
        pl.col("lieu_longitude").is_not_null(),
    )
    return here.sort("point_accueil_id")


def write(folder, name, data, edits, **more):
    path = folder / f"{name}.yml"
    content = {"nom": f"Projet {name}", "base": data.release.name, "modifications": edits, **more}
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def opening(place, typology=FS):
    return {"action": "ouvrir", "typologie": typology, "lieu": {"guichet": place}, "horaires": "Mo-Fr 09:00-12:00"}


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("projets")
    services, mairies = counters(data, FS)["point_accueil_id"], counters(data, "Mairie")["point_accueil_id"]
    close, open_ = {"action": "fermer", "id": services[0]}, [opening(m) for m in mairies[[4, 19]]]
    moved = {"action": "deplacer", "id": services[1], "lieu": {"guichet": mairies[30]}}
    return [
        write(folder, "un", data, [close, *open_, moved]),
        write(folder, "deux", data, [close]),
        write(folder, "trois", data, open_),
    ]


def test_every_time_by_road_is_that_of_measuring_again(data, files, csp_here):
    """The nearest counter is repaired edit after edit; here it is searched anew, from all the edited counters."""
    said = csp_here("scenario", "evaluer", files[0], "--data", data.root.path)
    assert said.code == 0, said.err
    folder = data.root.path / "scenarios" / "un"
    found = open_results(folder)
    assert found.summary.mesure == "route"
    workspace = Workspace(data.root, frozen=True)
    scenario = read_scenario(files[0], None)
    base = load_base(workspace, scenario.base)
    edited = apply(scenario, base.counters, ground_of(workspace, base)).counters.filter(pl.col("typologie") == FS)
    zones = Zones.of(workspace.tables.read("territories__appartenance"))
    communes = workspace.tables.read("territories__communes")
    here = communes.filter(pl.col("departement").is_in(found.summary.departements_mesures))["code"]
    everybody = people_of(workspace.tables, here, zones)
    roads = roads_of(workspace, everybody, edited)
    rows = np.arange(everybody.number)
    again = times_table(roads, measure(roads, [FS], settings()), [FS], settings(), rows)
    before = pl.concat(
        [
            pl.read_parquet(workspace.tables.path(TIMES, d), hive_partitioning=False)
            for d in found.summary.departements_mesures
        ]
    )
    columns = ("origine_id", pl.col("temps_route_s").cast(pl.Float64))
    both = (
        before.filter(typologie=FS)
        .select(columns)
        .join(again.filter(typologie=FS).select(columns), on="origine_id", suffix="_apres")
        .join(everybody.frame.select("origine_id", "population"), on="origine_id")
        .drop_nulls()
    )
    moved = both.filter(pl.col("temps_route_s") != pl.col("temps_route_s_apres"))
    assert moved.height > 100
    cells = found.table("carreaux").filter(pl.col("typologie") == FS, pl.col("ecart_s") != 0)
    mine = cells.select("origine_id", "temps_avant_s", "temps_apres_s").sort("origine_id")
    oracle = moved.select("origine_id", "temps_route_s", "temps_route_s_apres").sort("origine_id")
    assert mine.rows() == oracle.rows()
    gap = (pl.col("temps_route_s_apres") - pl.col("temps_route_s")) * pl.col("population") / 60
    totals = found.totals_of(FS)
    lost, won = (float(moved.select((sign * gap).clip(lower_bound=0).sum()).item()) for sign in (1, -1))
    assert totals["minutes_gagnees"] == pytest.approx(won, rel=1e-4)
    assert totals["minutes_perdues"] == pytest.approx(lost, rel=1e-4)
    assert (
        totals["gagnants"] == moved.filter(pl.col("temps_route_s_apres") < pl.col("temps_route_s"))["population"].sum()
    )


def test_a_project_is_reported_and_its_files_are_told(data, files, csp_here):
    said = csp_here("scenario", "evaluer", files[0], "--data", data.root.path)
    assert said.code == 0, said.err
    folder = data.root.path / "scenarios" / "un"
    flat = said.out.replace("\n", "")
    for name in PRODUCTS:
        assert str(folder / name) in flat
        assert (folder / name).stat().st_size > 10_000
    assert "Qui y gagne, qui y perd" in said.out
    page = (folder / "rapport.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert data.release.name in page
    assert "Données fictives" in page
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert csp_here("scenario", "evaluer", files[0], "--data", data.root.path).code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_projects_side_by_side_from_folders_and_files(data, files, csp_here):
    folder = data.root.path / "scenarios" / "deux"
    assert csp_here("scenario", "evaluer", files[1], "--data", data.root.path).code == 0
    done = (folder / "scenario.json").stat().st_mtime_ns
    said = csp_here("scenario", "comparer", folder, files[1], files[2], "--data", data.root.path)
    assert said.code == 0, said.err
    assert (folder / "scenario.json").stat().st_mtime_ns == done  # the file's results were there already
    out = data.root.path / "comparaisons" / "deux-deux-trois"
    assert {path.name for path in out.iterdir()} == set(COMPARED)
    frame = pl.read_parquet(out / "comparaison.parquet")
    assert frame.columns[-3:] == ["A. Projet deux", "B. Projet deux", "C. Projet trois"]
    lost = frame.filter(indicateur="minutes perdues").row(0)[-3:]
    assert lost[0] == lost[1] > 0 == lost[2]
    assert "C. Projet trois" in said.out


def test_projects_on_other_bases_are_not_compared(data, files, csp_here, tmp_path):
    for file in files[1:]:
        assert csp_here("scenario", "evaluer", file, "--data", data.root.path).code == 0
    other = shutil.copytree(data.root.path / "scenarios" / "deux", tmp_path / "autre")
    summary = json.loads((other / "scenario.json").read_text(encoding="utf-8"))
    (other / "scenario.json").write_text(json.dumps(summary | {"empreinte_base": "0" * 64}), encoding="utf-8")
    said = csp_here("scenario", "comparer", data.root.path / "scenarios" / "trois", other, "--data", data.root.path)
    assert said.code == 2
    assert "one base release" in said.err
    said = csp_here("scenario", "comparer", other, other, "--data", data.root.path)
    assert said.code == 2
    assert "evaluate the scenarios again" in said.err


def test_twenty_edits_on_a_departement(data, csp_here, tmp_path):
    mairies = counters(data, "Mairie")["point_accueil_id"]
    edits = [opening(m, FS if i % 2 else MDS) for i, m in enumerate(mairies[:16])]
    edits += [{"action": "fermer", "id": i} for i in counters(data, FS)["point_accueil_id"][:4]]
    file = write(tmp_path, "vingt", data, edits)
    said = csp_here("scenario", "evaluer", file, "--data", data.root.path)
    assert said.code == 0, said.err
    assert len(open_results(data.root.path / "scenarios" / "vingt").table("modifications")) == 20
