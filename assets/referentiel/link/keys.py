"""Exact keys: two constats that give the same id, in the same register, speak of the same counter.

A key that several constats of one feed and family give is the key of their parent body, or of a service held in several
places: it links nothing. The registers are the feeds themselves (a record names the one it was copied from), the DILA
directory under its present and its former ids, FINESS, BPE, the State's own tool, and Sirene for the typologies whose
counters have a SIRET of their own.
"""

import polars as pl

from assets.referentiel.link.rules import Rules

#: How a key is named in `liens.regle`, by register.
_REGISTERS = {
    "service_id_dila": "DILA",
    "service_id_finess": "FINESS",
    "service_id_bpe": "BPE",
    "id_officiel": "officiel",
}


def exact_links(constats: pl.DataFrame, families: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Pairs of constats of one family that share a key: `a, b` (`_i`, a < b), `regle` (the register), sorted.

    Args:
        constats: frame in `harmonise.CONSTAT_COLUMNS` with a row number `_i`.
        families: `_i, famille`.
    """
    held = _keys(constats, rules).join(families, on="_i").join(constats.select("_i", "source"), on="_i")
    own = held.unique(["_i", "registre", "cle"]).filter(pl.len().over("source", "famille", "registre", "cle") == 1)
    pairs = own.join(own, on=["famille", "registre", "cle"], suffix="_b").filter(pl.col("_i") < pl.col("_i_b"))
    return (
        pairs.select(pl.col("_i").alias("a"), pl.col("_i_b").alias("b"), pl.col("registre").alias("regle"))
        .sort("a", "b", "regle")
        .unique(["a", "b"], keep="first", maintain_order=True)
    )


def _keys(constats: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Every key of every constat: `_i, registre, cle`."""
    itself = constats.select(
        "_i", pl.format("identifiant {}", "source").alias("registre"), pl.col("id_source").alias("cle")
    )
    former = constats.select("_i", pl.lit("ancien identifiant").alias("registre"), pl.col("ancien_id").alias("cle"))
    # A feed read in its former edition has for ids what the present one calls former ids.
    once = constats.filter(pl.col("id_source").is_in(former["cle"].drop_nulls().unique().implode()))
    was = once.select("_i", pl.lit("ancien identifiant").alias("registre"), pl.col("id_source").alias("cle"))
    named = [
        constats.select("_i", pl.lit(f"identifiant {name}").alias("registre"), pl.col(column).alias("cle"))
        for column, name in _REGISTERS.items()
        if column in constats.columns
    ]
    siret = constats.filter(pl.col("typologie").is_in(rules.siret_propre)).select(
        "_i", pl.lit("SIRET de l'établissement").alias("registre"), pl.col("service_siret").alias("cle")
    )
    return pl.concat([itself, former, was, *named, siret, _at_partner(constats, rules)]).drop_nulls("cle")


def _at_partner(constats: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """The key of a record at the feed it was copied from, in the register of that feed's ids."""
    copies = constats.select(
        "_i",
        pl.col("partenaire").replace_strict(rules.partenaires, default=None, return_dtype=pl.String).alias("_flux"),
        pl.coalesce("partenaire_id", "id_source").alias("cle"),
    ).filter(pl.col("_flux").is_not_null())
    # `france-travail--PAC0174`: an aggregator's id that says which feed it had the record from.
    parts = pl.col("cle").str.splitn("--", 2)
    through = copies.select(
        "_i",
        parts.struct.field("field_0")
        .replace_strict(rules.partenaires, default=None, return_dtype=pl.String)
        .alias("_flux"),
        parts.struct.field("field_1").alias("cle"),
    ).filter(pl.col("_flux").is_not_null())
    return pl.concat([copies, through]).select("_i", pl.format("identifiant {}", "_flux").alias("registre"), "cle")
