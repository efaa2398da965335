"""Reading again: sound products pass, every kind of damage is named."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import polars as pl
import pytest

from outputs import layout
from outputs.csv_tables import write_csv
from outputs.facts import facts
from outputs.geopackage import write_geopackage
from outputs.geoparquet import write_geoparquet
from outputs.joined import layers_of, whole
from outputs.reread import reread
from outputs.style import PLAIN, LayerStyle
from outputs.table_schema import write_table_schema
from pipeline.foundations.errors import QualityRefused


def write_all(folder, layers):
    for sub in ("geoparquet", "csv"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    for contract, frame in layers:
        write_geoparquet(frame, contract, layout.geoparquet(folder, contract.layer), metadata={})
        write_csv(frame, contract, layout.csv(folder, contract.layer))
        write_table_schema(contract, layout.table_schema(folder, contract.layer))
    date = datetime(2026, 1, 31, tzinfo=UTC)
    write_geopackage(layers, layout.geopackage(folder), title="T", description="D", date_reference=date)
    return folder


@pytest.fixture
def release(layers, tmp_path):
    return write_all(tmp_path / "release", layers)


@pytest.fixture
def expected(layers):
    return [facts(frame, contract) for contract, frame in layers]


def test_sound_products_pass_and_are_left_untouched(release, expected):
    before = {p: p.read_bytes() for p in release.rglob("*") if p.is_file()}
    reread(release, expected)
    assert {p: p.read_bytes() for p in release.rglob("*") if p.is_file()} == before


def test_empty_tables_pass(layers, tmp_path):
    empty = [(c, f.clear()) for c, f in layers]
    reread(write_all(tmp_path / "e", empty), [facts(f, c) for c, f in empty])


def test_a_table_too_long_for_a_csv_has_none_and_its_schema_all_the_same(release, expected):
    facts_of_long = [t.model_copy(update={"csv": t.layer != "distances"}) for t in expected]
    with pytest.raises(QualityRefused, match=r"distances\.csv"):
        reread(release, facts_of_long)
    layout.csv(release, "distances").unlink()
    reread(release, facts_of_long)
    with pytest.raises(QualityRefused, match=r"distances\.csv"):
        reread(release, expected)
    layout.table_schema(release, "distances").unlink()
    with pytest.raises(QualityRefused, match=r"distances\.schema\.json"):
        reread(release, facts_of_long)


def test_row_order_does_not_change_the_facts(layers, expected):
    assert [facts(f.reverse(), c) for c, f in layers] == expected


def test_one_changed_value_changes_the_checksum(points):
    contract, frame = points
    before = facts(frame, contract).controle
    for name in ("nom", "code_insee", "agents", "heures", "rdv", "date_maj", "sources"):
        changed = frame.with_columns(pl.when(pl.col("id") == "G3").then(None).otherwise(pl.col(name)).alias(name))
        assert facts(changed, contract).controle != before, name


def test_the_checksum_of_a_release_of_before_is_not_compared(release, expected):
    """It was made otherwise: the sums of the files say whether they changed."""
    before = [t.model_copy(update={"controle": "0" * 64}) for t in expected]
    reread(release, before)
    with pytest.raises(QualityRefused, match="checksum"):
        reread(release, [t.model_copy(update={"controle": "somme:" + "0" * 64}) for t in expected])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.filter(pl.col("id") != "G1"), r"expected 4; found 3"),
        (lambda f: f.with_columns(nom=pl.lit("x")), "checksum"),
        (lambda f: f.with_columns(code_insee=pl.col("code_insee").str.strip_chars_start("0")), "checksum"),
        (lambda f: f.with_columns(id=pl.lit("G1")), "sharing the key id"),
    ],
)
@pytest.mark.parametrize("product", ["parquet", "csv", "gpkg"])
def test_other_values_are_refused(release, expected, layers, product, change, message):
    contract, frame = layers[0]
    changed = change(frame)
    if product == "parquet":
        write_geoparquet(changed, contract, layout.geoparquet(release, contract.layer), metadata={})
        name = "guichets.parquet"
    elif product == "csv":
        write_csv(changed, contract, layout.csv(release, contract.layer))
        name = "guichets.csv"
    else:
        date = datetime(2026, 1, 31, tzinfo=UTC)
        others = [(contract, changed), *layers[1:]]
        write_geopackage(others, layout.geopackage(release), title="T", description="D", date_reference=date)
        name = layout.GEOPACKAGE
    with pytest.raises(QualityRefused, match=message) as caught:
        reread(release, expected)
    assert name in str(caught.value)


@pytest.mark.parametrize("product", ["parquet", "gpkg"])
def test_moved_geometry_is_refused(release, expected, layers, product, to_wkb):
    contract, frame = layers[1]
    moved = frame.with_columns(geometrie=to_wkb(*["POLYGON ((0 0, 1 0, 1 1, 0 0))"] * 2))
    if product == "parquet":
        write_geoparquet(moved, contract, layout.geoparquet(release, contract.layer), metadata={})
    else:
        date = datetime(2026, 1, 31, tzinfo=UTC)
        others = [layers[0], (contract, moved), layers[2]]
        write_geopackage(others, layout.geopackage(release), title="T", description="D", date_reference=date)
    with pytest.raises(QualityRefused, match="box of the geometries"):
        reread(release, expected)


def test_files_missing_or_in_excess_are_refused(release, expected):
    extra = release / "csv" / "autre.csv"
    shutil.copy(release / "csv" / "guichets.csv", extra)
    with pytest.raises(QualityRefused, match=r"csv \(files\)"):
        reread(release, expected)
    extra.unlink()
    (release / "geoparquet" / "communes.parquet").unlink()
    with pytest.raises(QualityRefused, match=r"geoparquet \(files\)"):
        reread(release, expected)


def test_truncated_files_are_refused(release, expected):
    for path in (
        layout.geopackage(release),
        layout.geoparquet(release, "guichets"),
        layout.csv(release, "guichets"),
    ):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(QualityRefused) as caught:
            reread(release, expected)
        assert path.name in str(caught.value)
        path.write_bytes(content)
    layout.geopackage(release).unlink()
    with pytest.raises(QualityRefused, match="nothing"):
        reread(release, expected)


def test_csv_columns_in_another_order_are_refused(release, expected):
    path = layout.csv(release, "distances")
    path.write_bytes(path.read_bytes().replace(b"code,typologie", b"typologie,code"))
    with pytest.raises(QualityRefused, match=r"distances\.csv \(columns\)"):
        reread(release, expected)


def test_an_emptied_spatial_index_is_refused(release, expected):
    with closing(sqlite3.connect(layout.geopackage(release))) as database, database:
        database.execute("DELETE FROM rtree_guichets_geometrie")
    with pytest.raises(QualityRefused, match="spatial index"):
        reread(release, expected)


def test_a_layer_nobody_declared_is_refused_where_the_declared_ones_are_known(release, expected):
    with closing(sqlite3.connect(layout.geopackage(release))) as database, database:
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('autre', 'attributes', 'autre')"
        )
    with pytest.raises(QualityRefused, match="layers"):
        reread(release, expected, [])


@pytest.mark.lent
def test_a_declared_layer_of_many_rows_is_read_again(tmp_path, points):
    """Beyond some thousand rows the fast way of DuckDB's GDAL reads a view wrong, or kills the process."""
    contract, frame = points
    many = pl.concat([frame.with_columns(id=f"{i:05d}" + pl.col("id")) for i in range(5_000)])
    near = {"couche": "proches", "titre": "P", "description": "D", "geometrie": contract.table, "groupe": "G"}
    layer = LayerStyle.model_validate({**near, "colonnes": ["id", "nom"]})
    chosen = PLAIN.model_copy(update={"couches": (layer,)})
    write_all(tmp_path, [(contract, many)])
    date = datetime(2026, 1, 31, tzinfo=UTC)
    write_geopackage(
        [(contract, many)], layout.geopackage(tmp_path), title="T", description="D", date_reference=date, look=chosen
    )
    layers = layers_of([(contract, many)], [layer])
    reread(tmp_path, [facts(many, contract)], [facts(whole(layers[1], layers), layers[1].contract)])
    assert "OGR_GPKG_STREAM_BASE_IMPL" not in os.environ


def test_a_layer_without_style_or_a_broken_project_is_refused(release, expected):
    path = layout.geopackage(release)
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM layer_styles WHERE f_table_name = 'guichets'")
    with pytest.raises(QualityRefused, match="default style"):
        reread(release, expected)
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE qgis_projects SET content = '00'")
    with pytest.raises(QualityRefused, match="its styles and its project"):
        reread(release, expected)


def test_a_schema_of_other_columns_is_refused(release, expected):
    path = layout.table_schema(release, "distances")
    path.write_text(path.read_text(encoding="utf-8").replace('"distance_m"', '"distance_km"'), encoding="utf-8")
    with pytest.raises(QualityRefused, match=r"distances\.schema\.json \(fields\)"):
        reread(release, expected)
