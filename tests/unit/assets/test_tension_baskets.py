"""Baskets: hand cases, plain-Python oracle, what is missing, and what is gathered in one place."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tension.baskets import (
    ALMOST_FULL,
    Basket,
    baskets,
    covers,
    lacks,
    load_baskets,
    reachable_in_one_place,
    score,
)
from assets.tension.pairs import Pairs
from pipeline.foundations.errors import WrongUse

FIXTURES = Path(__file__).parents[2] / "fixtures" / "tension"
NAN, INF = math.nan, math.inf
CAF, FS, TOWN, TAX = (
    "Caisse d'allocations familiales (Caf)",
    "France services",
    "Mairie",
    "Service des impôts des particuliers (SIP)",
)


def basket(*services: dict, place_min: float = 15) -> Basket:
    return Basket.model_validate(
        {"code": "essai", "titre": "Essai", "seuil_un_lieu_min": place_min, "services": list(services)}
    )


def service(typology: str, minutes: float, weight: float = 1, **more) -> dict:
    return {"typologie": typology, "poids": weight, "seuil_min": minutes, **more}


def minutes(*values: float) -> np.ndarray:
    return np.array(values, dtype=float) * 60


def listed(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 9) for v in values]


def test_time_worst_link_and_coverage_by_hand():
    b = basket(service(TOWN, 10, weight=3), service(FS, 20, weight=1))
    found = score(b, {TOWN: minutes(10, 12, INF, NAN), FS: minutes(40, 20, 5, 5)})
    assert [t if t is None else t / 60 for t in listed(found.time)] == [17.5, 14, INF, None]
    assert listed(found.worst / 60) == [40, 20, INF, None]
    assert found.worst_service.tolist() == [1, 1, 0, -1]
    assert listed(found.coverage) == [0.75, 0.25, 0.25, None]


def test_a_threshold_is_reached_to_the_second():
    b = basket(service(TOWN, 10))
    assert score(b, {TOWN: np.array([600.0, 601.0])}).coverage.tolist() == [1, 0]


def test_a_substitute_counts_for_its_part():
    """At 25 min of the Caf and 5 of a France services, half the errands are 5 min away: 15 min, half covered."""
    b = basket(service(CAF, 20, substituts=[FS]))
    found = score(b, {CAF: minutes(25, 25, INF, 5, NAN, 25), FS: minutes(5, 30, 5, 60, 5, NAN)})
    assert listed(found.time / 60) == [15, 25, INF, 5, None, 25]
    assert listed(found.coverage) == [0.5, 0, 0.5, 1, None, 0]


def test_closing_a_desk_next_to_a_substitute_is_not_a_desert():
    b = basket(service(CAF, 20, substituts=[FS]))
    beside = score(b, {CAF: minutes(90), FS: minutes(5)})
    desert = score(b, {CAF: minutes(90), FS: minutes(90)})
    assert (beside.coverage[0], desert.coverage[0]) == (0.5, 0)
    assert beside.time[0] < desert.time[0]


def test_a_full_substitute_does_all_the_errands():
    b = basket(service(CAF, 20, substituts=[FS], **{"lambda": 1}))
    found = score(b, {CAF: minutes(INF, INF), FS: minutes(5, INF)})
    assert listed(found.time / 60) == [5, INF]
    assert listed(found.coverage) == [1, 0]


def test_a_typology_without_counter_is_left_out_and_named():
    b = basket(service(TOWN, 10), service(TAX, 30, weight=9, substituts=[FS]))
    found = score(b, {TOWN: minutes(5, 15), TAX: minutes(NAN, NAN), FS: minutes(1, 1)})
    assert found.without_counter == (TAX,)
    assert listed(found.coverage) == [1, 0]
    with pytest.raises(WrongUse, match="panier essai: expected a service of weight with a counter"):
        score(b, dict.fromkeys((TOWN, TAX, FS), minutes(NAN)))


def test_a_service_without_weight_is_told_but_does_not_count():
    b = basket(service(TOWN, 10), service(TAX, 30, weight=0))
    found = score(b, {TOWN: minutes(5), TAX: minutes(NAN)} | {TAX: minutes(99)})
    assert (found.time[0], found.worst[0], found.coverage[0], found.worst_service[0]) == (300, 300, 1, 0)
    assert [told.tolist() for told in lacks(found, 1)] == [[True], [False]]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({TOWN: minutes(5)}, "none to France services"),
        ({TOWN: minutes(5), FS: minutes(5, 6)}, "arrays of several shapes"),
        ({TOWN: minutes(5), FS: minutes(-1)}, "negative ones to France services"),
    ],
)
def test_bad_times_are_refused(times, message):
    with pytest.raises(WrongUse, match=message):
        score(basket(service(TOWN, 10), service(FS, 20)), times)


def test_no_origin_gives_nothing():
    found = score(basket(service(TOWN, 10)), {TOWN: minutes()})
    assert found.coverage.shape == covers(found, 1).shape == (0,)


time_or_not = st.one_of(st.just(NAN), st.just(INF), st.integers(0, 5400).map(float))


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(time_or_not, time_or_not, time_or_not), min_size=1, max_size=6),
    weights=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    part=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
def test_a_basket_is_its_formula(rows, weights, part):
    rows = [*rows, (1.0, 1.0, 1.0)]  # each typology has a counter
    b = basket(service(TOWN, 15, weights[0]), service(CAF, 30, weights[1], substituts=[FS], **{"lambda": part}))
    found = score(b, dict(zip((TOWN, CAF, FS), np.array(rows).T, strict=True)))
    for i, (town, caf, fs) in enumerate(rows):
        if math.isnan(town) or math.isnan(caf):
            assert np.isnan([found.time[i], found.worst[i], found.coverage[i]]).all()
            continue
        near = caf if math.isnan(fs) else min(caf, fs)
        mixed = near if part == 1 else caf if part == 0 else part * near + (1 - part) * caf
        credit = part * (near <= 1800) + (1 - part) * (caf <= 1800)
        assert found.time[i] == pytest.approx((weights[0] * town + weights[1] * mixed) / sum(weights))
        assert found.worst[i] == pytest.approx(max(town, mixed))
        assert found.coverage[i] == pytest.approx((weights[0] * (town <= 900) + weights[1] * credit) / sum(weights))


@settings(max_examples=50, deadline=None)
@given(times=st.lists(st.integers(0, 3600), min_size=1, max_size=8), limits=st.tuples(*[st.integers(1, 60)] * 2))
def test_a_wider_threshold_never_covers_less(times, limits):
    array = {TOWN: np.array(times, dtype=float)}
    narrow, wide = (score(basket(service(TOWN, m)), array).coverage for m in sorted(limits))
    assert np.all(narrow <= wide)


def scored():
    b = basket(*(service(t, 10, w) for t, w in ((TOWN, 8), (FS, 1), (TAX, 1))))
    times = {TOWN: minutes(5, 5, 20, NAN, 5), FS: minutes(5, 20, INF, 5, 5), TAX: minutes(5, 20, 5, 5, 5)}
    return score(b, times)


def test_the_whole_basket_and_eight_tenths_of_it():
    assert covers(scored(), 1).tolist() == [True, False, False, False, True]
    assert covers(scored(), ALMOST_FULL).tolist() == [True, True, False, False, True]


def test_eight_tenths_are_eight_tenths_whatever_the_rounding():
    b = basket(*(service(t, 10, w) for t, w in ((TOWN, 0.1), (FS, 0.7), (TAX, 0.2))))
    found = score(b, {TOWN: minutes(5), FS: minutes(5), TAX: minutes(50)})
    assert found.coverage[0] < 0.8  # 0.1 + 0.7 is a little less
    assert covers(found, ALMOST_FULL).tolist() == [True]


def test_a_substitute_alone_is_told_apart():
    b = basket(service(CAF, 20, substituts=[FS]))
    found = score(b, {CAF: minutes(25, 25, 5, NAN), FS: minutes(5, 30, 5, 5)})
    nothing, substitute = lacks(found, 0)
    assert nothing.tolist() == [False, True, False, False]
    assert substitute.tolist() == [True, False, False, False]


# --- one place --------------------------------------------------------------------------------------------------------


def test_services_in_one_place_by_hand():
    b = basket(service(TOWN, 10), service(FS, 10), service(CAF, 10), place_min=15)
    # Place 7: a mairie, twice, and a France services; place 9: a Caf and a school, which is not of the basket.
    places, typologies = np.array([7, 9, 7, 7, 9]), [TOWN, CAF, TOWN, FS, "Collège"]
    rows = [(0, 0, 900), (0, 1, 901), (1, 0, 100), (1, 1, 100), (2, 2, 900), (4, 3, 60)]  # counter, origin, seconds
    counter, origin, seconds = (np.array(x, dtype=np.int32) for x in zip(*rows, strict=True))
    found = reachable_in_one_place(b, Pairs(origin, counter, seconds, 4, 5), places, typologies)
    assert found.tolist() == [2, 1, 2, 0]
    with pytest.raises(WrongUse, match="4 places and 5 typologies for 5 counters"):
        reachable_in_one_place(b, Pairs(origin, counter, seconds, 4, 5), places[:4], typologies)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_services_in_one_place_is_its_formula(data):
    n, c = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6))
    names = [TOWN, FS, CAF, "Collège"]
    places = data.draw(st.lists(st.integers(0, 3), min_size=c, max_size=c))
    of = data.draw(st.lists(st.sampled_from(names), min_size=c, max_size=c))
    times = data.draw(st.lists(st.integers(0, 1800), min_size=n * c, max_size=n * c))
    counter, origin = np.repeat(np.arange(c), n), np.tile(np.arange(n), c)
    pairs = Pairs(origin.astype(np.int32), counter.astype(np.int32), np.array(times, dtype=np.int32), n, c)
    b = basket(service(TOWN, 10), service(FS, 10), service(CAF, 10), place_min=15)
    found = reachable_in_one_place(b, pairs, np.array(places), of)
    for i in range(n):
        near = {places[j] for j in range(c) if of[j] in names[:3] and times[j * n + i] <= 900}
        expected = max(
            (len({of[j] for j in range(c) if places[j] == p and of[j] in names[:3]}) for p in near), default=0
        )
        assert found[i] == expected


# --- the file ---------------------------------------------------------------------------------------------------------


def test_three_baskets_ship():
    assert [b.code for b in baskets().paniers] == ["proximite", "france_services_partenaires", "exemple_sdaasap"]
    partners = baskets().paniers[1].services
    assert {(s.substituts, s.part) for s in partners} == {(("France services",), 0.5)}


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("bad_paniers_*.yml")), ids=lambda p: p.stem)
def test_bad_baskets_are_refused(path):
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# attendu : ")
    with pytest.raises(WrongUse) as refused:
        load_baskets(path)
    assert expected in str(refused.value)
