"""`ressources.yml`: which files of a release are published, under what title, in what order, and what the dataset says.

Only the declaration and the sorting of paths into parcels; sending them is `datagouv`, the dataset's words are
`presentation`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Literal, Self
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from pydantic import Field, field_validator, model_validator

from outputs.publish.criteres import FREQUENCIES
from pipeline.foundations import declared
from pipeline.foundations.declared import Strict
from pipeline.foundations.errors import WrongUse

_FILE = Path(__file__).with_name("ressources.yml")
_OF_A_FILE = frozenset({"couche", "table", "contenu", "lignes", "fichier"})
_OF_THE_DATASET = frozenset(
    {"fictif", "avertissement", "version", "date", "perimetre", "verdict", "tables", "mentions"}
)
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*\.[A-Za-z0-9]+$"


class DatasetText(Strict):
    """What the dataset says of itself. Titles and descriptions are templates."""

    identifiant: str = Field(pattern=r"^[a-z0-9-]+$")  # how the dataset is found again on any site
    titre: str
    description_courte: str
    description: str
    licence: str
    frequence: str
    granularite: str
    mots_cles: tuple[str, ...]

    @field_validator("titre", "description_courte", "description")
    @classmethod
    def _known_fields(cls, value: str) -> str:
        return _checked(value, _OF_THE_DATASET)

    @field_validator("frequence")
    @classmethod
    def _known_frequency(cls, value: str) -> str:
        if value not in FREQUENCIES:
            raise ValueError(f"one of {', '.join(FREQUENCIES)}")
        return value


class Rule(Strict):
    """Files published in one way. The first rule whose `motif` a path matches is the one it follows."""

    motif: str = Field(description="path in the release; `*` stands for anything, folders included")
    titre: str
    description: str
    type: Literal["main", "documentation", "update", "api", "code", "other"]
    nom: str | None = Field(None, pattern=_NAME, description="name of the file sent, when not its own")
    archive: str | None = Field(None, pattern=r"\.zip$", description="zip that holds all the files of the rule")
    hebergement: Literal["serveur", "distant"] = "serveur"
    mime: str | None = Field(None, description="media type told of a remote file")
    modele: str | None = Field(None, description="path in the release of the Table Schema of each file")

    @field_validator("titre", "description", "modele")
    @classmethod
    def _known_fields(cls, value: str | None) -> str | None:
        return None if value is None else _checked(value, _OF_A_FILE)

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if self.archive and self.nom:
            raise ValueError("`archive` already names the file")
        if self.nom and "*" in self.motif:
            raise ValueError("`nom` is for one file")
        if self.archive and self.hebergement == "distant":
            raise ValueError("an archive is made when publishing: only the site can hold it")
        return self


class Declaration(Strict):
    """The whole file."""

    jeu: DatasetText
    ressources: tuple[Rule, ...] = Field(min_length=1)


@dataclass(frozen=True)
class TableText:
    """What is said of a table beside its files."""

    titre: str
    description: str
    lignes: int


@dataclass(frozen=True)
class Parcel:
    """One resource to publish: a file of the release, or several in a zip."""

    key: str  # names it from one version to the next: its path in the release, or the name of its zip
    name: str  # of the file sent
    members: tuple[str, ...]  # paths in the release
    title: str
    description: str
    rule: Rule
    model: str | None  # key of its Table Schema

    @property
    def extension(self) -> str:
        """The last extension of the file sent, lower case."""
        return self.name.rpartition(".")[2].lower()

    def pack(self, release: Path, scratch: Path) -> Path:
        """The file to send: that of the release, or a zip made in `scratch`, the same bytes each time."""
        if self.rule.archive is None:
            return release / self.members[0]
        target = scratch / self.name
        with ZipFile(target, "w", ZIP_DEFLATED) as archive:
            for member in self.members:
                entry = ZipInfo(member, date_time=(1980, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, (release / member).read_bytes())
        return target


def load(path: Path = _FILE) -> Declaration:
    """Read a declaration.

    Raises:
        WrongUse: not YAML, or not a declaration; every fault is listed.
    """
    return declared.load(Declaration, path)


@cache
def declaration() -> Declaration:
    """The declaration of this project."""
    return load()


def paths_of(release: Path) -> list[str]:
    """Every file of a release, by its path inside it, sorted."""
    return sorted(p.relative_to(release).as_posix() for p in release.rglob("*") if p.is_file())


def parcels(
    paths: Iterable[str], declared: Declaration, tables: Mapping[str, TableText]
) -> tuple[list[Parcel], list[str]]:
    """Sort the files of a release into resources, in the order to show them.

    Args:
        paths: every file of the release.
        tables: by layer, in their order; a file whose stem is none of them is titled by its stem.

    Returns:
        The parcels, and the paths that follow no rule.

    Raises:
        WrongUse: two files of the release would be the same resource.
    """
    rank = {layer: n for n, layer in enumerate(tables)}
    by_rule: dict[int, list[str]] = {}
    left = []
    for path in sorted(paths):
        number = next((n for n, rule in enumerate(declared.ressources) if fnmatchcase(path, rule.motif)), None)
        if number is None:
            left.append(path)
        else:
            by_rule.setdefault(number, []).append(path)
    found: list[Parcel] = []
    for number, held in sorted(by_rule.items()):
        rule = declared.ressources[number]
        held.sort(key=lambda p: (rank.get(_layer(p), len(rank)), p))
        groups = [tuple(held)] if rule.archive else [(path,) for path in held]
        found += [_parcel(rule, members, tables) for members in groups]
    if twice := {p.key for p in found if sum(q.key == p.key for q in found) > 1}:
        raise WrongUse(
            "ressources.yml",
            expected="one rule for each resource",
            found=f"{', '.join(sorted(twice))} made by several",
            remedy="give these archives other names",
        )
    return found, left


def _parcel(rule: Rule, members: tuple[str, ...], tables: Mapping[str, TableText]) -> Parcel:
    path = PurePosixPath(members[0])
    layer = _layer(members[0])
    table = tables.get(layer, TableText(layer, "", 0))
    words = {
        "couche": layer,
        "table": table.titre,
        "contenu": table.description,
        "lignes": f"{table.lignes:,}".replace(",", "\u202f"),  # narrow no-break space
        "fichier": path.name,
    }
    return Parcel(
        key=rule.archive or members[0],
        name=rule.archive or rule.nom or path.name,
        members=members,
        title=rule.titre.format_map(words).strip(),
        description=rule.description.format_map(words).strip(),
        rule=rule,
        model=rule.modele.format_map(words) if rule.modele else None,
    )


def _layer(path: str) -> str:
    """`csv/communes.schema.json` -> `communes`."""
    return PurePosixPath(path).name.partition(".")[0]


def _checked(template: str, known: frozenset[str]) -> str:
    """A template whose fields are plain names, all known."""
    used = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
    if strange := used - known:
        raise ValueError(f"unknown field {', '.join(sorted(strange))}")
    return template
