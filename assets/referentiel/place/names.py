"""Names of towns as feeds write them -> comparison keys: saints, CEDEX, articles, municipal districts.

Which commune a key names belongs to the gazetteer; streets belong to `assets.referentiel.geocode.address`.
"""

import re

from pipeline.foundations.text import key

_CEDEX = re.compile(r"\s*\bcedex\b.*$")
_DISTRICT = re.compile(
    r"^(paris|lyon|marseille)\s+(?:n\s+)?0*(\d{1,2})(?:\s*(?:er|e|eme|ieme|nd|d))?(?:\s+arr(?:ondissement|t|dt)?)?$"
)
_SAINTS = {"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes"}
#: Read so only between two words: `VILLE S/ SAONE`.
_LINKS = {"s": "sur", "ss": "sous"}
_LEADING_ARTICLE = re.compile(r"^(?:l|le|la|les)\s+")
_TRAILING_ARTICLE = re.compile(r"\s+(?:l|le|la|les)$")


def town_key(name: str | None) -> str:
    """Comparison key of a town's name.

    `"GAP CEDEX 9"` -> `"gap"`, `"ST-ELOI S/ LOIRE"` -> `"saint eloi sur loire"`, `"Abergement (L')"` ->
    `"abergement"`, `"Lyon 3e arrondissement"` -> `"lyon"`.
    """
    plain = _CEDEX.sub("", key(name))
    if district := _DISTRICT.match(plain):
        return district[1]
    words = [_SAINTS.get(word, word) for word in plain.split()]
    words[1:-1] = [_LINKS.get(word, word) for word in words[1:-1]]
    return _TRAILING_ARTICLE.sub("", _LEADING_ARTICLE.sub("", " ".join(words)))


def is_cedex(name: str | None) -> bool:
    """Whether a town is named as a CEDEX: its postcode then names a sorting office, not a commune."""
    return _CEDEX.search(key(name)) is not None


def district_number(name: str | None) -> tuple[str, int] | None:
    """City and number of a municipal district: `"Paris 20e Arrondissement"`, `"MARSEILLE 11"`, `"LYON 03"`."""
    district = _DISTRICT.match(_CEDEX.sub("", key(name)))
    return (district[1], int(district[2])) if district else None
