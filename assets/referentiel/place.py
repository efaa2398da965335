"""Where a record is: its current commune, and whether its coordinates can be believed.

Nothing is moved silently: every decision has a method and a rule, and what is set aside becomes an issue.
Hours, types and the linking of records are other modules.
"""

import numpy as np
import polars as pl
import shapely

from pipeline.foundations.codes import COMMUNE_PATTERN, departement_of_commune
from pipeline.foundations.crs import Floats, epsg_of_departement, project
from pipeline.foundations.issues import IssueLog
from pipeline.foundations.text import key

#: A counter may stand this far outside the (simplified) outline of its commune and still be believed.
TOLERANCE_M = 1_000.0
#: Beyond the tolerance and up to this far, a counter may really stand in the next commune (the feed names its seat):
#: its position is kept and said doubtful. A mairie is in its commune: beyond the tolerance its position is wrong.
NEXT_COMMUNE_M = 10_000.0
#: France and its overseas territories fit in this box; anything outside is a typing error, not a place.
_LONGITUDE = (-180.0, 180.0)
_LATITUDE = (-53.0, 52.0)


class Gazetteer:
    """The current communes, in the forms a record may name them.

    Args:
        communes: `code, nom, codes_postaux, departement, geometrie` (WKB, WGS84; null where there is no outline).
        passage: `code_ancien, code` of every code that is no longer, or not, a commune.
    """

    def __init__(self, communes: pl.DataFrame, passage: pl.DataFrame) -> None:
        self.passage = passage.select("code_ancien", pl.col("code").alias("_code_passage"))
        self.communes = communes.select("code", "nom", "departement")
        by_postcode = communes.select("code", "nom", "codes_postaux").explode("codes_postaux").drop_nulls()
        self.postal = (
            by_postcode.with_columns(pl.col("nom").map_elements(key, return_dtype=pl.String).alias("_cle_nom"))
            .group_by(pl.col("codes_postaux").alias("code_postal"), "_cle_nom")
            .agg(pl.col("code").first().alias("_code_postal"), pl.len().alias("_n"))
            .filter(pl.col("_n") == 1)
            .drop("_n")
        )
        outlined = communes.filter(pl.col("geometrie").is_not_null())
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
        known = np.flatnonzero(index >= 0)
        if not known.size:
            return distances
        points = shapely.points(longitude[known], latitude[known])
        inside = shapely.intersects(self._polygons[index[known]], points)
        distances[known[inside]] = 0.0
        for i in known[~inside]:
            # Project the nearest point of the outline and the record together: metres, never degrees.
            line = shapely.shortest_line(self._polygons[index[i]], shapely.Point(longitude[i], latitude[i]))
            ends = shapely.get_coordinates(line)
            code = codes[i]
            departement = code[:3] if code.startswith(("97", "98")) else code[:2]
            x, y = project(ends[:, 0], ends[:, 1], epsg_of_departement(departement))
            distances[i] = float(np.hypot(x[1] - x[0], y[1] - y[0]))
        return distances


