"""One contract per table: `quality/contracts/<table>.yml`, validated here.

Everything else is derived from it: the polars schema, the Great Expectations suite, the dictionary, the GeoPackage
aliases. Deriving belongs to those who need it; judging a frame belongs to `quality.validate`.
"""

from functools import cache
from pathlib import Path
from typing import Literal, Self

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.foundations.errors import QualityRefused, WrongUse

_ROOT = Path(__file__).parent / "contracts"

#: blocage stops the promotion of a release; alerte is reported.
Severity = Literal["blocage", "alerte"]

_POLARS: dict[str, pl.DataType] = {
    "texte": pl.String(),
    "entier": pl.Int64(),
    "reel": pl.Float64(),
    "booleen": pl.Boolean(),
    "date": pl.Date(),
    "liste_texte": pl.List(pl.String()),
    "geometrie": pl.Binary(),  # WKB
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """One column: its type, its French label and description, and the constraints its values hold."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: Literal["texte", "entier", "reel", "booleen", "date", "liste_texte", "geometrie"]
    title: str
    description: str
    unit: str | None = None
    required: bool = False
    unique: bool = False
    pattern: str | None = None
    values: tuple[str, ...] | None = None
    values_from: str | None = Field(None, description="`<file>#<list>.<field>`: a vocabulary kept in another YAML file")
    min: float | None = None
    max: float | None = None
    mostly: float = Field(1.0, gt=0, le=1, description="share of the non-null values that must hold the constraints")
    severity: Severity = "blocage"
    example: str | None = None


class ForeignKey(_Strict):
    """Values of `column` exist in `references.to` (nulls excepted)."""

    column: str
    references: str
    to: str
    severity: Severity = "blocage"


class RowBounds(_Strict):
    """Bounds on the number of rows: below `min` blocks, above `max` alerts."""

    min: int = 0
    max: int | None = None


class Totals(_Strict):
    """Rows of one level sum up to the row of the whole, to within one unit: what is counted twice or lost shows.

    For each value of `by`, over rows whose `level` is `parts` and the one whose `level` is `whole`.
    """

    by: tuple[str, ...]
    level: str
    parts: str
    whole: str
    columns: tuple[str, ...] = Field(min_length=1)


class Geometry(_Strict):
    """The geometry column of a layer."""

    column: str = "geometrie"
    type: Literal["Point", "MultiPolygon"]
    crs: str = "OGC:CRS84"


class Contract(_Strict):
    """The declaration of one table; `table` is also the asset key and the Parquet file's stem."""

    table: str = Field(pattern=r"^[a-z]+__[a-z0-9_]+$")
    title: str
    description: str
    key: tuple[str, ...]
    published: bool = True
    geopackage: bool = True  # long tables are left to GeoParquet and CSV
    licence: str = "lov2"
    geometry: Geometry | None = None
    rows: RowBounds = RowBounds()
    foreign_keys: tuple[ForeignKey, ...] = ()
    monotone: tuple[tuple[str, ...], ...] = Field((), description="columns that never decrease from left to right")
    totals: tuple[Totals, ...] = ()
    columns: tuple[Column, ...]

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("a column is declared twice")
        used = [*self.key, *(f.column for f in self.foreign_keys), *([self.geometry.column] if self.geometry else [])]
        used += [name for names in self.monotone for name in names]
        used += [name for t in self.totals for name in (*t.by, t.level, *t.columns)]
        if absent := [n for n in used if n not in names]:
            raise ValueError(f"not a declared column: {', '.join(absent)}")
        return self

    @property
    def layer(self) -> str:
        """Short name of the table in published files: what follows the stage (`implantations`)."""
        return self.table.split("__", 1)[1]

    @property
    def polars_schema(self) -> pl.Schema:
        """The polars schema, in the declared order."""
        return pl.Schema({c.name: _POLARS[c.type] for c in self.columns})

    def column(self, name: str) -> Column:
        """The column of that name (KeyError if there is none)."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with its columns in the declared order.

        Raises:
            QualityRefused: a column is missing, undeclared, or of another type.
        """
        schema = self.polars_schema
        faults = [f"{n} missing" for n in schema if n not in frame.columns]
        faults += [f"{n} undeclared" for n in frame.columns if n not in schema]
        faults += [f"{n} is {frame.schema[n]}" for n in frame.columns if n in schema and frame.schema[n] != schema[n]]
        if faults:
            raise QualityRefused(
                f"table {self.table}",
                expected=f"the columns and types of quality/contracts/{self.table}.yml",
                found="; ".join(faults),
                remedy="mend the code that makes the table, or change its contract",
            )
        return frame.select(schema.names())


def load_contract_file(path: Path) -> Contract:
    """Read and validate one contract.

    Raises:
        WrongUse: not YAML, or not a contract; every fault is listed.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for column in data.get("columns", []):
            if "values_from" in column:
                column["values"] = _vocabulary(column["values_from"])
        contract = Contract.model_validate(data)
    except (yaml.YAMLError, AttributeError, OSError, KeyError) as error:
        raise WrongUse(str(path), expected="YAML", found=str(error), remedy="fix the file") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WrongUse(
            str(path), expected="a contract (quality.contract.Contract)", found=faults, remedy="fix it"
        ) from error
    if contract.table != path.stem:
        raise WrongUse(str(path), expected=f"table: {path.stem}", found=f"table: {contract.table}", remedy="rename one")
    return contract


def _vocabulary(reference: str) -> list[str]:
    """`assets/referentiel/typologies.yml#typologies.libelle` -> the labels, in the file's order."""
    file, _, path = reference.partition("#")
    entries, _, field = path.partition(".")
    data = yaml.load((_ROOT.parents[1] / file).read_text(encoding="utf-8"), yaml.CSafeLoader)
    return [entry[field] for entry in data[entries]]


@cache
def all_contracts() -> dict[str, Contract]:
    """Every contract by table name, sorted."""
    return {c.table: c for c in map(load_contract_file, sorted(_ROOT.glob("*.yml")))}
