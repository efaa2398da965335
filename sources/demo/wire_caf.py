"""The sites of the Caf as the Cnaf publishes them: a CSV without address, coordinates or hours."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from sources.demo.supply import Counter
from sources.spec import SourceSpec

Row = dict[str, str]

_OPENING = {"siège": "hebdomadaire >4 jours", "agence": "4 jours", "permanence": "1 à 3 jours"}


def rows(counters: Iterable[Counter]) -> Iterator[Row]:
    """The list's row of each site, without any fault."""
    for counter in counters:
        permanence = counter.rang == "permanence"
        yield {
            "NUMCOMSI": counter.insee,
            "RANG": str(counter.numero),
            "LIBSITE": counter.nom.upper() if permanence else counter.nom,
            "STRACCUE": counter.rang,
            "TYPOUVSI": _OPENING[counter.rang],
            "TOPACCPF": "1",
            "TOPACCAS": "0" if permanence else "1",
            "TOPACCPH": "1",
            "TOPPRBIW": "0" if permanence else "1",
        }


def key_of(counter: Counter) -> str:
    """How the list tells its sites apart: commune and rank."""
    return f"{counter.insee}-{counter.numero}"


def write(path: Path, table: Iterable[Row], spec: SourceSpec) -> None:
    """Write the CSV, with the columns the source's declaration expects or ignores."""
    columns = spec.columns["sites"]
    header = [*columns.expected, *columns.ignored]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows([row.get(name, "") for name in header] for row in table)
