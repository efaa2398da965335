"""What was measured at origins, summed up over communes and every territory they make: rows of `tension__acces` and
`tension__demande`.

Every mean is weighted by people (potential users for supply against demand). Who has no time counts as not reached, and
beside; no share is said where no time is known, nothing of a group where nobody of it is counted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit

from assets.tension.measures import Measured, Source
from assets.tension.pairs import Bools, Floats, Longs
from assets.tension.people import GROUPS, POPULATION, People
from assets.tension.zones import Level, Zones, by_commune

_QUANTILES = (10, 50, 90)
KEY = ("niveau", "territoire", "typologie", "mesure")


@dataclass(frozen=True)
class Scope:
    """The territories a source measures enough of: rows of each level.

    Attributes:
        people: of the source.
        kept: rows of the territories, by level.
    """

    zones: Zones
    people: People
    mesure: str
    kept: Mapping[str, Longs]

    @classmethod
    def of(cls, source: Source, everybody: People, zones: Zones, share_min: float) -> "Scope":
        """Those where at least a share of people (of origins where nobody is counted) live at an origin measured."""
        size = len(zones.communes)
        mine, all_of_them = (_weights(p) for p in (source.people, everybody))
        kept = {}
        for level in zones:
            here, whole = (
                np.column_stack([level.sums(by_commune(p.commune, size, w)) for w in weights])
                for p, weights in ((source.people, mine), (everybody, all_of_them))
            )
            counted = np.where(whole[:, 0] > 0, 0, 1)
            rows = np.arange(len(level.codes))
            share = np.divide(here, whole, out=np.zeros_like(here), where=whole > 0)[rows, counted]
            kept[level.niveau] = np.flatnonzero((share >= share_min) & (here[:, 1] > 0))
        return cls(zones, source.people, source.mesure, kept)

    def levels(self) -> Iterator[tuple[Level, Longs]]:
        """Levels with a territory kept."""
        for level in self.zones:
            if len(rows := self.kept[level.niveau]):
                yield level, rows

    def totals(self, columns: Iterable[tuple[str, Floats]]) -> "Totals":
        """Sums over communes of named columns (n,), taken one at a time; NaN counts for nothing."""
        size = len(self.zones.communes)
        sums = {name: by_commune(self.people.commune, size, column) for name, column in columns}
        return Totals(list(sums), np.column_stack(list(sums.values())))


@dataclass(frozen=True)
class Totals:
    """Sums by commune (c, k), to be summed over territories."""

    names: Sequence[str]
    values: Floats

    def over(self, level: Level, rows: Longs) -> Mapping[str, Floats]:
        """Columns of some territories of a level."""
        return dict(zip(self.names, level.sums(self.values)[rows].T, strict=True))


def access_rows(scope: Scope, measured: Measured, thresholds_min: Sequence[int]) -> list[pl.DataFrame]:
    """Rows of `tension__acces` of one typology, level after level.

    Args:
        thresholds_min: minutes of the coverage columns.
    """
    people = scope.people.groups[POPULATION]
    totals = scope.totals(_access_columns(scope.people, measured, thresholds_min))
    order = np.flatnonzero(np.isfinite(measured.seconds) & (people > 0))
    order = order[np.argsort(measured.seconds[order], kind="stable")]
    parts = []
    for level, rows in scope.levels():
        t = totals.over(level, rows)
        everyone, counted, known = t[POPULATION], t["counted"] > 0, t["known"] > 0
        quantiles = _quantiles(
            order,
            level.of_origins(scope.people.commune),
            people,
            measured.seconds,
            np.array(_QUANTILES) / 100,
            len(level.codes),
        )[rows]
        made: dict[str, Floats] = {
            "population": np.where(counted, everyone, np.nan),
            "temps_moyen_min": ratio(t["time"], t["timed"]) / 60,
            **{f"temps_q{q}_min": quantiles[:, i] / 60 for i, q in enumerate(_QUANTILES)},
            "sans_temps_pct": 100 * ratio(np.maximum(everyone - t["timed"], 0), everyone),
        }
        for group in (POPULATION, *GROUPS):
            for m in thresholds_min:
                made[f"{group}_{m}_min_pct"] = np.where(known, 100 * ratio(t[f"{group}_{m}"], t[group]), np.nan)
        for m in thresholds_min:
            beyond = np.maximum(everyone - t[f"{POPULATION}_{m}"], 0)
            made[f"habitants_au_dela_{m}_min"] = np.where(counted, beyond, np.nan)  # without a time too
        made |= {
            "hors_departement_pct": np.where(known, 100 * ratio(t["outside"], everyone), np.nan),
            "heures_accessibles_semaine": ratio(t["hours"], t["of_hours"]),
            "jours_ouverts_semaine": ratio(t["days"], t["of_days"]),
            "part_horaires_connus_pct": 100 * ratio(t["told"], t["of_told"]),
        }
        said = {"typologie": measured.typology, "mesure": scope.mesure}
        parts.append(frame_of(level, rows, said, made).with_columns(pl.exclude(KEY).round(2)))
    return parts


def _access_columns(people: People, measured: Measured, thresholds_min: Sequence[int]) -> Iterator[tuple[str, Floats]]:
    """What is summed for access: people, in time or not."""
    everyone, seconds, opening = people.groups[POPULATION], measured.seconds, measured.opening
    timed = np.isfinite(seconds)
    yield "counted", _ones(~np.isnan(everyone))
    yield "known", _ones(~np.isnan(seconds))  # origins, not people: some may have none
    yield "timed", everyone * timed
    yield "time", everyone * np.where(timed, seconds, 0.0)
    yield "outside", everyone * measured.outside
    for group in (POPULATION, *GROUPS):
        counted = people.groups[group]
        yield group, counted
        for m in thresholds_min:
            yield f"{group}_{m}", counted * (seconds <= 60 * m)
    for name, value in (("hours", opening.hours), ("days", opening.days), ("told", opening.known)):
        yield name, everyone * value
        yield f"of_{name}", everyone * ~np.isnan(value)


def supply_rows(scope: Scope, measured: Measured) -> list[pl.DataFrame]:
    """Rows of `tension__demande` of one typology: its potential users, and the mean of each method over them."""
    totals = scope.totals(_supply_columns(measured))
    parts = []
    for level, rows in scope.levels():
        t = totals.over(level, rows)
        made: dict[str, Floats] = {"usagers_potentiels": np.where(t["counted"] > 0, np.round(t["users"], 2), np.nan)}
        made |= {f"offre_{code}": ratio(t[code], t[f"of_{code}"]) for code in measured.supply}
        made["part_connue_pct"] = np.round(100 * ratio(t["known"], t["users"]), 2)
        said = {"typologie": measured.typology, "mesure": scope.mesure}
        # A counter for a million people is worth as many digits as one for a hundred.
        parts.append(frame_of(level, rows, said, made).with_columns(pl.col("^offre_.*$").round_sig_figs(6)))
    return parts


def _supply_columns(measured: Measured) -> Iterator[tuple[str, Floats]]:
    """What is summed for supply against demand: potential users, times what each has."""
    users = measured.demand.users
    yield "counted", _ones(~np.isnan(users))
    yield "users", users
    # Of the first method: the others reach about as far. Where no counter is within reach, that there is none is known.
    first = next(iter(measured.supply.values()))
    yield "known", users * np.nan_to_num(first.known, nan=1.0)
    for code, found in measured.supply.items():
        yield code, users * found.access
        yield f"of_{code}", users * ~np.isnan(found.access)


def _weights(people: People) -> tuple[Floats, Floats]:
    """People and origins."""
    return people.groups[POPULATION], np.ones(people.number)


def _ones(rows: Bools) -> Floats:
    return rows.astype(np.float64)


def ratio(total: Floats, by: Floats) -> Floats:
    """Quotient; NaN where there is nobody to divide by."""
    return np.asarray(np.divide(total, by, out=np.full(by.shape, np.nan), where=by > 0))


def frame_of(level: Level, rows: Longs, said: Mapping[str, str], columns: Mapping[str, Floats]) -> pl.DataFrame:
    """Rows of some territories of a level: `niveau, territoire`, what is said of them all, then columns (NaN: null)."""
    return pl.DataFrame({"territoire": level.codes.gather(rows), **columns}).select(
        pl.lit(level.niveau).alias("niveau"),
        "territoire",
        *(pl.lit(value).alias(name) for name, value in said.items()),
        pl.col(list(columns)).fill_nan(None),
    )


@njit(cache=True, nogil=True)
def _quantiles(order, zone, weights, values, shares, size):  # type: ignore[no-untyped-def]
    """The least value that each share of the weights of a zone does not exceed (size, shares); NaN without any.

    `order` are the rows to count, by increasing value.
    """
    total = np.zeros(size)
    for i in order:
        if zone[i] >= 0:
            total[zone[i]] += weights[i]
    found = np.full((size, len(shares)), np.nan)
    cumulated = np.zeros(size)
    rank = np.zeros(size, dtype=np.int64)
    for i in order:
        z = zone[i]
        if z < 0:
            continue
        cumulated[z] += weights[i]
        while rank[z] < len(shares) and cumulated[z] >= total[z] * shares[rank[z]] - 1e-9:
            found[z, rank[z]] = values[i]
            rank[z] += 1
    return found