def locate(records: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    """Give each record its current commune and its trusted position.

    Args:
        records: `id_source, code_insee, code_postal, commune, longitude, latitude` (as the feed states them), and
            `mairie` (Boolean): the counter cannot be outside its commune.

    Returns:
        The frame with `lieu_code_insee` (current commune, null when it cannot be told), `commune_methode`
        (`code`, `passage`, `code postal et nom`, `point`), `lieu_longitude`, `lieu_latitude` (null when not
        believed) and `position_methode` (`source`, `source, hors de la commune`,
        `axes inversés corrigés`, null).
    """
    placed = _commune_by_code(records, gazetteer, issues)
    return _believe_coordinates(placed, gazetteer, issues)


def _commune_by_code(records: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    padded = pl.when(pl.col("code_insee").str.contains(r"^\d{4}$")).then(pl.col("code_insee").str.zfill(5))
    frame = records.with_columns(
        padded.otherwise(pl.col("code_insee").str.to_uppercase()).alias("_code"),
        pl.col("commune").map_elements(key, return_dtype=pl.String).alias("_cle_nom"),
    )
    frame = (
        frame.join(
            gazetteer.communes.select(pl.col("code").alias("_code"), pl.lit(True).alias("_actuel")),
            on="_code",
            how="left",
        )
        .join(gazetteer.passage, left_on="_code", right_on="code_ancien", how="left")
        .join(gazetteer.postal, on=["code_postal", "_cle_nom"], how="left")
    )
    frame = frame.with_columns(
        pl.when(pl.col("_actuel"))
        .then("_code")
        .otherwise(pl.coalesce("_code_passage", "_code_postal"))
        .alias("lieu_code_insee"),
        pl.when(pl.col("_actuel"))
        .then(pl.lit("code"))
        .when(pl.col("_code_passage").is_not_null())
        .then(pl.lit("passage"))
        .when(pl.col("_code_postal").is_not_null())
        .then(pl.lit("code postal et nom"))
        .alias("commune_methode"),
    )
    malformed = frame.filter(pl.col("code_insee").is_not_null() & ~pl.col("_code").str.contains(COMMUNE_PATTERN))
    issues.add_rows(
        malformed,
        record="id_source",
        column="code_insee",
        rule="code-insee-mal-forme",
        reason="Ce n’est pas un code commune de l’Insee (5 caractères) : la commune est cherchée autrement.",
    )
    unknown = frame.filter(
        pl.col("code_insee").is_not_null()
        & pl.col("_code").str.contains(COMMUNE_PATTERN)
        & pl.col("_actuel").is_null()
        & pl.col("_code_passage").is_null()
    )
    issues.add_rows(
        unknown,
        record="id_source",
        column="code_insee",
        rule="commune-inconnue",
        reason="Code absent du code officiel géographique en vigueur et de ses anciens codes : "
        "la commune est cherchée par le code postal et le nom, puis par le point.",
    )
    return frame.drop("_code", "_cle_nom", "_actuel", "_code_passage", "_code_postal")


def _believe_coordinates(frame: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    longitude = frame["longitude"].to_numpy().astype(np.float64)
    latitude = frame["latitude"].to_numpy().astype(np.float64)
    ids = frame["id_source"].to_list()
    communes = frame["lieu_code_insee"].to_list()
    method: list[str | None] = [None] * frame.height

    def refuse(rows: np.ndarray, rule: str, reason: str) -> None:
        for i in rows:
            issues.add(
                record=ids[i],
                column="longitude, latitude",
                value=f"{longitude[i]}, {latitude[i]}",
                rule=rule,
                reason=reason,
            )
        longitude[rows] = np.nan
        latitude[rows] = np.nan

    half = np.isnan(longitude) != np.isnan(latitude)
    refuse(np.flatnonzero(half), "coordonnee-seule", "Une seule des deux coordonnées est donnée : position écartée.")
    refuse(
        np.flatnonzero((longitude == 0) & (latitude == 0)),
        "coordonnees-nulles",
        "Coordonnées 0, 0 : c’est une absence de position, écartée.",
    )
    same = np.flatnonzero(longitude == latitude)
    refuse(same, "latitude-egale-longitude", "La latitude est recopiée dans la longitude : position écartée.")

    given = np.flatnonzero(~np.isnan(longitude))
    outside = np.full(frame.height, np.nan)
    with_commune = np.array([i for i in given if communes[i] is not None], dtype=np.int64)
    if with_commune.size:
        codes = [communes[i] for i in with_commune]
        outside[with_commune] = gazetteer.metres_outside(codes, longitude[with_commune], latitude[with_commune])
        far = with_commune[outside[with_commune] > TOLERANCE_M]
        swapped = gazetteer.metres_outside([communes[i] for i in far], latitude[far], longitude[far])
        mended = far[swapped <= TOLERANCE_M]
        for i in mended:
            issues.add(
                record=ids[i],
                column="longitude, latitude",
                value=f"{longitude[i]}, {latitude[i]}",
                rule="axes-inverses",
                reason="Longitude et latitude inversées : remises dans l’ordre, le point tombe dans sa commune.",
                severity="info",
            )
            method[i] = "axes inversés corrigés"
        longitude[mended], latitude[mended] = latitude[mended], longitude[mended]
        outside[mended] = 0.0
        # A commune without an outline cannot hold its points, but a point inside another commune is not in it.
        blind = with_commune[np.isnan(outside[with_commune])]
        elsewhere = gazetteer.commune_at(longitude[blind], latitude[blind])
        outside[blind] = [0.0 if code is None else np.inf for code in elsewhere]
        hall = frame["mairie"].to_numpy()
        limit = np.where(hall, TOLERANCE_M, NEXT_COMMUNE_M)
        far = with_commune[outside[with_commune] > limit[with_commune]]
        doubtful = with_commune[(outside[with_commune] > TOLERANCE_M) & (outside[with_commune] <= limit[with_commune])]
        for i in doubtful:
            method[i] = "source, hors de la commune"
            issues.add(
                record=ids[i],
                column="longitude, latitude",
                value=f"{longitude[i]}, {latitude[i]}",
                rule="commune-voisine",
                reason="Le point est dans une commune voisine de celle annoncée : position gardée, à vérifier.",
            )
        refuse(
            far,
            "hors-commune",
            f"Le point est trop loin de la commune annoncée (plus de {TOLERANCE_M / 1000:.0f} km pour une mairie, "
            f"{NEXT_COMMUNE_M / 1000:.0f} km sinon) : position écartée.",
        )
    off = (
        (longitude < _LONGITUDE[0])
        | (longitude > _LONGITUDE[1])
        | (latitude < _LATITUDE[0])
        | (latitude > _LATITUDE[1])
    )
    refuse(np.flatnonzero(off), "hors-territoire", "Coordonnées hors de France : position écartée.")

    # A record that names no known commune takes the one its point falls in.
    orphan = np.array([i for i in np.flatnonzero(~np.isnan(longitude)) if communes[i] is None], dtype=np.int64)
    by_point: list[str | None] = list(frame["commune_methode"].to_list())
    if orphan.size:
        for i, code in zip(orphan, gazetteer.commune_at(longitude[orphan], latitude[orphan]), strict=True):
            communes[i] = code
            by_point[i] = "point" if code else None
    lost = [i for i in range(frame.height) if communes[i] is None]
    for i in lost:
        issues.add(
            record=ids[i],
            column="code_insee",
            value=frame["code_insee"][i] or frame["commune"][i],
            rule="sans-commune",
            reason="Ni le code, ni le code postal et le nom, ni le point ne donnent une commune actuelle : "
            "l’enregistrement n’est pas publié.",
            severity="erreur",
        )
    known = ~np.isnan(longitude)
    method = [m or ("source" if known[i] else None) for i, m in enumerate(method)]
    return frame.with_columns(
        pl.Series("lieu_code_insee", communes, dtype=pl.String),
        pl.Series("commune_methode", by_point, dtype=pl.String),
        pl.Series("lieu_longitude", longitude).fill_nan(None),
        pl.Series("lieu_latitude", latitude).fill_nan(None),
        pl.Series("position_methode", method, dtype=pl.String),
    ).with_columns(departement_of_commune(pl.col("lieu_code_insee")).alias("lieu_code_departement"))
