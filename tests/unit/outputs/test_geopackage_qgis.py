"""The GeoPackage with its declared layers, styles and project: in the file, then in the real QGIS."""

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyogrio
import pytest
from defusedxml.ElementTree import fromstring

from outputs.geopackage import write_geopackage
from outputs.qgis.store import unpacked
from outputs.style import look
from pipeline.foundations.duck import connect, literal
from tests.tables import HOSTILE, release

WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
ABOUT = {
    "publication": "Carto Services Publics",
    "version": "2026.01.31",
    "licence": "Licence Ouverte 2.0",
    "attribution": 'L\'Insee & "DILA" <2026>',
    "fictif": "oui",
}
QGIS = Path("/usr/bin/python3")


def written(path, tables=None):
    write_geopackage(
        tables or release(), path, title="Carto", description="Guichets", date_reference=WHEN, metadata=ABOUT,
        look=look(),
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return written(tmp_path_factory.mktemp("paquet") / "carto-services-publics.gpkg")


def ask(path, sql, *values):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql, values).fetchall()


def test_declared_layers_are_layers_like_the_others(package):
    frame = pyogrio.read_dataframe(package, layer="temps_france_services")
    assert dict(zip(frame["code"], frame["temps_moyen_min"].fillna(-1), strict=True)) == {
        "05023": 4.5,
        "05046": 32.0,
        "05065": -1.0,
    }
    info = pyogrio.read_info(package, layer="temps_france_services")
    assert (info["fid_column"], info["geometry_type"]) == ("fid", "MultiPolygon")
    assert info["capabilities"]["fast_spatial_filter"]
    near = pyogrio.read_dataframe(package, layer="temps_france_services", bbox=(6.45, 44.55, 6.5, 44.56))
    assert near["code"].tolist() == ["05046"]
    with connect() as database:
        rows = database.sql(f"FROM ST_Read({literal(package)}, layer = 'france_services')").fetchall()
    assert len(rows) == 1


def test_tension_and_the_atlas_are_layers_by_measure(package):
    tension = pyogrio.read_dataframe(package, layer="tension_communes").set_index("code")
    assert tension["centile_national"].fillna(-1).to_dict() == {"05023": 100.0, "05046": 50.0, "05065": -1.0}
    assert pyogrio.read_dataframe(package, layer="tension_epci")["nom"].tolist() == ["CC du Briançonnais"]
    with connect() as database:
        atlas = database.sql(f"FROM ST_Read({literal(package)}, layer = 'atlas_fermetures')")
        rows = atlas.project("lieu_code_insee, pousses_au_dela_20_min").fetchall()
    # The counter without a position is not in the atlas: its figures are not known.
    assert sorted(rows, key=str) == [("05023", 0.0), ("05046", 1500.0), ("05065", 4500.0), ("05065", None)]
    names = set(pyogrio.list_layers(package)[:, 0])
    for layer in ("tension_communes", "tension_epci", "atlas_fermetures", "atlas_ouvertures", "habitants_20_min"):
        assert {layer, f"{layer}_vol_oiseau"} <= names


def test_without_roads_only_what_is_as_the_crow_flies_is_there(tmp_path):
    tables = [
        (c, f.filter(pl.col("mesure") != "route") if "mesure" in f.columns else f)
        for c, f in release()
        if c.table != "access__acces_communes"
    ]
    path = written(tmp_path / "sans_routes.gpkg", tables)
    names = set(pyogrio.list_layers(path)[:, 0])
    assert {"tension_communes_vol_oiseau", "atlas_ouvertures_vol_oiseau"} <= names
    assert not {"tension_communes", "atlas_fermetures", "temps_france_services"} & names
    ((content,),) = ask(path, "SELECT content FROM qgis_projects")
    pages = [layout.get("name") for layout in fromstring(unpacked(content)).iter("Layout")]
    assert pages[0] == "Les points d’accueil des services publics"
    assert all(page.endswith("(à vol d’oiseau)") for page in pages[1:])
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_only_the_first_map_is_ticked(package):
    ((content,),) = ask(package, "SELECT content FROM qgis_projects")
    tree = fromstring(unpacked(content)).find("layer-tree-group")
    ticked = {
        layer.get("source").partition("layername=")[2]
        for layer in tree.iter("layer-tree-layer")
        if layer.get("checked") == "Qt::Checked"
    }
    assert ticked == set(look().cartes.cartes[0].couches)


def test_side_tables_are_in_no_list_of_layers(package):
    assert not [n for n in pyogrio.list_layers(package)[:, 0] if n.endswith("__valeurs")]


def test_declared_layers_say_that_data_is_invented(package):
    (title,) = ask(package, "SELECT identifier FROM gpkg_contents WHERE table_name = 'france_services'")[0]
    assert title == "France services (données fictives)"


