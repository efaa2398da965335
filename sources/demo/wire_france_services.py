"""The list of France services as published since August 2024: CSV, `;`, one row per site."""

import csv
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np

from pipeline.foundations import crs
from sources.demo.geography import World
from sources.demo.supply import DAYS, Counter, Slot

URL = "https://www.data.gouv.fr/fr/datasets/r/31576dff-fd61-4de9-819f-32c2f880b142"
HEADER = (
    "id_fs", "insee_dep", "lib_fs", "adresse", "complement_adresse", "insee_com", "code_postal", "lib_com", "latitude",
    "longitude", "mail", "telephone", "h_lundi", "h_mardi", "h_mercredi", "h_jeudi", "h_vendredi", "h_samedi",
    "commentaire", "format_fs", "type_fs", "groupe_fs", "labellisation_fs", "prise_rdv",
)  # fmt: skip

Row = dict[str, str]


def rows(world: World, counters: Iterable[Counter]) -> Iterator[Row]:
    """The list's row of each site, without any fault."""
    counters = list(counters)
    longitude, latitude = crs.unproject(
        np.array([c.x for c in counters]), np.array([c.y for c in counters]), crs.MAINLAND
    )
    for counter, lon, lat in zip(counters, longitude.tolist(), latitude.tolist(), strict=True):
        yield {
            "id_fs": str(counter.numero),
            "insee_dep": world.communes[counter.commune].departement,
            "lib_fs": counter.nom,
            "adresse": counter.adresse,
            "complement_adresse": counter.complement,
            "insee_com": counter.insee,
            "code_postal": counter.code_postal,
            "lib_com": counter.ville,
            "latitude": f"{lat:.6f}",
            "longitude": f"{lon:.6f}",
            "mail": counter.courriel,
            "telephone": counter.telephone,
            **{f"h_{day.lower()}": _day(day, counter.hours) for day in DAYS[:6]},
            "commentaire": counter.note,
            "format_fs": counter.format,
            "type_fs": counter.rang,
            "groupe_fs": counter.groupe,
            "labellisation_fs": "Espace labellisé 01/01/2020" if counter.numero % 3 else "Espace labellisé 01/07/2022",
            "prise_rdv": "Oui" if counter.numero % 2 else "Non",
        }


def _day(day: str, hours: Iterable[Slot]) -> str:
    position = DAYS.index(day)
    intervals = [
        f"{start} - {end}"
        for slot in hours
        if DAYS.index(slot.first) <= position <= DAYS.index(slot.last)
        for start, end in slot.intervals
    ]
    return " / ".join(intervals)


def write(path: Path, table: Iterable[Row], split: Collection[str]) -> None:
    """Write the CSV.

    Args:
        table: rows, faults included; a column not in `HEADER` is added after the others.
        split: ids of rows whose address was cut in two cells, which shifts the rest by one.
    """
    table = list(table)
    extra = list(dict.fromkeys(name for row in table for name in row if name not in HEADER))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([*HEADER, *extra])
        for row in table:
            cells = [row.get(name, "") for name in (*HEADER, *extra)]
            if row["id_fs"] in split:
                cells.insert(HEADER.index("adresse"), "Résidence des Tilleuls")
            writer.writerow(cells)
