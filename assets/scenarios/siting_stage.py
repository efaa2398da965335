"""Where to open and what to close in a territory: from a data root to a proposal, with the scenario that evaluates it.

Choosing belongs to `siting`, times to `siting_times`, candidates to `siting_candidates`; words to print to the command.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import polars as pl
from pydantic import Field, ValidationError, model_validator
from rapidfuzz import process

from assets.access.places import HELD_ALL_WEEK
from assets.release.versions import LATEST
from assets.scenarios.base import Base, load_base
from assets.scenarios.edits import TypologyLabel
from assets.scenarios.region import people_of
from assets.scenarios.settings import settings
from assets.scenarios.siting.exact import Limits
from assets.scenarios.siting.front import front
from assets.scenarios.siting.problem import Problem
from assets.scenarios.siting.solve import Ask, Objective
from assets.scenarios.siting_candidates import listed, public_places
from assets.scenarios.siting_proposal import Proposal, figures_table, front_table, scenario_of, worth_table
from assets.scenarios.siting_settings import settings as siting_settings
from assets.scenarios.siting_times import CrowWays, RoadWays, Ways, problem_of
from assets.tension.people import POPULATION, People
from assets.tension.tables import held_departements
from assets.tension.zones import Zones
from assets.territories.levels import COMMUNE, LEVELS
from pipeline.foundations.declared import Strict
from pipeline.foundations.errors import CspError, WrongUse
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.progress import reporter
from pipeline.foundations.tables import TableStore
from pipeline.foundations.workspace import Workspace

#: Levels a territory may be named by.
_LEVELS = (COMMUNE, "epci", "departement")


class Request(Strict):
    """What is asked.

    Attributes:
        territoire: code of a commune, an EPCI or a département: its people are counted, and nobody else.
        nombre, fermer: how many open at most, how many of the territory's close.
        seuil_min: of `couverture`; without it, the first threshold of scenarios.
        pire_temps_max_min: nobody is left farther, among those within reach of some place.
        candidats: file of points that may open beside public places.
    """

    typologie: TypologyLabel
    territoire: str
    objectif: Objective
    nombre: Annotated[int, Field(ge=0)]
    fermer: Annotated[int, Field(ge=0)] = 0
    seuil_min: Annotated[int, Field(gt=0, le=600)] | None = None
    pire_temps_max_min: Annotated[float, Field(gt=0, le=600)] | None = None
    candidats: Path | None = None

    @classmethod
    def of(cls, **values: Any) -> Self:
        """From what a person gave.

        Raises:
            WrongUse: every fault, by name.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, e['loc'])) or 'request'}: {e['msg']}" for e in error.errors())
            found = "; ".join(f.replace("Value error, ", "") for f in faults)
            raise WrongUse(
                "siting", expected="a question that can be asked", found=found, remedy="correct it"
            ) from error

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.nombre + self.fermer:
            raise ValueError("at least one place to open (nombre) or to close (fermer)")
        if self.seuil_min is not None and self.objectif != "couverture":
            raise ValueError("seuil_min is the threshold of couverture: leave it out, or change the objective")
        return self

    @property
    def ask(self) -> Ask:
        """In seconds."""
        covered = self.objectif == "couverture"
        worst = self.pire_temps_max_min
        return Ask(
            self.objectif,
            self.nombre,
            self.fermer,
            60 * self.threshold_min if covered else None,
            None if worst is None else round(60 * worst),
        )

    @property
    def threshold_min(self) -> int:
        """Minutes within which people are covered."""
        return self.seuil_min or settings().seuils_min[0]


@dataclass(frozen=True)
class Zone:
    """A territory: its name, the codes of its communes."""

    nom: str
    communes: pl.Series


@dataclass(frozen=True)
class Case:
    """A siting problem with its names.

    Attributes:
        candidates: `CANDIDATE_SCHEMA`; closable: `SUPPLY_SCHEMA`: the places of the problem, in its order.
    """

    base: Base
    zone: Zone
    mesure: str
    candidates: pl.DataFrame
    closable: pl.DataFrame
    problem: Problem
    issues: IssueLog


