"""Small tables with every type and the values that break writers."""

from datetime import date

import polars as pl
import pytest
import shapely

from quality.contract import Contract

POINTS = Contract.model_validate(
    {
        "table": "referentiel__guichets",
        "title": "Guichets d'été",
        "description": "Où l'on est reçu.",
        "key": ["id"],
        "geometry": {"type": "Point"},
        "columns": [
            {"name": "id", "type": "texte", "title": "Identifiant", "description": "Stable."},
            {"name": "nom", "type": "texte", "title": "Nom", "description": "Nom donné."},
            {
                "name": "classe",
                "type": "texte",
                "title": "Classe d'ouverture",
                "description": "Volume.",
                "values": ["Moins de 10h", "Plus de 24h"],
            },
            {"name": "code_insee", "type": "texte", "title": "Code commune", "description": "Code Insee."},
            {"name": "agents", "type": "entier", "title": "Agents", "description": "Nombre.", "unit": "personnes"},
            {"name": "heures", "type": "reel", "title": "Heures", "description": "Par semaine.", "unit": "h"},
            {"name": "rdv", "type": "booleen", "title": "Sur rendez-vous", "description": "Oui ou non."},
            {"name": "date_maj", "type": "date", "title": "Mise à jour", "description": "Date."},
            {"name": "sources", "type": "liste_texte", "title": "Sources", "description": "Qui le dit."},
            {"name": "geometrie", "type": "geometrie", "title": "Position", "description": "Point WGS84."},
        ],
    }
)
POLYGONS = Contract.model_validate(
    {
        "table": "territories__communes",
        "title": "Communes",
        "description": "Contours.",
        "key": ["code"],
        "geometry": {"type": "MultiPolygon"},
        "columns": [
            {"name": "code", "type": "texte", "title": "Code", "description": "Code Insee."},
            {"name": "geometrie", "type": "geometrie", "title": "Contour", "description": "WGS84."},
        ],
    }
)
PLAIN = Contract.model_validate(
    {
        "table": "access__distances",
        "title": "Distances",
        "description": "Sans géométrie.",
        "key": ["code", "typologie"],
        "columns": [
            {"name": "code", "type": "texte", "title": "Code", "description": "Code Insee."},
            {"name": "typologie", "type": "texte", "title": "Typologie", "description": "Type de service."},
            {"name": "distance_m", "type": "reel", "title": "Distance", "description": "À vol d'oiseau.", "unit": "m"},
        ],
    }
)


def wkb(*texts: str | None) -> pl.Series:
    return pl.Series([None if t is None else shapely.to_wkb(shapely.from_wkt(t)) for t in texts], dtype=pl.Binary)


def points_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": ["G3", "G1", "G2", "G4"],
            "nom": ["=cmd|'/c calc'!A1", "Mairie de L'Île-d'Yeu, \"annexe\"", "deux\r\nlignes, été", None],
            "classe": ["Moins de 10h", None, "Plus de 24h", None],
            "code_insee": ["01004", "2A004", "05023", "97105"],
            "agents": [-1, 0, None, 9_007_199_254_740_993],
            "heures": [-2.5, 0.1 + 0.2, None, 1e-7],
            "rdv": [True, False, None, True],
            "date_maj": [date(2026, 1, 31), None, date(1999, 12, 31), date(2026, 2, 28)],
            "sources": [["dila", "caf"], [], None, ["ccas_05"]],
            "geometrie": wkb("POINT (6.64 44.9)", "POINT (-2.35 46.72)", None, "POINT (-61.5 16.2)"),
        }
    )


def polygons_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "code": ["05023", "05065"],
            "geometrie": wkb(
                "POLYGON ((6 44, 6 45, 7 45, 7 44, 6 44))",  # clockwise, single
                "MULTIPOLYGON (((8 44, 9 44, 9 45, 8 44)), ((10 44, 11 44, 11 45, 10 44)))",
            ),
        }
    )


def plain_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "code": ["05023", "05023", "01004"],
            "typologie": ["Mairie", "Caf", "Mairie"],
            "distance_m": [-0.0, 1234.5, None],
        }
    )


@pytest.fixture
def points() -> tuple[Contract, pl.DataFrame]:
    return POINTS, points_frame()


@pytest.fixture
def polygons() -> tuple[Contract, pl.DataFrame]:
    return POLYGONS, polygons_frame()


@pytest.fixture
def plain() -> tuple[Contract, pl.DataFrame]:
    return PLAIN, plain_frame()


@pytest.fixture
def layers(points, polygons, plain) -> list[tuple[Contract, pl.DataFrame]]:
    return [points, polygons, plain]


@pytest.fixture
def to_wkb():
    """Texts of geometries -> a binary series."""
    return wkb
