"""A scenario evaluated: both cases measured over the region it can change, and set side by side at every level.

Reading files and printing belong to the commands and to `outputs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.access.border import beyond_the_border
from assets.access.settings import settings as access_settings
from assets.access.tables import TIMES
from assets.referentiel.typology import typologies
from assets.scenarios.base import Base
from assets.scenarios.cases import Cases, crow_cases, gain, road_cases, touched
from assets.scenarios.edits import Scenario
from assets.scenarios.effects import (
    ACCESS_COLUMNS,
    SUPPLY_COLUMNS,
    cell_rows,
    crossing_rows,
    moves,
    side_by_side,
    time_rows,
    vehicle_km,
)
from assets.scenarios.region import people_of, roads_of
from assets.scenarios.settings import settings
from assets.scenarios.supply import Ground, Supply, apply
from assets.tension.basket_rows import Kept, basket_rows
from assets.tension.baskets import Basket, baskets
from assets.tension.index import tension_table
from assets.tension.index_rows import LEVELS as INDEXED
from assets.tension.index_rows import SUPPLY as INDEX_SUPPLY
from assets.tension.index_rows import places, supply_columns
from assets.tension.measures import Measured, Source, measure
from assets.tension.methods import methods
from assets.tension.pairs import Floats, Pairs
from assets.tension.people import POPULATION, People
from assets.tension.scheme import scheme
from assets.tension.summaries import KEY, Scope, access_rows, supply_rows
from assets.tension.tables import TENSION, held_departements
from assets.tension.travel import RoadTimes, read_pairs, read_times
from assets.tension.zones import Zones
from pipeline.foundations.progress import reporter
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import Workspace

_MINUTES = "minutes_pour_100"
#: Group counted only here: what is known of it is a share by commune, spread over its households.
NO_CAR = "menages_sans_voiture"
_BASKET_COLUMNS = (
    "temps_moyen_min",
    "temps_maillon_faible_min",
    "couverture_pct",
    "panier_complet_pct",
    "panier_80_pct",
)
_INDEX_COLUMNS = ("tension", "offre_faible", "besoin", "rang")


@dataclass(frozen=True)
class Evaluation:
    """What a scenario changes.

    Attributes:
        mesure: what the times are: by road, or as the crow flies.
        typologies: those touched.
        departements: the region measured: effects beyond it are not counted.
        tables: frames by name: `modifications`, `points_accueil`, `carreaux`, `temps`, `acces`, `gagnants_perdants`,
            `demande`, `paniers`, `tension`.
        figures: the whole in a few numbers, by name.
        off_road: ids of counters that open too far from any road.
    """

    scenario: Scenario
    base: Base
    supply: Supply
    mesure: str
    typologies: tuple[str, ...]
    departements: tuple[str, ...]
    tables: Mapping[str, pl.DataFrame]
    figures: Mapping[str, float | None]
    off_road: tuple[str, ...]


def evaluate(workspace: Workspace, scenario: Scenario, base: Base, ground: Ground) -> Evaluation:
    """Evaluate a scenario on its base.

    Raises:
        WrongUse: an edit that cannot be done, or edits in territories that no common system measures.
    """
    reporter().step(f"scénario « {scenario.nom} » : modifications")
    tables = workspace.tables
    supply = apply(scenario, base.counters, ground)
    kinds = touched(base.counters, supply.changes)
    region = _region(tables, base, supply, kinds)
    membership = tables.read("territories__appartenance")
    zones = Zones.of(membership)
    here = membership.filter(pl.col("departement").is_in(list(region.departements)))["code"]
    everybody = people_of(tables, here, zones)
    cases = _cases(workspace, base, supply, kinds, everybody, region)
    scope = _scope(zones, everybody, cases.before.mesure)
    reporter().step("scénario : effets")
    tables_made, figures = _effects(tables, cases, scope, kinds, supply)
    return Evaluation(
        scenario,
        base,
        supply,
        mesure=cases.before.mesure,
        typologies=tuple(kinds),
        departements=region.departements,
        tables=tables_made,
        figures=figures,
        off_road=cases.off_road,
    )


@dataclass(frozen=True)
class _Region:
    """Départements measured, and whether by road."""

    departements: tuple[str, ...]
    by_road: bool


def _region(tables: TableStore, base: Base, supply: Supply, kinds: Sequence[str]) -> _Region:
    """The départements of the edits, those whose people share their counters, those whose nearest counter closes."""
    closed = base.counters.filter(pl.col("point_accueil_id").is_in([c for ch in supply.changes for c in ch.closed]))
    places_of = pl.concat([closed, *(ch.opened for ch in supply.changes)])
    own = places_of["code_departement"].drop_nulls().unique().sort().to_list()
    communes = tables.read("territories__communes").select("departement", "longitude", "latitude")
    every = communes["departement"].unique().sort().to_list()
    on_roads = held_departements(tables, every)
    by_road = set(own) <= set(on_roads)
    known = on_roads if by_road else every
    around = beyond_the_border(communes, own, known)
    served = closed["service_id"].to_list()
    farther = []
    for departement in sorted(set(known) - {*own, *around}) if by_road and served else []:
        rows = pl.scan_parquet(tables.path(TIMES, departement), hive_partitioning=False)
        wanted = pl.col("typologie").is_in(list(kinds)) & pl.col("service_id").is_in(served)
        farther += [departement] if rows.filter(wanted).head(1).collect().height else []
    return _Region(tuple(sorted({*own, *around, *farther})), by_road)


def _cases(
    workspace: Workspace, base: Base, supply: Supply, kinds: Sequence[str], everybody: People, region: _Region
) -> Cases:
    if not region.by_road:
        return crow_cases(everybody, base.counters, supply, kinds)
    tables = workspace.tables
    mine = pl.col("typologie").is_in(list(kinds))
    held = base.counters.filter(mine)
    edited = Supply(supply.counters.filter(mine), supply.changes)
    reporter().step("scénario : temps et couples de la base")
    times = (read_times(tables, d) for d in region.departements)
    pairs = (read_pairs(tables, d, held["point_accueil_id"]) for d in region.departements)
    source = RoadTimes(everybody, held, typologies().labels, times, pairs)
    reporter().step("scénario : réseau routier")
    return road_cases(source, roads_of(workspace, everybody, held), held, edited, kinds)


def _scope(zones: Zones, everybody: People, mesure: str) -> Scope:
    """Territories whose every commune with people is in the region."""
    inside = np.zeros(len(zones.communes))
    inside[everybody.commune] = 1
    kept = {}
    for level in zones:
        whole = level.sums(np.ones(len(zones.communes)))
        kept[level.niveau] = np.flatnonzero((level.sums(inside) == whole) & (whole > 0))
    return Scope(zones, everybody, mesure, kept)


def _effects(
    tables: TableStore, cases: Cases, scope: Scope, kinds: Sequence[str], supply: Supply
) -> tuple[dict[str, pl.DataFrame], dict[str, float | None]]:
    rule, everybody = settings(), scope.people
    groups = {**everybody.groups, NO_CAR: _without_car(tables, everybody)}
    parts: dict[str, list[pl.DataFrame]] = {"carreaux": [], "gagnants_perdants": []}
    sides: dict[str, tuple[list[pl.DataFrame], list[pl.DataFrame]]] = {"acces": ([], []), "demande": ([], [])}
    won = km = 0.0
    nearer, farther = (np.zeros(everybody.number, dtype=np.bool_) for _ in range(2))
    for typology in kinds:
        both = [_measured(case, typology, case.counters) for case in (cases.before, cases.after)]
        parts["carreaux"].append(cell_rows(everybody, both[0], both[1], _MINUTES))
        parts["gagnants_perdants"] += crossing_rows(scope, both[0], both[1], groups, rule)
        for side, measured in enumerate(both):
            sides["acces"][side].extend(access_rows(scope, measured, access_settings().seuils_min))
            sides["demande"][side].extend(supply_rows(scope, measured))
        lengths = cases.before.length_m[typology], cases.after.length_m[typology]
        km += vehicle_km(everybody, *lengths, rule.trajets_par_an.of(typology))
        won += gain(everybody, both[0].seconds, both[1].seconds)
        _, closer, away = moves(both[0].seconds, both[1].seconds, rule)
        nearer, farther = nearer | closer, farther | away
    alone = np.array(cases.alone)
    here = everybody.groups[POPULATION]
    figures: dict[str, float | None] = {
        "habitants_rapproches": float(np.nansum(here[nearer])),
        "habitants_eloignes": float(np.nansum(here[farther])),
        "habitants_rapproches_et_eloignes": float(np.nansum(here[nearer & farther])),
        "personnes_minutes": won,
        "vehicules_km_an": km,
        "interaction_personnes_minutes": None if np.isnan(alone).any() else won - float(alone.sum()),
    }
    made = {name: pl.concat(frames) for name, frames in parts.items()}
    access, demand = (tuple(pl.concat(f) for f in sides[name]) for name in ("acces", "demande"))
    made["temps"] = time_rows(*access)
    made["acces"] = side_by_side(access[0], access[1], KEY, ACCESS_COLUMNS)
    made["demande"] = side_by_side(demand[0], demand[1], KEY, SUPPLY_COLUMNS)
    made["paniers"] = _baskets(cases, scope, kinds)
    made["tension"] = _tension(tables, access, demand, cases.before.mesure, kinds)
    made["modifications"] = pl.DataFrame(
        {
            "rang": [change.rank for change in supply.changes],
            "modification": [change.text for change in supply.changes],
            "personnes_minutes_seule": alone,
        }
    ).with_columns(pl.col("personnes_minutes_seule").fill_nan(None).round(2))
    made["points_accueil"] = _counters(cases, supply)
    return made, {name: None if v is None else round(v, 2) for name, v in figures.items()}


def _measured(source: Source, typology: str, counters: pl.DataFrame) -> Measured:
    wanted = {c.removeprefix("offre_") for c in SUPPLY_COLUMNS}
    chosen = [m for m in methods().methodes if m.code in wanted]
    return measure(source, typology, counters, methods(), chosen, scheme().reference.seuil_min)


def _without_car(tables: TableStore, everybody: People) -> Floats:
    """Households without a car at each origin: the share of their commune, of the households there."""
    rate = tables.read("territories__contexte").filter(pl.col("indicateur") == "menages_sans_voiture_pct")
    frame = everybody.frame.select("code_insee", "men").join(
        rate.select("code_insee", pl.col("valeur").cast(pl.Float64), pl.col("numerateur").cast(pl.Float64)),
        on="code_insee",
        how="left",
        maintain_order="left",
    )
    of_cell, of_commune = pl.col("men") * pl.col("valeur") / 100, pl.col("numerateur")
    counted = frame.select(pl.when(pl.col("men").is_not_null()).then(of_cell).otherwise(of_commune)).to_series()
    return np.array(counted.cast(pl.Float64).fill_null(float("nan")))


def _baskets(cases: Cases, scope: Scope, kinds: Sequence[str]) -> pl.DataFrame:
    keys = ["niveau", "territoire", "panier", "mesure"]
    rows = []
    for basket in baskets().paniers:
        used = sorted({t for s in basket.services for t in s.typologies})
        if not set(used) & set(kinds):
            continue
        sides = [_basket(case, scope, basket, used) for case in (cases.before, cases.after)]
        if all(side.height for side in sides):
            rows.append(side_by_side(sides[0], sides[1], keys, _BASKET_COLUMNS))
    return pl.concat(rows) if rows else pl.DataFrame()


def _basket(case: Source, scope: Scope, basket: Basket, used: Sequence[str]) -> pl.DataFrame:
    """Rows of one basket; what a place gathers is not measured here, and left out of the columns compared."""
    kept = Kept.of((basket,))
    none = np.zeros(0, dtype=np.int32)
    for typology in used:
        kept.times[typology] = case.nearest(typology)[0]
        kept.near[typology] = Pairs(none, none, none, scope.people.number, 0)
        kept.rows[typology] = none
    rows, _ = basket_rows(scope, basket, kept, none)
    return pl.concat(rows) if rows else pl.DataFrame()


def _tension(
    tables: TableStore,
    access: Sequence[pl.DataFrame],
    demand: Sequence[pl.DataFrame],
    mesure: str,
    kinds: Sequence[str],
) -> pl.DataFrame:
    """The index before and after, ranked among the same territories of the country; empty when it is about another
    service.
    """
    if scheme().reference.typologie not in kinds:
        return pl.DataFrame()
    keys = ["niveau", "territoire", "mesure"]
    known = tables.read(TENSION).filter(pl.col("mesure") == mesure)
    rows = []
    for niveau in INDEXED:
        base = known.filter(pl.col("niveau") == niveau).select(
            "territoire", "population", "classe_densite", *(i.colonne for i in scheme().indicators)
        )
        if not base.height:
            continue
        new = supply_columns(access[1], demand[1], scheme()).filter(pl.col("niveau") == niveau)
        updated = base.update(new.select("territoire", *INDEX_SUPPLY), on="territoire", how="left", include_nulls=True)
        sides = [_ranked(frame, niveau, mesure) for frame in (base, _only_known(base, updated, new))]
        columns = [f"{c}_{r}" for r in ("national", "classe") for c in _INDEX_COLUMNS]
        found = side_by_side(sides[0], sides[1], keys, columns)
        kinds_of = [
            s.select(*keys, pl.col("type_national").alias(f"type_{n}"))
            for s, n in zip(sides, ("avant", "apres"), strict=True)
        ]
        rows.append(found.join(kinds_of[0], on=keys, how="left").join(kinds_of[1], on=keys, how="left"))
    return pl.concat(rows) if rows else pl.DataFrame()


def _only_known(base: pl.DataFrame, updated: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Territories beyond the region keep what they have."""
    inside = pl.col("territoire").is_in(new["territoire"].implode())
    return pl.concat([base.filter(~inside), updated.filter(inside)]).sort("territoire")


