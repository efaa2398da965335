"""Départements beyond the border: those with roads whose people are within reach of a counter asked for."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access import border
from assets.access.places import metres
from assets.access.settings import settings as access
from assets.access.tables import ROADS, departements_with_roads
from pipeline.foundations.snapshots import SnapshotStore

REACH_M = access().couples_max_min / 60 * 90 * 1000


def communes(*rows):
    """`(département, longitude, latitude)`."""
    schema = {"departement": pl.String, "longitude": pl.Float64, "latitude": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


GAP, VALENCE, NICE = ("05", 6.08, 44.56), ("26", 4.89, 44.93), ("06", 7.27, 43.7)
DIE = ("26", 5.37, 44.75)  # 59 km from Gap as the crow flies: out of reach, as Valence is
LUC = ("26", 5.75, 44.55)  # 26 km


def test_the_ones_within_reach_are_found_and_the_others_are_not():
    assert border.beyond_the_border(communes(GAP, VALENCE, LUC, NICE), ["05"], ["05", "06", "26"]) == ["26"]
    assert border.beyond_the_border(communes(GAP, VALENCE, DIE, NICE), ["05"], ["05", "06", "26"]) == []


def test_only_those_with_roads_and_not_asked_for_matter():
    here = communes(GAP, LUC)
    assert border.beyond_the_border(here, ["05"], ["05"]) == []
    assert border.beyond_the_border(here, ["05", "26"], ["05", "26"]) == []
    assert border.beyond_the_border(here, ["05"], []) == []


def test_a_commune_without_a_position_is_near_nobody():
    assert border.beyond_the_border(communes(GAP, ("26", None, None)), ["05"], ["26"]) == []
    assert border.beyond_the_border(communes(("05", None, None), LUC), ["05"], ["26"]) == []


def test_territories_across_the_sea_never_share_a_counter():
    """Guadeloupe and Martinique have one projected system, and the sea between them; Réunion has its own."""
    overseas = communes(("971", -61.73, 16.0), ("972", -61.07, 14.6), ("974", 55.45, -20.88), GAP)
    assert border.beyond_the_border(overseas, ["971", "05"], ["972", "974"]) == []
    same_degrees = communes(("971", -61.73, 16.0), ("974", -61.73, 16.0))
    assert border.beyond_the_border(same_degrees, ["971"], ["974"]) == []


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["05", "26", "38", "04"]), st.floats(5.0, 6.5), st.floats(44.0, 45.5)), max_size=8
    )
)
def test_it_is_brute_force(rows):
    frame = communes(*rows)
    xy = metres(frame, 2154)
    codes = frame["departement"].to_list()
    expected = {
        b
        for i, a in enumerate(codes)
        for j, b in enumerate(codes)
        if a == "05" and b in ("26", "38") and ((xy[i] - xy[j]) ** 2).sum() <= REACH_M**2
    }
    assert border.beyond_the_border(frame, ["05"], ["05", "26", "38"]) == sorted(expected)


class Imported:
    """A store that has the roads of some départements."""

    def __init__(self, *resources):
        self.resources = resources

    def current(self, source, resource):
        return object() if source == ROADS and resource in self.resources else None


def test_departements_with_roads_are_those_imported(tmp_path):
    assert departements_with_roads(SnapshotStore(tmp_path)) == []
    assert departements_with_roads(Imported("d971", "d2a", "d05", "d99")) == ["05", "2A", "971"]
