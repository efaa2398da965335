"""Inhabited cells of Insee's grid (Filosofi, 200 m or 1 km) -> one row per cell, official fields, place from the id.

One reader for both sizes and every vintage: what differs is in `listes/*.yml`. Where a cell is comes from its id alone:
delivered geometries are squares turned by a projection. Which commune a cell belongs to is `assets.territories.grid`'s.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog
from sources.carreaux.faults import Faults
from sources.carreaux.inspire import TERRITORIES, cell_id, corner, in_territory
from sources.carreaux.tables import Table, open_table
from sources.carreaux.unpack import DataFile, data_files
from sources.projected import to_degrees
from sources.reading import ReadResult, check_columns
from sources.spec import Columns, SourceSpec

#: Official fields, in the order of the file: persons, households, their dwellings, ages. `ind_snv` is in euros,
#: `men_surf` in m², the others are counts (with decimals: imputed cells share what a larger one holds).
FIELDS = (
    "ind", "men", "men_pauv", "men_1ind", "men_5ind", "men_prop", "men_fmp", "ind_snv", "men_surf", "men_coll",
    "men_mais", "log_av45", "log_45_70", "log_70_90", "log_ap90", "log_inc", "log_soc", "ind_0_3", "ind_4_5",
    "ind_6_10", "ind_11_17", "ind_18_24", "ind_25_39", "ind_40_54", "ind_55_64", "ind_65_79", "ind_80p", "ind_inc",
)  # fmt: skip

#: Table `carreaux`. `x`, `y`: south-west corner, metres of the grid `epsg`; `longitude`, `latitude`: centre, WGS84.
#: `impute`: some values were estimated, for secrecy (`ind` and `men` never are); null where the file does not say.
#: `i_pauv`: the number of poor households was brought back to 80 % of households, for secrecy; told by 2015 only.
#: `communes_source`: codes of the communes the cell touches, in the vintage's geography; null where it is not said.
SCHEMA = pl.Schema(
    {
        "carreau_id": pl.String(),
        "taille_m": pl.Int32(),
        "epsg": pl.Int32(),
        "x": pl.Int32(),
        "y": pl.Int32(),
        "longitude": pl.Float64(),
        "latitude": pl.Float64(),
        **dict.fromkeys(FIELDS, pl.Float64()),
        "impute": pl.Boolean(),
        "i_pauv": pl.Boolean(),
        "communes_source": pl.List(pl.String()),
        "millesime": pl.String(),
    }
)

_MAX_CELLS = 10_000_000
_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")
_CODES = r"^(?:(?:\d{2}|2[AB])\d{3})+$"
_OF_200M = frozenset({"idinspire", "idcar_200m"})
_POPULATION = "population"
_SIGNED = frozenset({"ind_snv"})  # a sum of incomes may be negative


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Generation(_Strict):
    """Which column of a generation says what, in lower case."""

    identifiant: str
    impute: str
    communes: str
    i_pauv: str | None = None


class GridOptions(_Strict):
    """`options` of a list. `population_seule`: EPSG code of files reduced to `x, y, ind`, which do not say theirs."""

    taille_m: Literal[200, 1000]
    generations: Mapping[str, Generation]
    population_seule: Literal[3035, 2975, 5490] | None = None


@dataclass(frozen=True)
class _Opened:
    """A file whose generation is known."""

    table: Table
    generation: str
    roles: Generation | None  # None for a file reduced to the population
    vintage: str | None
    subject: str


def read(files: Mapping[str, Path], spec: SourceSpec) -> ReadResult:
    """Read every data file of every resource held.

    Files are read in batches; what is held whole is the result: about 300 bytes a cell.

    Returns:
        One table, "carreaux", in `SCHEMA`, sorted by grid then south-west corner.

    Raises:
        WrongUse: options this reader does not understand.
        SourceUnreadable: no file, no cell, a damaged or too large archive, a missing column, another grid.
    """
    options = spec.options_as(GridOptions)
    issues = IssueLog(spec.id)
    faults = Faults(issues)
    parts: list[pl.DataFrame] = []
    generations: dict[str, None] = {}
    read_count = 0
    for resource in spec.resources:
        if resource.id not in files:
            continue
        limit = (resource.max_unpacked_mb or resource.max_mb) * 1_000_000
        subject = f"source {spec.id} ({resource.id})"
        for file in data_files(files[resource.id], subject, max_unpacked=limit):
            opened = _open(file, spec, options, issues, faults, limit=limit)
            generations[opened.generation] = None
            for batch in _batches(opened, options, faults):
                read_count += batch.height
                if read_count > _MAX_CELLS:
                    raise _unreadable(spec, f"at most {_MAX_CELLS} cells", "more")
                parts.append(_cells(batch, opened, options, faults))
    cells = pl.concat(parts, rechunk=False) if parts else pl.DataFrame(schema=SCHEMA)
    if cells.is_empty():
        raise _unreadable(spec, "at least one usable cell", f"{read_count} rows, none usable" if files else "no file")
    first = pl.col("carreau_id").is_first_distinct()
    faults.add_rows("carreau-double", cells.filter(~first), record="carreau_id", column="ind")
    read_count += faults.count("ligne-decalee")
    faults.settle()
    cells = cells.filter(first).sort("epsg", "y", "x")
    vintages = cells["millesime"].drop_nulls().unique().sort().to_list()
    return ReadResult(
        {"carreaux": cells},
        issues.frame(),
        read_count,
        generation=", ".join(generations),
        millesime=", ".join(vintages) or None,
    )


def _unreadable(spec: SourceSpec, expected: str, found: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"source {spec.id}",
        expected=expected,
        found=found,
        remedy="look at the snapshot; if the producer changed its format, update sources/carreaux/listes",
    )


# --- what a file is ------------------------------------------------------------------------------------------------


def _open(
    file: DataFile, spec: SourceSpec, options: GridOptions, issues: IssueLog, faults: Faults, *, limit: int
) -> _Opened:
    """Tell the generation of a file from its header, and hold its columns against the declaration."""
    subject = f"source {spec.id}" + (f" ({file.name.lstrip('/')})" if file.name else "")
    table = open_table(file, subject, faults, max_unpacked=limit)
    names = set(table.names)
    if options.taille_m > 200 and names & _OF_200M:
        raise _unreadable(spec, f"cells of {options.taille_m} m", "a grid of 200 m cells")
    generation = next((name for name, roles in options.generations.items() if roles.identifiant in names), None)
    if generation is None and options.population_seule and {"x", "y"} <= names:
        generation = _POPULATION
    if generation is None:
        ids = ", ".join(roles.identifiant for roles in options.generations.values())
        raise _unreadable(spec, f"a column that names the cells ({ids})", f"columns {', '.join(table.names)}")
    declared = spec.columns[generation]
    if generation != _POPULATION:
        fields = spec.columns["champs"]
        declared = Columns(
            expected=(*declared.expected, *fields.expected), optional=declared.optional, ignored=declared.ignored
        )
    check_columns(spec, generation, declared, table.names, issues)
    roles = options.generations.get(generation)
    return _Opened(table, generation, roles, _vintage(file, generation, table, spec), subject)


def _vintage(file: DataFile, generation: str, table: Table, spec: SourceSpec) -> str | None:
    """The year of the incomes: in the file's name inside its archive, else told by the header, else the declared one.

    Insee wrote `Ind` in 2017 and `ind` since; 2019 and 2021 have the same columns.
    """
    if years := _YEAR.findall(file.name):
        return str(years[-1])
    if generation == "2015":
        return generation
    return "2017" if "Ind" in table.delivered and generation != _POPULATION else spec.millesime


# --- the rows ------------------------------------------------------------------------------------------------------


def _batches(opened: _Opened, options: GridOptions, faults: Faults) -> Iterator[pl.DataFrame]:
    """Frames of `id` (text), the fields the file has, and `impute`, `i_pauv`, `communes` where it has them."""
    names = opened.table.names
    fields = [name for name in FIELDS if name in names]
    roles = opened.roles
    if roles is None:
        yield from _positioned(opened, options, fields, faults)
        return
    asked = {"id": roles.identifiant, "impute": roles.impute, "communes": roles.communes, "i_pauv": roles.i_pauv}
    held = {role: name for role, name in asked.items() if name is not None and name in names}
    for batch in opened.table.batches([*held.values(), *fields]):
        yield batch.rename({name: role for role, name in held.items()})


def _positioned(opened: _Opened, options: GridOptions, fields: list[str], faults: Faults) -> Iterator[pl.DataFrame]:
    """Cells given by a point, their south-west corner or their centre: the first batch tells, by its remainders."""
    size = options.taille_m
    shift: int | None = None
    for batch in opened.table.batches(["x", "y", *fields]):
        point = batch.with_columns(_number(batch, "x"), _number(batch, "y"))
        if shift is None:
            shift = next((s for s in (0, size // 2) if _most(point, size, s)), None)
        if shift is None:
            raise SourceUnreadable(
                opened.subject,
                expected=f"corners or centres of cells of {size} m",
                found=f"points such as {batch['x'][0]}, {batch['y'][0]}",
                remedy="check the size and the system declared in the list's options",
            )
        on_grid = (pl.col("x") % size == shift) & (pl.col("y") % size == shift)
        faults.add_rows(
            "carreau-decale",
            batch.filter(point.select(~on_grid.fill_null(False)).to_series()),
            record="x",
            column="y",
        )
        x, y = ((pl.col(name) - shift).cast(pl.Int32, strict=False) for name in ("x", "y"))
        epsg = pl.lit(options.population_seule)
        yield point.filter(on_grid.fill_null(False)).select(cell_id(epsg, pl.lit(size), x, y).alias("id"), *fields)


def _most(points: pl.DataFrame, size: int, shift: int) -> bool:
    """Whether most points are that far from the lines of the grid."""
    return 2 * points.filter((pl.col("x") % size == shift) & (pl.col("y") % size == shift)).height > points.height


def _cells(batch: pl.DataFrame, opened: _Opened, options: GridOptions, faults: Faults) -> pl.DataFrame:
    """The usable cells of a batch, in `SCHEMA`; what is set aside is said."""
    frame = batch.with_columns(pl.col("id").cast(pl.String)).with_columns(corner(pl.col("id")).alias("_c")).unnest("_c")
    half = options.taille_m / 2
    frame = frame.with_columns(
        # Only systems we know: projecting from another would be a fault of the library.
        pl.when(pl.col("epsg").is_in(list(TERRITORIES))).then("epsg").alias("_systeme"),
        (pl.col("x") + half).alias("_x"),
        (pl.col("y") + half).alias("_y"),
    )
    frame = to_degrees(frame, x="_x", y="_y", epsg="_systeme")
    frame = _set_aside(frame, options, faults)
    frame = _numbers(frame, faults)
    frame = _flags(frame, faults)
    negative = pl.col("ind") < 0
    faults.add_rows("population-negative", frame.filter(negative), record="carreau_id", column="ind")
    frame = frame.filter(~negative.fill_null(False))
    faults.add_rows("population-inconnue", frame.filter(pl.col("ind").is_null()), record="carreau_id", column="ind")
    return frame.with_columns(
        pl.lit(options.taille_m, dtype=pl.Int32).alias("taille_m"),
        pl.lit(opened.vintage, dtype=pl.String).alias("millesime"),
    ).select(SCHEMA.names())


def _set_aside(frame: pl.DataFrame, options: GridOptions, faults: Faults) -> pl.DataFrame:
    """The cells that are where cells can be, with their canonical id."""
    size = options.taille_m
    on_grid = (pl.col("x") % size == 0) & (pl.col("y") % size == 0)
    inside = in_territory(pl.col("epsg"), pl.col("longitude"), pl.col("latitude")).fill_null(False)
    rule = (
        pl.when(pl.col("epsg").is_null() | pl.col("taille").is_null() | pl.col("x").is_null() | pl.col("y").is_null())
        .then(pl.lit("identifiant-illisible"))
        .when(pl.col("_systeme").is_null())
        .then(pl.lit("grille-inconnue"))
        .when(pl.col("taille") != size)
        .then(pl.lit("taille-inattendue"))
        .when(~on_grid)
        .then(pl.lit("carreau-decale"))
        .when(~inside)
        .then(pl.lit("hors-de-france"))
    )
    judged = frame.with_columns(rule.alias("_rule"))
    for (name,), rows in judged.drop_nulls("_rule").group_by("_rule", maintain_order=True):
        faults.add_rows(str(name), rows, record="id", column="id")
    corners = (pl.col(name) for name in ("epsg", "taille", "x", "y"))
    return judged.filter(pl.col("_rule").is_null()).with_columns(cell_id(*corners).alias("carreau_id"))


def _number(frame: pl.DataFrame, name: str) -> pl.Expr:
    """A column as numbers: null where it is not a number."""
    column = pl.col(name)
    text = frame.schema[name] == pl.String
    return (column.str.strip_chars() if text else column).cast(pl.Float64, strict=False)


def _numbers(frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """Every official field as a finite number, not negative where it counts or measures (`ind` is judged apart)."""
    values = frame.with_columns(
        _number(frame, name) if name in frame.columns else pl.lit(None, dtype=pl.Float64).alias(name) for name in FIELDS
    )
    for name in (n for n in FIELDS if n in frame.columns):
        told = pl.DataFrame({"carreau_id": frame["carreau_id"], name: frame[name]})
        value = values[name]
        wrong = {
            "valeur-illisible": value.is_null() & frame[name].is_not_null(),
            "valeur-non-finie": ~value.is_finite(),
            "valeur-negative": (value < 0) & (name not in _SIGNED and name != "ind"),
        }
        for rule, faulty in wrong.items():
            if faulty.any():
                faults.add_rows(rule, told.filter(faulty), record="carreau_id", column=name)
    signed = [*_SIGNED, "ind"]
    finite = values.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)) for name in FIELDS)
    return finite.with_columns(pl.when(pl.col(n) >= 0).then(pl.col(n)) for n in FIELDS if n not in signed)


def _flags(frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """`impute` and `i_pauv` as booleans, the glued codes of `communes` as a list; null where absent."""
    for name in ("impute", "i_pauv"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.Boolean).alias(name))
            continue
        value = _number(frame, name)
        # 2: true values, of a cell whose households only seem fewer than 11 once rounded.
        judged = frame.with_columns(pl.when(value.is_in([0.0, 1.0, 2.0])).then(value == 1).alias("_flag"))
        wrong = pl.col("_flag").is_null() & pl.col(name).is_not_null()
        faults.add_rows("indicateur-illisible", judged.filter(wrong), record="carreau_id", column=name)
        frame = judged.with_columns(pl.col("_flag").alias(name)).drop("_flag")
    if "communes" not in frame.columns:
        return frame.with_columns(pl.lit(None, dtype=pl.List(pl.String)).alias("communes_source"))
    text = pl.col("communes").cast(pl.String).str.strip_chars()
    good = text.str.contains(_CODES)
    faults.add_rows("communes-illisibles", frame.filter(~good), record="carreau_id", column="communes")
    codes = pl.when(good).then(text.str.extract_all(r".{5}").list.unique(maintain_order=True))
    return frame.with_columns(codes.alias("communes_source"))
