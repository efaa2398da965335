"""What a clause does to a weekly table: opens, closes, restricts, or is kept as a remark.

Reading the sentence belongs to `parse_french`, writing the table to `model`.
"""

from typing import Final

from assets.referentiel.hours.model import (
    ALL_DAYS,
    ALWAYS,
    EVEN_WEEKS,
    ODD_WEEKS,
    Condition,
    Half,
    Slot,
    Table,
    day_selector,
    half_span,
    merge,
    spans_text,
)
from assets.referentiel.hours.parse_french import Clause, clauses

_OTHER_HALF: Final[dict[Half, Half]] = {"matin": "apres-midi", "apres-midi": "matin"}
_OTHER_WEEKS: Final = {ODD_WEEKS: EVEN_WEEKS, EVEN_WEEKS: ODD_WEEKS}
#: Said of a clause, these narrow the opening: left untranslated, the hours are a maximum.
_NARROWING: Final = frozenset({"CLOSED", "ONLY"})


def apply_text(text: str, table: Table, scope: frozenset[int] | None = None) -> None:
    """Apply each clause of a comment or note; `scope` is the days it is about when it names none."""
    for clause in clauses(text):
        apply(clause, table, scope)


def apply(clause: Clause, table: Table, scope: frozenset[int] | None = None) -> None:
    """Apply one clause without opening hours of its own, or a note about hours given elsewhere."""
    said = clause.said
    if (clause.words and "RESERVED" not in said) or (clause.exception and said & {"CLOSED", "PHONE", "SCHOOLHOLIDAYS"}):
        _keep(clause, table)
        return
    table.rule(*clause.rules)
    if "PHONE" in said or {"BYPHONE", "ONLY"} == said:
        _phone(clause, table, scope)
    elif "CLOSED" in said:
        _close(clause, table, scope)
    elif "RDV" in said and ("RESERVED" in said or ("ELECTED" in said and "ONLY" not in said)):
        table.mentions_rdv = True
        table.remark(clause.text, "accueil-restreint")
        return
    elif said & {"RDV", "FREE", "BOTH", "ASK"}:
        _reception(clause, table, scope)
    elif "BOOK" in said:
        table.said_both |= "ALSO" in said
        table.mentions_rdv = True
        table.remark(clause.text, "note-non-traduite")
    elif said & {"RESERVED", "ELECTED"}:
        table.remark(clause.text, "accueil-restreint")
        return
    elif "SCHOOLHOLIDAYS" in said:
        table.holiday_hours |= not clause.spans and not clause.days
        if "ONLY" in said and not clause.spans:
            table.narrow(clause.days or scope, change=None)
        table.remark(clause.text, "vacances-hors-mesure")
    elif clause.nth or clause.weeks or clause.dates:
        _restrict(clause, table, scope)
    elif "ONLY" in said and clause.half and not clause.spans:
        table.narrow(clause.days or scope, _OTHER_HALF[clause.half], change=None)
        table.rule("commentaire-applique")
    elif clause.exception or "SCHOOLTIME" in said:
        if clause.spans or clause.half:
            _keep(clause, table)
            return
        if "SCHOOLTIME" in said:
            _holidays(clause, table)
    elif not _already(clause, table):
        _keep(clause, table)
    if clause.exception and not said & {"RDV", "FREE", "BOTH", "ASK"}:
        except_for(clause.exception, table, clause.days or scope)


def _keep(clause: Clause, table: Table) -> None:
    table.mentions_rdv |= bool(clause.said & {"RDV", "BOOK", "ASK"})
    narrowing = clause.said & _NARROWING or clause.nth or clause.weeks
    own_hours_only = "PHONE" in clause.said
    table.remark(
        clause.text,
        "restriction-non-traduite" if narrowing and table.slots and not own_hours_only else "note-non-traduite",
    )


def _closure(table: Table, rule: str) -> None:
    table.closures.append(rule)
    table.rule("commentaire-applique")


