"""What people in the field say -> the counters, field by field, above every feed.

Decided:
- a correction applies to the value its author saw. If the feeds now say something else, it is **obsolète**: reported,
  not applied. A correction made on an already corrected value follows it, as in a chain;
- of one organisation, its latest verification counts (**remplacée** for the earlier ones);
- two organisations (or two workbooks of one organisation and one day) that correct the same value differently are
  a **conflit**: both are reported, none applies. It ends when one of them corrects again to what the other says;
- a counter reported closed leaves the tables, unless someone said something else of it that day or later
  (**conflit**), or its record changed upstream since the export (**obsolète**);
- « vérifié, rien à changer » changes nothing but the date, which is the point.

Everything is settled by what the workbooks hold, never by the order in which they were imported.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import shapely

from assets.referentiel.hours import interpret, level
from assets.referentiel.terrain.values import COLUMNS, ID, current_values
from pipeline.foundations.crs import epsg_of_departement, project
from pipeline.foundations.issues import IssueLog
from sources.personal import redact_people
from sources.remontees_terrain import layout
from sources.remontees_terrain.layout import CHECKED, CLOSED, POSITION, SOURCE

#: A position further outside the outline of its commune is refused: outlines are simplified by up to this much.
TOLERANCE_M = 1_000.0
#: `position_methode` of a position given by the field.
POSITION_METHOD = "remontée de terrain"

#: A correction and what became of it. `valeur` is what the correction means (hours read into OSM), `valeur_source` what
#: the feeds say without it.
OUTCOME_SCHEMA = pl.Schema(
    {
        **layout.CORRECTION_SCHEMA,
        "valeur": pl.String(),
        "valeur_source": pl.String(),
        "statut": pl.String(),
        "motif": pl.String(),
    }
)

APPLIED, CONFLICT = "appliquée", "conflit"
OBSOLETE, REPLACED, ALREADY, UNKNOWN, REFUSED = "obsolète", "remplacée", "déjà à jour", "inconnu", "refusée"

_GROUPS = {"adresse": "lieu", POSITION: "lieu", "type_structure": "type"}


class Corrected(NamedTuple):
    """The counters once corrected, and what became of each correction (frames in `OUTCOME_SCHEMA`).

    `applied` holds the corrections in force, `conflicts` those that disagree, `obsolete` all the others: outdated,
    replaced by a later one, already said by the feeds, of a counter that is gone, or refused (see `statut`, `motif`).
    """

    counters: pl.DataFrame
    applied: pl.DataFrame
    conflicts: pl.DataFrame
    obsolete: pl.DataFrame


@dataclass
class _Claim:
    """One correction while it is being settled."""

    row: Mapping[str, Any]
    value: str | None  # what it means
    status: str = ""
    reason: str = ""
    before: str | None = None

    @property
    def order(self) -> tuple[date, str, int]:
        return self.row["date"], self.row["classeur"], self.row["ligne"]

    @property
    def author(self) -> str:
        return str(self.row["organisation"]).casefold()

    def settle(self, status: str, reason: str = "") -> None:
        self.status, self.reason = status, reason


def apply_corrections(counters: pl.DataFrame, corrections: pl.DataFrame, communes: pl.DataFrame) -> Corrected:
    """Apply what the field says to the decided counters.

    To be called once counters have their ids and before they are shaped into the published tables: personal data is
    already withheld, places (`lieux`) and `geometrie` are made afterwards from the corrected positions.

    Args:
        counters: one row per `point_accueil_id`, with the columns of `terrain.values.COLUMNS`,
            `service_nb_heures_hebdo, service_categorie_niveau_d_ouverture, horaires_texte, horaires_qualite,
            lieu_code_insee, lieu_longitude, lieu_latitude, position_methode, date_maj, sources`; others are kept.
        corrections: `raw__remontees_terrain_corrections` (`layout.CORRECTION_SCHEMA`); may be empty.
        communes: `territories__communes`, for the outlines a corrected position must fall in.

    Returns:
        `Corrected`. Its counters keep their columns and order, less the counters closed for good. A corrected counter
        has `remontees_terrain` among its `sources`, and the day of the verification as `date_maj` when it is later.
    """
    claims = [_Claim(row, effective(row["champ"], row["corrige"])) for row in corrections.iter_rows(named=True)]
    touched = counters.filter(pl.col(ID).is_in(corrections[ID].unique().implode()))
    now = {row[ID]: row for row in current_values(touched).iter_rows(named=True)}
    _refuse_impossible(claims, now, touched, communes)
    changes: dict[str, dict[str, _Claim]] = {}
    for (identifier, champ), group in _grouped(claims):
        if champ in (CLOSED, CHECKED):
            continue
        if applied := _settle(group, now[identifier][champ]):
            changes.setdefault(identifier, {})[champ] = applied
    corrected = _rewrite(counters, changes)
    after = {
        row[ID]: row["empreinte"]
        for row in current_values(corrected.join(touched, on=ID, how="semi")).iter_rows(named=True)
    }
    closed, checked = _settle_whole(claims, now, after)
    corrected = _sign(corrected, changes, checked).filter(~pl.col(ID).is_in(list(closed)))
    frame = _outcomes(claims)
    others = ~pl.col("statut").is_in([APPLIED, CONFLICT])
    return Corrected(
        corrected,
        frame.filter(pl.col("statut") == APPLIED),
        frame.filter(pl.col("statut") == CONFLICT),
        frame.filter(others),
    )


def restore(counters: pl.DataFrame, applied: pl.DataFrame) -> pl.DataFrame:
    """The counters of the last build with the feeds' values put back where corrections had applied.

    To judge new corrections beside those already in force: only what corrections are compared with is put back. Closed
    counters left the tables and do not come back.

    Args:
        counters: `terrain.gather` of the published tables.
        applied: the corrections in force at that build (`OUTCOME_SCHEMA`).
    """
    updates: dict[str, dict[str, Any]] = {}
    for row in applied.filter(~pl.col("champ").is_in([CLOSED, CHECKED])).iter_rows(named=True):
        if row["champ"] == POSITION:
            degrees = [float(part) for part in row["valeur_source"].split()] if row["valeur_source"] else [None, None]
            said: dict[str, Any] = dict(zip(("lieu_longitude", "lieu_latitude"), degrees, strict=True))
        else:
            said = {COLUMNS[row["champ"]]: row["valeur_source"]}
        for column, value in said.items():
            updates.setdefault(column, {})[row[ID]] = value
    return _update(counters, updates)


def effective(champ: str, typed: str | None) -> str | None:
    """What a typed value means: hours become OSM hours (null when they are not understood), the rest is as typed."""
    if champ != "horaires" or typed is None:
        return typed
    return interpret(typed, "texte").osm


def correction_provenance(applied: pl.DataFrame) -> pl.DataFrame:
    """Corrections in force as provenance: `point_accueil_id, champ, source, id_source, date_source`.

    A field the correction emptied comes from nowhere and has no row. `champ` is the group of fields of
    `precedence.yml` (address and position are both `lieu`); the latest correction of a group speaks for it.
    """
    fields = applied.filter(~pl.col("champ").is_in([CLOSED, CHECKED]) & pl.col("valeur").is_not_null())
    return (
        fields.with_columns(pl.col("champ").replace(_GROUPS))
        .sort(ID, "champ", "date", "classeur", "ligne", descending=[False, False, True, True, True])
        .unique([ID, "champ"], keep="first", maintain_order=True)
        .select(
            ID,
            "champ",
            pl.lit(SOURCE).alias("source"),
            pl.format("{}#{}", "classeur", "ligne").alias("id_source"),
            pl.col("date").alias("date_source"),
        )
    )


def correction_issues(outcomes: pl.DataFrame) -> pl.DataFrame:
    """What a steward has to look at again, as issues: conflicts, outdated, refused and orphan corrections.

    Args:
        outcomes: `referentiel__corrections` (`OUTCOME_SCHEMA`).
    """
    issues = IssueLog(SOURCE)
    wanted = pl.col("statut").is_in([CONFLICT, OBSOLETE, REFUSED, UNKNOWN])
    for row in outcomes.filter(wanted).iter_rows(named=True):
        issues.add(
            record=row[ID],
            column=row["champ"],
            value=redact_people(row["corrige"] or layout.CLEAR),
            rule=f"correction-{_RULES[row['statut']]}",
            reason=f"{row['organisation']}, {row['date']:%d/%m/%Y} : {redact_people(row['motif'])}",
        )
    return issues.frame()


_RULES = {CONFLICT: "en-conflit", OBSOLETE: "obsolete", REFUSED: "refusee", UNKNOWN: "sans-objet"}


# --- settling ----------------------------------------------------------------------------------------------------


def _grouped(claims: Iterable[_Claim]) -> Iterator[tuple[tuple[str, str], list[_Claim]]]:
    groups: dict[tuple[str, str], list[_Claim]] = {}
    for claim in claims:
        if not claim.status:
            groups.setdefault((claim.row[ID], claim.row["champ"]), []).append(claim)
    for name in sorted(groups):
        yield name, sorted(groups[name], key=lambda c: c.order)


def _refuse_impossible(
    claims: list[_Claim], now: Mapping[str, Mapping[str, Any]], touched: pl.DataFrame, communes: pl.DataFrame
) -> None:
    """Set aside what cannot apply whatever the others say."""
    for claim in claims:
        row = claim.row
        if row[ID] not in now:
            claim.settle(UNKNOWN, "Ce point d’accueil n’est plus dans le référentiel.")
        elif row["champ"] == "horaires" and row["corrige"] is not None and claim.value is None:
            claim.settle(REFUSED, "Les horaires saisis n’ont pas été compris.")
        elif row["champ"] not in (CLOSED, CHECKED):
            claim.before = now[row[ID]][row["champ"]]
    placed = [c for c in claims if not c.status and c.row["champ"] == POSITION and c.value]
    if not placed:
        return
    commune = dict(touched.select(ID, "lieu_code_insee").iter_rows())
    codes = [commune[c.row[ID]] for c in placed]
    known = communes.filter(pl.col("code").is_in(codes) & pl.col("geometrie").is_not_null())
    outlines = {code: shapely.from_wkb(wkb) for code, wkb in known.select("code", "geometrie").iter_rows()}
    for claim, code in zip(placed, codes, strict=True):
        longitude, latitude = _degrees(claim)
        metres = _metres_outside(outlines[code], code, longitude, latitude) if code in outlines else 0.0
        if metres > TOLERANCE_M:
            claim.settle(REFUSED, f"La position est à {metres / 1000:.0f} km hors de la commune {code}.")


def _degrees(claim: _Claim) -> tuple[float, float]:
    longitude, latitude = str(claim.value).split()
    return float(longitude), float(latitude)


def _metres_outside(outline: shapely.Geometry, code: str, longitude: float, latitude: float) -> float:
    """Distance from a point to the outline of its commune, in the projected system of the territory; 0 inside."""
    ends = shapely.get_coordinates(shapely.shortest_line(outline, shapely.Point(longitude, latitude)))
    departement = code[:3] if code.startswith(("97", "98")) else code[:2]
    x, y = project(ends[:, 0], ends[:, 1], epsg_of_departement(departement))
    return float(np.hypot(x[1] - x[0], y[1] - y[0]))


def _settle(claims: list[_Claim], value: str | None) -> _Claim | None:
    """Follow the chain of corrections of one field from the feeds' value; the last one that applies, if any."""
    left, current, applied = list(claims), value, None
    while on_value := [c for c in left if c.row["exporte"] == current]:
        left = [c for c in left if c.row["exporte"] != current]
        latest = _latest(on_value)
        said = {c.value for c in latest}
        if len(said) > 1:
            who = " ; ".join(sorted({f"{c.row['organisation']} : {c.value or layout.CLEAR}" for c in latest}))
            for claim in latest:
                claim.settle(CONFLICT, f"Corrections qui se contredisent — {who}.")
            break
        (new,) = said
        for claim in latest:
            same = new == current
            claim.settle(ALREADY if same else APPLIED, "La valeur corrigée est celle déjà publiée." if same else "")
        if new != current:
            applied, current = latest[-1], new
    for claim in left:
        if claim.value == value:
            claim.settle(ALREADY, "Les sources disent désormais la même chose.")
        else:
            claim.settle(OBSOLETE, f"La valeur a changé depuis l’export : {value or layout.CLEAR}.")
    return applied


