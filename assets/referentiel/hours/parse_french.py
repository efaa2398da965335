"""French sentences about opening hours, cut into clauses: which days, which times, under which conditions.

`clauses` only says what is written. What a clause does to a table — opens, closes, restricts — belongs to `apply`.
A word that is neither a day, a time, a condition nor a word of the subject makes the clause uncertain: it is listed in
`Clause.words`, and callers keep the sentence as a remark rather than guess.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from assets.referentiel.hours.lexicon import FILLERS, Token, fold, tokens
from assets.referentiel.hours.model import EVEN_WEEKS, MIDNIGHT, ODD_WEEKS, Half, Span


@dataclass
class Clause:
    """What one clause says. Empty means it does not say."""

    text: str = ""
    days: frozenset[int] = frozenset()
    half: Half | None = None
    spans: tuple[Span, ...] = ()
    nth: tuple[int, ...] = ()
    weeks: str = ""
    dates: tuple[str, ...] = ()  # OSM date selectors
    dated: bool = False  # the dates name a year
    said: frozenset[str] = frozenset()  # token kinds met: CLOSED, RDV, ONLY, PHONE…
    exception: "Clause | None" = None
    words: tuple[str, ...] = ()  # what was not understood
    rules: tuple[str, ...] = ()


@dataclass
class _Draft:
    """A clause being read."""

    start: int = -1
    end: int = -1
    days: set[int] = field(default_factory=set)
    half: Half | None = None
    times: list[int] = field(default_factory=list)
    nth: list[int] = field(default_factory=list)
    weeks: str = ""
    dates: list[tuple[str, bool]] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    words: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    exception: "_Draft | None" = None
    times_first: bool = False
    said_after_times: bool = False
    weeks_after_times: bool = False
    times_of_exception: bool = False
    inherited: tuple[int, ...] = ()
    lead: set[str] = field(
        default_factory=set
    )  # what was said before any day or time: it holds for the days that follow

    @property
    def heading(self) -> bool:
        """True for a line such as "Pendant les vacances scolaires :", which holds for the next ones."""
        return bool(self.said) and self.said <= _HEADINGS and not (self.days or self.times or self.words or self.half)

    @property
    def empty(self) -> bool:
        parts = (
            self.days,
            self.times,
            self.said,
            self.words,
            self.half,
            self.nth,
            self.weeks,
            self.dates,
            self.exception,
        )
        return not any(parts)

    def take(self, token: Token) -> None:
        """Add one token's meaning."""
        kind, value = token.kind, token.value
        if kind in ("DAY", "TIME") and not self.days and not self.times:
            self.lead = set(self.said)
        if kind == "DAY":
            self.days |= value
            if token.text == "?":
                self.rules.append("jour-orthographe")
            elif token.text == "tiret":
                self.rules.append("tiret-jours")
        elif kind == "TIME":
            if not self.days and not self.times:
                self.times_first = True
            self.times.append(value)
        elif kind == "H24":
            self.times_first = self.times_first or not (self.days or self.times)
            self.times += [0, MIDNIGHT]
        elif kind in ("MORNING", "AFTERNOON"):
            half: Half = "matin" if kind == "MORNING" else "apres-midi"
            if self.half and self.half != half:
                self.said.add("BOTHHALVES")
            self.half = half
        elif kind == "NTH":
            self.nth.append(value)
        elif kind in ("ODD", "EVEN", "ALTERNATE"):
            self.weeks = EVEN_WEEKS if kind == "EVEN" else ODD_WEEKS
            self.weeks_after_times = bool(self.times)
            if kind == "ALTERNATE":
                self.rules.append("alternance-parite-inconnue")
        elif kind == "DATE":
            self.dates.append(value)
        elif kind == "WORD":
            if token.text not in FILLERS:
                self.words.append(token.text)
        elif kind == "NUMBER":
            self.words.append(token.text)
        elif kind not in ("LINK", "SKIP", "FROM", "PLUS"):
            self.said.add(kind)
            if kind == "PHONEDUTY":
                self.said.add("PHONE")
            elif kind == "ALSORDV":
                self.said |= {"RDV", "ALSO"}
            self.said_after_times = self.said_after_times or bool(self.times)

    def done(self, original: str) -> Clause:
        """The clause; an odd number of times, or times out of order, are listed among the words."""
        words = list(self.words)
        if "CLOSED" in self.said and len(self.times) == 1:  # "fermé à 17h"
            self.times.append(MIDNIGHT)
        if "OFMONTH" in self.said and not self.nth:  # "une fois par mois": which week is not said
            words.append("mois")
        spans = tuple(zip(self.times[::2], self.times[1::2], strict=False))
        if len(self.times) % 2 or any(end <= start or end > MIDNIGHT for start, end in spans):
            words.append("heures")
            spans = ()
        if self.nth and not self.days and not self.inherited:
            self.said.add("RANKONLY")
        return Clause(
            text=_TRAILING.sub("", original[self.start : self.end].strip(" ,:;.-/|")),
            days=frozenset(self.days or self.inherited),
            half=None if "BOTHHALVES" in self.said else self.half,
            spans=spans,
            nth=tuple(sorted(set(self.nth), key=lambda n: (n < 0, n))),
            weeks=self.weeks,
            dates=tuple(selector for selector, _ in self.dates),
            dated=any(dated for _, dated in self.dates),
            said=frozenset(self.said),
            exception=self.exception.done(original) if self.exception else None,
            words=tuple(words + (list(self.exception.words) if self.exception else [])),
            rules=tuple(dict.fromkeys(self.rules)),
        )


