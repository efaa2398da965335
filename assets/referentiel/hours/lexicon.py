"""French words about opening hours -> tokens: days, times, dates, conditions, and the words that change nothing.

Only the vocabulary and the joining of neighbouring tokens (`lundi au jeudi`, `14-18h`, `du 7 au 25 août`) belong here;
`parse_french` makes clauses of them.
"""

import re
import unicodedata
from typing import Any, Final, NamedTuple

from rapidfuzz.distance import OSA

from assets.referentiel.hours.model import ALL_DAYS, JOURS, MIDNIGHT, MONTHS, NOON

_MOIS: Final = (
    "janvier", "fevrier", "mars", "avril", "mai", "juin",
    "juillet", "aout", "septembre", "octobre", "novembre", "decembre",
)  # fmt: skip
_MONTH = "|".join(_MOIS)
_DAY = "|".join(JOURS)
_RDV = r"(?:rendez[\s-]*vous|rendez[\s-]*v[uo]{2}s|r\.?\s?d\.?\s?v\b\.?|\brv\b)"
_MINUTES = r"(?:[0-5]\d(?!\d|\s*h)|\s(?:00|15|30|45)(?!\d|\s*h))"  # not the hour of the next time: "15h18h"

#: Token kind -> what it is written as, in the folded text (no accents, lower case). The first kind that matches wins.
_LEXICON: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("SKIP", (r"(?:\+33\s?|\b0)\d(?:[\s./-]?\d{2}){4}\b", r"\S+@\S+", r"(?:https?://|www\.)\S+")),
    ("H24", (r"\b24\s?h?\s?(?:/|sur)\s?24\b(?:\s?h\b)?",)),
    (
        "ALLDAYS",
        (
            r"\b7\s?j(?:ours)?\s?(?:/|sur)\s?7(?:\s?j)?\b",
            r"\btous les jours\b",
            r"\bchaque jour\b",
            r"\btoute la semaine\b",
        ),
    ),
    ("WEEKDAYS", (r"\ben semaine\b(?! (?:im)?paires?)", r"\bjours? ouvres?\b")),
    ("WORKDAYS", (r"\bjours? ouvrables?\b",)),
    ("WEEKEND", (r"\bweek[\s-]?ends?\b",)),
    (
        "DATE",
        (
            rf"(?<!\d)(?:1\s?er|[0-3]?\d)\s+(?:{_MONTH})(?:\s+(?:19|20)\d\d)?\b",
            r"(?<!\d)(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|1[0-2])/(?:20)?\d\d\b",
        ),
    ),
    (
        "TIME",
        (
            rf"(?<!\d)(?:[01]?\d|2[0-4])\s?(?:heures?|hrs?|h)(?![a-z]){_MINUTES}?",
            r"(?<!\d)(?:[01]?\d|2[0-4])\s?:[0-5]\d(?::\d\d)?(?!\d)",
        ),
    ),
    ("AFTERNOON", (r"\b(?:apres[\s-]*midis?|ap[\s.-]*midis?|aprem|apm)\b",)),
    ("NOON", (r"\bmidi\b",)),
    ("MIDNIGHT", (r"\bminuit\b",)),
    (
        "ALTERNATE",
        (
            rf"\b(?:une?|1)\s+(?:semaine|{_DAY})\s+sur\s+(?:deux|2)\b",
            r"\btous les (?:quinze|15) jours\b",
            r"\btoutes les (?:deux|2) semaines\b",
            r"\bpar quinzaine\b",
        ),
    ),
    ("ODD", (r"\bsemaines?\s+impaires?\b",)),
    ("EVEN", (r"\bsemaines?\s+paires?\b",)),
    (
        "DAY",
        (
            rf"\b(?:{_DAY})s?\b",
            r"(?<!sur )(?<!sur-)(?<!la )(?<!en )\b(?:lun|mar|mer|jeu|ven|sam|dim)\b\.?",  # not "Berck-sur-Mer"
        ),
    ),
    ("MIDMONTH", (rf"\bmi[\s-](?:{_MONTH})\b",)),
    ("MONTH", (rf"\b(?:{_MONTH})\b",)),
    (
        "NTH",
        (
            r"\b(?:1\s?ers?|1\s?eres?|[2-5]\s?(?:emes?|iemes?|nde?s?|es?))\b",
            r"\b(?:premiere?s?|deuxiemes?|seconde?s?|troisiemes?|quatriemes?|cinquiemes?)\b",
            r"(?<!avant-)(?<!avant )\bderniere?s?\b",
        ),
    ),
    ("OFMONTH", (r"\b(?:du|de chaque|par|chaque|dans le) mois\b", r"/\s?mois\b")),
    ("SCHOOLTIME", (r"\b(?:en )?(?:periodes?|temps|semaines?) scolaires?\b",)),
    (
        "SCHOOLHOLIDAYS",
        (
            r"\b(?:periodes? (?:de|des) )?(?:petites |grandes |toutes (?:les )?)?"
            r"(?:vacances|conges scolaires)(?: scolaires?)?\b",
        ),
    ),
    ("PUBLICHOLIDAYS", (r"\bjours? feries?\b",)),
    (
        "CLOSED",
        (r"\bferme(?:e|s|es)?\b", r"\bfermetures?\b", r"\bpas d'(?:accueil|ouverture)\b", r"\bne recoit pas\b"),
    ),
    (
        "ALSO",
        (
            r"\ben dehors (?:de ces|des) (?:horaires|heures)(?: d'ouverture)?(?: (?:au|du) public)?(?: indiques?)?\b",
            r"\b(?:egalement|aussi|possibles?|possibilites?|de preference|souhaitable|souhaite)\b",
            r"\b(?:conseille|recommande)e?s?\b",
        ),
    ),
    (
        "RESERVED",
        (
            r"\b(?:uniquement|seulement) pour (?:(?!,? (?:et )?(?:ferme|sur rendez))[^.;\n])*",
            r"\betats?[\s-]civil\b",
        ),
    ),
    ("ELECTED", (r"\b(?:du|le|de|m\.|monsieur le) maire\b", r"\b(?:elue?s?|adjointe?s?)\b")),
    ("EXCEPT", (r"\b(?:sauf|hormis|hors|a l'exception)\b", r"\bexceptee?s?\b")),
    ("ONLY", (r"\b(?:uniquement|seulement|exclusivement|imperativement|obligatoire(?:ment)?)\b",)),
    (
        "BOTH",
        (
            rf"\bavec\s+(?:ou|et)\s+sans\s+{_RDV}",
            rf"\bsans\s+(?:ou|et)\s+(?:avec|sur)\s+{_RDV}",
            rf"\bavec\s+{_RDV}\s+ou\s+sans\b",
        ),
    ),
    (
        "FREE",
        (
            rf"\bsans\s+(?:prendre\s+)?{_RDV}",
            r"\b(?:en )?(?:acces libre|libre acces|accueil libre|venue libre)\b",
            r"\b(?:sur le|en) flux(?: continu)?\b",
        ),
    ),
    (
        "ASK",
        (
            rf"\b(?:telephoner|appeler|contacter l'accueil)\s+pour\s+(?:convenir\s+d'un|prendre)\s+{_RDV}"
            r"(?:\s+avant de se (?:rendre sur place|deplacer))?",
        ),
    ),
    ("BOOK", (rf"\b(?:pour\s+(?:la\s+)?)?(?:prise|prendre|prenez)\s+(?:de\s+|un\s+|des\s+)?{_RDV}",)),
    ("ALSORDV", (rf"(?:\bet|\bou|\+)\s+(?:(?:sur|avec|par)\s+)?{_RDV}(?=\s*(?:$|[.;,)\n]))",)),
    ("RDV", (rf"\b(?:sur\s+|avec\s+|par\s+)?{_RDV}",)),
    ("PHONEDUTY", (r"\bpermanences? telephoniques?\b",)),
    ("PHONE", (r"\btelephoniques?\b",)),
    ("FROM", (r"\ba partir de\b(?=\s*\d{1,2}\s?[h:])",)),
    ("BYPHONE", (r"\bpar telephone\b",)),
    ("ONSITE", (r"\bphysiques?\b",)),
    ("MORNING", (r"\bmatin(?:s|ee|ees)?\b",)),
    ("BREAK", (r"\n", ";", r"\|", r"\.(?=\s|$)", "--+", "//+")),
    ("PLUS", (r"\+",)),
    ("NUMBER", (r"\d+",)),
    ("LINK", ("[-/]", r"\b(?:a|au|aux|jusqu'a|jusqu'au|et)\b")),
    ("WORD", ("[a-z]+",)),
)
_TOKEN: Final = re.compile("|".join(f"(?P<{kind}>{'|'.join(forms)})" for kind, forms in _LEXICON))
#: Kinds that are another kind with a value of their own.
_SAME_KIND: Final = {
    "NOON": "TIME", "MIDNIGHT": "TIME", "ALLDAYS": "DAY", "WEEKDAYS": "DAY", "WORKDAYS": "DAY", "WEEKEND": "DAY",
    "MIDMONTH": "DATE", "MONTH": "DATE",
}  # fmt: skip

