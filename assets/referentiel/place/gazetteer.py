"""The current communes, in the forms a record may name them: codes old and new, names, postcodes, outlines.

Only lookups; which of them to believe for a record belongs to `commune`.
"""

from collections import defaultdict

import numpy as np
import polars as pl
import shapely

from assets.referentiel.place.names import district_number, town_key
from pipeline.foundations.crs import Floats, epsg_of_departement, project


class Gazetteer:
    """Lookups over the communes in force.

    Args:
        communes: `code, nom, codes_postaux, departement, geometrie` (WKB, WGS84; null where there is no outline).
        passage: `code_ancien, code, type`, and where known `nom`, `candidats` and `codes_postaux` (see
            `assets.territories.passage`).

    Attributes:
        communes: `code, departement, nom_cle`, one row per commune.
        passage: `code_ancien, code, type, candidats`.
        names: `code_postal, nom_cle, code, ancien`: names, today's and former ones (`ancien`), that tell one commune
            within a postcode.
        postcodes: communes served by each postcode.
        by_name: commune of each (département, key of the name) that no other commune of the département bears.
        districts: commune of each municipal district.
        district_of_postcode, district_of_number: municipal district by postcode, and by (city, number).
    """

    def __init__(self, communes: pl.DataFrame, passage: pl.DataFrame) -> None:
        absent = {"nom": pl.String(), "candidats": pl.List(pl.String()), "codes_postaux": pl.List(pl.String())}
        former = passage.with_columns(
            pl.lit(None, dtype=dtype).alias(name) for name, dtype in absent.items() if name not in passage.columns
        )
        self.passage = former.select("code_ancien", "code", "type", "candidats")
        self.communes = communes.select("code", "departement", nom_cle=_keys(communes["nom"]))
        self.names = _names(communes, former)
        by_postcode = communes.select("code", "codes_postaux").explode("codes_postaux").drop_nulls()
        self.pairs = by_postcode.select(pl.col("codes_postaux").alias("code_postal"), "code").unique()
        self.postcodes: dict[str, list[str]] = defaultdict(list)
        for postcode, code in self.pairs.sort("code_postal", "code").iter_rows():
            self.postcodes[postcode].append(code)
        alone = self.communes.filter(pl.struct("departement", "nom_cle").is_unique())
        self.by_name = {(d, name): code for code, d, name in alone.iter_rows()}
        self.key_of = dict(self.communes.select("code", "nom_cle").iter_rows())
        self._index_districts(former.filter(pl.col("type") == "arrondissement-municipal"))
        self._index_outlines(communes.filter(pl.col("geometrie").is_not_null()))

    def _index_districts(self, districts: pl.DataFrame) -> None:
        self.districts = dict(districts.select("code_ancien", "code").iter_rows())
        postal: dict[str, set[str]] = defaultdict(set)
        self.district_of_number: dict[tuple[str, int], str] = {}
        for code, name, postcodes in districts.select("code_ancien", "nom", "codes_postaux").iter_rows():
            for postcode in postcodes or ():
                postal[postcode].add(code)
            if number := district_number(name):
                self.district_of_number[number] = code
        self.district_of_postcode = {p: next(iter(codes)) for p, codes in postal.items() if len(codes) == 1}

    def _index_outlines(self, outlined: pl.DataFrame) -> None:
        self._codes = outlined["code"].to_numpy()
        self._polygons = shapely.from_wkb(outlined["geometrie"].to_numpy())
        self._position = {code: i for i, code in enumerate(self._codes)}
        self._tree = shapely.STRtree(self._polygons)

    def commune_at(self, longitude: Floats, latitude: Floats) -> list[str | None]:
        """Code of the commune whose outline holds each point (the first in code order on a shared border)."""
        found: list[str | None] = [None] * len(longitude)
        points, polygons = self._tree.query(shapely.points(longitude, latitude), predicate="intersects")
        for point, polygon in sorted(zip(points.tolist(), polygons.tolist(), strict=True), reverse=True):
            found[point] = str(self._codes[polygon])
        return found

    def metres_outside(self, codes: list[str], longitude: Floats, latitude: Floats) -> Floats:
        """Distance in metres from each point to the outline of the commune named beside it: 0 inside, NaN unknown."""
        distances = np.full(len(codes), np.nan)
        index = np.array([self._position.get(code, -1) for code in codes], dtype=np.int64)
        known = np.flatnonzero((index >= 0) & np.isfinite(longitude) & np.isfinite(latitude))
        if not known.size:
            return distances
        polygons = self._polygons[index[known]]
        points = shapely.points(longitude[known], latitude[known])
        shapely.prepare(polygons)
        inside = shapely.intersects(polygons, points)
        distances[known[inside]] = 0.0
        away = known[~inside]
        # Project the nearest point of the outline and the record together: metres, never degrees.
        ends = shapely.get_coordinates(shapely.shortest_line(polygons[~inside], points[~inside])).reshape(-1, 2, 2)
        systems = np.array([epsg_of_departement(departement_of(codes[i])) or 0 for i in away], dtype=np.int64)
        for epsg in np.unique(systems):
            rows = systems == epsg
            x, y = project(ends[rows, :, 0].ravel(), ends[rows, :, 1].ravel(), int(epsg) or None)
            x, y = x.reshape(-1, 2), y.reshape(-1, 2)
            distances[away[rows]] = np.hypot(x[:, 1] - x[:, 0], y[:, 1] - y[:, 0])
        return distances

    def metres_from_centre(self, codes: list[str], longitude: Floats, latitude: Floats) -> Floats:
        """Distance in metres from each point to the centroid of the commune named beside it; NaN without outline."""
        distances = np.full(len(codes), np.nan)
        index = np.array([self._position.get(code, -1) for code in codes], dtype=np.int64)
        known = np.flatnonzero(index >= 0)
        centres = shapely.get_coordinates(shapely.centroid(self._polygons[index[known]]))
        systems = np.array([epsg_of_departement(departement_of(codes[i])) or 0 for i in known], dtype=np.int64)
        for epsg in np.unique(systems):
            rows = known[systems == epsg]
            x, y = project(longitude[rows], latitude[rows], int(epsg) or None)
            u, v = project(centres[systems == epsg, 0], centres[systems == epsg, 1], int(epsg) or None)
            distances[rows] = np.hypot(x - u, y - v)
        return distances


