"""Addresses looked up in an extract of the Base Adresse Nationale: offline, and the same answer every time.

The street first (the same words, else almost), then the number (the very one, else a near one that says so), else the
street alone. Never the commune.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from rapidfuzz import fuzz, process

from assets.referentiel.geocode.address import Address, normalise
from assets.referentiel.geocode.answers import ANSWER_SCHEMA
from assets.referentiel.geocode.settings import BanSettings

NUMBER, NEAR, STREET = "BAN numéro", "BAN numéro voisin", "BAN voie"
#: What a position is worth when the number is not the one asked for: multiplies the likeness of the streets.
_NEAR_WORTH, _STREET_WORTH = 0.9, 0.75
#: Words that tell no street from another: feeds add, drop and swap them.
_LINKS = frozenset({"de", "du", "des", "d", "la", "le", "les", "l", "et", "a", "au", "aux"})


@dataclass(frozen=True)
class _Point:
    code: str  # municipal district in Paris, Lyon and Marseille
    number: int
    repetition: str | None
    longitude: float
    latitude: float
    id: str
    label: str


_Streets = Mapping[str, list[_Point]]


def search_ban(
    wanted: pl.DataFrame,
    addresses: pl.DataFrame,
    rules: BanSettings,
    *,
    day: date,
    districts: Mapping[str, str],
) -> pl.DataFrame:
    """Look up every address in its commune.

    Args:
        wanted: `code_lieu` (commune or municipal district), `cle_adresse`.
        addresses: the `adresses` table of the source `ban`, at least for these communes.
        day: date of the extract.
        districts: commune of each municipal district. A street of the city is looked for in all of them.

    Returns:
        One row per address of a commune the extract holds, in `ANSWER_SCHEMA`; `motif` says why there is no position.
    """
    indexes = _index(addresses, set(wanted["code_lieu"]), districts)
    rows = []
    for code, key in wanted.select("code_lieu", "cle_adresse").iter_rows():
        if (streets := indexes.get(code)) is not None and (address := normalise(key)) is not None:
            rows.append({"code_lieu": code, "cle_adresse": key, **_find(address, streets, rules)})
    frame = pl.DataFrame(rows, schema={n: t for n, t in ANSWER_SCHEMA.items() if n != "geocodage_date"})
    return frame.with_columns(pl.lit(day).alias("geocodage_date")).select(ANSWER_SCHEMA.names())


def _index(addresses: pl.DataFrame, codes: Collection[str], districts: Mapping[str, str]) -> dict[str, _Streets]:
    """Place -> canonical street -> its numbers, in a fixed order. A city holds the streets of its districts too."""
    keys = {name: found.street for name in addresses["nom_voie"].unique() if (found := _street_of(name))}
    index: dict[str, dict[str, list[_Point]]] = defaultdict(lambda: defaultdict(list))
    ordered = addresses.sort("code_insee", "nom_voie", "numero", "rep", "id", nulls_last=False)
    columns = ("code_insee", "nom_voie", "numero", "rep", "longitude", "latitude", "id")
    for code, name, number, repetition, longitude, latitude, identifier in ordered.select(columns).iter_rows():
        if street := keys.get(name):
            label = " ".join(str(part) for part in (number or None, repetition, name) if part)
            spelled = normalise(f"{number or 1} {repetition} rue") if repetition else None
            point = _Point(
                code, number, spelled.repetition if spelled else None, longitude, latitude, identifier, label
            )
            for place in {code, districts.get(code, code)}.intersection(codes):
                index[place][street].append(point)
    return {code: dict(streets) for code, streets in index.items()}


def _street_of(name: str) -> Address | None:
    """A street's name alone: a number in it (`Rue du 8 Mai`) is never a house number."""
    found = normalise(f"1 {name}")
    return found if found and found.street else None


def _find(address: Address, streets: _Streets, rules: BanSettings) -> dict[str, object]:
    likeness, street = _same_street(address.street, streets, rules)
    if street is None:
        return {"motif": "voie ambiguë" if likeness else "voie inconnue"}
    points = streets[street]
    if len({point.code for point in points}) > 1:
        return {"motif": "voie de plusieurs arrondissements"}
    if address.number is not None:
        same = [p for p in points if p.number == address.number]
        exact = [p for p in same if p.repetition == address.repetition]
        if exact:
            return _answer(exact[0], NUMBER, likeness)
        near = _nearest(address.number, same or points, rules.numero_voisin_max)
        if near is not None:
            return _answer(near, NEAR, likeness * _NEAR_WORTH)
    return _answer(_middle(points), STREET, likeness * _STREET_WORTH)


def _same_street(street: str, streets: _Streets, rules: BanSettings) -> tuple[float, str | None]:
    """Likeness and name of the street; (0, None) when there is none, (likeness, None) when two are as good."""
    if street in streets:
        return 1.0, street
    kind, words = _told_apart(street)
    if not words:
        return 0.0, None
    # A rue is not a place: only what follows the kind of street may be misspelt.
    rivals = {name: told[1] for name in streets if (told := _told_apart(name))[0] == kind}
    close = process.extract(words, rivals, scorer=fuzz.token_sort_ratio, score_cutoff=rules.score_min * 100, limit=2)
    if not close:
        return 0.0, None
    if len(close) > 1 and close[0][1] - close[1][1] < rules.marge * 100:
        return close[0][1] / 100, None
    return close[0][1] / 100, close[0][2]


def _told_apart(street: str) -> tuple[str, str]:
    """The kind of street, and the words that tell it from the others of its kind."""
    kind, *words = street.split()
    return kind, " ".join(word for word in words if word not in _LINKS)


def _nearest(number: int, points: list[_Point], reach: int) -> _Point | None:
    """The number nearest to the one asked for, on the same side of the street first."""
    near = [p for p in points if p.number and abs(p.number - number) <= reach]
    return min(near, key=lambda p: (p.number % 2 != number % 2, abs(p.number - number), p.number, p.id), default=None)


def _middle(points: list[_Point]) -> _Point:
    """The address of the street nearest to the middle of them all: on the street, whatever its shape."""
    xy = np.array([(p.longitude * np.cos(np.radians(p.latitude)), p.latitude) for p in points])
    return points[int(np.argmin(((xy - np.median(xy, axis=0)) ** 2).sum(axis=1)))]


def _answer(point: _Point, method: str, score: float) -> dict[str, object]:
    return {
        "longitude": point.longitude,
        "latitude": point.latitude,
        "geocodage_score": round(score, 3),
        "geocodage_methode": method,
        "id_ban": point.id if method == NUMBER else None,
        "libelle": point.label,
    }
