"""One service of the directory, in the keys of the current dump, -> one counter record.

The same function reads every flavour: nested lists may be lists (dump) or JSON text (Opendatasoft exports), one object
or many. Which file the service came from belongs to `flavours`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import key
from sources.cells import RecordCells, encodable, plain_text

Service = Mapping[str, Any]
Row = dict[str, Any]

#: Which address is the counter's: the physical one; the old XML's `géopostale` is both physical and postal.
ADDRESS_RANKS = {"Adresse": 0, "Adresse géopostale": 1, "Adresse postale": 2}

_URL = re.compile(r"(?i)(?:https?://|www\.)\S+")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOBILE_NAME = re.compile(r"\b(?:itinerante?s?|bus)\b")  # in a name brought to `key`
_FRANCE_SERVICES = {"france_services", "msap"}


def record_of(service: Service, issues: IssueLog) -> Row | None:
    """One row in the record columns, or None when the service is withdrawn (an issue says so)."""
    identifier = plain_text(service.get("id"))
    cells = RecordCells(identifier or "?", issues)
    name = plain_text(service.get("nom"))
    if plain_text(service.get("statut_de_diffusion")) == "false":
        cells.issue(
            "statut_de_diffusion",
            "false",
            "retire-de-la-diffusion",
            "Fiche retirée de la diffusion par la DILA.",
            "erreur",
        )
        return None
    pivots = _objects(service, "pivot", cells)
    types = _types(pivots, cells, name)
    address = _address(_objects(service, "adresse", cells), cells)
    hours = [slot for slot in _objects(service, "plage_ouverture", cells) if any(slot.values())]
    e_mail, site = _contacts(service, cells)
    return {
        "id_source": identifier,
        "nom": name,
        "codes_type": types or None,
        "type_structure": _structure(types, name),
        "siret": plain_text(service.get("siret")),
        "adresse": plain_text(address.get("numero_voie")),
        "complement": _joined(address, ("complement1", "complement2", "service_distribution")),
        "code_postal": plain_text(address.get("code_postal")),
        "commune": plain_text(address.get("nom_commune")),
        "code_insee": _commune(service, pivots, cells),
        "longitude": cells.decimal("longitude", address.get("longitude")),
        "latitude": cells.decimal("latitude", address.get("latitude")),
        "precision_geo": plain_text(address.get("precision")),
        "horaires": _json(hours) if hours else None,
        "horaires_format": "plages_dila" if hours else None,
        "horaires_note": plain_text(service.get("commentaire_plage_ouverture")),
        "telephone": _first_value(_objects(service, "telephone", cells)),
        "courriel": e_mail,
        "site_web": site,
        "date_maj": cells.day("date_modification", service.get("date_modification")),
        "id_dila": identifier if identifier and _UUID.fullmatch(identifier) else None,
        "ancien_id": plain_text(service.get("ancien_code_pivot")),
        "partenaire": plain_text(service.get("partenaire")),
        "partenaire_id": plain_text(service.get("partenaire_identifiant")),
    }


def _objects(service: Service, column: str, cells: RecordCells) -> list[dict[str, Any]]:
    """The objects of a nested column; what is not an object is set aside."""
    found: list[dict[str, Any]] = []
    for item in _items(service, column, cells):
        if isinstance(item, dict):
            found.append(item)
        else:
            _unreadable(column, item, cells)
    return found


def _texts(service: Service, column: str, cells: RecordCells) -> list[str]:
    """The texts of a column that lists texts; Opendatasoft writes a single one bare."""
    value = service.get(column)
    if isinstance(value, str) and not value.lstrip().startswith("["):
        value = [value]
        items: list[Any] = value
    else:
        items = _items(service, column, cells)
    return [text for item in items if (text := plain_text(item))]


def _items(service: Service, column: str, cells: RecordCells) -> list[Any]:
    value = service.get(column)
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            _unreadable(column, value, cells)
            return []
    if not value:
        return []
    return value if isinstance(value, list) else [value]


def _unreadable(column: str, value: Any, cells: RecordCells) -> None:
    cells.issue(column, value, "valeur-illisible", "La valeur n’a pas la forme attendue : mise de côté.")


def _types(pivots: list[dict[str, Any]], cells: RecordCells, name: str | None) -> list[str]:
    stated = (plain_text(pivot.get("type_service_local")) for pivot in pivots)
    types = list(dict.fromkeys(code for code in stated if code))
    if not types:
        cells.issue(
            "pivot", name, "type-absent", "Fiche sans type de service : aucune typologie ne peut lui être donnée."
        )
    return types


def _structure(types: list[str], name: str | None) -> str | None:
    """`Itinérance` where the feed says so in so many words, else unknown."""
    if "mairie_mobile" in types:
        return "Itinérance"
    if _FRANCE_SERVICES.intersection(types) and _MOBILE_NAME.search(key(name)):
        return "Itinérance"
    return None


def _address(addresses: list[dict[str, Any]], cells: RecordCells) -> dict[str, Any]:
    """The physical address, else the one that comes nearest to it (noted)."""
    if not addresses:
        return {}
    kind = [plain_text(address.get("type_adresse")) or "" for address in addresses]
    ranks = [ADDRESS_RANKS.get(k, len(ADDRESS_RANKS)) for k in kind]
    best = ranks.index(min(ranks))
    if kind[best] not in ADDRESS_RANKS:
        cells.issue("adresse", kind[best], "type-adresse-inconnu", "Type d’adresse inconnu : lue faute de mieux.")
    elif kind[best] == "Adresse postale":
        cells.issue("adresse", "Adresse postale", "adresse-postale", "Seule une adresse postale est donnée.", "info")
    if kind.count("Adresse") > 1:
        cells.issue(
            "adresse", kind.count("Adresse"), "adresses-multiples", "Plusieurs adresses : la première est lue.", "info"
        )
    return addresses[best]


def _commune(service: Service, pivots: list[dict[str, Any]], cells: RecordCells) -> str | None:
    """The record's own commune code, else the pivot's; a disagreement is noted."""
    codes: list[str] = []
    for pivot in pivots:
        value = pivot.get("code_insee_commune")
        codes += [code for v in (value if isinstance(value, list) else [value]) if (code := plain_text(v))]
    own = plain_text(service.get("code_insee_commune"))
    if own and codes and own not in codes:
        cells.issue(
            "code_insee_commune",
            f"{own} / {', '.join(codes)}",
            "commune-divergente",
            "La fiche et son pivot ne disent pas la même commune : celle de la fiche est gardée.",
            "info",
        )
    return own or (codes[0] if codes else None)


def _contacts(service: Service, cells: RecordCells) -> tuple[str | None, str | None]:
    """First e-mail and first site; an address typed in the e-mail field is taken for the site when there is none."""
    site = _first_value(_objects(service, "site_internet", cells))
    e_mail = None
    for text in _texts(service, "adresse_courriel", cells):
        if "@" in text and not _URL.match(text):
            e_mail = e_mail or text
        elif _URL.match(text):
            where = "le site de la fiche est déjà connu" if site else "lue comme site"
            cells.issue(
                "adresse_courriel", text, "courriel-url", f"Adresse web à la place du courriel : {where}.", "info"
            )
            site = site or text
        else:
            cells.issue("adresse_courriel", text, "courriel-illisible", "Ce n’est pas un courriel : mis de côté.")
    return e_mail, site


def _first_value(objects: list[dict[str, Any]]) -> str | None:
    return next((text for item in objects if (text := plain_text(item.get("valeur")))), None)


def _joined(address: Mapping[str, Any], columns: tuple[str, ...]) -> str | None:
    return ", ".join(text for column in columns if (text := plain_text(address.get(column)))) or None


def _json(slots: list[dict[str, Any]]) -> str:
    return encodable(json.dumps(slots, ensure_ascii=False))
