"""Figures of every commune in force, whatever table they come from: former codes brought together, silence kept.

A figure of several former communes is known when all its parts are. What is made of figures is `context`'s.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from assets.territories.indicators import AREA, CELLS, COMMUNES, POPULATION
from pipeline.foundations import crs
from pipeline.foundations.codes import departement_of_commune
from pipeline.foundations.issue_summary import add_some
from pipeline.foundations.issues import IssueLog
from sources.contexte.mapping import COMMUNE, ListOptions
from sources.contexte.read import PUBLISHED, SECRET, UNAVAILABLE

_DISTRICT = "arrondissement-municipal"
_KM2 = 1_000_000


@dataclass(frozen=True)
class Figure:
    """One figure of every commune, in the order of the communes: all series have their length.

    `values` or `words` is null where it is not known, and `secret` says where the producer keeps it. `source`: id.
    """

    values: pl.Series
    words: pl.Series
    secret: pl.Series
    source: str
    millesime: str | None


def of_list(
    told: pl.DataFrame,
    options: ListOptions,
    source: str,
    communes: pl.Series,
    passage: pl.DataFrame,
    issues: IssueLog,
) -> dict[str, Figure]:
    """The measures of a list, by name.

    Args:
        told: the `mesures` table of the list; codes of its own vintage.
        communes: codes in force, in the order wanted.
        passage: `territories__passage`.

    Codes that lead nowhere or to several communes are told, as are communes the list says nothing of.
    """
    rows = told.filter(pl.col("niveau") == COMMUNE)
    placed = rows.join(_heirs(rows["code"].unique(), source, communes, passage, issues), on="code", how="inner")
    joined = _joined(placed, options, source, issues)
    _tell_missing(communes, joined["commune"], source, issues)
    found: dict[str, Figure] = {}
    base = pl.DataFrame({"commune": communes})
    for (name,), part in joined.group_by("mesure", maintain_order=True):
        whole = base.join(part, on="commune", how="left", maintain_order="left")
        found[str(name)] = Figure(
            whole["valeur"],
            whole["texte"],
            (whole["statut"] == SECRET).fill_null(False),
            source,
            part["millesime"].drop_nulls().max(),  # type: ignore[arg-type]  # a text
        )
    return found


def _tell_missing(communes: pl.Series, told: pl.Series, source: str, issues: IssueLog) -> None:
    """Say which communes a table forgets: one by one, or by whole départements, as when it leaves out the overseas."""
    every = pl.DataFrame({"code": communes}).with_columns(
        pl.col("code").is_in(told.implode()).alias("told"),
        departement_of_commune(pl.col("code")).alias("departement"),
    )
    empty = ~pl.col("told").any().over("departement")
    add_some(
        issues,
        every.filter(~pl.col("told") & ~empty),
        record="code",
        column=source,
        value=None,
        rule="commune-sans-chiffre",
        reason="Commune en vigueur dont la table ne dit rien : ses chiffres y sont inconnus.",
    )
    add_some(
        issues,
        every.filter(empty).group_by("departement", maintain_order=True).agg(pl.len().alias("communes")),
        record="departement",
        column=source,
        value="communes",
        rule="departement-sans-chiffre",
        reason="Département dont la table ne dit aucune commune : leurs chiffres y sont inconnus.",
        severity="info",
    )


def _heirs(codes: pl.Series, source: str, communes: pl.Series, passage: pl.DataFrame, issues: IssueLog) -> pl.DataFrame:
    """`code, commune`: the commune in force of each code told, where there is one and only one."""
    there = codes.implode()
    way = pl.DataFrame({"code": codes}).join(
        passage.select(pl.col("code_ancien").alias("code"), pl.col("code").alias("heir"), "type", "candidats"),
        on="code",
        how="left",
    )
    in_force = pl.col("code").is_in(communes.implode())
    # A commune that lost a part stands for itself only in a table that knows the parts too.
    whole = pl.col("candidats").is_null() | pl.col("candidats").list.eval(~pl.element().is_in(there)).list.any().not_()
    doubled = (pl.col("type") == _DISTRICT) & pl.col("heir").is_in(there)
    fate = (
        pl.when(in_force & whole)
        .then(pl.lit("en-vigueur"))
        .when(pl.col("candidats").is_not_null())
        .then(pl.lit("code-scinde"))
        .when(doubled)
        .then(pl.lit("arrondissement"))
        .when(pl.col("heir").is_not_null())
        .then(pl.lit("ancienne"))
        .otherwise(pl.lit("commune-inconnue"))
    )
    judged = way.with_columns(fate.alias("fate")).sort("code")
    reasons = {
        "code-scinde": "Territoire partagé depuis entre plusieurs communes : ses chiffres ne sont donnés à aucune.",
        "commune-inconnue": "Code d’aucune commune, passée ou présente : ses chiffres ne sont pas utilisés.",
    }
    for rule, reason in reasons.items():
        aside = judged.filter(pl.col("fate") == rule)
        add_some(issues, aside, record="code", column=source, value="code", rule=rule, reason=reason)
    return judged.filter(pl.col("fate").is_in(["en-vigueur", "ancienne"])).select(
        "code", pl.when(pl.col("fate") == "en-vigueur").then("code").otherwise("heir").alias("commune")
    )


def _joined(placed: pl.DataFrame, options: ListOptions, source: str, issues: IssueLog) -> pl.DataFrame:
    """`commune, mesure, valeur, texte, statut, millesime`: the parts of a commune brought together.

    Counts add up; the others are the mean of the parts weighed as the list says, and unknown without a weight; words
    are those of the part that gave its code to the commune, or of all when they agree.
    """
    alone = pl.len().over("commune", "mesure") == 1
    columns = ("commune", "mesure", "valeur", "texte", "statut", "millesime")
    single = placed.filter(alone).select(columns)
    several = placed.filter(~alone)
    if several.is_empty():
        return single
    weights = {name: measure.poids for name, measure in options.mesures.items()}
    counts = [name for name, measure in options.mesures.items() if measure.nature == "effectif"]
    held = several.select("code", pl.col("mesure").alias("poids"), pl.col("valeur").alias("_weight"))
    weighed = several.with_columns(
        pl.col("mesure").replace_strict(weights, default=None, return_dtype=pl.String).alias("poids"),
        pl.col("mesure").is_in(counts).alias("_counts"),
    ).join(held, on=["code", "poids"], how="left", maintain_order="left")
    known = (pl.col("statut") == PUBLISHED).all()
    total, weight = pl.col("valeur").sum(), pl.col("_weight")
    mean = pl.when(weight.is_not_null().all() & (weight.sum() > 0)).then(
        (pl.col("valeur") * weight).sum() / weight.sum()
    )
    same = pl.when(pl.col("valeur").n_unique() == 1).then(pl.col("valeur").first())
    own = pl.col("texte").filter(pl.col("code") == pl.col("commune")).first()
    agreed = pl.when(pl.col("texte").n_unique() == 1).then(pl.col("texte").first())
    together = weighed.group_by("commune", "mesure", maintain_order=True).agg(
        pl.when(known & pl.col("_counts").first())
        .then(total)
        .when(known)
        .then(pl.coalesce(mean, same))
        .alias("valeur"),
        pl.coalesce(own, pl.when(known).then(agreed)).alias("texte"),
        (pl.col("statut") == SECRET).any().alias("_secret"),
        known.alias("_known"),
        pl.col("millesime").max(),
    )
    nothing = pl.col("valeur").is_null() & pl.col("texte").is_null()
    add_some(
        issues,
        together.filter(nothing & pl.col("_known")),
        record="commune",
        column=source,
        value="mesure",
        rule="fusion-sans-poids",
        reason="Commune qui réunit d’anciennes communes : leurs valeurs ne se combinent pas, la sienne est inconnue.",
    )
    status = (
        pl.when(~nothing).then(pl.lit(PUBLISHED)).when("_secret").then(pl.lit(SECRET)).otherwise(pl.lit(UNAVAILABLE))
    )
    return pl.concat([single, together.with_columns(status.alias("statut")).select(columns)])


def of_communes(communes: pl.DataFrame, source: str, outlines: str, vintage: str | None) -> dict[str, Figure]:
    """`communes.population` and `communes.surface_km2`, from `code, departement, population, geometrie`.

    Args:
        source: id of the source of populations.
        outlines: id of the source of outlines.
        vintage: of the populations.
    """
    return {
        f"{COMMUNES}.{POPULATION}": _plain(communes["population"].cast(pl.Float64), source, vintage),
        f"{COMMUNES}.{AREA}": _plain(areas(communes), outlines, vintage),
    }


def areas(communes: pl.DataFrame) -> pl.Series:
    """km² of each outline (`geometrie`, WGS84), in the projected system of its `departement`; null without any."""
    shapes: npt.NDArray[np.object_] = shapely.from_wkb(communes["geometrie"].to_numpy())
    systems = communes.select(crs.epsg_expr(pl.col("departement"))).to_series()
    found = np.full(communes.height, np.nan)
    for epsg in systems.drop_nulls().unique().sort().to_list():
        rows = np.flatnonzero((systems == epsg).fill_null(False).to_numpy())
        found[rows] = shapely.area(shapely.transform(shapes[rows], partial(_project, epsg=epsg))) / _KM2
    found[shapely.is_missing(shapes)] = np.nan
    return pl.Series("surface_km2", found).fill_nan(None)


def _project(coordinates: crs.Floats, epsg: int) -> crs.Floats:
    return np.column_stack(crs.project(coordinates[:, 0], coordinates[:, 1], epsg))


def of_cells(
    cells: pl.DataFrame, communes: pl.Series, wanted: Collection[str], sources: Mapping[int, str]
) -> dict[str, Figure]:
    """Sums of columns of `territories__carreaux` by commune; unknown where a cell's is, or where there is no cell.

    Args:
        wanted: columns to sum.
        sources: id of the source of the cells of each size, in metres.
    """
    if cells.is_empty():
        return {}
    columns = sorted(wanted)
    # In order: else sums of floats would change from a run to the next.
    sums = cells.group_by("commune", maintain_order=True).agg(
        pl.when(pl.col(c).is_not_null().all()).then(pl.col(c).sum()).alias(c) for c in columns
    )
    whole = pl.DataFrame({"commune": communes}).join(sums, on="commune", how="left", maintain_order="left")
    source = sources[int(cells["taille_m"][0])]
    vintage = cells["millesime"].drop_nulls().max()
    return {f"{CELLS}.{c}": _plain(whole[c], source, vintage) for c in columns}  # type: ignore[arg-type]  # a text


def _plain(values: pl.Series, source: str, vintage: str | None) -> Figure:
    """A figure nobody keeps secret."""
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(values))
    return Figure(values, nothing, pl.Series([False]).new_from_index(0, len(values)), source, vintage)
