"""Whether a record's coordinates can be believed as its counter's position: repaired by a named rule, or set aside.

Finding the commune belongs to `commune`; giving a position to a record without one to `assets.referentiel.geocode`.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.referentiel.geocode.address import Address, address_of
from assets.referentiel.place.gazetteer import Gazetteer, departement_of
from assets.referentiel.place.precision import worth_of
from pipeline.foundations.codes import departement_of_commune
from pipeline.foundations.crs import MAINLAND, Floats, epsg_of_departement, unproject
from pipeline.foundations.issues import IssueLog, Severity

#: A counter may stand this far outside the (simplified) outline of its commune and still be believed.
TOLERANCE_M = 1_000.0
#: Beyond the tolerance and up to this far, a counter may really stand in the next commune (the feed names its seat):
#: its position is kept and said doubtful. A mairie is in its commune: beyond the tolerance its position is wrong.
NEXT_COMMUNE_M = 10_000.0
#: A point that a feed gives to as many different streets of one commune is where its geocoder gave up, not a counter.
SHARED_BY_STREETS = 3
#: Two streets are enough when the point is this near the commune's centroid.
SHARED_AT_CENTRE = 2
CENTRE_M = 150.0
#: France and its overseas territories fit in this box; anything outside is a typing error, not a place.
_LONGITUDE = (-180.0, 180.0)
_LATITUDE = (-53.0, 52.0)
#: Systems that metres given as degrees are tried in after the territory's own: extended Lambert II, Web Mercator.
_OTHER_SYSTEMS = (27572, 3857)

SOURCE = "source"
CENTRE = "centre de la commune"

Rows = npt.NDArray[np.int64]


@dataclass
class _Points:
    """The positions being judged, and what is said of them. NaN: no position to believe."""

    frame: pl.DataFrame
    issues: IssueLog
    longitude: Floats = field(init=False)
    latitude: Floats = field(init=False)
    method: list[str | None] = field(init=False)
    approximate: dict[int, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.longitude = self.frame["longitude"].to_numpy().astype(np.float64)
        self.latitude = self.frame["latitude"].to_numpy().astype(np.float64)
        self.ids = self.frame["id_source"].to_list()
        self.communes = self.frame["lieu_code_insee"].to_list()
        self.method = [None] * self.frame.height

    def given(self) -> Rows:
        return np.flatnonzero(~np.isnan(self.longitude))

    def tell(self, rows: Rows, rule: str, reason: str, severity: Severity = "avertissement") -> None:
        for i in rows:
            self.issues.add(
                record=self.ids[i],
                column="longitude, latitude",
                value=f"{self.longitude[i]}, {self.latitude[i]}",
                rule=rule,
                reason=reason,
                severity=severity,
            )

    def refuse(self, rows: Rows, rule: str, reason: str) -> None:
        self.tell(rows, rule, reason)
        self.longitude[rows] = np.nan
        self.latitude[rows] = np.nan

    def mend(self, rows: Rows, x: Floats, y: Floats, method: str, rule: str, reason: str) -> None:
        self.tell(rows, rule, reason, "info")
        self.longitude[rows], self.latitude[rows] = x, y
        for i in rows:
            self.method[i] = method

    def keep_apart(self, rows: Rows, rule: str, reason: str) -> None:
        """Not the counter's position, but that of its commune: kept as approximate."""
        for i in rows:
            self.approximate[int(i)] = (float(self.longitude[i]), float(self.latitude[i]))
        self.refuse(rows, rule, reason)


