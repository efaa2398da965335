"""Edits on random road networks: local repair and edited pairs, against measuring everything again."""

import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from assets.access.choice import pairs as every_pair
from assets.access.network.build import build_graph
from assets.access.places import COUNTER_SCHEMA, Territory
from assets.access.settings import settings
from assets.access.times import measure as measure_times
from assets.access.times import seconds_of
from assets.access.times_table import times_table
from assets.scenarios.cases import crow_cases, gain, road_cases, touched
from assets.scenarios.edits import Scenario
from assets.scenarios.live import LiveTypology
from assets.scenarios.supply import SUPPLY_SCHEMA, Ground, Supply, apply
from assets.tension.people import POPULATION, People
from assets.tension.travel import RoadTimes
from pipeline.foundations.errors import WrongUse
from tests.access import CAF, FS, counters_at, degrees, origins_at, territory
from tests.networks import random_network, rules

TYPOLOGIES = [FS, CAF]
HOURS = ("Mo-Fr 09:00-12:00", "Tu[2] 14:00-17:00", None)


def people_of(origins: pl.DataFrame) -> People:
    frame = origins.drop("type_origine").with_columns(
        pl.col("origine_id").alias("carreau_id"), pl.lit(None, dtype=pl.Boolean).alias("impute")
    )
    counted = frame["population"].to_numpy()
    return People(frame, np.zeros(frame.height, dtype=np.int32), {POPULATION: counted}, np.full(frame.height, np.nan))


def supply_frame(counters: pl.DataFrame) -> pl.DataFrame:
    named = counters.with_columns(
        pl.col("point_accueil_id").alias("nom"), pl.lit(None, dtype=pl.String).alias("lieu_id")
    )
    return named.select(SUPPLY_SCHEMA.names()).sort("point_accueil_id")


def road_source(here: Territory, counters: pl.DataFrame) -> RoadTimes:
    """Times and pairs of a territory, measured whole and given as `access` writes them."""
    times = measure_times(here, TYPOLOGIES, settings())
    rows = []
    for part in every_pair(here, TYPOLOGIES, settings(), times):
        for door, home, ms in zip(part.door, part.home, part.milliseconds, strict=True):
            origin, there = here.origins["origine_id"][int(home)], np.flatnonzero(here.door == door)
            rows += [(origin, here.counters["point_accueil_id"][int(c)], ms) for c in there]
    schema = {"origine_id": pl.String, "point_accueil_id": pl.String, "ms": pl.Int32}
    pairs = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.Series("temps_route_s", seconds_of(np.array([r[2] for r in rows], dtype=np.int32))).cast(pl.Int64)
    )
    pairs = pairs.filter(pl.col("temps_route_s") <= settings().couples_max_min * 60)
    table = times_table(here, times, TYPOLOGIES, settings(), np.arange(here.origins.height))
    return RoadTimes(people_of(here.origins), counters, TYPOLOGIES, [table], [pairs])


def ground() -> Ground:
    corners = degrees([(-50_000, -50_000), (50_000, -50_000), (50_000, 50_000), (-50_000, 50_000)])
    communes = pl.DataFrame(
        {"code": ["38185"], "nom": ["Grenoble"], "departement": ["38"], "geometrie": [shapely.Polygon(corners).wkb]}
    )
    return Ground(
        communes,
        pl.DataFrame(schema={"lieu_id": pl.String, "lieu_longitude": pl.Float64, "lieu_latitude": pl.Float64}),
        pl.DataFrame(schema={"id": pl.String, "etat": pl.String, "remplace_par": pl.String}),
        {},
        lambda *_: (0.0, 0.0),
    )


def scenario(*edits: dict) -> Scenario:
    return Scenario.model_validate({"nom": "essai", "base": "2026.11.26", "modifications": edits})


def at(spot) -> dict:
    longitude, latitude = degrees(spot)[0].tolist()
    return {"longitude": longitude, "latitude": latitude}


