"""The picture of a release: drawn from its tables, the same each time, and refused when there is nothing to draw."""

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
import shapely
from matplotlib.image import imread

from outputs.carte import TIME, MapText, render_map
from pipeline.foundations.errors import WrongUse

RED, COUNTER = "#b3261e", "#d55e00"


def square(x, y, side=0.1):
    return shapely.to_wkb(shapely.MultiPolygon([shapely.box(x, y, x + side, y + side)]))


def tables(km=(0.5, 12.0, None)):
    """Two neighbours of the Indre and one commune of La Réunion."""
    codes, departements = ["36001", "36002", "97401"], ["36", "36", "974"]
    corners = [(1.6, 46.8), (1.7, 46.8), (55.4, -21.1)]
    return {
        "communes": pl.DataFrame(
            {
                "code": codes,
                "nom": ["Aval", "Amont", "Large"],
                "departement": departements,
                "population": [5000, 100, None],
                "longitude": [x + 0.05 for x, _ in corners],
                "latitude": [y + 0.05 for _, y in corners],
                "geometrie": [square(x, y) for x, y in corners],
            }
        ),
        "departements": pl.DataFrame({"code": ["36", "974"], "nom": ["Indre", "La Réunion"]}),
        "distances": pl.DataFrame(
            {
                "code_insee": codes,
                "typologie": ["France services"] * 3,
                "distance_vol_oiseau_m": [None if v is None else v * 1000 for v in km],
            }
        ),
        "implantations": pl.DataFrame(
            {
                "service_typologie": ["France services", "France services"],
                "lieu_longitude": [1.65, None],
                "lieu_latitude": [46.85, None],
                "lieu_code_departement": ["36", "36"],
                "sources": ["dila|france_services", "dila"],
            }
        ),
    }


def drawn(path, text=None, **options):
    render_map(path, **(tables() | options), text=text or MapText("2026.01.02", "Licence Ouverte 2.0"))
    return imread(path)


def pixels(image, colour):
    return int(np.isclose(image[:, :, :3], mpl.colors.to_rgb(colour), atol=0.01).all(axis=2).sum())


def test_communes_are_filled_by_class_and_counters_drawn(tmp_path):
    image = drawn(tmp_path / "carte.png")
    assert image.shape[1] == 1800
    for colour in ("#ffffcc", "#41b6c4", "#d9d9d9"):  # under 2 km, 10 to 15 km, unknown
        assert pixels(image, colour) > 20_000
    assert pixels(image, "#2c7fb8") < 2_000  # 15 to 20 km: in the legend alone
    empty = drawn(tmp_path / "sans.png", implantations=tables()["implantations"].clear())
    assert pixels(image, COUNTER) > pixels(empty, COUNTER) + 50


def test_the_same_tables_give_the_same_bytes_whatever_their_order_and_the_reader_s_settings(tmp_path):
    drawn(tmp_path / "a.png")
    shuffled = {name: frame.reverse() for name, frame in tables().items()}
    with mpl.rc_context({"font.size": 30, "savefig.dpi": 40, "axes.facecolor": "red"}):
        drawn(tmp_path / "b.png", **shuffled)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in (tmp_path / "a.png").read_bytes()


def test_invented_data_says_so_across_the_picture(tmp_path):
    plain = drawn(tmp_path / "a.png")
    fictional = drawn(tmp_path / "b.png", MapText("2026.01.02", "Licence Ouverte 2.0", fictional=True))
    assert pixels(plain, RED) == 0
    assert pixels(fictional, RED) > 1_000


def test_only_the_sources_drawn_are_credited(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        "matplotlib.figure.Figure.text", lambda _self, _x, _y, words, **_k: said.append(words), raising=True
    )
    credits = {"cog": "Insee", "dila": "DILA", "finess": "ANS", "france_services": "ANCT"}
    render_map(
        tmp_path / "c.png",
        **tables(),
        text=MapText("2026.01.02", "Licence Ouverte 2.0", credits=credits, always=("cog",)),
    )
    footer = next(words for words in said if words.startswith("Sources"))
    assert "Insee ; DILA ; ANCT." in footer
    assert "ANS" not in footer
    assert "version 2026.01.02. Licence Ouverte 2.0." in footer


def test_far_counters_take_a_wider_scale(tmp_path):
    image = drawn(tmp_path / "carte.png", distances=tables(km=(4.0, 45.0, 3.0))["distances"])
    assert pixels(image, "#2c7fb8") > 20_000  # 30 to 50 km


def test_nothing_to_draw_is_refused_with_the_typology(tmp_path):
    with pytest.raises(WrongUse, match="Préfecture"):
        drawn(tmp_path / "carte.png", typology="Préfecture")
    with pytest.raises(WrongUse, match="0 outlines"):
        drawn(tmp_path / "carte.png", communes=tables()["communes"].with_columns(geometrie=pl.lit(None, pl.Binary)))
    assert not (tmp_path / "carte.png").exists()


def test_times_are_drawn_in_minutes_from_their_own_table(tmp_path):
    times = tables()["distances"].select("code_insee", "typologie", temps_moyen_min=pl.Series([3.0, 17.0, None]))
    image = drawn(tmp_path / "temps.png", distances=times, measure=TIME)
    for colour in ("#ffffcc", "#41b6c4", "#d9d9d9"):  # under 5 min, 15 to 20 min, unknown
        assert pixels(image, colour) > 20_000
