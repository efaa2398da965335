"""`index.html`: the page of a release, for whoever opens its folder or its address. French, no script, no network.

What it is and for whom, what to download and how to open it, what its quality is, what changed, what it was made from.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from outputs.metadata.formats import Format, format_of, formats, has_csv
from outputs.metadata.markdown import to_html
from outputs.metadata.publication import Publication
from outputs.metadata.release import File, Release, Table, verdict_sentence
from quality.coverage import total
from quality.page import environment, share, style
from quality.results import number

PATH = "index.html"

_HERE = Path(__file__).parent
_TEMPLATES = _HERE / "templates"
_PICTURE = "carte/apercu.png"
_FEW = 12  # départements named at once


class Example(BaseModel):
    """A few lines that read the release with one tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outil: str
    langage: Literal["sql", "python", "r"]
    tables: tuple[str, ...]
    dit: str
    texte: str


@dataclass(frozen=True)
class Download:
    """One format and its files."""

    format: Format
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of them all."""
        return sum(f.size for f in self.files)


@cache
def examples() -> tuple[Example, ...]:
    """Those of `exemples.yml`."""
    found = yaml.load((_HERE / "exemples.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return TypeAdapter(tuple[Example, ...]).validate_python(found)


def index(release: Release, publication: Publication, *, later: tuple[str, ...]) -> str:
    """The page.

    Args:
        later: files of the release that are written after this page, by path.
    """
    pages = environment(_TEMPLATES)
    pages.globals |= {"taille": size, "csv": has_csv}
    whole = total(release.coverage)
    layers = {t.contract.layer for t in release.tables}
    names = {row.departement: row.nom for row in release.coverage}
    return pages.get_template("index.html.j2").render(
        release=release,
        publication=publication,
        licence=publication.licences[release.licence],
        style=style(_TEMPLATES / "index.css"),
        picture=_PICTURE if release.has(_PICTURE) else None,
        departements=[(code, names.get(code)) for code in release.departements],
        few=_FEW,
        figures=_figures(release, whole),
        downloads=_downloads(release),
        tables=[(table, _files(release, table)) for table in release.tables],
        examples=[e for e in examples() if layers.issuperset(e.tables)],
        verdict=verdict_sentence(release),
        accepted=release.verdict == "accepté",
        changes=None if release.changes is None else to_html(release.changes, shift=2),
        documents=_listed(release, later, "documents"),
        cards=_listed(release, later, "fiches"),
    )


def size(octets: int) -> str:
    """`912 o`, `4,4 Mo`: decimal units, as files are weighed on the web."""
    value, unit = float(octets), "o"
    for larger in ("ko", "Mo", "Go"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    written = number(octets if unit == "o" else round(value, 1) if value < 10 else round(value))
    return f"{written}\u202f{unit}"


def _figures(release: Release, whole: dict[str, int]) -> list[tuple[str, str]]:
    found = []
    if whole["points"]:
        found = [
            (number(whole["points"]), "points d’accueil"),
            (f"{share(whole['positions'], whole['points'])}\u202f%", "ont une position connue"),
            (f"{share(whole['horaires'], whole['points'])}\u202f%", "ont des horaires connus"),
        ]
    if communes := release.table("communes"):
        found.append((number(communes.rows), "communes"))
    return [*found, (number(len(release.used)), "sources employées")]


def _downloads(release: Release) -> list[Download]:
    by_format: dict[Format, list[File]] = {}
    for file in release.files:
        by_format.setdefault(format_of(file.path), []).append(file)
    return [Download(f, tuple(by_format[f])) for f in formats() if f.role == "données" and f in by_format]


def _files(release: Release, table: Table) -> list[tuple[Format, File]]:
    """The files that hold only that table."""
    found = [(format_of(f.path), f) for f in release.files]
    return [(kind, file) for kind, file in found if kind.layer(file.path) == table.contract.layer]


def _listed(release: Release, later: tuple[str, ...], role: str) -> list[tuple[str, Format]]:
    """Files of that role, in the order of the declaration; those it does not know come last."""
    paths = [path for path in (*(f.path for f in release.files), *later) if path != _PICTURE]
    found = [(path, kind) for path in paths if (kind := format_of(path)).role == role]
    rank = {kind: n for n, kind in enumerate(formats())}
    return sorted(found, key=lambda entry: (rank.get(entry[1], len(rank)), entry[0]))
