"""Layers declared over tables: filtered, joined, merged; skipped when there is nothing to show."""

import polars as pl
import pytest
import shapely

from outputs.joined import RANK, layers_of, whole
from outputs.style import LayerStyle, look
from pipeline.foundations.errors import QualityRefused, WrongUse
from tests.tables import release


def declare(**fields):
    base = {"couche": "essai", "titre": "Essai", "description": "D.", "groupe": "G"}
    return LayerStyle.model_validate(base | fields)


TIMES = {
    "geometrie": "territories__communes",
    "cle": "code",
    "donnees": "access__acces_communes",
    "cle_donnees": "code_insee",
    "filtre": {"typologie": "France services"},
    "colonnes": ["code", "nom", "population", "temps_moyen_min"],
}


def made(declaration, tables=None):
    layers = layers_of(tables or release(), [declaration])
    return next((layer for layer in layers if layer.name == declaration.couche), None), layers


def test_the_projects_own_layers_are_made():
    names = {layer.name for layer in layers_of(release(), look().couches)}
    assert names >= {"france_services", "temps_france_services", "contours_departements", "contours_epci"}
    assert "acces_communes" not in names


def test_figures_are_joined_and_a_place_without_any_keeps_null():
    layer, layers = made(declare(**TIMES))
    assert (layer.base, layer.borrowed) == ("communes", ("code", "nom"))
    rows = whole(layer, layers).sort("code")
    assert rows["temps_moyen_min"].to_list() == [4.5, 32.0, None]
    assert rows["nom"].to_list() == ["Briançon", "Embrun", "Guillestre"]
    # A column that both have is that of the figures.
    assert rows["population"].to_list() == [1000.0, 1000.0, None]
    assert rows["geometrie"].null_count() == 0
    assert layer.contract.column("temps_moyen_min").unit == "min"


def test_the_order_of_rows_changes_nothing():
    straight, _ = made(declare(**TIMES))
    turned, _ = made(declare(**TIMES), [(c, f.reverse()) for c, f in release()])
    assert straight.frame.equals(turned.frame)


def test_a_filter_keeps_rows_of_the_layer_itself():
    layer, layers = made(
        declare(
            geometrie="referentiel__implantations",
            filtre={"service_typologie": ["Mairie"]},
            colonnes=["service_id", "lieu_code_insee"],
        )
    )
    assert layer.frame.columns == [RANK]
    assert sorted(whole(layer, layers)["lieu_code_insee"]) == ["05046", "05065", "05065"]


def test_outlines_are_merged_and_serve_others():
    merged = declare(couche="contours", geometrie="territories__communes", cle="epci", fusion=True, colonnes=["epci"])
    over = declare(geometrie="contours", colonnes=["epci"])
    layers = layers_of(release(), [over, merged])
    contours = next(layer for layer in layers if layer.name == "contours")
    assert contours.frame["epci"].to_list() == ["240500439"]
    # Embrun belongs to none; the two others share a border.
    (outline,) = shapely.from_wkb(contours.frame["geometrie"].to_list())
    assert outline.area == pytest.approx(0.08)
    assert next(layer for layer in layers if layer.name == "essai").base == "contours"


@pytest.mark.parametrize("absent", ["access__acces_communes", "territories__communes"])
def test_a_layer_whose_table_is_absent_or_empty_is_left_out(absent):
    without = [(c, f) for c, f in release() if c.table != absent]
    assert made(declare(**TIMES), without)[0] is None
    emptied = [(c, f.clear() if c.table == absent else f) for c, f in release()]
    assert made(declare(**TIMES), emptied)[0] is None


def test_a_layer_whose_filter_keeps_nothing_is_left_out():
    assert made(declare(**TIMES | {"filtre": {"typologie": "Rectorat"}}))[0] is None


def test_rows_that_share_a_key_are_refused():
    with pytest.raises(QualityRefused, match="5 rows that share theirs"):
        made(declare(**TIMES | {"filtre": {}}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colonnes": ["absente"]}, "'absente'"),
        ({"cle": "absente"}, "'absente'"),
        ({"cle_donnees": "absente"}, "'absente'"),
        ({"filtre": {"absente": "x"}}, "'absente'"),
        ({"geometrie": "territories__epci"}, "with geometry"),
        ({"couche": "communes"}, "one that another layer has"),
        ({"fusion": True}, "columns of donnees"),
    ],
)
def test_a_declaration_that_does_not_suit_its_tables_is_explained(change, message):
    with pytest.raises(WrongUse, match=message):
        made(declare(**TIMES | change))


def test_points_are_not_merged():
    with pytest.raises(WrongUse, match="outlines, to merge them"):
        made(declare(geometrie="referentiel__lieux", cle="lieu_code_insee", fusion=True, colonnes=["lieu_code_insee"]))


def test_null_geometry_is_in_no_outline():
    tables = [
        (c, f.with_columns(geometrie=pl.lit(None, dtype=pl.Binary)) if c.table == "territories__communes" else f)
        for c, f in release()
    ]
    merged = declare(geometrie="territories__communes", cle="epci", fusion=True, colonnes=["epci"])
    assert made(merged, tables)[0] is None
