"""The `options` of a list as typed data: how its file is packed, which column says which measure, what silence means.

The keys are explained for stewards in this folder's README. Reading the bytes belongs to `tables`, applying the mapping
to `read`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.foundations.errors import SourceUnreadable
from sources.spec import SourceSpec

#: Level of a territory whose codes are those of communes, to be brought to the current geography.
COMMUNE = "commune"
_YEAR, _PREVIOUS = "{an}", "{an_precedent}"
_TWO_DIGITS = r"(\d{2})"


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


#: One name, or several of which the first that the file bears is the one.
Names = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
Words = Annotated[tuple[str, ...], BeforeValidator(_several)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measure(_Strict):
    """One figure (or one word, for a zoning) of each territory.

    `poids`: measure of the same list that weighs this one when former communes are brought together; without any, the
    rate of several communes is unknown.
    """

    colonne: Names
    nature: Literal["effectif", "taux", "montant", "indice", "texte"]
    min: float | None = None
    max: float | None = None
    poids: str | None = None
    valeurs: dict[str, str] = {}  # words of the file -> ours; any other is reported. Empty: kept as they are
    optionnelle: bool = False  # a vintage may lack it

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.nature == "texte" and (self.min is not None or self.max is not None or self.poids):
            raise ValueError("a text has neither bounds nor weight")
        if self.nature != "texte" and self.valeurs:
            raise ValueError("`valeurs` are for texts")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """What a value may be: a count is not negative, a rate is a percentage unless said otherwise."""
        low = 0.0 if self.nature in ("effectif", "taux") else -float("inf")
        high = 100.0 if self.nature == "taux" else float("inf")
        return (low if self.min is None else self.min), (high if self.max is None else self.max)


class Long(_Strict):
    """A file of one row per territory and measure: `colonne` of the measures are then values of the column `mesure`."""

    mesure: str
    valeur: str
    secret: dict[str, Words] = {}  # column -> values that say the figure is under statistical secrecy


class ListOptions(_Strict):
    """`options` of a list."""

    membre: str | None = None  # pattern (`*`, `?`) of the file's name inside its zip, case ignored
    feuille: str | Annotated[int, Field(ge=1)] | None = None  # sheet of a workbook: its name, or its rank
    ligne_entete: int = Field(1, ge=1)
    separateur: Literal[";", ",", "\t", "|"] = ";"
    encodage: Literal["utf-8", "cp1252", "iso-8859-15"] = "utf-8"
    decimale: Annotated[tuple[Literal[".", ","], ...], BeforeValidator(_several)] = (".",)  # marks met in a CSV
    code: Names
    colonne_niveau: str | None = None
    niveaux: dict[str, str] = {}  # words of that column -> our level; rows of any other are left out
    lignes: dict[str, Words] = {}  # rows kept: those whose column is one of these values
    derniere: str | None = None  # column of a date: only the rows of its latest value are kept
    longue: Long | None = None
    secret: Words = ()
    absent: Words = ()
    vide: Literal["secret", "absent"] = "absent"  # what an empty cell means
    ignorees: Words = ()  # patterns of columns that are known and not read
    mesures: dict[str, Measure] = Field(min_length=1)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if (self.colonne_niveau is None) != (not self.niveaux):
            raise ValueError("`colonne_niveau` and `niveaux` go together")
        for name, measure in self.mesures.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"{name!r} is not a name (lower case, no accent)")
            weight = self.mesures.get(measure.poids) if measure.poids else None
            if measure.poids and (weight is None or weight.nature != "effectif"):
                raise ValueError(f"poids of {name}: {measure.poids!r} is not a count of this list")
        return self

    @property
    def rows_columns(self) -> tuple[str, ...]:
        """Columns that say what a row is about, beside the territory's code."""
        own = [self.colonne_niveau, self.derniere, *self.lignes]
        if self.longue:
            own += [self.longue.mesure, self.longue.valeur, *self.longue.secret]
        return tuple(dict.fromkeys(name for name in own if name))


def options_of(spec: SourceSpec) -> ListOptions:
    """The options of a list.

    Raises:
        WrongUse: they do not follow `ListOptions`; every fault is told.
    """
    return spec.options_as(ListOptions)


@dataclass(frozen=True)
class Held:
    """A measure the file holds: its column (or its word, in a long file), and the year that its name bears."""

    column: str
    vintage: str | None


def held_measures(options: ListOptions, found: Collection[str], subject: str) -> dict[str, Held]:
    """Which of `found` is each measure.

    `{an}` stands for two digits: those of the latest year met, the same for the whole file; `{an_precedent}` for the
    latest before it.

    Raises:
        SourceUnreadable: a measure that is not optional has no column.
    """
    years = _years(options, found)
    held: dict[str, Held] = {}
    missing: list[str] = []
    for name, measure in options.mesures.items():
        columns = [(_filled(t, years), t) for t in measure.colonne]
        match = next(((c, t) for c, t in columns if c in found), None)
        if match is None:
            missing += [] if measure.optionnelle else [columns[0][0]]
            continue
        held[name] = Held(match[0], next((f"20{y}" for mark, y in years.items() if y and mark in match[1]), None))
    if missing:
        # The nearest names: files of a hundred columns would drown the one that changed.
        others = [c for c in found if c not in {h.column for h in held.values()}]
        raise SourceUnreadable(
            subject,
            expected=f"column(s) {', '.join(missing)}",
            found=f"other column(s): {', '.join(others[:20])}" + (" …" if len(others) > 20 else ""),
            remedy="if the producer renamed them, update `options.mesures` of the list",
        )
    return held


def _years(options: ListOptions, found: Collection[str]) -> dict[str, str | None]:
    """The two digits that each mark stands for in this file."""
    latest = _met(options, found, _YEAR)
    last = max(latest, default=None)
    before = max((y for y in _met(options, found, _PREVIOUS) if last is None or y < last), default=None)
    return {_YEAR: last, _PREVIOUS: before}


def _met(options: ListOptions, found: Collection[str], mark: str) -> set[str]:
    templates = [t for m in options.mesures.values() for t in m.colonne if mark in t]
    patterns = [re.compile(_TWO_DIGITS.join(map(re.escape, t.split(mark)))) for t in templates]
    return {match[1] for name in found for pattern in patterns if (match := pattern.fullmatch(name))}


def _filled(template: str, years: Mapping[str, str | None]) -> str:
    for mark, digits in years.items():
        template = template.replace(mark, digits or "??")
    return template


def ignored(options: ListOptions, found: Iterable[str]) -> Iterator[str]:
    """The columns that the list declares as known and not read."""
    return (name for name in found if any(fnmatchcase(name, pattern) for pattern in options.ignorees))
