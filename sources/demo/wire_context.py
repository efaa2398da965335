"""The tables of context and the quartiers prioritaires, each in the shape its declaration describes.

The declarations of `sources/contexte/listes` say which column of which file holds what, so that a reader can understand
it; here the same words are used the other way round, to write the file. What the figures are belongs to `society`.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import shapely
import xlsxwriter  # type: ignore[import-untyped]

from pipeline.foundations import crs
from sources.demo.geography import Commune, World
from sources.demo.society import Society
from sources.spec import SourceSpec

_READER = "sources.contexte.read:read"
_CENSUSES = 6  # years between the census of a file and the one before it
_NAMES = {"CODGEO": "LIBGEO", "numcomdo": "nomcom", "Code_insee": "Commune"}  # the column of names beside that of codes
#: A zoning of the same file that nobody reads.
_OTHER_ZONE = ("ZE2020", "9999", "Zone d'emploi fictive", "2")

Codes = Sequence[str]


def lists(specs: Iterable[SourceSpec]) -> list[SourceSpec]:
    """The declared tables of context, in order."""
    return [spec for spec in specs if spec.reader == _READER]


def write_context(specs: Iterable[SourceSpec], world: World, people: Society, path: Callable[[str], Path]) -> None:
    """Write every table; two that are sheets of one workbook share its file.

    Args:
        path: where a URL is in the mirror.

    Faults put on purpose: a commune nouvelle counted by former communes in the census of ages, a commune missing from
    it, `nd` in place of a count of cars, secrecy in the incomes, foyers nobody can place, an earlier date in the same
    file, a bassin de vie without a name.
    """
    by_url: dict[str, list[tuple[SourceSpec, pl.DataFrame]]] = {}
    for spec in lists(specs):
        by_url.setdefault(spec.resources[0].url, []).append((spec, _table(spec, world, people)))
    for url, tables in by_url.items():
        first = tables[0][0]
        workbook = ".xls" in first.resources[0].filename or ".xls" in str(first.options.get("membre"))
        data = _workbook(tables) if workbook else _csv(*tables[0])
        member = first.options.get("membre")
        if member:
            name = member.replace("????", str(first.millesime)).replace("*", "-fictif")
            data = _zipped({name: data, f"meta_{name}": b"COD_VAR;LIB_VAR\r\n"})
        _put(path(url), data)


# --- content -------------------------------------------------------------------------------------------------------


def _table(spec: SourceSpec, world: World, people: Society) -> pl.DataFrame:
    """The cells of a table as text, its columns named as in the file."""
    options = spec.options
    code = _first(options["code"])
    if "colonne_niveau" in options:
        return _zone_names(world, people)
    frame = pl.DataFrame({code: [c.code for c in world.communes]})
    if name := _NAMES.get(code):
        frame = frame.with_columns(pl.Series(name, [c.nom for c in world.communes]))
    frame = frame.with_columns(
        pl.Series(_column(measure["colonne"], spec), _cells(name, measure, people))
        for name, measure in options["mesures"].items()
    )
    if spec.id == "contexte_rp_population":
        frame = _former_codes(frame, code, world)
        frame = frame.filter(pl.col(code) != world.communes[-1].code)  # the one that is missing
    if spec.id == "contexte_rp_logement":
        last = _column(options["mesures"]["menages_avec_voiture"]["colonne"], spec)
        kept = pl.col(code) == world.communes[0].code
        frame = frame.with_columns(pl.when(kept).then(pl.lit("nd")).otherwise(last).alias(last))
    if "filosofi" in spec.id:
        frame = frame.filter(pl.Series([c.population > 0 for c in world.communes]))
    if "longue" in options:
        frame = frame.with_columns(pl.lit(str(spec.millesime)).alias(options["derniere"]))
    elif "derniere" in options:
        frame = _dated(frame, options["derniere"], world.communes[0].departement + "X" * 3)
    return _long(frame, code, options, people) if "longue" in options else frame


def _first(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else names[0]


def _column(names: str | Sequence[str], spec: SourceSpec) -> str:
    """The column's name, with the years of the declared vintage."""
    year = int(spec.millesime or 2024)
    return (
        _first(names).replace("{an}", f"{year % 100:02d}").replace("{an_precedent}", f"{(year - _CENSUSES) % 100:02d}")
    )