def _holidays(clause: Clause, table: Table) -> None:
    """Closed on school or public holidays: for the whole counter only, OSM having no such closure by weekday."""
    if table.partial:
        table.remark(clause.text, "vacances-hors-mesure")
        return
    if "PUBLICHOLIDAYS" in clause.said:
        table.rule("ferie")
        _closure(table, "PH off")
    if "SCHOOLHOLIDAYS" in clause.said or "SCHOOLTIME" in clause.said:
        _closure(table, "SH off")


def _already(clause: Clause, table: Table) -> bool:
    """True when the clause repeats hours the table holds."""
    if not clause.spans:
        return False
    days = clause.days or {slot.day for slot in table.slots}
    return all(merge((s.start, s.end) for s in table.slots if s.day == day) == merge(clause.spans) for day in days)


def _phone(clause: Clause, table: Table, scope: frozenset[int] | None) -> None:
    """Phone hours are not counter hours: taken off the table when the slots are theirs, else kept aside."""
    if clause.said & {"ONSITE", "RDV", "BOOK", "ASK"}:
        table.said_rdv = table.said_rdv or "RDV" in clause.said
        table.remark(clause.text, "note-non-traduite")
        return
    own = {(slot.day, slot.start, slot.end) for slot in table.slots}
    days = clause.days or scope
    if clause.spans:
        theirs = {(day, *span) for span in clause.spans for day in (days or {slot.day for slot in table.slots})}
        if scope and "PHONEDUTY" in clause.said and not clause.days and theirs <= own:
            table.narrow(days, spans=clause.spans, change=None)
            table.rule("telephone-seul")
            table.phone_only = table.phone_only or not table.slots
        table.remark(clause.text, "telephone-a-part")
    elif "ONLY" not in clause.said and (not scope or not clause.days >= scope if clause.days else not scope):
        table.remark(clause.text, "telephone-a-part")
    else:
        table.narrow(days, clause.half, change=None)
        table.rule("telephone-seul")
        table.phone_only = table.phone_only or not table.slots
        table.remark(clause.text)


def _close(clause: Clause, table: Table, scope: frozenset[int] | None) -> None:
    said, days = clause.said, clause.days
    if "PUBLICHOLIDAYS" in said:
        _holidays(clause, table)
    elif "SCHOOLHOLIDAYS" in said:
        if days or clause.half or clause.spans or clause.nth:
            table.remark(clause.text, "vacances-hors-mesure")
        else:
            if clause.dates:
                table.remark(clause.text, "fermeture-datee" if clause.dated else "note-non-traduite")
            _holidays(clause, table)
    elif clause.dated:
        table.remark(clause.text, "fermeture-datee")
    elif clause.dates:
        _close_period(clause, table, scope)
    elif clause.nth:
        ranked = days or (scope if scope and len(scope) == 1 else None)
        if ranked and not clause.half and not clause.spans:
            _closure(table, f"{day_selector(ranked, clause.nth)} off")
        else:
            _keep(clause, table)
    elif clause.weeks:
        when = Condition(weeks=_OTHER_WEEKS[clause.weeks])
        table.narrow(days or scope, clause.half, change={"when": when})
        table.rule("commentaire-applique")
    elif days or clause.half or clause.spans:
        table.narrow(days or scope, clause.half, clause.spans, change=None)
        table.rule("commentaire-applique")
    elif clause.exception:
        _keep(clause, table)
    else:
        table.closed = True
        if table.slots:
            table.remark(clause.text, "restriction-non-traduite")


def _close_period(clause: Clause, table: Table, scope: frozenset[int] | None) -> None:
    """Closed in some months: a rule of that period, written after the others, replaces them."""
    dates = ",".join(clause.dates)
    open_days = {slot.day for slot in table.slots}
    days = open_days & (clause.days or scope or ALL_DAYS)
    if not days:
        _keep(clause, table)
        return
    if not clause.half and not clause.spans:
        whole = days == open_days and not table.partial
        _closure(table, f"{dates} off" if whole else f"{dates} {day_selector(days)} off")
        return
    concerned = [slot for slot in table.slots if slot.day in days]
    if any(slot.rdv or slot.when != ALWAYS for slot in concerned):
        _keep(clause, table)
        return
    period = Table(slots=concerned)
    period.narrow(None, clause.half, clause.spans, change=None)
    by_spans: dict[str, set[int]] = {}
    for day in days:
        kept = merge((s.start, s.end) for s in period.slots if s.day == day)
        by_spans.setdefault(spans_text(kept) or "off", set()).add(day)
    for spans, of_days in sorted(by_spans.items(), key=lambda item: min(item[1])):
        _closure(table, f"{dates} {day_selector(of_days)} {spans}")


