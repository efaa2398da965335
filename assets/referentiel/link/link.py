"""Same counter or not: put the constats of one counter in one group, and say by which links.

Exact keys first, then the rules that suffice by themselves, then the model; guards over all. Several services at one
place are not one counter: places are `lieux`. Which constat to believe is `decide`.
"""

from collections.abc import Set
from dataclasses import dataclass
from functools import partial

import polars as pl

from assets.referentiel.link.groups import EXACT, MODEL, RULE, group
from assets.referentiel.link.guards import guarded, may_be_one
from assets.referentiel.link.keys import exact_links
from assets.referentiel.link.model import Model, linking_model, score
from assets.referentiel.link.rules import Rules, linking_rules
from assets.referentiel.link.traits import numbered, traits

LINK_SCHEMA = pl.Schema(
    {
        "source_a": pl.String(),
        "id_source_a": pl.String(),
        "typologie_a": pl.String(),
        "source_b": pl.String(),
        "id_source_b": pl.String(),
        "typologie_b": pl.String(),
        "methode": pl.String(),  # clé exacte | règle | modèle
        "regle": pl.String(),  # register of the key, name of the rule; null for the model
        "score": pl.Float64(),  # log2 of the odds of being one counter; null where the model did not score the pair
        "retenu": pl.Boolean(),  # false: cut, because a guard or a stronger link keeps the two groups apart
    }
)
_IDENTITY = ("source", "id_source", "typologie")
#: Added to the rank of a constat that joined a counter of another typology: it never leads it.
_GUEST_RANK = 10


@dataclass(frozen=True)
class LinkResult:
    """`constats`: as given, in the same order, with `groupe_id`; `liens`: frame in `LINK_SCHEMA`, strongest first.

    `groupe_id` (Int64) is equal for the constats of one counter, and independent of the order of the rows.
    """

    constats: pl.DataFrame
    liens: pl.DataFrame


def link(
    constats: pl.DataFrame, *, rules: Rules | None = None, model: Model | None = None, keys: bool = True
) -> LinkResult:
    """Link the constats of one counter, between feeds and within one.

    Args:
        constats: frame in `harmonise.CONSTAT_COLUMNS`; `source, id_source, typologie` is unique.
        rules: the project's by default.
        model: the project's by default.
        keys: use the exact keys; without them the rules and the model are measured alone.
    """
    rules, model = rules or linking_rules(), model or linking_model()
    frame = numbered(constats.drop("groupe_id", strict=False).with_row_index("_rang"))
    known = traits(frame, rules)
    rows = guarded(known)
    exact = exact_links(frame, known.select("_i", "famille"), rules) if keys else None
    scored = score(known, model)
    links = _links(exact, _by_rule(known, rules), scored, model)
    # A guard between the two ends of a link is told apart from one that only its group brings: the first is no link.
    may = partial(may_be_one, hosts=rules.hotes)
    allowed = [m == EXACT or may(rows[a], rows[b]) for a, b, m in links.select("a", "b", "methode").iter_rows()]
    groups, liens = group(rows, links.filter(pl.Series(allowed, dtype=pl.Boolean)), may, _twins(scored, model))
    linked = frame.with_columns(groups).sort("_rang").drop("_rang", "_i")
    return LinkResult(linked, _explained(liens, frame))


def guests_last(linked: pl.DataFrame, rules: Rules | None = None) -> pl.DataFrame:
    """Lower the `rang_source` of the constats that joined a counter of another typology, so that they never lead it.

    A place of digital mediation that is a France services says what it knows of the France services.

    Args:
        linked: constats with their `groupe_id`.
        rules: the project's by default.
    """
    guests = [family.typologie for family in (rules or linking_rules()).familles]
    mixed = pl.col("typologie").n_unique().over("groupe_id") > 1
    rank = pl.when(mixed & pl.col("typologie").is_in(guests)).then(pl.col("rang_source") + _GUEST_RANK)
    return linked.with_columns(rank.otherwise("rang_source").alias("rang_source"))


def _links(exact: pl.DataFrame | None, by_rule: pl.DataFrame, scored: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Each pair once, under the strongest method that links it."""
    least = pl.when("interne").then(model.seuils.dans_une_source).otherwise(model.seuils.entre_sources)
    chosen = scored.filter(pl.col("score") >= least).select("a", "b", regle=pl.lit(None, dtype=pl.String))
    found = [
        frame.select("a", "b", "regle", methode=pl.lit(method))
        for frame, method in ((exact, EXACT), (by_rule, RULE), (chosen, MODEL))
        if frame is not None
    ]
    links = pl.concat(found, how="vertical_relaxed").unique(["a", "b"], keep="first", maintain_order=True)
    return links.join(scored.select("a", "b", "score"), on=["a", "b"], how="left")


def _twins(scored: pl.DataFrame, model: Model) -> Set[tuple[int, int]]:
    """Pairs of one feed alike enough for a third record to bring them together, though not to be linked alone."""
    alike = scored.filter(pl.col("interne") & (pl.col("score") >= model.seuils.entre_sources))
    return set(alike.select("a", "b").iter_rows())


def _by_rule(known: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Of the kinds a commune has one of, the only one that each of two feeds lists there: `a, b, regle`."""
    alone = known.filter(pl.col("famille").is_in(rules.un_par_commune) & pl.col("seul")).select(
        "_i", "flux", "famille", "commune", "natures"
    )
    pairs = alone.join(alone, on=["famille", "commune", "natures"], suffix="_b", nulls_equal=True)
    return pairs.filter((pl.col("_i") < pl.col("_i_b")) & (pl.col("flux") != pl.col("flux_b"))).select(
        pl.col("_i").alias("a"), pl.col("_i_b").alias("b"), pl.lit("seul de la commune").alias("regle")
    )


def _explained(liens: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    ends = frame.select("_i", *_IDENTITY)
    for side in ("a", "b"):
        named = ends.rename({"_i": side, **{c: f"{c}_{side}" for c in _IDENTITY}})
        liens = liens.join(named, on=side, how="left", maintain_order="left")
    return liens.select(LINK_SCHEMA.names()).cast(LINK_SCHEMA)
