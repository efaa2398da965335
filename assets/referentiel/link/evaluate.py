"""How right the links are: against pairs judged by people, and against ids that the model was not shown.

Every measure compares groups, not scores: what is judged is what is published, guards and chains included.
"""

from pathlib import Path

import polars as pl

from assets.referentiel.link.keys import exact_links
from assets.referentiel.link.link import link
from assets.referentiel.link.model import Model
from assets.referentiel.link.rules import Rules, linking_rules
from assets.referentiel.link.traits import numbered, traits
from pipeline.foundations.errors import WrongUse

#: Columns of a file of judged pairs. `population` is the number of candidate pairs that the stratum was drawn from,
#: `usage` says whether the pair served to choose the thresholds (`réglage`) or only to measure (`contrôle`).
JUDGED_COLUMNS = (
    "source_a", "id_a", "source_b", "id_b", "typologie_a", "typologie_b",
    "strate", "population", "jugement", "motif", "usage",
)  # fmt: skip
_ID = ("source", "id_source", "typologie")
_EARLIER = " (édition précédente)"


def read_judged(path: Path) -> pl.DataFrame:
    """A file of judged pairs, with `poids`: the pairs of its stratum that each one stands for.

    Raises:
        WrongUse: not a CSV in `JUDGED_COLUMNS`.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WrongUse(
            str(path), expected="a CSV of judged pairs", found=str(error), remedy="give another file"
        ) from error
    if tuple(frame.columns) != JUDGED_COLUMNS:
        raise WrongUse(
            str(path), expected=", ".join(JUDGED_COLUMNS), found=", ".join(frame.columns), remedy="fix the header"
        )
    return frame.with_columns((pl.col("population").cast(pl.Float64) / pl.len().over("strate", "usage")).alias("poids"))


def judge(judged: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """The judged pairs whose two records are in `linked`, with `lie`: whether they are in one group.

    Args:
        judged: output of `read_judged`.
        linked: constats with their `groupe_id`.
    """
    groups = linked.select(*_ID, "groupe_id")
    for side in ("a", "b"):
        named = groups.rename({"source": f"source_{side}", "id_source": f"id_{side}", "typologie": f"typologie_{side}"})
        named = named.rename({"groupe_id": f"groupe_{side}"})
        judged = judged.join(named, on=[f"source_{side}", f"id_{side}", f"typologie_{side}"], how="inner")
    return judged.with_columns((pl.col("groupe_a") == pl.col("groupe_b")).alias("lie")).drop("groupe_a", "groupe_b")


def scores(pairs: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Precision and recall by group of pairs; undecided pairs are left out.

    `paires, vrais, faux, manques` count pairs; `precision` and `rappel` are over the pairs as drawn, `…_ponderee` over
    the candidate pairs they stand for. A share of nothing is null.

    Args:
        pairs: output of `judge`.
        by: columns to group by; none gives one row.
    """
    yes, linked = pl.col("jugement") == "oui", pl.col("lie")

    def share(of: pl.Expr, among: pl.Expr, weight: pl.Expr) -> pl.Expr:
        total = weight.filter(among).sum()
        return pl.when(total > 0).then(weight.filter(of & among).sum() / total)

    one, weight = pl.lit(1.0), pl.col("poids")
    decided = pairs.filter(pl.col("jugement").is_in(["oui", "non"])).with_columns(one.alias("_un"))
    measures = [
        pl.len().alias("paires"),
        (yes & linked).sum().alias("vrais"),
        (~yes & linked).sum().alias("faux"),
        (yes & ~linked).sum().alias("manques"),
        share(yes, linked, pl.col("_un")).alias("precision"),
        share(linked, yes, pl.col("_un")).alias("rappel"),
        share(yes, linked, weight).alias("precision_ponderee"),
        share(linked, yes, weight).alias("rappel_pondere"),
    ]
    return decided.group_by(by).agg(measures).sort(by) if by else decided.select(measures)


def withheld_keys(constats: pl.DataFrame, *, rules: Rules | None = None, model: Model | None = None) -> pl.DataFrame:
    """Link without the exact keys, and compare with what they say: by register, `paires, retrouvees, contredites`.

    A key is contradicted when its first record is linked, in the second one's feed, to other records only.
    """
    rules = rules or linking_rules()
    frame = numbered(constats)
    truth = exact_links(frame, traits(frame, rules).select("_i", "famille"), rules)
    groups = link(frame.drop("_i"), rules=rules, model=model, keys=False).constats.select("groupe_id", "source")
    of = groups.with_row_index("_i").with_columns(pl.col("_i").cast(pl.Int64))
    pairs = truth.join(of, left_on="a", right_on="_i").join(of, left_on="b", right_on="_i", suffix="_b")
    present = of.select("groupe_id", pl.col("source").alias("source_b")).unique().with_columns(autre=pl.lit(True))
    pairs = pairs.join(present, on=["groupe_id", "source_b"], how="left")
    found = pl.col("groupe_id") == pl.col("groupe_id_b")
    return (
        pairs.group_by("regle")
        .agg(
            pl.len().alias("paires"),
            found.sum().alias("retrouvees"),
            (~found & pl.col("autre").fill_null(False)).sum().alias("contredites"),
        )
        .sort("regle")
    )


def across_editions(
    now: pl.DataFrame, earlier: pl.DataFrame, *, rules: Rules | None = None, model: Model | None = None
) -> pl.DataFrame:
    """Link two editions of each feed without any key, and compare with the ids they share.

    Returns:
        By feed: `communs` (records of both editions), `retrouves` (linked to themselves), `confondus` (pairs linked
        between the two editions whose ids differ), `precision`, `rappel`.
    """
    rows = []
    for source in sorted(set(now["source"]) & set(earlier["source"])):
        one = now.filter(pl.col("source") == source)
        other = earlier.filter(pl.col("source") == source).with_columns(source=pl.lit(source + _EARLIER))
        columns = [c for c in one.columns if c in other.columns]
        both = pl.concat([one.select(columns), other.select(columns)])
        linked = link(both, rules=rules, model=model, keys=False).constats
        of_earlier = pl.col("source") == source + _EARLIER
        pairs = linked.filter(~of_earlier).join(linked.filter(of_earlier), on="groupe_id", suffix="_b")
        # A record that went, linked to one that came under another id, may be right: only ids known to both tell.
        common = one.join(other, on=["id_source", "typologie"], how="semi")
        known = pl.col("id_source").is_in(common["id_source"].implode())
        known &= pl.col("id_source_b").is_in(common["id_source"].implode())
        found = int((pairs["id_source"] == pairs["id_source_b"]).sum())
        wrong = pairs.filter(known & (pl.col("id_source") != pl.col("id_source_b"))).height
        rows.append((source, common.height, found, wrong, found / max(found + wrong, 1), found / max(common.height, 1)))
    columns = ["source", "communs", "retrouves", "confondus", "precision", "rappel"]
    return pl.DataFrame(rows, schema=columns, orient="row")
