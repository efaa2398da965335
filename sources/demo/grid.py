"""The population grid of the fictional territory, in the columns of Insee's Filosofi 2019 grid (200 m and 1 km).

Cells are squares of EPSG:3035 named by their south-west corner; only inhabited ones are listed, as in the real file.
Where people live inside a commune (`settlements`) is decided here, and the roads go there too.
"""

import io
import math
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import shapely
from pyproj import Transformer

from pipeline.foundations import crs
from sources.demo.geography import Commune, Floats, Ints, World

_LAEA = 3035
_FISCAL = 0.98  # persons of the tax files over persons of the census
_MEN_SIZE = 2.15  # persons per household
_POINTS = 1_500  # at most, per commune: places where households are drawn
_SECRET = 11  # households: below, values other than counts are imputed
_AGES = ("ind_0_3", "ind_4_5", "ind_6_10", "ind_11_17", "ind_18_24", "ind_25_39", "ind_40_54", "ind_55_64",
         "ind_65_79", "ind_80p", "ind_inc")  # fmt: skip
_YOUNG = np.array([0.041, 0.022, 0.059, 0.084, 0.086, 0.184, 0.194, 0.121, 0.143, 0.058, 0.008])
_OLD = np.array([0.025, 0.014, 0.044, 0.070, 0.045, 0.125, 0.180, 0.155, 0.235, 0.100, 0.007])
_PERIODS = ("log_av45", "log_45_70", "log_70_90", "log_ap90", "log_inc")
#: Shares of households: lone person, five or more, owner, lone parent, in a block of flats.
_SHARES = {"men_1ind": 0.36, "men_5ind": 0.06, "men_prop": 0.62, "men_fmp": 0.09}


