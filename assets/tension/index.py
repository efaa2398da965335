"""Tension index of territories (METHODS 4.5, steps 2 to 4): components, supply weakness F, need G, √(F·G), typology.

Every rank is given twice: among all territories (`national`) and within the density class (`classe`). Measuring the
components belongs to the modules of this stage, the words about a territory to `reasons`, how far the result depends on
the weights to `robustness`.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.tension.pairs import Bools, Floats
from assets.tension.ranks import Codes, oriented_ranks
from assets.tension.scheme import Scheme
from pipeline.foundations.errors import WrongUse

REFERENCES = ("national", "classe")
TENSE, WEAK_SUPPLY, HIGH_NEED, FRAGILE, NEITHER = TYPES = (
    "En tension : offre faible et besoin fort",
    "Offre faible, besoin modéré",
    "Besoin fort, offre présente",
    "Fragile : proche du seuil de tension",
    "Offre présente, besoin modéré",
)
NO_PEOPLE, NO_SUPPLY, NO_NEED, NO_CLASS = MOTIVES = (
    "population inconnue ou nulle",
    "trop peu de composantes connues de l'offre",
    "trop peu de composantes connues du besoin",
    "classe de densité inconnue",
)


def tension_table(territories: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """The index of each territory, with all it is made of.

    Args:
        territories: `territoire` (unique), `population`, `classe_densite`, and the columns of the scheme's indicators,
            null where unknown.

    Returns:
        What was given, in the same order, then `part_connue_offre`, `part_connue_besoin` (shares of weight),
        `composantes_inconnues` (titles, null when all are known), and for each reference r: `<colonne>_rang_<r>`,
        `<code>_<r>` (component), `offre_faible_<r>` (F), `besoin_<r>` (G), `tension_<r>`, all from 0 to 1, 1 the worst;
        `type_<r>`; `motif_<r>`: why there is no index, null when there is one.

    Raises:
        WrongUse: a column is missing, a territory is there twice, an indicator is infinite or a population negative.
    """
    _check(territories, scheme)
    people = territories["population"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    known = known_columns(territories, scheme)
    shares = known.select("part_connue_offre", "part_connue_besoin").to_numpy()
    parts = [territories, known]
    for reference in REFERENCES:
        classes = _classes(territories, reference)
        ranks = indicator_ranks(territories, scheme, reference)
        components = component_ranks(ranks, scheme)
        weak, need = sides(components, scheme.weights, scheme.supply)
        motif = np.select(
            [~(people > 0), classes < 0, *(shares < scheme.part_connue_min).T], [0, 3, 1, 2], default=-1
        ).astype(np.int64)
        weak, need = (np.where(motif < 0, side, np.nan) for side in (weak, need))
        made = {f"{i.colonne}_rang_{reference}": ranks[:, k] for k, i in enumerate(scheme.indicators)}
        made |= {f"{c.code}_{reference}": components[:, k] for k, c in enumerate(scheme.composantes)}
        made |= {
            f"offre_faible_{reference}": weak,
            f"besoin_{reference}": need,
            f"tension_{reference}": np.sqrt(weak * need),
        }
        words = {
            f"type_{reference}": _worded(_types(weak, need, scheme), TYPES),
            f"motif_{reference}": _worded(motif, MOTIVES),
        }
        parts.append(pl.DataFrame(made).fill_nan(None).with_columns(**words))
    return pl.concat(parts, how="horizontal")


def known_columns(territories: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """Shares of weight known on each side, and the titles of the components unknown, of each territory.

    A component is known as soon as one of its indicators is.
    """
    known = np.column_stack(
        [
            territories.select(pl.any_horizontal(pl.col([i.colonne for i in c.indicateurs]).is_not_null()))
            .to_series()
            .to_numpy()
            for c in scheme.composantes
        ]
    )
    titles = [pl.when(~pl.lit(pl.Series(known[:, k]))).then(pl.lit(c.titre)) for k, c in enumerate(scheme.composantes)]
    unknown = pl.concat_str(titles, separator=", ", ignore_nulls=True)
    shares = {
        f"part_connue_{side}": known[:, chosen] @ scheme.weights[chosen] / scheme.weights[chosen].sum()
        for side, chosen in (("offre", scheme.supply), ("besoin", ~scheme.supply))
    }
    return pl.DataFrame(shares).with_columns(
        pl.when(unknown.str.len_chars() > 0).then(unknown).alias("composantes_inconnues")
    )


def indicator_ranks(territories: pl.DataFrame, scheme: Scheme, reference: str) -> Floats:
    """Rank of each territory by each indicator (n, q), 0 the best to 1 the worst, NaN where unknown."""
    people = territories["population"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    classes = _classes(territories, reference)
    return np.column_stack(
        [
            oriented_ranks(
                territories[i.colonne].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
                people,
                classes,
                more_is_worse=i.pire == "haut",
                bounds=scheme.winsorisation,
            )
            for i in scheme.indicators
        ]
    )


def component_ranks(ranks: Floats, scheme: Scheme) -> Floats:
    """Weighted mean of the known ranks of its indicators, for each component (n, k), from `indicator_ranks`."""
    owner = np.repeat(np.arange(len(scheme.composantes)), [len(c.indicateurs) for c in scheme.composantes])
    weights = np.array([i.poids for i in scheme.indicators])
    return np.column_stack([known_mean(ranks[:, owner == k], weights[owner == k]) for k in range(owner[-1] + 1)])


def sides(components: Floats, weights: Floats, supply: Bools) -> tuple[Floats, Floats]:
    """Supply weakness F and need G (n,): weighted means of the known components of each side, NaN where none is."""
    return known_mean(components[:, supply], weights[supply]), known_mean(components[:, ~supply], weights[~supply])


def known_mean(values: Floats, weights: Floats) -> Floats:
    """Weighted mean of what is not NaN in each row (n,); NaN where nothing is."""
    known = ~np.isnan(values)
    total = (known * weights).sum(axis=1)
    summed = (np.where(known, values, 0.0) * weights).sum(axis=1)
    return np.asarray(np.divide(summed, total, out=np.full(len(values), np.nan), where=total > 0))


def _types(weak: Floats, need: Floats, scheme: Scheme) -> npt.NDArray[np.int64]:
    """Row of each territory in `TYPES`; -1 without an index.

    Fragile is what a little more of one side or of both, within the margin, would put in tension.
    """
    line, near = scheme.seuil, scheme.seuil - scheme.marge_fragile
    holds = [
        (weak >= line) & (need >= line),
        (weak >= near) & (need >= near),
        (weak >= line) & (need < line),
        (weak < line) & (need >= line),
        (weak < line) & (need < line),
    ]
    return np.select(holds, [0, 3, 1, 2, 4], default=-1).astype(np.int64)


def _worded(codes: npt.NDArray[np.int64], words: tuple[str, ...]) -> pl.Series:
    return pl.Series(codes).replace_strict(dict(enumerate(words)), default=None, return_dtype=pl.String)


def _classes(territories: pl.DataFrame, reference: str) -> Codes:
    """Number of the class within which each territory is ranked; -1 without one."""
    if reference == "national":
        return np.zeros(territories.height, dtype=np.int64)
    ranks = territories["classe_densite"].rank("dense").cast(pl.Int64)
    return ranks.fill_null(-1).to_numpy()


def _check(territories: pl.DataFrame, scheme: Scheme) -> None:
    columns = [i.colonne for i in scheme.indicators]
    if missing := [c for c in ("territoire", "population", "classe_densite", *columns) if c not in territories.columns]:
        raise _wrong("every column of tension.yml, null where unknown", f"no {', '.join(missing)}")
    if (twice := territories.filter(pl.col("territoire").is_duplicated())).height:
        raise _wrong("each territory once", f"{twice['territoire'][0]} twice or more")
    impossible = ~(pl.col("population") >= 0) | ~pl.col("population").cast(pl.Float64).is_finite()
    if (negative := territories.filter(impossible)).height:
        row = negative.row(0, named=True)
        raise _wrong("populations of 0 or more, null when unknown", f"{row['population']} in {row['territoire']}")
    for column in columns:
        if (faults := territories.filter(~pl.col(column).cast(pl.Float64).is_finite())).height:
            raise _wrong(f"finite values of {column}, null when unknown", f"another in {faults['territoire'][0]}")


def _wrong(expected: str, found: str) -> WrongUse:
    return WrongUse("territories of the tension index", expected=expected, found=found, remedy="correct that table")
