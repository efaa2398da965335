"""The official geographic code (`@etalab/decoupage-administratif`, JSON) and the contours of communes (GeoJSON)."""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import shapely

from sources.demo.geography import Commune, Epci, World

COG_URL = "https://unpkg.com/@etalab/decoupage-administratif@6.0.0/data/{name}.json"
CONTOURS_URL = "https://etalab-datasets.geo.data.gouv.fr/contours-administratifs/2026/geojson/communes-100m.geojson.gz"

Item = Mapping[str, Any]


def tables(world: World) -> dict[str, list[Item]]:
    """The six files, by name."""
    regions = {d.code: d.region for d in world.departements}
    first = {region: next(d for d in world.departements if d.region == region) for region in world.regions}
    heads = {d.code: [world.communes[i].code for i in d.chefs_lieux] for d in world.departements}
    return {
        "communes": sorted(
            (item for c in world.communes for item in _communes(c, regions[c.departement])),
            key=lambda item: (item["code"], item["type"]),
        ),
        "epci": [_epci(e, world) for e in world.epci],
        "ept": [],  # établissements publics territoriaux exist around Paris only
        "arrondissements": [
            {
                "code": f"{d.code}{rank}",
                "departement": d.code,
                "region": d.region,
                "chefLieu": head,
                "nom": f"{world.communes[index].nom} (fictif)",
                "typeLiaison": 0,
            }
            for d in world.departements
            for rank, (index, head) in enumerate(zip(d.chefs_lieux, heads[d.code], strict=True), start=1)
        ],
        "departements": [
            {
                "code": d.code,
                "region": d.region,
                "chefLieu": heads[d.code][0],
                "nom": d.nom,
                "typeLiaison": 0,
                "zone": "metro",
            }
            for d in world.departements
        ],
        "regions": [
            {"code": code, "chefLieu": heads[first[code].code][0], "nom": nom, "typeLiaison": 0, "zone": "metro"}
            for code, nom in world.regions.items()
        ],
    }


def _communes(commune: Commune, region: str) -> Iterator[dict[str, Any]]:
    place = {"arrondissement": commune.arrondissement, "departement": commune.departement, "region": region}
    olds = [d.code for d in commune.deleguees if d.code != commune.code]
    yield {
        "code": commune.code,
        "nom": commune.nom,
        "typeLiaison": 0,
        "zone": "metro",
        **place,
        "type": "commune-actuelle",
        "rangChefLieu": commune.rang,
        **({"anciensCodes": olds} if olds else {}),
        "siren": commune.siren,
        "codesPostaux": [commune.code_postal],
        "population": commune.population,
    }
    for old in commune.deleguees:
        yield {
            "code": old.code,
            "nom": old.nom,
            "typeLiaison": 0,
            "zone": "metro",
            "type": "commune-deleguee",
            "chefLieu": commune.code,
            **place,
        }


def _epci(epci: Epci, world: World) -> Item:
    members = sorted((world.communes[i] for i in epci.membres), key=lambda c: (-c.population, c.code))
    people = sum(c.population for c in members)
    return {
        "code": epci.code,
        "nom": epci.nom,
        "type": epci.type,
        "modeFinancement": "FPU" if epci.type != "CC" or len(members) % 2 else "FA",
        "populationTotale": round(people * 1.02),
        "populationMunicipale": people,
        "membres": [
            {
                "code": c.code,
                "siren": c.siren,
                "nom": c.nom,
                "populationTotale": round(c.population * 1.02),
                "populationMunicipale": c.population,
            }
            for c in members
        ],
    }


def write_table(path: Path, items: Iterable[Item]) -> None:
    """Write a JSON array, one item per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def write_contours(path: Path, world: World) -> None:
    """Write the gzipped GeoJSON of the communes, in degrees."""
    regions = {d.code: d.region for d in world.departements}
    head = {
        "name": "communes-100m",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
        "xy_coordinate_resolution": 1e-05,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as file:
        file.write(f'{{\n"type": "FeatureCollection",\n{json.dumps(head)[1:-1]},\n"features": [\n'.encode())
        separator = ""
        for commune, geometry in zip(world.communes, shapely.to_geojson(world.wgs84), strict=True):
            properties = {
                "code": commune.code,
                "nom": commune.nom,
                "departement": commune.departement,
                "region": regions[commune.departement],
                "epci": commune.epci,
            }
            text = json.dumps(properties, ensure_ascii=False)
            file.write(f'{separator}{{"type": "Feature", "properties": {text}, "geometry": {geometry}}}'.encode())
            separator = ",\n"
        file.write(b"\n]\n}\n")
