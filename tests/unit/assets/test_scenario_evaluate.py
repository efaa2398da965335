"""A scenario evaluated, from a data root to its tables: held against everything measured again by hand.

As the crow flies, on a small country; by road, the demo is held against the same in `tests/end_to_end`.
"""

from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import shapely

from assets.access import places
from assets.access.settings import settings as access_settings
from assets.access.tables import COUNTERS
from assets.scenarios.base import Base
from assets.scenarios.edits import Scenario
from assets.scenarios.effects import moves, time_rows
from assets.scenarios.evaluate import evaluate
from assets.scenarios.settings import settings
from assets.scenarios.supply import SUPPLY_SCHEMA, Ground
from assets.tension import stage
from assets.tension.tables import TENSION
from pipeline.foundations.crs import MAINLAND, project, unproject
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace
from tests.country import Country, full_context
from tests.networks import ORIGIN
from tests.tension import FS

RULE = access_settings().vol_oiseau
HALF = 1_400.0  # half the side of a commune, in metres


def degrees(spot):
    longitude, latitude = unproject(*(ORIGIN + spot), MAINLAND)
    return {"longitude": float(longitude), "latitude": float(latitude)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The country of the stage of tension, with the index it makes."""
    country = Country(context=full_context())
    workspace = Workspace(DataRoot(tmp_path_factory.mktemp("pays")), frozen=True)
    tables = country.write(workspace.root.tables)
    made = stage.compute(tables, ["05"], date(2026, 1, 31))
    tables.write(TENSION, made[TENSION], recipe="r")
    return workspace, country


def base_of(workspace):
    frames = [workspace.tables.read(name) for name in COUNTERS]
    counters = places.counters(*frames).with_columns(
        pl.col("point_accueil_id").alias("nom"), pl.lit(None, dtype=pl.String).alias("lieu_id")
    )
    return Base(SimpleNamespace(version="2026.11.26"), counters.select(SUPPLY_SCHEMA.names()), {})


def ground_of(country):
    squares = []
    for commune in country.communes:
        x, y = commune["at"]
        corners = [(x - HALF, y - HALF), (x + HALF, y - HALF), (x + HALF, y + HALF), (x - HALF, y + HALF)]
        squares.append(shapely.Polygon([tuple(degrees(c).values()) for c in corners]).wkb)
    communes = pl.DataFrame(
        {
            "code": [c["code"] for c in country.communes],
            "nom": [f"Commune {c['code']}" for c in country.communes],
            "departement": [c["code"][:2] for c in country.communes],
            "geometrie": squares,
        }
    )
    empty = pl.DataFrame(schema={"lieu_id": pl.String, "lieu_longitude": pl.Float64, "lieu_latitude": pl.Float64})
    registry = pl.DataFrame(schema=dict.fromkeys(("id", "etat", "remplace_par"), pl.String))
    return Ground(communes, empty, registry, {}, lambda *_: (0.0, 0.0))


def evaluated(root, *edits):
    workspace, country = root
    scenario = Scenario.model_validate({"nom": "essai", "base": "2026.11.26", "modifications": edits})
    return evaluate(workspace, scenario, base_of(workspace), ground_of(country))


#: One opens at 26113, the one of 26064 closes: people are nearer here, farther there.
OPEN = {"action": "ouvrir", "typologie": FS, "lieu": degrees((63_000, 500)), "horaires": "Mo-Fr 09:00-12:00"}
CLOSE = {"action": "fermer", "id": "P2"}


@pytest.fixture(scope="module")
def made(root):
    return evaluated(root, OPEN, CLOSE)


def again(root):
    """Seconds to the nearest implantation, before and after, of every origin of the region: each distance anew."""
    _, country = root
    origins = {c["code"]: (c["at"], c["population"]) for c in country.communes if c["code"].startswith("26")}
    origins |= {c["carreau_id"]: (c["at"], c.get("population", 10.0)) for c in country.cells}
    # Mairies are where people of a commune without cells leave from: that of 26064 is at the commune's point.
    doors = {"P0": (10_000, 0), "P2": (60_000, 1_000), "new": (63_000, 500)}

    def seconds(spot, names):
        metres = min(np.hypot(spot[0] - doors[n][0], spot[1] - doors[n][1]) for n in names)
        return round(metres * RULE.seconds(1.0))

    return {
        name: (people, seconds(spot, ("P0", "P2")), seconds(spot, ("P0", "new")))
        for name, (spot, people) in origins.items()
    }


def made_in(origin, made):
    """Whether the region measured holds an origin: cells are in 05."""
    return ("05" if origin.startswith("C") else origin[:2]) in made.departements


def test_as_the_crow_flies_where_a_departement_has_no_roads(made):
    assert made.mesure == "vol d'oiseau"
    assert made.typologies == (FS,)
    assert "26" in made.departements


def test_every_time_is_that_of_measuring_again(root, made):
    oracle = again(root)
    cells = made.tables["carreaux"].filter(pl.col("ecart_s") != 0)
    moved = {name: (a, b) for name, (_, a, b) in oracle.items() if a != b and made_in(name, made)}
    assert {"26064", "26113"} <= set(moved)
    found = {r["origine_id"]: (r["temps_avant_s"], r["temps_apres_s"]) for r in cells.iter_rows(named=True)}
    assert found == moved


def test_who_wins_and_who_loses_are_summed_apart(root, made):
    oracle = {n: v for n, v in again(root).items() if n.startswith("26")}
    won = sum(p * max(a - b, 0) for p, a, b in oracle.values()) / 60
    lost = sum(p * max(b - a, 0) for p, a, b in oracle.values()) / 60
    assert won > 0 < lost
    row = (
        made.tables["gagnants_perdants"]
        .filter(niveau="departement", territoire="26", groupe="population", typologie=FS)
        .row(0, named=True)
    )
    assert row["gagnants"] == sum(p for p, a, b in oracle.values() if b < a)
    assert row["perdants"] == sum(p for p, a, b in oracle.values() if b > a)
    assert row["minutes_gagnees"] == pytest.approx(won, abs=0.01)
    assert row["minutes_perdues"] == pytest.approx(lost, abs=0.01)
    for minutes in settings().seuils_min:
        came = sum(p for p, a, b in oracle.values() if b <= 60 * minutes < a)
        left = sum(p for p, a, b in oracle.values() if a <= 60 * minutes < b)
        assert (row[f"entrants_{minutes}_min"], row[f"sortants_{minutes}_min"]) == (came, left)


def test_figures_are_those_of_the_tables(made):
    communes = made.tables["gagnants_perdants"].filter(niveau="commune", groupe="population")
    assert made.figures["habitants_rapproches"] == communes["gagnants"].sum()
    assert made.figures["habitants_eloignes"] == communes["perdants"].sum()
    assert made.figures["habitants_rapproches_et_eloignes"] == 0  # one service only
    net = communes["minutes_gagnees"].sum() - communes["minutes_perdues"].sum()
    assert made.figures["personnes_minutes"] == pytest.approx(net, abs=0.05)
    alone = made.tables["modifications"]["personnes_minutes_seule"]
    assert made.figures["interaction_personnes_minutes"] == pytest.approx(net - alone.sum(), abs=0.05)


def test_every_territory_of_the_region_has_its_time_moved_or_not(root, made):
    oracle = again(root)
    times = made.tables["temps"].filter(niveau="commune")
    by_commune = {r["territoire"]: r for r in times.iter_rows(named=True)}
    _, before, after = oracle["26113"]
    assert by_commune["26113"]["temps_avant_min"] == round(before / 60, 2)
    assert by_commune["26113"]["temps_apres_min"] == round(after / 60, 2)
    for row in by_commune.values():
        assert row["ecart_min"] == pytest.approx(row["temps_apres_min"] - row["temps_avant_min"], abs=0.006)


def test_doing_then_undoing_changes_nothing(root):
    back = {"action": "deplacer", "id": "P2", "lieu": degrees((60_000, 1_000))}
    away = {"action": "deplacer", "id": "P2", "lieu": degrees((61_000, 1_000))}
    made = evaluated(root, away, back)
    assert made.tables["gagnants_perdants"].is_empty()
    assert made.figures["personnes_minutes"] == 0
    assert made.tables["carreaux"].is_empty()
    assert made.tables["points_accueil"].is_empty()


def test_counters_touched_say_what_becomes_of_them(root):
    made = evaluated(
        root,
        OPEN,
        {"action": "deplacer", "id": "P2", "lieu": degrees((62_000, 0))},
        {"action": "changer_horaires", "id": "P3", "horaires": "Sa 09:00-12:00"},
        {"action": "fermer", "id": "CSPSCENARIO0001"},
    )
    found = {r["point_accueil_id"]: r for r in made.tables["points_accueil"].iter_rows(named=True)}
    assert {i: r["etat"] for i, r in found.items()} == {"P2": "déplacé", "P3": "horaires changés"}
    x, y = project(np.array([found["P2"]["longitude_avant"]]), np.array([found["P2"]["latitude_avant"]]), MAINLAND)
    assert np.hypot(x[0] - ORIGIN[0] - 60_000, y[0] - ORIGIN[1] - 1_000) < 1
    assert found["P3"]["longitude_avant"] is None
    assert (found["P2"]["modifications"], found["P3"]["modifications"]) == ("2", "3")


def test_edits_are_told_with_the_names_of_communes(made):
    first, second = made.tables["modifications"]["modification"]
    assert first == "Ouvrir France services (projet) – Commune 26113 (26113)"
    assert second == "Fermer P2, France services – Commune 26064 (26064)"


def test_the_index_is_ranked_again_among_the_same_territories(root):
    made = evaluated(root, OPEN | {"horaires": "Mo-Su 00:00-24:00"})
    communes = made.tables["tension"].filter(niveau="commune")
    assert set(communes["mesure"]) == {"vol d'oiseau"}
    served = communes.filter(territoire="26113").row(0, named=True)
    assert served["offre_faible_national_apres"] < served["offre_faible_national_avant"]
    assert served["rang_national_apres"] > served["rang_national_avant"] == 1  # no longer the most in tension
    gap = communes["rang_national_apres"] - communes["rang_national_avant"]
    assert gap.to_list() == communes["rang_national_ecart"].to_list()


def test_evaluating_twice_gives_the_same_tables(root, made):
    twice = evaluated(root, OPEN, CLOSE)
    assert twice.figures == made.figures
    for name, frame in made.tables.items():
        assert frame.equals(twice.tables[name]), name


# --- parts ----------------------------------------------------------------------------------------------------------


def test_who_finds_a_time_wins_and_who_loses_theirs_loses():
    before, after = np.array([60.0, np.inf, 60.0, 60.0, np.nan]), np.array([60.5, 30.0, np.inf, 59.0, 30.0])
    gap, nearer, farther = moves(before, after, settings())
    assert gap.tolist() == [0.5, 0, 0, -1, 0]
    assert nearer.tolist() == [False, True, False, True, True]
    assert farther.tolist() == [False, False, True, False, False]


def test_a_mean_that_one_side_does_not_have_has_no_gap():
    columns = {"niveau": ["commune"], "territoire": ["05001"], "typologie": [FS], "mesure": ["route"]}
    side = pl.DataFrame({**columns, "population": [10.0], "temps_moyen_min": [4.0], "sans_temps_pct": [0.0]})
    none = side.with_columns(pl.lit(None, dtype=pl.Float64).alias("temps_moyen_min"))
    row = time_rows(none, side).row(0, named=True)
    assert (row["temps_avant_min"], row["temps_apres_min"], row["ecart_min"]) == (None, 4.0, None)