def _case(seed: int):
    rng = np.random.default_rng(seed)
    graph = build_graph([random_network(seed)], rules(), "voiture")
    origins = origins_at(*({"at": tuple(p)} for p in rng.uniform(0, 8_000, (25, 2))))
    held = counters_at(
        *(
            {"at": tuple(p), "typologie": TYPOLOGIES[i % 2], "horaires": HOURS[i % 3]}
            for i, p in enumerate(rng.uniform(0, 8_000, (9, 2)))
        )
    )
    return graph, origins, supply_frame(held), rng


def _edits(base: pl.DataFrame, rng) -> list[dict]:
    """A random sequence that can be done: each counter is touched once."""
    free = base["point_accueil_id"].to_list()
    rng.shuffle(free)
    typology = dict(zip(base["point_accueil_id"], base["typologie"], strict=True))
    edits = []
    for _ in range(int(rng.integers(1, 7))):
        kind = str(rng.choice(["ouvrir", "fermer", "deplacer", "changer_horaires", "permanence", "fusionner"]))
        spot = at(tuple(rng.uniform(0, 8_000, 2)))
        if kind == "ouvrir":
            edits.append({"action": kind, "typologie": FS, "lieu": spot, "horaires": HOURS[0]})
        elif kind == "permanence" and free:
            edits.append({"action": kind, "typologie": CAF, "hote": free[-1], "horaires": HOURS[1]})
        elif kind == "fusionner":
            same = [i for i in free if typology[i] == FS][:2]
            if len(same) == 2:
                free = [i for i in free if i not in same]
                edits.append({"action": kind, "ids": same, "lieu": spot})
        elif free and kind in ("fermer", "deplacer", "changer_horaires"):
            edit = {"action": kind, "id": free.pop()}
            edit |= {"lieu": spot} if kind == "deplacer" else {}
            edit |= {"horaires": "Sa 09:00-12:00"} if kind == "changer_horaires" else {}
            edits.append(edit)
    return edits or [{"action": "fermer", "id": free[0]}]


