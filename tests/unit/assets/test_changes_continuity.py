"""Ids that follow one another: merged, split, taken over by another, or renumbered by their producer."""

import polars as pl

from assets.referentiel.identity import Memory
from assets.release.changes.continuity import BRIDGES, LIKENESS, REGISTRY, Side, links
from assets.release.changes.counters import counters
from tests.editions import DAY, NEXT_DAY, POSTE, bridges, counter, frame, registry

TABLE = "referentiel__implantations"


def side(rows, registry_rows, bridge_rows):
    return Side(Memory(registry_rows, bridge_rows), counters({TABLE: frame(TABLE, rows)}))


def followed(before, after):
    return links(before, after).rows()


def test_nothing_changed_nothing_follows():
    one = side([counter("A")], registry(["A"]), bridges([("A", "r1")]))
    assert followed(one, one) == []


def test_an_id_merged_is_followed_through_all_its_mergers():
    before = side([counter("A"), counter("B"), counter("C")], registry("ABC"), bridges([(i, i) for i in "ABC"]))
    merged = [registry(["A"], etat="fusionné", remplace_par="B"), registry(["B"], etat="fusionné", remplace_par="C")]
    after = side([counter("C")], pl.concat([*merged, registry("C", day=NEXT_DAY)]), bridges([("C", "C")], day=NEXT_DAY))
    assert followed(before, after) == [("A", "C", REGISTRY), ("B", "C", REGISTRY)]


def test_the_records_of_an_id_gone_say_who_took_them():
    """An older memory gave B its name: the registry knows nothing of A."""
    before = side([counter("A", service_nom="Une")], registry("A"), bridges([("A", "r1"), ("A", "r2")]))
    after = side(
        [counter("B", service_nom="Autre", lieu_adresse="ailleurs")],
        registry("B", day=NEXT_DAY),
        bridges([("B", "r1"), ("B", "r2")], day=NEXT_DAY),
    )
    assert followed(before, after) == [("A", "B", BRIDGES)]


def test_an_id_that_comes_with_the_records_of_one_that_stays_was_split_from_it():
    before = side([counter("A")], registry("A"), bridges([("A", "r1"), ("A", "r2")]))
    after = side(
        [counter("A"), counter("B")],
        registry("AB", day=NEXT_DAY),
        bridges([("A", "r1"), ("B", "r2")], day=NEXT_DAY),
    )
    assert followed(before, after) == [("A", "B", BRIDGES)]


def test_records_no_longer_seen_bridge_nothing():
    """The bridge of a record that left is kept, dated: it is not one of today's."""
    before = side([counter("A")], registry("A"), bridges([("A", "r1")]))
    known = pl.concat([bridges([("B", "r1")], day=DAY), bridges([("B", "x")], day=NEXT_DAY)])
    after = side([counter("B", POSTE)], registry("B", day=NEXT_DAY), known)
    assert followed(before, after) == []


def renumbered(*names, **more):
    """Counters known by records of their own names."""
    rows = [counter(n, POSTE, **{"service_nom": "Bureau", "lieu_adresse": "1 rue X", **more}) for n in names]
    return rows, registry(names), bridges([(n, n) for n in names])


def test_the_same_name_and_address_under_another_number_is_the_same_counter():
    before, after = side(*renumbered("A")), side(*renumbered("B", service_nom="BUREAU", lieu_adresse="1, rue x"))
    assert followed(before, after) == [("A", "B", LIKENESS)]


def test_likeness_is_not_believed_across_communes_typologies_or_when_two_could_be_meant():
    one = side(*renumbered("A"))
    assert followed(one, side(*renumbered("B", lieu_code_insee="05046"))) == []
    assert followed(one, side(*renumbered("B", service_typologie="Mairie"))) == []
    assert followed(one, side(*renumbered("B", service_nom="Relais", lieu_adresse="2 rue Y"))) == []
    assert followed(one, side(*renumbered("B", "C"))) == []
    assert followed(side(*renumbered("A", service_nom=None, lieu_adresse=None)), one) == []


def test_the_surest_likeness_comes_first():
    rows, ids, known = renumbered("A")
    two = [*renumbered("B")[0], counter("C", POSTE, service_nom="Bureau", lieu_adresse="9 rue Z")]
    after = side(two, registry("BC"), bridges([("B", "B"), ("C", "C")]))
    assert followed(side(rows, ids, known), after) == [("A", "B", LIKENESS)]


def test_a_place_follows_the_services_it_holds_under_their_new_ids():
    def with_place(name, place):
        rows, ids, known = renumbered(name, lieu_id=place)
        return side(
            rows,
            pl.concat([ids, registry([place], nature="lieu")]),
            pl.concat([known, bridges([(place, name)], nature="lieu", source="référentiel")]),
        )

    assert followed(with_place("A", "LA"), with_place("B", "LB")) == [("A", "B", LIKENESS), ("LA", "LB", LIKENESS)]