def propose(workspace: Workspace, request: Request, version: str = LATEST) -> Proposal:
    """Propose where to open and what to close.

    Counters of the typology outside the territory stay as they are, and serve its people as they do today.

    Args:
        version: base release.

    Raises:
        WrongUse: a territory or a release that is not there, a fault of the file of candidates, or more than exists.
        CspError: no place would bring anything.
    """
    case = case_of(workspace, request, version)
    problem, issues = case.problem, case.issues
    reporter().step(f"implantation : recherche ({problem.places} lieux, {len(problem.pairs.seconds)} trajets)")
    steps = front(problem, request.ask, Limits(siting_settings().secondes, siting_settings().ensembles_max))
    solution = steps[-1].solution
    if solution is None or not len(solution.opened) + len(solution.closed):
        raise CspError(
            f"siting of {request.typologie} in {case.zone.nom}",
            expected="a place that brings somebody something",
            found=f"none among {case.candidates.height} candidates",
            remedy="list other places with --candidats, or take another objective",
        )
    reporter().step("implantation : ce que chaque lieu apporte")
    thresholds = sorted({*settings().seuils_min, request.threshold_min})
    names = workspace.tables.read("territories__communes").select(
        pl.col("code").alias("code_insee"), pl.col("nom").alias("commune")
    )
    opened, closed = (
        frame.filter(pl.Series(np.isin(np.arange(frame.height), rows))).join(
            names, on="code_insee", how="left", maintain_order="left"
        )
        for frame, rows in ((case.candidates, solution.opened), (case.closable, solution.closed))
    )
    closed = closed.select("point_accueil_id", "nom", "code_insee", "commune", "longitude", "latitude")
    is_open = solution.is_open(problem)
    words = f"{request.objectif}, {solution.method}, écart {100 * solution.gap:.2f} %, {case.mesure}"
    return Proposal(
        base=case.base,
        typologie=request.typologie,
        territoire=case.zone.nom,
        objectif=request.objectif,
        mesure=case.mesure,
        solution=solution,
        ouvertures=worth_table(problem, is_open, solution.opened, opened, thresholds),
        fermetures=worth_table(problem, is_open, solution.closed + np.int32(problem.candidates), closed, thresholds),
        chiffres=figures_table(problem, is_open, thresholds),
        front=front_table(problem, steps, request.objectif, thresholds),
        issues=issues.frame(),
        scenario=scenario_of(
            case.base, request.typologie, f"{request.typologie}, {case.zone.nom}", f"Proposé : {words}.", opened, closed
        ),
    )


def case_of(workspace: Workspace, request: Request, version: str = LATEST) -> Case:
    """The siting problem of a request. Raises as `propose`."""
    tables = workspace.tables
    base = load_base(workspace, version)
    zone = zone_of(tables, request.territoire)
    everybody = people_of(tables, zone.communes, Zones.of(tables.read("territories__appartenance")))
    ways = _ways(workspace, everybody, base)
    issues = IssueLog("implantation")
    held = base.counters.filter(
        (pl.col("typologie") == request.typologie) & (pl.col("type_structure") == HELD_ALL_WEEK)
    )
    placed, unplaced = held.filter(pl.col("longitude").is_not_null()), held.filter(pl.col("longitude").is_null())
    may_close = _closable(placed, zone, ways, issues) if request.fermer else placed.clear()
    stay = placed.join(may_close, on="point_accueil_id", how="anti", maintain_order="left")
    candidates = _candidates(tables, request, zone, held["lieu_id"].drop_nulls(), ways, issues)
    unknown = unplaced["code_insee"].drop_nulls().unique()
    problem = problem_of(ways, everybody, stay, may_close, candidates, unknown, request.fermer)
    _log_left_out(everybody, problem, issues)
    return Case(base, zone, ways.mesure, candidates, may_close, problem, issues)


