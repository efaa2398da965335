"""How rules decide, and what they all know: reasons in order, ids that follow one another, inputs that moved."""

from collections.abc import Iterable, Sequence

import polars as pl

from assets.release.changes.continuity import BRIDGES, LIKENESS, REGISTRY
from assets.release.changes.evidence import Evidence
from assets.release.changes.settings import CORRECTION, GEOGRAPHY, METHOD, OFFRE, REASONS, SOURCE, UNKNOWN

BETWEEN = ", "
#: When it holds, the reason, and what to say of it.
Rule = tuple[pl.Expr, pl.Expr | str, pl.Expr | str]


def decide(rows: pl.DataFrame, rules: Sequence[Rule], default: pl.Expr | str, detail: pl.Expr | str) -> pl.DataFrame:
    """Add `raison` and `detail`: those of the first rule that holds. A condition that cannot be told does not hold."""
    reason, said = _expression(default), _expression(detail)
    for condition, why, how in reversed(rules):
        holds = condition.fill_null(value=False)
        reason = pl.when(holds).then(_expression(why)).otherwise(reason)
        said = pl.when(holds).then(_expression(how)).otherwise(said)
    decided = rows.with_columns(reason.alias("raison"), said.replace("", None).alias("detail"))
    return decided.with_columns(in_order(decided["raison"]))


def _expression(value: pl.Expr | str) -> pl.Expr:
    return pl.lit(value) if isinstance(value, str) else value


def in_order(reasons: pl.Series) -> pl.Series:
    """Lists of reasons, each reason once, in the order of `REASONS`."""
    met = reasons.unique().drop_nulls()
    names = {text: listed(text.split(BETWEEN)) for text in met}
    return reasons.replace_strict(names, default=None, return_dtype=pl.String)


def listed(reasons: Iterable[str]) -> str:
    """Several reasons as one text, each once, in the order of `REASONS`."""
    return BETWEEN.join(sorted(set(reasons), key=REASONS.index))


def other_input(evidence: Evidence) -> str:
    """What explains a change when the feeds that tell it have not moved."""
    if evidence.code_changed:
        return METHOD
    return next((family for family in (CORRECTION, GEOGRAPHY) if family in evidence.moved), UNKNOWN)


def with_witness(rows: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """Add `temoin`: what says that the text after is the id that follows the text before; null when nothing does."""
    return rows.join(evidence.links, on=["avant", "apres"], how="left", maintain_order="left")


def link_rules(evidence: Evidence) -> list[Rule]:
    """Why an id follows another, by witness."""
    return [
        (
            pl.col("temoin") == LIKENESS,
            METHOD if _same_feeds(evidence) else SOURCE,
            "même typologie, même commune, même nom ou adresse : la source a changé ses numéros",
        ),
        (pl.col("temoin") == REGISTRY, judged(evidence), pl.format("{} réuni avec {}", "avant", "apres")),
        (
            pl.col("temoin") == BRIDGES,
            judged(evidence),
            pl.format("{} : ses enregistrements sont ceux de {}", "avant", "apres"),
        ),
    ]


def judged(evidence: Evidence) -> str:
    """Records joined or parted: because of what feeds say, unless none of them says anything new."""
    return METHOD if _same_feeds(evidence) else CORRECTION


def _same_feeds(evidence: Evidence) -> bool:
    return evidence.code_changed and not evidence.moved & {OFFRE, CORRECTION}