_WORDS_OF_THE_SUBJECT = """
    l la le les d de du des un une en et ou sur pour par dans ce ces cette son sa ses nos notre vos votre
    est sont a y il nous vous se fait que ainsi puis avec entre pendant durant lors environ attention
    ouvert ouverte ouverts ouvertes ouvre ouverture ouvertures accueil accueils accueille accueillis public publics
    reception recoit recus horaire horaires heure heures jour jours journee journees semaine semaines mois annee
    periode periodes chaque tous toute toutes tout inclus compris non stop continu continue point
    bureau bureaux guichet guichets secretariat service services mairie agence espace permanence permanences
    tel telephone courriel mail
"""
#: Words that change nothing to days and times.
FILLERS: Final = frozenset(_WORDS_OF_THE_SUBJECT.split())


class Token(NamedTuple):
    """A piece of text and its value: days (frozenset), minutes, rank, (selector, names a year)… by kind."""

    kind: str
    value: Any
    start: int
    end: int
    text: str


def fold(text: str) -> str:
    """Same length, no accents, lower case, one kind of apostrophe and dash; spaces made plain."""
    folded = []
    for char in text:
        plain = unicodedata.normalize("NFD", char)[0].lower()
        folded.append(plain if len(plain) == 1 else char)
    table = str.maketrans({"’": "'", "‘": "'", "`": "'", "–": "-", "—": "-", "‐": "-", "\u2011": "-", "→": "-"})
    plain = "".join(folded).translate(table)
    return re.sub(r"[^\S\n]", " ", re.sub(r"(?<=\d)o(?=\s?h)", "0", plain))


