"""Communes with their outlines, EPCI and départements with their populations.

Joins the official codes (COG) with the polygons; what lacks an outline is said, never invented.
"""

import polars as pl

from pipeline.foundations.issues import IssueLog


def communes(cog: pl.DataFrame, outlines: pl.DataFrame, issues: IssueLog) -> pl.DataFrame:
    """Current communes: `code, nom, departement, region, epci, population, codes_postaux`, a point inside, an outline.

    Args:
        cog: the `communes` table of the COG source.
        outlines: `code, geometrie` (WKB MultiPolygon, WGS84), `longitude, latitude` of a point inside.

    A commune without an outline keeps its row with a null geometry and becomes an issue; an outline without a
    commune (another vintage) becomes an issue.
    """
    frame = cog.select("code", "nom", "departement", "region", "epci", "population", "codes_postaux").join(
        outlines.select("code", "longitude", "latitude", "geometrie"), on="code", how="left"
    )
    issues.add_rows(
        frame.filter(pl.col("geometrie").is_null()),
        record="code",
        column="nom",
        rule="commune-sans-contour",
        reason="Commune en vigueur sans contour : absente de la carte, et les points n’y sont pas contrôlés.",
    )
    issues.add_rows(
        outlines.join(cog, on="code", how="anti"),
        record="code",
        column="code",
        rule="contour-sans-commune",
        reason="Contour d’une commune absente du code officiel géographique en vigueur : il n’est pas utilisé.",
    )
    return frame.sort("code")


def epci(cog_epci: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """`code, nom, type, communes, population`: the population is the sum over the member communes we hold."""
    members = frame.filter(pl.col("epci").is_not_null()).group_by(pl.col("epci").alias("code")).agg(*_totals())
    return cog_epci.select("code", "nom", "type").join(members, on="code", how="inner").sort("code")


def departements(cog_departements: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """`code, nom, region, communes, population` of the départements that hold communes."""
    members = frame.group_by(pl.col("departement").alias("code")).agg(*_totals())
    return cog_departements.select("code", "nom", "region").join(members, on="code", how="inner").sort("code")


def _totals() -> tuple[pl.Expr, pl.Expr]:
    """Number of communes, and their population: unknown as soon as that of one of them is, rather than too small."""
    population = pl.col("population")
    known = pl.when(population.is_not_null().all()).then(population.sum().cast(pl.Int64))
    return pl.len().cast(pl.Int64).alias("communes"), known.alias("population")