#: Words left at the end of a clause by the start of the next.
_TRAILING: Final = re.compile(r"(?:\s+(?:et|ou|le|les|de|du|l|sur)\b|[\s,'’(])+$")
_HEADINGS: Final = frozenset({"SCHOOLHOLIDAYS", "SCHOOLTIME", "PHONE", "PHONEDUTY"})
_CARRIED: Final = _HEADINGS | {"RDV", "FREE", "BOTH"}
_MODES: Final = frozenset({"RDV", "FREE", "BOTH", "ONLY", "CLOSED"})
#: Said after times, these belong to them: times that follow are another clause.
_ENDING: Final = _MODES | {"ONSITE"}


def _starts_clause(draft: _Draft, sequence: Sequence[Token], position: int) -> _Draft | None:
    """The new clause the token at `position` starts, or None when it belongs to the current one."""
    kind = sequence[position].kind
    before = [token.text for token in sequence[max(position - 2, 0) : position]]
    same_days = tuple(draft.days or draft.inherited)
    ended = draft.weeks_after_times or (draft.said_after_times and bool(draft.said & _ENDING))
    own_article = before == ["et", "le"] and "CLOSED" in draft.said
    other_half = draft.half is not None and draft.half != ("matin" if kind == "MORNING" else "apres-midi")
    fresh: _Draft | None = None
    match kind:
        case "DAY" if draft.times and not draft.times_first:
            fresh = _Draft(said=draft.lead & _CARRIED)
        case "DAY" if draft.days and not draft.times and (draft.half or own_article):
            # "fermé le mardi et le jeudi après-midi": each day has its article, the half-day is the last one's
            fresh = _Draft(said=set(draft.said))
        case "DAY" if draft.days and "CLOSED" in draft.said and _closed_last(draft, sequence, position):
            fresh = _Draft()
        case "TIME" | "H24" if draft.times and draft.times_first and draft.days:
            fresh = _Draft(times_first=True)
        case "TIME" if draft.half and not draft.times and "CLOSED" in draft.said:  # "fermé le matin - 13h30 à 18h30"
            fresh = _Draft(inherited=same_days)
        case "TIME" | "H24" if draft.times and ended:
            fresh = _Draft(inherited=same_days)
        case "NTH" if draft.times and not draft.times_first and _day_follows(sequence, position):
            fresh = _Draft()
        case "MORNING" | "AFTERNOON" if draft.times and not (draft.times_first and draft.days):
            fresh = _Draft(inherited=same_days)
        case "MORNING" | "AFTERNOON" if other_half and draft.said & _MODES:
            fresh = _Draft(inherited=same_days)
        case "CLOSED" if draft.times or draft.said & {"RDV", "FREE", "BOTH", "ALSO", "RESERVED", "ELECTED"}:
            fresh = _Draft()
        case "PLUS" if draft.times:
            fresh = _Draft(inherited=same_days, said={"ALSO"})
        case "SCHOOLHOLIDAYS" if draft.times and before == ["et", "les"]:
            fresh = _Draft()
        case "PHONE" | "PHONEDUTY" if draft.times or draft.said & {"RDV", "CLOSED", "FREE", "BOTH"}:
            fresh = _Draft()
        case "RDV" | "FREE" | "BOTH" if draft.said & {"CLOSED", "FREE"}:
            fresh = _Draft()
    return fresh


