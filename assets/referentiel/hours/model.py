"""Shapes shared by the hours readers: the result, a weekly table of slots, and its writing as OSM `opening_hours`.

Reading a notation belongs to the `parse_*` modules, measuring to `measure`. Days are 0 (Monday) to 6 (Sunday), times
are minutes after midnight; an end above 1440 is after midnight, the next day.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
JOURS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MIDNIGHT: Final = 24 * 60
NOON: Final = 12 * 60
#: A slot that ends at or before this belongs to the morning, even when it runs past noon.
_MORNING_ENDS: Final = 13 * 60 + 30

ALL_DAYS: Final = frozenset(range(7))
RDV_COMMENT: Final = "sur rendez-vous"

Span = tuple[int, int]
Half = Literal["matin", "apres-midi"]
Qualite = Literal["exact", "réparé", "illisible"]
Modalite = Literal["Avec rendez-vous", "Sans rendez-vous", "Avec et sans rendez-vous"]


@dataclass(frozen=True)
class Hours:
    """What a feed's hours mean. Unknown is None, never 0; the original text is kept by the caller.

    `osm` is a string the strict parser accepts; `heures_hebdo` hours per week, two decimals; `regles` ids of
    `rules.REGLES`; `remarques` French sentences that have no translation into hours.
    """

    osm: str | None = None
    heures_hebdo: float | None = None
    qualite: Qualite | None = None
    regles: tuple[str, ...] = ()
    modalite: Modalite | None = None
    telephone_seul: bool = False
    remarques: tuple[str, ...] = ()


NOTHING: Final = Hours()


class Condition(NamedTuple):
    """When a slot holds, beyond its weekday: nth weekdays of the month, an OSM week selector, an OSM date selector."""

    nth: tuple[int, ...] = ()
    weeks: str = ""
    dates: str = ""


ALWAYS: Final = Condition()
ODD_WEEKS: Final = "week 01-53/2"
EVEN_WEEKS: Final = "week 02-52/2"


class Slot(NamedTuple):
    """One opening of one weekday."""

    day: int
    start: int
    end: int
    when: Condition = ALWAYS
    rdv: bool = False  # by appointment only


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Union of spans: sorted, without overlap; spans that touch become one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> tuple[Span, ...]:
    """What remains of spans once holes are taken out."""
    left = list(spans)
    for hole_start, hole_end in holes:
        cut: list[Span] = []
        for start, end in left:
            cut += [s for s in ((start, min(end, hole_start)), (max(start, hole_end), end)) if s[0] < s[1]]
        left = cut
    return tuple(left)


def half_span(half: Half, span: Span) -> Span | None:
    """The part of a slot that is in a half-day; a slot over lunch is cut at noon (None: no part of it)."""
    start, end = span
    if start >= NOON:
        return span if half == "apres-midi" else None
    if end <= _MORNING_ENDS:
        return span if half == "matin" else None
    return (start, NOON) if half == "matin" else (NOON, end)


@dataclass
class Table:
    """The weekly table a reader fills: slots, closures written after them, days known to be open at unknown times."""

    slots: list[Slot] = field(default_factory=list)
    closures: list[str] = field(default_factory=list)
    unknown: set[int] = field(default_factory=set)
    rules: dict[str, None] = field(default_factory=dict)  # an ordered set
    remarks: dict[str, None] = field(default_factory=dict)
    said_rdv: bool = False  # "sur rendez-vous" written
    said_free: bool = False  # "sans rendez-vous" written, without reserve
    said_free_partly: bool = False  # "sans rendez-vous" written, for some days or times at least
    mentions_rdv: bool = False  # "rendez-vous" written, in a sentence that was not translated
    said_both: bool = False  # "également sur rendez-vous" written
    phone_only: bool = False
    closed: bool = False
    holiday_hours: bool = False  # "horaires pendant les vacances scolaires" written of these slots
    partial: bool = False  # holds some of the counter's days only: nothing said of it may close the whole counter

    def rule(self, *names: str) -> None:
        """Note that rules applied."""
        self.rules.update(dict.fromkeys(names))

    def remark(self, text: str, *names: str) -> None:
        """Keep a sentence that is not translated, and why."""
        self.remarks[" ".join(text.split())] = None
        self.rule(*names)

    def narrow(
        self,
        days: frozenset[int] | None = None,
        half: Half | None = None,
        spans: Sequence[Span] = (),
        *,
        change: dict[str, object] | None,
    ) -> int:
        """Change (or remove, when `change` is None) the part of the slots in some days, half-day, spans.

        Returns the number of slots touched.
        """
        touched = 0
        result: list[Slot] = []
        for slot in self.slots:
            targets = [(slot.start, slot.end)]
            if days is not None and slot.day not in days:
                targets = []
            if half and targets:
                part = half_span(half, targets[0])
                targets = [part] if part else []
            if spans and targets:
                window = targets[0]
                targets = [(max(window[0], s), min(window[1], e)) for s, e in spans]
                targets = [t for t in targets if t[0] < t[1]]
            if not targets:
                result.append(slot)
                continue
            touched += 1
            if half and (slot.start, slot.end) != targets[0] and not spans:
                self.rule("demi-journee-midi")
            rest = subtract([(slot.start, slot.end)], targets)
            result += [slot._replace(start=s, end=e) for s, e in rest]
            if change is not None:
                result += [slot._replace(start=s, end=e)._replace(**change) for s, e in merge(targets)]  # type: ignore[arg-type]
        self.slots = result
        return touched

    def hear(self, other: "Table") -> None:
        """Take over what another table heard about the way people are received, and its rules and remarks."""
        self.rules.update(other.rules)
        self.remarks.update(other.remarks)
        self.said_rdv |= other.said_rdv
        self.said_free |= other.said_free
        self.said_free_partly |= other.said_free_partly
        self.said_both |= other.said_both
        self.mentions_rdv |= other.mentions_rdv

    def modalite(self) -> Modalite | None:
        """How one is received, from words only: never guessed."""
        by_rdv = {slot.rdv for slot in self.slots}
        some_rdv = self.said_rdv or self.mentions_rdv or True in by_rdv
        if self.said_both or by_rdv == {True, False} or (some_rdv and (self.said_free or self.said_free_partly)):
            return "Avec et sans rendez-vous"
        if by_rdv == {True} or (self.said_rdv and not self.slots):
            return "Avec rendez-vous"
        if self.said_rdv:  # for other days or times than those of the table
            return "Avec et sans rendez-vous"
        return "Sans rendez-vous" if self.said_free else None

    def osm(self) -> str | None:
        """The table as an OSM string; None when it holds no slot."""
        return write(self.slots, self.closures, self.unknown) if self.slots else None


def _runs(days: Iterable[int]) -> Iterator[tuple[int, int]]:
    ordered = sorted(days)
    first = previous = ordered[0]
    for day in ordered[1:]:
        if day != previous + 1:
            yield first, previous
            first = day
        previous = day
    yield first, previous


def day_selector(days: Iterable[int], nth: tuple[int, ...] = ()) -> str:
    """`{0, 1, 2, 4}` -> `Mo-We,Fr`; with nth `(1, 3)` -> `Sa[1,3]`."""
    if nth:
        index = ",".join(str(n) for n in nth)
        return ",".join(f"{DAYS[day]}[{index}]" for day in sorted(days))
    return ",".join(DAYS[a] if a == b else f"{DAYS[a]}-{DAYS[b]}" for a, b in _runs(days))


def clock(minutes: int, *, end: bool = False) -> str:
    """`570` -> `09:30`; midnight is 24:00 as an end; an end of the next day goes back below 24:00."""
    if minutes > MIDNIGHT or (minutes == MIDNIGHT and not end):
        minutes -= MIDNIGHT
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def spans_text(spans: Iterable[Span]) -> str:
    """`((540, 720),)` -> `09:00-12:00`."""
    return ",".join(f"{clock(start)}-{clock(end, end=True)}" for start, end in spans)


def _selector(when: Condition, days: Iterable[int]) -> str:
    return " ".join(part for part in (when.dates, when.weeks, day_selector(days, when.nth)) if part)


def write(slots: Sequence[Slot], closures: Sequence[str] = (), unknown: Iterable[int] = ()) -> str:
    """Slots -> OSM, one rule per set of days of same spans: `;` between rules on other days, `, ` on shared days.

    A slot under a condition, or by appointment, is written only where no plainer slot already opens.
    """
    spans: dict[tuple[Condition, bool], dict[int, list[Span]]] = {}
    for slot in slots:
        spans.setdefault((slot.when, slot.rdv), {}).setdefault(slot.day, []).append((slot.start, slot.end))
    written: list[str] = []
    used: set[int] = set()
    plain: dict[int, list[Span]] = {}
    for when, rdv in sorted(spans):
        by_spans: dict[tuple[Span, ...], list[int]] = {}
        for day, day_spans in sorted(spans[when, rdv].items()):
            left = subtract(merge(day_spans), plain.get(day, ()))
            if when == ALWAYS:
                plain.setdefault(day, []).extend(left)
            if left:
                by_spans.setdefault(left, []).append(day)
        for rule_spans, days in by_spans.items():
            separator = "" if not written else ", " if used & set(days) else "; "
            comment = f' open "{RDV_COMMENT}"' if rdv else ""
            written.append(f"{separator}{_selector(when, days)} {spans_text(rule_spans)}{comment}")
            used |= set(days)
    missing = set(unknown) - used
    tail = [f"{day_selector(missing)} unknown"] if missing else []
    return "; ".join(["".join(written), *tail, *dict.fromkeys(closures)])
