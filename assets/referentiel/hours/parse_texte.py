"""Hours written as French text, or day by day -> weekly table.

The sentences are read by `parse_french`; here their times become slots. A sentence with words foreign to the subject
is not used in free text (it may speak of another place or of a workshop): it is kept as a remark.
"""

import html
import re
from typing import Final

from assets.referentiel.hours.apply import apply, apply_text, except_for
from assets.referentiel.hours.clock import load_json
from assets.referentiel.hours.lexicon import fold
from assets.referentiel.hours.model import ALWAYS, JOURS, Condition, Slot, Table, half_span, merge
from assets.referentiel.hours.parse_french import Clause, clauses

_ESCAPED: Final = re.compile(r"\\x([0-9A-Fa-f]{2})")
_BARE: Final = re.compile(r"\s*\d{1,2}\s*-\s*\d{1,2}(?:[\s/,;]+\d{1,2}\s*-\s*\d{1,2})*\s*")
_TAG: Final = re.compile(r"<[^<>]*>")


def unescape(text: str, table: Table) -> str:
    """Undo `\\x20`, HTML entities and tags left by an export."""
    plain = _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text)
    plain = html.unescape(_TAG.sub(" ", plain))
    if plain != text:
        table.rule("echappement")
    return plain


def _open(clause: Clause, days: frozenset[int], table: Table) -> None:
    """Add the slots of a clause that gives times."""
    when = Condition(clause.nth, clause.weeks, ",".join(clause.dates)) if not clause.dated else ALWAYS
    rdv = "RDV" in clause.said and not clause.said & {"ALSO", "BOTH", "FREE"}
    table.said_free_partly |= "FREE" in clause.said
    table.said_free |= "FREE" in clause.said and not clause.half
    table.said_both |= "BOTH" in clause.said or {"RDV", "ALSO"} <= clause.said
    table.said_rdv |= rdv
    spans = [half_span(clause.half, span) if clause.half else span for span in merge(clause.spans)]
    if len(merge(clause.spans)) != len(clause.spans):
        table.rule("plages-fusionnees")
    if any(span is None for span in spans):  # "le matin de 14h à 17h": the times are what is precise
        spans = list(merge(clause.spans))
    table.slots += [Slot(day, *span, when=when, rdv=rdv) for day in sorted(days) for span in spans if span]
    table.rule(*clause.rules)
    if clause.said & {"RESERVED", "ELECTED"}:
        table.remark(clause.text, "accueil-restreint")
    if "SCHOOLTIME" in clause.said:
        table.closures.append("SH off")
    if clause.exception:
        except_for(clause.exception, table, days)


def _is_opening(clause: Clause) -> bool:
    return bool(clause.spans) and not clause.said & {"CLOSED", "PHONE", "SCHOOLHOLIDAYS"}


def read_texte(text: str, note: str | None = None) -> Table:
    """Free French text and its note -> table. Without any slot, the text gave no usable hours."""
    table = Table()
    modifiers: list[Clause] = []
    days: frozenset[int] = frozenset()
    for clause in clauses(unescape(text, table)):
        if clause.words:
            table.mentions_rdv |= bool(clause.said & {"RDV", "BOOK", "ASK"})
            table.remark(clause.text, "texte-partiel")
            days = frozenset()  # hours that follow without a day would be those of something else
        elif _is_opening(clause):
            if clause.days:
                days = clause.days
            elif days:
                table.rule("jours-repris")
            else:
                table.remark(clause.text, "jours-absents")
                continue
            _open(clause, days, table)
        elif clause.days and not clause.spans and not clause.said - {"RDV", "FREE"} and not clause.half:
            days = clause.days  # "Du lundi au vendredi" on its own line, hours on the next
            if clause.said:
                modifiers.append(clause)
        else:
            modifiers.append(clause)
    for clause in modifiers:
        apply(clause, table)
    if not table.slots and "telephone-a-part" in table.rules and "texte-partiel" not in table.rules:
        table.phone_only = True
        table.rule("telephone-seul")
    if note:
        apply_text(unescape(note, table), table)
    return table


def read_jours(text: str, note: str | None) -> Table | None:
    """JSON object weekday -> text of the day, and a note -> table; None when the JSON is not that.

    An empty day is closed, or not known: it says nothing. A day whose text has no legible hours is unknown.
    """
    days = load_json(text)
    if not isinstance(days, dict):
        return None
    table = Table()
    for name, value in days.items():
        day = fold(str(name)).strip()
        if value is None or not str(value).strip():
            continue
        if day not in JOURS:
            table.remark(f"{name} : {value}", "jour-absent")
            continue
        _read_day(JOURS.index(day), unescape(str(value), table), table)
    if note:
        apply_text(unescape(note, table), table)
    return table


def _read_day(day: int, text: str, table: Table) -> None:
    own = Table(partial=True)
    legible = True
    if _BARE.fullmatch(text):  # "9-12 / 14-19": in the cell of a day, these can only be hours
        own.rule("heure-ecriture")
        text = re.sub(r"\d+", r"\g<0>h", text)
    for clause in clauses(re.sub(r"\b00:00\s*-\s*00:00\b", "", text)):
        if "PHONE" in clause.said and not clause.said & {"RDV", "ONSITE"}:
            own.remark(f"{JOURS[day]} : {clause.text}", "telephone-a-part")
        elif clause.spans and not clause.said & {"CLOSED", "SCHOOLHOLIDAYS"} and not clause.days - {day}:
            _open(clause, frozenset({day}), own)
            if clause.words:
                own.remark(f"{JOURS[day]} : {clause.text}", "mention-conservee")
                if "mois" in clause.words:
                    own.rule("restriction-non-traduite")
        elif clause.words:
            legible = legible and "heures" not in clause.words
            own.remark(f"{JOURS[day]} : {clause.text}", "mention-conservee")
        else:
            apply(clause, own, frozenset({day}))
    if "00:00 - 00:00" in text or "00:00-00:00" in text:
        own.rule("creneau-nul")
    plain = [(s.start, s.end) for s in own.slots if s.when == ALWAYS and not s.rdv]
    if merge(plain) != tuple(sorted(plain)):
        own.rule("plages-fusionnees")
    if not legible or (not own.slots and not own.closed and not own.said_rdv and own.remarks and not own.phone_only):
        own.rule("jour-illisible")
        own.slots = []
        table.unknown.add(day)
    table.slots += own.slots
    table.closures += [rule for rule in own.closures if rule not in ("SH off", "PH off")]
    table.hear(own)
    table.phone_only |= own.phone_only
    table.closed |= own.closed


def render_jours(text: str) -> str:
    """The days as a person reads them: `lundi : 09:00 - 12:00 ; mardi : Fermé`."""
    days = load_json(text)
    if not isinstance(days, dict):
        return text
    named = {fold(str(name)): " ".join(str(value or "").split()) for name, value in days.items()}
    return " ; ".join(f"{day} : {named[day]}" for day in JOURS if named.get(day))
