"""What the dataset says of a release: title, description, coverage, from plain facts and the texts of `ressources.yml`.

No request here, and no knowledge of the manifest the facts come from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from outputs.publish.ressources import DatasetText, TableText

_FICTIONAL = "> **Données fictives.** Jeu de démonstration : ni les lieux ni les services n'existent.\n\n"
_LISTED = 12  # départements named one by one; more are counted

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class About:
    """Plain facts about a release.

    Attributes:
        since, until: what the data cover in time: from the oldest file used to the date of reference.
        zones: what it covers, as the site names zones (`fr:departement:05`).
        boxes: the same as boxes `xmin, ymin, xmax, ymax` in degrees, for a site that does not know these zones.
        tables: by layer, in the order of the release.
        credits: credit lines, one per source used.
    """

    version: str
    fictional: bool
    since: date
    until: date
    departements: tuple[str, ...]
    zones: tuple[str, ...]
    boxes: tuple[Box, ...]
    verdict: str
    tables: Mapping[str, TableText]
    credits: tuple[str, ...]


def identifier(text: DatasetText, about: About) -> str:
    """How the dataset is marked on the site; invented data never take the place of real ones."""
    return f"{text.identifiant}-fictif" if about.fictional else text.identifiant


def metadata(text: DatasetText, about: About, *, zones_known: bool) -> dict[str, Any]:
    """The metadata of the dataset, as the API takes them.

    Args:
        zones_known: whether the site knows the zones of `about`; else boxes are drawn.
    """
    count = len(about.departements)
    words = {
        "fictif": " (DONNÉES FICTIVES)" if about.fictional else "",
        "avertissement": _FICTIONAL if about.fictional else "",
        "version": about.version,
        "date": f"{about.until:%d/%m/%Y}",
        "perimetre": ", ".join(about.departements) if count <= _LISTED else f"{count}",
        "verdict": about.verdict,
        "tables": "\n".join(f"- **{t.titre}** (`{layer}`) : {t.description}" for layer, t in about.tables.items()),
        "mentions": "\n".join(f"- {line}" for line in about.credits),
    }
    return {
        "title": text.titre.format_map(words).strip(),
        "description": text.description.format_map(words).strip(),
        "description_short": text.description_courte.format_map(words).strip(),
        "license": text.licence,
        "frequency": text.frequence,
        "tags": sorted(text.mots_cles),
        "temporal_coverage": {"start": about.since.isoformat(), "end": about.until.isoformat()},
        "spatial": {"granularity": text.granularite, **_where(about, zones_known=zones_known)},
    }


def _where(about: About, *, zones_known: bool) -> dict[str, Any]:
    """Zones or a geometry: the server refuses both together."""
    if zones_known and about.zones:
        return {"zones": sorted(about.zones)}
    if not about.boxes:
        return {}
    return {"geom": {"type": "MultiPolygon", "coordinates": [[_ring(box)] for box in apart(about.boxes)]}}


def apart(boxes: Iterable[Box]) -> list[Box]:
    """Boxes that cover the same and do not touch: those that meet become the box of both, again and again."""
    found: list[Box] = []
    for box in boxes:
        merged, again = box, True
        while again:
            meeting = [b for b in found if _meet(b, merged)]
            found = [b for b in found if b not in meeting]
            again = bool(meeting)
            for b in meeting:
                merged = (min(b[0], merged[0]), min(b[1], merged[1]), max(b[2], merged[2]), max(b[3], merged[3]))
        found.append(merged)
    return sorted(found)


def _meet(a: Box, b: Box) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _ring(box: Box) -> list[list[float]]:
    west, south, east, north = (round(v, 5) for v in box)
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
