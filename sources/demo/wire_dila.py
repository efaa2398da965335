"""The DILA directory as published: one JSON of every local service, in a tar.bz2, with the communes' competences."""

import io
import json
import tarfile
import tempfile
import uuid
import zipfile
import zlib
from bz2 import BZ2File
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from scipy.spatial import cKDTree

from pipeline.foundations import crs
from sources.demo import names
from sources.demo.geography import World
from sources.demo.supply import Counter, Slot

URL = "https://lecomarquage.service-public.gouv.fr/donnees_locales_v4/all_latest.tar.bz2"

Record = dict[str, Any]

_COPYRIGHT = "Direction de l'information légale et administrative (Premier ministre)"
_OLD_WORDS = {"france_services": "msap", "france_travail": "pole_emploi", "point_justice": "permanence_juridique"}
_EMPTY_LISTS = (
    "reseau_social texte_reference telecopie affectation_personne organigramme ancien_identifiant ancien_nom annuaire "
    "tchat hierarchie sve telephone_accessible application_mobile formulaire_contact"
)
_EMPTY_TEXTS = (
    "sigle service_disponible type_repertoire version_etat_modification mission version_source type_organisme "
    "information_complementaire date_diffusion"
)
_MISSION = (
    "Les centres communaux d’action sociale soutiennent les personnes en difficulté.\r\n"
    "Ils peuvent notamment :\r\n-informer ;\r\n-orienter."
)
_MBA_COPYRIGHT = "Ma Boussole Aidants via data.inclusion"


def identifier(key: str, seed: int) -> str:
    """The directory's UUID of a counter: the same from an edition to the next."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://demo.example.org/{seed}/{key}"))


def records(world: World, counters: Iterable[Counter], seed: int, edition: date) -> Iterator[Record]:
    """The directory's record of each counter, without any fault."""
    counters = list(counters)
    longitude, latitude = crs.unproject(
        np.array([c.x for c in counters]), np.array([c.y for c in counters]), crs.MAINLAND
    )
    departements = {d.code: d.nom for d in world.departements}
    regions = {d.code: world.regions[d.region] for d in world.departements}
    for counter, lon, lat in zip(counters, longitude.tolist(), latitude.tolist(), strict=True):
        code = world.communes[counter.commune].departement
        yield _record(counter, lon, lat, seed, edition, f"{regions[code]}/{departements[code]}")


def _record(counter: Counter, longitude: float, latitude: float, seed: int, edition: date, where: str) -> Record:
    ident = identifier(counter.key, seed)
    rank = zlib.crc32(counter.key.encode())  # a number that does not change from an edition to the next
    partner, partner_id, copyright_ = _partner(counter)
    young = (partner == "data_inclusion" and counter.type != "france_travail") or "-m" in counter.key
    modified = datetime.combine(edition - timedelta(days=counter.day), time(8, 30 + rank % 30, rank % 60))
    region, _, departement = where.partition("/")
    return {
        **{name: [] for name in _EMPTY_LISTS.split()},
        **dict.fromkeys(_EMPTY_TEXTS.split(), ""),
        "mission": _MISSION if counter.type == "ccas" else "",
        "plage_ouverture": [_slot(slot) for slot in counter.hours],
        "site_internet": [{"libelle": "", "valeur": counter.site}] if counter.site else [],
        "copyright": copyright_,
        "siren": counter.siret[:9],
        "siret": counter.siret,
        "ancien_code_pivot": "" if young else _old_key(counter),
        "partenaire": partner,
        "partenaire_identifiant": partner_id,
        "partenaire_date_modification": modified.strftime("%d/%m/%Y 00:00:00") if partner else "",
        "nom": counter.nom,
        "itm_identifiant": str(300_000 + rank % 1_000_000),
        "date_modification": modified.strftime("%d/%m/%Y %H:%M:%S"),
        "adresse_courriel": [counter.courriel] if counter.courriel else [],
        "pivot": [{"type_service_local": counter.type, "code_insee_commune": [counter.insee]}],
        "id": ident,
        "commentaire_plage_ouverture": counter.note,
        "categorie": "SIL" if counter.type in {"prefecture", "sous_pref", "dd_fip"} else "SL",
        "version_type": "Publiable",
        "telephone": [{"valeur": _phone(counter, partner), "description": ""}] if counter.telephone else [],
        "date_creation": "18/01/2012 00:00:00",
        "code_insee_commune": counter.insee,
        "statut_de_diffusion": "true",
        "statut": "active",
        "adresse": [
            {
                "type_adresse": "Adresse",
                "complement1": counter.complement,
                "complement2": "",
                "numero_voie": counter.adresse,
                "service_distribution": "",
                "code_postal": counter.code_postal,
                "nom_commune": counter.ville,
                "pays": "France",
                "continent": "Europe",
                "longitude": f"{longitude:.6f}",
                "latitude": f"{latitude:.6f}",
                "accessibilite": ("ACC", "", "DEM", "NAC")[rank % 4],
                "note_accessibilite": "rampe d'accès" if rank % 40 == 0 else "",
            }
        ],
        "url_service_public": f"https://annuaire.example.org/{_slug(region)}/{_slug(departement)}/{ident}",
    }


