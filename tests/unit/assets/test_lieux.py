"""Counters at one door share a place; a mobile service, another commune or a homonym address elsewhere do not."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.referentiel.lieux import group_places

M = 1 / 111_195  # degrees of latitude in a metre


def _counters(*rows):
    """(latitude offset in metres or None, address, commune, type)"""
    frame = [
        (
            commune,
            commune[:2],
            None if metres is None else 6.0,
            None if metres is None else 44.0 + metres * M,
            address,
            kind,
        )
        for metres, address, commune, kind in rows
    ]
    schema = {
        "lieu_code_insee": pl.String,
        "lieu_code_departement": pl.String,
        "lieu_longitude": pl.Float64,
        "lieu_latitude": pl.Float64,
        "lieu_adresse": pl.String,
        "type_structure": pl.String,
    }
    return pl.DataFrame(frame, schema=schema, orient="row")


def _groups(*rows):
    found = group_places(_counters(*rows))["lieu_groupe"].to_list()
    first: dict[int, int] = {}
    return [first.setdefault(g, len(first)) for g in found]


I, P, T = "Implantation", "Permanence", "Itinérance"  # noqa: E741


def test_same_door():
    assert _groups((0, None, "05001", I), (20, None, "05001", P), (60, None, "05001", I)) == [0, 0, 1]


def test_across_a_commune_border_the_door_is_not_the_same():
    assert _groups((0, None, "05001", I), (5, None, "05002", I)) == [0, 1]


def test_same_written_address_gathers_scattered_points_and_unplaced_counters():
    a, b = "12, rue des Écoles 05600 X", "12 RUE DES ECOLES 05600 X"
    assert _groups((0, a, "05001", I), (150, b, "05001", I), (None, a, "05001", P)) == [0, 0, 0]


def test_same_address_too_far_apart_is_two_places():
    assert _groups((0, "Le Bourg", "05001", I), (900, "Le Bourg", "05001", I)) == [0, 1]


def test_a_bus_at_its_depot_shares_no_place():
    assert _groups((0, "1 rue A", "05001", I), (0, "1 rue A", "05001", T)) == [0, 1]


def test_an_unplaced_counter_does_not_choose_between_two_places():
    assert _groups((0, "Le Bourg", "05001", I), (900, "Le Bourg", "05001", I), (None, "Le Bourg", "05001", I)) == [
        0,
        1,
        2,
    ]


def test_without_position_nor_address_each_is_alone():
    assert _groups((None, None, "05001", I), (None, None, "05001", I)) == [0, 1]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([None, "1 rue A", "2 rue B"])), max_size=12), st.randoms()
)
def test_order_does_not_matter(rows, random):
    rows = [(metres, address, "05001", I) for metres, address in rows]
    order = list(range(len(rows)))
    random.shuffle(order)
    plain = _groups(*rows)
    mixed = _groups(*(rows[i] for i in order))
    together = {(i, j) for i in range(len(rows)) for j in range(len(rows)) if plain[i] == plain[j]}
    assert together == {
        (order[i], order[j]) for i in range(len(rows)) for j in range(len(rows)) if mixed[i] == mixed[j]
    }