def _drafts(sequence: Sequence[Token]) -> Iterator[_Draft]:
    heading: set[str] = set()
    draft = _Draft()
    for position, token in enumerate(sequence):
        kind = token.kind
        if kind == "BREAK":
            if draft.heading and token.text == "\n":
                heading = set(draft.said)
            elif not draft.empty:
                yield draft
            draft = _Draft(said=set(heading))
            continue
        # what follows "sauf" belongs to the exception, but for a closure or a phone line
        if draft.exception is None or kind in ("CLOSED", "PHONE", "PHONEDUTY"):
            fresh = _Draft() if draft.exception and kind == "CLOSED" else _starts_clause(draft, sequence, position)
            if fresh is not None:
                if not draft.empty:
                    yield draft
                # a subject that was not understood still holds: "Salle des fêtes : lundi 9h-12h, mardi 14h-16h"
                fresh.words = draft.words[:1]
                draft = fresh
                draft.said |= heading
        target = draft
        if kind == "EXCEPT":
            draft.exception = draft.exception or _Draft(start=token.start)
        elif draft.exception and kind not in ("RDV", "FREE"):
            # "tous les jours sauf le dimanche de 9h à 18h": the times are those of the clause
            own_times = kind == "TIME" and draft.days and (not draft.times or draft.times_of_exception)
            draft.times_of_exception = draft.times_of_exception or bool(own_times)
            target = draft if own_times else draft.exception
        if kind != "EXCEPT":
            target.take(token)
            target.end = token.end
            if target.start < 0:
                target.start = token.start
        draft.start = token.start if draft.start < 0 else draft.start
        draft.end = token.end
    if not draft.empty:
        yield draft


def _day_follows(sequence: Sequence[Token], position: int) -> bool:
    """True when a day comes before any time or break: "2e samedi du mois" starts something, "(1er et 3e)" does not."""
    following = next((t.kind for t in sequence[position + 1 :] if t.kind in ("DAY", "TIME", "BREAK")), "")
    return following == "DAY"


def _closed_last(draft: _Draft, sequence: Sequence[Token], position: int) -> bool:
    """True when the draft reads "mercredi : fermé" (the day came first) and this day starts something else."""
    kinds = [t.kind for t in sequence[:position] if draft.start <= t.start]
    return "DAY" in kinds and "CLOSED" in kinds and kinds.index("DAY") < kinds.index("CLOSED")


@lru_cache(maxsize=65536)
def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a French text, in order. Never fails; what it does not understand is in `Clause.words`."""
    original = unicodedata.normalize("NFC", text).replace("œ", "oe").replace("Œ", "OE")
    return tuple(draft.done(original) for draft in _drafts(tokens(fold(original))))