_slug = lru_cache(maxsize=256)(names.slug)


def _slot(slot: Slot) -> dict[str, str]:
    times = [*(f"{hour}:00" for interval in slot.intervals for hour in interval), "", "", "", ""]
    return {
        "nom_jour_debut": slot.first,
        "nom_jour_fin": slot.last,
        "valeur_heure_debut_1": times[0],
        "valeur_heure_fin_1": times[1],
        "valeur_heure_debut_2": times[2],
        "valeur_heure_fin_2": times[3],
        "commentaire": slot.comment,
    }


def _partner(counter: Counter) -> tuple[str, str, str]:
    match counter.type:
        case "france_services" if counter.numero % 2:
            return "france_service", str(counter.numero), _COPYRIGHT
        case "ccas" | "mds":
            return (
                "data_inclusion",
                f"ma-boussole-aidants--{_number(counter)}",
                "Ma Boussole Aidants via data.inclusion",
            )
        case "france_travail":
            return "data_inclusion", f"france-travail--FIC{_number(counter)[:4]}", "France Travail via data.inclusion"
        case _:
            return "", "", _COPYRIGHT


def _number(counter: Counter) -> str:
    return f"{int(uuid.uuid5(uuid.NAMESPACE_OID, counter.key)) % 10**8:08d}"


def _old_key(counter: Counter) -> str:
    return counter.key.replace(counter.type, _OLD_WORDS.get(counter.type, counter.type), 1)


def _phone(counter: Counter, partner: str) -> str:
    """Partner records come in international form, without spaces."""
    return f"+33{counter.telephone.replace(' ', '')[1:]}" if partner == "data_inclusion" else counter.telephone


def write(path: Path, services: Iterable[Record], competences: Iterable[tuple[str, Record]], edition: date) -> None:
    """Write the archive. Bytes depend on the arguments alone.

    Args:
        services: the records, faults included.
        competences: (commune code, its document) of the second member.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stamp = edition.strftime("%Y%m%d_000000")
    with BZ2File(path, "wb") as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        with tempfile.TemporaryFile() as member:
            _write_json(member, services)
            _add(archive, f"{stamp}-data.gouv_local.json", member, edition)
        with tempfile.TemporaryFile() as member:
            _write_zip(member, competences)
            _add(archive, f"{stamp}-data.gouv_commune.zip", member, edition)


def _add(archive: tarfile.TarFile, name: str, member: IO[bytes], edition: date) -> None:
    header = tarfile.TarInfo(name)
    header.size = member.seek(0, io.SEEK_END)
    header.mtime = int(datetime.combine(edition, time(), UTC).timestamp())
    member.seek(0)
    archive.addfile(header, member)


def _write_json(member: IO[bytes], services: Iterable[Record]) -> None:
    text = io.TextIOWrapper(member, encoding="utf-8", newline="\n", write_through=True)
    separator = '{"service": [\n'
    for service in services:
        text.write(separator + json.dumps(service, ensure_ascii=False))
        separator = ",\n"
    text.write("\n]}\n")
    text.detach()


def _write_zip(member: IO[bytes], competences: Iterable[tuple[str, Record]]) -> None:
    with zipfile.ZipFile(member, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for code, document in competences:
            header = zipfile.ZipInfo(f"{code}.json")  # ZipInfo is dated 1980 unless told otherwise
            header.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(header, json.dumps({"commune": [document]}, ensure_ascii=False))


def competences(world: World, counters: Iterable[Counter], seed: int) -> Iterator[tuple[str, Record]]:
    """For each commune, the counter of each type that serves it: its own mairie, else the nearest."""
    by_type: dict[str, list[Counter]] = {}
    for counter in counters:
        by_type.setdefault(counter.type, []).append(counter)
    towns = [(c.x, c.y) for c in world.communes]
    serving = {}
    for code, of_type in sorted(by_type.items()):
        if code not in {"epci", "ccas"}:
            _, nearest = cKDTree([(c.x, c.y) for c in of_type]).query(towns)
            serving[code] = [of_type[i] for i in nearest.tolist()]
    idents = {c.key: identifier(c.key, seed) for of_type in by_type.values() for c in of_type}
    for commune in world.communes:
        served = [
            {"code_type_service_local": code, "organisme": [idents[nearest[commune.index].key]]}
            for code, nearest in serving.items()
        ]
        document = {"code_insee_commune": commune.code, "nom": commune.nom, "type_service_local": served}
        yield commune.code, document
