"""Whether feeds moved more than they usually do: against the last promoted release, their declared bounds, their age.

Counts are taken on what the feeds say (one record counts once per type code it carries), before any harmonising, so
that an accident upstream is not hidden by our own rules. Thresholds and their reasons are in `variation.yml`. Accepting
a breach belongs to `quality.acceptances`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.foundations.errors import WrongUse
from quality.contract import Severity
from quality.results import RuleResult, Status, number, percent, plural

_THRESHOLDS = Path(__file__).with_name("variation.yml")

Axis = Literal["code", "departement"]
_AXES: dict[Axis, str] = {"code": "code de type", "departement": "département"}

#: What a count is filed under when the feed does not say.
NO_CODE = "(aucun)"
NO_DEPARTEMENT = "(inconnu)"

ABSENT = "absente"
LAST_GOOD = "dernière bonne version"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Counts(_Strict):
    """Records of each source by type code and by département, sorted: `{"dila": {"mairie": 36035, …}}`."""

    code: Mapping[str, Mapping[str, int]] = {}
    departement: Mapping[str, Mapping[str, int]] = {}

    @field_validator("code", "departement")
    @classmethod
    def _sorted(cls, value: Mapping[str, Mapping[str, int]]) -> Mapping[str, Mapping[str, int]]:
        return {source: dict(sorted(counts.items())) for source, counts in sorted(value.items())}

    def along(self, axis: Axis) -> Mapping[str, Mapping[str, int]]:
        """The counts of that axis, by source."""
        return self.code if axis == "code" else self.departement


class Threshold(_Strict):
    """A movement is a breach above both the floor (records) and the percentage of the previous count."""

    min_absolute: int = Field(ge=0)
    relative_pct: float = Field(ge=0)

    def allowed(self, previous: int) -> float:
        """The largest movement that is not a breach."""
        return max(self.min_absolute, previous * self.relative_pct / 100)


class SourceThresholds(_Strict):
    """Thresholds of one source; an axis left out follows the default."""

    code: Threshold | None = None
    departement: Threshold | None = None


class DefaultThresholds(_Strict):
    """Thresholds of every source that says nothing."""

    code: Threshold
    departement: Threshold


class Thresholds(_Strict):
    """`variation.yml`."""

    default: DefaultThresholds
    sources: Mapping[str, SourceThresholds] = {}

    def of(self, source: str, axis: Axis) -> Threshold:
        """The threshold of a source on an axis."""
        own = self.sources.get(source, SourceThresholds())
        chosen: Threshold = getattr(own, axis) or getattr(self.default, axis)
        return chosen


class SourceStatus(_Strict):
    """What became of one source in this run, as far as quality is concerned.

    `etat` is the word of the ingestion (`à jour`, `gelée`, `dernière bonne version`, `absente`); `empreinte` identifies
    the bytes used; `sous_minimum` is the number of usable rows of a version refused for being below the minimum.
    """

    id: str
    titre: str
    etat: str
    refus: str | None = None
    requise: bool = False
    empreinte: str = ""
    date_fichier: date | None = None
    age_jours: int | None = None
    age_max_jours: int
    lignes_lues: int | None = None
    lignes_utilisables: int | None = None
    sous_minimum: int | None = None
    borne_min: int
    borne_max: int


def load_thresholds(path: Path = _THRESHOLDS) -> Thresholds:
    """Read and validate the thresholds.

    Raises:
        WrongUse: not YAML, or not thresholds; every fault is listed.
    """
    try:
        return Thresholds.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise WrongUse(str(path), expected="a YAML file", found=str(error), remedy="fix the file") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WrongUse(str(path), expected="thresholds by source", found=faults, remedy="fix the file") from error


def count_records(records: Mapping[str, pl.DataFrame]) -> Counts:
    """Count the records of each counter feed.

    Args:
        records: by source id, frames in `sources.record.RECORD_SCHEMA` (only `codes_type` and `code_insee` are read).
            The département is the head of the commune code as the feed states it.
    """
    insee = pl.col("code_insee")
    size = pl.when(insee.str.starts_with("97") | insee.str.starts_with("98")).then(3).otherwise(2)
    departement = pl.when(insee.str.len_chars() == 5).then(insee.str.slice(0, size)).fill_null(NO_DEPARTEMENT)
    codes = pl.col("codes_type").list.unique()
    return Counts(
        code={
            source: _tally(
                frame.select(codes.alias("group"))
                .explode("group", empty_as_null=True)
                .get_column("group")
                .fill_null(NO_CODE)
            )
            for source, frame in records.items()
        },
        departement={
            source: _tally(frame.select(departement.alias("group")).get_column("group"))
            for source, frame in records.items()
        },
    )


def _tally(groups: pl.Series) -> dict[str, int]:
    return dict(groups.value_counts(name="n").iter_rows())


def compare_counts(current: Counts, previous: Counts | None, thresholds: Thresholds) -> list[RuleResult]:
    """Hold the counts of this run against those of the last promoted release.

    Each breach is a blocking result of its own, so that it can be accepted on its own. A group that vanished without
    reaching the threshold is an alert. A source and axis without breach gives one result that says so; a source that
    was not there before has nothing to be compared with; one that is no longer there is one blocking result.

    Returns:
        Results sorted by source, axis and group; empty when there is no previous release.
    """
    if previous is None:
        return []
    results: list[RuleResult] = []
    for source in sorted({*current.code, *previous.code}):
        if source not in previous.code:
            results.append(_vary(source, "variation", "ok", "source nouvelle, sans publication précédente à comparer"))
        elif source not in current.code:
            results.append(
                _vary(
                    source,
                    "variation",
                    "échec",
                    "la source n’a plus aucun enregistrement",
                    titre="La source est toujours là",
                    attendu="une source présente dans la publication précédente",
                )
            )
        else:
            for axis in _AXES:
                results += _compare(source, axis, current, previous, thresholds.of(source, axis))
    return results


def _compare(source: str, axis: Axis, current: Counts, previous: Counts, threshold: Threshold) -> Iterator[RuleResult]:
    new, old = current.along(axis).get(source, {}), previous.along(axis).get(source, {})
    quiet = True
    for group in sorted({*new, *old}):
        before, after = old.get(group, 0), new.get(group, 0)
        if group in (NO_CODE, NO_DEPARTEMENT) and after < before:
            continue  # the feed says more than it did
        breach = abs(after - before) > threshold.allowed(before)
        if not breach and (after or not before):
            continue
        quiet = quiet and not breach
        yield _vary(
            source,
            f"{axis}.{group}.variation",
            "échec",
            f"{number(before)} → {number(after)} ({describe_move(before, after)})",
            titre=f"Le nombre d’enregistrements du {_AXES[axis]} « {group} » varie peu"
            if breach
            else f"Le {_AXES[axis]} « {group} » n’a pas disparu",
            attendu=f"un écart d’au plus {number(int(threshold.allowed(before)))}",
            gravite="blocage" if breach else "alerte",
            nb_valeurs=before,
            nb_echecs=abs(after - before),
        )
    if quiet:
        yield _vary(
            source, f"{axis}.variation", "ok", f"{plural(len({*new, *old}), 'groupe')} comparés, aucun au-delà du seuil"
        )


def describe_move(before: int, after: int) -> str:
    """`−207, soit −15,4 %`; `+3` from nothing."""
    move = after - before
    sign = "+" if move > 0 else ""
    share = f", soit {sign}{percent(move, before)}" if before else ""
    return f"{sign}{number(move)}{share}"


def _vary(
    source: str,
    rule: str,
    status: Status,
    observed: str,
    *,
    titre: str = "Les nombres d’enregistrements varient peu",
    attendu: str = "des écarts sous les seuils de quality/variation.yml",
    gravite: Severity = "blocage",
    **counts: Any,
) -> RuleResult:
    return RuleResult(
        source=source,
        regle=f"{source}.{rule}",
        titre=titre,
        gravite=gravite,
        statut=status,
        observe=observed,
        attendu=attendu,
        remede="Comparer le fichier à celui de la publication précédente et interroger le producteur. Si l’écart est "
        "réel, l’expliquer et l’accepter (acceptations.yml) ; sinon attendre un fichier corrigé.",
        **counts,
    )


def check_sources(sources: Iterable[SourceStatus]) -> list[RuleResult]:
    """Hold each source against its declaration: it is there, its rows are within bounds, it is not stale."""
    return [result for source in sources for result in _check(source)]


def _check(source: SourceStatus) -> Iterator[RuleResult]:
    def result(rule: str, titre: str, failed: bool, observe: str, attendu: str, remede: str, g: Severity) -> RuleResult:
        return RuleResult(
            source=source.id,
            regle=f"{source.id}.{rule}",
            titre=titre,
            gravite=g,
            statut="échec" if failed else "ok",
            observe=observe,
            attendu=attendu,
            remede=remede,
        )

    absent = source.etat == ABSENT
    yield result(
        "disponibilite",
        "La source a pu être lue",
        absent or source.etat == LAST_GOOD,
        source.etat + (f" : {source.refus}" if source.refus else ""),
        "le dernier fichier du producteur, lisible",
        "Voir l’adresse et le format du fichier ; la dernière bonne version sert en attendant.",
        "blocage" if absent and source.requise else "alerte",
    )
    rows = source.lignes_utilisables if source.sous_minimum is None else source.sous_minimum
    if rows is not None:
        seen = plural(rows, "enregistrement utilisable", "enregistrements utilisables")
        yield result(
            "lignes.minimum",
            "La source a assez d’enregistrements",
            rows < source.borne_min,
            seen + (" dans le nouveau fichier, écarté" if source.sous_minimum is not None else ""),
            f"au moins {number(source.borne_min)}",
            "Interroger le producteur. Si la baisse est réelle, l’expliquer et l’accepter (acceptations.yml), puis "
            "revoir bounds.min de source.yml.",
            "blocage",
        )
        yield result(
            "lignes.maximum",
            "La source n’a pas trop d’enregistrements",
            rows > source.borne_max,
            seen,
            f"au plus {number(source.borne_max)}",
            "Chercher des doublons. Si la hausse est réelle, revoir bounds.max de source.yml.",
            "alerte",
        )
    if absent:
        return
    age = source.age_jours
    yield result(
        "fraicheur",
        "La source est assez récente",
        age is None or age > source.age_max_jours,
        "âge inconnu" if age is None else plural(age, "jour"),
        f"au plus {plural(source.age_max_jours, 'jour')}",
        "Dater le fichier." if age is None else "Demander une mise à jour au producteur, ou revoir max_age_days.",
        "alerte",
    )
