"""The XML directory of before July 2022 -> services in the keys of the current JSON dump.

One `<Organisme>` per file, thousands of files in a tar or a zip (`…/organismes/<département>/<id>.xml`, beside
`communes/…`, which is not read), or one XML file. Entities and DTDs are refused. Names are
accented, as the DILA wrote them.
"""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import IssueLog

#: Fields of an organisme (attributes with `@`, child elements) and the service in the dump's keys.
Organisme = tuple[frozenset[str], dict[str, Any]]

_MAX_MEMBER = 1 << 20  # bytes of one organisme's file; real ones are below 20 kB
_MAX_HEADERS = 1 << 20  # bytes between two members of a tar
_SNIFFED = 64 << 20  # unpacked bytes looked at to tell which archive it is
_REMEDY = "look at the snapshot: download it again, or point the source at another file"

_ADDRESS_TYPES = {"physique": "Adresse", "géopostale": "Adresse géopostale", "postale": "Adresse postale"}
_STREET = re.compile(r"\d+\s*(?:bis|ter|quater|[a-zA-Z])?\b[\s,-]+\D")
_UNPACKERS: dict[bytes, Callable[..., Any]] = {
    b"BZh": bz2.open,
    b"\x1f\x8b": gzip.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
)
_FAULTS = (ParseError, LookupError, ValueError)  # not well-formed; encoding unknown or not readable
_POSTAL_LINE = re.compile(r"(?i)(?:BP|B\.P\.|CS|TSA|boîte postale)\b")


def holds_organismes(path: Path) -> bool:
    """Whether an archive is the XML one: its first data file is an XML file. False for a damaged one."""
    try:
        for name, _ in _members(path, path.name, max_unpacked=_SNIFFED, wanted=lambda _: False):
            if name.endswith((".xml", ".json")):
                return name.endswith(".xml")
    except SourceUnreadable:
        pass  # whoever opens it next says what is wrong with it
    return False


def archived_organismes(path: Path, subject: str, issues: IssueLog, *, max_unpacked: int) -> Iterator[Organisme]:
    """The organismes of an archive; a file that is not well-formed XML is set aside.

    Raises:
        SourceUnreadable: damaged archive, more than `max_unpacked` bytes in it, or XML with entities.
    """
    for name, content in _members(path, subject, max_unpacked=max_unpacked, wanted=_is_organisme):
        if not _is_organisme(name):
            continue
        record = name.rsplit("/", 1)[-1].removesuffix(".xml")
        if content is None:
            _set_aside(record, f"plus de {_MAX_MEMBER} octets", issues)
            continue
        try:
            yield from _organismes(io.BytesIO(content), subject)
        except _FAULTS as error:
            _set_aside(record, str(error), issues)


def organismes(stream: IO[bytes], subject: str) -> Iterator[Organisme]:
    """The organismes of one XML file.

    Raises:
        SourceUnreadable: not well-formed, cut short, or with entities.
    """
    try:
        yield from _organismes(stream, subject)
    except _FAULTS as error:
        raise SourceUnreadable(
            subject, expected="well-formed XML", found=f"a fault at {error}", remedy=_REMEDY
        ) from error


def _is_organisme(name: str) -> bool:
    return name.endswith(".xml") and "communes/" not in name


def _organismes(stream: IO[bytes], subject: str) -> Iterator[Organisme]:
    try:
        for _, element in iterparse(stream, events=("end",), forbid_dtd=True):
            if element.tag == "Organisme":
                yield _fields(element), _service(element)
                element.clear()
    except DefusedXmlException as error:
        raise SourceUnreadable(
            subject,
            expected="XML without DTD or entities",
            found=f"{type(error).__name__}: {error}",
            remedy="do not use this file: the directory never holds entities",
        ) from error


def _set_aside(record: str, value: str, issues: IssueLog) -> None:
    issues.add(
        record=record,
        column="*",
        value=value,
        rule="fichier-illisible",
        reason="Le fichier XML de l’organisme n’est pas lisible : mis de côté.",
        severity="erreur",
    )


def _fields(organisme: Element) -> frozenset[str]:
    return frozenset([f"@{name}" for name in organisme.keys()] + [child.tag for child in organisme])  # noqa: SIM118


def _service(organisme: Element) -> dict[str, Any]:
    pivot, commune = organisme.get("pivotLocal"), organisme.get("codeInsee")
    digital = organisme.find("CoordonnéesNum")
    return {
        "id": organisme.get("id"),
        "ancien_code_pivot": organisme.get("id"),
        "nom": organisme.findtext("Nom"),
        "pivot": [{"type_service_local": pivot, "code_insee_commune": [commune]}] if pivot else [],
        "code_insee_commune": commune,
        "adresse": [_address(address) for address in organisme.iter("Adresse")],
        "telephone": _values(digital, "Téléphone"),
        "adresse_courriel": [item["valeur"] for item in _values(digital, "Email")],
        "site_internet": _values(digital, "Url"),
        "plage_ouverture": [slot for days in organisme.iterfind("Ouverture/PlageJ") for slot in _slots(days)],
        "commentaire_plage_ouverture": organisme.findtext("Commentaire"),
        "date_modification": organisme.get("dateMiseAJour"),
    }


