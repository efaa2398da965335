"""Small countries for tests of tension: communes and what they are part of, origins and their people, given times."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from assets.access.places import COUNTER_SCHEMA, HELD_ALL_WEEK
from assets.tension.measures import Measured, measure
from assets.tension.methods import Method, methods
from assets.tension.pairs import Bools, Floats, Ints, Pairs
from assets.tension.people import GROUPS, POPULATION, People, cell_columns
from assets.tension.summaries import Scope
from assets.tension.zones import Zones

FS, MAIRIE, CAF, MSA = (
    "France services",
    "Mairie",
    "Caisse d'allocations familiales (Caf)",
    "Mutualité sociale agricole (MSA)",
)
NAN, INF = float("nan"), float("inf")
MEMBERSHIP = ("code", "epci", "departement", "region", "arrondissement", "bassin_vie", "classe_densite")


def membership(*rows: dict[str, Any]) -> pl.DataFrame:
    """`territories__appartenance`: communes of one EPCI of Hautes-Alpes, each a thousand people, or else said."""
    defaults = {
        "epci": "200067825",
        "departement": "05",
        "region": "93",
        "arrondissement": "052",
        "bassin_vie": "05061",
        "classe_densite": "Rural",
        "population": 1000,
    }
    schema = dict.fromkeys(MEMBERSHIP, pl.String()) | {"population": pl.Int64()}
    return pl.DataFrame([defaults | row for row in rows], schema=schema)


def departement_of(commune: str) -> str:
    """Overseas, three characters say the département."""
    return commune[: 3 if commune.startswith("9") else 2]


def people_of(zones: Zones, *rows: dict[str, Any]) -> People:
    """Cells of ten people, two of them 65 or more, one poor household, in the first commune, unless said otherwise.

    `income` and the groups are as `people` would count them; any other key is a column of the cell.
    """
    defaults: dict[str, Any] = {
        "code_insee": zones.communes[0],
        "population": 10.0,
        "menages_pauvres": 1.0,
        "habitants_65_ans_ou_plus": 2.0,
        "income": 20_000.0,
        "impute": False,
        "longitude": 6.0,
        "latitude": 44.5,
    }
    made = [{"origine_id": f"O{i:03d}", **defaults, **row} for i, row in enumerate(rows)]
    groups = {
        name: np.array([NAN if m[name] is None else float(m[name]) for m in made]) for name in (POPULATION, *GROUPS)
    }
    columns = [c for c in cell_columns() if c not in ("carreau_id", "taille_m", "commune", "departement", *groups)]
    data: dict[str, list[Any]] = {c: [m.get(c) for m in made] for c in columns}
    frame = pl.DataFrame(
        {
            "origine_id": [m["origine_id"] for m in made],
            "code_insee": [m["code_insee"] for m in made],
            "code_departement": [departement_of(m["code_insee"]) for m in made],
            **data,
            POPULATION: groups[POPULATION],
        }
    ).with_columns(
        pl.col("origine_id", "code_insee", "code_departement").cast(pl.String),
        pl.col("origine_id").cast(pl.String).alias("carreau_id"),
        pl.col(POPULATION).cast(pl.Float64).fill_nan(None),
        pl.col([c for c in columns if c != "impute"]).cast(pl.Float64),
        pl.col("impute").cast(pl.Boolean),
    )
    income = np.array([m["income"] for m in made], dtype=np.float64)
    return People(frame, zones.rows_of(frame["code_insee"]), groups, income)


def held(*rows: dict[str, Any]) -> pl.DataFrame:
    """Counters in `COUNTER_SCHEMA`: France services open 20 hours in 05061 unless said otherwise."""
    made = [
        {
            "point_accueil_id": f"P{i:03d}",
            "service_id": f"S{i:03d}",
            "type_structure": HELD_ALL_WEEK,
            "typologie": FS,
            "code_insee": "05061",
            "code_departement": "05",
            "longitude": 6.08,
            "latitude": 44.56,
            "horaires": "Mo-Fr 08:00-12:00",
            **row,
        }
        for i, row in enumerate(rows)
    ]
    return pl.DataFrame(made, schema=COUNTER_SCHEMA)


class Given:
    """A source of times given by hand.

    Args:
        minutes: (n, c) from each origin to each counter; None: no pair.
        seconds: of the nearest, where it is not the least of the pairs: by typology, (n,).
        outside: whether the nearest is in another département, by typology; no, unless said otherwise.
    """

    def __init__(
        self,
        people: People,
        counters: pl.DataFrame,
        minutes: Sequence[Sequence[float | None]],
        seconds: Mapping[str, Sequence[float]] | None = None,
        outside: Mapping[str, Sequence[bool]] | None = None,
        mesure: str = "route",
    ) -> None:
        self.people, self._counters, self.mesure = people, counters, mesure
        self._seconds, self._outside = seconds or {}, outside or {}
        shape = (people.number, counters.height)
        self._times = np.rint([[NAN if m is None else m * 60 for m in row] for row in minutes]).reshape(shape)

    def nearest(self, typology: str) -> tuple[Floats, Bools]:
        outside = np.array(self._outside.get(typology, [False] * self.people.number), dtype=np.bool_)
        if typology in self._seconds:
            return np.array(self._seconds[typology], dtype=np.float64), outside
        all_week = (self._counters["type_structure"] == HELD_ALL_WEEK) & (self._counters["typologie"] == typology)
        mine = self._times[:, all_week.to_numpy()]
        if not mine.shape[1]:
            return np.full(len(mine), NAN), outside
        return np.where(np.isnan(mine), np.inf, mine).min(axis=1), outside

    def pairs(self, typology: str) -> tuple[Pairs, Ints]:
        rows = np.flatnonzero((self._counters["typologie"] == typology).to_numpy()).astype(np.int32)
        mine = self._times[:, rows]
        counter, origin = np.nonzero(~np.isnan(mine.T))
        seconds = mine[origin, counter].astype(np.int32)
        n, c = mine.shape
        return Pairs(origin.astype(np.int32), counter.astype(np.int32), seconds, n, c), rows


def measured_by(
    source: Any, counters: pl.DataFrame, typology: str = FS, chosen: Sequence[Method] | None = None
) -> Measured:
    """What `measure` says, within 20 minutes, by every method of the project unless some are chosen."""
    return measure(source, typology, counters, methods(), chosen or methods().methodes, 20)


def scope_of(source: Any, zones: Zones, share_min: float = 0.95) -> Scope:
    """The territories of a source that measures everybody."""
    return Scope.of(source, source.people, zones, share_min)


def row_of(frames: Sequence[pl.DataFrame], niveau: str, territoire: str) -> dict[str, Any]:
    """The one row of a territory."""
    (row,) = pl.concat(frames).filter(niveau=niveau, territoire=territoire).to_dicts()
    return row
