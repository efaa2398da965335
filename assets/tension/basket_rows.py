"""Baskets over territories: rows of `tension__paniers` and `tension__services_manquants`.

Scoring a basket at an origin belongs to `baskets`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from assets.tension.baskets import ALMOST_FULL, Basket, Score, covers, lacks, reachable_in_one_place, score
from assets.tension.decay import seconds as whole_seconds
from assets.tension.measures import Measured
from assets.tension.pairs import Floats, Ints, Pairs
from assets.tension.people import POPULATION
from assets.tension.summaries import Scope, frame_of, ratio
from pipeline.foundations.errors import WrongUse


@dataclass
class Kept:
    """What baskets need of each typology, kept as measures go by.

    Attributes:
        times: seconds to the nearest.
        near: pairs near enough for « one place ».
        rows: of the counters of those pairs.
    """

    limit_s: int
    times: dict[str, Floats] = field(default_factory=dict)
    near: dict[str, Pairs] = field(default_factory=dict)
    rows: dict[str, Ints] = field(default_factory=dict)

    @classmethod
    def of(cls, baskets: tuple[Basket, ...]) -> "Kept":
        """Room for what those baskets need."""
        return cls(max(whole_seconds(b.seuil_un_lieu_min) for b in baskets))

    def keep(self, measured: Measured) -> None:
        """Take a typology."""
        pairs = measured.pairs
        close = pairs.seconds <= self.limit_s
        self.times[measured.typology] = measured.seconds
        self.rows[measured.typology] = measured.rows
        self.near[measured.typology] = Pairs(
            pairs.origin[close], pairs.counter[close], pairs.seconds[close], pairs.origins, pairs.counters
        )


def basket_rows(
    scope: Scope, basket: Basket, kept: Kept, place_of_counter: Ints
) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """Rows of the two tables for one basket, level after level; none when no service of weight has a counter. Of the
    services a territory lacks, the one that lacks to most people first.

    People whose basket is unknown are left out of every mean, and counted beside; those who have no way to a service,
    out of mean times only.

    Args:
        place_of_counter: number of the place of each counter of the country.
    """
    try:
        scored = score(basket, kept.times)
    except WrongUse:
        if all(np.isnan(kept.times[s.typologie]).all() for s in basket.services if s.poids > 0):
            return [], []
        raise
    names = [s.typologie for s in scored.services]
    totals = scope.totals(_columns(scope.people.groups[POPULATION], scored, _together(basket, kept, place_of_counter)))
    absent = ", ".join(scored.without_counter) or None
    said = {"panier": basket.code, "mesure": scope.mesure}
    rows, missing = [], []
    for level, chosen in scope.levels():
        t = totals.over(level, chosen)
        weakest = np.column_stack([t[f"weakest {name}"] for name in names])
        made = {
            "population": np.where(t["counted"] > 0, t["everyone"], np.nan),
            "temps_moyen_min": ratio(t["time"], t["timed"]) / 60,
            "temps_maillon_faible_min": ratio(t["worst"], t["timed"]) / 60,
            "maillon_faible": np.where(weakest.max(axis=1) > 0, np.argmax(weakest, axis=1), np.nan),
            "couverture_pct": 100 * ratio(t["coverage"], t["known"]),
            "panier_complet_pct": 100 * ratio(t["full"], t["known"]),
            "panier_80_pct": 100 * ratio(t["almost"], t["known"]),
            "sans_acces_pct": 100 * ratio(t["no way"], t["known"]),
            "services_un_lieu": ratio(t["together"], t["known"]),
            "part_inconnue_pct": 100 * ratio(np.maximum(t["everyone"] - t["known"], 0), t["everyone"]),
        }
        most = pl.col("maillon_faible").cast(pl.Int64)
        rows.append(
            frame_of(level, chosen, said, made).with_columns(
                pl.col(pl.Float64).exclude("maillon_faible").round(2),
                most.replace_strict(dict(enumerate(names)), return_dtype=pl.String).alias("maillon_faible"),
                pl.lit(absent, dtype=pl.String).alias("services_sans_guichet"),
            )
        )
        lacking = []
        for name in names:
            people = {f"habitants_{how}": t[f"{how} {name}"] for how in ("sans", "substitut")}
            lacking.append(frame_of(level, chosen, said | {"typologie": name}, people))
        order = ["territoire", "habitants_sans", "habitants_substitut", "typologie"]
        missing.append(
            pl.concat(lacking)
            .with_columns(pl.col(pl.Float64).round(2))
            .filter(pl.col("habitants_sans") + pl.col("habitants_substitut") > 0)
            .sort(order, descending=[False, True, True, False])
        )
    return rows, missing


def _columns(people: Floats, scored: Score, together: Floats) -> Iterator[tuple[str, Floats]]:
    """What is summed of a basket: people, and people by what they have."""
    known, timed = ~np.isnan(scored.coverage), np.isfinite(scored.time)
    yield "counted", (~np.isnan(people)).astype(np.float64)
    yield "everyone", people
    yield "known", people * known
    yield "timed", people * timed
    yield "time", people * np.where(timed, scored.time, 0.0)
    yield "worst", people * np.where(timed, scored.worst, 0.0)
    yield "no way", people * np.isinf(scored.time)
    yield "coverage", people * scored.coverage
    yield "full", people * covers(scored, 1.0)
    yield "almost", people * covers(scored, ALMOST_FULL)
    yield "together", people * known * together
    for rank, service in enumerate(scored.services):
        none, substitute = lacks(scored, rank)
        yield f"weakest {service.typologie}", people * (scored.worst_service == rank)
        yield f"sans {service.typologie}", people * none
        yield f"substitut {service.typologie}", people * substitute


def _together(basket: Basket, kept: Kept, place_of_counter: Ints) -> Floats:
    """Most services of the basket in one place, at each origin."""
    names = [s.typologie for s in basket.services]
    sizes = [kept.near[name].counters for name in names]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    pairs = Pairs(
        np.concatenate([kept.near[n].origin for n in names]),
        np.concatenate([kept.near[n].counter + s for n, s in zip(names, starts, strict=True)]),
        np.concatenate([kept.near[n].seconds for n in names]),
        kept.near[names[0]].origins,
        int(sum(sizes)),
    )
    places = place_of_counter[np.concatenate([kept.rows[n] for n in names])]
    of_counters = [n for n, size in zip(names, sizes, strict=True) for _ in range(size)]
    return reachable_in_one_place(basket, pairs, places, of_counters).astype(np.float64)
