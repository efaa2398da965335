"""A small country in a data root: one département with roads, one without; cells in one, mairies in the other.

What stages read, written by hand; people and places are invented.
"""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assets.access import tables as access
from assets.access.times_table import NO_WAY
from assets.referentiel.typology import typologies
from assets.tension.index_rows import LOST_SHARE, SUPPLY
from assets.tension.scheme import scheme
from assets.tension.tables import PASSAGE, REGISTRY
from assets.territories.levels import LEVELS
from assets.territories.passage import PASSAGE_SCHEMA
from pipeline.foundations.crs import MAINLAND, unproject
from pipeline.foundations.tables import TableStore
from quality.contract import all_contracts
from tests.networks import ORIGIN
from tests.tension import FS, MAIRIE, membership

LABELS = typologies().labels


@dataclass
class Country:
    """What a stage reads. Cells are ten people at a place given in metres; counters likewise.

    Two communes of Hautes-Alpes (with cells and roads), two of Drôme (neither); the first and the last are in one EPCI.
    """

    communes: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"code": "05023", "population": 100, "at": (0, 0)},
            {
                "code": "05061",
                "population": 200,
                "at": (10_000, 0),
                "epci": "200000001",
                "classe_densite": "Urbain dense",
            },
            {"code": "26064", "departement": "26", "region": "84", "population": 50, "at": (60_000, 0), "epci": None},
            {"code": "26113", "departement": "26", "region": "84", "population": 70, "at": (63_000, 0)},
        ]
    )
    cells: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"carreau_id": "C1", "commune": "05023", "at": (0, 1_000)},
            {"carreau_id": "C2", "commune": "05023", "at": (0, 3_000), "population": 30.0, "ind_65_79": 6.0},
            {"carreau_id": "C3", "commune": "05061", "at": (10_000, 500), "population": 40.0, "impute": True},
        ]
    )
    counters: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"commune": "05061", "at": (10_000, 0), "hours": "Mo-Fr 08:00-12:00"},
            {"commune": "05023", "at": (0, 0), "hours": "We 14:00-17:00", "kind": "Permanence"},
            {"commune": "26064", "at": (60_000, 1_000), "hours": "Mo-Tu 09:00-12:00"},
            *({"commune": c, "at": a, "typology": MAIRIE} for c, a in (("26064", (60_000, 0)), ("05061", (10_000, 0)))),
        ]
    )
    minutes: dict[tuple[str, int], float] = field(
        default_factory=lambda: {("C1", 0): 18, ("C1", 1): 4, ("C2", 1): 11, ("C3", 0): 2, ("C3", 1): 19, ("C3", 4): 3}
    )
    context: list[tuple[str, str, str, float | None]] = field(default_factory=list)
    of_communes: list[tuple[str, str, float | None, float | None]] = field(default_factory=list)
    registry: list[dict[str, Any]] = field(default_factory=list)

    def write(self, root: Any) -> TableStore:
        """The tables, in a store."""
        tables = TableStore(root)
        members = membership(*({k: v for k, v in c.items() if k != "at"} for c in self.communes))
        tables.write("territories__appartenance", members, recipe="r")
        tables.write("territories__zones", _zones(members), recipe="r")
        _write(tables, "territories__communes", [_at({**c, "nom": c["code"]}) | _of(members, c) for c in self.communes])
        _write(tables, "territories__carreaux", [self._cell(c, members) for c in self.cells])
        for name, kind in zip(access.COUNTERS, ("Implantation", "Permanence", "Itinérance"), strict=True):
            rows = [self._counter(i, c, members) for i, c in enumerate(self.counters)]
            _write(tables, name, [r for r in rows if r["type_structure"] == kind])
        context = pl.DataFrame(
            [(*row, "%", "2021", 1.0 if row[3] is None else 0.0) for row in self.context],
            schema={
                **dict.fromkeys(("niveau", "code", "indicateur"), pl.String),
                "valeur": pl.Float64,
                **dict.fromkeys(("unite", "millesime"), pl.String),
                "part_inconnue": pl.Float64,
            },
            orient="row",
        )
        tables.write("territories__contexte_zones", context, recipe="r")
        schema = {"code_insee": pl.String, "indicateur": pl.String, "valeur": pl.Float64, "numerateur": pl.Float64}
        of_communes = pl.DataFrame(self.of_communes, schema=schema, orient="row")
        tables.write("territories__contexte", of_communes, recipe="r")
        _write(tables, REGISTRY, self.registry)
        tables.write(PASSAGE, pl.DataFrame(schema=PASSAGE_SCHEMA), recipe="r")
        self._roads(tables)
        return tables

    def _cell(self, cell: dict[str, Any], members: pl.DataFrame) -> dict[str, Any]:
        ages = ("ind_0_3", "ind_4_5", "ind_6_10", "ind_11_17", "ind_18_24", "ind_25_39", "ind_40_54", "ind_55_64")
        people = cell.get("population", 10.0)
        defaults = {
            "taille_m": 200,
            "rattachement": "centre",
            "population": people,
            "ind": people,
            "ind_snv": None if people is None else 20_000 * people,
            "men": 5.0,
            "men_pauv": 1.0,
            "men_fmp": 1.0,
            **dict.fromkeys(ages, 1.0),
            "ind_65_79": 2.0,
            "ind_80p": 0.0,
            "impute": False,
        }
        return defaults | _at(cell) | {"departement": _of(members, {"code": cell["commune"]})["departement"]}

    def _counter(self, number: int, counter: dict[str, Any], members: pl.DataFrame) -> dict[str, Any]:
        kind, typology = counter.get("kind", "Implantation"), counter.get("typology", FS)
        prefix = "permanence" if kind == "Permanence" else "service"
        place = _at(counter)
        return {
            "point_accueil_id": f"P{number}",
            "service_id": f"S{number}",
            "type_structure": kind,
            f"{prefix}_typologie": typology,
            "permanence_horaires" if kind == "Permanence" else "service_horaires_ouverture": counter.get("hours"),
            "lieu_code_insee": counter["commune"],
            "lieu_code_departement": _of(members, {"code": counter["commune"]})["departement"],
            "lieu_longitude": place["longitude"],
            "lieu_latitude": place["latitude"],
        }

    def _roads(self, tables: TableStore) -> None:
        """Times by road from the cells: the nearest implantation is the least of the pairs, else there is no way."""
        kinds = [(c.get("kind", "Implantation"), c.get("typology", FS)) for c in self.counters]
        given = {t for _, t in kinds}
        rows = []
        for cell in sorted(c["carreau_id"] for c in self.cells):
            for typology in LABELS:
                mine = [m for (o, j), m in self.minutes.items() if o == cell and kinds[j] == ("Implantation", typology)]
                why = "calculé" if mine else NO_WAY if typology in given else "aucun service de ce type"
                rows.append((cell, typology, round(min(mine) * 60) if mine else None, why, False if mine else None))
        schema = {
            "origine_id": pl.String,
            "typologie": pl.String,
            "temps_route_s": pl.Int64,
            "statut": pl.String,
            "hors_departement": pl.Boolean,
        }
        times = pl.DataFrame(rows, schema=schema, orient="row")
        tables.write(access.TIMES, times, recipe="r", departement="05")
        pairs = [(o, f"P{j}", round(m * 60)) for (o, j), m in self.minutes.items()]
        schema = {"origine_id": pl.String, "point_accueil_id": pl.String, "temps_route_s": pl.Int64}
        tables.write(access.PAIRS, pl.DataFrame(pairs, schema=schema, orient="row"), recipe="r", departement="05")