def _bare(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(COUNTER_SCHEMA.names())


def _pairs(found) -> list[tuple[int, int, int]]:
    pairs, rows = found
    return sorted(zip(pairs.origin.tolist(), rows[pairs.counter].tolist(), pairs.seconds.tolist(), strict=True))


@given(seed=st.integers(0, 10_000))
@examples(max_examples=25, deadline=None)
def test_edits_equal_measuring_everything_again(seed):
    graph, origins, base, rng = _case(seed)
    supply = apply(scenario(*_edits(base, rng)), base, ground())
    kinds = touched(base, supply.changes)
    here = territory(origins, _bare(base), graph)
    cases = road_cases(road_source(here, base), here, base, supply, kinds)
    again = road_source(territory(origins, _bare(supply.counters), graph), supply.counters)
    whole = road_source(here, base)
    for typology in kinds:
        for case, oracle in ((cases.before, whole), (cases.after, again)):
            seconds, outside = oracle.nearest(typology)
            mine, mine_outside = case.nearest(typology)
            # A place off the network has no time either way; the oracle says so from the counter's side too.
            known = ~np.isnan(mine) & ~np.isnan(seconds)
            assert mine[known].tolist() == seconds[known].tolist()
            assert mine_outside[known].tolist() == outside[known].tolist()
            assert _pairs(case.pairs(typology)) == _pairs(oracle.pairs(typology))


@given(seed=st.integers(0, 10_000))
@examples(max_examples=15, deadline=None)
def test_undoing_gives_the_base_back_to_the_byte(seed):
    graph, origins, base, rng = _case(seed)
    supply = apply(scenario(*_edits(base, rng)), base, ground())
    here = territory(origins, _bare(base), graph)
    for typology in TYPOLOGIES:
        live = LiveTypology(here, base, typology)
        first = [a.tobytes() for a in live.read()]
        done = [live.do(change) for change in supply.changes]
        for one in reversed(done):
            live.undo(one)
        assert [a.tobytes() for a in live.read()] == first


@given(seed=st.integers(0, 10_000))
@examples(max_examples=15, deadline=None)
def test_the_order_of_independent_edits_does_not_matter(seed):
    graph, origins, base, rng = _case(seed)
    edits = [e for e in _edits(base, rng) if e["action"] in ("fermer", "deplacer", "changer_horaires")]
    edits = edits or [{"action": "fermer", "id": base["point_accueil_id"][0]}]
    here = territory(origins, _bare(base), graph)
    found = []
    for order in (edits, edits[::-1]):
        supply = apply(scenario(*order), base, ground())
        kinds = touched(base, supply.changes)
        after = road_cases(road_source(here, base), here, base, supply, kinds).after
        found.append((supply.counters, {t: (after.nearest(t)[0].tolist(), _pairs(after.pairs(t))) for t in kinds}))
    assert found[0][0].equals(found[1][0])
    assert str(found[0][1]) == str(found[1][1])


def test_what_each_edit_is_worth_alone():
    graph, origins, base, _ = _case(7)
    ids = base.filter(pl.col("typologie") == FS)["point_accueil_id"].to_list()
    edits = [{"action": "fermer", "id": i} for i in ids[:2]]
    here = territory(origins, _bare(base), graph)
    source = road_source(here, base)
    supply = apply(scenario(*edits), base, ground())
    both = road_cases(source, here, base, supply, [FS])
    for edit, alone in zip(edits, both.alone, strict=True):
        one = road_cases(source, here, base, apply(scenario(edit), base, ground()), [FS])
        worth = gain(one.before.people, one.before.seconds[FS], one.after.seconds[FS])
        assert alone == pytest.approx(worth)
        assert alone <= 0


def test_an_edit_on_another_has_no_worth_alone():
    graph, origins, base, _ = _case(7)
    edits = [
        {"action": "ouvrir", "typologie": FS, "lieu": at((4_000, 4_000))},
        {"action": "deplacer", "id": "CSPSCENARIO0001", "lieu": at((1_000, 1_000))},
    ]
    here = territory(origins, _bare(base), graph)
    supply = apply(scenario(*edits), base, ground())
    alone = road_cases(road_source(here, base), here, base, supply, [FS]).alone
    assert np.isfinite(alone[0])
    assert np.isnan(alone[1])
    assert np.isnan(crow_cases(people_of(here.origins), base, supply, [FS]).alone[1])


def test_a_counter_too_far_from_a_road_is_told():
    graph, origins, base, _ = _case(7)
    here = territory(origins, _bare(base), graph)
    edit = {"action": "ouvrir", "typologie": FS, "lieu": at((-40_000, -40_000))}
    cases = road_cases(road_source(here, base), here, base, apply(scenario(edit), base, ground()), [FS])
    assert cases.off_road == ("CSPSCENARIO0001",)
    assert cases.after.seconds[FS].tolist() == cases.before.seconds[FS].tolist()


def test_as_the_crow_flies_it_is_measured_anew():
    _, origins, base, rng = _case(3)
    people = people_of(origins)
    supply = apply(scenario(*_edits(base, rng)), base, ground())
    kinds = touched(base, supply.changes)
    cases = crow_cases(people, base, supply, kinds)
    rule = settings().vol_oiseau
    here = territory(origins, _bare(supply.counters), None)
    for typology in kinds:
        held = (supply.counters["typologie"] == typology) & (supply.counters["type_structure"] == "Implantation")
        doors = here.counter_xy[held.to_numpy()]
        metres = np.hypot(*(here.origin_xy[:, None] - doors[None]).transpose(2, 0, 1)).min(axis=1)
        assert cases.after.nearest(typology)[0].tolist() == np.rint(metres * rule.seconds(1.0)).tolist()


# --- what cannot be done ----------------------------------------------------------------------------------------------


def refused(base, *edits, **changes) -> str:
    from dataclasses import replace

    with pytest.raises(WrongUse) as error:
        apply(scenario(*edits), base, replace(ground(), **changes))
    return str(error.value)


@pytest.fixture
def base():
    return _case(1)[2]


def test_an_unknown_counter_is_refused_with_the_nearest(base):
    message = refused(base, {"action": "fermer", "id": "P001X"})
    assert "edit 1" in message
    assert "no P001X" in message
    assert "the nearest is P001" in message


def test_what_became_of_an_id_is_told(base):
    registry = pl.DataFrame({"id": ["OLD"], "etat": ["fusionné"], "remplace_par": ["P003"]})
    assert "fusionné, remplacé par P003" in refused(base, {"action": "fermer", "id": "OLD"}, registry=registry)


def test_closing_twice_is_refused(base):
    message = refused(base, *[{"action": "fermer", "id": "P001"}] * 2)
    assert "edit 2" in message
    assert "closed by an edit before" in message


def test_an_id_of_several_counters_is_refused(base):
    message = refused(base, {"action": "fermer", "id": "SVC"}, aliases={"SVC": ("P001", "P002")})
    assert "of P001, P002" in message


def test_a_service_id_of_one_counter_is_taken(base):
    from dataclasses import replace

    supply = apply(scenario({"action": "fermer", "id": "SVC"}), base, replace(ground(), aliases={"SVC": ("P001",)}))
    assert supply.changes[0].closed == ("P001",)
    assert supply.counters.height == base.height - 1


def test_a_place_in_the_sea_is_refused_with_the_nearest_commune(base):
    sea = {"longitude": -3.0, "latitude": 45.0}
    message = refused(base, {"action": "ouvrir", "typologie": FS, "lieu": sea})
    assert "in none (at sea" in message
    assert "Grenoble (38185)" in message


def test_an_unknown_place_and_one_without_position_are_refused(base):
    assert "no LX" in refused(base, {"action": "ouvrir", "typologie": FS, "lieu": {"lieu_id": "LX"}})
    places = pl.DataFrame({"lieu_id": ["L1"], "lieu_longitude": [None], "lieu_latitude": [None]})
    message = refused(base, {"action": "ouvrir", "typologie": FS, "lieu": {"lieu_id": "L1"}}, places=places)
    assert "nobody placed" in message


def test_merging_two_typologies_is_refused(base):
    message = refused(base, {"action": "fusionner", "ids": ["P000", "P001"], "lieu": {"guichet": "P000"}})
    assert "counters of one typology" in message
    twice = refused(base, {"action": "fusionner", "ids": ["P000", "P000"], "lieu": {"guichet": "P000"}})
    assert "P000 twice" in twice


def test_a_counter_that_moves_keeps_its_id_and_hours(base):
    supply = apply(scenario({"action": "deplacer", "id": "P000", "lieu": at((10, 10))}), base, ground())
    row = supply.counters.filter(pl.col("point_accueil_id") == "P000").row(0, named=True)
    assert row["horaires"] == HOURS[0]
    assert row["code_insee"] == "38185"
    assert supply.counters.height == base.height


def test_a_permanence_stands_where_its_host_is(base):
    edit = {"action": "permanence", "typologie": CAF, "hote": "P000", "horaires": HOURS[1]}
    supply = apply(scenario(edit), base, ground())
    row = supply.counters.filter(pl.col("point_accueil_id") == "CSPSCENARIO0001").row(0, named=True)
    host = base.filter(pl.col("point_accueil_id") == "P000").row(0, named=True)
    assert (row["longitude"], row["latitude"]) == (host["longitude"], host["latitude"])
    assert row["type_structure"] == "Permanence"


def test_an_address_is_asked_of_the_geocoder(base):
    from dataclasses import replace

    asked = []

    def geocode(address, commune):
        asked.append((address, commune))
        return tuple(degrees((100, 100))[0].tolist())

    edit = {"action": "ouvrir", "typologie": FS, "lieu": {"adresse": "1 rue du Port", "commune": "38185"}}
    supply = apply(scenario(edit), base, replace(ground(), geocode=geocode))
    assert asked == [("1 rue du Port", "38185")]
    assert supply.counters.height == base.height + 1


def test_nothing_changes_the_base(base):
    before = base.clone()
    apply(scenario({"action": "fermer", "id": "P000"}), base, ground())
    assert Supply(base).counters.equals(before)
