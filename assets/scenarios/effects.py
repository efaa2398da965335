"""What a scenario changes, from both cases measured: cell by cell, then territory by territory.

Winners and losers are told apart everywhere: a net of zero may be a thousand people nearer and a thousand farther.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from assets.scenarios.settings import Settings
from assets.tension.measures import Measured
from assets.tension.pairs import Bools, Floats
from assets.tension.people import POPULATION, People
from assets.tension.summaries import KEY, Scope

#: Columns of `tension__acces` and `tension__demande` set side by side, before and after.
ACCESS_COLUMNS = (
    "temps_moyen_min",
    "temps_q90_min",
    "sans_temps_pct",
    "population_10_min_pct",
    "population_20_min_pct",
    "population_30_min_pct",
    "menages_pauvres_20_min_pct",
    "menages_pauvres_30_min_pct",
    "habitants_65_ans_ou_plus_20_min_pct",
    "habitants_65_ans_ou_plus_30_min_pct",
    "habitants_au_dela_20_min",
    "habitants_au_dela_30_min",
    "heures_accessibles_semaine",
    "jours_ouverts_semaine",
)
SUPPLY_COLUMNS = ("offre_2sfca", "offre_e2sfca_rapide", "offre_minutes_pour_100")


def cell_rows(people: People, before: Measured, after: Measured, minutes: str) -> pl.DataFrame:
    """Origins where something of a typology changes: time, reachable hours or supply.

    Columns: `origine_id, code_insee, longitude, latitude, population, typologie`, then `temps_avant_s, temps_apres_s,
    ecart_s` (negative: nearer), `heures_avant, heures_apres, offre_avant, offre_apres`; null where there is none.

    Args:
        minutes: code of the supply method shown.
    """
    supply = before.supply[minutes].access, after.supply[minutes].access
    values = {
        "temps_avant_s": before.seconds,
        "temps_apres_s": after.seconds,
        "heures_avant": before.opening.hours,
        "heures_apres": after.opening.hours,
        "offre_avant": supply[0],
        "offre_apres": supply[1],
    }
    changed = (
        _differ(before.seconds, after.seconds) | _differ(before.opening.hours, after.opening.hours) | _differ(*supply)
    )
    rows = np.flatnonzero(changed)
    frame = people.frame[rows.tolist()].select("origine_id", "code_insee", "longitude", "latitude", "population")
    finite = {name: np.where(np.isfinite(v[rows]), v[rows], np.nan) for name, v in values.items()}
    return frame.with_columns(
        pl.lit(before.typology).alias("typologie"),
        *(pl.Series(name, v).fill_nan(None) for name, v in finite.items()),
        pl.Series("ecart_s", finite["temps_apres_s"] - finite["temps_avant_s"]).fill_nan(None),
    )


def crossing_rows(
    scope: Scope, before: Measured, after: Measured, groups: Mapping[str, Floats], rule: Settings
) -> list[pl.DataFrame]:
    """Who wins and who loses, by territory and group, level after level.

    Columns: `niveau, territoire, typologie, groupe, gagnants, perdants, minutes_gagnees, minutes_perdues` (people x
    minutes, both of 0 or more), and for each threshold `entrants_<m>_min, sortants_<m>_min`: those who come within it
    and those who leave it. Territories where nothing moves have no row.

    Args:
        groups: people of each group at each origin, NaN where unknown.
    """
    t0, t1 = before.seconds, after.seconds
    gap, nearer, farther = moves(t0, t1, rule)
    parts = []
    for group, counted in groups.items():
        columns = {
            "gagnants": counted * nearer,
            "perdants": counted * farther,
            "minutes_gagnees": counted * np.where(gap < 0, -gap, 0.0) / 60,
            "minutes_perdues": counted * np.where(gap > 0, gap, 0.0) / 60,
        }
        for m in rule.seuils_min:
            inside = (t0 <= 60 * m, t1 <= 60 * m)
            columns[f"entrants_{m}_min"] = counted * (~inside[0] & inside[1])
            columns[f"sortants_{m}_min"] = counted * (inside[0] & ~inside[1])
        totals = scope.totals(columns.items())
        for level, rows in scope.levels():
            sums = totals.over(level, rows)
            moved = np.flatnonzero(sums["gagnants"] + sums["perdants"] > 0)
            parts.append(
                pl.DataFrame(
                    {"territoire": level.codes.gather(rows[moved])}
                    | {name: np.round(values[moved], 2) for name, values in sums.items()}
                ).select(
                    pl.lit(level.niveau).alias("niveau"),
                    "territoire",
                    pl.lit(before.typology).alias("typologie"),
                    pl.lit(group).alias("groupe"),
                    *columns,
                )
            )
    return parts


def moves(before: Floats, after: Floats, rule: Settings) -> tuple[Floats, Bools, Bools]:
    """Seconds more (less when negative) for each origin that has a time on both sides, 0 for the others; whose time
    falls, or is found; whose time grows, or is lost.
    """
    was, has = np.isfinite(before), np.isfinite(after)
    gap = np.where(was & has, after - before, 0.0)
    nearer = (gap <= -rule.ecart_min_s) & (gap < 0) | ~was & has
    farther = (gap >= rule.ecart_min_s) & (gap > 0) | was & ~has
    return gap, nearer, farther


def time_rows(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Mean time of every territory, moved or not, from rows of `tension__acces` of both cases.

    Columns: `niveau, territoire, typologie, mesure, population`, then `temps_avant_min, temps_apres_min, ecart_min`
    (negative: nearer; null where one side has none) and `sans_temps_avant_pct, sans_temps_apres_pct`.
    """
    shown = {"temps_moyen_min": "temps_{}_min", "sans_temps_pct": "sans_temps_{}_pct"}

    def side(frame: pl.DataFrame, name: str, *more: str) -> pl.DataFrame:
        return frame.select(*KEY, *more, *(pl.col(c).alias(title.format(name)) for c, title in shown.items()))

    joined = side(before, "avant", "population").join(side(after, "apres"), on=list(KEY), how="inner")
    gap = (pl.col("temps_apres_min") - pl.col("temps_avant_min")).round(2).alias("ecart_min")
    columns = ("temps_avant_min", "temps_apres_min", "ecart_min", "sans_temps_avant_pct", "sans_temps_apres_pct")
    return joined.with_columns(gap).select(*KEY, "population", *columns).sort(*KEY)


