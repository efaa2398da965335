"""A postal address as feeds write it -> its number and street in one canonical spelling, to compare and to look up.

Names of towns belong to `assets.referentiel.place.names`; where an address is belongs to `ban` and `geoplateforme`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.foundations.text import key

_LEXICON: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("voies.yml").read_text(encoding="utf-8"))
_KINDS: dict[str, str] = _LEXICON["types"]
_WORDS: dict[str, str] = _LEXICON["mots"]
_STREET_WORDS = frozenset(_LEXICON["debuts"])
_STREETS = _STREET_WORDS - frozenset(_LEXICON["sites"])
_REPETITIONS = {
    "b": "bis",
    "bis": "bis",
    "t": "ter",
    "ter": "ter",
    "q": "quater",
    "quater": "quater",
    "quinquies": "quinquies",
}
_BOX = re.compile(r"\b(?:bp|cs|tsa)\s*(?:n\s*)?\d+\b|\bcedex\b(?:\s+\d{1,2}\b)?")
_TOWN = re.compile(r"\s+\d{5}\b.*$")  # postcode and what follows
_GLUED = re.compile(r"\b(\d{1,4})(bis|ter|quater|quinquies|[a-z])\b")


@dataclass(frozen=True)
class Address:
    """A canonical address: lower case, no accents, no abbreviations; null `number` and `repetition` are unknown."""

    number: int | None
    repetition: str | None  # bis, ter, quater, quinquies, or a letter
    street: str

    @property
    def is_street(self) -> bool:
        """Whether it names a street, not only a building, a district or a place called so."""
        return self.number is not None or self.street.split()[0] in _STREETS

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.number, self.repetition, self.street) if part is not None)


def normalise(text: str | None) -> Address | None:
    """Read number, repetition and street; None when nothing that locates is left.

    `"12, AV. du Gal de Gaulle - BP 12"` and `"Mairie, 12 avenue du Général-de-Gaulle"` are the same address. Letter
    boxes, CEDEX and whatever follows a postcode are dropped.
    """
    plain = key((text or "").replace("°", " "))
    previous = None
    while plain != previous:  # dropping a box may uncover another
        plain, previous = _spaces(_TOWN.sub("", _BOX.sub(" ", _GLUED.sub(r"\1 \2", plain)))), plain
    if not plain:
        return None
    words = plain.split()
    for start, word in enumerate(words):
        if word.isdigit() and len(word) <= 4 and int(word) and (found := _numbered(words, start)):
            return found
    kind = next((i for i, word in enumerate(words) if _KINDS.get(word, word) in _STREET_WORDS and _opens(words, i)), 0)
    street = _street(words[kind:])
    return Address(None, None, street) if re.search("[a-z]", street) else None


def address_of(address: str | None, complement: str | None) -> Address | None:
    """The canonical address of a record: feeds write the street in either field, a box or a floor in the other."""
    found = [a for a in (normalise(address), normalise(complement)) if a]
    streets = [a for a in found if a.is_street]
    return next((a for a in streets if a.number is not None), next(iter(streets or found), None))


def _spaces(text: str) -> str:
    return " ".join(text.split())


def _opens(words: list[str], i: int) -> bool:
    """Whether the street may begin at that word: an abbreviation in the middle of a name (`col`, `r`) does not."""
    return i == 0 or len(words[i]) > 2 or words[i] in {"av", "bd", "pl", "ch"}


def _numbered(words: list[str], start: int) -> Address | None:
    """The address whose number is the word at `start`; None when that number belongs to the name (`place du 8 mai`)."""
    rest = words[start + 1 :]
    while rest and rest[0].isdigit() and len(rest[0]) <= 4:  # 12-14, 12 14: the first is the entrance
        rest = rest[1:]
    repetition = None
    if len(rest) > 1 and (rest[0] in _REPETITIONS or len(rest[0]) == 1) and not rest[0].isdigit():
        plain_word = len(rest[0]) > 1
        if plain_word or (rest[0] != "r" and _KINDS.get(rest[1], rest[1]).split()[0] in _STREET_WORDS):
            repetition, rest = _REPETITIONS.get(rest[0], rest[0]), rest[1:]
    if not rest:
        return None
    opens = _KINDS.get(rest[0], rest[0]).split()[0] in _STREET_WORDS
    if start and not opens:
        return None
    street = _street(rest)
    return Address(int(words[start]), repetition, street) if re.search("[a-z]", street) else None


def _street(words: list[str]) -> str:
    first = _KINDS.get(words[0], words[0]) if len(words) > 1 else words[0]
    spelled = [first, *(_WORDS.get(word, word) for word in words[1:])]
    if spelled[0] in _WORDS:
        spelled[0] = _WORDS[spelled[0]]
    return " ".join(spelled)