def _address(address: Element) -> dict[str, Any]:
    lines = [text for line in address.iterfind("Ligne") if (text := (line.text or "").strip())]
    street = _street(lines)
    others = [line for number, line in enumerate(lines) if number != street]
    kind = address.get("type") or ""
    return {
        "type_adresse": _ADDRESS_TYPES.get(kind, kind),
        "numero_voie": lines[street] if street is not None else "",
        "complement1": ", ".join(others),
        "code_postal": address.findtext("CodePostal"),
        "nom_commune": address.findtext("NomCommune"),
        "longitude": address.findtext("Localisation/Longitude"),
        "latitude": address.findtext("Localisation/Latitude"),
        "precision": address.findtext("Localisation/Précision"),
    }


def _street(lines: list[str]) -> int | None:
    """Index of the line of the street: the first that starts with a number, else the last that is no post box."""
    numbered = [i for i, line in enumerate(lines) if _STREET.match(line)]
    if numbered:
        return numbered[0]
    named = [i for i, line in enumerate(lines) if not _POSTAL_LINE.match(line)]
    return named[-1] if named else None


def _values(parent: Element | None, tag: str) -> list[dict[str, str]]:
    return [{"valeur": child.text or ""} for child in parent.iterfind(tag)] if parent is not None else []


def _slots(days: Element) -> Iterator[dict[str, str]]:
    """`PlageJ` -> `plage_ouverture` objects, two intervals in each, as the dump has them."""
    hours = [(h.get("début") or "", h.get("fin") or "") for h in days.iterfind("PlageH")]
    for start in range(0, max(len(hours), 1), 2):
        first, second = [*hours[start : start + 2], ("", ""), ("", "")][:2]
        yield {
            "nom_jour_debut": (days.get("début") or "").capitalize(),
            "nom_jour_fin": (days.get("fin") or "").capitalize(),
            "valeur_heure_debut_1": first[0],
            "valeur_heure_fin_1": first[1],
            "valeur_heure_debut_2": second[0],
            "valeur_heure_fin_2": second[1],
            "commentaire": (days.findtext("Note") or "").strip(),
        }


def _members(
    path: Path, subject: str, *, max_unpacked: int, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes | None]]:
    """Name and content of each file; None for the content of the unwanted, of the oversized, of what is no plain file.

    Nothing is written to disk, no declared size is believed, no more than one member is held.
    """
    try:
        members = _zip_members if zipfile.is_zipfile(path) else _tar_members
        yield from members(path, max_unpacked, wanted)
    except _BROKEN as error:
        raise SourceUnreadable(
            subject, expected="a complete tar or zip archive", found=str(error) or type(error).__name__, remedy=_REMEDY
        ) from error


def _zip_members(path: Path, max_unpacked: int, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes | None]]:
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > max_unpacked:
            raise zipfile.BadZipFile(f"more than {max_unpacked} unpacked bytes")
        for info in archive.infolist():
            readable = wanted(info.filename) and info.file_size <= _MAX_MEMBER
            yield info.filename, archive.read(info) if readable else None


def _tar_members(path: Path, max_unpacked: int, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes | None]]:
    with path.open("rb") as file:
        magic = file.read(6)
    unpack = next((opener for start, opener in _UNPACKERS.items() if magic.startswith(start)), open)
    with unpack(path, "rb") as stream:
        rationed = _Rationed(stream, max_unpacked)
        with tarfile.open(fileobj=rationed, mode="r|") as tar:
            while member := tar.next():
                tar.members.clear()  # type: ignore[attr-defined]  # else an endless archive is remembered whole
                rationed.allow(member.size)
                readable = member.isreg() and wanted(member.name) and member.size <= _MAX_MEMBER
                content = tar.extractfile(member) if readable else None
                yield member.name, content.read() if content else None


class _Rationed(io.RawIOBase):
    """A stream that gives what the current member may hold and a little for headers, and no more than the whole may."""

    def __init__(self, stream: IO[bytes], total: int) -> None:
        super().__init__()
        self._stream, self._total, self._ration = stream, total, _MAX_HEADERS

    def allow(self, size: int) -> None:
        """Let a member of that size be read, with the headers after it."""
        self._ration = size + _MAX_HEADERS

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        data = self._stream.read(size)
        self._ration -= len(data)
        self._total -= len(data)
        if self._total < 0:
            raise tarfile.ReadError("more unpacked bytes than allowed")
        if self._ration < 0:
            raise tarfile.ReadError("headers longer than any member needs")
        return data
