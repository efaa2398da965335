"""What a choice of places means for people: the tables of a proposal, and the scenario file that evaluates it.

Choosing belongs to `siting`; here, arrays become rows that say which place, for whom, and what each brings.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from assets.scenarios.base import Base
from assets.scenarios.edits import Scenario
from assets.scenarios.siting.front import Step
from assets.scenarios.siting.problem import Problem
from assets.scenarios.siting.solve import Objective, Solution
from assets.tension.pairs import Bools, Floats, Ints
from pipeline.foundations.errors import WrongUse

#: Divides the value of each objective into its unit: person-minutes, people, minutes.
_UNIT = {"p-median": 60, "couverture": 1, "pire-temps": 60}


@dataclass(frozen=True)
class Proposal:
    """Where to open, what to close, and what it brings.

    Attributes:
        mesure: what the times are: by road, or as the crow flies.
        territoire: name.
        solution: as searched: in seconds.
        ouvertures, fermetures: a row per place, as `openings_table`, `closings_table`.
        chiffres: `indicateur, avant, apres`.
        front: a row per number of openings (or closings), as `front_table`.
        issues: candidates and counters set aside, with the reason.
        scenario: the choice as edits.
    """

    base: Base
    typologie: str
    territoire: str
    objectif: Objective
    mesure: str
    solution: Solution
    ouvertures: pl.DataFrame
    fermetures: pl.DataFrame
    chiffres: pl.DataFrame
    front: pl.DataFrame
    issues: pl.DataFrame
    scenario: Scenario


def worth_table(
    problem: Problem, is_open: Bools, changed: Ints, named: pl.DataFrame, thresholds_min: Sequence[int]
) -> pl.DataFrame:
    """One row per place that opens or closes.

    Columns: of `named`; `usagers`: people whose nearest it becomes or was; then, for that place alone (`_seul`: it
    only changes) and with the others (`_ensemble`: what differs without it), `personnes_minutes` spared, times at most
    the ceiling, and people brought within each threshold, `ramenes_a_<m>_min`; negative when people lose.

    Args:
        is_open: (f,) the choice.
        changed: rows of the places. named: what they are, in the same order.
    """
    today, chosen = problem.seconds(problem.untouched), problem.seconds(is_open)
    before, after = problem.users(problem.untouched), problem.users(is_open)
    columns: dict[str, list[float]] = {}
    for place in changed:
        toggled = np.arange(problem.places) == place
        alone = problem.seconds(problem.untouched ^ toggled)
        without = problem.seconds(is_open ^ toggled)
        for suffix, pair in (("seul", (today, alone)), ("ensemble", (without, chosen))):
            columns.setdefault(f"personnes_minutes_{suffix}", []).append(_spared(problem, *pair))
            for m in thresholds_min:
                brought = _within(problem, pair[1], m) - _within(problem, pair[0], m)
                columns.setdefault(f"ramenes_a_{m}_min_{suffix}", []).append(brought)
    names = [f"{name}_{s}" for s in ("seul", "ensemble") for name in _worths(thresholds_min)]
    users = np.where(is_open, after, before)[changed]
    return named.with_columns(
        pl.Series("usagers", users, dtype=pl.Float64).round(2),
        *(pl.Series(name, columns.get(name, []), dtype=pl.Float64).round(2) for name in names),
    )


def figures_table(problem: Problem, is_open: Bools, thresholds_min: Sequence[int]) -> pl.DataFrame:
    """`indicateur, avant, apres`: mean and worst time, people within each threshold, people at the ceiling: farther, or
    without a way.
    """
    cases = [problem.seconds(places) for places in (problem.untouched, is_open)]
    sides = [_figures(problem, seconds, thresholds_min) for seconds in cases]
    return pl.DataFrame(
        {"indicateur": list(sides[0]), "avant": list(sides[0].values()), "apres": list(sides[1].values())},
        schema={"indicateur": pl.String, "avant": pl.Float64, "apres": pl.Float64},
    )


def front_table(
    problem: Problem, steps: Sequence[Step], objective: Objective, thresholds_min: Sequence[int]
) -> pl.DataFrame:
    """One row per number of openings and closings, asked for.

    Columns: `ouvertures, fermetures`; `valeur, borne`: of the objective, in person-minutes, people or minutes;
    `ecart_pct` between the two; `prouve`; `methode`; then those of `figures_table`. All null where no choice respects
    the worst time asked.
    """
    unit = _UNIT[objective]
    figures = _figures(problem, problem.base_s, thresholds_min)
    schema = {
        "ouvertures": pl.Int64,
        "fermetures": pl.Int64,
        "valeur": pl.Float64,
        "borne": pl.Float64,
        "ecart_pct": pl.Float64,
        "prouve": pl.Boolean,
        "methode": pl.String,
        **dict.fromkeys(figures, pl.Float64),
    }
    rows = []
    for step in steps:
        row: dict[str, object] = dict.fromkeys(schema) | {"ouvertures": step.opened, "fermetures": step.closed}
        if (found := step.solution) is not None:
            row |= {
                "valeur": found.value / unit,
                "borne": found.bound / unit,
                "ecart_pct": 100 * found.gap,
                "prouve": found.proven,
                "methode": found.method,
                **_figures(problem, problem.seconds(found.is_open(problem)), thresholds_min),
            }
        rows.append(row)
    return pl.DataFrame(rows, schema=schema).with_columns(
        pl.col("ecart_pct").round(4), pl.col("valeur", "borne").round(2)
    )


def _figures(problem: Problem, seconds: Floats, thresholds_min: Sequence[int]) -> dict[str, float | None]:
    people, times = problem.people, problem.clipped(seconds)
    everybody = float(people.sum())
    far = np.max(times[problem.within_reach]) if problem.within_reach.any() else None
    return {
        "temps_moyen_min": round(float(people @ times) / everybody / 60, 2) if everybody else None,
        "pire_temps_min": None if far is None else round(float(far) / 60, 2),
        **{f"habitants_{m}_min": round(_within(problem, seconds, m), 2) for m in thresholds_min},
        "habitants_au_plafond": round(float(people[times >= problem.ceiling_s].sum()), 2),
    }


def _spared(problem: Problem, before: Floats, after: Floats) -> float:
    return float(problem.people @ (problem.clipped(before) - problem.clipped(after))) / 60


def _within(problem: Problem, seconds: Floats, minutes: int) -> float:
    return float(problem.people[seconds <= 60 * minutes].sum())


def _worths(thresholds_min: Sequence[int]) -> list[str]:
    return ["personnes_minutes", *(f"ramenes_a_{m}_min" for m in thresholds_min)]


def scenario_of(
    base: Base, typologie: str, nom: str, description: str, opened: pl.DataFrame, closed: pl.DataFrame
) -> Scenario:
    """The choice as edits on the base: places by id, listed points by position.

    Args:
        opened: `lieu_id, nom, longitude, latitude`. closed: `point_accueil_id`.
    """
    edits: list[dict[str, object]] = [{"action": "fermer", "id": ident} for ident in closed["point_accueil_id"]]
    for lieu_id, name, longitude, latitude in opened.select("lieu_id", "nom", "longitude", "latitude").iter_rows():
        lieu = {"lieu_id": lieu_id} if lieu_id else {"longitude": longitude, "latitude": latitude}
        edits.append({"action": "ouvrir", "typologie": typologie, "nom": f"{typologie} – {name}", "lieu": lieu})
    return Scenario.model_validate(
        {"nom": nom[:120], "base": base.manifest.version, "description": description, "modifications": edits}
    )


def write_scenario(proposal: Proposal, path: Path) -> None:
    """Write the scenario of a proposal as YAML, which `csp scenario evaluer` reads; by one rename.

    Raises:
        WrongUse: another suffix than .yml or .yaml.
    """
    if path.suffix.lower() not in (".yml", ".yaml"):
        raise WrongUse(f"--out {path}", expected="a name in .yml", found=path.suffix or "no suffix", remedy="rename it")
    data = proposal.scenario.model_dump(mode="json", exclude_none=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    aside.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=120), encoding="utf-8")
    aside.replace(path)
