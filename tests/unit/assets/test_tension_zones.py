"""From communes up, and who lives where: sums that neither lose nor count twice, and people as they are counted."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.access.places import ORIGIN_SCHEMA
from assets.tension.people import cell_columns, people
from assets.tension.zones import Zones, by_commune
from tests.tension import membership

TWO = membership(
    {"code": "05061"},
    {"code": "05023", "epci": "240500439", "arrondissement": "051", "bassin_vie": "05023"},
    {"code": "26064", "epci": None, "departement": "26", "region": "84", "arrondissement": None, "bassin_vie": "26064"},
)


def level(zones, niveau):
    return next(one for one in zones if one.niveau == niveau)


def test_levels_go_from_communes_to_the_country():
    zones = Zones.of(TWO)
    assert zones.communes.to_list() == ["05023", "05061", "26064"]
    assert {one.niveau: one.codes.to_list() for one in zones} == {
        "commune": ["05023", "05061", "26064"],
        "epci": ["200067825", "240500439"],
        "departement": ["05", "26"],
        "region": ["84", "93"],
        "arrondissement": ["051", "052"],
        "bassin_vie": ["05023", "05061", "26064"],
        "france": ["FR"],
    }
    assert [one.niveau for one in zones][-1] == "france"


def test_a_commune_in_no_epci_counts_above_all_the_same():
    zones = Zones.of(TWO)
    people_there = np.array([1.0, 10, 100])
    assert level(zones, "epci").of_commune.tolist() == [1, 0, -1]
    assert level(zones, "epci").sums(people_there).tolist() == [10, 1]
    assert level(zones, "departement").sums(people_there).tolist() == [11, 100]
    assert level(zones, "france").sums(people_there).tolist() == [111]
    assert level(zones, "epci").sums(np.column_stack([people_there, -people_there])).tolist() == [[10, -10], [1, -1]]


def test_origins_follow_their_commune_and_an_unknown_one_has_no_row():
    zones = Zones.of(TWO)
    rows = zones.rows_of(pl.Series(["26064", "99999", "05061", None]))
    assert rows.tolist() == [2, -1, 1, -1]
    assert level(zones, "epci").of_origins(rows[[0, 2]]).tolist() == [-1, 0]


codes = st.sampled_from(["a", "b", "c", None])


@settings(max_examples=100, deadline=None)
@given(data=st.data(), size=st.integers(1, 12))
def test_territories_of_a_level_sum_up_to_the_whole(data, size):
    """With the communes in no territory of the level, which are nobody else's."""
    drawn = [
        {"code": f"{i:05d}", **{c: data.draw(codes) for c in ("epci", "region", "arrondissement", "bassin_vie")}}
        for i in range(size)
    ]
    zones = Zones.of(membership(*drawn))
    commune = np.array(data.draw(st.lists(st.integers(0, size - 1), max_size=20)), dtype=np.int32)
    some = st.one_of(st.just(float("nan")), st.integers(0, 1000).map(float))
    values = np.array(data.draw(st.lists(some, min_size=len(commune), max_size=len(commune))))
    mine = by_commune(commune, size, values)
    assert mine.sum() == pytest.approx(np.nansum(values))
    for one in zones:
        outside = mine[one.of_commune < 0].sum()
        assert one.sums(mine).sum() + outside == pytest.approx(np.nansum(values)), one.niveau
        for z, code in enumerate(one.codes):
            column = {"commune": "code"}.get(one.niveau, one.niveau)
            inside = [
                i
                for i, d in enumerate(drawn)
                if code == "FR" or d.get(column, {"departement": "05"}.get(column)) == code
            ]
            assert one.sums(mine)[z] == pytest.approx(mine[inside].sum())


# --- people -----------------------------------------------------------------------------------------------------------