def _cells(name: str, measure: Mapping[str, Any], people: Society) -> list[str]:
    if measure["nature"] == "texte":
        return people.words[name]
    texts = [f"{value:.6f}".rstrip("0").rstrip(".") for value in people.figures[name].tolist()]
    secret = people.secret.get(name)
    return texts if secret is None else ["s" if kept else text for text, kept in zip(texts, secret, strict=True)]


def _former_codes(frame: pl.DataFrame, code: str, world: World) -> pl.DataFrame:
    """The first commune nouvelle as its former communes counted it: a file of an earlier geography."""
    merged = next(c for c in world.communes if c.deleguees)
    parts = [d.code for d in merged.deleguees]
    row = frame.filter(pl.col(code) == merged.code)
    figures = [name for name in frame.columns if name not in (code, _NAMES[code])]
    shared = row.with_columns((pl.col(figures).cast(pl.Float64) / len(parts)).cast(pl.String))
    olds = pl.concat([shared.with_columns(pl.lit(old).alias(code)) for old in parts])
    return pl.concat([frame.filter(pl.col(code) != merged.code), olds]).sort(code)


def _dated(frame: pl.DataFrame, column: str, unplaced: str) -> pl.DataFrame:
    """The same table at two dates, and a row nobody can place: its code is masked."""
    masked = frame.head(1).with_columns(pl.lit(unplaced).alias(frame.columns[0]), pl.lit("").alias(frame.columns[1]))
    whole = pl.concat([frame, masked])
    return pl.concat([whole.with_columns(pl.lit(day).alias(column)) for day in ("2024-12", "2023-12")])


def _long(frame: pl.DataFrame, code: str, options: Mapping[str, Any], people: Society) -> pl.DataFrame:
    """One row per commune and measure, and a row of another level, as Insee's current files."""
    long = options["longue"]
    (status,), (secret,) = long["secret"].keys(), long["secret"].values()
    (level,), (here,) = options["lignes"].keys(), options["lignes"].values()
    names = [_first(m["colonne"]) for m in options["mesures"].values()]
    rows = frame.unpivot(names, index=[code, options["derniere"]], variable_name=long["mesure"], value_name="_told")
    kept = pl.col("_told") == "s"
    rows = rows.with_columns(
        pl.when(~kept).then("_told").otherwise(pl.lit("")).alias(long["valeur"]),
        pl.when(kept).then(pl.lit(secret)).otherwise(pl.lit("F")).alias(status),
        pl.lit(here).alias(level),
    ).drop("_told")
    total = {code: "FR", long["mesure"]: names[0], long["valeur"]: f"{people.figures['menages'].sum():.0f}"}
    nation = pl.DataFrame([{options["derniere"]: "2021", status: "F", level: "FRANCE", **total}])
    return pl.concat([nation.select(rows.columns), rows])


def _zone_names(world: World, people: Society) -> pl.DataFrame:
    """Names of the bassins de vie but the last one, and of a zoning nobody reads."""
    areas = sorted(set(people.words["bassin_vie"]))
    names = {c.code: c.nom for c in world.communes}
    rows = [("BV2022", area, f"{names[area]} (fictif)", str(people.words["bassin_vie"].count(area))) for area in areas]
    return pl.DataFrame([*rows[:-1], _OTHER_ZONE], schema=["NIVGEO", "CODGEO", "LIBGEO", "NB_COM"], orient="row")


# --- files ---------------------------------------------------------------------------------------------------------


def _csv(spec: SourceSpec, table: pl.DataFrame) -> bytes:
    separator = spec.options.get("separateur", ";")
    return table.write_csv(separator=separator, line_terminator="\r\n").encode(spec.options.get("encodage", "utf-8"))