def _time(text: str) -> int:
    numbers = re.findall(r"\d+", text)
    return int(numbers[0]) * 60 + (int(numbers[1]) if len(numbers) > 1 else 0)


def _rank(text: str) -> int:
    if text[0].isdigit():
        return int(text[0])
    stems = (("prem", 1), ("deux", 2), ("sec", 2), ("trois", 3), ("quatr", 4), ("cinq", 5))
    return next((rank for stem, rank in stems if text.startswith(stem)), -1)


def _date(text: str) -> tuple[int, int, int]:
    """Month, day, year (0: none)."""
    if "/" in text:
        day, month, year = (int(n) for n in text.split("/"))
        return (month, day, year if year > 99 else 2000 + year)
    month = next(n for n, name in enumerate(_MOIS, 1) if re.search(rf"\b{name}\b", text))
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    return month, numbers[0], numbers[1] if len(numbers) > 1 else 0


def _value(kind: str, text: str) -> object:
    match kind:
        case "TIME":
            return _time(text)
        case "NOON":
            return NOON
        case "MIDNIGHT":
            return MIDNIGHT
        case "DAY":
            return frozenset({next(n for n, day in enumerate(JOURS) if day.startswith(text[:3]))})
        case "ALLDAYS":
            return ALL_DAYS
        case "WEEKDAYS":
            return frozenset(range(5))
        case "WORKDAYS":
            return frozenset(range(6))
        case "WEEKEND":
            return frozenset({5, 6})
        case "NTH":
            return _rank(text)
        case "DATE":
            return _date(text)
        case "MONTH":
            return (_MOIS.index(text) + 1, 0, 0)
        case "MIDMONTH":
            return (_MOIS.index(text[3:]) + 1, 15, 0)
        case "NUMBER":
            return int(text) if len(text) < 6 else -1
    return text


def tokens(text: str) -> list[Token]:
    """Tokens of a folded text, neighbours joined: day ranges, bare hours, date ranges."""
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        word = match[0]
        if kind == "WORD" and 5 <= len(word) <= 10 and word.rstrip("s").endswith(("di", "che")):
            near = [n for n, day in enumerate(JOURS) if OSA.distance(word.rstrip("s"), day) == 1]
            if len(near) == 1:
                found.append(Token("DAY", frozenset(near), match.start(), match.end(), "?"))
                continue
        value = _value(kind, word)
        found.append(Token(_SAME_KIND.get(kind, kind), value, match.start(), match.end(), word))
        if kind == "ALTERNATE" and (day := re.search(_DAY, word)):
            found.append(Token("DAY", frozenset({JOURS.index(day[0])}), match.end(), match.end(), day[0]))
    return _join_dates(_join_days(_bare_hours(found)))


