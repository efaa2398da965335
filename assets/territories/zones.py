"""Which territories a commune belongs to, and the list of those territories with their names and populations.

Figures of territories belong to `aggregate`. A commune is in one territory of a level, or in none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from assets.territories.figures import Figure
from assets.territories.levels import COMMUNE, COUNTRY, FRANCE, LEVELS


@dataclass(frozen=True)
class Members:
    """Communes of the territories of one level: `code, code_insee`."""

    niveau: str
    frame: pl.DataFrame


@dataclass(frozen=True)
class Origin:
    """What is said of the territories of a level beside figures: names (`code, nom`), and where they come from."""

    noms: pl.DataFrame
    source: str
    licence: str
    millesime: str | None


def membership(
    communes: pl.DataFrame,
    arrondissements: pl.DataFrame,
    zonings: Mapping[str, Figure | None],
    classes: Mapping[str, str],
) -> pl.DataFrame:
    """`territories__appartenance`: one row per commune, in the order of `communes`.

    Args:
        communes: `code, epci, departement, region, population`.
        arrondissements: `code, arrondissement` of communes.
        zonings: the words of `bassin_vie, densite, libelle_densite, zrr, frr`, in the order of `communes`; None where
            the zoning is not held: the column is null.
        classes: class of each density level.
    """
    nothing = pl.lit(None, dtype=pl.String)
    words = {name: nothing if figure is None else figure.words for name, figure in zonings.items()}
    return (
        communes.select("code", "epci", "departement", "region", "population")
        .join(arrondissements.select("code", "arrondissement"), on="code", how="left", maintain_order="left")
        .with_columns(**words)
        .select(
            "code",
            "epci",
            "departement",
            "region",
            "arrondissement",
            "bassin_vie",
            "densite",
            "libelle_densite",
            pl.col("densite").replace_strict(classes, default=None, return_dtype=pl.String).alias("classe_densite"),
            "zrr",
            "frr",
            "population",
        )
    )


def members(appartenance: pl.DataFrame) -> Iterator[Members]:
    """The communes of each territory above them, level by level, the whole country last."""
    for niveau, column in LEVELS.items():
        if niveau == COMMUNE:
            continue
        inside = appartenance.filter(pl.col(column).is_not_null())
        yield Members(niveau, inside.select(pl.col(column).alias("code"), pl.col("code").alias("code_insee")))
    yield Members(FRANCE, appartenance.select(pl.lit(COUNTRY).alias("code"), pl.col("code").alias("code_insee")))


def zones(appartenance: pl.DataFrame, origins: Mapping[str, Origin]) -> pl.DataFrame:
    """`territories__zones`: every territory that holds a commune, sorted by level and code.

    Args:
        origins: by level, the country included. A territory without a name there bears that of the commune whose code
            is its own (bassins de vie are named so), or none.

    `population` is the sum of those known; null where none is.
    """
    people = appartenance.select(pl.col("code").alias("code_insee"), "population")
    parts = []
    for level in members(appartenance):
        origin = origins[level.niveau]
        parts.append(
            level.frame.join(people, on="code_insee", how="left")
            .group_by("code")
            .agg(
                pl.len().cast(pl.Int64).alias("communes"),
                pl.when(pl.col("population").is_not_null().any())
                .then(pl.col("population").sum().cast(pl.Int64))
                .alias("population"),
            )
            .join(origin.noms.unique("code", keep="first", maintain_order=True), on="code", how="left")
            .select(
                pl.lit(level.niveau).alias("niveau"),
                "code",
                "nom",
                "communes",
                "population",
                pl.lit(origin.millesime, dtype=pl.String).alias("millesime"),
                pl.lit(origin.licence).alias("licence"),
                pl.lit(origin.source).alias("source"),
            )
        )
    return pl.concat(parts).sort("niveau", "code")