def _latest(claims: list[_Claim]) -> list[_Claim]:
    """The claims of each author's latest day; the earlier ones are marked replaced."""
    last: dict[str, date] = {}
    for claim in claims:
        last[claim.author] = max(claim.row["date"], last.get(claim.author, claim.row["date"]))
    for claim in claims:
        if claim.row["date"] < last[claim.author]:
            claim.settle(REPLACED, f"La même organisation a corrigé de nouveau le {last[claim.author]:%d/%m/%Y}.")
    return [claim for claim in claims if not claim.status]


def _settle_whole(
    claims: list[_Claim], now: Mapping[str, Mapping[str, Any]], after: Mapping[str, str]
) -> tuple[set[str], dict[str, date]]:
    """Closures and verifications: the ids closed, and the day each verified counter was last seen as it is."""
    closed: set[str] = set()
    checked: dict[str, date] = {}
    spoken: dict[str, list[_Claim]] = {}
    for claim in claims:
        if claim.status not in (UNKNOWN, REFUSED):
            spoken.setdefault(claim.row[ID], []).append(claim)
    for (identifier, champ), group in _grouped(claims):
        for claim in group:
            if claim.row["exporte"] not in (now[identifier]["empreinte"], after[identifier]):
                claim.settle(OBSOLETE, "La fiche a changé depuis l’export.")
                continue
            if champ == CHECKED:
                checked[identifier] = max(claim.row["date"], checked.get(identifier, claim.row["date"]))
                claim.settle(APPLIED)
                continue
            others = [c for c in spoken[identifier] if c.row["champ"] != CLOSED and c.row["date"] >= claim.row["date"]]
            later = [c for c in others if c.author == claim.author and c.row["date"] > claim.row["date"]]
            against = [c for c in others if c.author != claim.author]
            if later:
                claim.settle(REPLACED, "La même organisation parle de nouveau de ce point d’accueil, ouvert.")
            elif against:
                who = ", ".join(sorted({str(c.row["organisation"]) for c in against}))
                claim.settle(CONFLICT, f"Fermé d’après l’une, mais {who} en parle comme ouvert le même jour ou depuis.")
            else:
                claim.settle(APPLIED)
                closed.add(identifier)
    return closed, checked


