"""Vector tiles: layers, attributes, credits as another reader finds them; nobody missing; same bytes each time."""

import shutil

import pyogrio
import pytest
from pmtiles.reader import MmapSource, Reader

from outputs.joined import layers_of
from outputs.reread_products import reread_tiles
from outputs.style import look
from outputs.tiles import Tiles, declared, features, write_tiles
from pipeline.foundations.errors import QualityRefused, WrongUse
from tests.tables import HOSTILE, release

ABOUT = {
    "publication": "Carto « Services » Publics",
    "version": "2026.01.31",
    "licence": "Licence Ouverte 2.0",
    "attribution": 'DILA <b> & "Insee"',
}


@pytest.fixture(scope="module")
def layers():
    return layers_of(release(), look().couches)


@pytest.fixture(scope="module")
def archive(layers, tmp_path_factory):
    path = tmp_path_factory.mktemp("tuiles") / "t.pmtiles"
    write_tiles(layers, path, about=ABOUT, tiles=declared())
    return path


def test_another_reader_finds_layers_attributes_and_credits(archive):
    assert sorted(pyogrio.list_layers(archive)[:, 0]) == ["communes", "departements", "points_accueil"]
    with archive.open("rb") as file:
        reader = Reader(MmapSource(file))
        metadata, head = reader.metadata(), reader.header()
    assert metadata["name"] == ABOUT["publication"]
    assert metadata["attribution"] == "DILA &lt;b&gt; &amp; &quot;Insee&quot; — Licence Ouverte 2.0"
    assert {v["id"] for v in metadata["vector_layers"]} == {"communes", "departements", "points_accueil"}
    assert (head["min_zoom"], head["max_zoom"]) == (0, 10)
    assert str(archive.parent) not in str(metadata)
    assert "site-packages" not in str(metadata)


def test_places_keep_their_names_and_those_without_geometry_are_out(archive):
    frame = pyogrio.read_dataframe(archive, layer="points_accueil")
    # The third implantation has no position; the permanence has one.
    assert set(frame["structure"]) == {"Implantation", "Permanence"}
    assert set(frame["nom"]) == {HOSTILE[i] for i in (0, 1, 3, 4)}


def test_row_order_and_the_folder_do_not_change_the_bytes(archive, tmp_path):
    turned = layers_of([(c, f.reverse()) for c, f in release()], look().couches)
    write_tiles(turned, tmp_path / "autre.pmtiles", about=ABOUT, tiles=declared())
    assert (tmp_path / "autre.pmtiles").read_bytes() == archive.read_bytes()


def test_sound_tiles_pass_and_a_missing_place_is_refused(archive, layers, tmp_path):
    reread_tiles(archive, layers, declared())
    fewer = layers_of([(c, f.head(1)) for c, f in release()], look().couches)
    path = tmp_path / "moins.pmtiles"
    write_tiles(fewer, path, about=ABOUT, tiles=declared())
    with pytest.raises(QualityRefused, match="missing or unknown"):
        reread_tiles(path, layers, declared())


def test_broken_tiles_are_refused(archive, layers, tmp_path):
    path = shutil.copy(archive, tmp_path / "t.pmtiles")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(QualityRefused, match="readable"):
        reread_tiles(path, layers, declared())


def test_a_layer_that_is_absent_is_left_out_and_nothing_at_all_is_explained(tmp_path):
    without = layers_of([(c, f.clear()) for c, f in release()], look().couches)
    with pytest.raises(WrongUse, match="none that holds a place"):
        write_tiles(without, tmp_path / "t.pmtiles", about=ABOUT, tiles=declared())
    by_name = {layer.name: layer for layer in without if layer.name != "communes"}
    assert all(features(t, by_name).is_empty() for t in declared().couches)


def test_a_declaration_that_does_not_suit_is_explained(layers):
    wrong = Tiles.model_validate(
        {
            "couches": [
                {
                    "nom": "x",
                    "description": "X",
                    "zoom": [0, 1],
                    "sources": [{"couche": "communes", "attributs": {"a": "absente"}}],
                }
            ]
        }
    )
    with pytest.raises(WrongUse, match="absente"):
        features(wrong.couches[0], {layer.name: layer for layer in layers})
