"""The one rule that tells a person from an office: in an e-mail address, and in a sentence.

It looks at the structure of the text and at a list of generic words (`generiques.yml`), never at lists of first names.
What is then done (dropped at reading, withheld at publication) belongs to those who call it.
"""

import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.foundations.errors import WrongUse
from pipeline.foundations.text import key

_FILE = Path(__file__).with_name("generiques.yml")

REDACTED = "[nom retiré]"
REDACTED_NUMBER = "[numéro retiré]"
REDACTED_MAIL = "[courriel retiré]"

#: `prenom.nom`, `p.nom`, `prenom-composé.nom`, `prenom_nom`: two words of letters.
_TWO_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*[._][^\W\d_]+(?:-[^\W\d_]+)*")
_CIVILITY = (
    r"\b(?:(?i:mr|mrs|mme|mmes|mlle|melle|monsieur|madame|mademoiselle|messieurs|mesdames|docteur)\b\.?|MM?\.|Dr\b\.?)"
)
_PARTICLE = r"(?:(?:de\s+la|de|du|des|le|la)\s+|d['’]|l['’])?"
_WORD = r"[A-ZÀ-ÖØ-Þ](?:[\w'’]|-(?=\w))*"
_NAME = re.compile(rf"{_CIVILITY}\s*(?P<nom>(?:[A-ZÀ-ÖØ-Þ]\.\s*)?{_PARTICLE}{_WORD}(?:\s+{_PARTICLE}{_WORD})*)")
_MOBILE = re.compile(r"(?<![\d+])(?:(?:\+|00)33\s?(?:\(0\))?\s?|0)[67](?:[\s.\-]?\d{2}){4}(?!\d)")
_LETTERS = re.compile(r"[^\W\d_]+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
#: What ends just before the name of a street or of a building (« rue du docteur Roux », « salle Madame de Sévigné »).
_STREET = re.compile(
    r"\b(?:allée|av|avenue|bd|bld|boulevard|centre|chemin|collège|cours|école|espace|esplanade|gymnase|hôpital|impasse|lycée|"
    r"maison|passage|place|pl|promenade|quai|résidence|rond-point|route|rue|salle|square|stade)\b\.?"
    r"(?:\s+(?:du|de|de la|des|de l['’]))?\s*$",
    re.IGNORECASE,
)
#: A mobile number this close (in characters) after a person is that person's.
_NEAR = 60
#: Shorter than this, letters found inside a longer word are a coincidence (`p.martin@…` in Saint-Martin-du-Mont).
_GLUED = 7


class Generic(BaseModel):
    """The list of generic words; see the comments of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bureaux: tuple[str, ...]
    sigles: frozenset[str]
    fonctions: frozenset[str]


@cache
def generic() -> Generic:
    """The project's list.

    Raises:
        WrongUse: the file is not of that shape.
    """
    try:
        return Generic.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongUse(str(_FILE), expected="lists of words", found=str(error), remedy="fix the file") from error


def is_personal_mail(address: str, around: str = "") -> bool:
    """Whether `word.word@…` holds no word of an office, of what is `around` it, or of its own domain.

    Args:
        address: one e-mail address.
        around: the name, commune and address of the record: `ria.sirach@…` is the mairie of Ria-Sirach.
    """
    local, _, domain = address.rpartition("@")
    if not _TWO_WORDS.fullmatch(local):
        return False
    lists = generic()
    places = key(f"{around} {domain}").split()
    return not any(
        word in lists.sigles or word.startswith(lists.bureaux) or _is_acronym(word) or _names_place(word, places)
        for word in key(local).split()
    )


def names_of_people(text: str) -> list[str]:
    """The names that follow a civility (« Mme Martin »); an office held (« M. le Maire ») is not one."""
    return [match["nom"] for match in _people(text)]


def redact_people(text: str) -> str:
    """The text without the names that follow a civility, their e-mails, nor the mobile numbers given beside a person.

    A person may be unnamed (« le maire peut être joint au 06… »): the number is theirs all the same.
    """
    functions = generic().fonctions
    people = [m.end() for m in re.finditer(_CIVILITY, text)]
    people += [m.end() for m in _LETTERS.finditer(text) if key(m[0]) in functions]
    cuts = [(m.start("nom"), m.end("nom"), REDACTED) for m in _people(text)]
    cuts += [
        (m.start(), m.end(), REDACTED_NUMBER)
        for m in _MOBILE.finditer(text)
        if any(0 <= m.start() - end <= _NEAR for end in people)
    ]
    cuts += [
        (m.start(), m.end(), REDACTED_MAIL) for m in _MAIL.finditer(text) if is_personal_mail(m[0], text[: m.start()])
    ]
    for start, end, replacement in sorted(cuts, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def is_mobile(number: str) -> bool:
    """Whether a telephone number is a French mobile one (06, 07)."""
    return _MOBILE.fullmatch(number.strip()) is not None


def _is_acronym(word: str) -> bool:
    """`cms`, `dgs`: three letters or more and no vowel. Two are the initials of a first name (`jp`)."""
    return len(word) > 2 and not re.search("[aeiouy]", word)


def _names_place(word: str, places: list[str]) -> bool:
    """Whether the word is one of the places, several of them run together, or holds a long one."""
    if len(word) > 1 and word in places:
        return True
    return len(word) >= _GLUED and (
        word in "".join(places) or any(len(place) >= _GLUED and place in word for place in places)
    )


def _people(text: str) -> list[re.Match[str]]:
    functions = generic().fonctions
    return [
        m
        for m in _NAME.finditer(text)
        if not functions.intersection(key(m["nom"]).split()[:2]) and not _STREET.search(text, 0, m.start())
    ]