def settlements(world: World, commune: Commune, seed: int) -> Floats:
    """The town, then the hamlets of a commune: (n, 2), EPSG:2154, inside its polygon."""
    rng = np.random.default_rng([seed, 8, commune.index])
    wanted = int(min(2 + commune.population // 400, 12))
    west, south, east, north = commune.geometry.bounds
    tries = rng.uniform((west, south), (east, north), (wanted * 6, 2)).round(1)
    inside = tries[shapely.contains_xy(commune.geometry, tries)]
    heights = world.elevation(inside[:, 0], inside[:, 1])
    lowest = inside[np.argsort(heights, kind="stable")][: max(wanted, len(inside) // 2)]  # people avoid the heights
    return np.vstack([[commune.x, commune.y], lowest[:wanted]])


def grid_200m(world: World, seed: int) -> pl.DataFrame:
    """The inhabited 200 m cells: one row per cell, columns of the 2019 file."""
    project = Transformer.from_crs(crs.MAINLAND, _LAEA, always_xy=True)
    corners, communes, households = [], [], []
    for commune in world.communes:
        rng = np.random.default_rng([seed, 9, commune.index])
        total = round(commune.population * _FISCAL / _MEN_SIZE)
        if total == 0:
            continue
        points = _dwellings(world, commune, min(total, _POINTS), seed, rng)
        corner = np.floor(np.column_stack(project.transform(points[:, 0], points[:, 1])) / 200).astype(np.int64) * 200
        cells, weight = np.unique(corner, axis=0, return_counts=True)
        extra = rng.multinomial(total - len(points), weight / weight.sum())
        corners.append(cells)
        communes.append(np.full(len(cells), commune.index))
        households.append(weight + extra)
    return _rows(world, np.vstack(corners), np.concatenate(communes), np.concatenate(households), seed)


def _dwellings(world: World, commune: Commune, count: int, seed: int, rng: np.random.Generator) -> Floats:
    """Points where households live: most around the town, the others around the hamlets, all inside the commune."""
    places = settlements(world, commune, seed)
    share = np.full(len(places), 0.35 / max(len(places) - 1, 1))
    share[0] = 1 - share[1:].sum()
    home = rng.choice(len(places), size=count, p=share / share.sum())
    width = np.where(home == 0, 60 + 7 * commune.population**0.5, 110.0)
    points = places[home] + rng.normal(0, 1, (count, 2)) * width[:, None]
    outside = ~shapely.contains_xy(commune.geometry, points)
    points[outside] = places[home[outside]]
    return np.asarray(points)


def _rows(world: World, corners: Floats, communes: Ints, households: Ints, seed: int) -> pl.DataFrame:
    parts = pl.DataFrame(
        {
            "e": corners[:, 0],
            "n": corners[:, 1],
            "code": [world.communes[i].code for i in communes.tolist()],
            "men": households,
            # The poor live in the largest towns and in the mountains; the old, in small and high communes.
            "poverty": [poverty_of(world.communes[i]) for i in communes.tolist()],
            "age": [age_of(world.communes[i]) for i in communes.tolist()],
        }
    )
    cells = (
        parts.sort("n", "e", "code")
        .group_by("n", "e", maintain_order=True)
        .agg(
            pl.col("code").str.join("").alias("lcog_geo"),
            pl.col("men").sum(),
            (pl.col("poverty") * pl.col("men")).sum() / pl.col("men").sum(),
            (pl.col("age") * pl.col("men")).sum() / pl.col("men").sum(),
        )
    )
    rng = np.random.default_rng([seed, 10])
    men = cells["men"].to_numpy()
    ind = men + rng.binomial(men * 3, (_MEN_SIZE - 1) / 3)
    poor = rng.binomial(men, cells["poverty"].to_numpy())
    age = cells["age"].to_numpy()[:, None]
    ages = rng.multinomial(ind, _normal(_YOUNG * (1 - age) + _OLD * age))
    flats = np.clip(men / 120, 0.02, 0.95)
    blocks = rng.binomial(men, flats)
    built = rng.multinomial(men, _normal(np.array([0.28, 0.22, 0.24, 0.24, 0.02])))
    columns = {name: rng.binomial(men, share) for name, share in _SHARES.items()}
    few = men < _SECRET
    return cells.select(
        pl.format("CRS3035RES200mN{}E{}", "n", "e").alias("idcar_200m"),
        pl.format("CRS3035RES1000mN{}E{}", pl.col("n") // 1000 * 1000, pl.col("e") // 1000 * 1000).alias("idcar_1km"),
        pl.Series("i_est_200", few.astype(np.int64)),
        "lcog_geo",
        pl.Series("ind", ind.astype(np.float64)),
        pl.Series("men", men.astype(np.float64)),
        pl.Series("men_pauv", poor.astype(np.float64)),
        *(pl.Series(name, values.astype(np.float64)) for name, values in columns.items()),
        pl.Series("ind_snv", np.round(ind * (23_500 - 9_500 * poor / men), 1)),
        pl.Series("men_surf", np.round(men * (105 - 40 * flats), 1)),
        pl.Series("men_coll", blocks.astype(np.float64)),
        pl.Series("men_mais", (men - blocks).astype(np.float64)),
        *(pl.Series(name, built[:, i].astype(np.float64)) for i, name in enumerate(_PERIODS)),
        pl.Series("log_soc", rng.binomial(men, np.clip(flats * 0.45, 0, 1)).astype(np.float64)),
        *(pl.Series(name, ages[:, i].astype(np.float64)) for i, name in enumerate(_AGES)),
    )


def poverty_of(commune: Commune) -> float:
    """Share of poor households: more in the largest towns and in the mountains."""
    return min(0.10 + 0.000_004 * commune.population + commune.altitude / 20_000, 0.35)


def age_of(commune: Commune) -> float:
    """How old a commune is, from 0 to 1: more so where it is small and high."""
    size = math.pow(math.log10(max(commune.population, 1)), 1.5)
    return min(max(0.75 - 0.08 * size + commune.altitude / 4_000, 0.0), 1.0)


def _normal(shares: Floats) -> Floats:
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def grid_1km(cells: pl.DataFrame) -> pl.DataFrame:
    """The 1 km cells that hold the 200 m ones: sums, and the communes they touch."""
    counts = [name for name, dtype in cells.schema.items() if dtype == pl.Float64]
    codes = pl.col("lcog_geo").str.extract_all(r".{5}").explode().unique().sort().str.join("")
    return (
        cells.group_by("idcar_1km", maintain_order=True)
        .agg(codes, *(pl.col(name).sum() for name in counts))
        .with_columns((pl.col("men") < _SECRET).cast(pl.Int64).alias("i_est_1km"))
        .select("idcar_1km", "i_est_1km", "lcog_geo", *counts)
        .sort("idcar_1km")
    )


def write_delivery(path: Path, member: str, cells: pl.DataFrame) -> None:
    """Write a grid as Insee delivers it since 2021: a zip of CSV files by territory, here the mainland alone."""
    text = io.BytesIO()
    cells.write_csv(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        # A date of its own, for the same bytes whenever it is written.
        archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), text.getvalue(), zipfile.ZIP_DEFLATED)


def write_grid(path: Path, cells: pl.DataFrame) -> None:
    """Write a grid as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells.write_parquet(path, statistics=False)
