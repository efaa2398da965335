"""The counters of a scenario: those of its base, with its edits done one after the other.

An edit closes counters and opens others; everything else about them (times, people) belongs to `cases`. Nothing is
guessed: an id that is not there, a counter closed twice, a place in the sea are refused, with what is nearest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from rapidfuzz import process

from assets.access.places import COUNTER_SCHEMA, HELD_ALL_WEEK
from assets.scenarios.edits import (
    ChangeHours,
    Close,
    Edit,
    Merge,
    Move,
    Open,
    Permanence,
    Place,
    Scenario,
    Tour,
)
from assets.scenarios.outlines import Outlines
from pipeline.foundations.errors import WrongUse

Row = dict[str, Any]
#: Counters as a scenario sees them: those of access, with their name and the place they are in.
SUPPLY_SCHEMA = pl.Schema({**COUNTER_SCHEMA, "nom": pl.String(), "lieu_id": pl.String()})
#: Position of an address: (address, Insee code of the commune) -> (longitude, latitude); raises WrongUse.
Geocoder = Callable[[str, str], tuple[float, float]]
_PERMANENCE, _STOP = "Permanence", "Itinérance"


@dataclass(frozen=True)
class Change:
    """What one edit does.

    Attributes:
        rank: of the edit, from 1.
        text: the edit in French, for reports.
        closed: ids of the counters that no longer are as they were.
        opened: rows of `SUPPLY_SCHEMA` that replace or join them; a counter that moves keeps its id.
    """

    rank: int
    text: str
    closed: tuple[str, ...]
    opened: pl.DataFrame


@dataclass(frozen=True)
class Supply:
    """Counters in force (`SUPPLY_SCHEMA`, sorted by id) and the changes that led there."""

    counters: pl.DataFrame
    changes: tuple[Change, ...] = ()

    def done(self, change: Change) -> "Supply":
        """After a change."""
        kept = self.counters.filter(~pl.col("point_accueil_id").is_in(list(change.closed)))
        after = pl.concat([kept, change.opened.select(SUPPLY_SCHEMA.names())]).sort("point_accueil_id")
        return replace(self, counters=after, changes=(*self.changes, change))


@dataclass(frozen=True)
class Ground:
    """What places and ids are checked against.

    Attributes:
        communes: `code, nom, departement, geometrie` (WKB, WGS84).
        places: `referentiel__lieux`.
        registry: `referentiel__registre`: what became of the ids that are no more.
        aliases: other ids of a counter -> `point_accueil_id` of the counters that bear it.
        geocode: position of an address.
    """

    communes: pl.DataFrame
    places: pl.DataFrame
    registry: pl.DataFrame
    aliases: Mapping[str, tuple[str, ...]]
    geocode: Geocoder


def apply(scenario: Scenario, base: pl.DataFrame, ground: Ground) -> Supply:
    """Do every edit in order.

    Args:
        base: counters in force, in `SUPPLY_SCHEMA`.

    Raises:
        WrongUse: an edit that cannot be done; it is named.
    """
    supply = Supply(base.sort("point_accueil_id"))
    site = _Site(ground)
    for rank, edit in enumerate(scenario.modifications, start=1):
        supply = supply.done(_change(rank, edit, supply, site))
    return supply


def _change(rank: int, edit: Edit, supply: Supply, site: "_Site") -> Change:
    match edit:
        case Open():
            row = site.row(f"CSPSCENARIO{rank:04d}", edit.typologie, HELD_ALL_WEEK, edit.horaires, edit.nom)
            at = site.located(rank, edit.lieu, supply)
            return Change(rank, f"Ouvrir {_what(row, at)}", (), _frame([row | at]))
        case Close():
            row = site.counter(rank, edit.id, supply)
            return Change(rank, f"Fermer {_what(row, row)}", (row["point_accueil_id"],), _frame([]))
        case Move():
            row = site.counter(rank, edit.id, supply)
            at = site.located(rank, edit.lieu, supply)
            text = f"Déplacer {_what(row, row)} vers {at['_ou']}"
            return Change(rank, text, (row["point_accueil_id"],), _frame([row | at]))
        case ChangeHours():
            row = site.counter(rank, edit.id, supply)
            text = f"Changer les horaires de {_what(row, row)} : {edit.horaires}"
            return Change(rank, text, (row["point_accueil_id"],), _frame([row | {"horaires": edit.horaires}]))
        case Merge():
            return _merged(rank, edit, supply, site)
        case Permanence():
            host = site.counter(rank, edit.hote, supply)
            row = site.row(f"CSPSCENARIO{rank:04d}", edit.typologie, _PERMANENCE, edit.horaires, edit.nom)
            at = {k: host[k] for k in ("code_insee", "code_departement", "longitude", "latitude", "lieu_id")}
            text = f"Tenir une permanence {edit.typologie} chez {host['nom']} : {edit.horaires}"
            return Change(rank, text, (), _frame([row | at]))
        case Tour():
            rows = []
            for number, stop in enumerate(edit.arrets, start=1):
                row = site.row(f"CSPSCENARIO{rank:04d}A{number:02d}", edit.typologie, _STOP, stop.horaires, edit.nom)
                rows.append(row | site.located(rank, stop.lieu, supply))
            return Change(rank, f"Itinérance {edit.typologie}, {len(rows)} arrêt(s)", (), _frame(rows))


def _merged(rank: int, edit: Merge, supply: Supply, site: "_Site") -> Change:
    rows = [site.counter(rank, one, supply) for one in edit.ids]
    closed = tuple(row["point_accueil_id"] for row in rows)
    if len(set(closed)) < len(closed):
        raise _refused(rank, "counters to merge, each once", f"{closed[0]} twice", "name each once")
    kinds = sorted({row["typologie"] for row in rows})
    if len(kinds) > 1:
        raise _refused(rank, "counters of one typology", " and ".join(kinds), "share premises with `deplacer` instead")
    at = site.located(rank, edit.lieu, supply)
    hours = edit.horaires or rows[0]["horaires"]
    row = site.row(f"CSPSCENARIO{rank:04d}", kinds[0], HELD_ALL_WEEK, hours, edit.nom or rows[0]["nom"])
    names = ", ".join(str(r["nom"]) for r in rows)
    return Change(rank, f"Fusionner {names} à {at['_ou']}", closed, _frame([row | at]))


class _Site:
    """Looks up counters and places for edits."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._outlines = Outlines(ground.communes)
        communes = ground.communes.select("code", "nom").iter_rows()
        self._names = {code: f"{name} ({code})" for code, name in communes}

    @staticmethod
    def row(ident: str, typology: str, kind: str, hours: str | None, name: str | None) -> Row:
        """A new counter, nowhere yet."""
        return {
            "point_accueil_id": ident,
            "service_id": ident,
            "type_structure": kind,
            "typologie": typology,
            "horaires": hours,
            "nom": name or f"{typology} (projet)",
        }

    def counter(self, rank: int, ident: str, supply: Supply) -> Row:
        """The row of a counter in force."""
        ids = self._ground.aliases.get(ident, (ident,))
        found = supply.counters.filter(pl.col("point_accueil_id").is_in(list(ids)))
        if found.height == 1:
            row = found.row(0, named=True)
            return row | {"_ou": self._names.get(row["code_insee"], row["code_insee"])}
        if found.height > 1:
            raise _refused(
                rank, "an id of one counter", f"{ident}, of {', '.join(found['point_accueil_id'])}", "name one"
            )
        closed = {c for change in supply.changes for c in change.closed}
        if closed & set(ids):
            raise _refused(rank, f"{ident} in force", "closed by an edit before", "remove one of the two edits")
        raise _refused(
            rank, "a counter of the base release", f"no {ident}{self._became(ident)}", self._nearest(ident, supply)
        )

    def located(self, rank: int, place: Place, supply: Supply) -> Row:
        """`longitude, latitude, code_insee, code_departement, lieu_id` of a place, and `_ou`: where, in words."""
        if place.guichet is not None:
            row = self.counter(rank, place.guichet, supply)
            point, lieu = (row["longitude"], row["latitude"]), row["lieu_id"]
        elif place.lieu_id is not None:
            known = self._ground.places.filter(pl.col("lieu_id") == place.lieu_id)
            if known.is_empty():
                best = process.extractOne(place.lieu_id, self._ground.places["lieu_id"].to_list())
                near = f"give one of the release, as {best[0]}" if best else "give coordinates"
                raise _refused(rank, "a place of the base release", f"no {place.lieu_id}", near)
            point, lieu = (known["lieu_longitude"][0], known["lieu_latitude"][0]), place.lieu_id
        elif place.adresse is not None:
            point, lieu = self._ground.geocode(place.adresse, str(place.commune)), None
        else:
            point, lieu = (place.longitude, place.latitude), None
        if point[0] is None:
            raise _refused(rank, "a place that has a position", "one that nobody placed", "give coordinates")
        communes = self._outlines.communes
        held = int(self._outlines.at([point[0]], [point[1]])[0])
        if held < 0:
            far = communes.row(self._outlines.nearest(*point), named=True)
            found = f"{point[0]:g}, {point[1]:g}, in none (at sea, abroad, or longitude and latitude swapped)"
            raise _refused(rank, "a place in a commune", found, f"the nearest commune is {far['nom']} ({far['code']})")
        commune = communes.row(held, named=True)
        return {
            "longitude": float(point[0]),
            "latitude": float(point[1]),
            "code_insee": commune["code"],
            "code_departement": commune["departement"],
            "lieu_id": lieu,
            "_ou": self._names[commune["code"]],
        }

    def _became(self, ident: str) -> str:
        known = self._ground.registry.filter(pl.col("id") == ident)
        if known.is_empty():
            return ""
        state, follower = known["etat"][0], known["remplace_par"][0]
        return f" ({state}{f', remplacé par {follower}' if follower else ''})"

    @staticmethod
    def _nearest(ident: str, supply: Supply) -> str:
        frame = supply.counters
        by_id = process.extractOne(ident, frame["point_accueil_id"].to_list())
        by_name = process.extractOne(ident, frame["nom"].fill_null("").to_list(), score_cutoff=60)
        best = by_name if by_name and (not by_id or by_name[1] > by_id[1]) else by_id
        if not best:
            return "check the id"
        row = frame.row(int(best[2]), named=True)
        return f"the nearest is {row['point_accueil_id']}, {row['nom']} ({row['code_insee']})"


def _what(row: Row, at: Row) -> str:
    """A counter in words: its name, its typology where the name does not say it, its commune."""
    name, typology = row["nom"] or row["typologie"], row["typologie"]
    kind = "" if typology.casefold() in name.casefold() else f", {typology}"
    return f"{name}{kind} – {at['_ou']}"


def _frame(rows: list[Row]) -> pl.DataFrame:
    kept = [{k: row.get(k) for k in SUPPLY_SCHEMA.names()} for row in rows]
    return pl.DataFrame(kept, schema=SUPPLY_SCHEMA)


def _refused(rank: int, expected: str, found: str, remedy: str) -> WrongUse:
    return WrongUse(f"edit {rank}", expected=expected, found=found, remedy=remedy)