def departement_of(code: str) -> str:
    """Département code of a commune code: three characters overseas, two elsewhere."""
    return code[:3] if code.startswith(("97", "98")) else code[:2]


def departement_of_postcode(postcode: str) -> str:
    """Département a postcode belongs to, as a rule: some communes are served from the next one."""
    if postcode.startswith("20"):
        return "2A" if postcode[2] in "01" else "2B"
    return departement_of(postcode)


def _keys(names: pl.Series) -> pl.Series:
    return names.map_elements(town_key, return_dtype=pl.String)


def _names(communes: pl.DataFrame, former: pl.DataFrame) -> pl.DataFrame:
    """Names that tell one commune within a postcode; a former name never hides one of today's."""
    postcodes = communes.select("code", "codes_postaux")
    today = communes.select("code", "codes_postaux", nom_cle=_keys(communes["nom"]), ancien=pl.lit(False))
    named = former.filter(pl.col("nom").is_not_null() & pl.col("code").is_not_null())
    past = named.select("code", nom_cle=_keys(named["nom"]), ancien=pl.lit(True)).join(postcodes, on="code")
    rows = pl.concat([today, past.select(today.columns)]).explode("codes_postaux").drop_nulls("codes_postaux")
    return (
        rows.rename({"codes_postaux": "code_postal"})
        .unique(["code_postal", "nom_cle", "code", "ancien"])
        .filter(pl.col("ancien") == pl.col("ancien").min().over("code_postal", "nom_cle"))
        .filter(pl.len().over("code_postal", "nom_cle") == 1)
        .select("code_postal", "nom_cle", "code", "ancien")
    )
