"""Tables to measure the indicators on: communes, people, context and counters laid over the generated country.

All invented. Towns are communes, cells belong to the nearest town, levels above are compact blocks of towns. Times by
road are those of a straight line, as `acces.yml` estimates them: realistic in number, and the indicators by road must
then be those as the crow flies. Only the columns that the indicators read hold something.
"""

import shutil
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.spatial import cKDTree

from assets.access import places
from assets.access.settings import settings
from assets.access.tables import COUNTERS, PAIRS, TIMES
from assets.referentiel.typology import typologies
from assets.tension.crow import CrowTimes
from assets.tension.index_rows import LOST_SHARE, SUPPLY
from assets.tension.people import GROUPS, people
from assets.tension.scheme import scheme
from assets.tension.tables import PASSAGE, REGISTRY
from assets.tension.zones import Zones
from assets.territories.grid import CELLS
from assets.territories.levels import LEVELS
from assets.territories.passage import PASSAGE_SCHEMA
from pipeline.foundations.crs import MAINLAND, unproject
from pipeline.foundations.tables import TableStore
from quality.contract import all_contracts
from tests.benchmarks.generated_france import TYPOLOGIES, France, bench_folder, france

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Territories of each level in the whole country, communes apart.
NUMBERS = {"departement": 101, "epci": 1_250, "region": 18, "arrondissement": 332, "bassin_vie": 1_700}
INHABITANTS = 68_000_000
#: Indicators of context: those of the index and of the groups, and as many more as make up that number.
CONTEXT = 60

_CLASSES = ("Urbain dense", "Urbain intermédiaire", "Rural")
_DEPARTEMENTS = [f"{n:02d}" for n in range(1, 97)] + [f"2{c}" for c in "ABCDE"]
#: Typologies some feed gives: the index and the baskets must have theirs.
_GIVEN = [
    "Mairie",
    "Point de contact La Poste",
    *(t for t in typologies().labels if t not in ("Mairie", "Point de contact La Poste")),
][:TYPOLOGIES]
_RECIPE = "banc"


def tables_of(nodes: int, cells: int, side_m: int, *, by_road: bool) -> tuple[TableStore, list[str]]:
    """The tables of a country of that many crossings and inhabited cells, and the départements that have roads.

    Kept from one run to the next in the folder of the country.
    """
    folder = bench_folder(nodes) / f"indicateurs-{cells}-{side_m}"
    tables = TableStore(folder)
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        write(TableStore(unfinished), france(nodes), cells, side_m)
        unfinished.rename(folder)
    roads = folder / TIMES
    if by_road and not roads.exists():
        unfinished = folder.with_suffix(".routes")
        shutil.rmtree(unfinished, ignore_errors=True)
        write_roads(tables, TableStore(unfinished))
        for name in (PAIRS, TIMES):
            (unfinished / name).rename(folder / name)
        unfinished.rmdir()
    measured = sorted(p.stem.partition("=")[2] for p in roads.glob("*.parquet")) if by_road else []
    return tables, measured


def write(tables: TableStore, country: France, cells: int, side_m: int) -> None:
    """Everything but the times by road."""
    rng = np.random.default_rng(cells)
    centres = np.asarray(country.xy[: len(country.towns)])
    membership = _membership(country, centres)
    zones = _zones(membership)
    longitude, latitude = unproject(*centres.T, MAINLAND)
    _write(
        tables,
        "territories__communes",
        membership.select(
            "code",
            pl.format("Commune {}", "code").alias("nom"),
            "departement",
            "region",
            "epci",
            "population",
            pl.Series("longitude", longitude),
            pl.Series("latitude", latitude),
        ),
    )
    tables.write("territories__appartenance", membership, recipe=_RECIPE)
    tables.write("territories__zones", zones, recipe=_RECIPE)
    _write(tables, CELLS, _cells(country, membership, cells, side_m, rng))
    for name, frame in zip(COUNTERS, _counters(country, membership, rng), strict=True):
        _write(tables, name, frame)
    of_communes = membership.select(pl.lit("commune").alias("niveau"), "code")
    # A first version: nothing is known to have disappeared.
    _write(tables, REGISTRY, pl.DataFrame(schema=all_contracts()[REGISTRY].polars_schema))
    tables.write(PASSAGE, pl.DataFrame(schema=PASSAGE_SCHEMA), recipe=_RECIPE)
    context = _context(pl.concat([of_communes, zones.select("niveau", "code")]), rng)
    tables.write("territories__contexte_zones", context, recipe=_RECIPE)
    mine = context.filter(pl.col("niveau") == "commune")
    count = pl.Series("numerateur", rng.uniform(0, 500, mine.height))
    counted = mine.select(pl.col("code").alias("code_insee"), "indicateur", "valeur", count)
    tables.write("territories__contexte", counted, recipe=_RECIPE)


