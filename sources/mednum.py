"""A place written in the "Lieux de médiation numérique" standard -> one counter record.

The one shape that several feeds publish, in its generations: v1 (values separated by `|`) and v0 (`;` or `, `, keys
renamed since). Which files hold such places, and what type code they get, belongs to the readers.
Standard: https://schema.data.gouv.fr/LaMednum/standard-mediation-num
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pipeline.foundations.issues import IssueLog
from sources.cells import RecordCells, plain_text
from sources.tabular import kept_text

_SEVERAL = re.compile(r"\s*[|;,]\s*")
_SIRET = re.compile(r"\d{14}")
_NO_PUBLIC = "Ce lieu n'accueille pas de public"
#: Tools that store "no date" as the Unix epoch publish this day, or the day before once shifted to Paris time.
_EPOCH = (date(1969, 12, 31), date(1970, 1, 1))

_PREFIX, _SUFFIX = "mediation-numerique-", "-mediation-numerique"

#: Columns of v1 that v0 does not have: one of them tells the generation.
V1_ONLY = frozenset(
    {"courriels", "dispositif_programmes_nationaux", "fiche_acces_libre", "modalites_acces", "itinerance"}
)


def generation_of(columns: Sequence[str]) -> str:
    """`v1` or `v0`, key of the source's `columns`."""
    return "v1" if V1_ONLY.intersection(columns) else "v0"


def several(value: Any) -> list[str]:
    """The values of a multi-value cell, whatever the generation's separator, each once."""
    text = plain_text(value)
    return list(dict.fromkeys(part for part in _SEVERAL.split(text) if part)) if text else []


def place_record(place: Mapping[str, Any], codes: Sequence[str], issues: IssueLog) -> dict[str, Any] | None:
    """One row in the record columns; None when the place receives nobody (an issue says so).

    E-mail addresses are not read: many of them name a person.
    """
    identifier = plain_text(place.get("id"))
    cells = RecordCells(identifier or "?", issues)
    access = plain_text(place.get("modalites_acces"))
    if access is not None and access.replace("’", "'") == _NO_PUBLIC:
        reason = "Ce lieu ne reçoit pas de public : mis de côté."
        cells.issue("modalites_acces", access, "sans-accueil-du-public", reason, "info")
        return None
    pivot = plain_text(place.get("pivot"))
    hours = kept_text(place.get("horaires"))
    return {
        "id_source": identifier,
        "nom": plain_text(place.get("nom")),
        "codes_type": list(codes),
        "type_structure": "Itinérance" if plain_text(place.get("itinerance")) == "Itinérant" else None,
        # The pivot may be a SIRET, a RNA or a RIDET; fourteen zeros stand for unknown.
        "siret": pivot if pivot and _SIRET.fullmatch(pivot) and pivot.strip("0") else None,
        "adresse": plain_text(place.get("adresse")),
        "complement": plain_text(place.get("complement_adresse")),
        "code_postal": plain_text(place.get("code_postal")),
        "commune": plain_text(place.get("commune")),
        "code_insee": plain_text(place.get("code_insee")),
        "longitude": cells.decimal("longitude", place.get("longitude")),
        "latitude": cells.decimal("latitude", place.get("latitude")),
        "horaires": hours,
        "horaires_format": "osm" if hours else None,
        "telephone": plain_text(place.get("telephone")),
        "site_web": next(iter(_links(place.get("site_web"))), None),
        "date_maj": _last_touched(cells, place.get("date_maj")),
        "partenaire": plain_text(place.get("source")),
        "partenaire_id": _id_at(identifier, plain_text(place.get("source"))),
    }


def _id_at(identifier: str | None, source: str | None) -> str | None:
    """`mediation-numerique-france-services-1443` or `1443-mediation-numerique-france-services` -> `1443`.

    Null when the id is not built that way, or names several feeds (`aidants-connect-2361|france-tiers-lieux-60…`).
    """
    if not identifier or not source or "|" in identifier:
        return None
    bare = identifier.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    if bare.startswith(f"{source}-"):
        return bare.removeprefix(f"{source}-") or None
    tail = f"{_SUFFIX}-{source}"
    return (identifier.removesuffix(tail) or None) if identifier.endswith(tail) else None


def _links(value: Any) -> list[str]:
    # Commas and semicolons are legal inside an address: only the bar separates.
    return [part.strip() for part in (plain_text(value) or "").split("|") if part.strip()]


def _last_touched(cells: RecordCells, value: Any) -> date | None:
    day = cells.day("date_maj", value)
    if day in _EPOCH:
        reason = "Date par défaut d’un logiciel (1970) : lue comme inconnue."
        cells.issue("date_maj", value, "date-par-defaut", reason, "info")
        return None
    return day
