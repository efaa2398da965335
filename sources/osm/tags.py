"""What the tags of an OSM way mean in the vocabulary of `sources.roads`: pure, one way at a time.

Interpretation stops at what the mappers say. How fast one really drives, and which natures a mode may use, belong to
the profiles of `assets.access.network`.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_WITH_LINKS = ("motorway", "trunk", "primary", "secondary", "tertiary")
_NOT_FOR_CARS = ("path", "footway", "cycleway", "pedestrian", "steps", "bridleway")
#: Values of `highway` that are kept.
HIGHWAYS = frozenset(
    [
        *_WITH_LINKS,
        *(f"{name}_link" for name in _WITH_LINKS),
        *_NOT_FOR_CARS,
        *("unclassified", "residential", "living_street", "service", "track", "road"),
    ]
)
FERRY = "ferry"

_CAR = ("motorcar", "motor_vehicle", "vehicle", "access")  # the most precise first
_BICYCLE = ("bicycle", "vehicle", "access")
_FOOT = ("foot", "access")
_CYCLEWAY = ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both")
_CATEGORY = ("maxspeed:type", "source:maxspeed")
_UNFINISHED = ("construction", "proposed", "abandoned")
#: Every key that is read.
KEYS = frozenset(
    [
        *("highway", "route", "area", "junction", "oneway", "oneway:bicycle", "toll", "motorroad", "maxspeed"),
        *("duration", "layer", "bridge", "tunnel"),
        *_CAR,
        *_BICYCLE,
        *_FOOT,
        *_CYCLEWAY,
        *_CATEGORY,
        *_UNFINISHED,
    ]
)

MAX_SPEED = 200.0  # km/h; above, a typing error
MAX_DURATION = 7 * 86_400.0  # seconds
MAX_LEVEL = 5

_OPEN = frozenset(["yes", "permissive", "designated", "official", "public", "discouraged"])
_LOCAL = frozenset(["destination", "customers", "delivery", "residents"])  # whoever has business there
_HOLDERS = frozenset(["private", "permit", "employees"])
_SHUT = frozenset(
    ["no", "agricultural", "forestry", "military", "emergency", "psv", "bus", "taxi", "dismount", "use_sidepath"]
)
_DIRECTIONS = {"yes": 1, "true": 1, "1": 1, "-1": -1, "reverse": -1, "no": 0, "false": 0, "0": 0}
_CHANGING = ("alternating", "reversible")
_FRENCH_SPEEDS = {"urban": 50.0, "rural": 80.0, "trunk": 110.0, "motorway": 130.0, "living_street": 20.0, "walk": 6.0}
_URBAN = re.compile(r"FR:(?:urban|living_street|zone:?\d+)", re.ASCII)
_OPEN_COUNTRY = ("FR:rural", "FR:motorway")
_NO_NUMBER = ("none", "signals", "variable")  # a limit that exists without being one number
_CATEGORY_SPEED = re.compile(r"FR:(?:zone:?)?(\d{1,3})", re.ASCII)
_SPEED = re.compile(r"(\d{1,4}(?:\.\d{1,3})?) ?(mph|knots|km/h|kmh|kph)?", re.ASCII)
_UNITS = {"mph": 1.609344, "knots": 1.852}
_MINUTES = re.compile(r"\d{1,5}", re.ASCII)
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_ISO = re.compile(r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?", re.ASCII)
_LAYER = re.compile(r"[+-]?\d{1,3}", re.ASCII)


class Fault(NamedTuple):
    """A value that was not understood, hence not used."""

    rule: str
    column: str
    value: str


class Way(NamedTuple):
    """Columns of `SEGMENT_SCHEMA` that tags decide (`duree_s` for the whole way), and what was not understood."""

    nature: str
    sens: int
    sens_velo: int | None
    vitesse_kmh: float | None
    acces_voiture: str
    acces_pieton: bool | None
    acces_velo: bool | None
    urbain: bool | None
    prive: bool
    bac: bool
    duree_s: float | None
    niveau: int | None
    faults: tuple[Fault, ...]


def nature(tags: Mapping[str, str]) -> str | None:
    """The value of `highway`, or `ferry`; None when the way is not a road, not a line, or not in use."""
    if tags.get("area") == "yes" or any(tags.get(key) == "yes" for key in _UNFINISHED):
        return None
    highway = tags.get("highway")
    if highway in HIGHWAYS:
        return highway
    return FERRY if tags.get("route") == FERRY and highway is None else None


def interpret(tags: Mapping[str, str]) -> Way | None:
    """What the tags of a way say; None when `nature` does not keep it.

    Values that vary by direction, lane, hour or vehicle weight (`maxspeed:forward`, `access:conditional`…) are not
    read, nor are barriers on nodes and turn restrictions.
    """
    kind = nature(tags)
    if kind is None:
        return None
    faults: list[Fault] = []
    direction = _direction(tags, kind, faults)
    car = _access(tags, _CAR, faults)
    return Way(
        nature=kind,
        sens=direction,
        sens_velo=_bicycle_direction(tags, direction, faults),
        vitesse_kmh=_legal_speed(tags, faults),
        acces_voiture=_car_access(kind, car, toll=tags.get("toll") == "yes"),
        acces_pieton=_allowed(tags, _FOOT, faults),
        acces_velo=_allowed(tags, _BICYCLE, faults),
        urbain=_urban(tags),
        prive=car == "private",
        bac=kind == FERRY,
        duree_s=_duration(tags, faults) if kind == FERRY else None,
        niveau=_level(tags, faults),
        faults=tuple(dict.fromkeys(faults)),
    )


def speed(text: str) -> float | None:
    """A value of `maxspeed` in km/h, in (0, `MAX_SPEED`]; None when it gives no such number.

    Of several values (`50;30`, `50|30`) the first counts. Categories are those of France (`FR:urban`); `walk` is
    6 km/h.
    """
    first = re.split(r"[;|]", text, maxsplit=1)[0].strip()
    if first == "walk":
        return _FRENCH_SPEEDS["walk"]
    if first.startswith("FR:") and first[3:] in _FRENCH_SPEEDS:
        return _FRENCH_SPEEDS[first[3:]]
    if category := _CATEGORY_SPEED.fullmatch(first):
        value = float(category[1])
    elif number := _SPEED.fullmatch(first):
        value = float(number[1]) * _UNITS.get(number[2] or "", 1.0)
    else:
        return None
    return value if 0 < value <= MAX_SPEED else None


def duration(text: str) -> float | None:
    """A value of `duration` in seconds, in (0, `MAX_DURATION`]; None when it gives no such number.

    `HH:MM`, `HH:MM:SS`, minutes alone (`45`), or ISO 8601 (`PT1H30M`).
    """
    text = text.strip()
    if _MINUTES.fullmatch(text):
        total = int(text) * 60
    elif clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        total = hours * 3600 + minutes * 60 + seconds
    elif iso := _ISO.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        total = days * 86_400 + hours * 3600 + minutes * 60 + seconds
    else:
        return None
    return float(total) if 0 < total <= MAX_DURATION else None


def _direction(tags: Mapping[str, str], kind: str, faults: list[Fault]) -> int:
    said = tags.get("oneway")
    if said in _CHANGING:
        faults.append(Fault("sens-changeant", "oneway", said))
        return 0
    if said in _DIRECTIONS:
        return _DIRECTIONS[said]
    if said is not None:
        faults.append(Fault("sens-illisible", "oneway", said))
    return int(kind == "motorway" or tags.get("junction") in ("roundabout", "circular"))


def _bicycle_direction(tags: Mapping[str, str], direction: int, faults: list[Fault]) -> int | None:
    """The direction for bicycles where it is not that of cars."""
    said = tags.get("oneway:bicycle")
    if said in _DIRECTIONS:
        own = _DIRECTIONS[said]
        return own if own != direction else None
    if said is not None:
        faults.append(Fault("sens-illisible", "oneway:bicycle", said))
    against = any(tags.get(key, "").startswith("opposite") for key in _CYCLEWAY)
    return 0 if against and direction != 0 else None


def _access(tags: Mapping[str, str], keys: tuple[str, ...], faults: list[Fault]) -> str | None:
    """The first understood value of the most precise key that has one."""
    for key in keys:
        if (said := tags.get(key)) is None:
            continue
        for value in said.split(";"):
            if (value := value.strip()) in _OPEN | _LOCAL | _HOLDERS | _SHUT:
                return value
        if said != "unknown":
            faults.append(Fault("acces-illisible", key, said))
    return None


def _car_access(kind: str, said: str | None, *, toll: bool) -> str:
    """A class of `CAR_ACCESS`; without a tag, what the nature implies (a footpath is not for cars)."""
    if said in _SHUT or (said is None and kind in _NOT_FOR_CARS):
        return "impossible"
    if said in _LOCAL | _HOLDERS:
        return "restreint"
    return "péage" if toll else "libre"


def _allowed(tags: Mapping[str, str], keys: tuple[str, ...], faults: list[Fault]) -> bool | None:
    """True where the mode's own tag allows it, False where a tag forbids it, None where the nature decides."""
    said = _access(tags, keys, faults)
    if said in _HOLDERS | _SHUT:
        return False
    if said in _OPEN and said == _access(tags, keys[:1], []):
        return True
    return False if tags.get("motorroad") == "yes" else None