# --- rewriting ---------------------------------------------------------------------------------------------------


def _rewrite(counters: pl.DataFrame, changes: Mapping[str, Mapping[str, _Claim]]) -> pl.DataFrame:
    """The counters with the columns of each applied correction, and those derived from them."""
    updates: dict[str, dict[str, Any]] = {}
    for identifier, fields in changes.items():
        for champ, claim in fields.items():
            for column, value in _columns(champ, claim).items():
                updates.setdefault(column, {})[identifier] = value
    return _update(counters, updates)


def _update(counters: pl.DataFrame, updates: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """The counters with new values, by column then by id."""
    for column, values in updates.items():
        if column not in counters.columns:  # derived from a corrected one, and of no use to the caller
            continue
        new = pl.DataFrame(
            {ID: list(values), "_value": list(values.values())},
            schema={ID: pl.String, "_value": counters.schema[column]},
        ).with_columns(pl.lit(True).alias("_hit"))
        counters = (
            counters.join(new, on=ID, how="left", maintain_order="left")
            .with_columns(pl.when(pl.col("_hit")).then("_value").otherwise(column).alias(column))
            .drop("_value", "_hit")
        )
    return counters


def _columns(champ: str, claim: _Claim) -> dict[str, Any]:
    if champ == POSITION:
        longitude, latitude = _degrees(claim)
        return {"lieu_longitude": longitude, "lieu_latitude": latitude, "position_methode": POSITION_METHOD}
    if champ != "horaires":
        return {COLUMNS[champ]: claim.value}
    typed = claim.row["corrige"]
    hours = interpret(typed, "texte") if typed else interpret(None, None)
    return {
        "service_horaires_ouverture": hours.osm,
        "service_nb_heures_hebdo": hours.heures_hebdo,
        "service_categorie_niveau_d_ouverture": level(hours.heures_hebdo),
        "horaires_qualite": hours.qualite,
        "horaires_texte": redact_people(typed) if typed else None,
    }


def _sign(
    counters: pl.DataFrame, changes: Mapping[str, Mapping[str, _Claim]], checked: Mapping[str, date]
) -> pl.DataFrame:
    """Say on each corrected or verified counter that the field knows it, and since when."""
    days = dict(checked)
    for identifier, fields in changes.items():
        days[identifier] = max(
            [*(c.row["date"] for c in fields.values()), *([days[identifier]] if identifier in days else [])]
        )
    seen = pl.DataFrame({ID: list(days), "_day": list(days.values())}, schema={ID: pl.String, "_day": pl.Date})
    with_field = (
        pl.concat_list(pl.col("sources").str.split("|"), pl.lit(SOURCE)).list.unique().list.sort().list.join("|")
    )
    return (
        counters.join(seen, on=ID, how="left", maintain_order="left")
        .with_columns(
            pl.max_horizontal("date_maj", "_day").alias("date_maj"),
            pl.when(pl.col("_day").is_not_null()).then(with_field).otherwise("sources").alias("sources"),
        )
        .drop("_day")
    )


def _outcomes(claims: list[_Claim]) -> pl.DataFrame:
    rows = [
        {**c.row, "valeur": c.value, "valeur_source": c.before, "statut": c.status, "motif": c.reason} for c in claims
    ]
    return pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row")
