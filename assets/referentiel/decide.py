"""One record per counter: for each group of fields, the constat to believe, by the written order of `precedence.yml`.

Which constats speak of the same counter is decided before (`link`); ids are given after (`identity`). Where each value
came from and what other feeds said is kept: `Decided.provenance`, `Decided.conflicts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.foundations.crs import epsg_of_departement, project
from pipeline.foundations.errors import WrongUse
from pipeline.foundations.text import key

_FILE = Path(__file__).with_name("precedence.yml")

PROVENANCE_SCHEMA = pl.Schema(
    {
        "groupe_id": pl.Int64(),
        "champ": pl.String(),
        "source": pl.String(),
        "id_source": pl.String(),
        "date_source": pl.Date(),
    }
)
CONFLICT_SCHEMA = pl.Schema(
    {
        "groupe_id": pl.Int64(),
        "champ": pl.String(),
        "source_retenue": pl.String(),
        "valeur_retenue": pl.String(),
        "source_ecartee": pl.String(),
        "id_source_ecartee": pl.String(),
        "valeur_ecartee": pl.String(),
        "date_ecartee": pl.Date(),
        "ecart_m": pl.Float64(),
    }
)


class FieldGroup(BaseModel):
    """Columns decided together; see the head of `precedence.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    colonnes: tuple[str, ...]
    ancre: str | None = None
    conflit: Literal["texte", "distance", "chiffres", "exact"] | None = None
    seuil_m: float = 0
    dernier_recours: Mapping[str, tuple[str, ...]] = {}
    ordre: tuple[str, ...] = ()
    par_typologie: Mapping[str, tuple[str, ...]] = {}


class Precedence(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[str, ...]
    groupes: Mapping[str, FieldGroup]


@dataclass(frozen=True)
class Decided:
    """What was decided of each counter.

    `counters`: one row per `groupe_id`: its typology, the decided columns, `sources` (every feed that knows it, `|`),
    `source_semantique`, `id_source` (the record that leads) and `date_maj` (its date). `provenance` and `conflicts` are
    in `PROVENANCE_SCHEMA` and `CONFLICT_SCHEMA`, `champ` being the name of a group of fields.
    """

    counters: pl.DataFrame
    provenance: pl.DataFrame
    conflicts: pl.DataFrame


def load_precedence(path: Path) -> Precedence:
    """Read and check a precedence file.

    Raises:
        WrongUse: not YAML or not of this shape.
    """
    try:
        return Precedence.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongUse(str(path), expected="a precedence file", found=str(error), remedy="fix the file") from error


@cache
def precedence() -> Precedence:
    """The project's precedence file."""
    return load_precedence(_FILE)


def decide(constats: pl.DataFrame, rules: Precedence) -> Decided:
    """Constats with their `groupe_id` -> one decided record per counter."""
    ranks = {source: rank for rank, source in enumerate(rules.sources)}
    feed = pl.col("source").replace_strict(ranks, default=len(ranks), return_dtype=pl.Int64)
    age = pl.col("date_source").cast(pl.Int32) * -1
    ordered = constats.sort("groupe_id", "rang_source", age, feed, "source", "id_source", "typologie", nulls_last=True)
    counters = ordered.group_by("groupe_id", maintain_order=True).agg(
        pl.col("typologie", "service_typologie", "service_thematique").first(),
        pl.col("source").first().alias("source_semantique"),
        pl.col("id_source").first(),
        pl.col("date_source").first().alias("date_maj"),
        pl.col("source").unique().sort().str.join("|").alias("sources"),
    )
    provenance, conflicts = [], []
    for name, group in rules.groupes.items():
        believed = _believed(ordered, group, len(ranks))
        counters = counters.join(believed.select("groupe_id", *group.colonnes), on="groupe_id", maintain_order="left")
        if group.ancre is not None:
            known = believed.filter(pl.col(group.ancre).is_not_null())
            origin = known.select("groupe_id", pl.lit(name).alias("champ"), "source", "id_source", "date_source")
            provenance.append(origin.cast(PROVENANCE_SCHEMA))
            if group.conflit is not None:
                conflicts.append(_disagreements(ordered, known, name, group))
    return Decided(
        counters,
        pl.concat(provenance).sort("groupe_id", "champ"),
        pl.concat(conflicts).sort("groupe_id", "champ", "source_ecartee", "id_source_ecartee"),
    )


def _believed(ordered: pl.DataFrame, group: FieldGroup, last: int) -> pl.DataFrame:
    """For each counter, the columns of the group, and the record they come from when the group has an anchor."""
    first = _first_feeds(ordered, group, last)
    if group.ancre is None:
        values = [pl.col(c).drop_nulls().first() for c in group.colonnes]
        return first.group_by("groupe_id", maintain_order=True).agg(values)
    keep = [*group.colonnes, "source", "id_source", "date_source"]
    last_resort = [pl.col(column).is_in(values).fill_null(False) for column, values in group.dernier_recours.items()]
    return (
        first.sort("groupe_id", pl.col(group.ancre).is_null(), *last_resort, maintain_order=True)
        .group_by("groupe_id", maintain_order=True)
        .agg(pl.col(keep).first())
    )


def _first_feeds(ordered: pl.DataFrame, group: FieldGroup, last: int) -> pl.DataFrame:
    """The constats with the feeds this group believes first on top of each counter."""
    if not group.ordre and not group.par_typologie:
        return ordered
    general = pl.col("source").replace_strict({s: i for i, s in enumerate(group.ordre)}, default=last)
    ranks = pl.DataFrame(
        [(t, s, i) for t, feeds in group.par_typologie.items() for i, s in enumerate(feeds)],
        schema={"typologie": pl.String, "source": pl.String, "_rank": pl.Int64},
        orient="row",
    )
    ranked = ordered.join(ranks, on=["typologie", "source"], how="left", maintain_order="left")
    own = pl.col("typologie").is_in(list(group.par_typologie))
    rank = pl.when(own).then(pl.col("_rank").fill_null(last)).otherwise(general)
    return ranked.sort("groupe_id", rank, maintain_order=True).drop("_rank")


def _disagreements(ordered: pl.DataFrame, believed: pl.DataFrame, name: str, group: FieldGroup) -> pl.DataFrame:
    """Records of the same counter that say something else than the one believed."""
    anchor = str(group.ancre)
    columns = [anchor] if group.conflit != "distance" else ["lieu_longitude", "lieu_latitude", "lieu_code_departement"]
    pairs = (
        ordered.filter(pl.col(anchor).is_not_null())
        .select("groupe_id", "source", "id_source", "date_source", *columns)
        .join(believed.select("groupe_id", "source", "id_source", *columns), on="groupe_id", suffix="_retenue")
        .filter((pl.col("source") != pl.col("source_retenue")) | (pl.col("id_source") != pl.col("id_source_retenue")))
    )
    if group.conflit == "distance":
        gap = _metres(pairs)
        kept, other = (pl.format("{} {}", f"lieu_latitude{s}", f"lieu_longitude{s}") for s in ("_retenue", ""))
        differ = gap > group.seuil_m
    else:
        gap = pl.Series([None] * pairs.height, dtype=pl.Float64)
        kept, other = pl.col(f"{anchor}_retenue"), pl.col(anchor)
        differ = pairs.select(_plain(other, group.conflit) != _plain(kept, group.conflit)).to_series()
    return (
        pairs.with_columns(gap.alias("ecart_m"))
        .filter(differ)
        .select(
            "groupe_id",
            pl.lit(name).alias("champ"),
            "source_retenue",
            kept.cast(pl.String).alias("valeur_retenue"),
            pl.col("source").alias("source_ecartee"),
            pl.col("id_source").alias("id_source_ecartee"),
            other.cast(pl.String).alias("valeur_ecartee"),
            pl.col("date_source").alias("date_ecartee"),
            pl.col("ecart_m").round(0),
        )
        .cast(CONFLICT_SCHEMA)
    )


def _plain(value: pl.Expr, how: str | None) -> pl.Expr:
    """The form in which two values are compared."""
    if how == "texte":
        return value.map_elements(key, return_dtype=pl.String)
    if how == "chiffres":
        return value.str.replace_all(r"^\+33", "0").str.replace_all(r"\D", "")
    return value


def _metres(pairs: pl.DataFrame) -> pl.Series:
    """Distance between the two positions of each pair, in the projected system of the believed one's territory."""
    out = np.full(pairs.height, np.nan)
    for (departement,), rows in pairs.with_row_index("_r").group_by("lieu_code_departement_retenue"):
        epsg = epsg_of_departement(str(departement))
        x, y = project(rows["lieu_longitude"].to_numpy(), rows["lieu_latitude"].to_numpy(), epsg)
        kept = project(rows["lieu_longitude_retenue"].to_numpy(), rows["lieu_latitude_retenue"].to_numpy(), epsg)
        out[rows["_r"].to_numpy()] = np.hypot(x - kept[0], y - kept[1])
    return pl.Series("ecart_m", out)
