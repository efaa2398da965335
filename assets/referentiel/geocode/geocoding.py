"""Which addresses have to be found, and the positions found given to the records that lack one.

A position the feed gave and that was believed is never replaced.
"""

from collections.abc import Mapping

import polars as pl

from assets.referentiel.geocode.address import normalise
from assets.referentiel.geocode.answers import ANSWER_SCHEMA

GEOCODED = "géocodage"


def code_lieu() -> pl.Expr:
    """The municipal district where a record tells it, else the commune: where its street is to be looked for."""
    return pl.coalesce("lieu_code_arrondissement_municipal", "lieu_code_insee")


def wanted_addresses(constats: pl.DataFrame, communes: pl.DataFrame) -> pl.DataFrame:
    """Addresses of the records without a believed position, each once.

    Args:
        constats: `lieu_code_insee, lieu_code_arrondissement_municipal, lieu_longitude, cle_adresse`.
        communes: `code, nom`.

    Returns:
        `code_lieu, cle_adresse, commune, constats` (how many records). An address that names no street (`mairie`, `le
        bourg`) is not there: nothing could place it but its commune.
    """
    lacking = constats.filter(pl.col("lieu_longitude").is_null() & pl.col("cle_adresse").is_not_null())
    keys = lacking["cle_adresse"].unique()
    streets = [key for key in keys if (found := normalise(key)) and found.is_street]
    towns = communes.select(pl.col("code").alias("lieu_code_insee"), pl.col("nom").alias("commune"))
    return (
        lacking.filter(pl.col("cle_adresse").is_in(streets))
        .with_columns(code_lieu().alias("code_lieu"))
        .group_by("code_lieu", "cle_adresse")
        .agg(pl.col("lieu_code_insee").first(), pl.len().cast(pl.Int64).alias("constats"))
        .join(towns, on="lieu_code_insee", how="left")
        .select("code_lieu", "cle_adresse", "commune", "constats")
        .sort("code_lieu", "cle_adresse")
    )


def best_answers(wanted: pl.DataFrame, *geocoders: pl.DataFrame) -> pl.DataFrame:
    """One row per wanted address: the first geocoder that gives a position, else what the last one asked said.

    Returns:
        `ANSWER_SCHEMA` and `constats`, sorted by address; `motif` is `pas demandée` when no geocoder was asked.
    """
    ranked = pl.concat(
        [frame.with_columns(pl.lit(i).alias("_rang")) for i, frame in enumerate(geocoders)] or [_empty()]
    )
    placed = pl.col("longitude").is_not_null()
    chosen = (
        ranked.sort(~placed, pl.when(placed).then("_rang").otherwise(-pl.col("_rang")), maintain_order=True)
        .unique(["code_lieu", "cle_adresse"], keep="first", maintain_order=True)
        .drop("_rang")
    )
    asked = wanted.select("code_lieu", "cle_adresse", "constats").join(
        chosen, on=["code_lieu", "cle_adresse"], how="left", maintain_order="left"
    )
    unasked = pl.col("longitude").is_null() & pl.col("motif").is_null()
    return asked.with_columns(pl.when(unasked).then(pl.lit("pas demandée")).otherwise("motif").alias("motif")).select(
        *ANSWER_SCHEMA.names(), "constats"
    )


def _empty() -> pl.DataFrame:
    return pl.DataFrame(schema=ANSWER_SCHEMA).with_columns(pl.lit(0).alias("_rang"))


def give_positions(constats: pl.DataFrame, geocoded: pl.DataFrame) -> pl.DataFrame:
    """The constats, with the positions found for those that had none.

    A record placed so has `position_methode` "géocodage", and in `geocodage_*` the score, the method and the date of
    its position; `lieu_id_ban` is the geocoder's when the feed gave none. Every other record is untouched.
    """
    found = geocoded.filter(pl.col("longitude").is_not_null()).select(
        pl.col("code_lieu").alias("_code"),
        "cle_adresse",
        *(pl.col(answer).alias(f"_{name}") for name, answer in _GIVEN.items()),
        pl.col("id_ban").alias("_id_ban"),
    )
    frame = constats.with_columns(code_lieu().alias("_code")).join(
        found, on=["_code", "cle_adresse"], how="left", maintain_order="left"
    )
    gained = pl.col("lieu_longitude").is_null() & pl.col("_lieu_longitude").is_not_null()
    placed = {name: pl.col(f"_{name}") for name in _GIVEN} | {
        "position_methode": pl.lit(GEOCODED),
        "lieu_id_ban": pl.coalesce("lieu_id_ban", "_id_ban"),
        # The commune's centre is of no use any more.
        "geocodage_longitude": pl.lit(None, dtype=pl.Float64),
        "geocodage_latitude": pl.lit(None, dtype=pl.Float64),
    }
    return frame.with_columns(
        pl.when(gained).then(value).otherwise(name).alias(name) for name, value in placed.items()
    ).select(constats.columns)


#: Column of a constat -> column of an answer.
_GIVEN: Mapping[str, str] = {
    "lieu_longitude": "longitude",
    "lieu_latitude": "latitude",
    "geocodage_score": "geocodage_score",
    "geocodage_methode": "geocodage_methode",
    "geocodage_date": "geocodage_date",
}