def test_each_layer_has_an_iso_record_with_licence_and_version(package):
    rows = dict(
        ask(
            package,
            "SELECT r.table_name, m.metadata FROM gpkg_metadata m "
            "JOIN gpkg_metadata_reference r ON r.md_file_id = m.id WHERE m.md_standard_uri = 'http://www.isotc211.org/2005/gmd'",
        )
    )
    listed = {r[0] for r in ask(package, "SELECT table_name FROM gpkg_contents")} - {"layer_styles"}
    assert set(rows) == listed
    for record in rows.values():
        text = " ".join(t.strip() for t in fromstring(record).itertext() if t.strip())
        assert all(said in text for said in ("Licence Ouverte 2.0", "2026.01.31", ABOUT["attribution"]))


def test_hostile_values_are_kept_as_they_are(package):
    assert {r[0] for r in ask(package, "SELECT service_nom FROM implantations")} == set(HOSTILE[:4])


def test_the_project_is_kept_as_qgis_keeps_it(package):
    ((name, content),) = ask(package, "SELECT name, content FROM qgis_projects")
    assert name == "carto-services-publics"
    root = fromstring(unpacked(content))
    assert [layout.get("name") for layout in root.iter("Layout")] == [m.titre for m in look().cartes.cartes]


def test_row_order_and_the_clock_do_not_change_the_bytes(package, tmp_path):
    again = written(tmp_path / package.name, [(c, f.reverse()) for c, f in release()])
    assert again.read_bytes() == package.read_bytes()


def test_empty_tables_make_a_sound_file(tmp_path):
    path = written(tmp_path / "vide.gpkg", [(c, f.clear()) for c, f in release()])
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert not {"temps_france_services", "contours_epci"} & set(pyogrio.list_layers(path)[:, 0])


@pytest.fixture(scope="module")
def qgis(package, tmp_path_factory):
    """What the real QGIS says of the file, moved first: a project that points to its former place would show."""
    if not QGIS.exists() or subprocess.run([QGIS, "-c", "import qgis.core"], capture_output=True).returncode:
        pytest.skip("QGIS absent: apt install python3-qgis")
    folder = tmp_path_factory.mktemp("ailleurs")
    path = shutil.copy(package, folder / "carto-services-publics.gpkg")
    script = Path(__file__).parents[2] / "qgis_open.py"
    done = subprocess.run([QGIS, script, path, folder], capture_output=True, text=True, timeout=300, check=True)
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


@pytest.mark.lent
def test_the_project_opens_in_qgis(qgis):
    assert qgis["opened"]
    assert (qgis["title"], qgis["crs"]) == ("Carto", "EPSG:2154")
    assert all(layer["valid"] for layer in qgis["layers"].values())
    assert set(qgis["relations"]) >= {"lieux__implantations__lieu_id", "implantations__permanences__service_id"}
    assert all(qgis["relations"].values())
    assert qgis["groups"] == [*look().cartes.groupes, look().cartes.autres]
    assert set(qgis["themes"]) == {m.titre for m in look().cartes.cartes}


@pytest.mark.lent
def test_layers_opened_alone_come_styled_and_named(qgis):
    alone = qgis["alone"]
    assert all(layer["valid"] and layer["style"] for layer in alone.values())
    themes = len(look().palettes.valeurs["thematiques"])
    for layer in ("implantations", "permanences", "itinerances"):
        assert alone[layer]["renderer"] == ["categorizedSymbol", themes + 1]
    assert alone["temps_france_services"]["renderer"] == ["graduatedSymbol", 7]
    # Every class of its declaration, and that of what is not known.
    for layer in ("tension_communes", "tension_epci", "atlas_fermetures", "atlas_ouvertures", "habitants_20_min"):
        limits = next(c for c in look().couches if c.couche == layer).style.limites
        assert alone[layer]["renderer"] == ["graduatedSymbol", len(limits) + 2], layer
        assert alone[layer]["indexed"] == 2, layer
    kinds = len(look().palettes.valeurs["types_tension"])
    assert alone["type_tension_communes"]["renderer"] == ["categorizedSymbol", kinds + 1]
    assert alone["tension_communes"]["labels"] == [
        "la moitié la moins en tension",
        "du 50e au 75e centile",
        "du 75e au 90e centile",
        "du 90e au 95e centile",
        "les 5 % les plus en tension",
        "non connu",
    ]
    assert {c.couche for c in look().couches if c.geometrie} <= set(alone)
    assert alone["communes"]["renderer"] == ["singleSymbol", 1]
    assert alone["implantations"]["aliases"]["service_nom"] == "Nom du service"
    assert alone["temps_france_services"]["indexed"] == 2  # QgsFeatureSource.SpatialIndexPresent
    assert alone["temps_france_services"]["rows"] == 3


@pytest.mark.lent
def test_pages_are_exported_and_are_not_blank(qgis):
    import matplotlib.image

    assert set(qgis["pages"]) == {m.titre for m in look().cartes.cartes}
    for picture in qgis["pages"].values():
        pixels = matplotlib.image.imread(picture)[..., :3]
        assert pixels.shape[0] > 500
        assert 0.02 < (pixels < 0.99).any(axis=2).mean() < 0.9