def _reception(clause: Clause, table: Table, scope: frozenset[int] | None) -> None:
    said = clause.said
    if "BOTH" in said or {"RDV", "FREE"} <= said:
        table.said_both = True
    elif "FREE" in said:
        table.said_free |= not (clause.days or clause.half or clause.spans)
        table.said_free_partly = True
    elif "ALSO" in said or ("ASK" not in said and _outside(clause, table, scope)):
        table.said_both = True
    elif clause.dates or "SCHOOLHOLIDAYS" in said or (clause.nth and len(clause.days or scope or ALL_DAYS) > 1):
        table.said_rdv = True
        table.remark(clause.text, "note-non-traduite")
        return
    else:
        days = clause.days or scope
        change: dict[str, object] = {"rdv": True}
        if clause.nth or clause.weeks:
            change["when"] = Condition(clause.nth, clause.weeks)
        touched = table.narrow(days, clause.half, clause.spans, change=change)
        if (other := clause.exception) and (other.days or other.half):
            table.narrow(other.days or days, other.half, other.spans, change={"rdv": False})
        if not touched and clause.spans and days:
            table.slots += [Slot(day, *span, rdv=True) for day in sorted(days) for span in clause.spans]
            table.rule("creneau-ajoute")
        table.said_rdv = True
        table.rule("commentaire-applique")
        return
    table.rule("commentaire-applique")
    if clause.spans and not _already(clause, table):
        table.remark(clause.text)


def _outside(clause: Clause, table: Table, scope: frozenset[int] | None) -> bool:
    """True for "sur rendez-vous" about days or half-days when the table has no hours, with none given."""
    if clause.spans or not (clause.days or clause.half) or not table.slots:
        return False
    days = clause.days or scope or ALL_DAYS
    return not any(
        slot.day in days and (clause.half is None or half_span(clause.half, (slot.start, slot.end)))
        for slot in table.slots
    )


def _restrict(clause: Clause, table: Table, scope: frozenset[int] | None) -> None:
    """Open only on nth weekdays, alternate weeks, or part of the year."""
    days = clause.days or scope
    when = Condition(clause.nth, clause.weeks, ",".join(clause.dates))
    if clause.dated or (clause.nth and not days) or (clause.nth and not clause.days and days and len(days) > 1):
        _keep(clause, table)
        return
    if "ONLY" in clause.said and clause.half and clause.dates and not clause.spans:
        closing = Clause(text=clause.text, days=clause.days, half=_OTHER_HALF[clause.half], dates=clause.dates)
        _close_period(closing, table, scope)
        return
    touched = 0
    if "ALSO" not in clause.said:
        touched = table.narrow(days, clause.half, clause.spans, change={"when": when})
    if touched:
        table.rule("commentaire-applique")
    elif clause.spans and days:
        table.slots += [Slot(day, *span, when=when) for day in sorted(days) for span in clause.spans]
        table.rule("creneau-ajoute")
    else:
        _keep(clause, table)


def except_for(exception: Clause, table: Table, scope: frozenset[int] | None) -> None:
    """Apply what follows "sauf": closures, or other hours on some days."""
    said = exception.said
    if said & {"SCHOOLHOLIDAYS", "PUBLICHOLIDAYS"}:
        if exception.days or exception.spans or exception.half:
            table.remark(exception.text, "vacances-hors-mesure")
        else:
            _holidays(exception, table)
        return
    if exception.spans and exception.days and not exception.nth and not exception.weeks:
        table.narrow(exception.days, change=None)
        table.slots += [Slot(day, *span) for day in sorted(exception.days) for span in exception.spans]
        table.rule("commentaire-applique")
    elif exception.days or exception.half or exception.dates or exception.nth or exception.weeks:
        _close(exception, table, scope)
    else:
        _keep(exception, table)
