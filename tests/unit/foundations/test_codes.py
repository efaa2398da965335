"""Codes keep their zeros and letters; a wrong département is refused with the known ones."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.foundations.codes import departement_of_commune, is_commune_code, parse_departements, valid_siret
from pipeline.foundations.crs import epsg_of_departement, project, unproject
from pipeline.foundations.errors import ExitCode, WrongUse
from pipeline.foundations.text import clean, key


def test_departement_of_commune():
    codes = pl.DataFrame({"c": ["01004", "2A004", "97105", "98818", "75056"]})
    assert codes.select(departement_of_commune(pl.col("c")))["c"].to_list() == ["01", "2A", "971", "988", "75"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("39 838 971 800 014", "39838971800014"),
        ("21690039900017", "21690039900017"),
        ("35600000000048", "35600000000048"),  # La Poste has a checksum of its own
        ("21690039900018", None),
        ("216900399", None),
        ("00000000000000", None),
        ("id_temp_ign_669068", None),
        ("1", None),
        (None, None),
    ],
)
def test_siret(text, expected):
    assert valid_siret(text) == expected


def test_departements_in_known_order_and_case():
    known = ["05", "2A", "59", "971"]
    assert parse_departements("971, 2a,05", known) == ["05", "2A", "971"]
    assert parse_departements("all", known) == known


@pytest.mark.parametrize("text", ["5", "05,99", "", " , "])
def test_unknown_departement_is_refused_with_the_known_ones(text):
    with pytest.raises(WrongUse, match="05, 2A, 971") as caught:
        parse_departements(text, ["05", "2A", "971"])
    assert caught.value.exit_code == ExitCode.WRONG_USE


def test_commune_code_form():
    assert is_commune_code("2A004")
    assert not is_commune_code("5166")
    assert not is_commune_code(None)


@given(st.text(max_size=40))
def test_clean_is_idempotent_and_key_is_plain(text):
    once = clean(text)
    assert clean(once) == once
    assert all(c.isascii() and (c.islower() or c.isdigit() or c == " ") for c in key(text))


@pytest.mark.parametrize("code", ["05", "2B", "971", "972", "973", "974", "976"])
def test_projection_is_in_metres_and_reversible(code):
    import numpy as np

    centre = {"971": (-61.5, 16.2), "972": (-61.0, 14.6), "973": (-53, 4), "974": (55.5, -21.1), "976": (45.2, -12.8)}
    lon, lat = centre.get(code, (6.6, 44.9))
    epsg = epsg_of_departement(code)
    x, y = project(np.array([lon, lon]), np.array([lat, lat + 0.01]), epsg)
    assert abs(np.hypot(x[1] - x[0], y[1] - y[0]) - 1111) < 8  # a hundredth of a degree of latitude
    back = unproject(x, y, epsg)
    assert np.allclose(back[0], lon)
    assert np.allclose(back[1], [lat, lat + 0.01])
