"""How good the record of each counter is, and in which order a steward should look at them.

The criteria, their weights and what each value is worth are in `criteres.yml`. Mending records is the business of the
feeds and of the field (`terrain`).
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("criteres.yml")
#: The values of a criterion -> what each record is worth for it.
_Worth = Callable[[Mapping[str, float]], pl.Expr]
_BOX_ONLY = r"(?i)^(?:bp|b\.p\.|cs|tsa)\s*\d+[\s\d]*(?:\p{L}|\s|-|')*$"

SCORE_SCHEMA = pl.Schema({"point_accueil_id": pl.String(), "score": pl.Float64(), "problemes": pl.List(pl.String())})


class Criterion(BaseModel):
    """One criterion; see the head of `criteres.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    libelle: str
    probleme: str
    poids: float = Field(gt=0)
    suffit: bool = True
    structures: tuple[str, ...] = Field(min_length=1)
    valeurs: Mapping[str, float]


class Criteria(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seuil_probleme: float = Field(ge=0, le=1)
    criteres: Mapping[str, Criterion]


def load_criteria(path: Path) -> Criteria:
    """Read and check a file of criteria.

    Raises:
        WrongUse: not YAML, not of this shape, or a criterion nothing computes.
    """
    try:
        criteria = Criteria.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongUse(str(path), expected="a file of criteria", found=str(error), remedy="fix the file") from error
    if unknown := criteria.criteres.keys() - _WORTH.keys():
        raise WrongUse(
            str(path),
            expected=f"criteria among {', '.join(_WORTH)}",
            found=", ".join(sorted(unknown)),
            remedy="fix the file, or write how the criterion is looked at in score.py",
        )
    return criteria


@cache
def criteria() -> Criteria:
    """The project's criteria."""
    return load_criteria(_FILE)


def score(counters: pl.DataFrame, conflicts: pl.DataFrame, rules: Criteria, today: date) -> pl.DataFrame:
    """Score every counter.

    Args:
        counters: `terrain.gather` of the published tables.
        conflicts: `referentiel__conflits`: `point_accueil_id, champ` of each group of fields on which feeds disagree.
        rules: the criteria.
        today: the date ages are counted to.

    Returns:
        `SCORE_SCHEMA`, in the order of the counters: score in [0, 1], and the sentences of the criteria that fall
        below the threshold, the heaviest loss first.
    """
    disagreements = conflicts.group_by("point_accueil_id").agg(pl.col("champ").n_unique().alias("_desaccords"))
    frame = counters.join(disagreements, on="point_accueil_id", how="left", maintain_order="left").with_columns(
        pl.col("_desaccords").fill_null(0),
        pl.lit(today).alias("_today"),
        # A typology that one feed alone lists cannot be confirmed by another.
        pl.col("service_typologie").is_in(_in_several_feeds(counters).implode()).alias("_confirmable"),
    )
    worth, weight = [], []
    for name, criterion in rules.criteres.items():
        applies = pl.col("type_structure").is_in(criterion.structures)
        if name == "sources":
            applies &= pl.col("_confirmable")
        worth.append(pl.when(applies).then(_WORTH[name](criterion.valeurs).clip(0, 1)).alias(name))
        weight.append(criterion.poids)
    valued = frame.select("point_accueil_id", *worth)
    names = list(rules.criteres)
    total = pl.sum_horizontal(pl.col(n) * w for n, w in zip(names, weight, strict=True))
    applied = pl.sum_horizontal(pl.col(n).is_not_null() * w for n, w in zip(names, weight, strict=True))
    losses = [
        pl.when(pl.col(n) < rules.seuil_probleme).then(
            pl.struct(((1 - pl.col(n)) * -w).alias("perte"), pl.lit(rules.criteres[n].probleme).alias("probleme"))
        )
        for n, w in zip(names, weight, strict=True)
    ]
    problems = pl.concat_list(losses).list.drop_nulls().list.sort().list.eval(pl.element().struct.field("probleme"))
    return valued.select(
        "point_accueil_id", (total / applied).round(4).alias("score"), problems.alias("problemes")
    ).cast(SCORE_SCHEMA)


def concerned_population(counters: pl.DataFrame, distances: pl.DataFrame, communes: pl.DataFrame) -> pl.DataFrame:
    """How many people each counter matters to.

    The inhabitants of the communes whose nearest counter of its typology it is; where that is not known (distances
    not computed there, permanences and stops, counters without a position), those of its own commune.

    Args:
        counters: `point_accueil_id, service_id, lieu_code_insee, type_structure`.
        distances: `access__distances`: `code_insee, service_id`; may be empty.
        communes: `code, population`.

    Returns:
        `point_accueil_id, population_concernee` (inhabitants; null when no population is known), in their order.
    """
    people = communes.select("code", "population")
    nearest = (
        distances.filter(pl.col("service_id").is_not_null())
        .join(people, left_on="code_insee", right_on="code")
        .group_by("service_id")
        .agg(pl.col("population").sum().alias("_nearest"))
    )
    # A permanence bears its host's `service_id`, and the stops of a round share theirs.
    own = pl.when(pl.col("type_structure") == "Implantation").then("service_id").alias("_service")
    return (
        counters.with_columns(own)
        .join(nearest, left_on="_service", right_on="service_id", how="left", maintain_order="left")
        .join(people, left_on="lieu_code_insee", right_on="code", how="left", maintain_order="left")
        .select("point_accueil_id", pl.coalesce("_nearest", "population").cast(pl.Int64).alias("population_concernee"))
    )


def worklist(
    counters: pl.DataFrame,
    conflicts: pl.DataFrame,
    distances: pl.DataFrame,
    communes: pl.DataFrame,
    *,
    rules: Criteria,
    today: date,
) -> pl.DataFrame:
    """`referentiel__a_traiter`: counters with a problem, those that matter to most people first.

    Args:
        counters: `terrain.gather` of the published tables.
        conflicts: `referentiel__conflits`.
        distances: `access__distances` of the départements it was computed for; may be empty.
        communes: `code, nom, population`.
    """
    scored = score(counters, conflicts, rules, today)
    serious = [c.probleme for c in rules.criteres.values() if c.suffit]
    population = concerned_population(counters, distances, communes)
    return (
        counters.join(scored, on="point_accueil_id")
        .join(population, on="point_accueil_id")
        .join(
            communes.select(pl.col("code").alias("lieu_code_insee"), pl.col("nom").alias("commune")),
            on="lieu_code_insee",
        )
        .filter(pl.col("problemes").list.set_intersection(serious).list.len() > 0)
        .sort("population_concernee", "score", "point_accueil_id", descending=[True, False, False], nulls_last=True)
        .with_row_index("rang", offset=1)
        .select(
            pl.col("rang").cast(pl.Int64),
            "point_accueil_id",
            "service_id",
            pl.col("service_nom").alias("nom"),
            pl.col("service_typologie").alias("typologie"),
            "type_structure",
            "commune",
            "lieu_code_insee",
            "lieu_code_departement",
            "score",
            "problemes",
            "population_concernee",
        )
    )


def _in_several_feeds(counters: pl.DataFrame) -> pl.Series:
    """The typologies that at least two feeds list."""
    feeds = counters.select("service_typologie", pl.col("sources").str.split("|")).explode("sources").unique()
    return feeds.group_by("service_typologie").len().filter(pl.col("len") > 1)["service_typologie"]


# --- what each value is worth ------------------------------------------------------------------------------------


def _hours(values: Mapping[str, float]) -> pl.Expr:
    known = pl.col("service_horaires_ouverture").is_not_null()
    mended = pl.col("horaires_qualite") == "réparé"
    illegible = pl.col("horaires_qualite") == "illisible"
    return (
        pl.when(known & ~mended.fill_null(False))
        .then(values["exact"])
        .when(known)
        .then(values["réparé"])
        .when(illegible)
        .then(values["illisible"])
        .otherwise(values["inconnus"])
    )


def _position(values: Mapping[str, float]) -> pl.Expr:
    method = pl.col("position_methode")
    worth = pl.lit(values["autre"])
    # The longest beginning is tried first, hence written last.
    for beginning in sorted(values.keys() - {"autre", "inconnue"}, key=len):
        worth = pl.when(method.str.starts_with(beginning)).then(values[beginning]).otherwise(worth)
    return pl.when(pl.col("lieu_longitude").is_null()).then(values["inconnue"]).otherwise(worth)


def _address(values: Mapping[str, float]) -> pl.Expr:
    address = pl.col("lieu_adresse")
    return (
        pl.when(address.is_null())
        .then(values["inconnue"])
        .when(address.str.contains(_BOX_ONLY))
        .then(values["boîte postale"])
        .otherwise(values["connue"])
    )


def _known(column: str) -> _Worth:
    def worth(values: Mapping[str, float]) -> pl.Expr:
        return pl.when(pl.col(column).is_not_null()).then(values["connu"]).otherwise(values["inconnu"])

    return worth


def _freshness(values: Mapping[str, float]) -> pl.Expr:
    age = (pl.col("_today") - pl.col("date_maj")).dt.total_days()
    return ((values["nul"] - age) / (values["nul"] - values["plein"])).clip(0, 1).fill_null(0.0)


def _several(values: Mapping[str, float]) -> pl.Expr:
    return pl.when(pl.col("sources").str.contains("|", literal=True)).then(values["plusieurs"]).otherwise(values["une"])


def _agreement(values: Mapping[str, float]) -> pl.Expr:
    return 1 - values["par_desaccord"] * pl.col("_desaccords")


_WORTH: Mapping[str, _Worth] = {
    "horaires": _hours,
    "position": _position,
    "adresse": _address,
    "telephone": _known("telephone"),
    "fraicheur": _freshness,
    "siret": _known("service_siret"),
    "sources": _several,
    "accord": _agreement,
    "hote": _known("service_id"),
}