def _workbook(tables: Sequence[tuple[SourceSpec, pl.DataFrame]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"strings_to_numbers": False, "strings_to_formulas": False}) as workbook:
        workbook.set_properties({"created": datetime(2026, 1, 1, tzinfo=UTC)})
        for spec, table in tables:
            sheet_name = spec.options.get("feuille")
            sheet = workbook.add_worksheet(sheet_name if isinstance(sheet_name, str) else None)
            top = spec.options.get("ligne_entete", 1) - 1
            if top:
                sheet.write_string(0, 0, f"{spec.title} — données fictives")
            for number, row in enumerate((table.columns, *table.iter_rows()), start=top):
                for position, cell in enumerate(row):
                    sheet.write_string(number, position, cell)
    return out.getvalue()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in files.items():
            # A date of its own, for the same bytes whenever it is written.
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


# --- quartiers prioritaires ----------------------------------------------------------------------------------------

_SIDE = 400.0  # metres


def write_quarters(spec: SourceSpec, world: World, path: Callable[[str], Path]) -> None:
    """Write both editions: 2024 in a zip of GeoJSON, 2015 bare.

    The second quartier of each préfecture straddles two communes, and its outline is a bow tie.
    """
    heads = [world.communes[i] for d in world.departements for i in d.chefs_lieux[:2]]
    recent = [_quarter(commune, 0, None) for commune in heads]
    recent += [_quarter(commune, 1, _beside(commune, world)) for commune in heads if commune.rang == 3]
    collection = {"type": "FeatureCollection", "features": recent}
    member = f"GEOJSON/QP2024_France_Hexagonale_Outre_Mer{spec.options['membre']}"
    data = json.dumps(collection, ensure_ascii=False).encode()
    _put(path(spec.resource("qpv_2024").url), _zipped({member: data}))
    old = {"type": "FeatureCollection", "features": [_former(commune) for commune in heads[:1]]}
    _put(path(spec.resource("qpv_2015").url), json.dumps(old, ensure_ascii=False).encode())


def _beside(commune: Commune, world: World) -> Commune:
    """A neighbour of a commune: the first of those that share a border with it."""
    pairs = [pair for pair in world.neighbours if commune.index in pair]
    a, b = pairs[0]
    return world.communes[b if a == commune.index else a]


def _quarter(commune: Commune, rank: int, neighbour: Commune | None) -> dict[str, Any]:
    named = [commune.code, *([neighbour.code] if neighbour else [])]
    return {
        "type": "Feature",
        "properties": {
            "code_qp": f"QN{commune.departement:0>3}{commune.index:02X}{rank}"[:8],
            "lib_qp": f"Quartier {'des Tilleuls' if rank else 'du Moulin'} (fictif)",
            "insee_dep": commune.departement,
            "insee_com": ", ".join(named),
            "lib_com": commune.nom,
            "siren_epci": commune.epci,
        },
        "geometry": _square(commune, 600.0 * rank, crossed=rank == 1),
    }


def _former(commune: Commune) -> dict[str, Any]:
    properties = {"code_quartier": f"QP{commune.departement:0>3}001", "nom_qp": "Quartier du Moulin (fictif)"}
    return {"type": "Feature", "properties": properties, "geometry": _square(commune, 0.0, crossed=False)}


def _square(commune: Commune, shift: float, *, crossed: bool) -> dict[str, Any]:
    """A square beside the town, in degrees; `crossed` swaps two corners: an invalid outline, as some real ones."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])[[0, 2, 1, 3] if crossed else [0, 1, 2, 3]] * _SIDE
    x, y = commune.x + shift + corners[:, 0], commune.y + corners[:, 1]
    ring = np.round(np.column_stack(crs.unproject(x, y, crs.MAINLAND)), 6)
    geometry: dict[str, Any] = json.loads(shapely.to_geojson(shapely.Polygon(ring)))
    return geometry
