"""`publication.yml` as typed data: who publishes, where, under what words. Only the declaration and its checking."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field

from pipeline.foundations import declared
from pipeline.foundations.declared import Strict

_FILE = Path(__file__).with_name("publication.yml")
_WEB = r"^https?://[^\s<>\"]+[^\s<>\"/]$"
_PAGE = r"^https?://[^\s<>\"]+$"


class Publisher(Strict):
    """The organisation that publishes; null while nobody has said."""

    nom: str | None
    page: str | None = Field(pattern=_PAGE)


class Contact(Strict):
    """The service that answers; a service, not a person."""

    nom: str | None
    courriel: str | None = Field(pattern=r"^[^@\s<>\"]+@[^@\s<>\"]+$")
    page: str | None = Field(pattern=_PAGE)


class Audience(Strict):
    """Who reads the release, and what for."""

    qui: str
    pour: str


class InspireTheme(Strict):
    """A theme of the INSPIRE register."""

    libelle: str
    uri: str = Field(pattern=r"^http://inspire\.ec\.europa\.eu/theme/[a-z]+$")


class Themes(Strict):
    """Themes, in the vocabulary of each catalogue."""

    europeens: tuple[str, ...] = Field(min_length=1)
    inspire: InspireTheme
    iso: tuple[str, ...] = Field(min_length=1)


class LicenceText(Strict):
    """A licence by its title, its text and its SPDX identifier."""

    titre: str
    url: str = Field(pattern=_PAGE)
    spdx: str


class Publication(Strict):
    """The whole file."""

    identifiant: str = Field(pattern=r"^[a-z0-9-]+$")
    titre: str
    resume: str
    adresse: str | None = Field(pattern=_WEB)
    diffuseur: Publisher
    contact: Contact
    depot: str | None = Field(pattern=_WEB)
    presentation: str
    publics: tuple[Audience, ...]
    genealogie: str
    frequence: Literal["quotidienne", "hebdomadaire", "mensuelle", "trimestrielle", "annuelle", "irrégulière"]
    mots_cles: tuple[str, ...] = Field(min_length=1)
    themes: Themes
    licences: Mapping[str, LicenceText]

    @property
    def publisher(self) -> str:
        """The publisher's name, or that it is not known."""
        return self.diffuseur.nom or "Diffuseur non renseigné"

    def imagined(self) -> "Publication":
        """The declaration for invented data, which never take the identity or the address of real ones."""
        return self.model_copy(
            update={
                "identifiant": f"{self.identifiant}-fictif",
                "titre": f"{self.titre} (données fictives)",
                "adresse": None,
            }
        )

    def root(self, version: str) -> str | None:
        """Public address of the folder of a version, with its final slash; None while it is not known."""
        return f"{self.adresse}/{version}/" if self.adresse else None

    def uri(self, version: str | None = None) -> str:
        """Stable identifier of the dataset, or of one version of it: its address, else a `urn:uuid`."""
        if self.adresse:
            return f"{self.adresse}/{version}/" if version else self.adresse
        return f"urn:uuid:{uuid5(NAMESPACE_URL, '/'.join(filter(None, (self.identifiant, version))))}"

    def link(self, version: str, path: str, *, up: int = 0) -> str:
        """Link to a file of the release from one `up` folders down in it; absolute when the address is known."""
        return (self.root(version) or "../" * up) + path


def load(path: Path = _FILE) -> Publication:
    """Read a declaration.

    Raises:
        WrongUse: not YAML, or not a declaration; every fault is listed.
    """
    return declared.load(Publication, path)


@cache
def publication() -> Publication:
    """The declaration of this project."""
    return load()
