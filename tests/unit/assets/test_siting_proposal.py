"""From counters and people on the ground to a proposal: times as the crow flies, worth of each place, scenario file."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from assets.access.settings import settings as access_settings
from assets.scenarios.read import read_scenario
from assets.scenarios.siting.exact import Limits
from assets.scenarios.siting.front import front
from assets.scenarios.siting.solve import Ask
from assets.scenarios.siting_proposal import (
    figures_table,
    front_table,
    scenario_of,
    worth_table,
    write_scenario,
)
from assets.scenarios.siting_stage import Request, zone_of
from assets.scenarios.siting_times import CrowWays, problem_of
from assets.tension.people import POPULATION, People
from pipeline.foundations.errors import WrongUse
from tests.access import FS, counters_at, origins_at

PER_M = access_settings().vol_oiseau.seconds(1.0)
NOWHERE = pl.Series([], dtype=pl.String)
BASE = SimpleNamespace(manifest=SimpleNamespace(version="2026.11.26"))


def people_at(*spots, **columns) -> People:
    frame = origins_at(*({"at": spot, **columns} for spot in spots))
    count = frame.height
    groups = {POPULATION: frame["population"].to_numpy()}
    return People(frame, np.zeros(count, dtype=np.int32), groups, np.full(count, np.nan))


def seconds(metres: float) -> int:
    return round(metres * PER_M)


@pytest.fixture
def line():
    """People at 0, 10 and 20 km; a counter at 0; candidates at 10 and 20 km."""
    people = people_at((0, 0), (10_000, 0), (20_000, 0))
    held = counters_at({"at": (0, 0)})
    candidates = counters_at({"at": (10_000, 0)}, {"at": (20_000, 0)})
    return problem_of(CrowWays(people), people, held, held.clear(), candidates, NOWHERE, 0)


def test_times_are_those_of_straight_lines(line):
    assert line.base_s == pytest.approx([0, seconds(10_000), seconds(20_000)], abs=1)
    assert line.seconds(np.array([False, True])) == pytest.approx([0, seconds(10_000), 0], abs=1)


def test_a_first_counter_may_be_sited():
    people = people_at((0, 0), (10_000, 0))
    candidates = counters_at({"at": (0, 0)})
    nobody = candidates.clear()
    problem = problem_of(CrowWays(people), people, nobody, nobody, candidates, NOWHERE, 0)
    assert np.isinf(problem.base_s).all()
    assert problem.seconds(np.array([True])) == pytest.approx([0, seconds(10_000)], abs=1)


def test_people_of_a_commune_whose_counter_nobody_places_are_left_out():
    people = people_at((0, 0), (10_000, 0))
    held = counters_at({"at": (0, 0), "code_insee": "38421"})
    candidates = counters_at({"at": (10_000, 0)})
    problem = problem_of(CrowWays(people), people, held, held.clear(), candidates, pl.Series(["38185"]), 0)
    assert not problem.counted.any()


def test_counters_that_may_close_are_places_of_the_problem():
    people = people_at((0, 0), (10_000, 0))
    stay, may_close = counters_at({"at": (0, 0)}), counters_at({"at": (10_000, 0)})
    problem = problem_of(CrowWays(people), people, stay, may_close, may_close.clear(), NOWHERE, 1)
    assert (problem.candidates, problem.closable) == (0, 1)
    assert problem.seconds(problem.untouched) == pytest.approx([0, 0], abs=1)


def test_worth_alone_and_together(line):
    both = np.array([True, True])
    named = pl.DataFrame({"nom": ["dix", "vingt"]})
    table = worth_table(line, both, np.array([0, 1], dtype=np.int32), named, [20])
    ten = 10 * seconds(10_000) / 60  # ten people, 10 km less
    assert table["personnes_minutes_seul"].to_list() == pytest.approx([2 * ten, 2 * ten], abs=1)
    assert table["personnes_minutes_ensemble"].to_list() == pytest.approx([ten, ten], abs=1)
    assert table["usagers"].to_list() == [10, 10]
    figures = dict(figures_table(line, both, [20]).select("indicateur", "apres").rows())
    assert (figures["pire_temps_min"], figures["habitants_20_min"], figures["habitants_au_plafond"]) == (0, 30, 0)


def test_the_front_tells_each_number(line):
    steps = front(line, Ask("p-median", 2), Limits(20, 10_000))
    table = front_table(line, steps, "p-median", [20])
    assert table["ouvertures"].to_list() == [0, 1, 2]
    assert table["valeur"].is_sorted(descending=True)
    assert table["prouve"].all()
    impossible = front_table(line, front(line, Ask("p-median", 2, 0, None, 60), Limits(20, 10_000)), "p-median", [20])
    assert impossible["valeur"].null_count() == 2


def test_the_scenario_written_is_read(tmp_path):
    opened = pl.DataFrame(
        {
            "lieu_id": ["CSPLIEU0123456789ABCDEF", None],
            "nom": ["Mairie - Vif", "Salle : « B », #1"],
            "longitude": [5.7, 5.8],
            "latitude": [45.1, 45.2],
        }
    )
    closed = pl.DataFrame({"point_accueil_id": ["CSPSERV0123456789ABCDEF"]})
    made = scenario_of(BASE, FS, "France services, Isère", "Proposé.", opened, closed)
    path = tmp_path / "proposition.yml"
    write_scenario(SimpleNamespace(scenario=made), path)
    assert read_scenario(path) == made
    assert [edit.action for edit in made.modifications] == ["fermer", "ouvrir", "ouvrir"]
    with pytest.raises(WrongUse, match=r"a name in \.yml"):
        write_scenario(SimpleNamespace(scenario=made), tmp_path / "proposition.txt")


def tables():
    frames = {
        "territories__appartenance": pl.DataFrame(
            {"code": ["05001", "05002"], "epci": ["200067452", None], "departement": ["05", "05"]}
        ),
        "territories__communes": pl.DataFrame({"code": ["05001", "05002"], "nom": ["Abriès", "Agnières"]}),
        "territories__zones": pl.DataFrame(
            {"niveau": ["epci", "departement", "region"], "code": ["200067452", "05", "05"], "nom": ["CC", "HA", "X"]}
        ),
    }
    return SimpleNamespace(read=frames.__getitem__)


@pytest.mark.parametrize(
    ("code", "nom", "communes"),
    [("05", "HA", ["05001", "05002"]), ("200067452", "CC", ["05001"]), ("05002", "Agnières", ["05002"])],
)
def test_a_territory_is_named_by_its_code(code, nom, communes):
    zone = zone_of(tables(), code)
    assert (zone.nom, zone.communes.to_list()) == (nom, communes)


def test_a_code_of_no_territory():
    with pytest.raises(WrongUse, match="the nearest is 05"):
        zone_of(tables(), "05003x2")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"typologie": "France service"}, "the nearest is « France services »"),
        ({"nombre": 0}, "at least one place to open"),
        ({"nombre": -1}, "nombre: "),
        ({"seuil_min": 20}, "seuil_min is the threshold of couverture"),
        ({"objectif": "equite"}, "objectif: "),
    ],
)
def test_bad_requests(values, message):
    good = {"typologie": FS, "territoire": "05", "objectif": "p-median", "nombre": 1}
    assert Request.of(**good).ask == Ask("p-median", 1)
    with pytest.raises(WrongUse, match=message):
        Request.of(**(good | values))