def _bare_hours(found: list[Token]) -> list[Token]:
    """`14-18h`, `9 à 12h`, `10h/18`: a bare number linked to a time is an hour; `0900-1200` is hours and minutes."""
    result = list(found)
    for index, token in enumerate(result):
        if token.kind != "NUMBER" or not isinstance(token.value, int):
            continue
        before = result[index - 2] if index >= 2 and result[index - 1].text in ("-", "/", "a") else None
        after = result[index + 2] if index + 2 < len(result) and result[index + 1].text in ("-", "/", "a") else None
        linked = (before and before.kind == "TIME") or (after and after.kind == "TIME")
        if linked and token.value <= 24:
            result[index] = token._replace(kind="TIME", value=token.value * 60)
        elif linked and len(token.text) == 4 and token.value <= 2400 and token.value % 100 < 60:
            result[index] = token._replace(kind="TIME", value=token.value // 100 * 60 + token.value % 100)
        elif (
            index + 2 < len(result) and result[index + 1].text in ("au", "-", "/") and result[index + 2].kind == "DATE"
        ):
            month, _, year = result[index + 2].value
            if 1 <= token.value <= 31:
                result[index] = token._replace(kind="DATE", value=(month, token.value, year))
    return result


def _join_days(found: list[Token]) -> list[Token]:
    """`lundi au jeudi` is a range; so is `lundi - jeudi`, unless more days follow with dashes."""
    result: list[Token] = []
    index = 0
    while index < len(found):
        token = found[index]
        following = found[index + 1 : index + 3]
        if (
            token.kind == "DAY"
            and len(following) == 2
            and following[1].kind == "DAY"
            and following[0].text in ("a", "au", "jusqu'a", "jusqu'au", "-")
            and len(token.value) == len(following[1].value) == 1
        ):
            dash = following[0].text == "-"
            chained = dash and (
                (result and result[-1].text == "-" and len(result) > 1 and result[-2].kind == "DAY")
                or (index + 4 < len(found) and found[index + 3].text in ("-", ",") and found[index + 4].kind == "DAY")
            )
            first, last = min(token.value), min(following[1].value)
            if not chained and first < last:
                text = "tiret" if dash and last > first + 1 else token.text
                days = frozenset(range(first, last + 1))
                result.append(Token("DAY", days, token.start, following[1].end, text))
                index += 3
                continue
        result.append(token)
        index += 1
    return result


def _selector(first: tuple[int, int, int], last: tuple[int, int, int]) -> str:
    def write(date: tuple[int, int, int]) -> str:
        return f"{MONTHS[date[0] - 1]} {date[1]:02d}" if date[1] else MONTHS[date[0] - 1]

    if bool(first[1]) != bool(last[1]):  # "du 15 juillet à septembre": OSM wants both or none
        first = first if first[1] else (first[0], 1, first[2])
        last = (
            last if last[1] else (last[0], 31 if last[0] in (1, 3, 5, 7, 8, 10, 12) else 30 if last[0] != 2 else 28, 0)
        )
    return write(first) if first == last else f"{write(first)}-{write(last)}"


def _join_dates(found: list[Token]) -> list[Token]:
    """Consecutive dates or months become one DATE token holding (selector, names a year)."""
    result: list[Token] = []
    index = 0
    while index < len(found):
        token = found[index]
        if token.kind != "DATE":
            result.append(token)
            index += 1
            continue
        last = index
        between = ("a", "au", "-", "et", "/", "jusqu'au", "debut", "fin", "le", "du", "inclus")
        nxt = index + 1
        while nxt < len(found) and found[nxt].text in between:
            nxt += 1
        if nxt < len(found) and found[nxt].kind == "DATE" and nxt > index:
            last = nxt
        first_date, last_date = token.value, found[last].value
        selector = _selector(first_date, last_date)
        dated = bool(first_date[2] or last_date[2])
        result.append(Token("DATE", (selector, dated), token.start, found[last].end, token.text))
        index = last + 1
    return result
