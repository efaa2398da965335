"""Counters that disappeared: which ones, where, and what a territory's share of them is."""

from datetime import date

import polars as pl
import pytest

from assets.referentiel.identity import REGISTRY_SCHEMA
from assets.tension.closures import lost_counters, lost_share
from assets.tension.supply_counts import LOST, supply_table
from tests.editions import registry as registry_rows
from tests.tension import FS, MAIRIE, held
from tests.unit.assets.test_tension_tables import LABELS, MEMBERS, one, populations

TODAY = date(2026, 11, 1)
FIRST = date(2024, 1, 1)


def registry(*rows):
    """`(id, state, last seen, more)`."""
    return pl.concat(
        registry_rows([name], day=day, etat=state, **{"premiere_vue": FIRST, "typologie": FS, **more})
        for name, state, day, more in rows
    )


def lost(known, months=24, passage=()):
    became = pl.DataFrame(passage, schema={"code_ancien": pl.String, "code": pl.String}, orient="row")
    return lost_counters(known, became, TODAY, months)


def test_lost_are_those_no_longer_known_and_seen_lately():
    known = registry(
        ("A", "actif", TODAY, {}),
        ("B", "disparu", date(2026, 10, 1), {"code_insee": "05023"}),
        ("C", "disparu", date(2024, 11, 1), {"typologie": MAIRIE}),  # the first day that counts
        ("D", "disparu", date(2024, 10, 31), {}),  # the last that does not
        ("E", "fusionné", date(2026, 10, 1), {"remplace_par": "A"}),
        ("F", "disparu", date(2026, 10, 1), {"nature": "lieu", "typologie": None}),
        ("G", "disparu", date(2023, 1, 1), {"code_insee": None}),  # gone before the registry kept where it was
    )
    assert lost(known).sort("code_insee").rows() == [("05023", FS), ("05061", MAIRIE)]
    assert lost(known, 25).height == 3
    assert lost(known, 60) is None, "nobody knows where one of them was"


def test_a_counter_lost_in_a_commune_of_before_is_in_the_one_it_became():
    day = date(2026, 1, 1)
    known = registry(*((c, "disparu", day, {"code_insee": c}) for c in ("05001", "05002", "05023")))
    found = lost(known, passage=[("05001", "05023"), ("05002", None)])  # merged; split, into nobody knows which
    assert found["code_insee"].to_list() == ["05023", "05023"]


@pytest.mark.parametrize("rows", [[], [("A", "actif", TODAY, {"premiere_vue": TODAY})]], ids=["none", "first"])
def test_a_first_version_cannot_know_what_disappeared(rows):
    known = pl.concat(
        [pl.DataFrame(schema=REGISTRY_SCHEMA)]
        + [registry_rows([n], day=day, etat=state, **more) for n, state, day, more in rows]
    )
    assert lost(known) is None


def test_a_second_version_of_the_day_knows():
    today = {"premiere_vue": TODAY}
    known = registry(("A", "actif", TODAY, today), ("B", "disparu", TODAY, today))
    assert lost(known).height == 1


def test_a_territory_is_told_what_it_lost_even_where_nothing_is_left():
    gone = pl.DataFrame(
        [("05061", FS), ("05061", FS), ("05023", FS), ("05023", "Lycée"), ("99999", FS)],
        schema=["code_insee", "typologie"],
        orient="row",
    )
    counters = held({"code_insee": "05061"}, {"code_insee": "26064", "typologie": MAIRIE})
    table = supply_table(counters, MEMBERS, populations(), LABELS, gone)
    assert [one(table, "commune", c)[LOST] for c in ("05061", "05023")] == [2, 1]
    assert one(table, "commune", "05023")["nb_points_accueil"] == 0
    assert [one(table, "departement", "05", t)[LOST] for t in (FS, MAIRIE)] == [3, 0]
    assert [one(table, "departement", "26", t)[LOST] for t in (FS, MAIRIE)] == [0, 0]
    assert one(table, "france", "FR")[LOST] == 3
    assert "Lycée" not in set(table["typologie"]), "a feed that is gone is not a closure"

    shares = {n: dict(lost_share(table, n, "part").rows()) for n in ("commune", "departement")}
    assert shares["commune"] == {"05061": 66.67, "05023": 100.0, "26064": 0.0}
    assert shares["departement"] == {"05": 75.0, "26": 0.0}


def test_without_history_the_share_is_not_known():
    table = supply_table(held({"code_insee": "05061"}), MEMBERS, populations(), LABELS, None)
    assert table[LOST].null_count() == table.height > 0
    assert set(lost_share(table, "departement", "part")["part"]) == {None}