def believe_positions(frame: pl.DataFrame, gazetteer: Gazetteer, issues: IssueLog) -> pl.DataFrame:
    """Add the believed position of each record, and what is said of it.

    Args:
        frame: records with `lieu_code_insee` (see `find_communes`).

    Returns:
        The frame with `lieu_code_departement` and
        - `lieu_longitude`, `lieu_latitude`: null when not believed;
        - `position_methode`: `source`, `source, hors de la commune`, `axes inversés corrigés`, `projection corrigée`,
          null without position;
        - `geocodage_methode`: `source`, `source, à la voie`, `centre de la commune`, null;
        - `geocodage_longitude`, `geocodage_latitude`: the approximate position of `centre de la commune`, else null;
        - `geocodage_score`, `geocodage_date`: null, they speak of geocoding;
        - `cle_adresse`: the canonical address (see `assets.referentiel.geocode.address`).
    """
    points = _Points(frame, issues)
    _refuse_non_positions(points)
    _read_metres_as_degrees(points, gazetteer)
    _hold_in_commune(points, gazetteer)
    street_level = _heed_feed(points)
    addresses = _addresses(frame)
    _refuse_shared_points(points, addresses, gazetteer)
    known = ~np.isnan(points.longitude)
    method = [(m or SOURCE) if known[i] else None for i, m in enumerate(points.method)]
    coded = [
        (SOURCE + ", à la voie" if i in street_level else SOURCE)
        if known[i]
        else CENTRE
        if i in points.approximate
        else None
        for i in range(frame.height)
    ]
    nowhere = (None, None)
    return frame.with_columns(
        pl.Series("lieu_longitude", points.longitude).fill_nan(None),
        pl.Series("lieu_latitude", points.latitude).fill_nan(None),
        pl.Series("position_methode", method, dtype=pl.String),
        pl.Series("geocodage_methode", coded, dtype=pl.String),
        *(
            pl.Series(name, [points.approximate.get(i, nowhere)[axis] for i in range(frame.height)], dtype=pl.Float64)
            for axis, name in enumerate(("geocodage_longitude", "geocodage_latitude"))
        ),
        pl.lit(None, dtype=pl.Float64).alias("geocodage_score"),
        pl.lit(None, dtype=pl.Date).alias("geocodage_date"),
        pl.Series("cle_adresse", [str(a) if a else None for a in addresses], dtype=pl.String),
        departement_of_commune(pl.col("lieu_code_insee")).alias("lieu_code_departement"),
    )


def _refuse_non_positions(points: _Points) -> None:
    x, y = points.longitude, points.latitude
    half = np.flatnonzero(np.isnan(x) != np.isnan(y))
    points.refuse(half, "coordonnee-seule", "Une seule des deux coordonnées est donnée : position écartée.")
    zero = np.flatnonzero((x == 0) & (y == 0))
    points.refuse(zero, "coordonnees-nulles", "Coordonnées 0, 0 : c’est une absence de position, écartée.")
    same = np.flatnonzero(x == y)
    points.refuse(same, "latitude-egale-longitude", "La latitude est recopiée dans la longitude : position écartée.")


def _read_metres_as_degrees(points: _Points, gazetteer: Gazetteer) -> None:
    """Coordinates no degree can reach: the metres of a projected system, if they fall in the record's commune."""
    for i in np.flatnonzero((np.abs(points.longitude) > 360) & (np.abs(points.latitude) > 360)):
        commune = points.communes[i]
        legal = epsg_of_departement(departement_of(commune)) if commune else MAINLAND
        for epsg in (*([legal] if legal else []), *_OTHER_SYSTEMS):
            for x, y in ((points.longitude[i], points.latitude[i]), (points.latitude[i], points.longitude[i])):
                longitude, latitude = unproject(np.array([x]), np.array([y]), epsg)
                if not commune or not np.isfinite(longitude[0]):
                    continue
                if gazetteer.metres_outside([commune], longitude, latitude)[0] <= TOLERANCE_M:
                    points.mend(
                        np.array([i]),
                        longitude,
                        latitude,
                        "projection corrigée",
                        "coordonnees-projetees",
                        f"Mètres (EPSG:{epsg}) donnés comme des degrés : convertis, le point tombe dans sa commune.",
                    )
                    break
            else:
                continue
            break
    x, y = points.longitude, points.latitude
    # Swapped axes are judged with the commune: 48 and 2 the wrong way round are still inside the box or its mirror.
    outside = ~_in_box(x, y) & ~_in_box(y, x)
    points.refuse(
        np.flatnonzero(outside & ~np.isnan(x)), "hors-territoire", "Coordonnées hors de France : position écartée."
    )


