"""The stored verdict: what publishing reads before it promotes anything.

A check that blocks its own run does not stop a later one; a verdict on disk, bound by a fingerprint to the inputs it
judged, does. Judging is adding up results; obtaining them belongs to `validate` and `variation`.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from pipeline.foundations.errors import QualityRefused
from quality.coverage import Coverage
from quality.results import RuleResult
from quality.variation import Counts, SourceStatus

_SHOWN = 3  # blocking results named in the message of a refusal


class _Stored(BaseModel):
    """A file of results; the same results give the same bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def write(self, path: Path) -> None:
        """Store it as JSON by one rename."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)


class Verdict(_Stored):
    """Whether these inputs may be published, and everything that says so.

    `cle` is the fingerprint of the inputs judged, given by whoever gathers them.
    """

    format: Literal[1] = 1
    statut: Literal["accepté", "refusé"]
    cle: str
    resultats: tuple[RuleResult, ...]
    comptages: Counts = Counts()
    sources: tuple[SourceStatus, ...] = ()
    couverture: tuple[Coverage, ...] = ()  # by département

    @model_validator(mode="after")
    def _follows_from_results(self) -> Self:
        if (self.statut == "refusé") != bool(self.blocages):
            raise ValueError("statut does not follow from resultats")
        return self

    @property
    def blocages(self) -> tuple[RuleResult, ...]:
        """What stops the promotion."""
        return tuple(r for r in self.resultats if r.bloque)

    @property
    def alertes(self) -> tuple[RuleResult, ...]:
        """What is to be looked at."""
        return tuple(r for r in self.resultats if r.alerte)

    @property
    def acceptes(self) -> tuple[RuleResult, ...]:
        """Breaches a steward has accepted."""
        return tuple(r for r in self.resultats if r.statut == "accepté")

    @property
    def comptes(self) -> dict[str, int]:
        """How many results there are of each kind."""
        return {
            "regles": len(self.resultats),
            "blocages": len(self.blocages),
            "alertes": len(self.alertes),
            "acceptes": len(self.acceptes),
        }


class Judged(_Stored):
    """What the rules said of tables: kept beside the verdict, for the next one on the very same tables."""

    cle: str
    resultats: tuple[RuleResult, ...]


def judge(
    cle: str,
    results: Iterable[RuleResult],
    *,
    counts: Counts | None = None,
    sources: Iterable[SourceStatus] = (),
    coverage: Iterable[Coverage] = (),
) -> Verdict:
    """The verdict on results already confronted with the acceptances."""
    found = tuple(results)
    return Verdict(
        statut="refusé" if any(r.bloque for r in found) else "accepté",
        cle=cle,
        resultats=found,
        comptages=counts or Counts(),
        sources=tuple(sorted(sources, key=lambda s: s.id)),
        couverture=tuple(coverage),
    )


def read_verdict(path: Path) -> Verdict:
    """The stored verdict.

    Raises:
        QualityRefused: there is none, or the file is not a verdict (or its status is not that of its results).
    """
    try:
        return Verdict.model_validate_json(path.read_bytes())
    except OSError as error:
        raise QualityRefused(
            f"verdict {path.name}",
            expected="a stored verdict",
            found=error.strerror or "no file",
            remedy="run the checks: csp build",
        ) from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'verdict'}: {e['msg']}" for e in error.errors()[:5])
        raise QualityRefused(
            f"verdict {path.name}", expected="a verdict of this version", found=faults, remedy="run the checks again"
        ) from error


def read_judged(path: Path) -> Judged | None:
    """What was said of tables; None when there is no such file, or it is not one of this version."""
    try:
        return Judged.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def require(verdict: Verdict, cle: str) -> None:
    """Let through only inputs that this verdict has accepted.

    Raises:
        QualityRefused: it judged other inputs, or it refuses them; the message names the first blocking rules, what was
            expected and found, and what to do.
    """
    if verdict.cle != cle:
        raise QualityRefused(
            "verdict",
            expected=f"a verdict on the inputs to publish ({cle[:12]})",
            found=f"a verdict on other inputs ({verdict.cle[:12]})",
            remedy="run the checks again on these inputs",
        )
    if not (blocking := verdict.blocages):
        return
    shown = "; ".join(f"{r.regle} ({r.sujet}): {r.observe}" for r in blocking[:_SHOWN])
    more = f"; and {len(blocking) - _SHOWN} more" if len(blocking) > _SHOWN else ""
    raise QualityRefused(
        f"verdict: {len(blocking)} blocking rule(s)",
        expected="; ".join(f"{r.regle}: {r.attendu}" for r in blocking[:_SHOWN]),
        found=shown + more,
        remedy=_remedy(blocking),
    )


def _remedy(blocking: tuple[RuleResult, ...]) -> str:
    """How to go on: rules on sources may be accepted, the others only mended."""
    acceptable = [r.regle for r in blocking if r.source is not None and r.statut == "échec"]
    parts = []
    if acceptable:
        parts.append(
            f"check with the producer, then accept what is real in acceptations.yml ({', '.join(acceptable[:_SHOWN])})"
        )
    if len(acceptable) < len(blocking):
        parts.append("mend the data, the code or the contract for the rules on tables")
    return "; ".join(parts) + "; the report qualite/rapport.html has the details"
