"""DILA `plage_ouverture` ranges -> weekly table.

How ranges that speak of the same day combine (the directory does not say):

- a range whose days are some of another's days replaces it on those days when their hours overlap
  (`Lundi-Vendredi 09:15-11:15` and `Vendredi 09:00-12:00`: Friday is 09:00-12:00), and completes it when they do not
  (`Lundi-Vendredi 09:00-12:00` and `Mardi 14:00-17:00`);
- otherwise ranges add up: same days, or days that only partly meet.

A range under a condition (nth weekday, alternate weeks, part of the year), or by appointment only, adds up too. A
comment changes its own range; the general note changes the whole table.
"""

from collections.abc import Mapping
from typing import Any, Final

from assets.referentiel.hours.apply import apply_text
from assets.referentiel.hours.clock import load_json, span
from assets.referentiel.hours.lexicon import fold
from assets.referentiel.hours.model import ALWAYS, JOURS, MIDNIGHT, Slot, Span, Table, merge

_PAIRS: Final = (("valeur_heure_debut_1", "valeur_heure_fin_1"), ("valeur_heure_debut_2", "valeur_heure_fin_2"))


def _day(value: str) -> int | None:
    name = fold(value.strip())
    return JOURS.index(name) if name in JOURS else None


def _days(plage: Mapping[str, Any]) -> frozenset[int]:
    first, last = _day(str(plage.get("nom_jour_debut") or "")), _day(str(plage.get("nom_jour_fin") or ""))
    first = last if first is None else first
    last = first if last is None else last
    if first is None or last is None:
        return frozenset()
    return frozenset(range(first, last + 1) if first <= last else [*range(first, 7), *range(last + 1)])


class _Range(Table):
    """The part of the table one range fills."""

    days: frozenset[int] = frozenset()


def _read(plage: Mapping[str, Any]) -> _Range:
    own = _Range()
    own.days = _days(plage)
    spans: list[Span] = []
    for start, end in _PAIRS:
        try:
            found = span(str(plage.get(start) or "").strip(), str(plage.get(end) or "").strip(), own)
        except ValueError as error:
            own.unknown |= own.days
            own.remark(f"{plage.get('nom_jour_debut')} {error}")
            continue
        if found:
            spans.append(found)
    if any(end - start >= MIDNIGHT and start for start, end in merge(spans)):  # a night run into the day before
        own.rule("plage-inversee")
        own.unknown |= own.days
        spans = []
    if spans and not own.days:
        own.rule("jour-absent")
        own.remark(f"sans jour : {spans}")
    if merge(spans) != tuple(sorted(spans)):
        own.rule("plages-fusionnees")
    own.slots = [Slot(day, *found) for day in sorted(own.days) for found in merge(spans)]
    return own


def _plain_spans(part: _Range, day: int) -> list[Span]:
    return [(s.start, s.end) for s in part.slots if s.day == day and s.when == ALWAYS and not s.rdv]


def _combine(parts: list[_Range], table: Table) -> None:
    """Put the ranges together, a narrower one replacing the wider it overlaps."""
    ordinary = {slot.day for part in parts if not part.holiday_hours for slot in part.slots}
    for part in parts:
        if part.holiday_hours:  # hours of the holidays, given beside those of an ordinary week
            part.slots = [slot for slot in part.slots if slot.day not in ordinary]
    for wide in parts:
        for narrow in parts:
            if not narrow.days < wide.days:
                continue
            for day in narrow.days:
                new, old = _plain_spans(narrow, day), _plain_spans(wide, day)
                if not new or not old:
                    continue
                if any(a < d and c < b for a, b in new for c, d in old):
                    wide.slots = [s for s in wide.slots if s.day != day]
                    table.rule("jours-precises")
                else:
                    table.rule("jours-completes")
    for part in parts:
        table.slots += part.slots
        # "hors congés scolaires" beside the hours of the holidays does not mean closed
        table.closures += [c for c in part.closures if c != "SH off" or not any(p.holiday_hours for p in parts)]
        table.unknown |= part.unknown
        table.hear(part)
    table.slots = [slot for slot in table.slots if slot.day not in table.unknown]


def read_plages(text: str, note: str | None) -> Table | None:
    """JSON list of ranges, and the general note -> table; None when the JSON is not that."""
    plages = load_json(text)
    if not isinstance(plages, list) or not all(isinstance(plage, dict) for plage in plages):
        return None
    table = Table()
    parts = [_read(plage) for plage in plages]
    open_days = frozenset().union(*({slot.day for slot in part.slots} for part in parts)) if parts else frozenset()
    comments = [str(plage.get("commentaire") or "").strip() for plage in plages]
    for part, comment in zip(parts, comments, strict=True):
        part.partial = not open_days <= part.days
        if comment:
            apply_text(comment, part, part.days or None)
    _combine(parts, table)
    table.phone_only = any(part.phone_only for part in parts) and not table.slots
    table.closed = any(part.closed for part in parts)
    if note:
        apply_text(note, table)
    return table


def render_plages(text: str) -> str:
    """The ranges as a person reads them: `lundi-jeudi : 08:30-12:00, 13:30-17:30 (sur rendez-vous)`."""
    plages = load_json(text)
    if not isinstance(plages, list):
        return text
    lines = []
    for plage in plages:
        if not isinstance(plage, dict):
            continue
        first, last = (str(plage.get(k) or "").strip().lower() for k in ("nom_jour_debut", "nom_jour_fin"))
        days = first if first == last or not last else f"{first}-{last}"
        hours = ", ".join(
            "-".join(str(plage.get(k) or "").strip("' ")[:5] for k in pair) for pair in _PAIRS if plage.get(pair[0])
        )
        comment = " ".join(str(plage.get("commentaire") or "").split())
        lines.append(f"{days} : {hours}" + (f" ({comment})" if comment else ""))
    return " ; ".join(lines)