def vehicle_km(people: People, before: Floats, after: Floats, trips: float) -> float:
    """Kilometres more (less when negative) driven each year, there and back, by those who have a way in both cases."""
    both = np.isfinite(before) & np.isfinite(after)
    change = np.where(both, after - before, 0.0) * people.groups[POPULATION]
    return float(2 * trips * np.nansum(change) / 1000)


def side_by_side(
    before: pl.DataFrame, after: pl.DataFrame, keys: Sequence[str], columns: Sequence[str]
) -> pl.DataFrame:
    """Rows of both cases, `<column>_avant, _apres, _ecart`; territories where nothing differs are left out."""
    joined = before.select(*keys, *(pl.col(c).alias(f"{c}_avant") for c in columns)).join(
        after.select(*keys, *(pl.col(c).alias(f"{c}_apres") for c in columns)), on=list(keys), how="inner"
    )
    differs = pl.any_horizontal(pl.col(f"{c}_avant").ne_missing(pl.col(f"{c}_apres")) for c in columns)
    gaps = [(pl.col(f"{c}_apres") - pl.col(f"{c}_avant")).round(6).alias(f"{c}_ecart") for c in columns]
    ordered = [f"{c}_{side}" for c in columns for side in ("avant", "apres", "ecart")]
    return joined.filter(differs).with_columns(*gaps).select(*keys, *ordered).sort(*keys)


def _differ(a: Floats, b: Floats) -> Bools:
    return np.asarray(~((a == b) | (np.isnan(a) & np.isnan(b))))
