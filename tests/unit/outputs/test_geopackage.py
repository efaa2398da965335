"""GeoPackage: what QGIS finds in it, read through SQLite, GDAL and DuckDB."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import polars as pl
import pyogrio
import pytest

from outputs.geopackage import write_geopackage
from pipeline.foundations.errors import QualityRefused, WrongUse
from quality.contract import all_contracts

WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def written(layers, path):
    write_geopackage(
        layers,
        path,
        title="Carto Services Publics",
        description="Guichets et accès",
        date_reference=WHEN,
        metadata={"licence": "Licence Ouverte 2.0"},
    )
    return path


def ask(path, sql, *values):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql, values).fetchall()


@pytest.fixture
def package(layers, tmp_path):
    return written(layers, tmp_path / "p.gpkg")


def test_layers_and_french_titles(package):
    rows = ask(package, "SELECT table_name, data_type, identifier, description, last_change, srs_id FROM gpkg_contents")
    date = "2026-01-31T12:00:00.000Z"
    assert rows == [
        ("guichets", "features", "Guichets d'été", "Où l'on est reçu.", date, 4326),
        ("communes", "features", "Communes", "Contours.", date, 4326),
        ("distances", "attributes", "Distances", "Sans géométrie.", date, 0),
        ("layer_styles", "attributes", "layer_styles", "Styles des couches pour QGIS.", date, 0),
    ]


def test_every_column_has_its_french_title_and_description(package, layers):
    rows = ask(package, "SELECT table_name, column_name, title FROM gpkg_data_columns")
    assert set(rows) == {(c.layer, column.name, column.title) for c, _ in layers for column in c.columns}
    assert ask(package, "SELECT description FROM gpkg_data_columns WHERE column_name = 'heures'") == [
        ("Par semaine. Unité : h.",)
    ]
    extensions = ask(package, "SELECT table_name FROM gpkg_extensions WHERE extension_name = 'gpkg_schema'")
    assert sorted(extensions) == [("gpkg_data_column_constraints",), ("gpkg_data_columns",)]


def test_titles_are_where_gdal_takes_the_alias_of_a_field(package):
    assert ask(package, "SELECT count(*) FROM gpkg_data_columns WHERE name IS NOT title") == [(0,)]


def test_titles_of_a_table_are_distinct():
    # GeoPackage holds one alias for one column of a layer.
    for contract in all_contracts().values():
        titles = [column.title for column in contract.columns]
        assert len(set(titles)) == len(titles), contract.table


def test_closed_lists_become_value_lists(package):
    name = ask(package, "SELECT constraint_name FROM gpkg_data_columns WHERE column_name = 'classe'")[0][0]
    values = ask(package, "SELECT value FROM gpkg_data_column_constraints WHERE constraint_name = ?", name)
    assert values == [("Moins de 10h",), ("Plus de 24h",)]


def test_gdal_reads_types_and_file_metadata(package):
    info = pyogrio.read_info(package, layer="guichets")
    types = dict(zip(info["fields"], zip(info["ogr_types"], info["ogr_subtypes"], strict=True), strict=True))
    assert types["rdv"] == ("OFTInteger", "OFSTBoolean")
    assert types["agents"][0] == "OFTInteger64"
    assert types["date_maj"][0] == "OFTDate"
    assert types["code_insee"][0] == "OFTString"
    assert info["dataset_metadata"] == {
        "titre": "Carto Services Publics",
        "resume": "Guichets et accès",
        "licence": "Licence Ouverte 2.0",
    }
    assert pyogrio.read_info(package, layer="communes")["geometry_type"] == "MultiPolygon"


def test_rows_follow_the_key_and_fid_is_their_rank(package):
    rows = ask(package, "SELECT fid, id, nom, agents, heures, rdv, date_maj, sources, code_insee FROM guichets")
    assert rows == [
        (1, "G1", "Mairie de L'Île-d'Yeu, \"annexe\"", 0, 0.1 + 0.2, 0, None, None, "2A004"),
        (2, "G2", "deux\r\nlignes, été", None, None, None, "1999-12-31", None, "05023"),
        (3, "G3", "=cmd|'/c calc'!A1", -1, -2.5, 1, "2026-01-31", "dila|caf", "01004"),
        (4, "G4", None, 9_007_199_254_740_993, 1e-7, 1, "2026-02-28", "ccas_05", "97105"),
    ]


def test_each_layer_has_a_spatial_index(package):
    assert ask(package, "SELECT count(*) FROM rtree_guichets_geometrie") == [(3,)]
    assert ask(package, "SELECT count(*) FROM rtree_communes_geometrie") == [(2,)]
    inside = pyogrio.read_dataframe(package, layer="guichets", bbox=(6, 44, 7, 45))
    assert inside["id"].tolist() == ["G3"]


def test_file_is_sound_and_not_in_wal_mode(package):
    assert ask(package, "PRAGMA integrity_check") == [("ok",)]
    assert ask(package, "PRAGMA journal_mode") == [("delete",)]
    assert ask(package, "PRAGMA foreign_key_check") == []


def test_row_order_and_the_clock_do_not_change_the_bytes(package, layers, tmp_path):
    (tmp_path / "again").mkdir()  # of the same name: the project inside names its file
    again = written([(c, f.reverse()) for c, f in layers], tmp_path / "again" / package.name)
    assert package.read_bytes() == again.read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_writing_replaces_the_former_file(package, points):
    written([points], package)
    assert pyogrio.list_layers(package)[:, 0].tolist() == ["guichets", "layer_styles"]


def test_empty_layers_are_kept(layers, tmp_path):
    path = written([(c, f.clear()) for c, f in layers], tmp_path / "empty.gpkg")
    assert len(pyogrio.list_layers(path)) == 4
    assert ask(path, "SELECT count(*) FROM guichets") == [(0,)]


def test_a_separator_inside_a_list_is_refused(points, tmp_path):
    contract, frame = points
    frame = frame.with_columns(sources=pl.Series([["a|b"], None, None, None], dtype=pl.List(pl.String)))
    with pytest.raises(QualityRefused, match="column sources"):
        written([(contract, frame)], tmp_path / "x.gpkg")


def test_wrong_calls_are_explained(points, tmp_path):
    contract, frame = points
    twin = contract.model_copy(update={"table": f"autre__{contract.layer}"})
    with pytest.raises(WrongUse, match="layer guichets twice"):
        written([points, (twin, frame)], tmp_path / "x.gpkg")
    with pytest.raises(WrongUse, match="no layer"):
        written([], tmp_path / "x.gpkg")
    with pytest.raises(WrongUse, match="aware date"):
        write_geopackage([points], tmp_path / "x.gpkg", title="", description="", date_reference=datetime(2026, 1, 1))