def write_roads(tables: TableStore, to: TableStore) -> None:
    """`access__temps` and `access__couples` of every département, from straight lines."""
    membership = tables.read("territories__appartenance")
    held = [tables.read(name) for name in COUNTERS]
    counters = places.counters(*held)
    starts = places.origins(tables.read(CELLS), tables.read("territories__communes"), held[0])
    everybody = people(starts, tables.read(CELLS), tables.read("territories__contexte"), Zones.of(membership))
    labels = typologies().labels
    for departement in membership["departement"].unique().sort():
        here = everybody.chosen((everybody.frame["code_departement"] == departement).to_numpy())
        crow = CrowTimes(here, counters, settings().vol_oiseau, settings().couples_max_min * 60)
        nearest = [crow.nearest(t) for t in labels]
        seconds = np.column_stack([s for s, _ in nearest]).reshape(-1)
        times = pl.DataFrame(
            {
                "origine_id": here.frame["origine_id"].gather(np.repeat(np.arange(here.number), len(labels))),
                "typologie": pl.Series(labels * here.number, dtype=pl.String),
                "temps_route_s": pl.Series(seconds).fill_nan(None).cast(pl.Int64),
                "hors_departement": np.column_stack([outside for _, outside in nearest]).reshape(-1),
            }
        ).with_columns(
            pl.when(pl.col("temps_route_s").is_null())
            .then(pl.lit("aucun service de ce type"))
            .otherwise(pl.lit("calculé"))
            .alias("statut")
        )
        to.write(TIMES, times, recipe=_RECIPE, departement=departement)
        to.write(PAIRS, _pairs(crow, here.frame["origine_id"], counters), recipe=_RECIPE, departement=departement)


def _pairs(crow: CrowTimes, ids: pl.Series, counters: pl.DataFrame) -> pl.DataFrame:
    """Rows of `access__couples`, counter after counter."""
    found = [crow.pairs(t) for t in typologies().labels]
    counter = np.concatenate([rows[pairs.counter] for pairs, rows in found])
    order = np.argsort(counter, kind="stable")
    return pl.DataFrame(
        {
            "origine_id": ids.gather(np.concatenate([pairs.origin for pairs, _ in found])[order]),
            "point_accueil_id": counters["point_accueil_id"].gather(counter[order]),
            "temps_route_s": np.concatenate([pairs.seconds for pairs, _ in found])[order].astype(np.int64),
        }
    )


def _membership(country: France, centres: Floats) -> pl.DataFrame:
    """`territories__appartenance`."""
    blocks = {name: _blocks(centres, max(round(n * country.scale), 2)) for name, n in NUMBERS.items()}
    population = np.maximum(np.round(country.towns * INHABITANTS * country.scale), 1).astype(np.int64)
    departement = np.array(_DEPARTEMENTS)[blocks["departement"]]
    rank = pl.Series(departement).to_frame("d").select(pl.int_range(1, pl.len() + 1).over("d")).to_series()
    density = np.searchsorted([5_000, 50_000], population, side="right")
    return pl.DataFrame(
        {
            "code": pl.Series(departement) + rank.cast(pl.String).str.zfill(3),
            "epci": 200_000_000 + blocks["epci"],
            "departement": departement,
            "region": 11 + blocks["departement"] * NUMBERS["region"] // NUMBERS["departement"],
            "arrondissement": 1_000 + blocks["arrondissement"],
            "bassin_vie": 10_000 + blocks["bassin_vie"],
            "classe_densite": np.array(_CLASSES)[2 - density],
            "population": population,
        }
    ).with_columns(pl.col("epci", "region", "arrondissement", "bassin_vie").cast(pl.String))


def _blocks(xy: Floats, number: int) -> Ints:
    """Number of the block of each place: compact ones of about as many places."""
    found = np.zeros(len(xy), dtype=np.int64)

    def cut(rows: Ints, first: int, parts: int) -> None:
        if parts == 1:
            found[rows] = first
            return
        longest = np.argmax(np.ptp(xy[rows], axis=0)) if len(rows) else 0
        order = rows[np.argsort(xy[rows, longest], kind="stable")]
        half = parts // 2
        at = len(rows) * half // parts
        cut(order[:at], first, half)
        cut(order[at:], first + half, parts - half)

    cut(np.arange(len(xy)), 0, number)
    return found


def _zones(membership: pl.DataFrame) -> pl.DataFrame:
    """`territories__zones`, as far as it is read."""
    parts = [
        membership.group_by(pl.col(column).alias("code"), maintain_order=True)
        .agg(pl.col("population").sum())
        .select(pl.lit(niveau).alias("niveau"), "code", "population")
        for niveau, column in list(LEVELS.items())[1:]
    ]
    country = membership.select(
        pl.lit("france").alias("niveau"), pl.lit("FR").alias("code"), pl.col("population").sum()
    )
    return pl.concat([*parts, country.head(1)])