def _at(row: dict[str, Any]) -> dict[str, Any]:
    spot = row.get("at")
    longitude, latitude = (None, None) if spot is None else unproject(*(ORIGIN + spot), MAINLAND)
    place = {"longitude": longitude, "latitude": latitude}
    return {k: v for k, v in row.items() if k != "at"} | {k: None if v is None else float(v) for k, v in place.items()}


def _of(members: pl.DataFrame, commune: dict[str, Any]) -> dict[str, Any]:
    return members.filter(code=commune["code"]).select("departement", "region", "epci").row(0, named=True)


def _zones(members: pl.DataFrame) -> pl.DataFrame:
    parts = [
        members.drop_nulls(column)
        .group_by(pl.col(column).alias("code"), maintain_order=True)
        .agg(pl.col("population").sum())
        .select(pl.lit(niveau).alias("niveau"), "code", "population")
        for niveau, column in list(LEVELS.items())[1:]
    ]
    france = pl.DataFrame({"niveau": ["france"], "code": ["FR"], "population": [members["population"].sum()]})
    return pl.concat([*parts, france])


def _write(tables: TableStore, name: str, rows: list[dict[str, Any]]) -> None:
    schema = all_contracts()[name].polars_schema
    columns = [{c: row.get(c) for c in schema} for row in rows]
    tables.write(name, pl.DataFrame(columns, schema=schema), recipe="r")


def full_context():
    """Every indicator of context the index asks for, of every commune and EPCI: growing from one to the next."""
    wanted = [i.colonne for i in scheme().indicators if i.colonne not in (*SUPPLY, LOST_SHARE)]
    territories = [("commune", c) for c in ("05023", "05061", "26064", "26113")]
    territories += [("epci", "200067825"), ("epci", "200000001")]
    return [(niveau, code, name, 10.0 + k) for k, (niveau, code) in enumerate(territories) for name in wanted]
