"""Breaches a steward has explained and accepted, in `acceptations.yml` at the data root.

An acceptance speaks of one rule on one snapshot of one source: the next file is judged anew. Rules on tables cannot be
accepted, only mended (in the data, the code or the contract), and neither can a rule that could not be evaluated.
"""

import os
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.foundations.errors import WrongUse
from quality.results import RuleResult
from quality.variation import ABSENT

_HEADER = """\
# Écarts expliqués et acceptés. Chacun ne vaut que pour le fichier dont il donne l'empreinte.
# Champs : regle, source, empreinte (sha256 du fichier ; « absente » quand la source a disparu), motif,
# organisation, date.
"""
_FORM = "a list of {regle, source, empreinte, motif, organisation, date}"


class Acceptance(BaseModel):
    """One accepted breach. `organisation` is a body, not a person; `empreinte` as in `SourceStatus.empreinte`."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    regle: str = Field(min_length=3)
    source: str = Field(pattern=r"^[a-z0-9_]+$")
    empreinte: str = Field(pattern=rf"^([0-9a-f]{{64}}(\+[0-9a-f]{{64}})*|{ABSENT})$")
    motif: str = Field(min_length=10, description="what was checked, and why the breach is right")
    organisation: str = Field(min_length=2)
    date: date

    @property
    def speaks_of(self) -> tuple[str, str, str]:
        """What it accepts: rule, source, snapshot."""
        return (self.regle, self.source, self.empreinte)


_LIST = TypeAdapter(tuple[Acceptance, ...])


def load_acceptances(path: Path) -> tuple[Acceptance, ...]:
    """The acceptances of the file, in its order; none when there is no file.

    Raises:
        WrongUse: not YAML, not a list of acceptances (every fault is listed), or the same breach accepted twice.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        found = _LIST.validate_python(data)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongUse(str(path), expected=_FORM, found=str(error), remedy="fix the file") from error
    except ValidationError as error:
        faults = "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in error.errors())
        raise WrongUse(str(path), expected=_FORM, found=faults, remedy="fix the file") from error
    _refuse_twice(path, found)
    return found


def append_acceptance(path: Path, acceptance: Acceptance) -> None:
    """Add one acceptance at the end of the file, made if need be; the file is replaced by one rename.

    Raises:
        WrongUse: the file is not valid, or this breach is already accepted.
    """
    accepted = (*load_acceptances(path), acceptance)
    _refuse_twice(path, accepted)
    text = _HEADER + yaml.safe_dump(
        [a.model_dump() for a in accepted], sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def apply_acceptances(
    results: Iterable[RuleResult], acceptances: Iterable[Acceptance], snapshots: Mapping[str, str]
) -> list[RuleResult]:
    """The results, where a breach accepted for the snapshot in use becomes `accepté` and says by whom and why.

    Args:
        results: any results.
        acceptances: those of the file.
        snapshots: by source id, what identifies the bytes in use; a source without any is `absente`.
    """
    known = {a.speaks_of: a for a in acceptances}
    return [_accepted(result, known, snapshots) for result in results]


def _accepted(
    result: RuleResult, known: Mapping[tuple[str, str, str], Acceptance], snapshots: Mapping[str, str]
) -> RuleResult:
    if result.source is None or result.statut != "échec":
        return result
    acceptance = known.get((result.regle, result.source, snapshots.get(result.source) or ABSENT))
    if acceptance is None:
        return result
    why = f"{acceptance.motif} ({acceptance.organisation}, {acceptance.date:%d/%m/%Y})"
    return result.model_copy(update={"statut": "accepté", "acceptation": why})


def _refuse_twice(path: Path, acceptances: tuple[Acceptance, ...]) -> None:
    seen: set[tuple[str, str, str]] = set()
    for acceptance in acceptances:
        if acceptance.speaks_of in seen:
            raise WrongUse(
                str(path),
                expected="each breach accepted once",
                found=f"{acceptance.regle} of source {acceptance.source} twice for the same snapshot",
                remedy="remove one of them",
            )
        seen.add(acceptance.speaks_of)


def _place(location: tuple[int | str, ...]) -> str:
    """Where a fault is, as a person counts: `acceptance 2, motif`."""
    head, *rest = location or ("the file",)
    return ", ".join([f"acceptance {head + 1}" if isinstance(head, int) else head, *map(str, rest)])
