"""The GeoPackage of a scenario: in the file, then in the real QGIS."""

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyogrio
import pytest

from outputs.qgis.legend import entries
from outputs.scenario.geopackage import NAME, contracts, write_scenario_geopackage
from outputs.scenario.look import code_of, difference, look_of
from tests.scenarios import STILL, results
from tests.sheets import FS, MDS, layers

WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
SAID = {"version": "2026.01.31", "licence": "LO", "attribution": "DILA", "fictif": "oui"}
QGIS = Path("/usr/bin/python3")


def written(folder, found):
    write_scenario_geopackage(found, layers(), folder / NAME, date_reference=WHEN, said=SAID)
    return folder / NAME


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paquet")
    return written(folder, results(folder / "projet"))


def ask(path, sql):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def test_before_after_and_difference_are_layers(package):
    frame = pyogrio.read_dataframe(package, layer="ecart_france_services").set_index("code")
    assert frame.loc["05001", ["temps_avant_min", "temps_apres_min", "ecart_min"]].tolist() == [4.0, 15.0, 11.0]
    assert frame.loc["05001", ["rapproches", "eloignes"]].tolist() == [0, 3000]
    assert frame.loc["05003", ["rapproches", "eloignes"]].tolist() == [0, 0]  # nobody moves there: known
    cells = pyogrio.read_dataframe(package, layer="carreaux_france_services")
    assert sorted(cells["ecart_min"]) == [-20.0, 0.5, 11.0]
    names = {name for (name,) in ask(package, "SELECT table_name FROM gpkg_contents WHERE data_type = 'features'")}
    assert {"avant_france_services", "apres_france_services"} <= names


def test_counters_touched_are_layers_by_what_becomes_of_them(package):
    for layer, ids in (("ouverts", ["CSPSCENARIO0001"]), ("fermes", [f"05001{FS}"]), ("deplaces", ["DEPLACE"])):
        frame = pyogrio.read_dataframe(package, layer=f"{layer}_france_services")
        assert frame["point_accueil_id"].tolist() == ids
    assert not ask(package, "SELECT 1 FROM gpkg_contents WHERE table_name = 'horaires_changes_france_services'")


def test_no_change_is_in_the_middle_class_which_has_no_hue():
    look = look_of([FS], [FS], {"communes"})
    style = next(c.style for c in look.couches if c.couche == "ecart_france_services")
    contract = contracts()["temps"]
    legend = entries(style, contract, look.palettes)
    (zero,) = [e for e in legend if not e.unknown and (e.low or -99) < 0 <= (e.high if e.high is not None else 99)]
    assert zero.label.startswith("à peu près inchangé")
    assert len({zero.colour[i : i + 2] for i in (1, 3, 5)}) == 1
    limits, shades = difference()
    assert list(limits) == [-limit for limit in reversed(limits)]
    assert shades[len(shades) // 2] == zero.colour


def test_titles_are_french_and_say_that_data_is_invented(package):
    titles = dict(ask(package, "SELECT table_name, identifier FROM gpkg_contents"))
    assert titles["ecart_france_services"] == "France services : écart par commune (données fictives)"
    aliases = dict(
        ask(package, "SELECT column_name, title FROM gpkg_data_columns WHERE table_name = 'ecart_france_services'")
    )
    assert aliases["ecart_min"] == "Écart"
    styled = {name for (name,) in ask(package, "SELECT f_table_name FROM layer_styles WHERE useAsDefault")}
    assert {"ecart_france_services", "carreaux_france_services", "ouverts_france_services"} <= styled


def test_a_typology_without_counter_in_the_region_has_no_layer_of_counters(package):
    assert code_of(MDS) == "maison_des_solidarites"
    assert not ask(package, "SELECT 1 FROM gpkg_contents WHERE table_name = 'ouverts_maison_des_solidarites'")


def test_it_is_sound_when_nobody_moves(tmp_path):
    path = written(tmp_path, results(tmp_path / "projet", STILL))
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert "communes" in set(pyogrio.list_layers(path)[:, 0])


@pytest.mark.lent
def test_qgis_opens_it_styled(package, tmp_path):
    if (
        not QGIS.exists()
        or subprocess.run([QGIS, "-c", "import qgis.core"], capture_output=True, check=False).returncode
    ):
        pytest.skip("python3-qgis is not installed")
    here = shutil.copy(package, tmp_path)
    script = Path(__file__).parents[3] / "qgis_open.py"
    done = subprocess.run([QGIS, script, here, tmp_path], capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(done.stdout)
    assert found["opened"]
    assert all(layer["valid"] for layer in found["layers"].values())
    assert all(layer["style"] for layer in found["alone"].values())
    assert found["alone"]["ecart_france_services"]["renderer"] == ["graduatedSymbol", 10]
    assert found["groups"][0] == "France services"
    assert "France services : ce que change le projet" in found["pages"]
    assert all(found["pages"].values())