def _cells(
    country: France, membership: pl.DataFrame, cells: int, side_m: int, rng: np.random.Generator
) -> pl.DataFrame:
    """Cells drawn from those of the country, the people of a commune shared among its own."""
    xy = country.cells(side_m)
    xy = xy[np.sort(rng.choice(len(xy), min(cells, len(xy)), replace=False))]
    _, town = cKDTree(country.xy[: len(country.towns)]).query(xy, workers=-1)
    weight = rng.lognormal(0, 1, len(xy))
    share = weight / np.bincount(town, weights=weight, minlength=len(country.towns))[town]
    people_there = share * membership["population"].to_numpy()[town]
    longitude, latitude = unproject(*xy.T, MAINLAND)
    ages = ("ind_0_3", "ind_4_5", "ind_6_10", "ind_11_17", "ind_18_24", "ind_25_39", "ind_40_54", "ind_55_64",
            "ind_65_79", "ind_80p")  # fmt: skip
    parts = rng.dirichlet(np.full(len(ages), 10.0), len(xy)).T
    households = people_there / 2.2
    return pl.DataFrame(
        {
            "carreau_id": [f"CRS3035RES{side_m}m{i:07d}" for i in range(len(xy))],
            "taille_m": np.full(len(xy), side_m, dtype=np.int64),
            "commune": membership["code"].gather(town),
            "rattachement": "centre",
            "departement": membership["departement"].gather(town),
            "population": people_there,
            "ind": people_there,
            "men": households,
            "men_pauv": households * rng.uniform(0, 0.3, len(xy)),
            "men_fmp": households * rng.uniform(0, 0.2, len(xy)),
            "ind_snv": people_there * rng.lognormal(10, 0.3, len(xy)),
            "impute": rng.random(len(xy)) < 0.1,
            "longitude": longitude,
            "latitude": latitude,
            **{name: people_there * part for name, part in zip(ages, parts, strict=True)},
        }
    )


def _counters(country: France, membership: pl.DataFrame, rng: np.random.Generator) -> Iterator[pl.DataFrame]:
    """Implantations, then permanences, then itinérances: a tenth of the rarer typologies are not open all week."""
    xy, typology = country.counters()
    _, town = cKDTree(country.xy[: len(country.towns)]).query(xy, workers=-1)
    longitude, latitude = unproject(*xy.T, MAINLAND)
    kind = np.where(typology == 0, 0, rng.choice(3, len(xy), p=[0.9, 0.08, 0.02]))
    every = pl.DataFrame(
        {
            "point_accueil_id": [f"P{i:06d}" for i in range(len(xy))],
            "service_id": [f"SERVPUBL{i:016d}" for i in range(len(xy))],
            "_typologie": np.array(_GIVEN)[typology],
            "lieu_code_insee": membership["code"].gather(town),
            "lieu_code_departement": membership["departement"].gather(town),
            "lieu_longitude": longitude,
            "lieu_latitude": latitude,
            "_horaires": _hours(len(xy), rng),
        }
    )
    for number, (label, typed, open_at) in enumerate(
        (
            ("Implantation", "service_typologie", "service_horaires_ouverture"),
            ("Permanence", "permanence_typologie", "permanence_horaires"),
            ("Itinérance", "service_typologie", "service_horaires_ouverture"),
        )
    ):
        rows = every.filter(pl.Series(kind == number)).rename({"_typologie": typed, "_horaires": open_at})
        yield rows.with_columns(pl.lit(label).alias("type_structure"))


def _hours(number: int, rng: np.random.Generator) -> list[str | None]:
    """Opening hours as various as real ones (half of the strings are met once); a tenth unknown, some twice a month."""
    days = ("Mo-Fr", "Mo-Th", "Mo,We,Fr", "Tu,Th", "Mo-Sa", "Tu-Sa", "We")

    def clock(minutes: int) -> str:
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    def drawn() -> str | None:
        if rng.random() < 0.1:
            return None
        start, noon, again, end = (int(a + 15 * rng.integers(0, 7)) for a in (480, 690, 795, 975))
        morning, afternoon = f"{clock(start)}-{clock(noon)}", f"{clock(again)}-{clock(end)}"
        if rng.random() < 0.05:
            return f"We[{rng.integers(1, 5)}] {afternoon}"
        most = days[rng.integers(len(days))]
        return f"{most} {morning},{afternoon}" if rng.random() < 0.7 else f"{most} {morning}"

    return [drawn() for _ in range(number)]


def _context(territories: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """`territories__contexte_zones`."""
    named = [i.colonne for i in scheme().indicators if i.colonne not in (*SUPPLY, LOST_SHARE)]
    named = list(dict.fromkeys([*named, *(indicator for _, indicator in GROUPS.values()), "revenu_median"]))
    named += [f"contexte_{n:02d}_pct" for n in range(CONTEXT - len(named))]
    return territories.join(pl.DataFrame({"indicateur": named}), how="cross").with_columns(
        pl.Series("valeur", rng.uniform(0, 50, territories.height * len(named))),
        pl.lit("%").alias("unite"),
        pl.lit("2021").alias("millesime"),
        pl.lit(0.0).alias("part_inconnue"),
    )


def _write(tables: TableStore, name: str, frame: pl.DataFrame) -> None:
    """In the columns of its contract, null where nothing was said."""
    schema = all_contracts()[name].polars_schema
    absent = [pl.lit(None).alias(c) for c in schema if c not in frame.columns]
    columns = frame.with_columns(absent).select(pl.col(c).cast(t) for c, t in schema.items())
    tables.write(name, columns, recipe=_RECIPE)
