"""Supply against demand: floating catchments (METHODS 4.3), from pairs, people, weekly hours and a decay.

Each method is a few sums over pairs, linear in them. Choosing whom a counter is for belongs to `demand`; what f is, to
`decay`.

Notation: P_i people, S_j weekly hours, f_ij = f(t_ij). Conserved, summed over what is reached: Σ P_i A_i = Σ S_j by
2SFCA, E2SFCA, KD2SFCA, 3SFCA and APL. By BFCA: Σ A_i = Σ R_j and Σ demand_j = Σ P_i. By M2SFCA nothing is, by design.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from assets.tension.methods import Family, Method
from assets.tension.pairs import Bools, Floats, Pairs
from pipeline.foundations.errors import WrongUse

#: Hours per person -> minutes per 100 persons.
_MINUTES_PER_100 = 60 * 100


@dataclass(frozen=True)
class Catchment:
    """Supply within reach of n origins, and demand on c counters.

    Attributes:
        access: A_i (n,), hours per week and person. 0 where no counter is within reach; NaN where some are but none has
            a ratio.
        known: (n,) share, by f, of the counters within reach that have a ratio: what A_i stands on. NaN where no
            counter is within reach.
        demand: (c,) people who weigh on each counter; NaN where its hours are unknown.
        ratio: R_j = S_j / demand (c,); NaN where the hours are unknown or nobody reaches the counter.
        unknown_hours: share of the counters whose hours are unknown; NaN without counters.
        unknown_people: share of the origins whose people are unknown (they weigh nothing); NaN without origins.
        unreached_hours: hours per week of the counters nobody reaches, part of no A_i.
    """

    access: Floats
    known: Floats
    demand: Floats
    ratio: Floats
    unknown_hours: float
    unknown_people: float
    unreached_hours: float


@dataclass(frozen=True)
class _Case:
    """What the formulas read: unknown people weigh 0, counters whose hours are unknown are left out."""

    pairs: Pairs
    people: Floats
    open: Floats  # 1 for a counter of known hours, else 0
    f: Floats

    def choice(self) -> Floats:
        """1 / Σ_j f_ij over the counters of known hours (n,); 0 where there is none."""
        return _divide(1.0, self.pairs.to_origins(self.f, self.open), otherwise=0.0)


#: Demand on each counter, then A_i from the ratios R_j (0 for a counter that has none).
_Formulas = tuple[Callable[[_Case], Floats], Callable[[_Case, Floats], Floats]]


def _two_step_demand(case: _Case) -> Floats:
    return case.pairs.to_counters(case.f, case.people)


def _two_step_access(case: _Case, ratio: Floats) -> Floats:
    return case.pairs.to_origins(case.f, ratio)


def _chosen_demand(case: _Case) -> Floats:
    """Σ_k G_kj f_kj P_k, with G_kj f_kj = f² / Σ_j f."""
    return case.pairs.to_counters(case.f**2, case.people * case.choice())


def _chosen_access(case: _Case, ratio: Floats) -> Floats:
    return case.pairs.to_origins(case.f**2, ratio) * case.choice()


def _squared_access(case: _Case, ratio: Floats) -> Floats:
    return case.pairs.to_origins(case.f**2, ratio)


def _balanced_demand(case: _Case) -> Floats:
    """Σ_i P_i f_ij / Σ_j f_ij: each person is shared among counters, once."""
    return case.pairs.to_counters(case.f, case.people * case.choice())


def _balanced_access(case: _Case, ratio: Floats) -> Floats:
    """Σ_j R_j f_ij / Σ_i f_ij: each ratio is shared among origins, once."""
    shares = case.pairs.to_counters(case.f, np.ones(case.pairs.origins))
    return case.pairs.to_origins(case.f, _divide(ratio, shares, otherwise=0.0))


_FAMILIES: Mapping[Family, _Formulas] = {
    # R_j = S_j / Σ f P ; A_i = Σ f R. Luo & Wang 2003 (step), Luo & Qi 2009 (zones), Dai 2010 (Gaussian), APL (steps).
    "deux_etapes": (_two_step_demand, _two_step_access),
    # Wan et al. 2012.
    "trois_etapes": (_chosen_demand, _chosen_access),
    # Delamater 2013: A_i = Σ S f² / Σ f P.
    "sans_compensation": (_two_step_demand, _squared_access),
    # Páez et al. 2019.
    "equilibree": (_balanced_demand, _balanced_access),
}


def catchment(method: Method, pairs: Pairs, people: Floats, hours: Floats) -> Catchment:
    """Supply within reach by a method of METHODS 4.3.

    Args:
        pairs: up to the last minute of the method's decay at least.
        people: P_i (n,), potential users; NaN where unknown.
        hours: S_j (c,), weekly hours; NaN where unknown.

    Returns:
        `access` and `ratio` in the method's unit: hours per week and person, or minutes per week per 100 persons.

    Raises:
        WrongUse: another number of people or hours than of origins or counters, or one negative or infinite.
    """
    for name, values, expected in (("people", people, pairs.origins), ("weekly hours", hours, pairs.counters)):
        if values.shape != (expected,):
            raise _wrong(name, f"{expected} values", f"shape {values.shape}")
        if len(faults := np.flatnonzero((values < 0) | np.isinf(values))):
            raise _wrong(name, "0 or more, NaN when unknown", f"{values[faults[0]]} in row {faults[0]}")
    demand_on, access_from = _FAMILIES[method.famille]
    known_hours: Bools = ~np.isnan(hours)
    case = _Case(pairs, np.nan_to_num(people), known_hours.astype(np.float64), method.decroissance.table())
    demand = np.where(known_hours, demand_on(case), np.nan)
    ratio = _divide(hours, demand, otherwise=np.nan)
    rated = (~np.isnan(ratio)).astype(np.float64)
    within = pairs.to_origins(case.f, np.ones(pairs.counters))
    known = _divide(pairs.to_origins(case.f, rated), within, otherwise=np.nan)
    access = np.where(known == 0, np.nan, access_from(case, np.nan_to_num(ratio)))
    result = Catchment(
        access=access,
        known=known,
        demand=demand,
        ratio=ratio,
        unknown_hours=float(np.mean(~known_hours)) if len(hours) else float("nan"),
        unknown_people=float(np.mean(np.isnan(people))) if len(people) else float("nan"),
        unreached_hours=float(hours[known_hours & np.isnan(ratio)].sum()),
    )
    if method.unite == "minutes_pour_100":
        return replace(result, access=access * _MINUTES_PER_100, ratio=ratio * _MINUTES_PER_100)
    return result


def _divide(values: Floats | float, by: Floats, *, otherwise: float) -> Floats:
    """Quotient where the divisor is more than 0, `otherwise` elsewhere."""
    return np.asarray(np.divide(values, by, out=np.full(by.shape, otherwise), where=by > 0))


def _wrong(subject: str, expected: str, found: str) -> WrongUse:
    return WrongUse(subject, expected=expected, found=found, remedy="correct the table it comes from")