def zone_of(tables: TableStore, code: str) -> Zone:
    """The territory of a code.

    Raises:
        WrongUse: no commune, EPCI or département has it; the nearest is said.
    """
    membership = tables.read("territories__appartenance")
    names = [
        tables.read("territories__communes").select("code", "nom"),
        tables.read("territories__zones").filter(pl.col("niveau").is_in(_LEVELS)).select("code", "nom"),
    ]
    for niveau in _LEVELS:
        communes = membership.filter(pl.col(LEVELS[niveau]) == code)["code"]
        if len(communes):
            # A commune and an EPCI never share a code, nor a département.
            nom = pl.concat(names).filter(pl.col("code") == code)["nom"]
            return Zone(nom[0] if len(nom) else code, communes)
    known = [c for niveau in _LEVELS for c in membership[LEVELS[niveau]].drop_nulls().unique().sort()]
    best = process.extractOne(code, known)
    raise WrongUse(
        f"territory {code}",
        expected="the code of a commune, an EPCI or a département",
        found="no such code",
        remedy=f"the nearest is {best[0]}" if best else "run `csp build`",
    )


def _ways(workspace: Workspace, everybody: People, base: Base) -> Ways:
    """By road where every département of the territory is measured so, as evaluations do."""
    own = everybody.frame["code_departement"].unique().sort().to_list()
    if strangers := sorted(set(own) - set(base.manifest.perimetre)):
        raise WrongUse(
            f"base release {base.manifest.version}",
            expected="one that holds the whole territory",
            found=f"none of département {', '.join(strangers)}",
            remedy="take another release, or another territory",
        )
    by_road = held_departements(workspace.tables, own) == own
    return RoadWays(workspace, everybody) if by_road else CrowWays(everybody)


def _closable(placed: pl.DataFrame, zone: Zone, ways: Ways, issues: IssueLog) -> pl.DataFrame:
    """Counters of the territory that people can reach: closing another would cost nothing, for want of knowing."""
    here = placed.filter(pl.col("code_insee").is_in(zone.communes.implode()))
    off = pl.Series(ways.off(here))
    issues.add_rows(
        here.filter(off),
        record="point_accueil_id",
        column="nom",
        rule="guichet-hors-reseau",
        reason="Trop loin d’une route où s’arrêter : on ne sait pas qui il sert, sa fermeture n’est pas proposée.",
    )
    return here.filter(~off)


def _candidates(
    tables: TableStore, request: Request, zone: Zone, taken: pl.Series, ways: Ways, issues: IssueLog
) -> pl.DataFrame:
    """Public places of the territory, then listed points, that people can reach."""
    known = tables.read("referentiel__lieux")
    found = [public_places(known, zone.communes, taken)]
    unplaced = pl.col("lieu_code_insee").is_in(zone.communes.implode()) & pl.col("lieu_longitude").is_null()
    issues.add_rows(
        known.filter(unplaced),
        record="lieu_id",
        column="lieu_nom",
        rule="candidat-sans-position",
        reason="Lieu sans position : on ne sait pas qui il servirait.",
    )
    if request.candidats is not None:
        communes = tables.read("territories__communes").select("code", "departement", "geometrie")
        found.append(listed(request.candidats, communes))
    every = pl.concat(found)
    off = pl.Series(ways.off(every))
    issues.add_rows(
        every.filter(off).with_columns(pl.coalesce("lieu_id", "nom").alias("_id")),
        record="_id",
        column="nom",
        rule="candidat-hors-reseau",
        reason="Trop loin d’une route où s’arrêter : personne ne pourrait y aller.",
    )
    return every.filter(~off)


def _log_left_out(everybody: People, problem: Problem, issues: IssueLog) -> None:
    """Say whom the search does not count, or cannot bring near anything."""
    people = everybody.frame.with_columns(pl.Series("_p", everybody.groups[POPULATION]))
    unknown = np.isnan(everybody.groups[POPULATION])
    lost = ~problem.counted & (everybody.groups[POPULATION] > 0)
    away = problem.counted & ~problem.within_reach
    for rows, rule, reason in (
        (unknown, "origine-sans-population", "Population inconnue : ces habitants ne comptent pas."),
        (
            lost,
            "origine-sans-temps",
            "Trajet d’aujourd’hui inconnu (loin d’une route, ou point d’accueil de la commune sans position) : "
            "ces habitants ne comptent pas.",
        ),
        (
            away,
            "origine-hors-d-atteinte",
            "Aucun lieu n’est à moins du plafond : ces habitants ne comptent pas dans le pire temps.",
        ),
    ):
        chosen = people.filter(pl.Series(rows))
        issues.add_rows(chosen, record="origine_id", column="_p", rule=rule, reason=reason, severity="info")
