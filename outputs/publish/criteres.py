"""The nine quality criteria of data.gouv.fr, computed before anything is sent. Their names are those of the server.

The score is their mean, as udata computes it (`Dataset.compute_quality`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

#: Frequencies a dataset may declare, and the days between two updates; None where nobody counts them.
FREQUENCIES: dict[str, int | None] = {
    "daily": 1,
    "weekly": 7,
    "monthly": 31,
    "quarterly": 93,
    "semiannual": 182,
    "annual": 365,
    "punctual": None,
    "irregular": None,
}
LABELS = {
    "license": "licence",
    "temporal_coverage": "couverture temporelle",
    "spatial": "couverture spatiale",
    "update_frequency": "fréquence de mise à jour",
    "update_fulfilled_in_time": "mise à jour dans les temps",
    "dataset_description_quality": "description de plus de 100 caractères",
    "has_open_format": "un format ouvert",
    "all_resources_available": "toutes les ressources répondent",
    "resources_documentation": "ressources documentées",
}
_CLOSED = frozenset({"pdf", "doc", "docx", "word", "xls", "excel", "xlsx"})
_DESCRIPTION = 100  # characters, to be exceeded
_LATE = timedelta(days=1)  # forgiven


@dataclass(frozen=True)
class Described:
    """A resource as the criteria see it."""

    format: str
    type: str
    description: str
    reachable: bool = True


def criteria(
    dataset: Mapping[str, Any], resources: Iterable[Described], *, last_update: datetime, now: datetime
) -> dict[str, bool]:
    """Each criterion and whether it holds, in the order of `LABELS`.

    Args:
        dataset: the metadata, as sent to the API.
        last_update: when the latest of the files was put there.
    """
    held = list(resources)
    spatial = dataset.get("spatial") or {}
    frequency = dataset.get("frequency")
    period = FREQUENCIES.get(frequency) if frequency else None
    late = period is not None and last_update + timedelta(days=period) < now - _LATE
    return {
        "license": bool(dataset.get("license")) and dataset["license"] != "notspecified",
        "temporal_coverage": bool(dataset.get("temporal_coverage")),
        "spatial": bool(spatial.get("zones") or spatial.get("geom")),
        "update_frequency": frequency in FREQUENCIES,
        "update_fulfilled_in_time": frequency in FREQUENCIES and not late,
        "dataset_description_quality": len(dataset.get("description") or "") > _DESCRIPTION,
        "has_open_format": any(r.format and r.format not in _CLOSED for r in held),
        "all_resources_available": bool(held) and all(r.reachable for r in held),
        "resources_documentation": any(r.type == "documentation" or r.description for r in held),
    }


def score(found: Mapping[str, bool]) -> float:
    """Share of the criteria that hold, 0 to 1."""
    return sum(found.values()) / len(LABELS)