def _legal_speed(tags: Mapping[str, str], faults: list[Fault]) -> float | None:
    said = tags.get("maxspeed")
    if said is not None:
        value = speed(said)
        if value is None and said not in _NO_NUMBER:
            faults.append(Fault("vitesse-illisible", "maxspeed", said))
        return value
    # Only the categories: `source:maxspeed=sign` says nothing of the speed.
    return next((speed(tags[key]) for key in _CATEGORY if tags.get(key, "").startswith("FR:")), None)


def _urban(tags: Mapping[str, str]) -> bool | None:
    said = [tags.get(key, "") for key in ("maxspeed", *_CATEGORY)]
    if any(_URBAN.match(value) for value in said):
        return True
    return False if any(value in _OPEN_COUNTRY for value in said) else None


def _duration(tags: Mapping[str, str], faults: list[Fault]) -> float | None:
    if (said := tags.get("duration")) is None:
        return None
    if (value := duration(said)) is None:
        faults.append(Fault("duree-illisible", "duration", said))
    return value


def _level(tags: Mapping[str, str], faults: list[Fault]) -> int | None:
    """`layer`, else above for a bridge, below for a tunnel, else on the ground as the tag's convention says."""
    said = tags.get("layer")
    if said is not None:
        if not _LAYER.fullmatch(said):
            faults.append(Fault("niveau-illisible", "layer", said))
            return None
        return max(-MAX_LEVEL, min(MAX_LEVEL, int(said)))
    if tags.get("bridge", "no") != "no":
        return 1
    return -1 if tags.get("tunnel", "no") not in ("no", "building_passage") else 0