def _in_box(x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    return (x >= _LONGITUDE[0]) & (x <= _LONGITUDE[1]) & (y >= _LATITUDE[0]) & (y <= _LATITUDE[1])


def _hold_in_commune(points: _Points, gazetteer: Gazetteer) -> None:
    x, y, communes = points.longitude, points.latitude, points.communes
    judged = np.array([i for i in points.given() if communes[i] is not None], dtype=np.int64)
    outside = np.full(len(x), np.nan)
    outside[judged] = gazetteer.metres_outside([communes[i] for i in judged], x[judged], y[judged])
    far = judged[outside[judged] > TOLERANCE_M]
    swapped = gazetteer.metres_outside([communes[i] for i in far], y[far], x[far])
    mended = far[swapped <= TOLERANCE_M]
    points.mend(
        mended,
        y[mended],
        x[mended],
        "axes inversés corrigés",
        "axes-inverses",
        "Longitude et latitude inversées : remises dans l’ordre, le point tombe dans sa commune.",
    )
    outside[mended] = 0.0
    # A commune without an outline cannot hold its points, but a point inside another commune is not in it.
    blind = judged[np.isnan(outside[judged])]
    elsewhere = gazetteer.commune_at(x[blind], y[blind])
    outside[blind] = [0.0 if code is None else np.inf for code in elsewhere]
    limit = np.where(points.frame["mairie"].to_numpy(), TOLERANCE_M, NEXT_COMMUNE_M)
    far = judged[outside[judged] > limit[judged]]
    doubtful = judged[(outside[judged] > TOLERANCE_M) & (outside[judged] <= limit[judged])]
    points.tell(
        doubtful,
        "commune-voisine",
        "Le point est dans une commune voisine de celle annoncée : position gardée, à vérifier.",
    )
    for i in doubtful:
        points.method[i] = f"{SOURCE}, hors de la commune"
    points.refuse(
        far,
        "hors-commune",
        f"Le point est trop loin de la commune annoncée (plus de {TOLERANCE_M / 1000:.0f} km pour une mairie, "
        f"{NEXT_COMMUNE_M / 1000:.0f} km sinon) : position écartée.",
    )
    left = points.given()
    points.refuse(left[~_in_box(x[left], y[left])], "hors-territoire", "Coordonnées hors de France : position écartée.")


def _heed_feed(points: _Points) -> set[int]:
    """Keep apart what the feed itself says is only its commune's position; return the rows it places in a street."""
    source = points.issues.source
    words = points.frame["precision_geo"].to_list()
    worth = {word: worth_of(source, word) for word in set(words) - {None}}
    given = points.given()
    points.keep_apart(
        np.array([i for i in given if worth.get(words[i]) == "commune"], dtype=np.int64),
        "position-a-la-commune",
        "La source dit elle-même que ce point n’est que celui de la commune : ce n’est pas la position du guichet.",
    )
    for word in sorted(word for word, known in worth.items() if known is None):
        points.issues.add(
            record="*",
            column="precision_geo",
            value=word,
            rule="precision-inconnue",
            reason="Mot de la source sur la qualité de ses positions que rien n’explique : les positions sont crues.",
            severity="info",
        )
    return {int(i) for i in points.given() if worth.get(words[i]) == "voie"}


def _addresses(frame: pl.DataFrame) -> list[Address | None]:
    pairs = frame.select("adresse", "complement").rows()
    known = {pair: address_of(*pair) for pair in set(pairs)}
    return [known[pair] for pair in pairs]


def _refuse_shared_points(points: _Points, addresses: list[Address | None], gazetteer: Gazetteer) -> None:
    """A very same point given to several streets of a commune is its geocoder's last resort."""
    given = points.given()
    frame = points.frame[given].select("lieu_code_insee")
    found = [addresses[i] for i in given]
    judged = (
        frame.select(
            "lieu_code_insee",
            # Buildings, districts and letter boxes do not count, and two streets that end alike count once: the same
            # site is named in many ways (`131 faubourg Bannier`, `131 rue du Faubourg-Bannier`).
            pl.Series("_rue", [a.street.split()[-1] if a and a.is_street else None for a in found], dtype=pl.String),
            pl.Series("_ligne", given),
            pl.Series("_x", points.longitude[given]),
            pl.Series("_y", points.latitude[given]),
        )
        .with_columns(pl.col("_rue").drop_nulls().n_unique().over("lieu_code_insee", "_x", "_y").alias("_rues"))
        .filter((pl.col("_rues") >= SHARED_AT_CENTRE) & pl.col("lieu_code_insee").is_not_null())
    )
    if judged.is_empty():
        return
    x, y = judged["_x"].to_numpy(), judged["_y"].to_numpy()
    centre = gazetteer.metres_from_centre(judged["lieu_code_insee"].to_list(), x, y) <= CENTRE_M
    shared = centre | (judged["_rues"].to_numpy() >= SHARED_BY_STREETS)
    points.keep_apart(
        judged["_ligne"].to_numpy()[shared],
        "point-partage",
        "Le même point est donné à plusieurs rues de la commune : ce n’est pas la position du guichet.",
    )