def _ranked(territories: pl.DataFrame, niveau: str, mesure: str) -> pl.DataFrame:
    table = tension_table(territories.sort("territoire"), scheme())
    return table.with_columns(pl.lit(niveau).alias("niveau"), pl.lit(mesure).alias("mesure"), *places())


def _counters(cases: Cases, supply: Supply) -> pl.DataFrame:
    """Counters the edits touch: as they are, closed ones as they were.

    `etat`: fermé, ouvert, déplacé, horaires changés; `longitude_avant, latitude_avant`: where one that moved was;
    `modifications`: ranks of the edits that touch it.
    """
    ranks: dict[str, list[str]] = {}
    for change in supply.changes:
        for ident in dict.fromkeys((*change.closed, *change.opened["point_accueil_id"])):
            ranks.setdefault(ident, []).append(str(change.rank))
    touched_ids = pl.col("point_accueil_id").is_in(list(ranks))
    before, now = (case.counters.filter(touched_ids) for case in (cases.before, cases.after))
    place = ("longitude", "latitude", "horaires")
    was = before.select("point_accueil_id", *(pl.col(c).alias(f"{c}_avant") for c in place))
    longitude, latitude, hours = (pl.col(f"{c}_avant").ne_missing(pl.col(c)) for c in place)
    state = (
        pl.when(~pl.col("point_accueil_id").is_in(before["point_accueil_id"].implode()))
        .then(pl.lit("ouvert"))
        .when(longitude | latitude)
        .then(pl.lit("déplacé"))
        .when(hours)
        .then(pl.lit("horaires changés"))
    )
    gone = before.filter(~pl.col("point_accueil_id").is_in(now["point_accueil_id"].implode()))
    found = pl.concat(
        [
            # Without a state: an edit undoes another.
            now.join(was, on="point_accueil_id", how="left").with_columns(state.alias("etat")).drop_nulls("etat"),
            gone.join(was, on="point_accueil_id", how="left").with_columns(pl.lit("fermé").alias("etat")),
        ]
    )
    there = pl.col("etat") == "déplacé"
    return (
        found.drop("horaires_avant")
        .with_columns(
            *(pl.when(there).then(pl.col(c)).alias(c) for c in ("longitude_avant", "latitude_avant")),
            pl.Series("modifications", [", ".join(ranks[i]) for i in found["point_accueil_id"]], dtype=pl.String),
        )
        .sort("point_accueil_id")
    )
