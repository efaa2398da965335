"""Nearest counters against a brute-force oracle, across borders and with holes in the data."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.straight_line import DISTANCE_SCHEMA, nearest_counters, origins
from pipeline.foundations.crs import project


def _counters(rows):
    text = ["service_id", "service_typologie", "service_nom", "lieu_code_insee", "lieu_code_departement"]
    schema = dict.fromkeys(text, pl.String()) | dict.fromkeys(["lieu_longitude", "lieu_latitude"], pl.Float64())
    return pl.DataFrame(rows, schema=schema, orient="row")


def _starts(rows):
    return pl.DataFrame(
        rows,
        schema={
            "code_insee": pl.String,
            "code_departement": pl.String,
            "longitude": pl.Float64,
            "latitude": pl.Float64,
            "origine": pl.String,
        },
        orient="row",
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 15))
def test_same_as_brute_force(seed, n_starts, n_counters):
    rng = np.random.default_rng(seed)
    starts = _starts([(f"{i:05d}", "05", *rng.uniform((5, 44), (7, 46)), "mairie") for i in range(n_starts)])
    counters = _counters(
        [
            (f"S{i}", "Mairie", "M", "05001", rng.choice(["05", "38"]), *rng.uniform((5, 44), (7, 46)))
            for i in range(n_counters)
        ]
    )
    got = nearest_counters(starts, counters, ["Mairie"])
    sx, sy = project(starts["longitude"].to_numpy(), starts["latitude"].to_numpy(), 2154)
    if n_counters == 0:
        assert got["distance_vol_oiseau_m"].null_count() == n_starts
        return
    cx, cy = project(counters["lieu_longitude"].to_numpy(), counters["lieu_latitude"].to_numpy(), 2154)
    expected = np.hypot(sx[:, None] - cx, sy[:, None] - cy)
    assert np.allclose(got["distance_vol_oiseau_m"].to_numpy(), expected.min(axis=1), atol=0.5)
    chosen = counters["lieu_code_departement"].to_numpy()[expected.argmin(axis=1)]
    assert (got["hors_departement"].to_numpy() == (chosen != "05")).all()


def test_the_counter_across_the_border_counts():
    starts = _starts([("05001", "05", 6.0, 44.5, "mairie")])
    near_but_other = ("A", "France services", "FS", "04001", "04", 6.01, 44.5)
    far_but_own = ("B", "France services", "FS", "05099", "05", 6.5, 44.5)
    row = nearest_counters(starts, _counters([near_but_other, far_but_own]), ["France services"]).row(0, named=True)
    assert (row["service_id"], row["departement_du_service"], row["hors_departement"]) == ("A", "04", True)
    assert 780 < row["distance_vol_oiseau_m"] < 800


def test_overseas_never_meets_the_mainland_and_unknowns_are_null():
    starts = _starts([("97411", "974", 55.45, -20.88, "mairie"), ("05001", "05", None, None, None)])
    counters = _counters(
        [("A", "Mairie", "M", "05001", "05", 6.0, 44.5), ("B", "Mairie", "M", "05002", "05", None, None)]
    )
    got = nearest_counters(starts, counters, ["Mairie", "Caf"])
    assert got.schema == DISTANCE_SCHEMA
    assert got["distance_vol_oiseau_m"].null_count() == got.height == 4
    assert got["service_id"].null_count() == 4
    assert got["hors_departement"].null_count() == 4


def test_people_start_from_the_mairie_not_from_the_middle_of_the_commune():
    communes = pl.DataFrame(
        {"code": ["05001", "05002"], "departement": ["05", "05"], "longitude": [6.0, 6.2], "latitude": [44.0, 44.2]}
    )
    counters = _counters(
        [
            ("A", "Mairie", "Mairie déléguée - Le Haut", "05001", "05", 6.3, 44.3),
            ("B", "Mairie", "Mairie - Bas", "05001", "05", 6.1, 44.1),
            ("C", "Mairie", "Mairie", "05002", "05", None, None),
        ]
    )
    rows = origins(communes, counters).to_dicts()
    assert [(r["longitude"], r["origine"]) for r in rows] == [(6.1, "mairie"), (6.2, "point intérieur")]


def test_a_counter_of_the_commune_that_nobody_places_makes_the_distance_unknown():
    starts = _starts([("05001", "05", 6.0, 44.5, "mairie"), ("05002", "05", 6.1, 44.5, "mairie")])
    counters = _counters(
        [
            ("A", "Caf", "C", "05001", "05", None, None),  # in 05001, somewhere
            ("B", "Caf", "C", "05002", "05", 6.1, 44.5),
            ("C", "Caf", "C", "05002", "05", None, None),  # 05002 has a placed one too
        ]
    )
    rows = nearest_counters(starts, counters, ["Caf"]).to_dicts()
    assert [r["statut"] for r in rows] == ["service de la commune sans position", "calculée"]
    assert [r["distance_vol_oiseau_m"] for r in rows] == [None, 0.0]
