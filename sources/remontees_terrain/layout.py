"""The verification workbook as its writer and its reader both know it: sheets, headings, fields, fingerprint of a row.

Writing the workbook belongs to `assets.referentiel.terrain`, reading it to `read`.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from pipeline.foundations.text import clean
from sources.cells import encodable

SOURCE = "remontees_terrain"
#: Changes when an older workbook can no longer be read.
FORMAT = "1"
GUIDE, POINTS, MARK = "Lisez-moi", "Points d'accueil", "_csp"

#: Labels of the cells to fill in the guide sheet (column A; what is typed is in column B).
ORGANISATION, DAY = "Organisation qui vérifie", "Date de la vérification (JJ/MM/AAAA)"
#: Keys of the hidden sheet `MARK` (column A; values in column B).
MARK_FORMAT, MARK_DEPARTEMENT, MARK_VERSION, MARK_DAY = "format", "departement", "version", "date"

ID, FINGERPRINT, COMMENT = "Identifiant", "Empreinte", "Commentaire (jamais publié)"
#: Typed to say that there is no longer any value: an empty cell says that there is nothing to correct.
CLEAR = "(aucun)"
YES, NO = "oui", "non"


class Field(NamedTuple):
    """One correctable field: `titre` heads its two columns, `valeurs` is its drop-down list."""

    champ: str
    titre: str
    longueur: int = 300
    valeurs: tuple[str, ...] = ()
    effacable: bool = False

    @property
    def actuel(self) -> str:
        """Heading of the published value."""
        return f"{self.titre} — actuel"

    @property
    def corrige(self) -> str:
        """Heading of the cell to fill."""
        return f"{self.titre} — CORRIGÉ"


STRUCTURES = ("Implantation", "Permanence", "Itinérance")
MODALITES = ("Avec rendez-vous", "Sans rendez-vous", "Avec et sans rendez-vous")

#: Typed in two cells, corrected as one: half a position is not one.
LONGITUDE = Field("longitude", "Longitude", 20)
LATITUDE = Field("latitude", "Latitude", 20)
FIELDS = (
    Field("nom", "Nom", 200),
    Field("horaires", "Horaires", 1500, effacable=True),
    Field("adresse", "Adresse", 300, effacable=True),
    Field("telephone", "Téléphone", 30, effacable=True),
    Field("site_web", "Site web", 300, effacable=True),
    Field("modalite", "Modalité d'accueil", valeurs=MODALITES, effacable=True),
    Field("type_structure", "Type de point d'accueil", valeurs=STRUCTURES),
)
POSITION = "position"
#: What is said of the whole counter. Their `exporte` is the fingerprint of the row.
CLOSED, CHECKED = "ferme", "verifie"
CLOSED_TITLE, CHECKED_TITLE = "Fermé définitivement", "Vérifié, rien à changer"
#: Every column of current values, in the order of the fingerprint.
VALUES = (*(f.champ for f in FIELDS), LONGITUDE.champ, LATITUDE.champ)

#: What people in the field say, one row per corrected field, in the order of the workbooks and of their rows.
CORRECTION_SCHEMA = pl.Schema(
    {
        "point_accueil_id": pl.String(),
        "champ": pl.String(),  # a field of FIELDS, `position` ("longitude latitude"), `ferme` or `verifie`
        "exporte": pl.String(),  # value shown in the workbook, canonical; null when there was none
        "corrige": pl.String(),  # value typed; null says there is none any more
        "organisation": pl.String(),
        "date": pl.Date(),  # of the verification, as the organisation states it
        "classeur": pl.String(),  # the workbook's name in the snapshot
        "ligne": pl.Int64(),  # its row number, as spreadsheets count them
    }
)


def canonical(value: str | None) -> str | None:
    """A text as it is written in a cell and compared with one: clean spaces, placeholders null."""
    text = clean(value)
    return None if text is None else encodable(text)


def degrees(value: float | None) -> str | None:
    """A coordinate as text, to a tenth of a metre: what a spreadsheet cannot round."""
    return None if value is None else f"{value:.6f}"


def fingerprint(identifier: str, values: Sequence[str | None]) -> str:
    """16 hexadecimal digits of a counter's id and canonical values, in the order of `VALUES`."""
    text = "\x1f".join([identifier, *(value or "" for value in values)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