def starts(*rows):
    """Origins: `(id, type, commune, population)`."""
    made = [(o, kind, commune, commune[:2], people_there, 6.0, 44.0) for o, kind, commune, people_there in rows]
    return pl.DataFrame(made, schema=ORIGIN_SCHEMA, orient="row")


def cells(*rows):
    """Cells: an id and what is counted there; what is not said is unknown."""
    text = ("carreau_id", "commune", "departement")
    kinds = {c: pl.String() if c in text else pl.Boolean() if c == "impute" else pl.Float64() for c in cell_columns()}
    return pl.DataFrame([{c: row.get(c) for c in kinds} for row in rows], schema=kinds)


CONTEXT = pl.DataFrame(
    {
        "code_insee": ["26064", "26064", "26064", "05061"],
        "indicateur": ["menages_pauvres_pct", "habitants_65_ans_ou_plus_pct", "revenu_median", "menages_pauvres_pct"],
        "valeur": [12.0, 30.0, 21_000.0, 99.0],
        "numerateur": [40.0, 300.0, None, 9_999.0],
    }
)
CELL, HALL = "carreau de 200 m", "commune"


def test_people_are_counted_in_cells_and_where_there_are_none_by_the_context():
    found = people(
        starts(("26064", HALL, "26064", 900.0), ("C2", CELL, "05061", 8.0), ("C1", CELL, "05023", 5.0)),
        cells(
            {"carreau_id": "C1", "men_pauv": 2, "ind_65_79": 1, "ind_80p": 0.5, "ind": 5, "ind_snv": 100_000},
            {"carreau_id": "C2", "men_pauv": None, "ind_65_79": 1, "ind_80p": None, "ind": 0, "ind_snv": 0},
        ),
        CONTEXT,
        Zones.of(TWO),
    )
    assert found.frame["origine_id"].to_list() == ["C1", "C2", "26064"]  # by département, then id
    assert found.commune.tolist() == [0, 1, 2]
    assert found.groups["population"].tolist() == [5, 8, 900]
    # What one cell does not say is unknown, not 0; a mairie has the count of its commune, never a cell's neighbour.
    np.testing.assert_array_equal(found.groups["menages_pauvres"], [2, np.nan, 40])
    np.testing.assert_array_equal(found.groups["habitants_65_ans_ou_plus"], [1.5, np.nan, 300])
    np.testing.assert_array_equal(found.income, [20_000, np.nan, 21_000])
    assert found.frame["carreau_id"].to_list() == ["C1", "C2", "26064"]  # what errors name


def test_what_nobody_publishes_of_a_commune_is_unknown():
    found = people(starts(("05061", HALL, "05061", None)), cells(), CONTEXT.clear(), Zones.of(TWO))
    assert all(np.isnan(counted).all() for counted in found.groups.values())
    assert np.isnan(found.income).all()
    assert found.frame["population"].to_list() == [None]


def test_people_of_a_commune_in_no_zone_are_left_out():
    found = people(
        starts(("C1", CELL, "97123", 5.0), ("C2", CELL, "05061", 8.0)),
        cells({"carreau_id": "C1"}, {"carreau_id": "C2"}),
        CONTEXT,
        Zones.of(TWO),
    )
    assert found.frame["origine_id"].to_list() == ["C2"]
    assert (found.number, found.commune.tolist(), found.groups["population"].tolist()) == (1, [1], [8])


def test_some_of_the_people_keep_all_that_is_theirs():
    everybody = people(
        starts(("C1", CELL, "05023", 5.0), ("C2", CELL, "05061", 8.0)),
        cells({"carreau_id": "C1", "men_pauv": 2}, {"carreau_id": "C2", "men_pauv": 3}),
        CONTEXT,
        Zones.of(TWO),
    )
    some = everybody.chosen(np.array([False, True]))
    assert (some.frame["origine_id"].to_list(), some.commune.tolist()) == (["C2"], [1])
    assert some.groups["menages_pauvres"].tolist() == [3]
    assert len(some.income) == 1
