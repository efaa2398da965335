"""One text of hours -> `Hours`: chooses the reader of its notation, judges the result, measures it.

Reading belongs to the `parse_*` modules.
"""

import re
from functools import lru_cache
from typing import Final

from opening_hours import validate

from assets.referentiel.hours.apply import apply_text
from assets.referentiel.hours.measure import weekly_hours
from assets.referentiel.hours.model import NOTHING, Hours, Modalite, Table
from assets.referentiel.hours.parse_dila import read_plages
from assets.referentiel.hours.parse_french import clauses
from assets.referentiel.hours.parse_osm import read_osm
from assets.referentiel.hours.parse_texte import read_jours, read_texte
from assets.referentiel.hours.rules import repairs
from pipeline.foundations.text import clean

#: Longer than this, a text is not about hours (the longest genuine one has 3,000 characters).
_MAX_LENGTH: Final = 20_000
_COMMENT: Final = re.compile(r'"([^"]*)"')


def level(heures_hebdo: float | None) -> str:
    """Official class of weekly opening; 10 h and 24 h are both in the middle class, unknown is "Non connu"."""
    if heures_hebdo is None:
        return "Non connu"
    if heures_hebdo < 10:
        return "Moins de 10h"
    return "Entre 10h et 24h" if heures_hebdo <= 24 else "Plus de 24h"


def _judge(table: Table, text: str) -> Hours:
    """A filled table -> its result; `text` is what was read, empty when there was only a note."""
    osm = table.osm()
    if osm is not None and not validate(osm):
        table.rule("illisible")
        osm = None
    rules = tuple(table.rules)
    common = {"modalite": table.modalite(), "remarques": tuple(table.remarks)}
    if osm is not None:
        quality = "réparé" if repairs(rules) or table.unknown else "exact"
        return Hours(osm, weekly_hours(osm), quality, rules, **common)  # type: ignore[arg-type]
    if "illisible" in rules:
        return Hours(qualite="illisible", regles=rules, **common)  # type: ignore[arg-type]
    if table.phone_only:
        return Hours(qualite="exact", regles=rules, telephone_seul=True, **common)  # type: ignore[arg-type]
    if table.unknown or "texte-partiel" in rules or "jours-absents" in rules or "jour-absent" in rules:
        return Hours(qualite="illisible", regles=(*rules, "illisible"), **common)  # type: ignore[arg-type]
    if "vacances-hors-mesure" in rules:
        return Hours(qualite="exact", regles=rules, **common)  # type: ignore[arg-type]
    if table.said_rdv or table.said_free or table.said_both:
        return Hours(qualite="exact", regles=(*rules, "rendez-vous-sans-heures"), **common)  # type: ignore[arg-type]
    if table.closed or table.closures:
        return Hours(qualite="exact", regles=(*rules, "ferme-sans-heures"), **common)  # type: ignore[arg-type]
    if text and "creneau-nul" not in rules:
        return Hours(qualite="illisible", regles=(*rules, "illisible"), **common)  # type: ignore[arg-type]
    return Hours(regles=rules, **common)  # type: ignore[arg-type]


def _osm(text: str, note: str | None) -> Hours:
    table = Table()
    osm = read_osm(text, table)
    if osm is None:
        french = read_texte(text, note)
        if french.slots:
            french.rule("texte-francais")
        return _judge(french, text)
    for comment in _COMMENT.findall(osm):
        _modalite_words(comment, table)
    if note:
        notes = Table()
        for clause in clauses(note):
            if clause.days or clause.half or clause.spans or clause.words:
                notes.remark(clause.text, "note-non-traduite")
            else:
                apply_text(clause.text, notes)
        table.hear(notes)
    modalite: Modalite | None = table.modalite()
    if modalite == "Avec rendez-vous" and any('"' not in rule for rule in osm.split("; ") if ":" in rule) and not note:
        modalite = "Avec et sans rendez-vous"
    rules = tuple(table.rules)
    quality = "réparé" if repairs(rules) else "exact"
    return Hours(osm, weekly_hours(osm), quality, rules, modalite, remarques=tuple(table.remarks))  # type: ignore[arg-type]


def _modalite_words(comment: str, table: Table) -> None:
    words = Table()
    apply_text(comment, words)
    words.rules.clear()
    words.remarks.clear()
    table.hear(words)


@lru_cache(maxsize=65536)
def interpret(text: str | None, fmt: str | None, note: str | None = None) -> Hours:
    """What a feed's hours mean.

    Args:
        text: the hours as the feed writes them.
        fmt: their notation, one of `sources.record.HOURS_FORMATS`; None when there are no hours.
        note: the free comment that comes with them.

    Any text is accepted: what cannot be understood comes back `illisible`, never as an error.
    """
    text, note = (text or "").strip() or None, clean(note)
    if len(text or "") + len(note or "") > _MAX_LENGTH:
        return Hours(qualite="illisible", regles=("illisible",))
    if fmt == "motif":
        return Hours(regles=("motif-sans-heures",)) if text else NOTHING
    if text is None or clean(text) is None or re.fullmatch(r"\[\s*\]|\{\s*\}", text):
        return _judge(read_texte("", note), "") if note else NOTHING
    if fmt == "osm" or (fmt == "texte" and ":" in text and validate(text)):
        return _osm(text, note)
    table = (
        read_plages(text, note)
        if fmt == "plages_dila"
        else read_jours(text, note)
        if fmt == "jours"
        else read_texte(text, note)
    )
    if table is None:
        return Hours(qualite="illisible", regles=("json-invalide",))
    return _judge(table, text)
